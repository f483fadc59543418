// uring_write [--owner PID] [--page] [--direct] [--length N] TARGET
//
// One write through io_uring, for looking at what a cancel does to it: to a FIFO that is full, to a device
// that is stuck, or (--page) from memory that is not there yet. Commands: `submit [async]`, `cancel`,
// `release` (the page), and events: `submitted`, `faulted`, `cancelled RESULT` of the cancel, `completed
// RESULT` of the write. A result is a number of bytes or the name of an errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lifeline.h"
#include "unresolved_page.h"

enum { kWriteTag = 1, kCancelTag = 2, kFill = 0x77 };

static struct io_uring ring;
static struct UnresolvedPage page = {.fd = -1};
static int target;
static char* bytes;
static int64_t length = 4096;

static void SayResult(const char* event, int result) {
  if (result < 0)
    Say("%s %s", event, strerrorname_np(-result));
  else
    Say("%s %d", event, result);
}

static void Submit(bool async) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_write(sqe, target, bytes, (unsigned)length, 0);
  if (async) sqe->flags |= IOSQE_ASYNC;
  sqe->user_data = kWriteTag;
  const int count = io_uring_submit(&ring);
  if (count != 1) return Say("error submit: %s", strerrorname_np(-count));
  Say("submitted");
  Say("ok");
}

static void Cancel(void) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_cancel64(sqe, kWriteTag, 0);
  sqe->user_data = kCancelTag;
  const int count = io_uring_submit(&ring);
  if (count != 1) return Say("error cancel: %s", strerrorname_np(-count));
  Say("ok");
}

static void Obey(char* line) {
  char* words[kMaxWords];
  const int count = SplitWords(line, words);
  if (count == 0) return;
  if (strcmp(words[0], "submit") == 0) return Submit(count > 1 && strcmp(words[1], "async") == 0);
  if (strcmp(words[0], "cancel") == 0) return Cancel();
  if (strcmp(words[0], "release") != 0) return Say("error what is %s?", words[0]);
  if (page.fd < 0) return Say("error release: there is no page (--page)");
  const int error = UnresolvedPageRelease(&page, kFill);
  if (error != 0) return Say("error release: %s", strerror(error));
  Say("ok");
}

static void TellCompletions(void) {
  struct io_uring_cqe* cqe;
  while (io_uring_peek_cqe(&ring, &cqe) == 0) {
    SayResult(cqe->user_data == kWriteTag ? "completed" : "cancelled", cqe->res);
    io_uring_cqe_seen(&ring, cqe);
  }
}

int main(int argc, char** argv) {
  static const char kUsage[] = "usage: uring_write [--owner PID] [--page] [--direct] [--length N] TARGET";
  static const struct option kOptions[] = {{"owner", required_argument, NULL, 'o'},
                                           {"page", no_argument, NULL, 'p'},
                                           {"direct", no_argument, NULL, 'd'},
                                           {"length", required_argument, NULL, 'l'},
                                           {0}};
  int64_t owner = 0;
  bool from_page = false;
  int flags = O_WRONLY | O_CLOEXEC;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, NULL)) != -1;) {
    if (option == 'p') {
      from_page = true;
    } else if (option == 'd') {
      flags |= O_DIRECT;
    } else if (!(option == 'o' && ParseNumber(optarg, 1, INT32_MAX, &owner)) &&
               !(option == 'l' && ParseNumber(optarg, 1, 1 << 20, &length))) {
      Die("%s", kUsage);
    }
  }
  if (optind != argc - 1) Die("%s", kUsage);
  LifelineStart((pid_t)owner);

  target = open(argv[optind], flags);
  if (target < 0) Die("%s: %s", argv[optind], strerror(errno));
  if (from_page) {
    const char* step;
    const int error = UnresolvedPageMake(&page, (size_t)length, &step);
    if (error != 0) Die("%s: %s", step, strerror(error));
    bytes = page.address;
  } else {
    bytes = aligned_alloc(4096, ((size_t)length + 4095) / 4096 * 4096);
    if (bytes == NULL) Die("no memory");
    memset(bytes, kFill, (size_t)length);
  }
  const int error = io_uring_queue_init(8, &ring, 0);
  if (error != 0) Die("io_uring_queue_init: %s", strerror(-error));
  Say("ready");

  const int watched[] = {ring.ring_fd, page.fd};
  bool watching_page = from_page;
  for (;;) {
    const enum LifelineEvent event = LifelineNext(watched, watching_page ? 2 : 1, -1);
    if (event == kLifelineCommand) Obey(LifelineCommand());
    if (event == kLifelineGone) break;
    TellCompletions();
    // Once is enough, and it can be very often: a worker that was told to cancel cannot sleep on the page any
    // more, and the kernel lets it run into the page again and again (6.18, a buffered write).
    if (watching_page && UnresolvedPageFaulted(&page)) {
      watching_page = false;
      Say("faulted");
    }
  }
  // The page must not stay away: whoever waits for it could not end.
  if (from_page) UnresolvedPageRelease(&page, kFill);
  FlushOutput();
  return 0;
}
