// The functions that lib/device/native.ts calls, and the registration of the module. What has happened goes
// back through the environment.
//
// Memory that is short ends a call with ERR_OUT_OF_MEMORY, and with nothing begun (see engine.h for what
// takes memory).
#include <napi.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "device_jobs.h"
#include "engine.h"
#include "environment.h"

namespace dmremap {

namespace {

constexpr uint32_t kLastOpKind = static_cast<uint32_t>(OpKind::kFlush);
constexpr double kMaxSafeInteger = 9007199254740991;

struct AddonData {
  Listener listener;
  Environment* environment = nullptr;  // Deletes itself at the end of the environment.
};

// --- What lib/device/native.ts calls. It checks its arguments; these checks only keep a mistake from memory.
// ---

// In a worker that is being terminated any call into the engine may fail, and what Napi returns then must not
// be used.
bool Element(const Napi::Array& array, uint32_t index, Napi::Value* value) {
  napi_value raw = nullptr;
  if (napi_get_element(array.Env(), array, index, &raw) != napi_ok) return false;
  *value = Napi::Value(array.Env(), raw);
  return true;
}

bool IsTrue(const Napi::Value& value) { return value.IsBoolean() && value.As<Napi::Boolean>().Value(); }

Napi::Value Bad(Napi::Env env, const char* what) {
  Napi::TypeError::New(env, std::string("dmremap native: ") + what).ThrowAsJavaScriptException();
  return env.Undefined();
}

void ThrowOutOfMemory(Napi::Env env) {
  napi_throw_error(env, "ERR_OUT_OF_MEMORY", "there is not enough memory");
}

Napi::Value FailureOf(Napi::Env env, const char* step, int error) {
  Napi::Object failure = Napi::Object::New(env);
  failure.Set("step", step);
  failure.Set("error", error);
  return failure;
}

// listen(handler, done): see Listener
Napi::Value Listen(const Napi::CallbackInfo& info) {
  const bool fits = info.Length() > 1 && info[0].IsFunction() && info[1].IsTypedArray() &&
                    info[1].As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array &&
                    info[1].As<Napi::Uint32Array>().ElementLength() >= kEventsInCall;
  if (!fits) return Bad(info.Env(), "listen(function, Uint32Array)");
  Listener& listener = info.Env().GetInstanceData<AddonData>()->listener;
  listener.handler = Napi::Persistent(info[0].As<Napi::Function>());
  listener.done = Napi::Persistent(info[1].As<Napi::Uint32Array>());
  return info.Env().Undefined();
}

// open(id, path, write, preferDirect, engine): undefined, or {step, error} where the engine cannot start
Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonData* data = env.GetInstanceData<AddonData>();
  if (info.Length() < 5 || !info[0].IsNumber() || !info[1].IsString() || !info[4].IsNumber() ||
      data->listener.handler.IsEmpty()) {
    return Bad(env, "open(id, path, write, preferDirect, engine)");
  }
  const uint32_t kind = info[4].As<Napi::Number>().Uint32Value();
  if (kind > static_cast<uint32_t>(EngineKind::kThreads)) return Bad(env, "there is no such engine");
  const char* step = nullptr;
  int error = 0;
  if (data->environment == nullptr) {
    data->environment = Environment::Create(env, data->listener, &step, &error);
  }
  if (data->environment == nullptr) return FailureOf(env, step, error);
  OpenOptions options;
  options.path = info[1].As<Napi::String>().Utf8Value();
  options.write = IsTrue(info[2]);
  options.prefer_direct = IsTrue(info[3]);
  auto job = std::make_unique<OpenJob>(info[0].As<Napi::Number>().Uint32Value(), std::move(options));
  const bool started = data->environment->Open(std::move(job), static_cast<EngineKind>(kind), &step, &error);
  return started ? env.Undefined() : FailureOf(env, step, error);
}

// probe(engine): undefined, or {step, error} where such an engine cannot start. Nothing of it is kept.
Napi::Value Probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsNumber()) return Bad(env, "probe(engine)");
  const char* step = nullptr;
  const int error = ProbeEngine(static_cast<EngineKind>(info[0].As<Napi::Number>().Uint32Value()), &step);
  return error == 0 ? env.Undefined() : FailureOf(env, step, error);
}

std::shared_ptr<Device> DeviceOf(const Napi::CallbackInfo& info, size_t at, Engine** engine = nullptr) {
  AddonData* data = info.Env().GetInstanceData<AddonData>();
  if (data->environment == nullptr || info.Length() <= at || !info[at].IsNumber()) return nullptr;
  std::shared_ptr<Device> device;
  Engine* found = data->environment->FindDevice(info[at].As<Napi::Number>().Uint32Value(), &device);
  if (engine != nullptr) *engine = found;
  return device;
}

// configure(device, window)
Napi::Value Configure(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Device> device = DeviceOf(info, 0);
  if (device == nullptr || info.Length() < 2 || !info[1].IsNumber())
    return Bad(info.Env(), "configure(device, window)");
  device->window = info[1].As<Napi::Number>().Uint32Value();
  return info.Env().Undefined();
}

