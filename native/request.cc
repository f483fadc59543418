#include "request.h"

namespace dmremap {

bool Request::GroupSucceeded() const {
  for (uint32_t step = group_begin(); step < group_end(); step++) {
    if (results[step].outcome != Outcome::kDone) return false;
  }
  return true;
}

void Request::Answer(uint32_t step, Outcome outcome, int error, uint32_t transferred) {
  StepResult& result = results[step];
  if (!result.answered) unanswered--;
  result = {outcome, error, transferred, true};
}

}  // namespace dmremap
