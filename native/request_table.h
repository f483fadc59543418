// Requests by their numbers. JavaScript deals the numbers out: a place and, above it, a generation, so that
// one that is asked for late is not taken for the next in its place. Places are used again, and with them the
// memory of their requests.
#ifndef DMREMAP_NATIVE_REQUEST_TABLE_H_
#define DMREMAP_NATIVE_REQUEST_TABLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "request.h"

namespace dmremap {

// Part of the interface to lib/device/native.ts.
constexpr uint32_t kPlaceBits = 22;
// A burst must not keep its memory for ever: only those of the first places stay.
constexpr uint32_t kKeptPlaces = 4096;

class RequestTable {
 public:
  // A request with nothing in it. Throws std::bad_alloc.
  Request* Acquire(uint32_t id);
  // Null where there is none.
  Request* Find(uint32_t id) const {
    const uint32_t place = PlaceOf(id);
    Request* request = place < places_.size() ? places_[place].get() : nullptr;
    return request != nullptr && request->id == id ? request : nullptr;
  }
  void Release(Request* request);

  template <typename Visit>
  void ForEach(Visit visit) {
    for (const auto& request : places_) {
      if (request != nullptr && request->id != 0) visit(request.get());
    }
  }

 private:
  static uint32_t PlaceOf(uint32_t id) { return id & ((1u << kPlaceBits) - 1); }

  std::vector<std::unique_ptr<Request>> places_;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_REQUEST_TABLE_H_
