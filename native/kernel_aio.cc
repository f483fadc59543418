#include "kernel_aio.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <deque>

#include "own_thread.h"

namespace dmremap {

namespace {

constexpr uint32_t kFilePlaces = 256;
constexpr uint32_t kMaxInFlight = 256;
// Every command that can be in flight has room for its completion: none is ever dropped, and io_submit never
// finds the context full.
constexpr uint32_t kEvents = kMaxInFlight + kFilePlaces;
constexpr size_t kStackBytes = 128 * 1024;
// In one io_submit. What is taken with one that blocks cannot be withdrawn any more.
constexpr size_t kBatch = 32;

int IoSetup(uint32_t events, aio_context_t* context) {
  return static_cast<int>(syscall(__NR_io_setup, events, context));
}

int IoSubmit(aio_context_t context, size_t count, iocb** commands) {
  return static_cast<int>(syscall(__NR_io_submit, context, count, commands));
}

int IoGetEvents(aio_context_t context, size_t count, io_event* events) {
  timespec at_once{};
  return static_cast<int>(syscall(__NR_io_getevents, context, 0, count, events, &at_once));
}

int IoDestroy(aio_context_t context) { return static_cast<int>(syscall(__NR_io_destroy, context)); }

struct File {
  explicit File(int own) : fd(own) {}
  ~File() { pthread_cond_destroy(&work); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int Give() {
    const int given = fd;
    fd = -1;
    return given;
  }

  // All of it under the mutex of the core.
  int fd;  // Its own, so that the device's can be closed while this one is submitted to.
  pthread_cond_t work = PTHREAD_COND_INITIALIZER;
  std::deque<IoCommand> queue;  // Not taken by the thread yet.
  bool submitting = false;      // The thread is on its way with a batch.
  bool removed = false;
};

}  // namespace

struct KernelAio::Core : public std::enable_shared_from_this<Core> {
  // Blocks until nothing is in flight.
  ~Core() {
    if (context != 0) IoDestroy(context);
    if (event >= 0) close(event);
    pthread_mutex_destroy(&mutex);
  }

  struct Share {
    std::shared_ptr<Core> core;
    std::shared_ptr<File> file;
  };

  static void* OnThread(void* data) {
    const std::unique_ptr<Share> share(static_cast<Share*>(data));
    if (share->file != nullptr) share->core->SubmitFor(share->file.get());
    return nullptr;  // With the share goes the core, if it is the last one.
  }

  // 0 or an errno.
  int StartThread(std::shared_ptr<File> file) {
    auto* share = new Share{shared_from_this(), std::move(file)};
    const int error = StartOwnThread(OnThread, share, kStackBytes);
    if (error != 0) delete share;
    return error;
  }

  void SubmitFor(File* file) {
    std::vector<IoCommand> batch;
    int fd = -1;
    while (Take(file, &batch, &fd)) {
      Hand(batch, fd);
      batch.clear();
    }
    if (fd >= 0) close(fd);
  }

  // Waits for the next commands and the descriptor they go to. False at the end, with the descriptor to
  // close.
  bool Take(File* file, std::vector<IoCommand>* batch, int* fd) {
    const Lock lock(&mutex);
    file->submitting = false;
    while (file->queue.empty() && !file->removed) pthread_cond_wait(&file->work, &mutex);
    if (file->queue.empty()) {
      *fd = file->Give();
      return false;
    }
    // Where submitting could block, nothing goes along that could still be withdrawn.
    const size_t most = file->queue.front().async ? 1 : kBatch;
    while (!file->queue.empty() && batch->size() < most) {
      batch->push_back(file->queue.front());
      file->queue.pop_front();
    }
    file->submitting = true;
    *fd = file->fd;
    return true;
  }

  void Hand(const std::vector<IoCommand>& batch, int fd) {
    iocb blocks[kBatch] = {};
    iocb* pointers[kBatch];
    for (size_t at = 0; at < batch.size(); at++) {
      pointers[at] = &blocks[at];
      Describe(batch[at], fd, &blocks[at]);
    }
    for (size_t at = 0; at < batch.size();) {
      const int taken = IoSubmit(context, batch.size() - at, pointers + at);
      if (taken > 0) {
        at += static_cast<size_t>(taken);
        continue;
      }
      // Says why the first was not taken, and nothing about those behind it.
      const int32_t res = taken == 0 ? -EAGAIN : -errno;
      const Lock lock(&mutex);
      Tell({batch[at++].user_data, res});
    }
  }

  void Describe(const IoCommand& command, int fd, iocb* block) const {
    block->aio_data = command.user_data;
    block->aio_fildes = static_cast<uint32_t>(fd);
    block->aio_flags = IOCB_FLAG_RESFD;
    block->aio_resfd = static_cast<uint32_t>(event);
    if (command.kind == OpKind::kFlush) {
      block->aio_lio_opcode = IOCB_CMD_FDSYNC;
      return;
    }
    block->aio_lio_opcode = command.kind == OpKind::kRead ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
    block->aio_rw_flags = command.kind == OpKind::kWrite && command.dsync ? RWF_DSYNC : 0;
    block->aio_buf = reinterpret_cast<uintptr_t>(command.data);
    block->aio_nbytes = command.length;
    block->aio_offset = static_cast<int64_t>(command.offset);
  }

