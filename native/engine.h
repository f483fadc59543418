// One engine: one backend, polled by the environment's loop. A ring's has one device, and goes with it; the
// others have all devices of an environment that ask for them. Runs on the loop thread only. It knows
// offsets, tickets and errnos; it knows no copies, checksums or promises. Every request settles exactly once,
// and is told `drained` once more if it was told with writes in the kernel.
//
// Memory is had by Start(), AddDevice() and Submit(), which throw std::bad_alloc with nothing changed.
// Everything else takes none: what has begun cannot be refused any more.
#ifndef DMREMAP_NATIVE_ENGINE_H_
#define DMREMAP_NATIVE_ENGINE_H_

#include <uv.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "backend.h"
#include "op_table.h"
#include "request_table.h"
#include "slab.h"

namespace dmremap {

// How long an abort waits for the kernel's answer to the cancel before it settles as unknown (io-contract.md
// rule 3).
constexpr uint64_t kGraceMs = 5;
constexpr uint8_t kMaxRetries = 16;
// So many requests that were called on one turn go to the kernel together, or a share of what it has: a
// system call costs as much as all the rest of a write. The first goes at once where its device has nothing
// to do.
constexpr uint32_t kBatch = 4;
constexpr uint32_t kBatchShare = 8;

// The numbers are part of the interface to lib/device/native.ts.
enum class Event : uint8_t { kSettled = 1, kSettledUndrained = 2, kDrained = 3 };

struct StepSpec {
  OpKind kind;
  uint64_t offset;
  uint32_t length;
  const uint8_t* write_from;  // Copied at the call.
  uint8_t* read_into;         // Must live until the request settles.
};

class Engine {
 public:
  // Called with something to tell, from the poll, timer and prepare callbacks only.
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

  // 0, or an errno: EMFILE where the backend's table of files is full. The descriptor stays the caller's.
  int AddDevice(uint32_t id, int fd, bool async);
  std::shared_ptr<Device> FindDevice(uint32_t id) const {
    const auto found = devices_.find(id);
    return found == devices_.end() ? nullptr : found->second;
  }
  // False while an operation is queued or prepared: come back. Its place in the backend's table is free again
  // when nothing in the kernel names it.
  bool ReleaseDevice(uint32_t id, Remains* remains);

  // False when the slab or the table is full; nothing was started then, nor where it throws. `group_ends`
  // rise up to `count`. What it starts is with the kernel at the latest when the loop would wait.
  bool Submit(uint32_t id, const std::shared_ptr<Device>& device, const StepSpec* steps, uint32_t count,
              const std::vector<uint32_t>& group_ends, bool dsync);
  // Hands over what waits for company, and sees to what has changed.
  void Flush() {
    if (gathered_ > 0 || !dirty_.empty()) Run();
  }
  void Abort(uint32_t id);

  // Nothing is in the kernel, and everything is told.
  bool idle() const { return in_flight_ == 0 && active_ == 0 && untold_.empty(); }
  bool stopping() const { return stopping_; }
  bool stopped() const { return stopping_ && open_handles_ == 0; }
  bool has_untold() const { return !untold_.empty(); }
  // Calls `tell(request, event)` for what has settled or drained since, at most so many, with what is known
  // by now. Returns how many are left to `most`.
  template <typename Tell>
  uint32_t TellSome(uint32_t most, Tell tell);

  uint32_t ops_in_use() const { return ops_.in_use(); }
  size_t slab_pages_in_use() const { return slab_.pages_in_use(); }
  uint32_t in_flight() const { return in_flight_; }
  uint32_t active() const { return active_; }

 private:
  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void OnTimer(uv_timer_t* handle);
  static void OnPrepare(uv_prepare_t* handle);
  static void OnClosed(uv_handle_t* handle);

  void Reap();
  void Run();       // Pumps the devices that changed, and hands over. An entry point ends with it, or sees to
                    // it that the loop does not wait before.
  void HandOver();  // To the kernel what is prepared; arms the timer.
  void Pump(Device* device);
  void MarkDirty(Device* device);
  bool Make(Request* request, const StepSpec* steps, uint32_t count, bool dsync);
  void Unmake(Request* request);
  void Complete(Op* op, int32_t res);
  void CancelAnswered(Op* op, int32_t res);
  void GiveUpFor(Op* op);
  void Advance(Request* request);
  void Enqueue(Request* request);
  void Settle(Request* request);
  void QueueToTell(Request* request);
  void Discard(Op* op);
  void ReleaseBlock(Op* op);
  void UpdateReference();

  uv_loop_t* loop_;
  Notify notify_;
  void* context_;
  Slab slab_;  // Outlives the backend: members die in reverse order.
  std::unique_ptr<Backend> backend_;
  OpTable ops_;
  uv_poll_t poll_{};
  uv_timer_t timer_{};
  uv_prepare_t prepare_{};  // Before the loop waits: for what was gathered, or settled in a call.
  int open_handles_ = 0;
  void (*stopped_)(void*) = nullptr;
  void* stopped_context_ = nullptr;
  std::unordered_map<uint32_t, std::shared_ptr<Device>> devices_;
  RequestTable requests_;   // Until they have been told for the last time.
  List<Request> in_grace_;  // Aborted; the first is the first to be given up.
  List<Request> untold_;
  List<Device> dirty_;                   // Holds no device that is released.
  uint32_t gathered_ = 0;                // Requests that are queued and wait for company.
  std::vector<Completion> completions_;  // Has room for all that there can be.
  uint32_t in_flight_ = 0;
  // Requests that are not settled: they keep the loop alive. A write that was given up does not.
  uint32_t active_ = 0;
  std::vector<uint32_t> free_places_;  // Has room for all of them.
  bool started_ = false;
  bool stopping_ = false;
  bool short_of_room_ = false;  // Something could not be prepared: try again by timer.
};

template <typename Tell>
uint32_t Engine::TellSome(uint32_t most, Tell tell) {
  for (; most > 0; most--) {
    Request* request = untold_.PopFront();
    if (request == nullptr) break;
    const bool drained = request->in_kernel == 0;
    const Event settled = drained ? Event::kSettled : Event::kSettledUndrained;
    tell(*request, request->told ? Event::kDrained : settled);
    request->told = true;
    request->untold = false;
    if (drained) requests_.Release(request);
  }
  return most;
}

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_ENGINE_H_
