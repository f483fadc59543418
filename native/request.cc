#include "request.h"

namespace dmremap {

void OpQueue::PushBack(Op* op) {
  op->previous = tail_;
  op->next = nullptr;
  (tail_ != nullptr ? tail_->next : head_) = op;
  tail_ = op;
}

void OpQueue::PushFront(Op* op) {
  op->previous = nullptr;
  op->next = head_;
  (head_ != nullptr ? head_->previous : tail_) = op;
  head_ = op;
}

void OpQueue::Remove(Op* op) {
  (op->previous != nullptr ? op->previous->next : head_) = op->next;
  (op->next != nullptr ? op->next->previous : tail_) = op->previous;
  op->previous = op->next = nullptr;
}

bool Request::GroupSucceeded() const {
  for (uint32_t step = group_begin(); step < group_end(); step++) {
    if (results[step].outcome != Outcome::kDone) return false;
  }
  return true;
}

}  // namespace dmremap
