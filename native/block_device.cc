#include "block_device.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>

#include <climits>
#include <cstdio>
#include <cstring>

#include "sys.h"

namespace dmremap {

namespace {

// File systems on which a submission was never seen to block. Everything else goes through io-wq: on FUSE
// io_uring_enter() calls the file's poll synchronously, 10 minutes with a stopped daemon (io spec 1.4).
bool SubmissionIsKnownGood(int fd) {
  struct statfs fs {};
  if (sys::fstatfs(fd, &fs) != 0) return false;
  switch (static_cast<uint32_t>(fs.f_type)) {
    case EXT4_SUPER_MAGIC:
    case 0x58465342:  // XFS
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
      return true;
    default:
      return false;
  }
}

const char* KindOf(mode_t mode) {
  if (S_ISBLK(mode)) return "block";
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISFIFO(mode)) return "FIFO";
  if (S_ISCHR(mode)) return "character device";
  if (S_ISSOCK(mode)) return "socket";
  return "special file";
}

OpenedDevice Failed(OpenedDevice device, const char* step, int error) {
  if (device.fd >= 0) sys::close(device.fd);
  device.fd = -1;
  device.failed_step = step;
  device.error = error;
  return device;
}

void AskDirectAlignment(OpenedDevice* device, bool* supported) {
  struct statx facts {};
  if (sys::statx(device->fd, STATX_DIOALIGN, &facts) != 0) return;
  if ((facts.stx_mask & STATX_DIOALIGN) == 0) return;
  *supported = facts.stx_dio_offset_align != 0;
  if (facts.stx_dio_offset_align > device->logical_block_size) {
    device->logical_block_size = facts.stx_dio_offset_align;
  }
}

// Also where that cannot be told: filling what has none changes nothing.
bool HasHole(int fd, uint64_t bytes) {
  const off_t hole = sys::lseek(fd, 0, SEEK_HOLE);
  return hole < 0 || static_cast<uint64_t>(hole) < bytes;
}

int AskSize(OpenedDevice* device, const struct stat& facts) {
  if (S_ISREG(facts.st_mode)) {
    device->size_bytes = static_cast<uint64_t>(facts.st_size);
    device->major = major(facts.st_dev);
    device->minor = minor(facts.st_dev);
    device->inode = facts.st_ino;
    device->async = !SubmissionIsKnownGood(device->fd);
    return 0;
  }
  int logical = 0;
  unsigned int physical = 0;
  if (sys::ioctl(device->fd, BLKGETSIZE64, &device->size_bytes) != 0) return errno;
  if (sys::ioctl(device->fd, BLKSSZGET, &logical) != 0) return errno;
  if (sys::ioctl(device->fd, BLKPBSZGET, &physical) != 0) physical = static_cast<unsigned int>(logical);
  if (sys::ioctl(device->fd, BLKGETDISKSEQ, &device->disk_sequence) != 0) device->disk_sequence = 0;
  device->logical_block_size = static_cast<uint32_t>(logical);
  device->physical_block_size = physical;
  return 0;
}

bool IsReadOnly(int fd) {
  int read_only = 0;
  return sys::ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

// Why open(2) for writing failed: a read-only device answers EACCES, EPERM or EROFS, as a lack of rights
// does.
bool IsReadOnlyDevice(const char* path) {
  const int fd = sys::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const bool read_only = IsReadOnly(fd);
  sys::close(fd);
  return read_only;
}

// Whether the system was short of something, and the question is open.
bool IsShortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR; }

// Whether one is a partition of the other: sysfs has the folder of a partition in that of its disk. The
// partitions of one disk lie beside each other.
int IsPartOf(dev_t part, dev_t disk, bool* found) {
  char path[64];
  struct stat inside {
  }, whole{};
  std::snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/..", major(part), minor(part));
  if (sys::stat(path, &inside) != 0) return IsShortage(errno) ? errno : 0;
  std::snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(disk), minor(disk));
  if (sys::stat(path, &whole) != 0) return IsShortage(errno) ? errno : 0;
  *found = inside.st_dev == whole.st_dev && inside.st_ino == whole.st_ino;
  return 0;
}

