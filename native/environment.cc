#include "environment.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "kernel_aio.h"
#include "ring.h"
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
  *step = "mmap";
  try {
    const std::unique_ptr<Backend> backend = MakeBackend(kind);
    std::make_unique<Slab>()->Reserve();
    return backend->Open(step);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

Environment* Environment::Create(Napi::Env env, const Listener& listener, const char** step, int* error) {
  uv_loop_t* loop = nullptr;
  *step = "napi_get_uv_event_loop";
  *error = EINVAL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  std::unique_ptr<Environment> self(new Environment(env));
  self->loop_ = loop;
  self->mailbox_ = std::make_shared<Mailbox>();
  self->handler_ = Napi::Persistent(listener.handler.Value());
  Napi::Uint32Array done = listener.done.Value();
  self->done_array_ = Napi::Persistent(done);
  self->done_ = done.Data();
  self->async_context_ = std::make_unique<Napi::AsyncContext>(env, "dmremap");
  *step = "napi_add_async_cleanup_hook";
  if (napi_add_async_cleanup_hook(env, OnCleanup, self.get(), &self->cleanup_) != napi_ok) return nullptr;
  // At last: a handle that is open cannot be let go of here.
  *step = "uv_async_init";
  *error = self->mailbox_->Open(loop, OnNotify, self.get());
  if (*error == 0) return self.release();
  napi_remove_async_cleanup_hook(self->cleanup_);
  return nullptr;
}

bool Environment::Open(std::unique_ptr<OpenJob> open, EngineKind kind, const char** step, int* error) {
  Engine* engine = EngineFor(kind, step, error);
  if (engine == nullptr) return false;
  open->engine = engine;
  *step = "thread of the open";
  std::unique_ptr<BlockingJob> job = std::move(open);
  *error = mailbox_->TryStart(&job);
  if (*error != 0) StopIfOfOneDevice(engine);
  return *error == 0;
}

// Of its kind; a ring is started for each device, since all of it must go with the device.
Engine* Environment::EngineFor(EngineKind kind, const char** step, int* error) {
  const bool shared = kind != EngineKind::kIoUring;
  Engine*& known = shared_[static_cast<uint32_t>(kind)];
  if (shared && known != nullptr) return known;
  engines_.reserve(engines_.size() + 1);  // Once it has started it must be kept.
  auto engine = std::make_unique<Engine>(loop_, MakeBackend(kind), OnNotify, this);
  *error = engine->Start(step);
  if (*error != 0) return nullptr;
  engines_.push_back(std::move(engine));
  if (shared) known = engines_.back().get();
  return engines_.back().get();
}

bool Environment::IsOfOneDevice(const Engine* engine) const {
  return std::find(shared_.begin(), shared_.end(), engine) == shared_.end();
}

void Environment::StopIfOfOneDevice(Engine* engine) {
  if (IsOfOneDevice(engine) && !engine->stopping()) engine->Stop(OnEngineStopped, this);
}

bool Environment::Close(uint32_t id, uint32_t device) {
  OpenDevice& open = devices_.at(device);
  if (!open.engine->ReleaseDevice(device, &open.remains)) return false;
  open.device.reset();
  open.closer->id = id;
  if (IsOfOneDevice(open.engine) && !open.engine->idle()) {
    draining_++;
    return true;
  }
  StartClose(&open);
  devices_.erase(device);
  return true;
}

void Environment::StartClose(OpenDevice* device) {
  if (IsOfOneDevice(device->engine)) device->closer->engine = device->engine;
  device->closer->Add(std::move(device->remains));
  mailbox_->Start(std::move(device->closer));
}

void Environment::CloseDrained() {
  for (auto entry = devices_.begin(); draining_ > 0 && entry != devices_.end();) {
    OpenDevice& open = entry->second;
    const bool drained = open.device == nullptr && open.engine->idle();
    if (drained) StartClose(&open);
    if (drained) draining_--;
    entry = drained ? devices_.erase(entry) : std::next(entry);
  }
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<Environment*>(data);
  self->handler_.Reset();
  self->done_array_.Reset();
  self->async_context_.reset();
  // Each on a thread that nobody waits for: one that blocks must not keep the next from being free. The fence
  // of a write in flight stays with the backend, and so with the kernel; a ring that is idle ends with us.
  for (auto& [id, open] : self->devices_) self->mailbox_->Start(std::move(open.closer));
  self->ending_ = true;
  self->mailbox_->Close(OnMailboxClosed, self);
  for (const auto& engine : self->engines_) {
    if (!engine->stopping()) engine->Stop(OnEngineStopped, self);
  }
}

void Environment::OnMailboxClosed(void* data) {
  auto* self = static_cast<Environment*>(data);
  self->mailbox_closed_ = true;
  self->EndIfStopped();
}

void Environment::OnEngineStopped(void* data) {
  auto* self = static_cast<Environment*>(data);
  auto& engines = self->engines_;
  const auto stopped = [](const std::unique_ptr<Engine>& engine) { return engine->stopped(); };
  engines.erase(std::remove_if(engines.begin(), engines.end(), stopped), engines.end());
  self->EndIfStopped();
}

void Environment::EndIfStopped() {
  if (!ending_ || !mailbox_closed_ || !engines_.empty()) return;
  const napi_async_cleanup_hook_handle cleanup = cleanup_;
  delete this;
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

void Append(Napi::Array* flat, const Request& request, Event event) {
  const Napi::Env env = flat->Env();
  uint32_t at = flat->Length();
  flat->Set(at++, Napi::Number::New(env, request.id));
  flat->Set(at++, Napi::Number::New(env, static_cast<uint32_t>(event)));
  flat->Set(at++, Settlement(env, request.results));
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
  object.Set("inode", Napi::BigInt::New(env, device.inode));
  object.Set("diskSequence", Napi::BigInt::New(env, device.disk_sequence));
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
  bool any = mailbox_->has_any();
  for (const auto& engine : engines_) any = any || engine->has_untold();
  if (!any) return env.Undefined();
  Napi::Array flat = Napi::Array::New(env);
  for (const auto& engine : engines_) {
    engine->TellSome(UINT32_MAX, [&](const Request& request, Event event) { Append(&flat, request, event); });
  }
  CloseDrained();
  TakeJobs(&flat);
  return flat;
}

void Environment::TakeJobs(Napi::Array* flat) {
  uint32_t at = flat->Length();
  for (std::unique_ptr<BlockingJob> job = mailbox_->Take(); job != nullptr; job = mailbox_->Take()) {
    auto* done = static_cast<DeviceJob*>(job.get());  // There are no others.
    flat->Set(at++, Napi::Number::New(env_, done->id));
    flat->Set(at++, Napi::Number::New(env_, static_cast<uint32_t>(done->kind)));
    flat->Set(at++, Payload(done));
  }
}

Napi::Value Environment::Payload(DeviceJob* job) {
  if (job->kind == JobKind::kClosed) {
    Engine* engine = static_cast<CloseJob*>(job)->engine;
    if (engine != nullptr) StopIfOfOneDevice(engine);
  }
  if (job->kind != JobKind::kOpened) return Napi::Number::New(env_, job->error);
  auto* open = static_cast<OpenJob*>(job);
  uint32_t device = 0;
  if (open->opened.fd >= 0) {
    device = ++last_device_;
    if (const int error = Adopt(open, device); error != 0) {
      open->closer->Run();  // Just opened, with nothing written: this cannot block.
      open->opened.failed_step = "install";
      open->opened.error = error;
    }
  }
  if (open->opened.failed_step != nullptr) StopIfOfOneDevice(open->engine);
  return Opened(env_, open->opened, device);
}

// 0, or an errno with the descriptor still the job's.
int Environment::Adopt(OpenJob* job, uint32_t device) {
  int error = ENOMEM;
  try {
    OpenDevice& open = devices_[device];
    error = job->engine->AddDevice(device, job->opened.fd, job->opened.async);
    if (error == 0) open = {job->engine, job->engine->FindDevice(device), std::move(job->closer), {}};
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  if (error != 0) devices_.erase(device);
  return error;
}

void Environment::Notify() {
  do {
    while (TellSome()) {
    }
    CloseDrained();
  } while (mailbox_->has_any());
}

// False where there was nothing to tell.
bool Environment::TellSome() {
  const Napi::HandleScope scope(env_);
  Napi::Array flat;
  uint32_t count = 0;
  const auto tell = [&](const Request& request, Event event) {
    const bool plain = event == Event::kSettled && request.Succeeded();
    done_[count++] = plain ? request.id : 0;
    if (plain) return;
    if (flat.IsEmpty()) flat = Napi::Array::New(env_);
    Append(&flat, request, event);
  };
  uint32_t most = kEventsInCall;
  for (const auto& engine : engines_) most = engine->TellSome(most, tell);
  if (mailbox_->has_any()) {
    if (flat.IsEmpty()) flat = Napi::Array::New(env_);
    TakeJobs(&flat);
  }
  if (count == 0 && flat.IsEmpty()) return false;
  const napi_value events = flat.IsEmpty() ? env_.Undefined() : flat;
  handler_.MakeCallback(env_.Global(), {Napi::Number::New(env_, count), events}, *async_context_);
  for (const auto& engine : engines_) engine->Flush();
  // The handler itself never throws; what user code throws on the way out is the process's to report.
  if (env_.IsExceptionPending()) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
  }
  return true;
}

}  // namespace dmremap
