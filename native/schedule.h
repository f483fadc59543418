// Whose turn it is in a device's queue. Pure. Operations on one range keep the order of their calls: one that
// overlaps an earlier one waits for it, unless both only read. A write over a range where an aborted write
// may still land is refused (io-contract.md rule 6).
#ifndef DMREMAP_NATIVE_SCHEDULE_H_
#define DMREMAP_NATIVE_SCHEDULE_H_

#include <array>

#include "op_table.h"
#include "request.h"

namespace dmremap {

// A queue scan passes over this many operations that wait for an overlapping one, then stops.
constexpr size_t kMaxPassedOver = 64;

enum class Turn : uint8_t { kGoes, kWaits, kRefused };

// One scan of a device's queue, from its front.
class Schedule {
 public:
  explicit Schedule(Device& device) : device_(device) {}

  bool done() const { return passed_ == kMaxPassedOver; }

  Turn Of(const Op& op) {
    bool waits = false;
    const Op* first = device_.touched.Maybe(op) ? device_.in_kernel.front() : nullptr;
    for (const Op* other = first; other != nullptr; other = other->next) {
      if (!Conflict(op, *other)) continue;
      if (!other->request->settled) {
        waits = true;
      } else if (op.kind == OpKind::kWrite && other->kind == OpKind::kWrite) {
        return Turn::kRefused;  // A read that was given up only fills memory that nobody looks at.
      }
    }
    for (size_t i = 0; i < passed_ && !waits; i++) waits = Conflict(op, *passed_over_[i]);
    if (!waits) return Turn::kGoes;
    passed_over_[passed_++] = &op;
    return Turn::kWaits;
  }

 private:
  static bool Conflict(const Op& a, const Op& b) {
    return a.Overlaps(b) && (a.kind == OpKind::kWrite || b.kind == OpKind::kWrite);
  }

  Device& device_;
  std::array<const Op*, kMaxPassedOver> passed_over_;
  size_t passed_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_SCHEDULE_H_
