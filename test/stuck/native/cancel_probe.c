// cancel_probe [--owner PID] STATE [TARGET]
//
// Brings one write (or fsync) through io_uring into a state, and tells what a cancel by user_data does to it.
// Commands: `submit`, `cancel` (IORING_OP_ASYNC_CANCEL), `sync-cancel` (io_uring_register_sync_cancel), and
// `release` for what is held in this process; a device is released by whoever holds it. Events: `there` (in
// its state, as far as can be seen from here), `cancelled RESULT`, `sync-cancelled RESULT`, `completed
// RESULT` of the write itself. A result is a number, or the name of an errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lifeline.h"
#include "unresolved_page.h"

enum { kWriteTag = 1, kCancelTag = 2, kHeadTag = 3, kHeadCancelTag = 4 };
enum { kLength = 4096, kPatienceS = 1 };

// Where a write goes that nothing holds: memory.
enum Place { kMemory, kPipe, kTarget };

struct State {
  const char* name;
  enum Place to;
  unsigned flags;       // Of its SQE.
  int open_flags;       // Of the target.
  bool fsync;           // Not a write.
  bool from_page;       // Its source is not there.
  enum Place head;      // What goes before it: a write to a full pipe, or to memory from a missing page.
  unsigned head_flags;  // 0: there is no such thing.
};

enum { kNoFlag = 1u << 31 };  // A head without flags.

static const struct State kStates[] = {
    {.name = "unsubmitted"},
    {.name = "linked", .head = kPipe, .head_flags = IOSQE_IO_LINK},
    {.name = "drained", .flags = IOSQE_IO_DRAIN, .head = kPipe, .head_flags = kNoFlag},
    {.name = "queued", .flags = IOSQE_ASYNC, .head = kMemory, .head_flags = IOSQE_ASYNC},
    {.name = "poll", .to = kPipe},
    {.name = "poll-async", .to = kPipe, .flags = IOSQE_ASYNC},
    {.name = "page", .to = kTarget, .flags = IOSQE_ASYNC, .open_flags = O_DIRECT, .from_page = true},
    {.name = "fsync", .to = kTarget, .fsync = true},
    {.name = "worker", .to = kTarget, .flags = IOSQE_ASYNC},
    {.name = "direct", .to = kTarget, .open_flags = O_DIRECT},
    {.name = "direct-async", .to = kTarget, .flags = IOSQE_ASYNC, .open_flags = O_DIRECT},
};

static const struct State* state;
static struct io_uring ring;
static struct UnresolvedPage page = {.fd = -1};
static int pipe_ends[2];
static int places[3];
static char* bytes;

static bool HasHead(void) { return state->head_flags != 0; }
static bool HasPage(void) { return state->from_page || (HasHead() && state->head == kMemory); }

static void SayResult(const char* event, int result) {
  if (result < 0)
    Say("%s %s", event, strerrorname_np(-result));
  else
    Say("%s %d", event, result);
}

static void SetBlocking(int fd, bool blocking) { fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK); }

// Only the write that is looked at may wait, so both ends are non-blocking meanwhile.
static void FillPipe(void) {
  if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) Die("pipe: %s", strerror(errno));
  while (write(pipe_ends[1], bytes, kLength) > 0) continue;
  SetBlocking(pipe_ends[1], true);
}

static void DrainPipe(void) {
  char drained[kLength];
  while (read(pipe_ends[0], drained, sizeof drained) > 0) continue;
}

static struct io_uring_sqe* Prepare(uint64_t tag, int fd, const void* from, unsigned flags) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_write(sqe, fd, from, kLength, 0);
  sqe->flags |= flags;
  sqe->user_data = tag;
  return sqe;
}

static void PrepareWrite(void) {
  struct io_uring_sqe* sqe =
      Prepare(kWriteTag, places[state->to], state->from_page ? page.address : bytes, state->flags);
  if (!state->fsync) return;
  io_uring_prep_fsync(sqe, places[state->to], 0);
  sqe->user_data = kWriteTag;
}

static void Hand(const char* what) {
  const int count = io_uring_submit(&ring);
  if (count < 0) Die("%s: %s", what, strerror(-count));
}

static void Submit(void) {
  if (HasHead()) {
    Prepare(kHeadTag, places[state->head], HasPage() ? page.address : bytes, state->head_flags & ~kNoFlag);
    if (HasPage()) {
      // The rest when its worker has run into the page.
      Hand("submit");
      return Say("ok");
    }
  }
  PrepareWrite();
  if (strcmp(state->name, "unsubmitted") != 0) Hand("submit");
  if (!HasPage()) Say("there");
  Say("ok");
}

static void Faulted(void) {
  if (!state->from_page) {
    PrepareWrite();
    Hand("submit");
  }
  Say("there");
}

