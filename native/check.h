// Room: native, the ground floor. An assertion is for mistakes of ours; no errno and no byte from a disk or
// from JavaScript can ever reach one.
#ifndef DMREMAP_NATIVE_CHECK_H_
#define DMREMAP_NATIVE_CHECK_H_

#include <cstdio>
#include <cstdlib>

#define DMR_CHECK(condition)                                                                        \
  do {                                                                                              \
    if (!(condition)) {                                                                             \
      std::fprintf(stderr, "dmremap: %s:%d: this must hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                 \
    }                                                                                               \
  } while (0)

#endif  // DMREMAP_NATIVE_CHECK_H_
