// Every call of ours that can fail outside of us: the system's, and libuv's initialisers, under the names of
// their man pages (liburing's are in sys_uring.h). In the product these are the calls and nothing else. Built
// with DMREMAP_FAULTS each asks first whether this is the time that it is to fail, and how (faults.h).
#ifndef DMREMAP_NATIVE_SYS_H_
#define DMREMAP_NATIVE_SYS_H_

#include <dirent.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/stat.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <ctime>

#ifdef DMREMAP_FAULTS
#include "faults.h"
#endif

namespace dmremap::sys {

// The errno that this call is to fail with, 0 where it is to be made.
inline int Fault([[maybe_unused]] const char* call) {
#ifdef DMREMAP_FAULTS
  return faults::Next(call);
#else
  return 0;
#endif
}

// Tests hold what is mapped against what was before.
inline void Mapped([[maybe_unused]] int more) {
#ifdef DMREMAP_FAULTS
  faults::Mapped(more);
#endif
}

// For a call that fails with -1 and errno.
template <typename Call>
inline auto OrErrno(const char* name, Call call) -> decltype(call()) {
  const int error = Fault(name);
  if (error == 0) return call();
  errno = error;
  return -1;
}

// For a call that fails with a null pointer and errno.
template <typename Call>
inline auto OrNull(const char* name, Call call) -> decltype(call()) {
  const int error = Fault(name);
  if (error == 0) return call();
  errno = error;
  return nullptr;
}

// For a call that fails with the negative errno.
template <typename Call>
inline auto OrNegative(const char* name, Call call) -> decltype(call()) {
  const int error = Fault(name);
  return error == 0 ? call() : -error;
}

inline int open(const char* path, int flags) {
  return OrErrno("open", [&] { return ::open(path, flags); });
}

// Whatever it says, the descriptor is gone (close(2)).
inline int close(int fd) {
  const int result = ::close(fd);
  return OrErrno("close", [&] { return result; });
}

inline int stat(const char* path, struct ::stat* facts) {
  return OrErrno("stat", [&] { return ::stat(path, facts); });
}

inline int fstat(int fd, struct ::stat* facts) {
  return OrErrno("fstat", [&] { return ::fstat(fd, facts); });
}

// glibc 2.36 has no STATX_DIOALIGN, so the kernel's own structure and the bare system call (statx(2),
// Linux 6.1).
inline int statx(int fd, unsigned int mask, struct ::statx* facts) {
  return OrErrno("statx",
                 [&] { return static_cast<int>(::syscall(SYS_statx, fd, "", AT_EMPTY_PATH, mask, facts)); });
}

inline int fstatfs(int fd, struct ::statfs* facts) {
  return OrErrno("fstatfs", [&] { return ::fstatfs(fd, facts); });
}

template <typename Answer>
inline int ioctl(int fd, unsigned long request, Answer* answer) {
  return OrErrno("ioctl", [&] { return ::ioctl(fd, request, answer); });
}

inline int fcntl(int fd, int command, int argument) {
  return OrErrno("fcntl", [&] { return ::fcntl(fd, command, argument); });
}

inline int flock(int fd, int operation) {
  return OrErrno("flock", [&] { return ::flock(fd, operation); });
}

inline off_t lseek(int fd, off_t offset, int whence) {
  return OrErrno("lseek", [&] { return ::lseek(fd, offset, whence); });
}

inline int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  return OrErrno("fallocate", [&] { return ::fallocate(fd, mode, offset, bytes); });
}

inline DIR* opendir(const char* path) {
  return OrNull("opendir", [&] { return ::opendir(path); });
}

// Null at the end too: errno tells them apart where it was 0 before.
inline dirent* readdir(DIR* folder) {
  return OrNull("readdir", [&] { return ::readdir(folder); });
}

inline int closedir(DIR* folder) {
  const int result = ::closedir(folder);
  return OrErrno("closedir", [&] { return result; });
}

inline ssize_t read(int fd, void* into, size_t bytes) {
  return OrErrno("read", [&] { return ::read(fd, into, bytes); });
}

inline ssize_t write(int fd, const void* from, size_t bytes) {
  return OrErrno("write", [&] { return ::write(fd, from, bytes); });
}

inline ssize_t preadv2(int fd, const iovec* vectors, int count, off_t offset, int flags) {
  return OrErrno("preadv2", [&] { return ::preadv2(fd, vectors, count, offset, flags); });
}

inline ssize_t pwritev2(int fd, const iovec* vectors, int count, off_t offset, int flags) {
  return OrErrno("pwritev2", [&] { return ::pwritev2(fd, vectors, count, offset, flags); });
}

inline int fdatasync(int fd) {
  return OrErrno("fdatasync", [&] { return ::fdatasync(fd); });
}

// Kernel AIO has no cover in the C library: the bare system calls.
inline int io_setup(unsigned events, aio_context_t* context) {
  return OrErrno("io_setup", [&] { return static_cast<int>(::syscall(SYS_io_setup, events, context)); });
}

inline int io_submit(aio_context_t context, size_t count, iocb** commands) {
  return OrErrno("io_submit",
                 [&] { return static_cast<int>(::syscall(SYS_io_submit, context, count, commands)); });
}

// Those that are there, without waiting.
inline int io_getevents(aio_context_t context, size_t most, io_event* events) {
  return OrErrno("io_getevents", [&] {
    timespec at_once{};
    return static_cast<int>(::syscall(SYS_io_getevents, context, 0, most, events, &at_once));
  });
}

inline int io_destroy(aio_context_t context) {
  return OrErrno("io_destroy", [&] { return static_cast<int>(::syscall(SYS_io_destroy, context)); });
}

// What became of a command.
inline int32_t Result(const io_event& event) {
  return OrNegative("io_event", [&] { return static_cast<int32_t>(event.res); });
}

inline int eventfd(unsigned int count, int flags) {
  return OrErrno("eventfd", [&] { return ::eventfd(count, flags); });
}

// Private memory of nobody's file. Null where there is none.
inline void* mmap(size_t bytes) {
  return OrNull("mmap", [&]() -> void* {
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return nullptr;
    Mapped(1);
    return base;
  });
}

inline int munmap(void* base, size_t bytes) {
  return OrErrno("munmap", [&] {
    const int result = ::munmap(base, bytes);
    if (result == 0) Mapped(-1);
    return result;
  });
}

inline int madvise(void* base, size_t bytes, int advice) {
  return OrErrno("madvise", [&] { return ::madvise(base, bytes, advice); });
}

// Fails with the errno itself.
inline int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                          void* data) {
  const int error = Fault("pthread_create");
  return error == 0 ? ::pthread_create(thread, attributes, body, data) : error;
}

inline int uv_async_init(uv_loop_t* loop, uv_async_t* handle, uv_async_cb callback) {
  return OrNegative("uv_async_init", [&] { return ::uv_async_init(loop, handle, callback); });
}

inline int uv_poll_init(uv_loop_t* loop, uv_poll_t* handle, int fd) {
  return OrNegative("uv_poll_init", [&] { return ::uv_poll_init(loop, handle, fd); });
}

}  // namespace dmremap::sys

#endif  // DMREMAP_NATIVE_SYS_H_
