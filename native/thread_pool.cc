#include "thread_pool.h"

#include <array>
#include <ctime>
#include <new>

#include "check.h"
#include "jobs.h"
#include "list.h"
#include "own_thread.h"
#include "sys.h"

namespace dmremap {

namespace {

constexpr uint32_t kFilePlaces = 256;
// One thread for each: enough for two devices with a window of 64, and one more for every other device.
constexpr uint32_t kThreads = 128;
constexpr size_t kStackBytes = 128 * 1024;
constexpr time_t kIdleSeconds = 2;

// A descriptor of its own, so that the device's can be closed while this one is written to.
struct File {
  int fd = -1;
  uint32_t users = 0;    // Jobs that are queued or taken. Under the mutex, as all below.
  bool removed = false;  // The last user closes it.
  File* previous = nullptr;
  File* next = nullptr;
};

using PoolJob = Job<File>;

void CloseFile(File* file) {
  sys::close(file->fd);
  delete file;
}

int32_t Perform(const IoCommand& command, int fd) {
  const iovec vector = {command.data, command.length};
  const auto offset = static_cast<off_t>(command.offset);
  ssize_t result = 0;
  switch (command.kind) {
    case OpKind::kRead:
      result = sys::preadv2(fd, &vector, 1, offset, 0);
      break;
    case OpKind::kWrite:
      result = sys::pwritev2(fd, &vector, 1, offset, command.dsync ? RWF_DSYNC : 0);
      break;
    case OpKind::kFlush:
      result = sys::fdatasync(fd);
      break;
  }
  return result < 0 ? -errno : static_cast<int32_t>(result);
}

}  // namespace

struct ThreadPool::Core {
  ~Core() { pthread_cond_destroy(&work); }

  static void* OnThread(void* data) {
    auto* core = static_cast<Core*>(data);
    if (core->Work()) delete core;
    return nullptr;
  }

  // True where nobody else has the core any more.
  bool Work() {
    const Lock lock(jobs.mutex());
    while (WaitForWork()) {
      busy++;
      if (File* file = to_close.PopFront()) {
        const Unlock unlock(jobs.mutex());
        CloseFile(file);
      } else {
        Run(queue.PopFront());
      }
      busy--;
    }
    threads--;
    return closed && threads == 0;
  }

  // Under the mutex. False where the thread is to end.
  bool WaitForWork() {
    while (queue.empty() && to_close.empty()) {
      if (closed) return false;
      timespec until{};
      clock_gettime(CLOCK_REALTIME, &until);
      until.tv_sec += kIdleSeconds;
      const int error = pthread_cond_timedwait(&work, jobs.mutex(), &until);
      if (error == ETIMEDOUT && queue.empty() && to_close.empty()) return false;
    }
    return true;
  }

  // Under the mutex, but not while it is with the device.
  void Run(PoolJob* job) {
    job->state = JobState::kTaken;
    int32_t res = 0;
    {
      const Unlock unlock(jobs.mutex());
      res = Perform(job->command, job->file->fd);
    }
    if (File* file = Unuse(job)) {
      const Unlock unlock(jobs.mutex());
      CloseFile(file);  // Before it is told: whoever hears of it may open the device again.
    }
    jobs.Finish(job, res);
  }

  // Under the mutex. The file, where nobody uses it any more and it is to be closed.
  static File* Unuse(PoolJob* job) {
    File* file = job->file;
    job->file = nullptr;
    return --file->users == 0 && file->removed ? file : nullptr;
  }

  // Under the mutex: of one that no thread has taken.
  void Withdraw(PoolJob* job) {
    queue.Remove(job);
    if (File* file = Unuse(job)) to_close.PushBack(file);
  }

  // Under the mutex. A thread for each that waits: one that is stuck helps nobody else.
  void Staff() {
    const size_t waiting = queue.size() + to_close.size();
    while (threads - busy < waiting && StartThread() == 0) {
    }
    for (size_t wake = waiting; wake > 0; wake--) pthread_cond_signal(&work);
  }

  // Under the mutex. 0 or an errno.
  int StartThread() {
    const int error = StartOwnThread(OnThread, this, kStackBytes);
    if (error == 0) threads++;
    return error;
  }

