#include "thread_pool.h"

#include <cerrno>
#include <ctime>
#include <deque>

#include "own_thread.h"
#include "sys.h"

namespace dmremap {

namespace {

constexpr uint32_t kFilePlaces = 256;
// One thread for each: enough for two devices at the widest window, and one more for every other device.
constexpr uint32_t kThreads = 128;
constexpr size_t kStackBytes = 128 * 1024;
constexpr time_t kIdleSeconds = 2;

// A descriptor of its own, so that the device's can be closed while this one is written to.
struct File {
  explicit File(int own) : fd(own) {}
  ~File() {
    if (fd >= 0) sys::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int Give() {
    const int given = fd;
    fd = -1;
    return given;
  }

  int fd;
};

struct Job {
  IoCommand command;
  std::shared_ptr<File> file;
  bool close_only;  // close(2) can block too: not on the loop thread.
};

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

struct ThreadPool::Core : public std::enable_shared_from_this<Core> {
  ~Core() {
    if (event >= 0) sys::close(event);
    pthread_cond_destroy(&work);
    pthread_mutex_destroy(&mutex);
  }

  static void* OnThread(void* data) {
    // The thread's own reference.
    const std::unique_ptr<std::shared_ptr<Core>> self(static_cast<std::shared_ptr<Core>*>(data));
    (*self)->Work();
    return nullptr;
  }

  void Work() {
    for (;;) {
      Job job;
      {
        const Lock lock(&mutex);
        if (!WaitForJob()) {
          threads--;
          return;
        }
        job = std::move(queue.front());
        queue.pop_front();
        if (!job.close_only) running.push_back(job.command.user_data);
      }
      if (job.close_only) continue;
      const int32_t res = Perform(job.command, job.file->fd);
      job.file.reset();  // Before it is told: whoever hears of it may open the device again.
      const Lock lock(&mutex);
      for (auto at = running.begin(); at != running.end(); ++at) {
        if (*at != job.command.user_data) continue;
        running.erase(at);
        break;
      }
      Tell({job.command.user_data, res});
    }
  }

  // Under the mutex. False where the thread is to end.
  bool WaitForJob() {
    while (queue.empty()) {
      if (closed) return false;
      timespec until{};
      clock_gettime(CLOCK_REALTIME, &until);
      until.tv_sec += kIdleSeconds;
      const int error = pthread_cond_timedwait(&work, &mutex, &until);
      if (error == ETIMEDOUT && queue.empty()) return false;
    }
    return true;
  }

  // Under the mutex.
  void Tell(const Completion& completion) {
    if (closed) return;
    done.push_back(completion);
    const uint64_t one = 1;
    (void)!sys::write(event, &one, sizeof(one));  // Cannot block: nobody counts that far.
  }

  // Under the mutex. By a thread, once nothing that runs has the file any more.
  void CloseLater(std::shared_ptr<File> file) {
    if (file != nullptr) queue.push_back({{}, std::move(file), true});
  }

  // Under the mutex. A thread for each that waits: one that is stuck helps nobody else.
  void Staff() {
    while (threads - running.size() < queue.size() && StartThread() == 0) {
    }
    for (size_t wake = queue.size(); wake > 0; wake--) pthread_cond_signal(&work);
  }

  // Under the mutex. 0 or an errno.
  int StartThread() {
    auto* self = new std::shared_ptr<Core>(shared_from_this());
    const int error = StartOwnThread(OnThread, self, kStackBytes);
    if (error == 0) {
      threads++;
    } else {
      delete self;
    }
    return error;
  }

  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t work = PTHREAD_COND_INITIALIZER;
  int event = -1;
  bool closed = false;            // Under the mutex, as all below.
  std::deque<Job> queue;          // Not taken by a thread yet.
  std::vector<uint64_t> running;  // Tickets.
  std::vector<Completion> done;
  uint32_t threads = 0;
  // Of the loop thread alone:
  std::vector<std::shared_ptr<File>> files{kFilePlaces};
  std::vector<Job> prepared;
};

ThreadPool::ThreadPool() : core_(std::make_shared<Core>()) {}

ThreadPool::~ThreadPool() {
  const Lock lock(&core_->mutex);
  core_->closed = true;
  for (std::shared_ptr<File>& file : core_->files) core_->CloseLater(std::move(file));
  if (core_->threads == core_->running.size() && !core_->queue.empty()) core_->StartThread();
  pthread_cond_broadcast(&core_->work);
}

int ThreadPool::Open(const char** step) {
  *step = "eventfd";
  core_->event = sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (core_->event < 0) return errno;
  *step = "pthread_create";
  const Lock lock(&core_->mutex);
  return core_->StartThread();
}

int ThreadPool::fd() const { return core_->event; }
uint32_t ThreadPool::file_places() const { return kFilePlaces; }
uint32_t ThreadPool::max_in_flight() const { return kThreads; }

int ThreadPool::InstallFile(uint32_t place, int fd) {
  const int own = sys::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return errno;
  core_->files[place] = std::make_shared<File>(own);
  return 0;
}

int ThreadPool::RemoveFile(uint32_t place, bool) {
  std::shared_ptr<File> file = std::move(core_->files[place]);
  core_->files[place] = nullptr;
  const Lock lock(&core_->mutex);
  // With nothing under way it is closed with the device's own descriptor, so that the device is free when its
  // close is told. Else by the thread that is the last to use it.
  if (file.use_count() == 1) return file->Give();
  core_->CloseLater(std::move(file));
  core_->Staff();
  return -1;
}

bool ThreadPool::Prepare(const IoCommand& command) {
  core_->prepared.push_back({command, core_->files[command.place], false});
  return true;
}

bool ThreadPool::PrepareCancel(uint64_t target, uint64_t user_data) {
  Submit();
  const Lock lock(&core_->mutex);
  for (auto at = core_->queue.begin(); at != core_->queue.end(); ++at) {
    if (at->command.user_data != target) continue;
    core_->queue.erase(at);
    core_->Tell({user_data, 0});
    core_->Tell({target, -ECANCELED});
    return true;
  }
  bool is_running = false;
  for (const uint64_t ticket : core_->running) is_running = is_running || ticket == target;
  core_->Tell({user_data, is_running ? -EALREADY : -ENOENT});
  return true;
}

bool ThreadPool::Submit() {
  const Lock lock(&core_->mutex);
  for (Job& job : core_->prepared) core_->queue.push_back(std::move(job));
  core_->prepared.clear();
  core_->Staff();
  // With every thread in a job and no other to be had, nobody may ever come: ask again.
  return core_->queue.empty() || core_->threads > core_->running.size();
}

void ThreadPool::Reap(std::vector<Completion>* completions) {
  uint64_t count = 0;
  (void)!sys::read(core_->event, &count, sizeof(count));  // Nothing to read: the poll was for nothing.
  const Lock lock(&core_->mutex);
  completions->swap(core_->done);
  core_->done.clear();
}

void ThreadPool::TakeBack(std::vector<Completion>* completions) {
  Submit();
  const Lock lock(&core_->mutex);
  for (Job& job : core_->queue) {
    if (job.close_only) continue;
    completions->push_back({job.command.user_data, -ECANCELED});
    job.close_only = true;  // Its file may be closed by a thread only.
  }
}

}  // namespace dmremap
