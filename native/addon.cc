// The door between JavaScript and the engine. One Environment per Node environment (main thread or worker),
// created at the first open; results go back through one handler, in one call per wake-up.
//
// Teardown: an asynchronous cleanup hook, because uv handles close only on a later turn of the loop. A
// synchronous hook crashes (the .node is unloaded before the callback), none at all aborts the process, and
// one that is never removed hangs worker.terminate() (io spec 1.4). Node runs the loop once more before it
// calls the hook, and a worker can be terminated in the middle of any call: then no JavaScript can run, and
// what cannot be told is dropped (NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS; without it the process aborts).
// Linked with -z nodelete, so a stuck thread never returns into code that is gone.
#include <fcntl.h>
#include <napi.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "block_device.h"
#include "blocking_job.h"
#include "check.h"
#include "engine.h"

namespace dmremap {

namespace {

enum class EventKind : uint32_t { kOpened = 4, kClosed = 5, kAllocated = 6 };

// An open or a close that has come back and waits to be told.
struct JobResult {
  uint32_t id = 0;
  EventKind kind = EventKind::kOpened;
  OpenedDevice opened;
  int error = 0;  // Of a close or an allocation.
};

class Environment {
 public:
  static Environment* Create(Napi::Env env, Napi::Function handler, const char** step, int* error);

  Engine& engine() { return *engine_; }
  Mailbox& mailbox() { return *mailbox_; }
  void Push(JobResult result) { job_results_.push_back(std::move(result)); }
  // Everything that is to be told, as one flat array: id, kind, payload, id, kind, payload, ...
  Napi::Value TakeEvents(Napi::Env env);
  uint32_t NextDeviceId() { return ++last_device_; }

 private:
  explicit Environment(napi_env env) : env_(env) {}
  static void OnNotify(void* self) { static_cast<Environment*>(self)->Notify(); }
  void Notify();
  static void OnCleanup(napi_async_cleanup_hook_handle handle, void* self);
  static void OnPartStopped(void* self);

  Napi::Env env_;
  Napi::FunctionReference handler_;
  std::unique_ptr<Napi::AsyncContext> async_context_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Mailbox> mailbox_;
  std::vector<JobResult> job_results_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  int running_parts_ = 0;
  uint32_t last_device_ = 0;
};

struct AddonData {
  Napi::FunctionReference handler;
  Environment* environment = nullptr;  // Deletes itself at the end of the environment.
};

class OpenJob : public BlockingJob {
 public:
  OpenJob(Environment* environment, uint32_t id, OpenOptions options)
      : environment_(environment), options_(std::move(options)) {
    result_.id = id;
  }
  void Run() override { result_.opened = OpenBlockDevice(options_); }
  void Finish() override { environment_->Push(std::move(result_)); }
  void Abandon() override {
    if (result_.opened.fd >= 0) close(result_.opened.fd);
  }

 private:
  Environment* environment_;
  OpenOptions options_;
  JobResult result_;
};

// close(2) may block: FUSE and NFS flush, a block device writes its page cache back.
class CloseJob : public BlockingJob {
 public:
  CloseJob(Environment* environment, uint32_t id, std::vector<int> descriptors)
      : environment_(environment), descriptors_(std::move(descriptors)) {
    result_.id = id;
    result_.kind = EventKind::kClosed;
  }
  void Run() override {
    for (const int fd : descriptors_) {
      if (close(fd) != 0) result_.error = errno;
    }
  }
  void Finish() override { environment_->Push(std::move(result_)); }
  void Abandon() override {}

 private:
  Environment* environment_;
  std::vector<int> descriptors_;
  JobResult result_;
};

// fallocate(2), on a descriptor of its own: the device may be closed meanwhile.
class AllocateJob : public BlockingJob {
 public:
  AllocateJob(Environment* environment, uint32_t id, int fd, uint64_t bytes)
      : environment_(environment), fd_(fd), bytes_(bytes) {
    result_.id = id;
    result_.kind = EventKind::kAllocated;
  }
  void Run() override {
    result_.error = fd_ < 0 ? EMFILE : FillHoles(fd_, bytes_);
    if (fd_ >= 0) close(fd_);
  }
  void Finish() override { environment_->Push(std::move(result_)); }
  void Abandon() override {}

