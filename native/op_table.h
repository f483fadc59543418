// Operations by index, with generations. A ticket travels through the kernel, not a pointer: a completion for
// an entry that was reused fails a CHECK instead of writing into someone else's operation.
//
//   state        entered by              buffer owner   left by
//   kWaiting     Acquire()               loop thread    its group's turn, or an abort
//   kQueued      Engine::Enqueue()       loop thread    room in the window, or an abort
//   kInFlight    Backend::Prepare()      KERNEL         its own CQE
//   kCanceling   cancel SQE prepared     KERNEL         its own CQE, never the cancel's
//   kLandedOwing its own CQE, with a     loop thread    the cancel's CQE
//                cancel's CQE owed
#ifndef DMREMAP_NATIVE_OP_TABLE_H_
#define DMREMAP_NATIVE_OP_TABLE_H_

#include <cstdint>
#include <deque>

#include "list.h"
#include "slab.h"

namespace dmremap {

struct Device;
struct Request;

enum class OpKind : uint8_t { kRead = 0, kWrite = 1, kFlush = 2 };
enum class OpState : uint8_t { kFree, kWaiting, kQueued, kInFlight, kCanceling, kLandedOwing };

struct Op {
  OpState state = OpState::kFree;
  OpKind kind = OpKind::kRead;
  bool dsync = false;
  bool force_async = false;
  bool cancel_owed = false;  // A cancel was prepared and its completion has not come.
  uint8_t retries = 0;
  uint32_t index = 0;
  uint32_t generation = 0;
  uint32_t step = 0;  // Its place in the request.
  uint32_t length = 0;
  uint64_t offset = 0;
  SlabBlock block{};
  uint8_t* read_into =
      nullptr;  // JavaScript's memory; only touched on the loop thread, never after the settlement.
  Request* request = nullptr;
  Op* previous = nullptr;  // In its device's queue, or among what that has in the kernel.
  Op* next = nullptr;

  bool Overlaps(const Op& other) const {
    return offset < other.offset + other.length && other.offset < offset + length;
  }
};

// user_data of a completion: generation, a bit that tells a cancel's completion from the operation's own,
// index.
constexpr uint64_t kCancelBit = 1ull << 31;
constexpr uint32_t kMaxOps = 1u << 20;

class OpTable {
 public:
  // Null when kMaxOps are in use; throws std::bad_alloc. The pointer stays good until Release().
  Op* Acquire();
  void Release(Op* op);
  uint32_t in_use() const { return in_use_; }

  static uint64_t TicketOf(const Op& op) { return static_cast<uint64_t>(op.generation) << 32 | op.index; }
  Op* Redeem(uint64_t ticket);

 private:
  std::deque<Op> ops_;  // Grows at the end only, so addresses stay.
  List<Op> free_;
  uint32_t in_use_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_OP_TABLE_H_
