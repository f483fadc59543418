// The jobs that run on threads of their own: opening, closing, filling the holes of a file. Each is told to
// JavaScript with its result.
#ifndef DMREMAP_NATIVE_DEVICE_JOBS_H_
#define DMREMAP_NATIVE_DEVICE_JOBS_H_

#include <array>
#include <memory>
#include <utility>

#include "block_device.h"
#include "blocking_job.h"
#include "engine.h"
#include "sys.h"

namespace dmremap {

// The numbers are part of the interface to lib/device/native.ts.
enum class JobKind : uint32_t { kOpened = 4, kClosed = 5, kAllocated = 6 };

class DeviceJob : public BlockingJob {
 public:
  DeviceJob(uint32_t id, JobKind kind) : id(id), kind(kind) {}
  void Abandon() override {}

  uint32_t id;  // Whom to tell.
  const JobKind kind;
  int error = 0;  // Of an allocation. Of a close: why somebody may still find the device held.
};

// Owns the descriptors of a device from its open on, so that their close needs nothing any more that could be
// missing. close(2) may block: FUSE and NFS flush, a block device writes its page cache back. What it says is
// no matter: the descriptor is gone.
class CloseJob : public DeviceJob {
 public:
  CloseJob() : DeviceJob(0, JobKind::kClosed) {}
  void Add(int fd) { descriptors_[count_++] = fd; }
  void Add(Remains remains) {
    registration_ = std::move(remains.registration);
    if (remains.descriptor >= 0) Add(remains.descriptor);
  }
  int descriptor() const { return descriptors_[0]; }
  void Run() override {
    if (registration_ != nullptr) error = registration_->Undo();
    registration_.reset();
    while (count_ > 0) sys::close(descriptors_[--count_]);
  }

  Engine* engine = nullptr;  // Of this device alone: it goes when the close is told.

 private:
  std::shared_ptr<Registration> registration_;
  std::array<int, 2> descriptors_{-1, -1};  // The device's own, and the backend's.
  size_t count_ = 0;
};

class OpenJob : public DeviceJob {
 public:
  OpenJob(uint32_t id, OpenOptions options)
      : DeviceJob(id, JobKind::kOpened), closer(std::make_unique<CloseJob>()), options_(std::move(options)) {}
  void Run() override {
    opened = OpenBlockDevice(options_);
    if (opened.fd >= 0) closer->Add(opened.fd);
  }
  void Abandon() override { closer->Run(); }

  Engine* engine = nullptr;  // Set before it starts.
  OpenedDevice opened;
  std::unique_ptr<CloseJob> closer;

 private:
  OpenOptions options_;
};

// fallocate(2), on a descriptor of its own: the device may be closed meanwhile.
class AllocateJob : public DeviceJob {
 public:
  AllocateJob(uint32_t id, int fd, uint64_t bytes) : DeviceJob(id, JobKind::kAllocated), bytes_(bytes) {
    fd_ = sys::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd_ < 0) error = errno;
  }
  void Run() override {
    if (fd_ < 0) return;
    error = FillHoles(fd_, bytes_);
    sys::close(fd_);
  }

 private:
  int fd_;
  uint64_t bytes_;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_DEVICE_JOBS_H_