// submit(id, device, steps, groupEnds, durable): events or undefined; false when the queue is full.
// steps is flat: kind, offset (bigint), bytes (Uint8Array; null for a flush), ...
Napi::Value Submit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Engine* engine = nullptr;
  const std::shared_ptr<Device> device = DeviceOf(info, 1, &engine);
  if (device == nullptr || info.Length() < 5 || !info[0].IsNumber() || !info[2].IsArray() ||
      !info[3].IsArray()) {
    return Bad(env, "submit(id, device, steps, groupEnds, durable)");
  }
  const Napi::Array flat = info[2].As<Napi::Array>();
  const Napi::Array ends = info[3].As<Napi::Array>();
  std::vector<StepSpec> steps(flat.Length() / 3);
  for (uint32_t i = 0; i < steps.size(); i++) {
    Napi::Value kind;
    Napi::Value offset;
    Napi::Value bytes;
    const bool there =
        Element(flat, i * 3, &kind) && Element(flat, i * 3 + 1, &offset) && Element(flat, i * 3 + 2, &bytes);
    if (!there) return env.Undefined();
    if (!kind.IsNumber() || !offset.IsBigInt()) return Bad(env, "a step is kind, offset, bytes");
    StepSpec& step = steps[i];
    bool lossless = false;
    step = {};
    step.kind = static_cast<OpKind>(kind.As<Napi::Number>().Uint32Value());
    step.offset = offset.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless || step.kind > OpKind::kFlush) return Bad(env, "a step's offset or kind is off");
    if (step.kind == OpKind::kFlush) continue;
    if (!bytes.IsTypedArray() || bytes.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      return Bad(env, "a step's bytes are not a Uint8Array");
    }
    Napi::Uint8Array array = bytes.As<Napi::Uint8Array>();
    if (array.ByteLength() == 0 || array.ByteLength() > kSegmentBytes)
      return Bad(env, "a step's length is off");
    step.length = static_cast<uint32_t>(array.ByteLength());
    step.write_from = step.kind == OpKind::kWrite ? array.Data() : nullptr;
    step.read_into = step.kind == OpKind::kRead ? array.Data() : nullptr;
  }
  std::vector<uint32_t> group_ends(ends.Length());
  uint32_t before = 0;
  for (uint32_t i = 0; i < group_ends.size(); i++) {
    Napi::Value end;
    if (!Element(ends, i, &end)) return env.Undefined();
    group_ends[i] = end.IsNumber() ? end.As<Napi::Number>().Uint32Value() : 0;
    if (group_ends[i] <= before || group_ends[i] > steps.size()) return Bad(env, "a group's end is off");
    before = group_ends[i];
  }
  if (steps.empty() || before != steps.size()) return Bad(env, "the groups do not cover the steps");
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  const auto count = static_cast<uint32_t>(steps.size());
  if (!engine->Submit(id, device, steps.data(), count, group_ends, IsTrue(info[4]))) {
    return Napi::Boolean::New(env, false);
  }
  return environment->TakeEvents(env);
}

// start(id, device, kind, offset, bytes, durable): whether there was room. A request of one step, the offset
// a whole number up to 2^53. Bare Node-API: this is called for each write, and each check of a type costs as
// much as what it checks.
napi_value Start(napi_env env, napi_callback_info info) {
  napi_value words[6];
  size_t count = 6;
  void* data = nullptr;
  uint32_t id = 0;
  uint32_t device_id = 0;
  uint32_t kind = 0;
  double offset = 0;
  bool durable = false;
  StepSpec step{};
  bool fits = napi_get_cb_info(env, info, &count, words, nullptr, &data) == napi_ok && count == 6 &&
              napi_get_value_uint32(env, words[0], &id) == napi_ok &&
              napi_get_value_uint32(env, words[1], &device_id) == napi_ok &&
              napi_get_value_uint32(env, words[2], &kind) == napi_ok &&
              napi_get_value_double(env, words[3], &offset) == napi_ok &&
              napi_get_value_bool(env, words[5], &durable) == napi_ok && kind <= kLastOpKind && offset >= 0 &&
              offset <= kMaxSafeInteger;
  step.kind = static_cast<OpKind>(kind);
  if (fits && step.kind != OpKind::kFlush) {
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    void* bytes = nullptr;
    fits = napi_get_typedarray_info(env, words[4], &type, &length, &bytes, nullptr, nullptr) == napi_ok &&
           type == napi_uint8_array && length > 0 && length <= kSegmentBytes;
    step.offset = static_cast<uint64_t>(offset);
    step.length = static_cast<uint32_t>(length);
    step.write_from = step.kind == OpKind::kWrite ? static_cast<uint8_t*>(bytes) : nullptr;
    step.read_into = step.kind == OpKind::kRead ? static_cast<uint8_t*>(bytes) : nullptr;
  }
  Environment* environment = static_cast<AddonData*>(data)->environment;
  std::shared_ptr<Device> device;
  Engine* engine = fits && environment != nullptr ? environment->FindDevice(device_id, &device) : nullptr;
  if (engine == nullptr) {
    Bad(env, "start(id, device, kind, offset, bytes, durable)");
    return nullptr;
  }
  napi_value result = nullptr;
  try {
    static const std::vector<uint32_t> one_group = {1};  // Takes memory too, at the first call.
    napi_get_boolean(env, engine->Submit(id, device, &step, 1, one_group, durable), &result);
  } catch (const std::exception&) {
    ThrowOutOfMemory(env);
  }
  return result;
}

