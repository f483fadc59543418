// What JavaScript asked for and what it settles on: ordered groups of steps, the next group issued when all
// of the last one succeeded, without a round trip through JavaScript (io contract 9). A single write is one
// group of one.
#ifndef DMREMAP_NATIVE_REQUEST_H_
#define DMREMAP_NATIVE_REQUEST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "op_table.h"
#include "write_outcome.h"

namespace dmremap {

// Beside errno's numbers: the step was refused because an aborted write to its range may still land.
constexpr int kUnsettledError = 4096;

// A list through the operations themselves: a withdrawal from the middle costs the same with 1,000 queued as
// with 1.
class OpQueue {
 public:
  Op* front() const { return head_; }
  void PushBack(Op* op);
  void PushFront(Op* op);
  void Remove(Op* op);

 private:
  Op* head_ = nullptr;
  Op* tail_ = nullptr;
};

struct Device {
  uint32_t id = 0;
  int fd = -1;         // For the close; what goes to the kernel names `place`.
  uint32_t place = 0;  // In the backend's table of files.
  uint32_t window = 1;
  bool async = false;  // io_uring_enter could block on this target: IOSQE_ASYNC on everything (io spec 1.4).
  bool dirty = false;  // Stands in Engine::dirty_.
  OpQueue queue;       // Not handed to the kernel yet: what a cancel always withdraws.
  std::vector<Op*> in_kernel;  // At most `window`.
};

struct StepResult {
  Outcome outcome = Outcome::kUntouched;
  int error = 0;
  uint32_t transferred = 0;
  bool answered = false;  // Final, or given up for now because the kernel could not withdraw it.
};

struct Request {
  uint32_t id = 0;
  std::shared_ptr<Device> device;
  std::vector<Op*> ops;  // By step; null once the kernel and the queue have let go of it.
  std::vector<StepResult> results;
  std::vector<uint32_t> group_ends;
  uint32_t group = 0;
  uint32_t unanswered = 0;  // Steps of the current group without an answer.
  uint32_t in_kernel = 0;
  uint64_t grace_end_ms = 0;
  bool aborting = false;
  bool settled = false;

  uint32_t group_begin() const { return group == 0 ? 0 : group_ends[group - 1]; }
  uint32_t group_end() const { return group_ends[group]; }
  bool GroupSucceeded() const;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_REQUEST_H_
