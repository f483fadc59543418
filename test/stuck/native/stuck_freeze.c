// stuck_freeze [--owner PID] DEVICE MOUNTPOINT
//
// Mounts the ext4 on DEVICE, freezes it on command and thaws it by command, by a timer of its own, or when
// the lifeline ends. A frozen file system stops every process that writes to it where no signal reaches, so
// the thaw depends on nobody: should this process be killed, its second thaws, by the same timer half a
// second later or at once.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lifeline.h"
#include "second.h"

enum { kLongestMs = 10000, kBackupMs = 500 };

static bool made_folder;
static int64_t thaw_ms = -1;  // When the timer thaws; -1: not frozen.

// EINVAL: it is not frozen.
static bool Control(const char* mountpoint, unsigned long request) {
  const int fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const int result = ioctl(fd, request, 0);
  const int error = errno;
  close(fd);
  errno = error;
  return result == 0;
}

static void ThawAndUnmount(const char* mountpoint, bool ended) {
  if (mountpoint[0] == '\0') return;
  Control(mountpoint, FITHAW);
  if (!ended) return;
  umount2(mountpoint, MNT_DETACH);
  if (made_folder) rmdir(mountpoint);
}

static void Thaw(const char* mountpoint, const char* by) {
  if (thaw_ms < 0) return;
  thaw_ms = -1;
  // The second may have been faster.
  if (!Control(mountpoint, FITHAW) && errno != EINVAL) return Say("error thaw: %s", strerror(errno));
  SecondMust(mountpoint, 0);
  Say("thawed %s", by);
}

static void Obey(char* line, const char* mountpoint) {
  char* words[kMaxWords];
  const int count = SplitWords(line, words);
  int64_t for_ms;
  if (count == 0) return;
  if (strcmp(words[0], "thaw") == 0) {
    Thaw(mountpoint, "command");
    return Say("ok");
  }
  if (strcmp(words[0], "freeze") != 0 || count != 2 || !ParseNumber(words[1], 1, kLongestMs, &for_ms)) {
    return Say("error freeze MS (at most %d), or thaw", kLongestMs);
  }
  // The order to thaw is given before there is anything to thaw.
  const int64_t until_ms = NowMs() + for_ms;
  SecondMust(mountpoint, until_ms + kBackupMs);
  if (!Control(mountpoint, FIFREEZE)) return Say("error freeze: %s", strerror(errno));
  thaw_ms = until_ms;
  Say("ok");
}

int main(int argc, char** argv) {
  static const char kUsage[] = "usage: stuck_freeze [--owner PID] DEVICE MOUNTPOINT";
  static const struct option kOptions[] = {{"owner", required_argument, NULL, 'o'}, {0}};
  int64_t owner = 0;
  while (getopt_long(argc, argv, "", kOptions, NULL) == 'o') {
    if (!ParseNumber(optarg, 1, INT32_MAX, &owner)) Die("%s", kUsage);
  }
  if (optind != argc - 2) Die("%s", kUsage);
  const char* device = argv[optind];
  const char* mountpoint = argv[optind + 1];

  LifelineStart((pid_t)owner);
  made_folder = mkdir(mountpoint, 0755) == 0;
  SecondStart(ThawAndUnmount);
  if (mount(device, mountpoint, "ext4", 0, NULL) != 0) {
    const int error = errno;
    if (made_folder) rmdir(mountpoint);
    Die("stuck_freeze: mount %s: %s", device, strerror(error));
  }
  SecondMust(mountpoint, 0);
  Say("ready");

  for (;;) {
    const enum LifelineEvent event = LifelineNext(NULL, 0, thaw_ms);
    if (event == kLifelineCommand) Obey(LifelineCommand(), mountpoint);
    if (event == kLifelineDeadline) Thaw(mountpoint, "timer");
    if (event == kLifelineGone) break;
  }
  Thaw(mountpoint, "end");
  ThawAndUnmount(mountpoint, true);
  SecondEnd();
  FlushOutput();
  return 0;
}
