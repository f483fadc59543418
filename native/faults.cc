#include "faults.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "check.h"

namespace dmremap::faults {

namespace {

struct Row {
  const char* call = nullptr;
  uint32_t made = 0;
};

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
// Under the mutex. `new` asks here, so nothing of it may be asked for.
std::array<Row, 64> rows;
std::array<char, 64> armed{};
uint32_t nth = 0;
int error = 0;
bool failed = false;

std::atomic<int64_t> allocations{0};
std::atomic<int64_t> mappings{0};

Row* RowOf(const char* call) {
  for (Row& row : rows) {
    if (row.call == nullptr) row.call = call;
    if (std::strcmp(row.call, call) == 0) return &row;
  }
  DMR_CHECK(false);  // More calls than rows.
}

void Arm(const char* call, uint32_t at, int with) {
  pthread_mutex_lock(&mutex);
  for (Row& row : rows) row.made = 0;
  std::strncpy(armed.data(), call, armed.size() - 1);
  nth = at;
  error = with;
  failed = false;
  pthread_mutex_unlock(&mutex);
}

Napi::Value OnArm(const Napi::CallbackInfo& info) {
  const std::string call = info[0].As<Napi::String>();
  Arm(call.c_str(), info[1].As<Napi::Number>(), info[2].As<Napi::Number>());
  return info.Env().Undefined();
}

Napi::Value OnDisarm(const Napi::CallbackInfo& info) {
  pthread_mutex_lock(&mutex);
  nth = 0;
  const bool has_failed = failed;
  pthread_mutex_unlock(&mutex);
  return Napi::Boolean::New(info.Env(), has_failed);
}

Napi::Value OnCount(const Napi::CallbackInfo& info) {
  pthread_mutex_lock(&mutex);
  const std::array<Row, 64> now = rows;
  pthread_mutex_unlock(&mutex);
  Napi::Object counts = Napi::Object::New(info.Env());
  for (const Row& row : now) {
    if (row.made > 0) counts.Set(row.call, row.made);
  }
  return counts;
}

Napi::Value OnHeld(const Napi::CallbackInfo& info) {
  Napi::Object held = Napi::Object::New(info.Env());
  held.Set("allocations", static_cast<double>(allocations));
  held.Set("mappings", static_cast<double>(mappings));
  return held;
}

}  // namespace

int Next(const char* call) {
  pthread_mutex_lock(&mutex);
  Row* row = RowOf(call);
  const bool fails = ++row->made == nth && std::strcmp(call, armed.data()) == 0;
  failed = failed || fails;
  const int with = fails ? error : 0;
  pthread_mutex_unlock(&mutex);
  return with;
}

void Mapped(int more) { mappings += more; }

Napi::Object Exports(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  exports.Set("arm", Napi::Function::New<OnArm>(env, "arm"));
  exports.Set("disarm", Napi::Function::New<OnDisarm>(env, "disarm"));
  exports.Set("count", Napi::Function::New<OnCount>(env, "count"));
  exports.Set("held", Napi::Function::New<OnHeld>(env, "held"));
  return exports;
}

void* New(size_t bytes) {
  if (Next("new") != 0) return nullptr;
  allocations++;
  return std::malloc(bytes > 0 ? bytes : 1);
}

void Delete(void* memory) {
  if (memory != nullptr) allocations--;
  std::free(memory);
}

}  // namespace dmremap::faults

// Ours in this addon alone: it is linked with -Bsymbolic. All forms that it uses, since a sanitizer's runtime
// has each of its own.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return dmremap::faults::New(bytes); }
void* operator new(size_t bytes) {
  void* memory = operator new(bytes, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](size_t bytes) { return operator new(bytes); }

void operator delete(void* memory) noexcept { dmremap::faults::Delete(memory); }
void operator delete(void* memory, size_t) noexcept { dmremap::faults::Delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { dmremap::faults::Delete(memory); }
void operator delete[](void* memory) noexcept { dmremap::faults::Delete(memory); }
void operator delete[](void* memory, size_t) noexcept { dmremap::faults::Delete(memory); }
