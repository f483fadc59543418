#include "engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "check.h"
#include "sys.h"

namespace dmremap {

Engine::Engine(uv_loop_t* loop, std::unique_ptr<Backend> backend, Notify notify, void* context)
    : loop_(loop), notify_(notify), context_(context), backend_(std::move(backend)) {}

Engine::~Engine() {
  DMR_CHECK(open_handles_ == 0);
  // What the kernel was never given, and what it has done and nobody has heard of yet, must not keep memory
  // as what it still has does: see ~Slab().
  std::vector<Completion> completions;
  if (started_) {
    backend_->Reap(&completions);
    backend_->TakeBack(&completions);
  }
  for (const Completion& completion : completions) {
    if ((completion.user_data & kCancelBit) == 0) ReleaseBlock(ops_.Redeem(completion.user_data));
  }
  for (auto& [id, request] : requests_) {
    for (Op* op : request->ops) {
      if (op != nullptr && (op->state == OpState::kWaiting || op->state == OpState::kQueued))
        ReleaseBlock(op);
    }
  }
}

int Engine::Start(const char** step) {
  *step = "mmap";
  if (!slab_.Reserve()) return ENOMEM;
  if (const int error = backend_->Open(step); error != 0) return error;
  started_ = true;
  for (uint32_t place = backend_->file_places(); place > 0; place--) free_places_.push_back(place - 1);
  *step = "uv_poll_init";
  if (const int error = sys::uv_poll_init(loop_, &poll_, backend_->fd()); error != 0) return -error;
  uv_timer_init(loop_, &timer_);
  open_handles_ = 2;
  poll_.data = timer_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&timer_));
  uv_poll_start(&poll_, UV_READABLE, OnPoll);
  UpdateReference();
  return 0;
}

void Engine::Stop(void (*done)(void*), void* context) {
  DMR_CHECK(!stopping_);
  stopping_ = true;
  stopped_ = done;
  stopped_context_ = context;
  if (open_handles_ == 0) return done(context);
  uv_poll_stop(&poll_);
  uv_timer_stop(&timer_);
  // The ring is closed after the handles, when the engine is deleted: libuv wants the descriptor to be there
  // until then, and closing a ring inside one of its own callbacks is a use after free.
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnClosed);
}

void Engine::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<Engine*>(handle->data);
  if (--self->open_handles_ == 0) self->stopped_(self->stopped_context_);
}

// --- Devices
// ---------------------------------------------------------------------------------------------------

int Engine::AddDevice(uint32_t id, int fd, bool async) {
  if (free_places_.empty()) return EMFILE;
  auto device = std::make_shared<Device>();
  device->id = id;
  device->fd = fd;
  device->place = free_places_.back();
  device->async = async;
  if (const int error = backend_->InstallFile(device->place, fd); error != 0) return error;
  free_places_.pop_back();
  devices_[id] = device;
  return 0;
}

std::shared_ptr<Device> Engine::FindDevice(uint32_t id) const {
  const auto found = devices_.find(id);
  return found == devices_.end() ? nullptr : found->second;
}

bool Engine::ReleaseDevice(uint32_t id, std::vector<int>* descriptors) {
  const auto found = devices_.find(id);
  DMR_CHECK(found != devices_.end());
  Device* device = found->second.get();
  if (device->queue.front() != nullptr || !backend_->Submit()) return false;
  descriptors->push_back(device->fd);
  device->fd = -1;
  // What has its file already keeps it; what has not gets EBADF, never another's.
  const int own = backend_->RemoveFile(device->place, device->in_kernel.empty());
  if (own >= 0) descriptors->push_back(own);
  if (device->in_kernel.empty()) FreePlace(device);
  devices_.erase(found);  // Requests in flight keep the device itself.
  return true;
}

void Engine::FreePlace(Device* device) { free_places_.push_back(device->place); }

std::vector<int> Engine::TakeDescriptors() {
  std::vector<int> descriptors;
  // The backend's own table keeps the files until it has gone, and so what is in flight keeps its fence.
  for (auto& [id, device] : devices_) {
    if (device->fd >= 0) descriptors.push_back(device->fd);
    device->fd = -1;
  }
  return descriptors;
}

// --- Requests
// --------------------------------------------------------------------------------------------------

bool Engine::Submit(uint32_t id, const std::shared_ptr<Device>& device, const std::vector<StepSpec>& steps,
                    const std::vector<uint32_t>& group_ends, bool dsync) {
  DMR_CHECK(!stopping_ && requests_.count(id) == 0);
  auto request = std::make_unique<Request>();
  request->id = id;
  request->device = device;
  request->group_ends = group_ends;
  request->results.resize(steps.size());
  for (const StepSpec& step : steps) {
    Op* op = ops_.Acquire();
    if (op != nullptr && step.length > 0) {
      op->block = slab_.Acquire(step.length);
      if (op->block.data == nullptr) {
        ops_.Release(op);
        op = nullptr;
      }
    }
    if (op == nullptr) {
      for (Op* made : request->ops) Discard(made);
      return false;
    }
    op->kind = step.kind;
    op->dsync = dsync;
    op->force_async = device->async;
    op->step = static_cast<uint32_t>(request->ops.size());
    op->offset = step.offset;
    op->length = step.length;
    op->read_into = step.read_into;
    op->request = request.get();
    if (step.kind == OpKind::kWrite) std::memcpy(op->block.data, step.write_from, step.length);
    request->ops.push_back(op);
  }
  Request* started = request.get();
  requests_[id] = std::move(request);
  active_++;
  Enqueue(started);
  Run();
  return true;
}

