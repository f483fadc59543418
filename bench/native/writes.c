// writes PATH DEPTH MILLISECONDS FIRST_BLOCK BLOCKS SYNC
//
// Random writes of 4 KiB through io_uring, by all that makes it fast: one issuer, task work deferred to it, a
// registered file and registered buffers. The limit that the engines are held against. SYNC is 1 for
// RWF_DSYNC on each write.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "measure.h"

enum { kBlockBytes = 4096, kMaxDepth = 1024 };

struct Job {
  struct io_uring ring;
  uint8_t* memory;
  uint64_t begun_ns[kMaxDepth];
  uint64_t first_block;
  uint64_t blocks;
  bool sync;
  uint64_t state;
};

// xorshift64*.
static uint64_t Draw(struct Job* job) {
  job->state ^= job->state >> 12;
  job->state ^= job->state << 25;
  job->state ^= job->state >> 27;
  return job->state * 0x2545f4914f6cdd1dull;
}

static void Prepare(struct Job* job, unsigned slot) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&job->ring);
  if (sqe == NULL) Fail("io_uring_get_sqe", 0);
  const uint64_t block = job->first_block + Draw(job) % job->blocks;
  io_uring_prep_write_fixed(sqe, 0, job->memory + (size_t)slot * kBlockBytes, kBlockBytes,
                            block * kBlockBytes, 0);
  sqe->flags |= IOSQE_FIXED_FILE;
  if (job->sync) sqe->rw_flags = RWF_DSYNC;
  io_uring_sqe_set_data64(sqe, slot);
  job->begun_ns[slot] = NowNs();
}

static void Open(struct Job* job, const char* path, unsigned depth) {
  const int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) Fail(path, errno);
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                            IORING_SETUP_COOP_TASKRUN};
  int result = io_uring_queue_init_params(depth, &job->ring, &params);
  if (result == -EINVAL) {  // Before Linux 6.1.
    memset(&params, 0, sizeof params);
    result = io_uring_queue_init_params(depth, &job->ring, &params);
  }
  if (result < 0) Fail("io_uring_setup", -result);
  const size_t bytes = (size_t)depth * kBlockBytes;
  job->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (job->memory == MAP_FAILED) Fail("mmap", errno);
  memset(job->memory, 0xa5, bytes);
  const struct iovec whole = {.iov_base = job->memory, .iov_len = bytes};
  if ((result = io_uring_register_buffers(&job->ring, &whole, 1)) < 0) Fail("buffers", -result);
  if ((result = io_uring_register_files(&job->ring, &fd, 1)) < 0) Fail("files", -result);
}

int main(int argc, char** argv) {
  if (argc != 7) Fail("writes PATH DEPTH MILLISECONDS FIRST_BLOCK BLOCKS SYNC", 0);
  static struct Job job;
  const unsigned depth = (unsigned)NumberOf(argv[2], 1, kMaxDepth);
  const uint64_t duration_ns = NumberOf(argv[3], 1, 3600000) * 1000000u;
  job.first_block = NumberOf(argv[4], 0, UINT32_MAX);
  job.blocks = NumberOf(argv[5], 1, UINT32_MAX);
  job.sync = NumberOf(argv[6], 0, 1) == 1;
  job.state = 0x9e3779b97f4a7c15ull;
  Open(&job, argv[1], depth);

  struct Measure measure = {0};
  Begin(&measure);
  for (unsigned slot = 0; slot < depth; slot++) Prepare(&job, slot);
  unsigned in_flight = depth;
  while (in_flight > 0) {
    const int result = io_uring_submit_and_wait(&job.ring, 1);
    if (result < 0 && result != -EINTR) Fail("io_uring_submit_and_wait", -result);
    const uint64_t now = NowNs();
    const bool over = now - measure.begun_ns >= duration_ns;
    struct io_uring_cqe* cqe;
    while (io_uring_peek_cqe(&job.ring, &cqe) == 0) {
      const unsigned slot = (unsigned)cqe->user_data;
      if (cqe->res != kBlockBytes) Fail("a write", cqe->res < 0 ? -cqe->res : EIO);
      io_uring_cqe_seen(&job.ring, cqe);
      Count(&measure, now - job.begun_ns[slot]);
      in_flight--;
      if (over) continue;
      Prepare(&job, slot);
      in_flight++;
    }
  }
  End(&measure);
  return 0;
}
