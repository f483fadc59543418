#include "blocking_job.h"

#include <utility>

#include "own_thread.h"
#include "sys.h"

namespace dmremap {

namespace {

// A job calls a handful of system calls; 256 KiB is ample, and eight stuck opens must not cost 64 MiB.
constexpr size_t kStackBytes = 256 * 1024;

}  // namespace

Mailbox::Mailbox() = default;

Mailbox::~Mailbox() { pthread_mutex_destroy(&mutex_); }

int Mailbox::Open(uv_loop_t* loop, void (*arrived)(void*), void* context) {
  const int error = sys::uv_async_init(loop, &async_, OnAsync);
  if (error != 0) return -error;
  async_.data = this;
  on_arrived_ = arrived;
  context_ = context;
  uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
  const Lock lock(&mutex_);
  open_ = true;
  return 0;
}

void Mailbox::Close(void (*closed)(void*), void* context) {
  List<BlockingJob> late;
  {
    const Lock lock(&mutex_);
    open_ = false;
    late = arrived_.Take();
  }
  for (List<BlockingJob>* list : {&done_, &late}) {
    while (BlockingJob* job = list->PopFront()) {
      job->Abandon();
      delete job;
    }
  }
  closed_ = closed;
  closed_context_ = context;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), OnClosed);
}

void Mailbox::Hold(bool hold) {
  if (!hold && holds_ == 0) return;
  holds_ += hold ? 1 : -1;
  auto* handle = reinterpret_cast<uv_handle_t*>(&async_);
  holds_ > 0 ? uv_ref(handle) : uv_unref(handle);
}

void Mailbox::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<Mailbox*>(handle->data);
  self->closed_(self->closed_context_);
}

void Mailbox::Start(std::unique_ptr<BlockingJob> job) {
  if (TryStart(&job) == 0) return;
  job->Run();
  done_.PushBack(job.release());
}

int Mailbox::TryStart(std::unique_ptr<BlockingJob>* job) {
  (*job)->mailbox = shared_from_this();
  const int error = StartOwnThread(OnThread, job->get(), kStackBytes);
  if (error == 0) {
    (void)job->release();
  } else {
    (*job)->mailbox.reset();
  }
  return error;
}

void* Mailbox::OnThread(void* data) {
  std::unique_ptr<BlockingJob> job(static_cast<BlockingJob*>(data));
  job->Run();
  const std::shared_ptr<Mailbox> mailbox = std::move(job->mailbox);  // This may be the last reference.
  mailbox->Deliver(std::move(job));
  return nullptr;
}

void Mailbox::Deliver(std::unique_ptr<BlockingJob> job) {
  {
    const Lock lock(&mutex_);
    if (open_) {
      arrived_.PushBack(job.release());
      uv_async_send(&async_);  // Under the lock: Close() must not come between.
      return;
    }
  }
  job->Abandon();
}

void Mailbox::OnAsync(uv_async_t* handle) {
  auto* self = static_cast<Mailbox*>(handle->data);
  List<BlockingJob> arrived;
  {
    const Lock lock(&self->mutex_);
    arrived = self->arrived_.Take();
  }
  while (BlockingJob* job = arrived.PopFront()) self->done_.PushBack(job);
  if (!self->done_.empty()) self->on_arrived_(self->context_);
}

}  // namespace dmremap
