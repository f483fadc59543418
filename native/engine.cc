#include "engine.h"

#include <algorithm>
#include <cstring>
#include <new>
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
  if (started_) {
    backend_->Reap(&completions_);
    backend_->TakeBack(&completions_);
  }
  for (const Completion& completion : completions_) {
    if ((completion.user_data & kCancelBit) == 0) ReleaseBlock(ops_.Redeem(completion.user_data));
  }
  requests_.ForEach([this](Request* request) {
    for (Op* op : request->ops) {
      if (op != nullptr && (op->state == OpState::kWaiting || op->state == OpState::kQueued))
        ReleaseBlock(op);
    }
  });
}

int Engine::Start(const char** step) {
  slab_.Reserve();
  backend_->UseMemory(slab_.first_segment(), kRegisteredBytes);
  if (const int error = backend_->Open(step); error != 0) return error;
  const uint32_t places = backend_->file_places();
  for (uint32_t place = places; place > 0; place--) free_places_.push_back(place - 1);
  completions_.reserve(2 * (backend_->max_in_flight() + places));
  started_ = true;
  *step = "uv_poll_init";
  if (const int error = sys::uv_poll_init(loop_, &poll_, backend_->fd()); error != 0) return -error;
  uv_timer_init(loop_, &timer_);
  uv_prepare_init(loop_, &prepare_);
  open_handles_ = 3;
  poll_.data = timer_.data = prepare_.data = this;
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
  uv_prepare_stop(&prepare_);
  // The ring is closed after the handles, when the engine is deleted: libuv wants the descriptor to be there
  // until then, and closing a ring inside one of its own callbacks is a use after free.
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), OnClosed);
}

void Engine::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<Engine*>(handle->data);
  if (--self->open_handles_ == 0) self->stopped_(self->stopped_context_);
}

// --- Devices

int Engine::AddDevice(uint32_t id, int fd, bool async) {
  if (free_places_.empty()) return EMFILE;
  auto device = std::make_shared<Device>();
  device->id = id;
  device->place = free_places_.back();
  device->async = async;
  const auto [entry, added] = devices_.emplace(id, device);
  DMR_CHECK(added);
  if (const int error = backend_->InstallFile(device->place, fd); error != 0) {
    devices_.erase(entry);
    return error;
  }
  free_places_.pop_back();
  return 0;
}

bool Engine::ReleaseDevice(uint32_t id, Remains* remains) {
  const auto found = devices_.find(id);
  DMR_CHECK(found != devices_.end());
  Device* device = found->second.get();
  Run();
  if (!device->queue.empty() || !backend_->Submit()) return false;
  // What has its file already keeps it; what has not gets EBADF, never another's.
  const bool idle = device->in_kernel.empty();
  *remains = backend_->RemoveFile(device->place, idle);
  device->released = true;
  if (idle) free_places_.push_back(device->place);
  devices_.erase(found);  // Requests in flight keep the device itself.
  return true;
}

// --- Requests

bool Engine::Submit(uint32_t id, const std::shared_ptr<Device>& device, const StepSpec* steps, uint32_t count,
                    const std::vector<uint32_t>& group_ends, bool dsync) {
  DMR_CHECK(!stopping_);
  Request* request = requests_.Acquire(id);
  request->device = device;
  try {
    request->group_ends = group_ends;
    if (!Make(request, steps, count, dsync)) {
      Unmake(request);
      return false;
    }
  } catch (const std::bad_alloc&) {
    Unmake(request);
    throw;
  }
  active_++;
  const bool idle = device->in_kernel.empty();
  Enqueue(request);
  gathered_++;
  const uint32_t enough = std::max<uint32_t>(kBatch, device->in_kernel.size() / kBatchShare);
  if (idle || gathered_ >= enough) Run();
  if (gathered_ > 0 || has_untold()) uv_prepare_start(&prepare_, OnPrepare);
  return true;
}

bool Engine::Make(Request* request, const StepSpec* steps, uint32_t count, bool dsync) {
  request->results.resize(count);
  request->ops.reserve(count);
  for (uint32_t at = 0; at < count; at++) {
    const StepSpec& step = steps[at];
    Op* op = ops_.Acquire();
    if (op == nullptr) return false;
    op->kind = step.kind;
    op->dsync = dsync;
    op->force_async = request->device->async;
    op->step = static_cast<uint32_t>(request->ops.size());
    op->offset = step.offset;
    op->length = step.length;
    op->read_into = step.read_into;
    op->request = request;
    request->ops.push_back(op);
    if (step.length == 0) continue;
    op->block = slab_.Acquire(step.length);
    if (op->block.data == nullptr) return false;
    if (step.kind == OpKind::kWrite) std::memcpy(op->block.data, step.write_from, step.length);
  }
  return true;
}

// As if it had never been asked for.
void Engine::Unmake(Request* request) {
  for (Op* op : request->ops) Discard(op);
  requests_.Release(request);
}

void Engine::Enqueue(Request* request) {
  request->unanswered = request->group_end() - request->group_begin();
  for (uint32_t step = request->group_begin(); step < request->group_end(); step++) {
    Op* op = request->ops[step];
    op->state = OpState::kQueued;
    request->device->queue.PushBack(op);
  }
  MarkDirty(request->device.get());
}

void Engine::Abort(uint32_t id) {
  Request* request = requests_.Find(id);
  if (request == nullptr || request->settled || request->aborting) return;
  request->aborting = true;
  for (uint32_t step = request->group_begin(); step < request->group_end(); step++) {
    Op* op = request->ops[step];
    if (op == nullptr) continue;
    if (op->state == OpState::kQueued) {
      // One that was tried before may have landed in part then.
      const Outcome outcome = op->retries == 0 ? Outcome::kUntouched : Outcome::kUnknown;
      request->device->queue.Remove(op);
      Discard(op);
      request->Answer(step, outcome, ECANCELED, 0);
    } else if (op->state == OpState::kInFlight) {
      // Where the queue to the kernel is full, the grace below answers instead.
      if (backend_->PrepareCancel(OpTable::TicketOf(*op), OpTable::TicketOf(*op) | kCancelBit)) {
        op->state = OpState::kCanceling;
        op->cancel_owed = true;
      }
    }
  }
  MarkDirty(request->device.get());
  if (request->unanswered > 0) {
    uv_update_time(loop_);
    request->grace_end_ms = uv_now(loop_) + kGraceMs;
    request->in_grace = true;
    in_grace_.PushBack(request);
  }
  const bool released = request->device->released;
  Advance(request);
  // What was gathered stays where an abort still proves something: often it is the next to be aborted.
  if (released) return Run();
  HandOver();
  uv_prepare_start(&prepare_, OnPrepare);
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
  if (request->in_grace) in_grace_.Remove(request);
  request->in_grace = false;
  for (Op*& op : request->ops) {
    if (op == nullptr) continue;
    op->read_into = nullptr;
    if (op->state != OpState::kWaiting) continue;
    Discard(op);
    op = nullptr;
  }
  QueueToTell(request);
  // What queues behind a write that was given up must not start: Pump() refuses it.
  MarkDirty(request->device.get());
}

// Where it waits to be told already, it is told with what came since.
void Engine::QueueToTell(Request* request) {
  if (!request->untold) untold_.PushBack(request);
  request->untold = true;
}

}  // namespace dmremap
