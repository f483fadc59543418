// Work that may block (open, flock, fallocate, close) on a thread of its own, never on Node's pool, where a
// hanging device would starve everybody else (io-contract.md rule 7). The job itself comes back to the loop
// with its result; if the environment has gone meanwhile, it is told so on its own thread and cleans up after
// itself. The job is all the memory there is to it: from its start on it needs none.
#ifndef DMREMAP_NATIVE_BLOCKING_JOB_H_
#define DMREMAP_NATIVE_BLOCKING_JOB_H_

#include <pthread.h>
#include <uv.h>

#include <cstdint>
#include <memory>

#include "list.h"

namespace dmremap {

class Mailbox;

class BlockingJob {
 public:
  virtual ~BlockingJob() = default;
  virtual void Run() = 0;      // On its own thread. Must not throw.
  virtual void Abandon() = 0;  // On any thread, after Run(): nobody waits for the result any more.

  std::shared_ptr<Mailbox> mailbox;  // While it is under way.
  BlockingJob* previous = nullptr;
  BlockingJob* next = nullptr;
};

// Where jobs come back to. Shared with the threads, so it outlives an environment that ends before them.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // 0 or an errno. Calls `arrived` from the loop when there is something to take.
  int Open(uv_loop_t* loop, void (*arrived)(void*), void* context);
  // Later results are abandoned. Calls `closed` from the loop; the mailbox must not be destroyed before.
  void Close(void (*closed)(void*), void* context);

  // A job does not keep the loop alive: who waits for it does. Where there is no thread it runs at once:
  // better one that may block than a descriptor that leaks.
  void Start(std::unique_ptr<BlockingJob> job);
  // 0 or an errno, with the job untouched.
  int TryStart(std::unique_ptr<BlockingJob>* job);
  // Keeps the loop alive until as many have let go of it.
  void Hold(bool hold);
  // On the loop thread: the next that is done, null where there is none.
  bool has_any() const { return !done_.empty(); }
  std::unique_ptr<BlockingJob> Take() { return std::unique_ptr<BlockingJob>(done_.PopFront()); }

 private:
  static void* OnThread(void* job);
  static void OnAsync(uv_async_t* handle);
  static void OnClosed(uv_handle_t* handle);
  void Deliver(std::unique_ptr<BlockingJob> job);

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  bool open_ = false;          // Under the mutex.
  List<BlockingJob> arrived_;  // Under the mutex. Owned, as the other.
  List<BlockingJob> done_;     // Of the loop thread alone.
  uv_async_t async_{};
  uint32_t holds_ = 0;
  void (*on_arrived_)(void*) = nullptr;
  void* context_ = nullptr;
  void (*closed_)(void*) = nullptr;
  void* closed_context_ = nullptr;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_BLOCKING_JOB_H_
