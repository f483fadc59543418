#include "blocking_job.h"

#include "check.h"
#include "own_thread.h"
#include "sys.h"

namespace dmremap {

namespace {

// A job calls a handful of system calls; 256 KiB is ample, and eight stuck opens must not cost 64 MiB.
constexpr size_t kStackBytes = 256 * 1024;

}  // namespace

Mailbox::Mailbox() = default;

Mailbox::~Mailbox() { pthread_mutex_destroy(&mutex_); }

int Mailbox::Open(uv_loop_t* loop, void (*after_finish)(void*), void* context) {
  const int error = sys::uv_async_init(loop, &async_, OnAsync);
  if (error != 0) return -error;
  async_.data = this;
  after_finish_ = after_finish;
  context_ = context;
  uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
  const Lock lock(&mutex_);
  open_ = true;
  return 0;
}

void Mailbox::Close(void (*closed)(void*), void* context) {
  std::vector<std::unique_ptr<Flight>> late;
  {
    const Lock lock(&mutex_);
    open_ = false;
    late.swap(arrived_);
  }
  for (auto& flight : late) flight->job->Abandon();
  closed_ = closed;
  closed_context_ = context;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), OnClosed);
}

void Mailbox::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<Mailbox*>(handle->data);
  self->closed_(self->closed_context_);
}

int Mailbox::Start(std::unique_ptr<BlockingJob>* job) {
  auto flight = std::make_unique<Flight>(Flight{shared_from_this(), std::move(*job)});
  const int error = StartOwnThread(OnThread, flight.get(), kStackBytes);
  if (error != 0) {
    *job = std::move(flight->job);
    return error;
  }
  flight.release();
  return 0;
}

void* Mailbox::OnThread(void* data) {
  std::unique_ptr<Flight> flight(static_cast<Flight*>(data));
  flight->job->Run();
  Mailbox* mailbox = flight->mailbox.get();
  mailbox->Deliver(std::move(flight));
  return nullptr;
}

void Mailbox::Deliver(std::unique_ptr<Flight> flight) {
  const std::shared_ptr<Mailbox> self = flight->mailbox;  // The flight may hold the last other reference.
  {
    const Lock lock(&mutex_);
    if (open_) {
      arrived_.push_back(std::move(flight));
      uv_async_send(&async_);  // Under the lock: Close() must not come between.
      return;
    }
  }
  flight->job->Abandon();
}

void Mailbox::OnAsync(uv_async_t* handle) {
  auto* self = static_cast<Mailbox*>(handle->data);
  std::vector<std::unique_ptr<Flight>> arrived;
  {
    const Lock lock(&self->mutex_);
    arrived.swap(self->arrived_);
  }
  for (auto& flight : arrived) {
    flight->job->Finish();
  }
  if (!arrived.empty()) self->after_finish_(self->context_);
}

}  // namespace dmremap
