#include "request_table.h"

#include "check.h"

namespace dmremap {

Request* RequestTable::Acquire(uint32_t id) {
  DMR_CHECK(id != 0);
  const uint32_t place = PlaceOf(id);
  if (place >= places_.size()) places_.resize(place + 1);
  if (places_[place] == nullptr) places_[place] = std::make_unique<Request>();
  Request* request = places_[place].get();
  DMR_CHECK(request->id == 0);
  request->id = id;
  return request;
}

void RequestTable::Release(Request* request) {
  const uint32_t place = PlaceOf(request->id);
  if (place < kKeptPlaces) return request->Clear();
  places_[place].reset();
}

}  // namespace dmremap