  Jobs<File> jobs{kThreads + kFilePlaces};
  pthread_cond_t work = PTHREAD_COND_INITIALIZER;
  bool closed = false;  // By the pool, which does not have the core any more. Under the mutex, as all below.
  List<PoolJob> queue;  // Not taken by a thread yet.
  List<File> to_close;  // By a thread: close(2) can block too.
  uint32_t threads = 0;
  uint32_t busy = 0;  // Of them: in a job, or in a close.
  // Of the loop thread alone:
  std::array<File*, kFilePlaces> files{};
};

ThreadPool::ThreadPool() : core_(new Core()) {}

ThreadPool::~ThreadPool() {
  bool alone = false;
  {
    const Lock lock(core_->jobs.mutex());
    core_->closed = true;
    for (File* file : core_->files) {
      if (file == nullptr) continue;
      file->removed = true;
      if (file->users == 0) core_->to_close.PushBack(file);
    }
    const bool staffed = core_->threads > core_->busy || core_->to_close.empty() || core_->StartThread() == 0;
    // No thread to be had: better a close that may block than a descriptor that leaks.
    while (!staffed && !core_->to_close.empty()) CloseFile(core_->to_close.PopFront());
    pthread_cond_broadcast(&core_->work);
    alone = core_->threads == 0;
  }
  if (alone) delete core_;
}

int ThreadPool::Open(const char** step) {
  *step = "eventfd";
  if (const int error = core_->jobs.Open(); error != 0) return error;
  *step = "pthread_create";
  const Lock lock(core_->jobs.mutex());
  return core_->StartThread();
}

int ThreadPool::fd() const { return core_->jobs.event(); }
uint32_t ThreadPool::file_places() const { return kFilePlaces; }
uint32_t ThreadPool::max_in_flight() const { return kThreads; }

int ThreadPool::InstallFile(uint32_t place, int fd) {
  File* file = new (std::nothrow) File();
  if (file == nullptr) return ENOMEM;
  file->fd = sys::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (file->fd < 0) {
    const int error = errno;
    delete file;
    return error;
  }
  core_->files[place] = file;
  return 0;
}

Remains ThreadPool::RemoveFile(uint32_t place, bool) {
  File* file = core_->files[place];
  core_->files[place] = nullptr;
  const Lock lock(core_->jobs.mutex());
  file->removed = true;
  if (file->users > 0) return {};
  // With nothing under way it is closed with the device's own descriptor, so that the device is free when its
  // close is told.
  Remains remains;
  remains.descriptor = file->fd;
  delete file;
  return remains;
}

bool ThreadPool::Prepare(const IoCommand& command) {
  return core_->jobs.Prepare(command, core_->files[command.place]);
}

bool ThreadPool::PrepareCancel(uint64_t target, uint64_t user_data) {
  Submit();
  const Lock lock(core_->jobs.mutex());
  PoolJob* job = core_->jobs.Find(target);
  DMR_CHECK(job != nullptr);
  int32_t answer = -EALREADY;
  if (job->state == JobState::kQueued) {
    answer = 0;
    core_->Withdraw(job);
    core_->Staff();
    core_->jobs.Finish(job, -ECANCELED);
  }
  core_->jobs.Answer(job, {user_data, answer});
  return true;
}

bool ThreadPool::Submit() {
  const Lock lock(core_->jobs.mutex());
  while (PoolJob* job = core_->jobs.TakePrepared()) {
    job->file->users++;
    core_->queue.PushBack(job);
  }
  core_->Staff();
  // With every thread in a job and no other to be had, nobody may ever come: ask again.
  const bool waiting = !core_->queue.empty() || !core_->to_close.empty();
  return !waiting || core_->threads > core_->busy;
}

void ThreadPool::Reap(std::vector<Completion>* completions) { core_->jobs.Reap(completions); }

void ThreadPool::TakeBack(std::vector<Completion>* completions) {
  Submit();
  const Lock lock(core_->jobs.mutex());
  while (PoolJob* job = core_->queue.front()) {
    core_->Withdraw(job);
    core_->jobs.Complete(job, -ECANCELED, completions);
  }
}

}  // namespace dmremap
