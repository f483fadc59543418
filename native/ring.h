// One io_uring. It prepares, submits and reaps; it knows no
// operations. COOP_TASKRUN with uv_poll on the ring's descriptor; never DEFER_TASKRUN (its descriptor never
// wakes a poller) and never SQPOLL (two to three times the CPU). Restricted to the opcodes that we use (io
// contract 11).
#ifndef DMREMAP_NATIVE_RING_H_
#define DMREMAP_NATIVE_RING_H_

#include <cstdint>
#include <vector>

#include "backend.h"
#include "sys_uring.h"

namespace dmremap {

constexpr uint32_t kSqEntries = 256;
// Operations handed to the kernel and not completed, over all devices of an environment.
constexpr uint32_t kMaxInFlight = 1024;
constexpr uint32_t kCqEntries = 4096;
// Devices open at a time. Each may have one operation beyond kMaxInFlight, so that none starves behind stuck
// ones.
constexpr uint32_t kMaxFiles = 256;
// An operation may owe two completions, its own and its cancel's. None may ever be dropped.
static_assert(2 * (kMaxInFlight + kMaxFiles) <= kCqEntries, "the completion queue can overflow");

class Ring : public Backend {
 public:
  Ring() = default;
  ~Ring() override;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void UseMemory(void* base, size_t bytes) override { memory_ = {base, bytes}; }
  int Open(const char** step) override;
  int fd() const override { return ring_.ring_fd; }

  int InstallFile(uint32_t place, int fd) override;
  int RemoveFile(uint32_t place, bool, int*) override { return InstallFile(place, -1); }
  uint32_t file_places() const override { return file_places_; }
  uint32_t max_in_flight() const override { return kMaxInFlight; }

  // False when the submission queue is full even after a submit.
  bool Prepare(const IoCommand& command) override;
  bool PrepareCancel(uint64_t target, uint64_t user_data) override;
  bool Submit() override;
  void Reap(std::vector<Completion>* completions) override;

 private:
  io_uring_sqe* Sqe();
  bool IsFixed(const IoCommand& command) const;
  int CheckOpcodes();
  int Restrict();

  io_uring ring_{};
  bool open_ = false;
  uint32_t file_places_ = 0;
  iovec memory_{};  // Registered, so that no write has to pin its pages. None where the limit is too low.
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_RING_H_
