// Memory whose pages are not there until somebody says so (userfaultfd(2)): who reads them waits, the kernel
// too. Needs CAP_SYS_PTRACE or vm.unprivileged_userfaultfd=1, or faults of the kernel are not handed out.
#ifndef DMREMAP_TEST_STUCK_UNRESOLVED_PAGE_H_
#define DMREMAP_TEST_STUCK_UNRESOLVED_PAGE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct UnresolvedPage {
  char* address;
  size_t length;  // Whole pages.
  int fd;         // Can be read when somebody waits for a page.
};

// Returns 0, or an errno and the step that failed.
int UnresolvedPageMake(struct UnresolvedPage* page, size_t length, const char** step);
// Whether somebody has run into it since the last call. Does not block.
bool UnresolvedPageFaulted(struct UnresolvedPage* page);
// The pages are there now, full of `value`, and whoever waited goes on. Returns 0 or an errno.
int UnresolvedPageRelease(struct UnresolvedPage* page, uint8_t value);

#endif  // DMREMAP_TEST_STUCK_UNRESOLVED_PAGE_H_
