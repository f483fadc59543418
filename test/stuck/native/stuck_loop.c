// stuck_loop [--owner PID] [--block-size N] [--direct-io] (FILE | --memory BYTES)
//
// A loop device over a file, or over memory, that lives as long as the lifeline: it is set to detach with its
// last close, and this process has it open. `stall [write|read]` and `release` throttle it through cgroup
// v1's blkio controller, for the cgroup of the caller. A rule outlives the loop device, so a second process
// takes it back if this one is killed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lifeline.h"
#include "second.h"

static char cgroup_folder[1024];  // Where the rules of our cgroup are; "" if there is no such controller.
static unsigned device_major, device_minor;

static bool WriteRule(const char* which, const char* device, int64_t bytes_per_second) {
  char path[1200];
  char rule[64];
  snprintf(path, sizeof path, "%s/blkio.throttle.%s_bps_device", cgroup_folder, which);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const int length = snprintf(rule, sizeof rule, "%s %lld", device, (long long)bytes_per_second);
  const bool written = write(fd, rule, (size_t)length) == length;
  close(fd);
  return written;
}

static void TakeBackRules(const char* device, bool ended) {
  if (!ended || device[0] == '\0') return;
  WriteRule("write", device, 0);
  WriteRule("read", device, 0);
}

// The path of our own cgroup below the root of the blkio controller; false if there is no such controller of
// version 1.
static bool OwnCgroup(char* path, size_t size) {
  FILE* file = fopen("/proc/self/cgroup", "re");
  if (file == NULL) return false;
  char line[1024];
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    char* controllers = strchr(line, ':');
    char* place = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (place == NULL) continue;
    *place++ = '\0';
    place[strcspn(place, "\n")] = '\0';
    char* rest;
    for (char* name = strtok_r(controllers + 1, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
      found = found || strcmp(name, "blkio") == 0;
    }
    if (found) snprintf(path, size, "%s", strcmp(place, "/") == 0 ? "" : place);
  }
  fclose(file);
  return found;
}

// A mount of our own that has no place in any namespace: nobody else sees it, and it goes with its
// descriptor, which our second has too. (A namespace of our own would hold on to everybody's mounts.)
static void FindCgroup(void) {
  char own[512];
  if (!OwnCgroup(own, sizeof own)) return;
  const int context = fsopen("cgroup", FSOPEN_CLOEXEC);
  if (context < 0) return;
  if (fsconfig(context, FSCONFIG_SET_FLAG, "blkio", NULL, 0) == 0 &&
      fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
    const int root =
        fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (root >= 0) snprintf(cgroup_folder, sizeof cgroup_folder, "/proc/self/fd/%d%s", root, own);
  }
  close(context);
}

// Another process may take the number between the question and the answer. Or have a device that is free open
// exclusively: that one is named again and again, so a new one is made.
static int AttachLoop(int backing, unsigned block_size, bool direct, char* path, size_t size) {
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) Die("/dev/loop-control: %s", strerror(errno));
  for (int refused = -1;;) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number >= 0 && number == refused) number = ioctl(control, LOOP_CTL_ADD, -1);
    if (number < 0) Die("no free loop device: %s", strerror(errno));
    snprintf(path, size, "/dev/loop%d", number);
    const int loop = open(path, O_RDWR | O_CLOEXEC);
    if (loop < 0) Die("%s: %s", path, strerror(errno));
    struct loop_config config = {.fd = (unsigned)backing, .block_size = block_size};
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (direct ? LO_FLAGS_DIRECT_IO : 0);
    snprintf((char*)config.info.lo_file_name, sizeof config.info.lo_file_name, "stuck_loop-%d",
             (int)getpid());
    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
      close(control);
      return loop;
    }
    if (errno != EBUSY) Die("%s: %s", path, strerror(errno));
    refused = number;
    close(loop);
  }
}

static void Throttle(char** words, int count) {
  const bool stall = strcmp(words[0], "stall") == 0;
  const char* which = "write";
  int64_t rate = stall ? 256 : 0;
  for (int i = 1; i < count; i++) {
    if (strcmp(words[i], "write") == 0 || strcmp(words[i], "read") == 0) {
      which = words[i];
    } else if (!stall || !ParseNumber(words[i], 1, INT64_MAX, &rate)) {
      return Say("error stall [write|read] [BYTES_PER_SECOND], or release [write|read]");
    }
  }
  char device[32];
  snprintf(device, sizeof device, "%u:%u", device_major, device_minor);
  if (cgroup_folder[0] == '\0') return Say("error there is no blkio controller of cgroup version 1");
  if (stall) SecondMust(device, 0);
  if (!WriteRule(which, device, rate)) return Say("error blkio.throttle: %s", strerror(errno));
  Say("ok");
}

