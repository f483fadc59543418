// A FUSE file system whose operations can be held, delayed, failed and cut short on command. One thread:
// operations and commands are handled one after the other, so a command that was answered holds for every
// later operation.
#ifndef DMREMAP_TEST_STUCK_STUCKFS_H_
#define DMREMAP_TEST_STUCK_STUCKFS_H_

#define FUSE_USE_VERSION 34
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

enum Kind { kRead, kWrite, kFsync, kAllocate, kKinds };

enum Action { kPass, kStall, kDelay, kFail, kShort };

// What happens to the operations of a kind that arrive from now on.
struct Rule {
  enum Action action;
  int64_t argument;  // Milliseconds, errno or bytes.
  int64_t times;     // How often; -1: until the next rule.
};

struct File {
  const char* name;
  uint64_t size;
  uint64_t made;  // What its size was at first.
  int medium;     // A memfd: what is on the "disk" can be seen through /proc while every operation is held.
  char* bytes;
};

// An operation that has not been answered. The medium is touched when it is answered, not before.
struct Op {
  struct Op* next;
  uint64_t id;
  fuse_req_t request;
  enum Kind kind;
  struct File* file;
  uint64_t offset;
  uint64_t length;
  char* data;            // Of a write.
  int64_t due_ms;        // When a delayed one is answered; -1: when it is released.
  int64_t limit;         // Bytes that are transferred at most; -1: all.
  bool told;             // Somebody was told of it, so its end is told too.
  bool was_interrupted;  // FUSE_INTERRUPT came, and nobody was told yet.
};

struct StuckFs {
  struct File* files;
  int file_count;
  struct Rule rules[kKinds];
  bool synchronous;  // Whoever writes waits for the answer: no asynchronous O_DIRECT.
  bool honours_interrupts;
  bool traces;
  struct Op* oldest;  // Unanswered ones, in the order of their arrival.
  uint64_t last_id;
  int64_t held;  // How many of them wait for a release.
  int64_t answered;
  int64_t awaited;  // `wait-held`: tell when so many are held; -1: nobody waits.
};

extern struct StuckFs stuckfs;
extern const char* const kKindNames[kKinds];

// stuckfs_ops.c
extern const struct fuse_lowlevel_ops kOps;
// Lets through what was asked for (error 0) or answers with an errno; takes it out of the list.
void Answer(struct Op* op, int error);
void AnswerDue(void);
int64_t NextDue(void);
void TellInterrupted(void);
void TellAwaited(void);
const char* ErrnoName(int error, char* buffer, size_t size);

// stuckfs_commands.c
void ObeyCommand(char* line);
void ReleaseAll(void);

#endif  // DMREMAP_TEST_STUCK_STUCKFS_H_
