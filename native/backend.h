// What the engine needs of whoever moves the bytes: io_uring (ring.h), kernel AIO (kernel_aio.h) or threads
// (thread_pool.h). Commands go in, completions come out, by ticket; nothing here knows requests or devices.
// Used on the loop thread only.
//
// Open() is where all memory is had; it may throw std::bad_alloc, and nothing else throws.
//
// A result is the number of bytes, or a negative errno, as of a CQE. A cancel owes a completion of its own: 0
// where the command is withdrawn and completes with -ECANCELED, anything else says nothing about it.
#ifndef DMREMAP_NATIVE_BACKEND_H_
#define DMREMAP_NATIVE_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "op_table.h"

namespace dmremap {

struct IoCommand {
  OpKind kind;
  uint32_t place;  // Of the file in the backend's table.
  void* data;
  uint32_t length;
  uint64_t offset;
  bool dsync;
  bool async;  // Submitting could block on this target.
  uint64_t user_data;
};

struct Completion {
  uint64_t user_data;
  int32_t res;
};

// A file that the kernel has by the backend's doing, beside any descriptor. Letting go of it may block, so it
// is for a thread of its own, where it may outlive the backend.
class Registration {
 public:
  virtual ~Registration() = default;
  // 0 where nothing holds the file any more by this; else an errno.
  virtual int Undo() = 0;
};

// What is left of a file that a backend has let go of: the caller's to undo, then to close.
struct Remains {
  std::shared_ptr<Registration> registration;
  int descriptor = -1;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Before Open(): memory that many commands will be about, for as long as there is a backend.
  virtual void UseMemory(void*, size_t) {}
  // 0, or an errno. `*step` names the call that failed, for people.
  virtual int Open(const char** step) = 0;
  // Readable when there are completions.
  virtual int fd() const = 0;

  // Files go by their place in the backend's own table, never by descriptor: a number that was closed can
  // name somebody else's file by the time a worker runs (measured: 100 of 100 writes). What is in flight
  // keeps its file, and so its lock, after RemoveFile(). `idle`: nothing is.
  // InstallFile() returns 0, or an errno with nothing changed.
  virtual int InstallFile(uint32_t place, int fd) = 0;
  virtual Remains RemoveFile(uint32_t place, bool idle) = 0;
  virtual uint32_t file_places() const = 0;
  // Commands in flight at a time, over all files. Each file may have one beyond it.
  virtual uint32_t max_in_flight() const = 0;

  // False where there is no room: keep the command and come back.
  virtual bool Prepare(const IoCommand& command) = 0;
  virtual bool PrepareCancel(uint64_t target, uint64_t user_data) = 0;
  // Hands over everything prepared. False when something is left: the system was short of a resource.
  virtual bool Submit() = 0;
  // Takes the completions that are there. The caller has made room for all that can be: two for each command
  // in flight, its own and its cancel's.
  virtual void Reap(std::vector<Completion>* completions) = 0;
  // At the end: withdraws what the kernel was never given. These complete with -ECANCELED.
  virtual void TakeBack(std::vector<Completion>*) {}
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_BACKEND_H_
