// The commands, one line each; docs/stuck-devices.md is the list of them.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lifeline.h"
#include "stuckfs.h"

static bool ParseErrno(const char* word, int64_t* error) {
  enum { kLastErrno = 133 };
  if (ParseNumber(word, 1, kLastErrno, error)) return true;
  for (*error = 1; *error <= kLastErrno; (*error)++) {
    const char* name = strerrorname_np((int)*error);
    if (name != NULL && strcmp(name, word) == 0) return true;
  }
  return false;
}

// Sets the rule for the named kinds; `ordinary` are those that are meant where none is named.
static void SetRule(struct Rule rule, char** words, int count, unsigned ordinary) {
  unsigned kinds = 0;
  for (int i = 0; i < count; i++) {
    int kind = 0;
    while (kind < kKinds && strcmp(words[i], kKindNames[kind]) != 0) kind++;
    if (kind < kKinds) kinds |= 1U << kind;
    if (kind < kKinds) continue;
    if (strcmp(words[i], "all") != 0) {
      Say("error what is %s? A kind is read, write, fsync, allocate or all", words[i]);
      return;
    }
    kinds = (1U << kKinds) - 1;
  }
  if (kinds == 0) kinds = ordinary;
  for (int kind = 0; kind < kKinds; kind++) {
    if ((kinds & (1U << kind)) != 0) stuckfs.rules[kind] = rule;
  }
  Say("ok");
}

void ReleaseAll(void) {
  for (struct Op *op = stuckfs.oldest, *next; op != NULL; op = next) {
    next = op->next;
    Answer(op, 0);
  }
}

// release [N | #ID | all] [ERRNO]
static void Release(char** words, int count) {
  int64_t most = INT64_MAX;
  int64_t id = -1;
  int64_t error = 0;
  if (count > 0 && words[0][0] == '#') {
    if (!ParseNumber(words[0] + 1, 1, INT64_MAX, &id)) return Say("error release: #ID is a number");
  } else if (count > 0 && strcmp(words[0], "all") != 0) {
    if (!ParseNumber(words[0], 1, INT64_MAX, &most)) return Say("error release: N, #ID or all");
  }
  if (count > 1 && !ParseErrno(words[1], &error)) return Say("error release: what is %s?", words[1]);
  int64_t released = 0;
  for (struct Op *op = stuckfs.oldest, *next; op != NULL && released < most; op = next) {
    next = op->next;
    if (op->due_ms >= 0 || (id >= 0 && op->id != (uint64_t)id)) continue;
    Answer(op, (int)error);
    released++;
  }
  if (id >= 0 && released == 0) return Say("error release: #%lld is not held", (long long)id);
  Say("ok");
}

static void Status(void) {
  static const char* const kActions[] = {"pass", "stall", "delay", "fail", "short"};
  int64_t delayed = -stuckfs.held;
  for (const struct Op* op = stuckfs.oldest; op != NULL; op = op->next) delayed++;
  const struct Rule* rules = stuckfs.rules;
  Say("status held=%lld delayed=%lld answered=%lld read=%s write=%s fsync=%s allocate=%s interrupts=%s",
      (long long)stuckfs.held, (long long)delayed, (long long)stuckfs.answered, kActions[rules[kRead].action],
      kActions[rules[kWrite].action], kActions[rules[kFsync].action], kActions[rules[kAllocate].action],
      stuckfs.honours_interrupts ? "honour" : "ignore");
  Say("ok");
}

// A switch with two names; -1 where the word is neither.
static int Choice(char** words, int count, const char* off, const char* on) {
  if (count != 1) return -1;
  if (strcmp(words[0], on) == 0) return 1;
  return strcmp(words[0], off) == 0 ? 0 : -1;
}

void ObeyCommand(char* line) {
  static const unsigned kTransfers = (1U << kRead) | (1U << kWrite);
  static const unsigned kEveryKind = (1U << kKinds) - 1;
  char* words[kMaxWords];
  const int count = SplitWords(line, words);
  if (count == 0) return;
  const char* verb = words[0];
  char** rest = words + 1;
  const int left = count - 1;
  int64_t number = 0;
  int64_t times = -1;

  if (strcmp(verb, "pass") == 0) {
    SetRule((struct Rule){.action = kPass}, rest, left, kEveryKind);
  } else if (strcmp(verb, "stall") == 0) {
    SetRule((struct Rule){.action = kStall, .times = -1}, rest, left, kEveryKind);
  } else if (strcmp(verb, "delay") == 0) {
    if (left < 1 || !ParseNumber(rest[0], 0, 600000, &number)) return Say("error delay MS [KIND...]");
    SetRule((struct Rule){.action = kDelay, .argument = number, .times = -1}, rest + 1, left - 1, kEveryKind);
  } else if (strcmp(verb, "fail") == 0) {
    if (left < 1 || !ParseErrno(rest[0], &number)) return Say("error fail ERRNO [TIMES] [KIND...]");
    const int used = left > 1 && ParseNumber(rest[1], 1, INT64_MAX, &times) ? 2 : 1;
    if (used == 1) times = -1;
    SetRule((struct Rule){.action = kFail, .argument = number, .times = times}, rest + used, left - used,
            kEveryKind);
  } else if (strcmp(verb, "short") == 0) {
    if (left < 1 || !ParseNumber(rest[0], 0, INT64_MAX, &number)) return Say("error short BYTES [KIND...]");
    SetRule((struct Rule){.action = kShort, .argument = number, .times = -1}, rest + 1, left - 1, kTransfers);
  } else if (strcmp(verb, "interrupts") == 0) {
    const int choice = Choice(rest, left, "ignore", "honour");
    if (choice < 0) return Say("error interrupts honour|ignore");
    stuckfs.honours_interrupts = choice == 1;
    Say("ok");
  } else if (strcmp(verb, "trace") == 0) {
    const int choice = Choice(rest, left, "off", "on");
    if (choice < 0) return Say("error trace on|off");
    stuckfs.traces = choice == 1;
    Say("ok");
  } else if (strcmp(verb, "release") == 0) {
    Release(rest, left);
  } else if (strcmp(verb, "wait-held") == 0) {
    if (left != 1 || !ParseNumber(rest[0], 0, INT64_MAX, &stuckfs.awaited)) return Say("error wait-held N");
    Say("ok");
    TellAwaited();
  } else if (strcmp(verb, "size") == 0) {
    // Of the first file. The medium stays: who pulls a disk does not wipe it.
    if (left != 1 || !ParseNumber(rest[0], 0, INT64_C(1) << 40, &number)) return Say("error size BYTES");
    if ((uint64_t)number > stuckfs.files[0].made) return Say("error it was made with less");
    stuckfs.files[0].size = (uint64_t)number;
    Say("ok");
  } else if (strcmp(verb, "status") == 0) {
    Status();
  } else {
    Say("error what is %s?", verb);
  }
}
