// leave_probe [--owner PID] uring|aio|thread write|fsync TARGET
//
// One write (O_DIRECT) or fsync in one of three ways, for looking at whether the process can leave while it
// is stuck: at the end of its input it simply exits. Commands: `submit`, and `close` (io_uring_queue_exit,
// io_destroy). Events: `submitted` when the call has returned, `closed MICROSECONDS` likewise; each can stay
// away, and no other command is heard then.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lifeline.h"

enum { kLength = 4096 };

struct Way {
  const char* name;
  void (*start)(void);
  void (*submit)(void);
  void (*close)(void);  // NULL: there is nothing to close.
};

static int target;
static bool is_fsync;
static char* bytes;

static struct io_uring ring;

static void StartRing(void) {
  const int error = -io_uring_queue_init(8, &ring, 0);
  if (error != 0) Die("io_uring_queue_init: %s", strerror(error));
}

static void SubmitToRing(void) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  if (is_fsync)
    io_uring_prep_fsync(sqe, target, 0);
  else
    io_uring_prep_write(sqe, target, bytes, kLength, 0);
  sqe->flags |= IOSQE_ASYNC;  // Whatever the target is, it is not this thread that waits.
  const int count = io_uring_submit(&ring);
  if (count != 1) Die("io_uring_submit: %s", strerror(-count));
}

static void CloseRing(void) { io_uring_queue_exit(&ring); }

static aio_context_t context;

static void StartAio(void) {
  if (syscall(SYS_io_setup, 8, &context) != 0) Die("io_setup: %s", strerror(errno));
}

static void SubmitToAio(void) {
  static struct iocb block;
  block = (struct iocb){.aio_lio_opcode = is_fsync ? IOCB_CMD_FSYNC : IOCB_CMD_PWRITE,
                        .aio_fildes = (unsigned)target,
                        .aio_buf = is_fsync ? 0 : (uintptr_t)bytes,
                        .aio_nbytes = is_fsync ? 0 : kLength};
  struct iocb* blocks[] = {&block};
  if (syscall(SYS_io_submit, context, 1, blocks) != 1) Die("io_submit: %s", strerror(errno));
}

static void CloseAio(void) { syscall(SYS_io_destroy, context); }

static void* Block(void* unused) {
  if (is_fsync ? fsync(target) != 0 : pwrite(target, bytes, kLength, 0) != kLength)
    Die("%s", strerror(errno));
  return unused;
}

static void SubmitToThread(void) {
  pthread_t thread;
  const int error = pthread_create(&thread, NULL, Block, NULL);
  if (error != 0) Die("pthread_create: %s", strerror(error));
}

static void Nothing(void) {}

static const struct Way kWays[] = {{"uring", StartRing, SubmitToRing, CloseRing},
                                   {"aio", StartAio, SubmitToAio, CloseAio},
                                   {"thread", Nothing, SubmitToThread, NULL}};
static const struct Way* way;

static int64_t NowUs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void Obey(const char* command) {
  if (strcmp(command, "submit") == 0) {
    way->submit();
    Say("submitted");
  } else if (strcmp(command, "close") == 0 && way->close != NULL) {
    const int64_t start_us = NowUs();
    way->close();
    Say("closed %lld", (long long)(NowUs() - start_us));
  } else {
    return Say("error what is %s?", command);
  }
  Say("ok");
}

int main(int argc, char** argv) {
  static const char kUsage[] = "usage: leave_probe [--owner PID] uring|aio|thread write|fsync TARGET";
  static const struct option kOptions[] = {{"owner", required_argument, NULL, 'o'}, {0}};
  int64_t owner = 0;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, NULL)) != -1;) {
    if (option != 'o' || !ParseNumber(optarg, 1, INT32_MAX, &owner)) Die("%s", kUsage);
  }
  if (argc - optind != 3) Die("%s", kUsage);
  for (size_t i = 0; i < sizeof kWays / sizeof kWays[0]; i++) {
    if (strcmp(kWays[i].name, argv[optind]) == 0) way = &kWays[i];
  }
  is_fsync = strcmp(argv[optind + 1], "fsync") == 0;
  if (way == NULL || (!is_fsync && strcmp(argv[optind + 1], "write") != 0)) Die("%s", kUsage);
  LifelineStart((pid_t)owner);
  target = open(argv[optind + 2], O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (target < 0) Die("%s: %s", argv[optind + 2], strerror(errno));
  bytes = aligned_alloc(kLength, kLength);
  if (bytes == NULL) Die("no memory");
  memset(bytes, 0, kLength);
  way->start();
  Say("ready");

  for (;;) {
    const enum LifelineEvent event = LifelineNext(NULL, 0, -1);
    if (event == kLifelineCommand) Obey(LifelineCommand());
    if (event == kLifelineGone) break;
  }
  FlushOutput();
  return 0;
}
