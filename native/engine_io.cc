// The engine's way to the kernel and back; what it is asked for is in engine.cc.
#include <cstring>

#include "check.h"
#include "engine.h"
#include "schedule.h"
#include "sys.h"

namespace dmremap {

void Engine::MarkDirty(Device* device) {
  if (device->dirty) return;
  device->dirty = true;
  dirty_.PushBack(device);
}

void Engine::Run() {
  gathered_ = 0;
  while (Device* device = dirty_.PopFront()) {
    device->dirty = false;
    Pump(device);
  }
  HandOver();
}

void Engine::HandOver() {
  const bool retry = !backend_->Submit() || short_of_room_;
  if ((!in_grace_.empty() || retry) && !uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_))) {
    uv_timer_start(&timer_, OnTimer, kGraceMs, 0);
  }
  UpdateReference();
}

// Hands over what may go, as long as there is room (schedule.h).
void Engine::Pump(Device* device) {
  Schedule schedule(*device);
  for (Op* op = device->queue.front(); op != nullptr && !schedule.done();) {
    Op* next = op->next;
    const Turn turn = schedule.Of(*op);
    if (turn == Turn::kRefused) {
      Request* request = op->request;
      const uint32_t step = op->step;
      device->queue.Remove(op);
      Discard(op);
      request->Answer(step, Outcome::kUntouched, kUnsettledError, 0);
      Advance(request);  // May settle the request, never touches the queue's other entries.
    } else if (turn == Turn::kGoes) {
      // One that has nothing in the kernel may always go: it must not starve behind devices that are stuck.
      const bool full = in_flight_ >= backend_->max_in_flight() && !device->in_kernel.empty();
      if (device->in_kernel.size() >= device->window || full) return;
      if (!backend_->Prepare({op->kind, device->place, op->block.data, op->length, op->offset, op->dsync,
                              op->force_async, OpTable::TicketOf(*op)})) {
        short_of_room_ = true;
        return;
      }
      device->queue.Remove(op);
      device->Enter(op);
      op->state = OpState::kInFlight;
      op->request->in_kernel++;
      in_flight_++;
    }
    op = next;
  }
}

void Engine::Reap() {
  completions_.clear();
  backend_->Reap(&completions_);
  // Own completions first: an answer to a cancel that says "not found" often means that the write has just
  // landed, and its completion, in the same batch, knows more than the answer does.
  for (const auto& [user_data, res] : completions_) {
    if ((user_data & kCancelBit) == 0) Complete(ops_.Redeem(user_data), res);
  }
  for (const auto& [user_data, res] : completions_) {
    if ((user_data & kCancelBit) != 0) CancelAnswered(ops_.Redeem(user_data & ~kCancelBit), res);
  }
  completions_.clear();
  Run();
}

void Engine::Complete(Op* op, int32_t res) {
  Request* request = op->request;
  Device* device = request->device.get();
  DMR_CHECK(op->state == OpState::kInFlight || op->state == OpState::kCanceling);
  device->Leave(op);
  request->in_kernel--;
  MarkDirty(device);
  if (in_flight_-- >= backend_->max_in_flight()) {
    for (auto& [id, other] : devices_) MarkDirty(other.get());  // Others may have waited for the room.
  }
  if (device->released && device->in_kernel.empty()) free_places_.push_back(device->place);

  // One that was tried before may have landed in part then: its withdrawal proves nothing.
  const bool withdrawn = op->state == OpState::kCanceling && op->retries == 0;
  const Verdict verdict = Classify(res, op->length, withdrawn);
  const bool wanted = op->state == OpState::kInFlight && !request->aborting && !device->released;
  if (verdict.retry && wanted && op->retries < kMaxRetries) {
    op->retries++;
    op->force_async = true;
    op->state = OpState::kQueued;
    device->queue.PushFront(op);
    return;
  }
  const bool read = op->kind == OpKind::kRead && verdict.outcome == Outcome::kDone;
  if (read && op->read_into != nullptr) std::memcpy(op->read_into, op->block.data, op->length);
  const uint32_t step = op->step;
  request->ops[step] = nullptr;
  ReleaseBlock(op);
  if (op->cancel_owed) {
    op->state = OpState::kLandedOwing;
    op->request = nullptr;
  } else {
    ops_.Release(op);
  }
  request->Answer(step, verdict.outcome, verdict.error, res > 0 ? static_cast<uint32_t>(res) : 0);
  if (!request->settled) return Advance(request);
  if (request->in_kernel == 0) QueueToTell(request);
}

// 0 says that the operation's own completion is on its way with -ECANCELED; anything else says nothing about
// the write (io spec 1.1), so the caller is told that it may still land.
void Engine::CancelAnswered(Op* op, int32_t res) {
  op->cancel_owed = false;
  if (op->state == OpState::kLandedOwing) return ops_.Release(op);
  if (res != 0) GiveUpFor(op);
}

void Engine::GiveUpFor(Op* op) {
  Request* request = op->request;
  if (request->results[op->step].answered) return;
  request->Answer(op->step, Outcome::kUnknown, 0, 0);
  Advance(request);
}

void Engine::OnPoll(uv_poll_t* handle, int, int) {
  auto* self = static_cast<Engine*>(handle->data);
  self->Reap();
  if (self->has_untold()) self->notify_(self->context_);
}

void Engine::OnTimer(uv_timer_t* handle) {
  auto* self = static_cast<Engine*>(handle->data);
  self->Reap();  // An answer that is there already beats a guess.
  const uint64_t now = uv_now(self->loop_);
  for (Request* request; (request = self->in_grace_.front()) != nullptr && request->grace_end_ms <= now;) {
    for (uint32_t step = request->group_begin(); step < request->group_end(); step++) {
      if (Op* op = request->ops[step]; op != nullptr) self->GiveUpFor(op);
    }
    DMR_CHECK(request->settled);  // And so it is in its grace no more.
  }
  self->short_of_room_ = false;
  for (auto& [id, device] : self->devices_) self->MarkDirty(device.get());
  self->Run();
  if (self->has_untold()) self->notify_(self->context_);
}

void Engine::OnPrepare(uv_prepare_t* handle) {
  auto* self = static_cast<Engine*>(handle->data);
  uv_prepare_stop(handle);
  self->Run();
  if (self->has_untold()) self->notify_(self->context_);
}

// For an operation that the kernel does not have.
void Engine::Discard(Op* op) {
  op->request->ops[op->step] = nullptr;
  ReleaseBlock(op);
  ops_.Release(op);
}

void Engine::ReleaseBlock(Op* op) {
  if (op->block.data != nullptr) slab_.Release(op->block);
  op->block = SlabBlock{};
}

void Engine::UpdateReference() {
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
  active_ > 0 ? uv_ref(handle) : uv_unref(handle);
}

}  // namespace dmremap
