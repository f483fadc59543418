// Linux kernel AIO, by its own system calls (io_setup(2) and the rest; libaio is a thin cover over them):
// where io_uring is forbidden. io_submit can block, on a frozen file system for as long as it is frozen, so
// each file has a thread that submits for it. io_cancel gave EINVAL in every state (io spec 1.1): what waits
// for its thread can be withdrawn, what the kernel has cannot. io_destroy, and with it the end of the
// process, waits for everything in flight: no promise of leaving can be kept (io spec 1.3).
//
// The threads share the core with the loop. It goes with the last of them, and never on the loop, so
// that nobody can submit to a context whose number has been given to another.
#ifndef DMREMAP_NATIVE_KERNEL_AIO_H_
#define DMREMAP_NATIVE_KERNEL_AIO_H_

#include <vector>

#include "backend.h"

namespace dmremap {

class KernelAio : public Backend {
 public:
  KernelAio();
  ~KernelAio() override;
  KernelAio(const KernelAio&) = delete;
  KernelAio& operator=(const KernelAio&) = delete;

  int Open(const char** step) override;
  int fd() const override;
  int InstallFile(uint32_t place, int fd) override;
  Remains RemoveFile(uint32_t place, bool idle) override;
  uint32_t file_places() const override;
  uint32_t max_in_flight() const override;
  bool Prepare(const IoCommand& command) override;
  bool PrepareCancel(uint64_t target, uint64_t user_data) override;
  bool Submit() override;
  void Reap(std::vector<Completion>* completions) override;
  void TakeBack(std::vector<Completion>* completions) override;

 private:
  struct Core;
  Core* core_;
};

}  // namespace dmremap

#endif  // DMREMAP_NATIVE_KERNEL_AIO_H_
