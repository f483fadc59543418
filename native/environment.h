// One Environment per Node environment (main thread or worker), created at the first open: it owns the
// engines and the jobs' mailbox, and tells JavaScript what has happened through one handler, a few events in
// a call.
//
// Teardown: an asynchronous cleanup hook, because uv handles close only on a later turn of the loop. A
// synchronous hook crashes (the .node is unloaded before the callback), none at all aborts the process, and
// one that is never removed hangs worker.terminate() (io spec 1.4). Node runs the loop once more before it
// calls the hook, and a worker can be terminated in the middle of any call: then no JavaScript can run, and
// what cannot be told is dropped (NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS; without it the process aborts).
// Linked with -z nodelete, so a stuck thread never returns into code that is gone.
#ifndef DMREMAP_NATIVE_ENVIRONMENT_H_
#define DMREMAP_NATIVE_ENVIRONMENT_H_

#include <napi.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "blocking_job.h"
#include "device_jobs.h"
#include "engine.h"

namespace dmremap {

// The numbers are part of the interface to lib/device/native.ts.
enum class EngineKind : uint32_t { kIoUring = 0, kLibaio = 1, kThreads = 2 };

// Starts a backend of this kind as an engine would, and lets it go. 0, or an errno with the name of the step
// that failed.
int ProbeEngine(EngineKind kind, const char** step);

// Events in a call: what JavaScript starts because of the first ones is with the kernel while it hears of the
// others.
constexpr uint32_t kEventsInCall = 8;

// What JavaScript listens with: handler(count, events). `done` has `count` numbers, each of a request that
// has settled, drained and succeeded, or 0 for the next of `events`; what is left of these then comes after
// them.
struct Listener {
  Napi::FunctionReference handler;
  Napi::Reference<Napi::Uint32Array> done;  // Of kEventsInCall elements.
};

class Environment {
 public:
  // Null with a step and an errno where there can be none; throws std::bad_alloc.
  static Environment* Create(Napi::Env env, const Listener& listener, const char** step, int* error);

  // Starts it at the first call; null with a step and an errno where it cannot. Throws std::bad_alloc.
  Engine* EngineOf(EngineKind kind, const char** step, int* error);
  // The engine that has this device, and the device.
  Engine* FindDevice(uint32_t id, std::shared_ptr<Device>* device);
  const std::vector<std::unique_ptr<Engine>>& engines() const { return engines_; }
  // Keeps the loop alive for somebody who waits.
  void Hold(bool hold);
  Mailbox& mailbox() { return *mailbox_; }
  // The device's descriptor, and with it the job that closes it. Null where there is no such device.
  std::unique_ptr<CloseJob>* CloserOf(uint32_t device);
  void Forget(uint32_t device) { closers_.erase(device); }
  // Everything that is to be told, as one flat array: id, kind, payload, id, kind, payload, ...
  Napi::Value TakeEvents(Napi::Env env);

 private:
  explicit Environment(napi_env env) : env_(env) {}
  static void OnNotify(void* self) { static_cast<Environment*>(self)->Notify(); }
  void Notify();
  bool TellSome();
  void TakeJobs(Napi::Array* flat);
  Napi::Value Payload(DeviceJob* job);
  int Adopt(OpenJob* job, uint32_t device);
  static void OnCleanup(napi_async_cleanup_hook_handle handle, void* self);
  static void OnPartStopped(void* self);

  Napi::Env env_;
  Napi::FunctionReference handler_;
  Napi::Reference<Napi::Uint32Array> done_array_;
  uint32_t* done_ = nullptr;  // Its elements, which stay where they are.
  std::unique_ptr<Napi::AsyncContext> async_context_;
  uv_loop_t* loop_ = nullptr;
  std::vector<std::unique_ptr<Engine>> engines_;  // In the order in which they were asked for.
  std::vector<EngineKind> kinds_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<uint32_t, std::unique_ptr<CloseJob>> closers_;  // By device.
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  int running_parts_ = 0;
  uint32_t last_device_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_ENVIRONMENT_H_
