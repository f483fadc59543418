#include "environment.h"

#include <utility>

#include "check.h"
#include "device_jobs.h"
#include "kernel_aio.h"
#include "ring.h"
#include "sys.h"
#include "thread_pool.h"

namespace dmremap {

namespace {

std::unique_ptr<Backend> MakeBackend(EngineKind kind) {
  switch (kind) {
    case EngineKind::kLibaio:
      return std::make_unique<KernelAio>();
    case EngineKind::kThreads:
      return std::make_unique<ThreadPool>();
    default:
      return std::make_unique<Ring>();
  }
}

}  // namespace

int ProbeEngine(EngineKind kind, const char** step) {
  const std::unique_ptr<Backend> backend = MakeBackend(kind);
  Slab slab;
  *step = "mmap";
  return slab.Reserve() ? backend->Open(step) : ENOMEM;
}

Environment* Environment::Create(Napi::Env env, Napi::Function handler, const char** step, int* error) {
  uv_loop_t* loop = nullptr;
  *step = "napi_get_uv_event_loop";
  *error = EINVAL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  std::unique_ptr<Environment> self(new Environment(env));
  self->loop_ = loop;
  self->mailbox_ = std::make_shared<Mailbox>();
  DMR_CHECK(self->mailbox_->Open(loop, OnNotify, self.get()) == 0);
  self->handler_ = Napi::Persistent(handler);
  self->async_context_ = std::make_unique<Napi::AsyncContext>(env, "dmremap");
  DMR_CHECK(napi_add_async_cleanup_hook(env, OnCleanup, self.get(), &self->cleanup_) == napi_ok);
  return self.release();
}

Engine* Environment::EngineOf(EngineKind kind, const char** step, int* error) {
  for (size_t at = 0; at < kinds_.size(); at++) {
    if (kinds_[at] == kind) return engines_[at].get();
  }
  auto engine = std::make_unique<Engine>(loop_, MakeBackend(kind), OnNotify, this);
  *error = engine->Start(step);
  if (*error != 0) return nullptr;
  kinds_.push_back(kind);
  engines_.push_back(std::move(engine));
  return engines_.back().get();
}

Engine* Environment::FindDevice(uint32_t id, std::shared_ptr<Device>* device) {
  for (const auto& engine : engines_) {
    *device = engine->FindDevice(id);
    if (*device != nullptr) return engine.get();
  }
  return nullptr;
}

void Environment::Hold(bool hold) {
  if (!engines_.empty()) engines_.front()->Hold(hold);
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<Environment*>(data);
  self->handler_.Reset();
  self->async_context_.reset();
  // The descriptors close on a thread that nobody waits for: the fence of a write in flight stays with the
  // kernel.
  std::vector<int> descriptors;
  for (const auto& engine : self->engines_) {
    for (const int fd : engine->TakeDescriptors()) descriptors.push_back(fd);
  }
  if (!descriptors.empty()) {
    std::unique_ptr<BlockingJob> job = std::make_unique<CloseJob>(nullptr, 0, descriptors);
    if (self->mailbox_->Start(&job) != 0) job->Run();
  }
  self->running_parts_ = 1 + static_cast<int>(self->engines_.size());
  self->mailbox_->Close(OnPartStopped, self);
  for (const auto& engine : self->engines_) engine->Stop(OnPartStopped, self);
}

void Environment::OnPartStopped(void* data) {
  auto* self = static_cast<Environment*>(data);
  if (--self->running_parts_ > 0) return;
  const napi_async_cleanup_hook_handle cleanup = self->cleanup_;
  delete self;  // Closes the rings and unmaps the slabs.
  napi_remove_async_cleanup_hook(cleanup);
}

namespace {

Napi::Value Settlement(Napi::Env env, const std::vector<StepResult>& results) {
  Napi::Array flat = Napi::Array::New(env, results.size() * 3);
  uint32_t at = 0;
  for (const StepResult& result : results) {
    flat.Set(at++, Napi::Number::New(env, static_cast<int>(result.outcome)));
    flat.Set(at++, Napi::Number::New(env, result.error));
    flat.Set(at++, Napi::Number::New(env, result.transferred));
  }
  return flat;
}

Napi::Value Opened(Napi::Env env, const OpenedDevice& device, uint32_t id) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", device.kind);
  object.Set("major", device.major);
  object.Set("minor", device.minor);
  object.Set("holder", device.holder);
  if (device.failed_step != nullptr) {
    object.Set("failedStep", device.failed_step);
    object.Set("error", device.error);
    return object;
  }
  object.Set("device", id);
  object.Set("sizeBytes", Napi::BigInt::New(env, device.size_bytes));
  object.Set("logicalBlockSize", device.logical_block_size);
  object.Set("physicalBlockSize", device.physical_block_size);
  object.Set("direct", device.direct);
  object.Set("async", device.async);
  object.Set("fd", device.fd);
  return object;
}

}  // namespace

Napi::Value Environment::TakeEvents(Napi::Env env) {
  std::vector<Event> events;
  for (const auto& engine : engines_) {
    for (Event& event : engine->TakeEvents()) events.push_back(std::move(event));
  }
  std::vector<JobResult> jobs;
  jobs.swap(job_results_);
  if (events.empty() && jobs.empty()) return env.Undefined();
  Napi::Array flat = Napi::Array::New(env, (events.size() + jobs.size()) * 3);
  uint32_t at = 0;
  for (const Event& event : events) {
    flat.Set(at++, Napi::Number::New(env, event.request));
    flat.Set(at++, Napi::Number::New(env, static_cast<uint32_t>(event.kind)));
    flat.Set(at++, Settlement(env, event.results));
  }
  for (JobResult& job : jobs) {
    flat.Set(at++, Napi::Number::New(env, job.id));
    flat.Set(at++, Napi::Number::New(env, static_cast<uint32_t>(job.kind)));
    if (job.kind != EventKind::kOpened) {
      flat.Set(at++, Napi::Number::New(env, job.error));
      continue;
    }
    uint32_t device = 0;
    if (job.opened.fd >= 0) {
      device = NextDeviceId();
      const int error = job.engine->AddDevice(device, job.opened.fd, job.opened.async);
      if (error != 0) {
        sys::close(job.opened.fd);  // Just opened, with nothing written: this cannot block.
        job.opened.fd = -1;
        job.opened.failed_step = "install";
        job.opened.error = error;
      }
    }
    flat.Set(at++, Opened(env, job.opened, device));
  }
  return flat;
}

void Environment::Notify() {
  const Napi::HandleScope scope(env_);
  const Napi::Value events = TakeEvents(env_);
  if (events.IsUndefined()) return;
  handler_.MakeCallback(env_.Global(), {events}, *async_context_);
  // The handler itself never throws; what user code throws on the way out is the process's to report.
  if (!env_.IsExceptionPending()) return;
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
}

}  // namespace dmremap
