// phases PATH MILLISECONDS SPEC
//
// The writes of one commit, again and again, through io_uring by all that makes it fast: phase by phase, all
// of a phase in flight at once and each durable (RWF_DSYNC), the next phase when the last one has completed.
// The limit that commits are held against. SPEC names bytes as OFFSET:LENGTH: a comma between the writes of a
// phase, a slash between phases.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "measure.h"

enum { kMaxWrites = 1024, kMaxPhases = 64, kMaxLength = 128 * 1024 };

struct Write {
  uint64_t offset;
  unsigned length;
  uint8_t* bytes;
};

struct Job {
  struct io_uring ring;
  struct Write writes[kMaxWrites];
  size_t count;
  // The place of the first write behind each phase.
  size_t ends[kMaxPhases];
  size_t phases;
  size_t bytes;
};

// Reads what stands before one of `delimiters`, and goes on to behind it; '\0' where that was the end.
static char Next(char** text, const char* delimiters, uint64_t most, uint64_t* number) {
  const size_t length = strcspn(*text, delimiters);
  const char delimiter = (*text)[length];
  (*text)[length] = '\0';
  *number = NumberOf(*text, 0, most);
  *text += length + (delimiter == '\0' ? 0 : 1);
  return delimiter;
}

static void Parse(struct Job* job, char* spec) {
  for (char delimiter = ','; delimiter != '\0';) {
    if (job->count == kMaxWrites || job->phases == kMaxPhases) Fail("too many writes", 0);
    struct Write* write = &job->writes[job->count++];
    uint64_t length;
    if (Next(&spec, ":", INT64_MAX, &write->offset) != ':') Fail("a write is OFFSET:LENGTH", 0);
    delimiter = Next(&spec, ",/", kMaxLength, &length);
    write->length = (unsigned)length;
    job->bytes += length;
    if (delimiter != ',') job->ends[job->phases++] = job->count;
  }
}

static void Open(struct Job* job, const char* path) {
  const int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) Fail(path, errno);
  const unsigned depth = (unsigned)job->count;
  struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                            IORING_SETUP_COOP_TASKRUN};
  int result = io_uring_queue_init_params(depth, &job->ring, &params);
  if (result == -EINVAL) {  // Before Linux 6.1.
    memset(&params, 0, sizeof params);
    result = io_uring_queue_init_params(depth, &job->ring, &params);
  }
  if (result < 0) Fail("io_uring_setup", -result);
  uint8_t* memory = mmap(NULL, job->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Fail("mmap", errno);
  memset(memory, 0xa5, job->bytes);
  const struct iovec whole = {.iov_base = memory, .iov_len = job->bytes};
  if ((result = io_uring_register_buffers(&job->ring, &whole, 1)) < 0) Fail("buffers", -result);
  if ((result = io_uring_register_files(&job->ring, &fd, 1)) < 0) Fail("files", -result);
  for (size_t at = 0; at < job->count; memory += job->writes[at++].length) job->writes[at].bytes = memory;
}

static void Prepare(struct Job* job, size_t at) {
  const struct Write* write = &job->writes[at];
  struct io_uring_sqe* sqe = io_uring_get_sqe(&job->ring);
  if (sqe == NULL) Fail("io_uring_get_sqe", 0);
  io_uring_prep_write_fixed(sqe, 0, write->bytes, write->length, write->offset, 0);
  sqe->flags |= IOSQE_FIXED_FILE;
  sqe->rw_flags = RWF_DSYNC;
  io_uring_sqe_set_data64(sqe, at);
}

static void RunPhase(struct Job* job, size_t from, size_t end) {
  for (size_t at = from; at < end; at++) Prepare(job, at);
  for (size_t left = end - from; left > 0;) {
    const int result = io_uring_submit_and_wait(&job->ring, (unsigned)left);
    if (result < 0 && result != -EINTR) Fail("io_uring_submit_and_wait", -result);
    struct io_uring_cqe* cqe;
    while (io_uring_peek_cqe(&job->ring, &cqe) == 0) {
      const struct Write* write = &job->writes[cqe->user_data];
      if (cqe->res != (int)write->length) Fail("a write", cqe->res < 0 ? -cqe->res : EIO);
      io_uring_cqe_seen(&job->ring, cqe);
      left--;
    }
  }
}

int main(int argc, char** argv) {
  if (argc != 4) Fail("phases PATH MILLISECONDS SPEC", 0);
  static struct Job job;
  const uint64_t duration_ns = NumberOf(argv[2], 1, 3600000) * 1000000u;
  Parse(&job, argv[3]);
  Open(&job, argv[1]);

  struct Measure measure = {.written = job.bytes};
  Begin(&measure);
  for (uint64_t now = measure.begun_ns; now - measure.begun_ns < duration_ns;) {
    const uint64_t begun_ns = now;
    for (size_t phase = 0, from = 0; phase < job.phases; from = job.ends[phase++]) {
      RunPhase(&job, from, job.ends[phase]);
    }
    now = NowNs();
    Count(&measure, now - begun_ns);
  }
  End(&measure);
  return 0;
}