// Every rule of our cgroup, of all devices.
static void TellRules(void) {
  static const char* const kWhich[] = {"write", "read"};
  for (int i = 0; i < 2; i++) {
    char path[1200];
    char line[256];
    snprintf(path, sizeof path, "%s/blkio.throttle.%s_bps_device", cgroup_folder, kWhich[i]);
    FILE* file = fopen(path, "re");
    if (file == NULL) return Say("error %s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file) != NULL) {
      line[strcspn(line, "\n")] = '\0';
      Say("rule %s %s", kWhich[i], line);
    }
    fclose(file);
  }
  Say("ok");
}

static void Obey(char* line) {
  char* words[kMaxWords];
  const int count = SplitWords(line, words);
  if (count == 0) return;
  if (strcmp(words[0], "stall") == 0 || strcmp(words[0], "release") == 0) return Throttle(words, count);
  if (strcmp(words[0], "rules") == 0) return TellRules();
  Say("error what is %s?", words[0]);
}

int main(int argc, char** argv) {
  static const char kUsage[] =
      "usage: stuck_loop [--owner PID] [--block-size N] [--direct-io] (FILE | --memory BYTES)";
  static const struct option kOptions[] = {{"owner", required_argument, NULL, 'o'},
                                           {"block-size", required_argument, NULL, 'b'},
                                           {"direct-io", no_argument, NULL, 'd'},
                                           {"memory", required_argument, NULL, 'm'},
                                           {0}};
  int64_t owner = 0, block_size = 512, memory = 0;
  bool direct = false;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, NULL)) != -1;) {
    if (option == 'd') direct = true;
    if (option == 'd') continue;
    int64_t* number = option == 'o' ? &owner : option == 'b' ? &block_size : option == 'm' ? &memory : NULL;
    if (number == NULL || !ParseNumber(optarg, 1, INT64_C(1) << 40, number)) Die("%s", kUsage);
  }
  if (argc - optind != (memory > 0 ? 0 : 1)) Die("%s", kUsage);

  LifelineStart((pid_t)owner);
  FindCgroup();
  SecondStart(TakeBackRules);
  char name[32];
  snprintf(name, sizeof name, "stuck_loop-%d", (int)getpid());
  const int backing = memory > 0 ? memfd_create(name, MFD_CLOEXEC) : open(argv[optind], O_RDWR | O_CLOEXEC);
  if (backing < 0 || (memory > 0 && ftruncate(backing, memory) != 0)) {
    Die("%s: %s", memory > 0 ? "memfd" : argv[optind], strerror(errno));
  }
  char path[32];
  const int loop = AttachLoop(backing, (unsigned)block_size, direct, path, sizeof path);
  // The loop device has it. Ours would keep the backing file open after the loop device has gone.
  if (memory == 0) close(backing);
  struct loop_info64 info;
  if (ioctl(loop, LOOP_GET_STATUS64, &info) != 0) Die("%s: %s", path, strerror(errno));
  if (direct && (info.lo_flags & LO_FLAGS_DIRECT_IO) == 0) Die("%s: the kernel refused direct I/O", path);
  struct stat facts;
  if (fstat(loop, &facts) != 0) Die("%s: %s", path, strerror(errno));
  device_major = major(facts.st_rdev);
  device_minor = minor(facts.st_rdev);
  char device[32];
  snprintf(device, sizeof device, "%u:%u", device_major, device_minor);
  Say("device %s %s /proc/%d/fd/%d", path, device, (int)getpid(), memory > 0 ? backing : -1);
  Say("ready");

  for (;;) {
    const enum LifelineEvent event = LifelineNext(NULL, 0, -1);
    if (event == kLifelineCommand) Obey(LifelineCommand());
    if (event == kLifelineGone) break;
  }
  if (cgroup_folder[0] != '\0') TakeBackRules(device, true);
  SecondEnd();
  // The last close writes the page cache back, and may take as long as the backing file does.
  close(loop);
  FlushOutput();
  return 0;
}