void Engine::Enqueue(Request* request) {
  request->unanswered = request->group_end() - request->group_begin();
  for (uint32_t step = request->group_begin(); step < request->group_end(); step++) {
    Op* op = request->ops[step];
    op->state = OpState::kQueued;
    request->device->queue.PushBack(op);
  }
  MarkDirty(request->device);
}

void Engine::Abort(uint32_t id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  Request* request = found->second.get();
  if (request->settled || request->aborting) return;
  request->aborting = true;
  for (uint32_t step = request->group_begin(); step < request->group_end(); step++) {
    Op* op = request->ops[step];
    if (op == nullptr) continue;
    if (op->state == OpState::kQueued) {
      request->device->queue.Remove(op);
      Discard(op);
      Answer(request, step, Outcome::kUntouched, ECANCELED, 0);
    } else if (op->state == OpState::kInFlight) {
      // Where the queue to the kernel is full, the grace below answers instead.
      if (backend_->PrepareCancel(OpTable::TicketOf(*op), OpTable::TicketOf(*op) | kCancelBit)) {
        op->state = OpState::kCanceling;
        op->cancel_owed = true;
      }
    }
  }
  MarkDirty(request->device);
  if (request->unanswered > 0) {
    uv_update_time(loop_);
    request->grace_end_ms = uv_now(loop_) + kGraceMs;
    aborting_.push_back(id);
  }
  Advance(request);
  Run();
}

void Engine::Hold(bool hold) {
  if (!hold && holds_ == 0) return;
  holds_ += hold ? 1 : -1;
  UpdateReference();
}

void Engine::Answer(Request* request, uint32_t step, Outcome outcome, int error, uint32_t transferred) {
  StepResult& result = request->results[step];
  result.outcome = outcome;
  result.error = error;
  result.transferred = transferred;
  if (!result.answered) {
    result.answered = true;
    request->unanswered--;
  }
}

// The next group, or the settlement, once every step of this one has an answer.
void Engine::Advance(Request* request) {
  if (request->settled || request->unanswered > 0) return;
  const bool last = request->group + 1 == request->group_ends.size();
  if (last || request->aborting || !request->GroupSucceeded()) return Settle(request);
  request->group++;
  Enqueue(request);
}

void Engine::Settle(Request* request) {
  request->settled = true;
  active_--;
  for (Op*& op : request->ops) {
    if (op == nullptr) continue;
    op->read_into = nullptr;
    if (op->state != OpState::kWaiting) continue;
    Discard(op);
    op = nullptr;
  }
  const bool drained = request->in_kernel == 0;
  events_.push_back(
      {request->id, drained ? Event::Kind::kSettled : Event::Kind::kSettledUndrained, request->results});
  // What queues behind a write that was given up must not start: Pump() refuses it.
  MarkDirty(request->device);
  if (drained) requests_.erase(request->id);
}

// --- To the kernel and back
// ------------------------------------------------------------------------------------

void Engine::MarkDirty(const std::shared_ptr<Device>& device) {
  if (device->dirty) return;
  device->dirty = true;
  dirty_.push_back(device);
}

void Engine::Run() {
  while (!dirty_.empty()) {
    const std::shared_ptr<Device> device = std::move(dirty_.front());
    dirty_.pop_front();
    device->dirty = false;
    Pump(device.get());
  }
  const bool retry = !backend_->Submit() || short_of_room_;
  if ((!aborting_.empty() || retry) && !uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_))) {
    uv_timer_start(&timer_, OnTimer, kGraceMs, 0);
  }
  UpdateReference();
}

// Operations on one range keep the order of their calls: one that overlaps an earlier one waits for it,
// unless both only read. A write over a range where an aborted write may still land is refused (io contract
// 6).
void Engine::Pump(Device* device) {
  const auto conflict = [](const Op& a, const Op& b) {
    return a.Overlaps(b) && (a.kind == OpKind::kWrite || b.kind == OpKind::kWrite);
  };
  Op* passed_over[kMaxPassedOver];
  int passed = 0;
  for (Op* op = device->queue.front(); op != nullptr && passed < kMaxPassedOver;) {
    Op* next = op->next;
    bool waits = false;
    bool refused = false;
    for (const Op* other : device->in_kernel) {
      if (!conflict(*op, *other)) continue;
      if (!other->request->settled) {
        waits = true;
      } else if (op->kind == OpKind::kWrite && other->kind == OpKind::kWrite) {
        refused = true;  // A read that was given up only fills memory that nobody looks at.
      }
    }
    for (int i = 0; i < passed && !waits; i++) waits = conflict(*op, *passed_over[i]);
    if (refused) {
      Request* request = op->request;
      const uint32_t step = op->step;
      device->queue.Remove(op);
      request->ops[step] = nullptr;
      Discard(op);
      Answer(request, step, Outcome::kUntouched, kUnsettledError, 0);
      Advance(request);  // May settle the request, never touches the queue's other entries.
    } else if (waits) {
      passed_over[passed++] = op;
    } else {
      // One that has nothing in the kernel may always go: it must not starve behind devices that are stuck.
      const bool ring_full = in_flight_ >= backend_->max_in_flight() && !device->in_kernel.empty();
      if (device->in_kernel.size() >= device->window || ring_full) return;
      if (!Prepare(device, op)) {
        short_of_room_ = true;
        return;
      }
      device->queue.Remove(op);
      device->in_kernel.push_back(op);
      op->state = OpState::kInFlight;
      op->request->in_kernel++;
      in_flight_++;
    }
    op = next;
  }
}

