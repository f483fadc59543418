#include "op_table.h"

#include "check.h"

namespace dmremap {

Op* OpTable::Acquire() {
  if (free_.empty()) {
    if (ops_.size() >= kMaxOps) return nullptr;
    Op* made = &ops_.emplace_back();
    made->index = static_cast<uint32_t>(ops_.size() - 1);
    free_.PushFront(made);
  }
  Op* op = free_.PopFront();
  DMR_CHECK(op->state == OpState::kFree);
  op->state = OpState::kWaiting;
  in_use_++;
  return op;
}

void OpTable::Release(Op* op) {
  DMR_CHECK(op->state != OpState::kFree && !op->cancel_owed && op->block.data == nullptr);
  const uint32_t index = op->index;
  const uint32_t generation = op->generation + 1;
  *op = Op{};
  op->index = index;
  op->generation = generation;
  free_.PushFront(op);
  in_use_--;
}

Op* OpTable::Redeem(uint64_t ticket) {
  const uint64_t index = ticket & (kCancelBit - 1);
  DMR_CHECK(index < ops_.size());
  Op* op = &ops_[index];
  DMR_CHECK(op->state != OpState::kFree && op->generation == static_cast<uint32_t>(ticket >> 32));
  return op;
}

}  // namespace dmremap
