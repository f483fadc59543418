#define _GNU_SOURCE
#include "unresolved_page.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int UnresolvedPageMake(struct UnresolvedPage* page, size_t length, const char** step) {
  const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
  page->length = (length + page_size - 1) / page_size * page_size;
  *step = "userfaultfd";
  page->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (page->fd < 0) return errno;
  *step = "UFFDIO_API";
  struct uffdio_api api = {.api = UFFD_API};
  if (ioctl(page->fd, UFFDIO_API, &api) != 0) return errno;
  *step = "mmap";
  page->address = mmap(NULL, page->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page->address == MAP_FAILED) return errno;
  *step = "UFFDIO_REGISTER";
  struct uffdio_register range = {.range = {.start = (uintptr_t)page->address, .len = page->length},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  return ioctl(page->fd, UFFDIO_REGISTER, &range) == 0 ? 0 : errno;
}

bool UnresolvedPageFaulted(struct UnresolvedPage* page) {
  struct uffd_msg message;
  bool faulted = false;
  while (read(page->fd, &message, sizeof message) == (ssize_t)sizeof message) {
    faulted = faulted || message.event == UFFD_EVENT_PAGEFAULT;
  }
  return faulted;
}

int UnresolvedPageRelease(struct UnresolvedPage* page, uint8_t value) {
  char* source = aligned_alloc((size_t)sysconf(_SC_PAGESIZE), page->length);
  if (source == NULL) return ENOMEM;
  memset(source, value, page->length);
  struct uffdio_copy copy = {.dst = (uintptr_t)page->address, .src = (uintptr_t)source, .len = page->length};
  const int error = ioctl(page->fd, UFFDIO_COPY, &copy) == 0 ? 0 : errno;
  free(source);
  return error;
}