 private:
  Environment* environment_;
  int fd_;
  uint64_t bytes_;
  JobResult result_;
};

Environment* Environment::Create(Napi::Env env, Napi::Function handler, const char** step, int* error) {
  uv_loop_t* loop = nullptr;
  *step = "napi_get_uv_event_loop";
  *error = EINVAL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  std::unique_ptr<Environment> self(new Environment(env));
  self->engine_ = std::make_unique<Engine>(loop, OnNotify, self.get());
  *error = self->engine_->Start(step);
  if (*error != 0) return nullptr;
  self->mailbox_ = std::make_shared<Mailbox>();
  DMR_CHECK(self->mailbox_->Open(loop, OnNotify, self.get()) == 0);
  self->handler_ = Napi::Persistent(handler);
  self->async_context_ = std::make_unique<Napi::AsyncContext>(env, "dmremap");
  DMR_CHECK(napi_add_async_cleanup_hook(env, OnCleanup, self.get(), &self->cleanup_) == napi_ok);
  return self.release();
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<Environment*>(data);
  self->handler_.Reset();
  self->async_context_.reset();
  // The descriptors close on a thread that nobody waits for: the fence of a write in flight stays with the
  // kernel.
  std::vector<int> descriptors = self->engine_->TakeDescriptors();
  if (!descriptors.empty()) {
    std::unique_ptr<BlockingJob> job = std::make_unique<CloseJob>(nullptr, 0, descriptors);
    if (self->mailbox_->Start(&job) != 0) job->Run();
  }
  self->running_parts_ = 2;
  self->engine_->Stop(OnPartStopped, self);
  self->mailbox_->Close(OnPartStopped, self);
}

void Environment::OnPartStopped(void* data) {
  auto* self = static_cast<Environment*>(data);
  if (--self->running_parts_ > 0) return;
  const napi_async_cleanup_hook_handle cleanup = self->cleanup_;
  delete self;  // Closes the ring and unmaps the slab.
  napi_remove_async_cleanup_hook(cleanup);
}

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

Napi::Value Environment::TakeEvents(Napi::Env env) {
  std::vector<Event> events = engine_->TakeEvents();
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
      const int error = engine_->AddDevice(device, job.opened.fd, job.opened.async);
      if (error != 0) {
        close(job.opened.fd);  // Just opened, with nothing written: this cannot block.
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

// --- What lib/device/native.ts calls. It checks its arguments; these checks only keep a mistake from memory.
// ---

// In a worker that is being terminated any call into the engine may fail, and what Napi returns then must not
// be used.
bool Element(const Napi::Array& array, uint32_t index, Napi::Value* value) {
  napi_value raw = nullptr;
  if (napi_get_element(array.Env(), array, index, &raw) != napi_ok) return false;
  *value = Napi::Value(array.Env(), raw);
  return true;
}

bool IsTrue(const Napi::Value& value) { return value.IsBoolean() && value.As<Napi::Boolean>().Value(); }

Napi::Value Bad(Napi::Env env, const char* what) {
  Napi::TypeError::New(env, std::string("dmremap native: ") + what).ThrowAsJavaScriptException();
  return env.Undefined();
}

// setHandler(handler)
Napi::Value SetHandler(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsFunction()) return Bad(info.Env(), "setHandler(function)");
  info.Env().GetInstanceData<AddonData>()->handler = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

// open(id, path, write, preferDirect): undefined, or {step, error} where the engine cannot
// start
Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonData* data = env.GetInstanceData<AddonData>();
  if (info.Length() < 4 || !info[0].IsNumber() || !info[1].IsString() || data->handler.IsEmpty()) {
    return Bad(env, "open(id, path, write, preferDirect)");
  }
  const char* step = nullptr;
  int error = 0;
  if (data->environment == nullptr) {
    data->environment = Environment::Create(env, data->handler.Value(), &step, &error);
  }
  if (data->environment != nullptr) {
    OpenOptions options;
    options.path = info[1].As<Napi::String>().Utf8Value();
    options.write = IsTrue(info[2]);
    options.prefer_direct = IsTrue(info[3]);
    std::unique_ptr<BlockingJob> job = std::make_unique<OpenJob>(
        data->environment, info[0].As<Napi::Number>().Uint32Value(), std::move(options));
    step = "pthread_create";
    error = data->environment->mailbox().Start(&job);
    if (error == 0) return env.Undefined();
  }
  Napi::Object failure = Napi::Object::New(env);
  failure.Set("step", step);
  failure.Set("error", error);
  return failure;
}

std::shared_ptr<Device> DeviceOf(const Napi::CallbackInfo& info, size_t at) {
  AddonData* data = info.Env().GetInstanceData<AddonData>();
  if (data->environment == nullptr || info.Length() <= at || !info[at].IsNumber()) return nullptr;
  return data->environment->engine().FindDevice(info[at].As<Napi::Number>().Uint32Value());
}

// configure(device, window)
Napi::Value Configure(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Device> device = DeviceOf(info, 0);
  if (device == nullptr || info.Length() < 2 || !info[1].IsNumber())
    return Bad(info.Env(), "configure(device, window)");
  device->window = info[1].As<Napi::Number>().Uint32Value();
  return info.Env().Undefined();
}

// submit(id, device, steps, groupEnds, durable): events or undefined; false when the queue is full.
// steps is flat: kind, offset (bigint), bytes (Uint8Array; null for a flush), ...
Napi::Value Submit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = DeviceOf(info, 1);
  if (device == nullptr || info.Length() < 5 || !info[0].IsNumber() || !info[2].IsArray() ||
      !info[3].IsArray()) {
    return Bad(env, "submit(id, device, steps, groupEnds, durable)");
  }
  const Napi::Array flat = info[2].As<Napi::Array>();
  const Napi::Array ends = info[3].As<Napi::Array>();
  std::vector<StepSpec> steps(flat.Length() / 3);
  for (uint32_t i = 0; i < steps.size(); i++) {
    Napi::Value kind;
    Napi::Value offset;
    Napi::Value bytes;
    const bool there =
        Element(flat, i * 3, &kind) && Element(flat, i * 3 + 1, &offset) && Element(flat, i * 3 + 2, &bytes);
    if (!there) return env.Undefined();
    if (!kind.IsNumber() || !offset.IsBigInt()) return Bad(env, "a step is kind, offset, bytes");
    StepSpec& step = steps[i];
    bool lossless = false;
    step = {};
    step.kind = static_cast<OpKind>(kind.As<Napi::Number>().Uint32Value());
    step.offset = offset.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless || step.kind > OpKind::kFlush) return Bad(env, "a step's offset or kind is off");
    if (step.kind == OpKind::kFlush) continue;
    if (!bytes.IsTypedArray() || bytes.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      return Bad(env, "a step's bytes are not a Uint8Array");
    }
    Napi::Uint8Array array = bytes.As<Napi::Uint8Array>();
    if (array.ByteLength() == 0 || array.ByteLength() > kSegmentBytes)
      return Bad(env, "a step's length is off");
    step.length = static_cast<uint32_t>(array.ByteLength());
    step.write_from = step.kind == OpKind::kWrite ? array.Data() : nullptr;
    step.read_into = step.kind == OpKind::kRead ? array.Data() : nullptr;
  }
  std::vector<uint32_t> group_ends(ends.Length());
  uint32_t before = 0;
  for (uint32_t i = 0; i < group_ends.size(); i++) {
    Napi::Value end;
    if (!Element(ends, i, &end)) return env.Undefined();
    group_ends[i] = end.IsNumber() ? end.As<Napi::Number>().Uint32Value() : 0;
    if (group_ends[i] <= before || group_ends[i] > steps.size()) return Bad(env, "a group's end is off");
    before = group_ends[i];
  }
  if (steps.empty() || before != steps.size()) return Bad(env, "the groups do not cover the steps");
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  if (!environment->engine().Submit(id, device, steps, group_ends, IsTrue(info[4]))) {
    return Napi::Boolean::New(env, false);
  }
  return environment->TakeEvents(env);
}

// abort(id): events or undefined
Napi::Value Abort(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  if (environment == nullptr || info.Length() < 1 || !info[0].IsNumber()) return Bad(env, "abort(id)");
  environment->engine().Abort(info[0].As<Napi::Number>().Uint32Value());
  return environment->TakeEvents(env);
}

// hold(on): keeps the loop alive for somebody who waits for a settled request to drain
Napi::Value Hold(const Napi::CallbackInfo& info) {
  Environment* environment = info.Env().GetInstanceData<AddonData>()->environment;
  if (environment != nullptr && info.Length() > 0) environment->engine().Hold(IsTrue(info[0]));
  return info.Env().Undefined();
}

// close(id, device): undefined when the close is under way, events when it is done already; false while
// something is still queued: call again.
Napi::Value Close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = DeviceOf(info, 1);
  if (device == nullptr || !info[0].IsNumber()) return Bad(env, "close(id, device)");
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  int fd = -1;
  if (!environment->engine().ReleaseDevice(device->id, &fd)) return Napi::Boolean::New(env, false);
  std::unique_ptr<BlockingJob> job =
      std::make_unique<CloseJob>(environment, info[0].As<Napi::Number>().Uint32Value(), std::vector<int>{fd});
  if (environment->mailbox().Start(&job) != 0) {
    job->Run();  // No thread to be had: better a close that may block than a descriptor that leaks.
    job->Finish();
  }
  return environment->TakeEvents(env);
}

