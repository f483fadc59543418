// What a completion says about the disk. A policy that is read top down (io spec 1.1).
#ifndef DMREMAP_NATIVE_WRITE_OUTCOME_H_
#define DMREMAP_NATIVE_WRITE_OUTCOME_H_

#include <cerrno>
#include <cstdint>

namespace dmremap {

// The numbers are part of the interface to lib/device/native.ts.
enum class Outcome : uint8_t { kUntouched = 0, kDone = 1, kUnknown = 2 };

struct Verdict {
  Outcome outcome;
  int error;  // errno, 0 for none; a short transfer has none.
  bool retry;
};

// `res` is the CQE's result for an operation of `length` bytes (0 for a flush). `canceling`: we have asked
// for its cancel.
inline Verdict Classify(int32_t res, uint32_t length, bool canceling) {
  // An errno is input, not a mistake of ours: nothing here aborts.
  if (res >= 0 && static_cast<uint32_t>(res) == length) return {Outcome::kDone, 0, false};
  if (res >= 0) return {Outcome::kUnknown, 0, false};  // Short: a torn slot, for repair to find.
  switch (-res) {
    case ECANCELED:  // Withdrawn before it was issued; but a device may say so too, of what it has done.
      return {canceling ? Outcome::kUntouched : Outcome::kUnknown, ECANCELED, false};
    case EAGAIN:
      return {Outcome::kUnknown, EAGAIN, true};  // The kernel was short of a resource.
    case EINTR:
      return {Outcome::kUnknown, EINTR, false};  // Withdrawn while it was running.
    case EBADF:
    case EINVAL:
    case EOPNOTSUPP:
      return {Outcome::kUnknown, -res, false};  // Most likely refused at once; not proven, so not claimed.
    default:
      return {Outcome::kUnknown, -res, false};  // EIO, and every errno that we did not foresee.
  }
}

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_WRITE_OUTCOME_H_