static void Cancel(uint64_t what, uint64_t tag) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_cancel64(sqe, what, 0);
  sqe->user_data = tag;
  Hand("cancel");
  Say("ok");
}

static void SyncCancel(void) {
  struct io_uring_sync_cancel_reg what = {.addr = kWriteTag, .fd = -1, .timeout = {.tv_sec = kPatienceS}};
  SayResult("sync-cancelled", io_uring_register_sync_cancel(&ring, &what));
  Say("ok");
}

static void Release(void) {
  if (HasPage()) {
    const int error = UnresolvedPageRelease(&page, 0);
    if (error != 0) return Say("error release: %s", strerror(error));
  } else if (strcmp(state->name, "unsubmitted") == 0) {
    Hand("submit");
  } else if (strcmp(state->name, "linked") == 0) {
    return Cancel(kHeadTag, kHeadCancelTag);
  } else if (state->to == kPipe || HasHead()) {
    DrainPipe();
  } else {
    return Say("error release: the device holds it");
  }
  Say("ok");
}

static void Obey(const char* command) {
  if (strcmp(command, "submit") == 0) return Submit();
  if (strcmp(command, "cancel") == 0) return Cancel(kWriteTag, kCancelTag);
  if (strcmp(command, "sync-cancel") == 0) return SyncCancel();
  if (strcmp(command, "release") == 0) return Release();
  Say("error what is %s?", command);
}

static void TellCompletions(void) {
  struct io_uring_cqe* cqe;
  while (io_uring_peek_cqe(&ring, &cqe) == 0) {
    if (cqe->user_data == kWriteTag) SayResult("completed", cqe->res);
    if (cqe->user_data == kCancelTag) SayResult("cancelled", cqe->res);
    io_uring_cqe_seen(&ring, cqe);
  }
}

static void Make(const char* target) {
  bytes = aligned_alloc(kLength, kLength);
  if (bytes == NULL) Die("no memory");
  memset(bytes, 0, kLength);
  places[kMemory] = memfd_create("cancel_probe", MFD_CLOEXEC);
  if (places[kMemory] < 0) Die("memfd: %s", strerror(errno));
  FillPipe();
  places[kPipe] = pipe_ends[1];
  if (target != NULL) {
    places[kTarget] = open(target, O_WRONLY | O_CLOEXEC | state->open_flags);
    if (places[kTarget] < 0) Die("%s: %s", target, strerror(errno));
  }
  const char* step;
  int error = HasPage() ? UnresolvedPageMake(&page, kLength, &step) : 0;
  if (error != 0) Die("%s: %s", step, strerror(error));
  error = -io_uring_queue_init(8, &ring, 0);
  if (error != 0) Die("io_uring_queue_init: %s", strerror(error));
  if (!HasPage() || state->from_page) return;
  // One worker, and the head has it.
  unsigned most[2] = {1, 1};
  error = -io_uring_register_iowq_max_workers(&ring, most);
  if (error != 0) Die("io_uring_register_iowq_max_workers: %s", strerror(error));
}

int main(int argc, char** argv) {
  static const char kUsage[] = "usage: cancel_probe [--owner PID] STATE [TARGET]";
  static const struct option kOptions[] = {{"owner", required_argument, NULL, 'o'}, {0}};
  int64_t owner = 0;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, NULL)) != -1;) {
    if (option != 'o' || !ParseNumber(optarg, 1, INT32_MAX, &owner)) Die("%s", kUsage);
  }
  const char* name = optind < argc ? argv[optind] : "";
  for (size_t i = 0; i < sizeof kStates / sizeof kStates[0]; i++) {
    if (strcmp(kStates[i].name, name) == 0) state = &kStates[i];
  }
  if (state == NULL || argc - optind != (state->to == kTarget ? 2 : 1)) Die("%s", kUsage);
  LifelineStart((pid_t)owner);
  Make(state->to == kTarget ? argv[optind + 1] : NULL);
  Say("ready");

  const int watched[] = {ring.ring_fd, page.fd};
  bool watching_page = HasPage();
  for (;;) {
    const enum LifelineEvent event = LifelineNext(watched, watching_page ? 2 : 1, -1);
    if (event == kLifelineCommand) Obey(LifelineCommand());
    if (event == kLifelineGone) break;
    TellCompletions();
    // Once is enough: a worker that was told to cancel may run into the page again and again.
    if (watching_page && UnresolvedPageFaulted(&page)) {
      watching_page = false;
      Faulted();
    }
  }
  // The page must not stay away: whoever waits for it could not end.
  if (HasPage()) UnresolvedPageRelease(&page, 0);
  FlushOutput();
  return 0;
}
