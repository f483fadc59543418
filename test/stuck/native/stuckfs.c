// stuckfs [--owner PID] [--synchronous] [--file NAME=BYTES]... MOUNTPOINT
//
// Mounts the file system and serves it until the lifeline ends; then everything passes, what is held is
// released, and the mount is taken away at once. It goes on serving those that have a file open, and gives
// them ten seconds: after that the connection is cut and they get errors. It is never killed by its own
// files: it opens none of them.
#define _GNU_SOURCE
#include "stuckfs.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lifeline.h"
#include "second.h"

enum { kMaxFiles = 256, kPatienceMs = 10000 };

struct StuckFs stuckfs = {.awaited = -1};

static struct File files[kMaxFiles];
static char made_folder[1024];  // "" if the mount point was there before us.

static void AddFile(const char* name, uint64_t size) {
  if (stuckfs.file_count == kMaxFiles) Die("not more than %d files", kMaxFiles);
  files[stuckfs.file_count++] = (struct File){.name = name, .size = size, .made = size};
}

static void MakeMedium(struct File* file) {
  file->medium = memfd_create(file->name, MFD_CLOEXEC);
  if (file->medium < 0 || ftruncate(file->medium, (off_t)file->size) != 0) Die("memfd: %s", strerror(errno));
  file->bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, file->medium, 0);
  if (file->bytes == MAP_FAILED) Die("mmap: %s", strerror(errno));
}

static void AddFileOf(char* text) {
  char* equals = strchr(text, '=');
  int64_t size = 0;
  if (equals == NULL || equals == text || !ParseNumber(equals + 1, 1, INT64_C(1) << 40, &size)) {
    Die("--file NAME=BYTES, not %s", text);
  }
  *equals = '\0';
  if (strpbrk(text, "/ ") != NULL) Die("a name without slashes and blanks, not %s", text);
  AddFile(text, (uint64_t)size);
}

// Mounted by us, and we are gone.
static void Unmount(const char* what, bool ended) {
  if (what[0] == '\0' || !ended) return;
  umount2(what, MNT_DETACH);
  if (made_folder[0] != '\0') rmdir(made_folder);
}

static void Serve(struct fuse_session* session, const char* mountpoint) {
  struct fuse_buf buffer = {0};
  const int fd = fuse_session_fd(session);
  int64_t patience = -1;
  while (!fuse_session_exited(session)) {
    const int64_t due = NextDue();
    switch (LifelineNext(&fd, 1, patience >= 0 ? patience : due)) {
      case kLifelineCommand:
        ObeyCommand(LifelineCommand());
        break;
      case kLifelineReady:
        if (fuse_session_receive_buf(session, &buffer) > 0) fuse_session_process_buf(session, &buffer);
        TellInterrupted();
        break;
      case kLifelineDeadline:
        if (patience >= 0) {
          free(buffer.mem);
          Die("stuckfs: still in use after %d s: cut off", kPatienceMs / 1000);
        }
        break;
      case kLifelineGone:
        for (int kind = 0; kind < kKinds; kind++) stuckfs.rules[kind] = (struct Rule){.action = kPass};
        ReleaseAll();
        // Not fuse_session_unmount(): that cuts the connection of whoever has a file open.
        if (umount2(mountpoint, MNT_DETACH) != 0) perror("stuckfs: umount");
        patience = NowMs() + kPatienceMs;
        break;
    }
    AnswerDue();
  }
  free(buffer.mem);
}

int main(int argc, char** argv) {
  static const char kUsage[] =
      "usage: stuckfs [--owner PID] [--synchronous] [--file NAME=BYTES]... MOUNTPOINT";
  static const struct option kOptions[] = {{"owner", required_argument, NULL, 'o'},
                                           {"synchronous", no_argument, NULL, 's'},
                                           {"file", required_argument, NULL, 'f'},
                                           {0}};
  int64_t owner = 0;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, NULL)) != -1;) {
    if (option == 'o' && ParseNumber(optarg, 1, INT32_MAX, &owner)) continue;
    if (option == 's') {
      stuckfs.synchronous = true;
      continue;
    }
    if (option == 'f') {
      AddFileOf(optarg);
      continue;
    }
    Die("%s", kUsage);
  }
  if (optind != argc - 1) Die("%s", kUsage);
  const char* mountpoint = argv[optind];
  if (stuckfs.file_count == 0) AddFile("disk", 1024 * 1024);
  stuckfs.files = files;

  LifelineStart((pid_t)owner);
  if (mkdir(mountpoint, 0755) == 0) snprintf(made_folder, sizeof made_folder, "%s", mountpoint);
  SecondStart(Unmount);

  char* fuse_words[] = {argv[0], "-o", "fsname=stuckfs,allow_other", NULL};
  struct fuse_args arguments = FUSE_ARGS_INIT(3, fuse_words);
  struct fuse_session* session = fuse_session_new(&arguments, &kOps, sizeof kOps, NULL);
  if (session == NULL || fuse_session_mount(session, mountpoint) != 0) {
    if (made_folder[0] != '\0') rmdir(made_folder);
    Die("stuckfs: cannot mount %s", mountpoint);
  }
  SecondMust(mountpoint, 0);
  // Between poll(2) and read(2) a request may be withdrawn.
  fcntl(fuse_session_fd(session), F_SETFL, O_NONBLOCK);
  for (int i = 0; i < stuckfs.file_count; i++) {
    struct File* file = &files[i];
    MakeMedium(file);
    Say("file %s %llu %s/%s /proc/%d/fd/%d", file->name, (unsigned long long)file->size, mountpoint,
        file->name, (int)getpid(), file->medium);
  }
  Serve(session, mountpoint);
  fuse_session_destroy(session);
  if (made_folder[0] != '\0') rmdir(made_folder);
  SecondEnd();
  FlushOutput();
  return 0;
}
