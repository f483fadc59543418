// Plain preadv2, pwritev2 and fdatasync on threads of our own, never on Node's pool: where io_uring is
// forbidden. A thread that is stuck in a device stays there, and with it the process at its end: no promise
// of leaving can be kept (io spec 1.3). What is queued here and not taken by a thread can be withdrawn; what
// runs cannot.
//
// The core is what pool and threads share. It goes with the last of them, and a thread that is stuck may be
// that: it holds the file, and so the lock that keeps a successor out until the write has landed.
#ifndef DMREMAP_NATIVE_THREAD_POOL_H_
#define DMREMAP_NATIVE_THREAD_POOL_H_

#include <vector>

#include "backend.h"

namespace dmremap {

class ThreadPool : public Backend {
 public:
  ThreadPool();
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int Open(const char** step) override;
  int fd() const override;
  int InstallFile(uint32_t place, int fd) override;
  Remains RemoveFile(uint32_t place, bool idle) override;
  uint32_t file_places() const override;
  uint32_t max_in_flight() const override;
  bool Prepare(const IoCommand& command) override;
  bool PrepareCancel(uint64_t target, uint64_t user_data) override;
  bool Submit() override;
  void Reap(std::vector<Completion>* completions) override;
  void TakeBack(std::vector<Completion>* completions) override;

 private:
  struct Core;
  Core* core_;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_THREAD_POOL_H_
