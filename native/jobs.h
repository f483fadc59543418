// What the backends with threads have in common: the commands in flight, each in a place that is there from
// the start; the completions of those that the kernel does not tell; and a descriptor that wakes the loop for
// them. `File` is what the backend has of a file.
//
//   state      stands in           left by
//   kFree      free_               Prepare()
//   kPrepared  prepared_           TakePrepared()
//   kQueued    a backend's queue   the thread that takes it, or a cancel
//   kTaken     -                   its thread, or the kernel
//   kDone      done_               Reap()
#ifndef DMREMAP_NATIVE_JOBS_H_
#define DMREMAP_NATIVE_JOBS_H_

#include <vector>

#include "backend.h"
#include "list.h"
#include "own_thread.h"
#include "sys.h"

namespace dmremap {

enum class JobState : uint8_t { kFree, kPrepared, kQueued, kTaken, kDone };

template <typename File>
struct Job {
  JobState state = JobState::kFree;
  IoCommand command{};
  File* file = nullptr;
  int32_t res = 0;
  bool answer_owed = false;  // Its cancel's completion. Of the loop thread alone.
  Completion answer{};
  Job* previous = nullptr;
  Job* next = nullptr;
};

template <typename File>
class Jobs {
 public:
  using Entry = Job<File>;

  explicit Jobs(size_t capacity) : entries_(capacity) {
    for (Entry& job : entries_) free_.PushBack(&job);
  }
  ~Jobs() {
    if (event_ >= 0) sys::close(event_);
    pthread_mutex_destroy(&mutex_);
  }
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // 0 or an errno.
  int Open() {
    event_ = sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event_ < 0 ? errno : 0;
  }
  // Readable when there is something to reap.
  int event() const { return event_; }
  // Of the backend and its threads, over all that they share.
  pthread_mutex_t* mutex() { return &mutex_; }

  // --- On the loop thread

  bool Prepare(const IoCommand& command, File* file) {
    Entry* job = free_.PopFront();
    if (job == nullptr) return false;
    job->state = JobState::kPrepared;
    job->command = command;
    job->file = file;
    prepared_.PushBack(job);
    return true;
  }

  // Nothing is in flight.
  bool idle() const { return free_.size() == entries_.size(); }

  // Null where nothing is prepared; else it is the caller's to queue. Under the mutex.
  Entry* TakePrepared() {
    Entry* job = prepared_.PopFront();
    if (job != nullptr) job->state = JobState::kQueued;
    return job;
  }

  // What is cancelled is in flight: it has its place until its completion is reaped. Under the mutex.
  Entry* Find(uint64_t ticket) {
    for (Entry& job : entries_) {
      if (job.state != JobState::kFree && job.command.user_data == ticket) return &job;
    }
    return nullptr;
  }

  // A cancel's own completion.
  void Answer(Entry* job, const Completion& answer) {
    job->answer_owed = true;
    job->answer = answer;
    answers_++;
    Wake();
  }

  void Reap(std::vector<Completion>* completions) {
    uint64_t count = 0;
    (void)!sys::read(event_, &count, sizeof(count));  // Nothing to read: the poll was for nothing.
    for (Entry& job : entries_) {
      if (answers_ == 0) break;
      if (!job.answer_owed) continue;
      completions->push_back(job.answer);
      job.answer_owed = false;
      answers_--;
    }
    const Lock lock(&mutex_);
    while (Entry* job = done_.PopFront()) Complete(job, job->res, completions);
  }

  // With the mutex, or for what no other thread has.
  void Complete(Entry* job, int32_t res, std::vector<Completion>* completions) {
    completions->push_back({job->command.user_data, res});
    job->state = JobState::kFree;
    free_.PushFront(job);
  }

  // --- By numbers, where the kernel tells of it

  uint64_t NumberOf(const Entry* job) const { return static_cast<uint64_t>(job - entries_.data()); }
  Entry* At(uint64_t number) { return &entries_[number]; }

  // --- On any thread, under the mutex

  void Finish(Entry* job, int32_t res) {
    job->state = JobState::kDone;
    job->res = res;
    done_.PushBack(job);
    Wake();
  }

 private:
  // Cannot block, and nobody counts so far that it could fail; but nothing would ever settle if it did.
  void Wake() const {
    const uint64_t one = 1;
    for (int tries = 0; tries < 8 && sys::write(event_, &one, sizeof(one)) < 0; tries++) {
    }
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  int event_ = -1;
  List<Entry> done_;  // Under the mutex.
  // Of the loop thread alone:
  std::vector<Entry> entries_;
  List<Entry> free_;
  List<Entry> prepared_;
  size_t answers_ = 0;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_JOBS_H_
