// The operations: looked up, put in the list, and answered now or later as the rule of their kind says.
// Names, sizes and opens are always answered: a device that hangs is there all the same.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lifeline.h"
#include "stuckfs.h"

static const double kForever = 86400;

const char* const kKindNames[kKinds] = {"read", "write", "fsync", "allocate"};

static struct File* FileOf(fuse_ino_t inode) {
  const uint64_t index = inode - FUSE_ROOT_ID - 1;
  return index < (uint64_t)stuckfs.file_count ? &stuckfs.files[index] : NULL;
}

static bool FillAttributes(fuse_ino_t inode, struct stat* facts) {
  memset(facts, 0, sizeof *facts);
  facts->st_ino = inode;
  if (inode == FUSE_ROOT_ID) {
    facts->st_mode = S_IFDIR | 0755;
    facts->st_nlink = 2;
    return true;
  }
  const struct File* file = FileOf(inode);
  if (file == NULL) return false;
  facts->st_mode = S_IFREG | 0666;
  facts->st_nlink = 1;
  facts->st_size = (off_t)file->size;
  facts->st_blocks = (blkcnt_t)((file->size + 511) / 512);
  facts->st_blksize = 4096;
  return true;
}

const char* ErrnoName(int error, char* buffer, size_t size) {
  const char* name = strerrorname_np(error);
  if (name != NULL) return name;
  snprintf(buffer, size, "%d", error);
  return buffer;
}

// --- Unanswered operations

static void Tell(const char* event, struct Op* op, const char* result) {
  op->told = true;
  Say("%s %llu %s %s %llu %llu%s%s", event, (unsigned long long)op->id, kKindNames[op->kind], op->file->name,
      (unsigned long long)op->offset, (unsigned long long)op->length, result[0] == '\0' ? "" : " ", result);
}

static void Transfer(struct Op* op, char* result, size_t size) {
  uint64_t length = op->offset < op->file->size ? op->file->size - op->offset : 0;
  if (op->length < length) length = op->length;
  if (op->limit >= 0 && (uint64_t)op->limit < length) length = (uint64_t)op->limit;
  char* place = op->file->bytes + op->offset;
  switch (op->kind) {
    case kRead:
      fuse_reply_buf(op->request, place, length);
      break;
    case kWrite:
      if (length == 0 && op->limit < 0) {
        fuse_reply_err(op->request, ENOSPC);
        snprintf(result, size, "ENOSPC");
        return;
      }
      memcpy(place, op->data, length);
      fuse_reply_write(op->request, length);
      break;
    default:
      fuse_reply_err(op->request, 0);
      length = 0;
  }
  snprintf(result, size, "%llu", (unsigned long long)length);
}

void Answer(struct Op* op, int error) {
  struct Op** link = &stuckfs.oldest;
  while (*link != op) link = &(*link)->next;
  *link = op->next;
  if (op->due_ms < 0) stuckfs.held--;
  stuckfs.answered++;

  // Or the interrupt of an operation that has gone would find it.
  fuse_req_interrupt_func(op->request, NULL, NULL);
  char buffer[32];
  const char* result = buffer;
  if (error == 0) {
    Transfer(op, buffer, sizeof buffer);
  } else {
    fuse_reply_err(op->request, error);
    result = ErrnoName(error, buffer, sizeof buffer);
  }
  if (op->told || stuckfs.traces) Tell("done", op, result);
  free(op->data);
  free(op);
}

void AnswerDue(void) {
  const int64_t now = NowMs();
  for (struct Op *op = stuckfs.oldest, *next; op != NULL; op = next) {
    next = op->next;
    if (op->due_ms >= 0 && op->due_ms <= now) Answer(op, 0);
  }
}

int64_t NextDue(void) {
  int64_t first = -1;
  for (const struct Op* op = stuckfs.oldest; op != NULL; op = op->next) {
    if (op->due_ms >= 0 && (first < 0 || op->due_ms < first)) first = op->due_ms;
  }
  return first;
}

// Only noted: libfuse holds its locks here.
static void OnInterrupt(fuse_req_t request, void* data) {
  (void)request;
  ((struct Op*)data)->was_interrupted = true;
}

void TellInterrupted(void) {
  for (struct Op *op = stuckfs.oldest, *next; op != NULL; op = next) {
    next = op->next;
    if (!op->was_interrupted) continue;
    op->was_interrupted = false;
    op->told = true;
    Tell("interrupted", op, stuckfs.honours_interrupts ? "honoured" : "ignored");
    if (stuckfs.honours_interrupts) Answer(op, EINTR);
  }
}

void TellAwaited(void) {
  if (stuckfs.awaited < 0 || stuckfs.held < stuckfs.awaited) return;
  Say("waited %lld", (long long)stuckfs.held);
  stuckfs.awaited = -1;
}