// Whether what is written to the one is written to the other. 0, or an errno where that cannot be told.
int IsShared(const struct stat& a, const struct stat& b, bool* found) {
  if (!S_ISBLK(a.st_mode) || !S_ISBLK(b.st_mode)) {
    *found = a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    return 0;
  }
  *found = a.st_rdev == b.st_rdev;
  if (*found) return 0;
  if (const int error = IsPartOf(a.st_rdev, b.st_rdev, found); error != 0 || *found) return error;
  return IsPartOf(b.st_rdev, a.st_rdev, found);
}

// Whether this loop device stands on the file or device. 0, or an errno where that cannot be told.
int IsLoopOver(const char* loop, const struct stat& spare, bool* found) {
  char path[PATH_MAX];
  std::snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", loop);
  const int fd = sys::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return IsShortage(errno) ? errno : 0;  // Nothing is attached.
  const ssize_t length = sys::read(fd, path, sizeof(path) - 1);
  const int error = length < 0 && IsShortage(errno) ? errno : 0;
  sys::close(fd);
  if (length <= 0) return error;
  // A name may have a line feed of its own.
  path[path[length - 1] == '\n' ? length - 1 : length] = 0;
  struct stat facts {};
  if (sys::stat(path, &facts) != 0) return IsShortage(errno) ? errno : 0;
  return IsShared(facts, spare, found);
}

// Finds the loop device whose backing file or device this is: writing to both would be two writers that know
// nothing of each other. The kernel neither locks the file nor claims the device (O_EXCL opens it all the
// same). 0, or an errno where that cannot be told.
int FindLoopOver(const struct stat& spare, OpenedDevice* device) {
  DIR* folder = sys::opendir("/sys/block");
  if (folder == nullptr) return IsShortage(errno) ? errno : 0;
  int error = 0;
  bool found = false;
  while (error == 0 && !found) {
    errno = 0;
    const dirent* entry = sys::readdir(folder);
    error = errno;
    if (entry == nullptr) break;
    if (std::strncmp(entry->d_name, "loop", 4) != 0) continue;
    error = IsLoopOver(entry->d_name, spare, &found);
    // As long as a loop device's name can be (DISK_NAME_LEN).
    if (found) std::snprintf(device->holder, sizeof(device->holder), "/dev/%.26s", entry->d_name);
  }
  sys::closedir(folder);
  return error;
}

// In place: the kernel escapes blanks, line feeds and backslashes in octal (proc_swaps(5)).
void Unescape(char* name) {
  char* to = name;
  for (const char* from = name; *from != 0; to++) {
    unsigned int escaped = 0;
    int length = 0;
    if (std::sscanf(from, "\\%3o%n", &escaped, &length) != 1) length = 1;
    *to = length == 1 ? *from : static_cast<char>(escaped);
    from += length;
  }
  *to = 0;
}

// Whether the kernel swaps to this file. It lets it be opened, and then refuses each write (ETXTBSY): so
// where this cannot be told, nothing is overwritten all the same.
bool IsSwap(const struct stat& file) {
  const int fd = sys::open("/proc/swaps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char piece[1024];
  char name[PATH_MAX];
  size_t at = 0;         // In the name, which is the first field of a line.
  bool in_name = false;  // The first line says what the fields are.
  bool found = false;
  ssize_t length = 0;
  while (!found && (length = sys::read(fd, piece, sizeof(piece))) > 0) {
    for (ssize_t next = 0; next < length && !found; next++) {
      const char byte = piece[next];
      if (byte == '\n') {
        in_name = true;
        at = 0;
      } else if (in_name && byte != ' ' && byte != '\t') {
        if (at < sizeof(name) - 1) name[at++] = byte;
      } else if (in_name) {
        in_name = false;
        name[at] = 0;
        Unescape(name);
        struct stat facts {};
        found = sys::stat(name, &facts) == 0 && facts.st_dev == file.st_dev && facts.st_ino == file.st_ino;
      }
    }
  }
  sys::close(fd);
  return found;
}

}  // namespace

