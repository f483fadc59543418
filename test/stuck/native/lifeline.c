#define _GNU_SOURCE
#include "lifeline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { kOwnerPeriodMs = 200, kMaxFds = 4 };

static pid_t owner_pid;
static unsigned long long owner_start;
static int signals = -1;
static bool gone;

static char input[4096];
static size_t input_length;
static size_t command_length;  // Of the command that was handed out, with its end of line.

static char* output;
static size_t output_length;
static size_t output_capacity;

int64_t NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void Die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

bool ParseNumber(const char* word, int64_t least, int64_t most, int64_t* number) {
  char* end;
  errno = 0;
  *number = strtoll(word, &end, 10);
  return errno == 0 && end != word && *end == '\0' && *number >= least && *number <= most;
}

static bool ReadProc(pid_t pid, const char* name, char* text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = read(fd, text, size - 1);
  close(fd);
  text[length > 0 ? length : 0] = '\0';
  return length > 0;
}

// proc(5): the state, the flags (PF_EXITING) and the start of a process.
static bool ReadStat(pid_t pid, char* state, unsigned* flags, unsigned long long* start) {
  char text[1024];
  if (!ReadProc(pid, "stat", text, sizeof text)) return false;
  const char* rest = strrchr(text, ')');  // A name may hold anything, also ')'.
  return rest != NULL &&
         sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                state, flags, start) == 3;
}

// Whether a SIGKILL waits for a thread, as it does for each one when the whole process is to end.
static bool HasPendingKill(const char* thread) {
  char name[64];
  char text[4096];
  snprintf(name, sizeof name, "task/%.20s/status", thread);
  if (!ReadProc(owner_pid, name, text, sizeof text)) return false;
  const char* field = strstr(text, "\nSigPnd:");
  return field != NULL && (strtoull(field + strlen("\nSigPnd:"), NULL, 16) & (1ULL << (SIGKILL - 1))) != 0;
}

// Dead, or on the way there and perhaps not able to arrive: with a write of io_uring stuck on a frozen file
// system the main thread waits in do_exit() before it is marked as exiting, and has taken its signal already
// (6.18).
static bool OwnerIsGone(void) {
  enum { kExiting = 0x4, kSignaled = 0x400 };  // PF_EXITING, PF_SIGNALED
  char state;
  unsigned flags;
  unsigned long long start;
  if (!ReadStat(owner_pid, &state, &flags, &start) || start != owner_start) return true;
  if (state == 'Z' || state == 'X' || (flags & (kExiting | kSignaled)) != 0) return true;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", (int)owner_pid);
  DIR* threads = opendir(path);
  if (threads == NULL) return true;
  bool killed = false;
  for (struct dirent* entry; !killed && (entry = readdir(threads)) != NULL;) {
    killed = entry->d_name[0] != '.' && HasPendingKill(entry->d_name);
  }
  closedir(threads);
  return killed;
}

void LifelineStart(pid_t owner) {
  signal(SIGPIPE, SIG_IGN);
  setsid();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  char state;
  unsigned flags;
  if (owner != 0 && !ReadStat(owner, &state, &flags, &owner_start)) Die("there is no process %d", (int)owner);
  owner_pid = owner;
}

void Say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char line[512];
  const int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  size_t size = length < (int)sizeof line - 1 ? (size_t)length : sizeof line - 2;
  line[size++] = '\n';
  if (output_length + size > output_capacity) {
    output_capacity = 2 * (output_length + size);
    output = realloc(output, output_capacity);
    if (output == NULL) Die("no memory");
  }
  memcpy(output + output_length, line, size);
  output_length += size;
  FlushOutput();
}

void FlushOutput(void) {
  enum { kChunk = 512 };  // Not more than PIPE_BUF: poll(2) promises room for that.
  size_t written = 0;
  while (written < output_length) {
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1) break;
    const size_t rest = output_length - written;
    const ssize_t part = write(STDOUT_FILENO, output + written, rest < kChunk ? rest : kChunk);
    if (part < 0 && errno != EINTR) written = output_length;  // Nobody listens any more.
    if (part > 0) written += (size_t)part;
  }
  memmove(output, output + written, output_length - written);
  output_length -= written;
}

char* LifelineCommand(void) { return input; }

static bool NextCommand(void) {
  memmove(input, input + command_length, input_length - command_length);
  input_length -= command_length;
  command_length = 0;
  char* end = memchr(input, '\n', input_length);
  if (end == NULL) {
    if (input_length == sizeof input) input_length = 0;
    return false;
  }
  *end = '\0';
  command_length = (size_t)(end - input) + 1;
  return true;
}

enum LifelineEvent LifelineNext(const int* fds, int count, int64_t deadline_ms) {
  if (NextCommand()) return kLifelineCommand;
  for (;;) {
    struct pollfd set[kMaxFds + 3];
    for (int i = 0; i < count; i++) set[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    set[count] = (struct pollfd){.fd = gone ? -1 : STDIN_FILENO, .events = POLLIN};
    set[count + 1] = (struct pollfd){.fd = gone ? -1 : signals, .events = POLLIN};
    set[count + 2] = (struct pollfd){.fd = output_length > 0 ? STDOUT_FILENO : -1, .events = POLLOUT};

    int64_t wait_ms = deadline_ms < 0 ? -1 : deadline_ms - NowMs();
    if (deadline_ms >= 0 && wait_ms < 0) wait_ms = 0;
    const bool watching = owner_pid != 0 && !gone;
    if (watching && (wait_ms < 0 || wait_ms > kOwnerPeriodMs)) wait_ms = kOwnerPeriodMs;
    if (poll(set, (nfds_t)count + 3, (int)wait_ms) < 0 && errno != EINTR) Die("poll: %s", strerror(errno));

    FlushOutput();
    bool leave = set[count + 1].revents != 0 || (watching && OwnerIsGone());
    if (set[count].revents != 0) {
      const ssize_t length = read(STDIN_FILENO, input + input_length, sizeof input - input_length);
      if (length > 0) {
        input_length += (size_t)length;
        if (NextCommand()) return kLifelineCommand;
      }
      if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN)) leave = true;
    }
    if (leave) {
      gone = true;
      return kLifelineGone;
    }
    for (int i = 0; i < count; i++) {
      if (set[i].revents != 0) return kLifelineReady;
    }
    if (deadline_ms >= 0 && NowMs() >= deadline_ms) return kLifelineDeadline;
  }
}

int SplitWords(char* line, char** words) {
  int count = 0;
  char* rest;
  for (char* word = strtok_r(line, " \t\r", &rest); word != NULL; word = strtok_r(NULL, " \t\r", &rest)) {
    if (count < kMaxWords) words[count++] = word;
  }
  return count;
}
