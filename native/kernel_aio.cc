#include "kernel_aio.h"

#include <linux/fs.h>

#include <array>
#include <new>

#include "check.h"
#include "jobs.h"
#include "list.h"
#include "own_thread.h"
#include "sys.h"

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

// Of its thread, which closes and deletes it. All of it under the mutex.
struct File {
  void* core = nullptr;
  int fd = -1;  // Its own, so that the device's can be closed while this one is submitted to.
  pthread_cond_t work = PTHREAD_COND_INITIALIZER;
  List<Job<File>> queue;    // Not taken by the thread yet.
  bool submitting = false;  // The thread is on its way with a batch.
  bool removed = false;
};

using AioJob = Job<File>;

struct Batch {
  std::array<AioJob*, kBatch> jobs;
  std::array<iocb, kBatch> blocks;
  size_t count = 0;
};

}  // namespace

struct KernelAio::Core {
  // Blocks until nothing is in flight.
  ~Core() {
    if (context != 0) sys::io_destroy(context);
  }

  // Under the mutex. 0 or an errno.
  int StartThread(void* (*body)(void*), void* data) {
    const int error = StartOwnThread(body, data, kStackBytes);
    if (error == 0) threads++;
    return error;
  }

  static void* OnThread(void* data) {
    auto* file = static_cast<File*>(data);
    auto* core = static_cast<Core*>(file->core);
    core->SubmitFor(file);
    const int fd = file->fd;
    pthread_cond_destroy(&file->work);
    delete file;
    if (fd >= 0) sys::close(fd);
    return OnLastThread(core);
  }

  // Lets go of the core, and waits for all that is in flight where nobody else has it any more.
  static void* OnLastThread(void* data) {
    auto* core = static_cast<Core*>(data);
    bool alone = false;
    {
      const Lock lock(core->jobs.mutex());
      core->threads--;
      alone = core->closed && core->threads == 0;
    }
    if (alone) delete core;
    return nullptr;
  }

  void SubmitFor(File* file) {
    Batch batch;
    while (Take(file, &batch)) Hand(&batch);
  }

  // Waits for the next commands. False at the end.
  bool Take(File* file, Batch* batch) {
    const Lock lock(jobs.mutex());
    file->submitting = false;
    while (file->queue.empty() && !file->removed) pthread_cond_wait(&file->work, jobs.mutex());
    // Where submitting could block, nothing goes along that could still be withdrawn.
    const size_t most = file->queue.empty() || file->queue.front()->command.async ? 1 : kBatch;
    for (batch->count = 0; !file->queue.empty() && batch->count < most; batch->count++) {
      AioJob* job = file->queue.PopFront();
      job->state = JobState::kTaken;
      batch->jobs[batch->count] = job;
      Describe(job, file->fd, &batch->blocks[batch->count]);
    }
    file->submitting = batch->count > 0;
    return batch->count > 0;
  }

  // What the kernel has taken may be told, and its place be another's, before io_submit returns.
  void Hand(Batch* batch) {
    std::array<iocb*, kBatch> pointers;
    for (size_t at = 0; at < batch->count; at++) pointers[at] = &batch->blocks[at];
    for (size_t at = 0; at < batch->count;) {
      const int taken = sys::io_submit(context, batch->count - at, &pointers[at]);
      if (taken > 0) {
        at += static_cast<size_t>(taken);
        continue;
      }
      // Says why the first was not taken, and nothing about those behind it.
      const int32_t res = taken == 0 ? -EAGAIN : -errno;
      const Lock lock(jobs.mutex());
      jobs.Finish(batch->jobs[at++], res);
    }
  }

