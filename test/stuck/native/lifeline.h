// What keeps a helper alive and what ends it. A helper takes commands on standard input, one a line, answers
// each with `ok` or `error TEXT`, and tells events on standard output in between. It ends with the last
// writer of its standard input, by SIGINT, SIGTERM or SIGHUP, or when the process of --owner dies: also when
// that process cannot finish dying because one of its threads is stuck in the kernel, where it would keep the
// other end of our input open for ever.
#ifndef DMREMAP_TEST_STUCK_LIFELINE_H_
#define DMREMAP_TEST_STUCK_LIFELINE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum LifelineEvent {
  kLifelineCommand,   // LifelineCommand() has it.
  kLifelineReady,     // One of the given descriptors can be read.
  kLifelineDeadline,  // The given time has come.
  kLifelineGone,      // Whoever needed us is gone. Told once.
};

// In a session of its own if it is not the leader of a process group. `owner` 0: nobody is watched.
void LifelineStart(pid_t owner);

// Waits for the next event. `deadline_ms` as in NowMs(), or -1.
enum LifelineEvent LifelineNext(const int* fds, int count, int64_t deadline_ms);
char* LifelineCommand(void);

// Splits a command at its blanks. Returns how many words there are.
enum { kMaxWords = 8 };
int SplitWords(char* line, char** words);

// A line of output. Queued: a reader that does not read stops nothing here.
void Say(const char* format, ...) __attribute__((format(printf, 1, 2)));
// Writes out what is queued, as far as the reader takes it.
void FlushOutput(void);

int64_t NowMs(void);
bool ParseNumber(const char* word, int64_t least, int64_t most, int64_t* number);
void Die(const char* format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif  // DMREMAP_TEST_STUCK_LIFELINE_H_