// allocate(id, device, bytes): undefined; the event's payload is an errno, or 0
Napi::Value Allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = DeviceOf(info, 1);
  if (device == nullptr || info.Length() < 3 || !info[0].IsNumber() || !info[2].IsNumber()) {
    return Bad(env, "allocate(id, device, bytes)");
  }
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  const auto bytes = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
  std::unique_ptr<BlockingJob> job =
      std::make_unique<AllocateJob>(environment, id, fcntl(device->fd, F_DUPFD_CLOEXEC, 0), bytes);
  if (environment->mailbox().Start(&job) != 0) {
    job->Run();
    job->Finish();
  }
  return environment->TakeEvents(env);
}

// usage(): what is held now, for tests and for people who look for a leak
Napi::Value Usage(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object usage = Napi::Object::New(env);
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  const auto number = [&](size_t n) { return Napi::Number::New(env, static_cast<double>(n)); };
  usage.Set("operations", number(environment == nullptr ? 0 : environment->engine().ops_in_use()));
  usage.Set("inFlight", number(environment == nullptr ? 0 : environment->engine().in_flight()));
  usage.Set("requests", number(environment == nullptr ? 0 : environment->engine().active()));
  usage.Set("slabPages", number(environment == nullptr ? 0 : environment->engine().slab_pages_in_use()));
  return usage;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData());
  exports.Set("setHandler", Napi::Function::New(env, SetHandler, "setHandler"));
  exports.Set("open", Napi::Function::New(env, Open, "open"));
  exports.Set("configure", Napi::Function::New(env, Configure, "configure"));
  exports.Set("submit", Napi::Function::New(env, Submit, "submit"));
  exports.Set("abort", Napi::Function::New(env, Abort, "abort"));
  exports.Set("allocate", Napi::Function::New(env, Allocate, "allocate"));
  exports.Set("hold", Napi::Function::New(env, Hold, "hold"));
  exports.Set("close", Napi::Function::New(env, Close, "close"));
  exports.Set("usage", Napi::Function::New(env, Usage, "usage"));
  return exports;
}

}  // namespace

}  // namespace dmremap

namespace {

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return dmremap::Init(env, exports); }

}  // namespace

NODE_API_MODULE(dmremap, InitAddon)