  void Describe(const AioJob* job, int fd, iocb* block) const {
    const IoCommand& command = job->command;
    *block = {};
    block->aio_data = jobs.NumberOf(job);
    block->aio_fildes = static_cast<uint32_t>(fd);
    block->aio_flags = IOCB_FLAG_RESFD;
    block->aio_resfd = static_cast<uint32_t>(jobs.event());
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
  static void Remove(File* file) {
    file->removed = true;
    pthread_cond_signal(&file->work);
  }

  Jobs<File> jobs{kEvents};
  aio_context_t context = 0;
  bool closed =
      false;  // By the engine, which does not have the core any more. Under the mutex, as the next one.
  uint32_t threads = 0;
  // Of the loop thread alone:
  std::array<File*, kFilePlaces> files{};
  bool used = false;  // A file was installed.
};

KernelAio::KernelAio() : core_(new Core()) {}

KernelAio::~KernelAio() {
  bool here = false;
  {
    const Lock lock(core_->jobs.mutex());
    core_->closed = true;
    for (File* file : core_->files) {
      if (file != nullptr) Core::Remove(file);
    }
    // The loop is not to wait for what is in flight. With neither a thread of a file nor another to be had,
    // the core stays for good: the context then goes with the process.
    const bool unused = core_->context == 0 || !core_->used;
    const auto start = [&] { return core_->StartThread(Core::OnLastThread, core_); };
    if (core_->threads == 0) here = unused || (start() != 0 && core_->jobs.idle());
  }
  if (here) delete core_;
}

int KernelAio::Open(const char** step) {
  *step = "eventfd";
  if (const int error = core_->jobs.Open(); error != 0) return error;
  *step = "io_setup";
  if (sys::io_setup(kEvents, &core_->context) != 0) return errno;
  // A seccomp filter can let the set-up pass and stop these: then nothing would ever settle.
  *step = "io_submit";
  if (sys::io_submit(core_->context, 0, nullptr) < 0) return errno;
  *step = "io_getevents";
  return sys::io_getevents(core_->context, 0, nullptr) < 0 ? errno : 0;
}

int KernelAio::fd() const { return core_->jobs.event(); }
uint32_t KernelAio::file_places() const { return kFilePlaces; }
uint32_t KernelAio::max_in_flight() const { return kMaxInFlight; }

int KernelAio::InstallFile(uint32_t place, int fd) {
  core_->used = true;
  File* file = new (std::nothrow) File();
  if (file == nullptr) return ENOMEM;
  file->core = core_;
  file->fd = sys::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int error = file->fd < 0 ? errno : 0;
  if (error == 0) {
    const Lock lock(core_->jobs.mutex());
    error = core_->StartThread(Core::OnThread, file);
  }
  if (error == 0) {
    core_->files[place] = file;
    return 0;
  }
  if (file->fd >= 0) sys::close(file->fd);
  delete file;
  return error;
}

Remains KernelAio::RemoveFile(uint32_t place, bool idle) {
  Remains remains;
  File* file = core_->files[place];
  core_->files[place] = nullptr;
  const Lock lock(core_->jobs.mutex());
  // What the kernel has holds the file by itself. Where nothing is in flight the thread is done with the
  // number, even if it has not come back from the system call.
  if (idle || (file->queue.empty() && !file->submitting)) {
    remains.descriptor = file->fd;
    file->fd = -1;
  }
  Core::Remove(file);
  return remains;
}

bool KernelAio::Prepare(const IoCommand& command) {
  return core_->jobs.Prepare(command, core_->files[command.place]);
}

bool KernelAio::PrepareCancel(uint64_t target, uint64_t user_data) {
  Submit();
  const Lock lock(core_->jobs.mutex());
  AioJob* job = core_->jobs.Find(target);
  DMR_CHECK(job != nullptr);
  int32_t answer = -EALREADY;
  if (job->state == JobState::kQueued) {
    answer = 0;
    job->file->queue.Remove(job);
    core_->jobs.Finish(job, -ECANCELED);
  }
  core_->jobs.Answer(job, {user_data, answer});
  return true;
}

bool KernelAio::Submit() {
  const Lock lock(core_->jobs.mutex());
  while (AioJob* job = core_->jobs.TakePrepared()) {
    job->file->queue.PushBack(job);
    pthread_cond_signal(&job->file->work);
  }
  return true;
}

void KernelAio::Reap(std::vector<Completion>* completions) {
  core_->jobs.Reap(completions);
  io_event events[64];
  // The descriptor is read: what is not taken now waits for the next completion. So one failure does not end
  // it.
  for (int failures = 0; failures < 8;) {
    const int got = sys::io_getevents(core_->context, 64, events);
    if (got < 0) failures++;
    const Lock lock(core_->jobs.mutex());
    for (int at = 0; at < got; at++) {
      core_->jobs.Complete(core_->jobs.At(events[at].data), sys::Result(events[at]), completions);
    }
    if (got >= 0 && got < 64) return;
  }
}

void KernelAio::TakeBack(std::vector<Completion>* completions) {
  Submit();
  const Lock lock(core_->jobs.mutex());
  for (File* file : core_->files) {
    if (file == nullptr) continue;
    while (AioJob* job = file->queue.PopFront()) core_->jobs.Complete(job, -ECANCELED, completions);
  }
}

}  // namespace dmremap
