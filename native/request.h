// What JavaScript asked for and what it settles on: ordered groups of steps, the next group issued when all
// of the last one succeeded, without a round trip through JavaScript (io-contract.md rule 9). A single write
// is one group of one. Whatever a request will ever need is had before it starts: from then on it moves
// between lists.
#ifndef DMREMAP_NATIVE_REQUEST_H_
#define DMREMAP_NATIVE_REQUEST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "list.h"
#include "op_table.h"
#include "touched.h"
#include "write_outcome.h"

namespace dmremap {

// Beside errno's numbers: the step was refused because an aborted write to its range may still land.
constexpr int kUnsettledError = 4096;

struct Device {
  uint32_t id = 0;
  uint32_t place = 0;  // In the backend's table of files.
  uint32_t window = 1;
  bool async = false;  // io_uring_enter could block on this target: IOSQE_ASYNC on everything (io spec 1.4).
  bool released = false;  // Closed; what is in the kernel still has its place.
  bool dirty = false;     // Stands in Engine::dirty_, by the links below.
  List<Op> queue;         // Not handed to the kernel yet: what a cancel always withdraws.
  List<Op> in_kernel;     // At most `window`, but by Enter() and Leave() alone.
  Touched touched;        // By those.
  Device* previous = nullptr;
  Device* next = nullptr;

  void Enter(Op* op) {
    in_kernel.PushBack(op);
    touched.Add(*op);
  }
  void Leave(Op* op) {
    in_kernel.Remove(op);
    touched.Remove(*op);
  }
};

struct StepResult {
  Outcome outcome = Outcome::kUntouched;
  int error = 0;
  uint32_t transferred = 0;
  bool answered = false;  // Final, or given up for now because the kernel could not withdraw it.
};

struct Request {
  uint32_t id = 0;  // 0: nobody's.
  std::shared_ptr<Device> device;
  std::vector<Op*> ops;  // By step; null once the kernel and the queue have let go of it.
  std::vector<StepResult> results;
  std::vector<uint32_t> group_ends;
  uint32_t group = 0;
  uint32_t unanswered = 0;  // Steps of the current group without an answer.
  uint32_t in_kernel = 0;
  uint64_t grace_end_ms = 0;
  bool aborting = false;
  bool in_grace = false;  // Stands in Engine::in_grace_,
  bool untold = false;    // or in Engine::untold_, both by the links below: the second once it has settled.
  bool settled = false;
  bool told = false;  // JavaScript knows that it has settled; what is left to tell is that it has drained.
  Request* previous = nullptr;
  Request* next = nullptr;

  uint32_t group_begin() const { return group == 0 ? 0 : group_ends[group - 1]; }
  uint32_t group_end() const { return group_ends[group]; }
  bool GroupSucceeded() const;
  bool Succeeded() const;
  // What is known of a step by now; a later answer may know more.
  void Answer(uint32_t step, Outcome outcome, int error, uint32_t transferred);
  // As it was made, but for the memory of its vectors: the next one needs that again.
  void Clear();
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_REQUEST_H_