// abort(id): events or undefined
Napi::Value Abort(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  if (environment == nullptr || info.Length() < 1 || !info[0].IsNumber()) return Bad(env, "abort(id)");
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  for (const auto& engine : environment->engines()) engine->Abort(id);  // One of them knows it.
  return environment->TakeEvents(env);
}

// hold(on): keeps the loop alive for somebody who waits for a settled request to drain
Napi::Value Hold(const Napi::CallbackInfo& info) {
  Environment* environment = info.Env().GetInstanceData<AddonData>()->environment;
  if (environment != nullptr && info.Length() > 0) environment->Hold(IsTrue(info[0]));
  return info.Env().Undefined();
}

// close(id, device): undefined when the close is under way, events when it is done already; false while
// something is still queued: call again.
Napi::Value Close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = DeviceOf(info, 1);
  if (device == nullptr || !info[0].IsNumber()) return Bad(env, "close(id, device)");
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  if (!environment->Close(id, device->id)) return Napi::Boolean::New(env, false);
  return environment->TakeEvents(env);
}

// size(device): what a block device holds now, a bigint; undefined where that cannot be told, as of one that
// is closed.
Napi::Value Size(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = DeviceOf(info, 0);
  if (device == nullptr) return env.Undefined();
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  uint64_t bytes = 0;
  if (!SizeNow(environment->DescriptorOf(device->id), &bytes)) return env.Undefined();
  return Napi::BigInt::New(env, bytes);
}

// allocate(id, device, bytes): undefined; the event's payload is an errno, or 0
Napi::Value Allocate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Device> device = DeviceOf(info, 1);
  if (device == nullptr || info.Length() < 3 || !info[0].IsNumber() || !info[2].IsNumber()) {
    return Bad(env, "allocate(id, device, bytes)");
  }
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  const uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  const auto bytes = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
  const int fd = environment->DescriptorOf(device->id);
  environment->mailbox().Start(std::make_unique<AllocateJob>(id, fd, bytes));
  return environment->TakeEvents(env);
}

// usage(): what is held now, for tests and for people who look for a leak
Napi::Value Usage(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object usage = Napi::Object::New(env);
  Environment* environment = env.GetInstanceData<AddonData>()->environment;
  size_t operations = 0;
  size_t in_flight = 0;
  size_t requests = 0;
  size_t pages = 0;
  if (environment != nullptr) {
    for (const auto& engine : environment->engines()) {
      operations += engine->ops_in_use();
      in_flight += engine->in_flight();
      requests += engine->active();
      pages += engine->slab_pages_in_use();
    }
  }
  const auto number = [&](size_t n) { return Napi::Number::New(env, static_cast<double>(n)); };
  usage.Set("operations", number(operations));
  usage.Set("inFlight", number(in_flight));
  usage.Set("requests", number(requests));
  usage.Set("slabPages", number(pages));
  return usage;
}

// No exception may pass through Node.
template <Napi::Value (*kFunction)(const Napi::CallbackInfo&)>
Napi::Value Caught(const Napi::CallbackInfo& info) {
  try {
    return kFunction(info);
  } catch (const std::exception&) {  // std::bad_alloc, or a length beyond all memory.
    ThrowOutOfMemory(info.Env());
    return info.Env().Undefined();
  }
}

template <Napi::Value (*kFunction)(const Napi::CallbackInfo&)>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<Caught<kFunction>>(exports.Env(), name));
}

napi_value StartFunction(napi_env env, AddonData* data) {
  napi_value function = nullptr;
  napi_create_function(env, "start", NAPI_AUTO_LENGTH, Start, data, &function);
  return function;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* data = new (std::nothrow) AddonData();
  if (data == nullptr) {
    ThrowOutOfMemory(env);
    return exports;
  }
  env.SetInstanceData(data);
  Export<Listen>(exports, "listen");
  Export<Open>(exports, "open");
  Export<Probe>(exports, "probe");
  Export<Configure>(exports, "configure");
  Export<Submit>(exports, "submit");
  exports.Set("start", Napi::Value(env, StartFunction(env, data)));
  Export<Abort>(exports, "abort");
  Export<Allocate>(exports, "allocate");
  Export<Size>(exports, "size");
  Export<Hold>(exports, "hold");
  Export<Close>(exports, "close");
  Export<Usage>(exports, "usage");
#ifdef DMREMAP_FAULTS
  exports.Set("faults", faults::Exports(env));
#endif
  return exports;
}

}  // namespace

}  // namespace dmremap

namespace {

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return dmremap::Init(env, exports); }

}  // namespace

NODE_API_MODULE(dmremap, InitAddon)
