// Threads of our own: detached, since nobody may wait for one that a device holds, and deaf to signals, which
// belong to the threads of Node.
#ifndef DMREMAP_NATIVE_OWN_THREAD_H_
#define DMREMAP_NATIVE_OWN_THREAD_H_

#include <pthread.h>

#include <csignal>
#include <cstddef>

#include "sys.h"

namespace dmremap {

class Lock {
 public:
  explicit Lock(pthread_mutex_t* mutex) : mutex_(mutex) { pthread_mutex_lock(mutex_); }
  ~Lock() { pthread_mutex_unlock(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  pthread_mutex_t* mutex_;
};

// Lets others in meanwhile.
class Unlock {
 public:
  explicit Unlock(pthread_mutex_t* mutex) : mutex_(mutex) { pthread_mutex_unlock(mutex_); }
  ~Unlock() { pthread_mutex_lock(mutex_); }
  Unlock(const Unlock&) = delete;
  Unlock& operator=(const Unlock&) = delete;

 private:
  pthread_mutex_t* mutex_;
};

// 0, or an errno with nothing started.
inline int StartOwnThread(void* (*body)(void*), void* data, size_t stack_bytes) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = sys::pthread_create(&thread, &attributes, body, data);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_OWN_THREAD_H_