  // Under the mutex.
  void Tell(const Completion& completion) {
    if (closed) return;
    done.push_back(completion);
    const uint64_t one = 1;
    (void)!write(event, &one, sizeof(one));  // Cannot block: nobody counts that far.
  }

  // Under the mutex.
  void Remove(File* file) {
    file->removed = true;
    pthread_cond_signal(&file->work);
  }

  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  aio_context_t context = 0;
  int event = -1;
  bool closed = false;           // Under the mutex, as the next one.
  std::vector<Completion> done;  // Those that the kernel does not tell.
  // Of the loop thread alone:
  std::vector<std::shared_ptr<File>> files{kFilePlaces};
  std::vector<IoCommand> prepared;
  bool used = false;  // A file was installed.
};

KernelAio::KernelAio() : core_(std::make_shared<Core>()) {}

KernelAio::~KernelAio() {
  {
    const Lock lock(&core_->mutex);
    core_->closed = true;
    for (const std::shared_ptr<File>& file : core_->files) {
      if (file != nullptr) core_->Remove(file.get());
    }
  }
  // A context that was never used is let go without waiting for any device.
  if (core_->context == 0 || !core_->used) return;
  // The loop's own share must not be the last, so a thread gets that one: of a second share it could be rid
  // before the loop is of its own. Without a thread it stays for good: the context then goes with the
  // process.
  auto* share = new Core::Share{std::move(core_), nullptr};
  (void)StartOwnThread(Core::OnThread, share, kStackBytes);
}

int KernelAio::Open(const char** step) {
  *step = "eventfd";
  core_->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (core_->event < 0) return errno;
  *step = "io_setup";
  if (IoSetup(kEvents, &core_->context) != 0) return errno;
  // A seccomp filter can let the set-up pass and stop these: then nothing would ever settle.
  *step = "io_submit";
  if (IoSubmit(core_->context, 0, nullptr) < 0) return errno;
  *step = "io_getevents";
  return IoGetEvents(core_->context, 0, nullptr) < 0 ? errno : 0;
}

int KernelAio::fd() const { return core_->event; }
uint32_t KernelAio::file_places() const { return kFilePlaces; }
uint32_t KernelAio::max_in_flight() const { return kMaxInFlight; }

int KernelAio::InstallFile(uint32_t place, int fd) {
  core_->used = true;
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return errno;
  auto file = std::make_shared<File>(own);
  if (const int error = core_->StartThread(file); error != 0) {
    close(own);
    return error;
  }
  core_->files[place] = std::move(file);
  return 0;
}

int KernelAio::RemoveFile(uint32_t place, bool idle) {
  const std::shared_ptr<File> file = std::move(core_->files[place]);
  const Lock lock(&core_->mutex);
  core_->Remove(file.get());
  // What the kernel has holds the file by itself. Where nothing is in flight the thread is done with the
  // number, even if it has not come back from the system call.
  return idle || (file->queue.empty() && !file->submitting) ? file->Give() : -1;
}

bool KernelAio::Prepare(const IoCommand& command) {
  core_->prepared.push_back(command);
  return true;
}

bool KernelAio::PrepareCancel(uint64_t target, uint64_t user_data) {
  Submit();
  const Lock lock(&core_->mutex);
  for (const std::shared_ptr<File>& file : core_->files) {
    if (file == nullptr) continue;
    for (auto at = file->queue.begin(); at != file->queue.end(); ++at) {
      if (at->user_data != target) continue;
      file->queue.erase(at);
      core_->Tell({user_data, 0});
      core_->Tell({target, -ECANCELED});
      return true;
    }
  }
  core_->Tell({user_data, -EALREADY});
  return true;
}

bool KernelAio::Submit() {
  const Lock lock(&core_->mutex);
  for (const IoCommand& command : core_->prepared) {
    File* file = core_->files[command.place].get();
    file->queue.push_back(command);
    pthread_cond_signal(&file->work);
  }
  core_->prepared.clear();
  return true;
}

void KernelAio::Reap(std::vector<Completion>* completions) {
  uint64_t count = 0;
  (void)!read(core_->event, &count, sizeof(count));  // Nothing to read: the poll was for nothing.
  {
    const Lock lock(&core_->mutex);
    completions->swap(core_->done);
    core_->done.clear();
  }
  io_event events[64];
  for (;;) {
    const int got = IoGetEvents(core_->context, 64, events);
    for (int at = 0; at < got; at++) {
      completions->push_back({events[at].data, static_cast<int32_t>(events[at].res)});
    }
    if (got < 64) return;
  }
}

void KernelAio::TakeBack(std::vector<Completion>* completions) {
  Submit();
  const Lock lock(&core_->mutex);
  for (const std::shared_ptr<File>& file : core_->files) {
    if (file == nullptr) continue;
    for (const IoCommand& command : file->queue) completions->push_back({command.user_data, -ECANCELED});
    file->queue.clear();
  }
}

}  // namespace dmremap
