#include "slab.h"

#include <cstring>
#include <new>

#include "check.h"
#include "sys.h"

namespace dmremap {

Slab::~Slab() {
  // A write that waits on a frozen file system has not pinned its pages: it reads the address when it goes
  // on. Measured: unmapped, and mapped again for somebody else, that memory lands on the disk. So what is in
  // use stays, for good. Its segment keeps its addresses, for a process may have only so many mappings, and
  // gives back the memory of every other page.
  for (const std::unique_ptr<Segment>& segment : segments_) {
    if (segment == nullptr || segment->base == nullptr) continue;
    if (segment->free_pages == kSegmentPages) {
      sys::munmap(segment->base, kSegmentBytes);
      continue;
    }
    for (size_t page = 0; page < kSegmentPages; page++) {
      if (segment->used[page] == 0)
        sys::madvise(segment->base + page * kPageBytes, kPageBytes, MADV_DONTNEED);
    }
  }
}

void Slab::Reserve() { Map(&segments_[0]); }

// Where it is not mapped.
void Slab::Map(std::unique_ptr<Segment>* place) {
  if (*place == nullptr) *place = std::make_unique<Segment>();
  Segment* segment = place->get();
  if (segment->base != nullptr) return;
  void* base = sys::mmap(kSegmentBytes);
  if (base == nullptr) throw std::bad_alloc();
  // A child made by fork() must not share pages that a device may still be reading from.
  if (sys::madvise(base, kSegmentBytes, MADV_DONTFORK) != 0) {
    sys::munmap(base, kSegmentBytes);
    throw std::bad_alloc();
  }
  segment->base = static_cast<uint8_t*>(base);
  segment->free_pages = kSegmentPages;
}

int Slab::FindRun(const Segment& segment, uint32_t pages) {
  uint32_t run = 0;
  for (uint32_t at = 0; at < kSegmentPages; at++) {
    run = segment.used[at] ? 0 : run + 1;
    if (run == pages) return static_cast<int>(at + 1 - pages);
  }
  return -1;
}

SlabBlock Slab::Acquire(size_t bytes) {
  DMR_CHECK(bytes > 0 && bytes <= kSegmentBytes);
  const uint32_t pages = static_cast<uint32_t>((bytes + kPageBytes - 1) / kPageBytes);
  for (uint32_t index = 0; index < kMaxSegments; index++) {
    Map(&segments_[index]);
    Segment& segment = *segments_[index];
    if (segment.free_pages < pages) continue;
    const int first = FindRun(segment, pages);
    if (first < 0) continue;
    std::memset(&segment.used[first], 1, pages);
    segment.free_pages -= pages;
    pages_in_use_ += pages;
    return {segment.base + static_cast<size_t>(first) * kPageBytes, pages, index};
  }
  return {};
}

void Slab::Release(const SlabBlock& block) {
  Segment& segment = *segments_[block.segment];
  const size_t first = static_cast<size_t>(block.data - segment.base) / kPageBytes;
  DMR_CHECK(segment.base != nullptr && first + block.pages <= kSegmentPages);
  for (size_t at = first; at < first + block.pages; at++) {
    DMR_CHECK(segment.used[at]);
    segment.used[at] = 0;
  }
  segment.free_pages += block.pages;
  pages_in_use_ -= block.pages;
  // A burst must not keep its memory for ever: only the first segment stays, and one that the kernel will not
  // split off from its neighbours (munmap(2), ENOMEM).
  if (block.segment != 0 && segment.free_pages == kSegmentPages) {
    if (sys::munmap(segment.base, kSegmentBytes) == 0) segment.base = nullptr;
  }
}

}  // namespace dmremap