static void Arrive(fuse_req_t request, fuse_ino_t inode, enum Kind kind, uint64_t offset, uint64_t length,
                   const char* data) {
  struct Op* op = calloc(1, sizeof *op);
  if (op == NULL) Die("no memory");
  *op = (struct Op){.id = ++stuckfs.last_id,
                    .request = request,
                    .kind = kind,
                    .file = FileOf(inode),
                    .offset = offset,
                    .length = length,
                    .due_ms = 0,
                    .limit = -1};
  if (data != NULL) {
    op->data = malloc(length);
    if (op->data == NULL) Die("no memory");
    memcpy(op->data, data, length);
  }
  struct Op** link = &stuckfs.oldest;
  while (*link != NULL) link = &(*link)->next;
  *link = op;

  struct Rule* rule = &stuckfs.rules[kind];
  const struct Rule now = *rule;
  if (rule->times > 0 && --rule->times == 0) rule->action = kPass;
  switch (now.action) {
    case kPass:
      Answer(op, 0);
      return;
    case kFail:
      op->told = true;
      Answer(op, (int)now.argument);
      return;
    case kShort:
      op->told = true;
      op->limit = now.argument;
      Answer(op, 0);
      return;
    case kDelay:
      op->due_ms = NowMs() + now.argument;
      Tell("delayed", op, "");
      break;
    case kStall:
      op->due_ms = -1;
      stuckfs.held++;
      Tell("held", op, "");
      TellAwaited();
      break;
  }
  fuse_req_interrupt_func(request, OnInterrupt, op);
}

// --- What libfuse calls

static void OnInit(void* data, struct fuse_conn_info* connection) {
  (void)data;
  // Bytes of a write in memory, not in a pipe.
  connection->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_SPLICE_WRITE);
  if (stuckfs.synchronous) connection->want &= ~(unsigned)FUSE_CAP_ASYNC_DIO;
  // An asynchronous O_DIRECT write counts as background work, and the kernel keeps back what exceeds this
  // (its default is 12): it would wait where no event tells of it.
  connection->max_background = 8192;
  connection->congestion_threshold = 8192;
  Say("ready");
}

static void OnLookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  struct fuse_entry_param entry = {.attr_timeout = kForever, .entry_timeout = kForever};
  for (int i = 0; parent == FUSE_ROOT_ID && i < stuckfs.file_count; i++) {
    if (strcmp(stuckfs.files[i].name, name) != 0) continue;
    entry.ino = FUSE_ROOT_ID + 1 + (fuse_ino_t)i;
    FillAttributes(entry.ino, &entry.attr);
    fuse_reply_entry(request, &entry);
    return;
  }
  fuse_reply_err(request, ENOENT);
}

static void OnGetAttributes(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info* info) {
  (void)info;
  struct stat facts;
  if (FillAttributes(inode, &facts))
    fuse_reply_attr(request, &facts, kForever);
  else
    fuse_reply_err(request, ENOENT);
}

// Sizes are fixed, as those of a disk; times and modes are not kept.
static void OnSetAttributes(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int which,
                            struct fuse_file_info* info) {
  const struct File* file = FileOf(inode);
  if (file != NULL && (which & FUSE_SET_ATTR_SIZE) != 0 && (uint64_t)wanted->st_size != file->size) {
    fuse_reply_err(request, EPERM);
    return;
  }
  OnGetAttributes(request, inode, info);
}

static void OnReadDirectory(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                            struct fuse_file_info* info) {
  (void)info;
  char buffer[4096];
  size_t used = 0;
  if (size > sizeof buffer) size = sizeof buffer;
  for (int i = (int)offset; inode == FUSE_ROOT_ID && i < stuckfs.file_count; i++) {
    struct stat facts;
    FillAttributes(FUSE_ROOT_ID + 1 + (fuse_ino_t)i, &facts);
    const size_t entry =
        fuse_add_direntry(request, buffer + used, size - used, stuckfs.files[i].name, &facts, i + 1);
    if (entry > size - used) break;
    used += entry;
  }
  fuse_reply_buf(request, buffer, used);
}

static void OnOpen(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info* info) {
  if (FileOf(inode) == NULL) {
    fuse_reply_err(request, EISDIR);
    return;
  }
  (void)info;
  // Nothing of it in the page cache: what a process asks for arrives here, buffered or not. And a synchronous
  // write that is held does not keep other writes to the file on their way. libfuse 3.14 does not know the
  // second flag, so not fuse_reply_open().
  const struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES};
  fuse_reply_buf(request, (const char*)&opened, sizeof opened);
}

static void OnRead(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                   struct fuse_file_info* info) {
  (void)info;
  Arrive(request, inode, kRead, (uint64_t)offset, size, NULL);
}

static void OnWrite(fuse_req_t request, fuse_ino_t inode, const char* bytes, size_t size, off_t offset,
                    struct fuse_file_info* info) {
  (void)info;
  Arrive(request, inode, kWrite, (uint64_t)offset, size, bytes);
}

static void OnFsync(fuse_req_t request, fuse_ino_t inode, int datasync, struct fuse_file_info* info) {
  (void)datasync;
  (void)info;
  Arrive(request, inode, kFsync, 0, 0, NULL);
}

// Everything is allocated. Nothing is punched or zeroed, and nothing grows.
static void OnAllocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                       struct fuse_file_info* info) {
  (void)info;
  const struct File* file = FileOf(inode);
  if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) {
    fuse_reply_err(request, EOPNOTSUPP);
  } else if (mode == 0 && (uint64_t)(offset + length) > file->size) {
    fuse_reply_err(request, ENOSPC);
  } else {
    Arrive(request, inode, kAllocate, (uint64_t)offset, (uint64_t)length, NULL);
  }
}

// No flush: close(2) never waits here. No flock and no lseek: the kernel does them itself.
const struct fuse_lowlevel_ops kOps = {
    .init = OnInit,
    .lookup = OnLookup,
    .getattr = OnGetAttributes,
    .setattr = OnSetAttributes,
    .readdir = OnReadDirectory,
    .open = OnOpen,
    .read = OnRead,
    .write = OnWrite,
    .fsync = OnFsync,
    .fallocate = OnAllocate,
};
