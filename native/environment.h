// One Environment per Node environment (main thread or worker), created at the first open: it owns the
// engines, a ring for each device, the devices and the jobs' mailbox, and tells JavaScript what has happened
// through one handler, a few events in a call.
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

#include <array>
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

  // Starts to open a device. False with a step and an errno where the engine cannot start, or no thread can.
  // Throws std::bad_alloc.
  bool Open(std::unique_ptr<OpenJob> job, EngineKind kind, const char** step, int* error);
  // The engine that has this device, and the device: null where it is not open.
  Engine* FindDevice(uint32_t id, std::shared_ptr<Device>* device) const {
    const auto found = devices_.find(id);
    if (found == devices_.end() || found->second.device == nullptr) return nullptr;
    *device = found->second.device;
    return found->second.engine;
  }
  // Of a device that is open.
  int DescriptorOf(uint32_t device) const { return devices_.at(device).closer->descriptor(); }
  // Lets go of a device that is open, and tells `id` when that is done: at once, or where the device has a
  // ring of its own, when what is in flight there has landed. False while something is queued: come back.
  bool Close(uint32_t id, uint32_t device);
  const std::vector<std::unique_ptr<Engine>>& engines() const { return engines_; }
  // Keeps the loop alive for somebody who waits: for a device to open, for an allocation, or for a request
  // that has settled to drain.
  void Hold(bool hold) { mailbox_->Hold(hold); }
  Mailbox& mailbox() { return *mailbox_; }
  // Everything that is to be told, as one flat array: id, kind, payload, id, kind, payload, ...
  Napi::Value TakeEvents(Napi::Env env);

 private:
  struct OpenDevice {
    Engine* engine = nullptr;
    std::shared_ptr<Device> device;    // Null once it is let go of.
    std::unique_ptr<CloseJob> closer;  // Has its descriptor.
    Remains remains;
  };

  explicit Environment(napi_env env) : env_(env) {}
  Engine* EngineFor(EngineKind kind, const char** step, int* error);
  bool IsOfOneDevice(const Engine* engine) const;
  void StopIfOfOneDevice(Engine* engine);
  void StartClose(OpenDevice* device);
  void CloseDrained();
  static void OnNotify(void* self) { static_cast<Environment*>(self)->Notify(); }
  void Notify();
  bool TellSome();
  void TakeJobs(Napi::Array* flat);
  Napi::Value Payload(DeviceJob* job);
  int Adopt(OpenJob* job, uint32_t device);
  static void OnCleanup(napi_async_cleanup_hook_handle handle, void* self);
  static void OnMailboxClosed(void* self);
  static void OnEngineStopped(void* self);
  void EndIfStopped();

  Napi::Env env_;
  Napi::FunctionReference handler_;
  Napi::Reference<Napi::Uint32Array> done_array_;
  uint32_t* done_ = nullptr;  // Its elements, which stay where they are.
  std::unique_ptr<Napi::AsyncContext> async_context_;
  uv_loop_t* loop_ = nullptr;
  std::vector<std::unique_ptr<Engine>> engines_;  // In the order in which they were asked for.
  std::array<Engine*, 3> shared_{};               // By kind: those that all devices share.
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<uint32_t, OpenDevice> devices_;
  uint32_t draining_ = 0;  // Devices that are let go of and wait for what is in flight.
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool ending_ = false;
  bool mailbox_closed_ = false;
  uint32_t last_device_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_ENVIRONMENT_H_
