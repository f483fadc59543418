#include "request.h"

#include <utility>

namespace dmremap {

bool Request::GroupSucceeded() const {
  for (uint32_t step = group_begin(); step < group_end(); step++) {
    if (results[step].outcome != Outcome::kDone) return false;
  }
  return true;
}

bool Request::Succeeded() const {
  for (const StepResult& result : results) {
    if (result.outcome != Outcome::kDone) return false;
  }
  return true;
}

void Request::Clear() {
  ops.clear();
  results.clear();
  group_ends.clear();
  Request cleared;
  std::swap(cleared.ops, ops);
  std::swap(cleared.results, results);
  std::swap(cleared.group_ends, group_ends);
  *this = std::move(cleared);
}

void Request::Answer(uint32_t step, Outcome outcome, int error, uint32_t transferred) {
  StepResult& result = results[step];
  if (!result.answered) unanswered--;
  result = {outcome, error, transferred, true};
}

}  // namespace dmremap
