// Which parts of a device operations are on, roughly: how many are on each 4 KiB, counted by the number of
// that block within 1024. Says "maybe" where another block of that number is touched, so that a look at each
// of them is left for when there may be one to find.
#ifndef DMREMAP_NATIVE_TOUCHED_H_
#define DMREMAP_NATIVE_TOUCHED_H_

#include <array>
#include <cstdint>

#include "op_table.h"

namespace dmremap {

class Touched {
 public:
  void Add(const Op& op) {
    ForEachBlock(op, [](uint16_t& count) { count++; });
  }
  void Remove(const Op& op) {
    ForEachBlock(op, [](uint16_t& count) { count--; });
  }
  bool Maybe(const Op& op) {
    bool touched = false;
    ForEachBlock(op, [&](uint16_t& count) { touched = touched || count > 0; });
    return touched;
  }

 private:
  static constexpr uint64_t kBlockBytes = 4096;
  static constexpr size_t kBlocks = 1024;
  // An operation counts at most once at each number, and so many can be in flight.
  static_assert(kSegmentBytes / kBlockBytes + 1 <= kBlocks, "an operation would count twice");

  template <typename Visit>
  void ForEachBlock(const Op& op, Visit visit) {
    if (op.length == 0) return;
    const uint64_t last = (op.offset + op.length - 1) / kBlockBytes;
    for (uint64_t block = op.offset / kBlockBytes; block <= last; block++) visit(counts_[block % kBlocks]);
  }

  std::array<uint16_t, kBlocks> counts_{};
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_TOUCHED_H_
