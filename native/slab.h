// The only memory that the kernel ever sees (io-contract.md rule 1). Page-aligned, so good for every O_DIRECT
// target. A block goes back to the slab at its write's own completion and at nothing else; what is still in
// flight when the slab dies is neither unmapped nor recycled: a write on a kernel worker has not pinned its
// pages.
#ifndef DMREMAP_NATIVE_SLAB_H_
#define DMREMAP_NATIVE_SLAB_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace dmremap {

constexpr size_t kPageBytes = 4096;
constexpr size_t kSegmentPages = 256;
constexpr size_t kSegmentBytes = kSegmentPages * kPageBytes;
// 256 MiB: about 3,000 copies of 84 KiB queued. Beyond it a call is refused instead of eating the host.
constexpr size_t kMaxSegments = 256;
// What is registered of the first segment stays in memory as long as its ring, and RLIMIT_MEMLOCK counts it.
constexpr size_t kRegisteredBytes = 256 * 1024;

struct SlabBlock {
  uint8_t* data = nullptr;
  uint32_t pages = 0;
  uint32_t segment = 0;
};

class Slab {
 public:
  Slab() = default;
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Maps the first segment, so that a lack of memory shows at open. Throws std::bad_alloc.
  void Reserve();
  // At most kSegmentBytes. `data` is null when the slab is full; throws std::bad_alloc.
  SlabBlock Acquire(size_t bytes);
  void Release(const SlabBlock& block);
  size_t pages_in_use() const { return pages_in_use_; }
  // Once it is reserved it stays where it is: most of what is in flight at a time is in it.
  void* first_segment() const { return segments_[0]->base; }

 private:
  struct Segment {
    uint8_t* base = nullptr;
    uint32_t free_pages = 0;
    std::array<uint8_t, kSegmentPages> used{};
  };

  static void Map(std::unique_ptr<Segment>* segment);
  static int FindRun(const Segment& segment, uint32_t pages);

  std::array<std::unique_ptr<Segment>, kMaxSegments> segments_;  // Null where there never was one.
  size_t pages_in_use_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_SLAB_H_
