// The jobs that run on threads of their own: opening, closing, filling the holes of a file. Each leaves its
// result with the environment that started it.
#ifndef DMREMAP_NATIVE_DEVICE_JOBS_H_
#define DMREMAP_NATIVE_DEVICE_JOBS_H_

#include <cerrno>
#include <utility>
#include <vector>

#include "block_device.h"
#include "blocking_job.h"
#include "environment.h"
#include "sys.h"

namespace dmremap {

class OpenJob : public BlockingJob {
 public:
  OpenJob(Environment* environment, Engine* engine, uint32_t id, OpenOptions options)
      : environment_(environment), options_(std::move(options)) {
    result_.id = id;
    result_.engine = engine;
  }
  void Run() override { result_.opened = OpenBlockDevice(options_); }
  void Finish() override { environment_->Push(std::move(result_)); }
  void Abandon() override {
    if (result_.opened.fd >= 0) sys::close(result_.opened.fd);
  }

 private:
  Environment* environment_;
  OpenOptions options_;
  JobResult result_;
};

// close(2) may block: FUSE and NFS flush, a block device writes its page cache back.
class CloseJob : public BlockingJob {
 public:
  CloseJob(Environment* environment, uint32_t id, std::vector<int> descriptors)
      : environment_(environment), descriptors_(std::move(descriptors)) {
    result_.id = id;
    result_.kind = EventKind::kClosed;
  }
  void Run() override {
    for (const int fd : descriptors_) {
      if (sys::close(fd) != 0) result_.error = errno;
    }
  }
  void Finish() override { environment_->Push(std::move(result_)); }
  void Abandon() override {}

 private:
  Environment* environment_;
  std::vector<int> descriptors_;
  JobResult result_;
};

// fallocate(2), on a descriptor of its own: the device may be closed meanwhile.
class AllocateJob : public BlockingJob {
 public:
  AllocateJob(Environment* environment, uint32_t id, int fd, uint64_t bytes)
      : environment_(environment), fd_(fd), bytes_(bytes) {
    result_.id = id;
    result_.kind = EventKind::kAllocated;
  }
  void Run() override {
    result_.error = fd_ < 0 ? EMFILE : FillHoles(fd_, bytes_);
    if (fd_ >= 0) sys::close(fd_);
  }
  void Finish() override { environment_->Push(std::move(result_)); }
  void Abandon() override {}

 private:
  Environment* environment_;
  int fd_;
  uint64_t bytes_;
  JobResult result_;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_DEVICE_JOBS_H_