bool Engine::Prepare(Device* device, Op* op) {
  return backend_->Prepare({op->kind, device->place, op->block.data, op->length, op->offset, op->dsync,
                            op->force_async, OpTable::TicketOf(*op)});
}

void Engine::Reap() {
  // Own completions first: an answer to a cancel that says "not found" often means that the write has just
  // landed, and its completion, in the same batch, knows more than the answer does.
  std::vector<std::pair<Op*, int32_t>> answers;
  std::vector<Completion> completions;
  backend_->Reap(&completions);
  for (const auto& [user_data, res] : completions) {
    Op* op = ops_.Redeem(user_data & ~kCancelBit);
    if ((user_data & kCancelBit) != 0) {
      answers.emplace_back(op, res);
    } else {
      Complete(op, res);
    }
  }
  for (const auto& [op, res] : answers) CancelAnswered(op, res);
  Run();
}

void Engine::Complete(Op* op, int32_t res) {
  Request* request = op->request;
  Device* device = request->device.get();
  DMR_CHECK(op->state == OpState::kInFlight || op->state == OpState::kCanceling);
  device->in_kernel.erase(std::find(device->in_kernel.begin(), device->in_kernel.end(), op));
  request->in_kernel--;
  MarkDirty(request->device);
  if (in_flight_-- >= backend_->max_in_flight()) {
    for (auto& [id, other] : devices_) MarkDirty(other);  // Others may have waited for the room.
  }
  if (device->fd < 0 && device->in_kernel.empty()) FreePlace(device);

  // One that was tried before may have landed in part then: its withdrawal proves nothing.
  const bool withdrawn = op->state == OpState::kCanceling && op->retries == 0;
  const Verdict verdict = Classify(res, op->length, withdrawn);
  if (verdict.retry && op->state == OpState::kInFlight && !request->aborting && op->retries < kMaxRetries) {
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
  Answer(request, step, verdict.outcome, verdict.error, res > 0 ? static_cast<uint32_t>(res) : 0);
  if (!request->settled) return Advance(request);
  if (request->in_kernel > 0) return;
  events_.push_back({request->id, Event::Kind::kDrained, request->results});
  requests_.erase(request->id);
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
  Answer(request, op->step, Outcome::kUnknown, 0, 0);
  Advance(request);
}

void Engine::OnPoll(uv_poll_t* handle, int, int) {
  auto* self = static_cast<Engine*>(handle->data);
  self->Reap();
  if (!self->events_.empty()) self->notify_(self->context_);
}

void Engine::OnTimer(uv_timer_t* handle) {
  auto* self = static_cast<Engine*>(handle->data);
  self->Reap();  // An answer that is there already beats a guess.
  const uint64_t now = uv_now(self->loop_);
  std::vector<uint32_t> waiting;
  waiting.swap(self->aborting_);
  for (const uint32_t id : waiting) {
    const auto found = self->requests_.find(id);
    if (found == self->requests_.end() || found->second->settled) continue;
    Request* request = found->second.get();
    if (request->grace_end_ms > now) {
      self->aborting_.push_back(id);
      continue;
    }
    const std::vector<Op*> ops = request->ops;  // The last answer settles the request, which may end it.
    for (Op* op : ops) {
      // The settlement discards what waits in later groups: those entries are not ours any more.
      if (request->settled) break;
      if (op != nullptr && (op->state == OpState::kInFlight || op->state == OpState::kCanceling))
        self->GiveUpFor(op);
    }
  }
  self->short_of_room_ = false;
  for (auto& [id, device] : self->devices_) self->MarkDirty(device);
  self->Run();
  if (!self->events_.empty()) self->notify_(self->context_);
}

// --- Small change
// ----------------------------------------------------------------------------------------------

// For an operation that the kernel does not have.
void Engine::Discard(Op* op) {
  if (op->request != nullptr && op->step < op->request->ops.size()) op->request->ops[op->step] = nullptr;
  ReleaseBlock(op);
  ops_.Release(op);
}

void Engine::ReleaseBlock(Op* op) {
  if (op->block.data != nullptr) slab_.Release(op->block);
  op->block = SlabBlock{};
}

void Engine::UpdateReference() {
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
  if (active_ > 0 || holds_ > 0) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

}  // namespace dmremap
