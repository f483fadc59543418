#include "ring.h"

#include <linux/fs.h>

#include <atomic>

namespace dmremap {

namespace {

constexpr uint8_t kOpcodes[] = {IORING_OP_READ,        IORING_OP_WRITE, IORING_OP_READ_FIXED,
                                IORING_OP_WRITE_FIXED, IORING_OP_FSYNC, IORING_OP_ASYNC_CANCEL};

std::atomic<uint32_t> registered_rings{0};

}  // namespace

Ring::Handle::~Handle() {
  // Measured: under 1 ms even with writes stuck on a device. The kernel keeps their files and pages until
  // they land.
  if (open) io_uring_queue_exit(&ring);
  if (registered) registered_rings--;
}

// None where it cannot be: writes work without.
void Ring::Handle::Register(iovec* memory) {
  registered = registered_rings++ < kMaxRegistered && memory->iov_len > 0 &&
               sys::io_uring_register_buffers(&ring, memory, 1) == 0;
  if (registered) return;
  registered_rings--;
  *memory = {};
}

// The end of a ring puts its file too, but on a worker of the kernel's, some time later. This waits until the
// file is free; Linux 6.1 lets a grace period of RCU pass here. What it can fail with passes (ENOMEM, EINTR).
int Ring::Handle::Undo() {
  int result = -EAGAIN;
  for (int tries = 0; tries < 8 && result < 0; tries++) result = sys::io_uring_unregister_files(&ring);
  return -result;
}

int Ring::Open(const char** step) {
  io_uring_params params{};
  params.flags =
      IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED;
  params.cq_entries = kCqEntries;
  *step = "io_uring_setup";
  int result = sys::io_uring_queue_init_params(kSqEntries, &ring_, &params);
  if (result < 0) return -result;
  handle_->open = true;
  sys::io_uring_ring_dontfork(&ring_);
  handle_->Register(&memory_);
  // All rings of a thread have the kernel's workers in common, by themselves four for each CPU: with a frozen
  // file system in the others a flush would wait for another device. Where this fails it does.
  unsigned most[] = {kMaxWorkers, 0};
  sys::io_uring_register_iowq_max_workers(&ring_, most);
  *step = "io_uring_register(probe)";
  if (const int error = CheckOpcodes(); error != 0) return error;
  *step = "io_uring_register(restrictions)";
  if (const int error = Restrict(); error != 0) return error;
  // A seccomp filter can let the set-up pass and stop this one: then nothing would ever settle.
  *step = "io_uring_enter";
  return sys::io_uring_enter(ring_.ring_fd) < 0 ? errno : 0;
}

int Ring::InstallFile(uint32_t, int fd) {
  const int result = sys::io_uring_register_files(&ring_, &fd, 1);
  return result < 0 ? -result : 0;
}

// A kernel can be built without some of them, and would refuse each operation then. EOPNOTSUPP where one is
// missing.
int Ring::CheckOpcodes() {
  alignas(io_uring_probe) uint8_t room[sizeof(io_uring_probe) + UINT8_MAX * sizeof(io_uring_probe_op)] = {};
  auto* probe = reinterpret_cast<io_uring_probe*>(room);
  const int result = sys::io_uring_register_probe(&ring_, probe, UINT8_MAX);
  if (result < 0) return -result;
  for (const uint8_t opcode : kOpcodes) {
    if (io_uring_opcode_supported(probe, opcode) == 0) return EOPNOTSUPP;
  }
  return 0;
}

int Ring::Restrict() {
  io_uring_restriction allowed[sizeof(kOpcodes) + 3] = {};
  size_t count = 0;
  for (const uint8_t opcode : kOpcodes) {
    allowed[count].opcode = IORING_RESTRICTION_SQE_OP;
    allowed[count++].sqe_op = opcode;
  }
  allowed[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  allowed[count++].sqe_flags = IOSQE_ASYNC | IOSQE_FIXED_FILE;
  for (const uint8_t operation : {IORING_REGISTER_FILES, IORING_UNREGISTER_FILES}) {
    allowed[count].opcode = IORING_RESTRICTION_REGISTER_OP;
    allowed[count++].register_op = operation;
  }
  int result = sys::io_uring_register_restrictions(&ring_, allowed, count);
  if (result < 0) return -result;
  result = sys::io_uring_enable_rings(&ring_);
  return result < 0 ? -result : 0;
}

io_uring_sqe* Ring::Sqe() {
  io_uring_sqe* sqe = sys::io_uring_get_sqe(&ring_);
  if (sqe != nullptr) return sqe;
  Submit();
  return sys::io_uring_get_sqe(&ring_);
}

// By its place 0, which is what a fresh submission names.
bool Ring::IsFixed(const IoCommand& command) const {
  const auto* base = static_cast<const uint8_t*>(memory_.iov_base);
  const auto* data = static_cast<const uint8_t*>(command.data);
  return memory_.iov_len > 0 && data >= base && data + command.length <= base + memory_.iov_len;
}

bool Ring::Prepare(const IoCommand& command) {
  io_uring_sqe* sqe = Sqe();
  if (sqe == nullptr) return false;
  const int place = static_cast<int>(command.place);
  switch (command.kind) {
    case OpKind::kRead:
      io_uring_prep_read(sqe, place, command.data, command.length, command.offset);
      if (IsFixed(command)) sqe->opcode = IORING_OP_READ_FIXED;
      break;
    case OpKind::kWrite:
      io_uring_prep_write(sqe, place, command.data, command.length, command.offset);
      if (IsFixed(command)) sqe->opcode = IORING_OP_WRITE_FIXED;
      if (command.dsync) sqe->rw_flags = RWF_DSYNC;
      break;
    case OpKind::kFlush:
      io_uring_prep_fsync(sqe, place, IORING_FSYNC_DATASYNC);
      break;
  }
  // A flush runs on a worker whatever is asked for.
  const bool async = command.async && command.kind != OpKind::kFlush;
  sqe->flags |= IOSQE_FIXED_FILE | (async ? IOSQE_ASYNC : 0);
  io_uring_sqe_set_data64(sqe, command.user_data);
  return true;
}

bool Ring::PrepareCancel(uint64_t target, uint64_t user_data) {
  io_uring_sqe* sqe = Sqe();
  if (sqe == nullptr) return false;
  // By user_data and without ALL or ANY: with them the result is a count, and 0 would mean that nothing
  // matched.
  io_uring_prep_cancel64(sqe, target, 0);
  io_uring_sqe_set_data64(sqe, user_data);
  return true;
}

bool Ring::Submit() {
  while (io_uring_sq_ready(&ring_) > 0) {
    const int result = sys::io_uring_submit(&ring_);
    if (result > 0 || result == -EINTR) continue;
    return false;  // EAGAIN, EBUSY: the kernel is short of memory or of room for completions.
  }
  return true;
}

void Ring::Reap(std::vector<Completion>* completions) {
  io_uring_cqe* cqe = nullptr;
  while (sys::io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
    const bool of_cancel = (cqe->user_data & kCancelBit) != 0;
    completions->push_back({cqe->user_data, sys::Result(*cqe, of_cancel)});
    io_uring_cqe_seen(&ring_, cqe);
  }
}

}  // namespace dmremap
