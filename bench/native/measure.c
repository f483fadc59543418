#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

_Noreturn void Fail(const char* what, int error) {
  fprintf(stderr, "%s%s%s\n", what, error == 0 ? "" : ": ", error == 0 ? "" : strerror(error));
  exit(1);
}

uint64_t NumberOf(const char* text, uint64_t least, uint64_t most) {
  char* end;
  errno = 0;
  const unsigned long long number = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || number < least || number > most) Fail(text, EINVAL);
  return number;
}

uint64_t NowNs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t CpuNs(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const uint64_t us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return us * 1000;
}

void Begin(struct Measure* measure) {
  measure->count = 0;
  measure->cpu_begun_ns = CpuNs();
  measure->begun_ns = NowNs();
}

void Count(struct Measure* measure, uint64_t latency_ns) {
  if (measure->count == measure->capacity) {
    measure->capacity = measure->capacity == 0 ? 1u << 16 : 2 * measure->capacity;
    measure->latencies = realloc(measure->latencies, measure->capacity * sizeof(uint64_t));
    if (measure->latencies == NULL) Fail("realloc", ENOMEM);
  }
  measure->latencies[measure->count++] = latency_ns;
}

static int Compare(const void* a, const void* b) {
  const uint64_t x = *(const uint64_t*)a;
  const uint64_t y = *(const uint64_t*)b;
  return x < y ? -1 : x > y;
}

void End(struct Measure* measure) {
  const uint64_t ns = NowNs() - measure->begun_ns;
  const uint64_t cpu = CpuNs() - measure->cpu_begun_ns;
  const size_t count = measure->count;
  if (count == 0) Fail("nothing was done in this time", 0);
  qsort(measure->latencies, count, sizeof(uint64_t), Compare);
  const double done = (double)count;
  printf("{\"rate\":%.3f,\"cpu\":%.1f,\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"slowest\":%" PRIu64,
         done * 1e9 / (double)ns, (double)cpu / done, measure->latencies[(count - 1) / 2],
         measure->latencies[(size_t)((done - 1) * 0.99)], measure->latencies[count - 1]);
  if (measure->written > 0) printf(",\"written\":%" PRIu64, measure->written);
  puts("}");
  free(measure->latencies);
}
