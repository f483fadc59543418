// Opens what metadata lives on: a block device, or a regular file that behaves as one. Every call here may
// block, so it runs on a thread of its own. It says which step failed with which errno; what that means is
// told in lib/device. Nothing here takes memory: there is nobody on that thread to tell that there is none.
#ifndef DMREMAP_NATIVE_BLOCK_DEVICE_H_
#define DMREMAP_NATIVE_BLOCK_DEVICE_H_

#include <cstdint>
#include <string>

namespace dmremap {

struct OpenOptions {
  std::string path;
  bool write = false;
  bool prefer_direct = false;  // Take buffered I/O where O_DIRECT is refused, instead of failing.
};

struct OpenedDevice {
  int fd = -1;
  const char* failed_step = nullptr;  // Null: it is open.
  int error = 0;                      // errno of that step; 0 where the step is a judgement of ours.
  const char* kind = "";              // "block", "file"; else what it is instead.
  char holder[32] = "";               // The loop device that stands on it.
  uint64_t size_bytes = 0;
  uint32_t logical_block_size = 512;
  uint32_t physical_block_size = 512;
  uint32_t major = 0;
  uint32_t minor = 0;
  uint64_t inode = 0;          // Of a file; 0 for a block device.
  uint64_t disk_sequence = 0;  // BLKGETDISKSEQ (Linux 5.15); 0 where there is none.
  bool direct = true;
  bool async = false;  // io_uring_enter() could block on it (io spec 1.4).
};

OpenedDevice OpenBlockDevice(const OpenOptions& options);

// What a block device holds now: 0 once it is gone. False where that cannot be told. It does not block,
// whatever the device does: the kernel hands out a number that it keeps (BLKGETSIZE64, bdev_nr_bytes()),
// under no lock, and asks no driver. Not for a file, where ioctl(2) is the file system's to answer.
bool SizeNow(int fd, uint64_t* bytes);

// Fills the holes in the first `bytes` of a regular file, without changing its size. 0, or an errno.
int FillHoles(int fd, uint64_t bytes);

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_BLOCK_DEVICE_H_
