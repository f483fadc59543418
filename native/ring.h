// One io_uring for one device. A file that is registered lives as long as its ring, and a ring as long as
// anything is in flight in it: two devices in one ring would hold each other (docs/kernel-facts.md).
//
// It prepares, submits and reaps; it knows no operations. COOP_TASKRUN with uv_poll on the ring's descriptor;
// never DEFER_TASKRUN (its descriptor never wakes a poller) and never SQPOLL (two to three times the CPU).
// Restricted to the opcodes that we use (io-contract.md rule 11).
#ifndef DMREMAP_NATIVE_RING_H_
#define DMREMAP_NATIVE_RING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "backend.h"
#include "sys_uring.h"

namespace dmremap {

// What does not fit goes with the next submission.
constexpr uint32_t kSqEntries = 64;
// As much as the largest window of a device.
constexpr uint32_t kMaxInFlight = 256;
constexpr uint32_t kCqEntries = 512;
// Of a thread of ours, in the kernel: one for all that can be stuck. RLIMIT_NPROC bounds it too.
constexpr uint32_t kMaxWorkers = 65536;
// Rings of the process with memory that is registered: RLIMIT_MEMLOCK must have room for the rings
// themselves, which some kernels count too.
constexpr uint32_t kMaxRegistered = 8;
// An operation may owe two completions, its own and its cancel's. None may ever be dropped.
static_assert(2 * kMaxInFlight <= kCqEntries, "the completion queue can overflow");

class Ring : public Backend {
 public:
  Ring() : handle_(std::make_shared<Handle>()), ring_(handle_->ring) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void UseMemory(void* base, size_t bytes) override { memory_ = {base, bytes}; }
  int Open(const char** step) override;
  int fd() const override { return ring_.ring_fd; }

  int InstallFile(uint32_t place, int fd) override;
  Remains RemoveFile(uint32_t, bool) override { return {handle_, -1}; }
  uint32_t file_places() const override { return 1; }
  uint32_t max_in_flight() const override { return kMaxInFlight; }

  // False when the submission queue is full even after a submit.
  bool Prepare(const IoCommand& command) override;
  bool PrepareCancel(uint64_t target, uint64_t user_data) override;
  bool Submit() override;
  void Reap(std::vector<Completion>* completions) override;

 private:
  // Goes with the last that has it: the ring, or the job that closes the device.
  struct Handle : Registration {
    ~Handle() override;
    int Undo() override;
    void Register(iovec* memory);
    io_uring ring{};
    bool open = false;
    bool registered = false;
  };

  io_uring_sqe* Sqe();
  bool IsFixed(const IoCommand& command) const;
  int CheckOpcodes();
  int Restrict();

  std::shared_ptr<Handle> handle_;
  io_uring& ring_;
  iovec memory_{};  // Registered, so that no write has to pin its pages. None where a limit is too low.
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_RING_H_
