// One io_uring, and the only header that includes liburing.h. It prepares, submits and reaps; it knows no
// operations. COOP_TASKRUN with uv_poll on the ring's descriptor; never DEFER_TASKRUN (its descriptor never
// wakes a poller) and never SQPOLL (two to three times the CPU). Restricted to the opcodes that we use (io
// contract 11).
#ifndef DMREMAP_NATIVE_RING_H_
#define DMREMAP_NATIVE_RING_H_

#include <liburing.h>

#include <cstdint>

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

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // 0, or an errno. `*step` names the call that failed, for people.
  int Open(const char** step);
  int fd() const { return ring_.ring_fd; }

  // Files go by their place in the ring's own table, never by descriptor: with IOSQE_ASYNC the kernel looks a
  // number up when a worker runs, and by then it can name somebody else's file (measured: 100 of 100 writes).
  int InstallFile(uint32_t place, int fd);
  void RemoveFile(uint32_t place) { InstallFile(place, -1); }
  uint32_t file_places() const { return file_places_; }

  // False when the submission queue is full even after a submit: keep the operation and come back.
  bool PrepareRead(uint32_t place, void* data, uint32_t length, uint64_t offset, bool async,
                   uint64_t user_data);
  bool PrepareWrite(uint32_t place, const void* data, uint32_t length, uint64_t offset, bool dsync,
                    bool async, uint64_t user_data);
  bool PrepareFlush(uint32_t place, uint64_t user_data);
  bool PrepareCancel(uint64_t target, uint64_t user_data);

  // Hands everything prepared to the kernel. False when something is left: the kernel was short of a
  // resource.
  bool Submit();

  // Calls `each(user_data, res)` for every completion that is there, and takes it off the queue first.
  template <typename Each>
  uint32_t Reap(Each each) {
    uint32_t count = 0;
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
      const uint64_t user_data = cqe->user_data;
      const int32_t res = cqe->res;
      io_uring_cqe_seen(&ring_, cqe);
      each(user_data, res);
      count++;
    }
    return count;
  }

 private:
  io_uring_sqe* Sqe();
  int Restrict();

  io_uring ring_{};
  bool open_ = false;
  uint32_t file_places_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_RING_H_
