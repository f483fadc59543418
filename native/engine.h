// One engine of an environment: one backend (a ring, say), created at the first open that asks for it, polled
// by the environment's loop. Runs on the loop thread only. It knows offsets, tickets and errnos; it knows no
// copies, checksums or promises. Every request settles exactly once, and is told `drained` once more if it
// was settled with writes in the kernel.
#ifndef DMREMAP_NATIVE_ENGINE_H_
#define DMREMAP_NATIVE_ENGINE_H_

#include <uv.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "backend.h"
#include "op_table.h"
#include "request.h"
#include "slab.h"

namespace dmremap {

// How long an abort waits for the kernel's answer to the cancel before it settles as unknown (io contract 3).
constexpr uint64_t kGraceMs = 5;
// A queue scan passes over this many operations that wait for an overlapping one, then stops.
constexpr int kMaxPassedOver = 64;
constexpr uint8_t kMaxRetries = 16;

struct Event {
  enum class Kind : uint8_t { kSettled = 1, kSettledUndrained = 2, kDrained = 3 };
  uint32_t request;
  Kind kind;
  std::vector<StepResult> results;
};

struct StepSpec {
  OpKind kind;
  uint64_t offset;
  uint32_t length;
  const uint8_t* write_from;  // Copied at the call.
  uint8_t* read_into;         // Must live until the request settles.
};

class Engine {
 public:
  // Called with events in `events()`, from the poll and timer callbacks only.
  using Notify = void (*)(void* context);

  Engine(uv_loop_t* loop, std::unique_ptr<Backend> backend, Notify notify, void* context);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // 0, or an errno with the name of the step that failed. Call once; after a failure the engine can only be
  // deleted.
  int Start(const char** step);
  // Closes the handles, then calls `done`, after which the engine may be deleted. What is in flight is let
  // go.
  void Stop(void (*done)(void* context), void* context);

  // 0, or an errno: EMFILE where kMaxFiles are open.
  int AddDevice(uint32_t id, int fd, bool async);
  std::shared_ptr<Device> FindDevice(uint32_t id) const;
  // Gives up the descriptors: the caller closes them. False while an operation is queued or prepared. Its
  // place in the backend's table is free again when nothing in the kernel names it.
  bool ReleaseDevice(uint32_t id, std::vector<int>* descriptors);
  std::vector<int> TakeDescriptors();

  // False when the slab or the table is full; nothing was started then.
  bool Submit(uint32_t id, const std::shared_ptr<Device>& device, const std::vector<StepSpec>& steps,
              const std::vector<uint32_t>& group_ends, bool dsync);
  void Abort(uint32_t id);
  // Somebody waits for a request that has settled to drain: keeps the loop alive until they stop.
  void Hold(bool hold);

  std::vector<Event> TakeEvents() { return std::move(events_); }

  uint32_t ops_in_use() const { return ops_.in_use(); }
  size_t slab_pages_in_use() const { return slab_.pages_in_use(); }
  uint32_t in_flight() const { return in_flight_; }
  uint32_t active() const { return active_; }

 private:
  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void OnTimer(uv_timer_t* handle);
  static void OnClosed(uv_handle_t* handle);

  void Reap();
  void Run();  // Pumps the devices that changed, submits, arms the timer. Every entry point ends with it.
  void Pump(Device* device);
  void MarkDirty(const std::shared_ptr<Device>& device);
  bool Prepare(Device* device, Op* op);
  void Complete(Op* op, int32_t res);
  void CancelAnswered(Op* op, int32_t res);
  void GiveUpFor(Op* op);
  void Answer(Request* request, uint32_t step, Outcome outcome, int error, uint32_t transferred);
  void Advance(Request* request);
  void Enqueue(Request* request);
  void Settle(Request* request);
  void Discard(Op* op);
  void ReleaseBlock(Op* op);
  void UpdateReference();
  void FreePlace(Device* device);

  uv_loop_t* loop_;
  Notify notify_;
  void* context_;
  Slab slab_;  // Outlives the backend: members die in reverse order.
  std::unique_ptr<Backend> backend_;
  OpTable ops_;
  uv_poll_t poll_{};
  uv_timer_t timer_{};
  int open_handles_ = 0;
  void (*stopped_)(void*) = nullptr;
  void* stopped_context_ = nullptr;
  std::unordered_map<uint32_t, std::shared_ptr<Device>> devices_;
  std::unordered_map<uint32_t, std::unique_ptr<Request>> requests_;
  std::vector<uint32_t> aborting_;  // Requests within their grace.
  std::deque<std::shared_ptr<Device>> dirty_;
  std::vector<Event> events_;
  uint32_t in_flight_ = 0;
  uint32_t active_ = 0;  // Requests that are not settled: they keep the loop alive,
  uint32_t holds_ = 0;   // and so do these. A write that was given up and that nobody waits for does not.
  std::vector<uint32_t> free_places_;
  bool started_ = false;
  bool stopping_ = false;
  bool short_of_room_ = false;  // Something could not be prepared: try again by timer.
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_ENGINE_H_
