// A second process, in a session of its own, that undoes what the first one did to the machine when the first
// one is gone, however it went, or when a deadline passes that the first one did not move. It holds nothing
// but its end of a pipe, waits for nothing but that pipe and the clock, and ends with the first.
#ifndef DMREMAP_TEST_STUCK_SECOND_H_
#define DMREMAP_TEST_STUCK_SECOND_H_

#include <stdbool.h>
#include <stdint.h>

// `what` is the text of the last SecondMust(), "" if there is nothing to undo. `ended`: the first one is
// gone.
typedef void (*Undo)(const char* what, bool ended);

// Before anything is opened: the second keeps what it inherits.
void SecondStart(Undo undo);
// Replaces what there is to undo, and by when (as in NowMs(); 0: only when the first is gone).
void SecondMust(const char* what, int64_t deadline_ms);
// There is nothing to undo any more. Returns when the second has gone: it has nothing to wait for.
void SecondEnd(void);

#endif  // DMREMAP_TEST_STUCK_SECOND_H_
