// Work that may block (open, flock, fallocate, close) on a thread of its own, never on Node's pool, where a
// hanging device would starve everybody else (io contract 7). The result comes back to the loop; if the
// environment has gone meanwhile, the job is told so on its own thread and cleans up after itself.
#ifndef DMREMAP_NATIVE_BLOCKING_JOB_H_
#define DMREMAP_NATIVE_BLOCKING_JOB_H_

#include <pthread.h>
#include <uv.h>

#include <memory>
#include <vector>

namespace dmremap {

class BlockingJob {
 public:
  virtual ~BlockingJob() = default;
  virtual void Run() = 0;      // On its own thread.
  virtual void Finish() = 0;   // On the loop thread, afterwards.
  virtual void Abandon() = 0;  // Instead of Finish(), on any thread: nobody waits for the result any more.
};

// Where jobs leave their results. Shared with the threads, so it outlives an environment that ends before
// them.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  int Open(uv_loop_t* loop, void (*after_finish)(void*), void* context);
  // Later results are abandoned. Calls `closed` from the loop; the mailbox must not be destroyed before.
  void Close(void (*closed)(void*), void* context);

  // 0 or an errno, with the job untouched. A job does not keep the loop alive: who waits for it does.
  int Start(std::unique_ptr<BlockingJob>* job);

 private:
  struct Flight {
    std::shared_ptr<Mailbox> mailbox;
    std::unique_ptr<BlockingJob> job;
  };

  static void* OnThread(void* flight);
  static void OnAsync(uv_async_t* handle);
  static void OnClosed(uv_handle_t* handle);
  void Deliver(std::unique_ptr<Flight> flight);

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  bool open_ = false;                             // Under the mutex.
  std::vector<std::unique_ptr<Flight>> arrived_;  // Under the mutex.
  uv_async_t async_{};
  void (*after_finish_)(void*) = nullptr;
  void* context_ = nullptr;
  void (*closed_)(void*) = nullptr;
  void* closed_context_ = nullptr;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_BLOCKING_JOB_H_