OpenedDevice OpenBlockDevice(const OpenOptions& options) {
  OpenedDevice device;
  const char* path = options.path.c_str();

  // What it is, without opening it: a FIFO would block, a tape would rewind.
  const int place = sys::open(path, O_PATH | O_CLOEXEC);
  if (place < 0) return Failed(device, "path", errno);
  struct stat before {};
  const int looked = sys::fstat(place, &before) == 0 ? 0 : errno;
  sys::close(place);
  if (looked != 0) return Failed(device, "path", looked);
  device.kind = KindOf(before.st_mode);
  const bool block = S_ISBLK(before.st_mode);
  if (!block && !S_ISREG(before.st_mode)) return Failed(device, "kind", 0);
  if (block) {
    device.major = major(before.st_rdev);
    device.minor = minor(before.st_rdev);
  }

  // O_EXCL without O_CREAT is the kernel's fence for block devices: mounts, holders and ghosts answer EBUSY.
  int flags =
      O_CLOEXEC | O_NOCTTY | (options.write ? O_RDWR : O_RDONLY) | (options.write && block ? O_EXCL : 0);
  device.fd = sys::open(path, flags | O_DIRECT);
  if (device.fd < 0 && errno == EINVAL) {
    if (!options.prefer_direct) return Failed(device, "direct", EINVAL);
    device.direct = false;
    device.fd = sys::open(path, flags);
  }
  if (device.fd < 0) {
    const int error = errno;
    const bool rights = error == EACCES || error == EPERM || error == EROFS;
    if (block && options.write && rights && IsReadOnlyDevice(path)) return Failed(device, "read-only", error);
    return Failed(device, "open", error);
  }

  struct stat after {};
  if (sys::fstat(device.fd, &after) != 0) return Failed(device, "open", errno);
  if (after.st_dev != before.st_dev || after.st_ino != before.st_ino || after.st_rdev != before.st_rdev) {
    return Failed(device, "changed", 0);
  }
  // After blockdev --setro the open succeeds, and each write would fail.
  if (block && options.write && IsReadOnly(device.fd)) return Failed(device, "read-only", 0);
  if (const int error = AskSize(&device, after); error != 0) return Failed(device, "size", error);

  if (options.write) {
    if (const int error = FindLoopOver(after, &device); error != 0) return Failed(device, "loop", error);
    if (device.holder[0] != 0) return Failed(device, "loop", EBUSY);
    if (!block && IsSwap(after)) return Failed(device, "swap", ETXTBSY);
  }
  if (!block && options.write && sys::flock(device.fd, LOCK_EX | LOCK_NB) != 0)
    return Failed(device, "lock", errno);
  if (!block && device.direct) {
    bool supported = true;
    AskDirectAlignment(&device, &supported);
    if (!supported) {
      if (!options.prefer_direct) return Failed(device, "direct", EINVAL);
      const int status = sys::fcntl(device.fd, F_GETFL, 0);
      if (status < 0 || sys::fcntl(device.fd, F_SETFL, status & ~O_DIRECT) != 0)
        return Failed(device, "direct", errno);
      device.direct = false;
    }
  }
  if (!device.direct) device.async = true;  // Buffered writes throttle in the page cache.

  return device;
}

bool SizeNow(int fd, uint64_t* bytes) { return sys::ioctl(fd, BLKGETSIZE64, bytes) == 0; }

// A full file system must show here, not in the middle of a commit; and writes into holes cost four times the
// CPU.
int FillHoles(int fd, uint64_t bytes) {
  struct stat facts {};
  if (sys::fstat(fd, &facts) != 0) return errno;
  if (!S_ISREG(facts.st_mode)) return 0;
  const uint64_t size = static_cast<uint64_t>(facts.st_size);
  const uint64_t wanted = bytes < size ? bytes : size;
  if (wanted == 0 || !HasHole(fd, wanted)) return 0;
  if (sys::fallocate(fd, 0, 0, static_cast<off_t>(wanted)) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
    return 0;
  return errno;
}

}  // namespace dmremap
