#define _GNU_SOURCE
#include "second.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lifeline.h"

struct Orders {
  int64_t deadline_ms;
  char what[1024];
};
_Static_assert(sizeof(struct Orders) <= PIPE_BUF, "orders must arrive whole");

static int to_second = -1;
static pid_t second = -1;

static void Watch(int orders_fd, Undo undo) {
  struct Orders orders = {0};
  for (;;) {
    int64_t wait_ms = orders.deadline_ms == 0 ? -1 : orders.deadline_ms - NowMs();
    if (orders.deadline_ms != 0 && wait_ms < 0) wait_ms = 0;
    struct pollfd ready = {.fd = orders_fd, .events = POLLIN};
    const int count = poll(&ready, 1, (int)wait_ms);
    if (count == 0) {
      undo(orders.what, false);
      orders.deadline_ms = 0;
    }
    if (count != 1) continue;
    const ssize_t length = read(orders_fd, &orders, sizeof orders);
    if (length == 0) {
      undo(orders.what, true);
      _exit(0);
    }
  }
}

void SecondStart(Undo undo) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("pipe: %s", strerror(errno));
  second = fork();
  if (second < 0) Die("fork: %s", strerror(errno));
  if (second == 0) {
    setsid();
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    close(ends[1]);
    close(STDIN_FILENO);  // The end of the input is for the first to see. Output stays: it ends when all is
                          // undone.
    Watch(ends[0], undo);
  }
  close(ends[0]);
  to_second = ends[1];
}

void SecondMust(const char* what, int64_t deadline_ms) {
  struct Orders orders = {.deadline_ms = deadline_ms};
  snprintf(orders.what, sizeof orders.what, "%s", what);
  // A second that is gone cannot be helped, and SIGPIPE is ignored.
  if (write(to_second, &orders, sizeof orders) < 0) fprintf(stderr, "the second process is gone\n");
}

void SecondEnd(void) {
  SecondMust("", 0);
  close(to_second);
  waitpid(second, NULL, 0);
}
