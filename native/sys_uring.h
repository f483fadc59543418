// liburing's calls, in the manner of sys.h; the only header that includes liburing.h. What only fills a
// structure is called as it is.
#ifndef DMREMAP_NATIVE_SYS_URING_H_
#define DMREMAP_NATIVE_SYS_URING_H_

#include <liburing.h>

#include "sys.h"

namespace dmremap::sys {

inline int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* params) {
  return OrNegative("io_uring_queue_init_params",
                    [&] { return ::io_uring_queue_init_params(entries, ring, params); });
}

inline int io_uring_ring_dontfork(io_uring* ring) {
  return OrNegative("io_uring_ring_dontfork", [&] { return ::io_uring_ring_dontfork(ring); });
}

inline int io_uring_register_files(io_uring* ring, const int* fds, unsigned count) {
  return OrNegative("io_uring_register_files", [&] { return ::io_uring_register_files(ring, fds, count); });
}

inline int io_uring_unregister_files(io_uring* ring) {
  return OrNegative("io_uring_unregister_files", [&] { return ::io_uring_unregister_files(ring); });
}

inline int io_uring_register_buffers(io_uring* ring, const iovec* buffers, unsigned count) {
  return OrNegative("io_uring_register_buffers",
                    [&] { return ::io_uring_register_buffers(ring, buffers, count); });
}

inline int io_uring_register_iowq_max_workers(io_uring* ring, unsigned* most) {
  return OrNegative("io_uring_register_iowq_max_workers",
                    [&] { return ::io_uring_register_iowq_max_workers(ring, most); });
}

inline int io_uring_register_restrictions(io_uring* ring, io_uring_restriction* allowed, unsigned count) {
  return OrNegative("io_uring_register_restrictions",
                    [&] { return ::io_uring_register_restrictions(ring, allowed, count); });
}

inline int io_uring_register_probe(io_uring* ring, io_uring_probe* probe, unsigned count) {
  return OrNegative("io_uring_register_probe", [&] { return ::io_uring_register_probe(ring, probe, count); });
}

inline int io_uring_enable_rings(io_uring* ring) {
  return OrNegative("io_uring_enable_rings", [&] { return ::io_uring_enable_rings(ring); });
}

// With nothing to submit and nothing to wait for: whether it is allowed.
inline int io_uring_enter(int ring) {
  return OrErrno("io_uring_enter",
                 [&] { return static_cast<int>(::syscall(__NR_io_uring_enter, ring, 0, 0, 0, nullptr, 0)); });
}

inline io_uring_sqe* io_uring_get_sqe(io_uring* ring) {
  return OrNull("io_uring_get_sqe", [&] { return ::io_uring_get_sqe(ring); });
}

inline int io_uring_submit(io_uring* ring) {
  return OrNegative("io_uring_submit", [&] { return ::io_uring_submit(ring); });
}

inline int io_uring_peek_cqe(io_uring* ring, io_uring_cqe** cqe) {
  return OrNegative("io_uring_peek_cqe", [&] { return ::io_uring_peek_cqe(ring, cqe); });
}

// What became of an operation, or of its cancel.
inline int32_t Result(const io_uring_cqe& cqe, bool of_cancel) {
  return OrNegative(of_cancel ? "cqe of a cancel" : "cqe", [&] { return cqe.res; });
}

}  // namespace dmremap::sys

#endif  // DMREMAP_NATIVE_SYS_URING_H_
