// What each program of this folder tells of a round: as one line of JSON, times in nanoseconds.
#ifndef DMREMAP_BENCH_MEASURE_H_
#define DMREMAP_BENCH_MEASURE_H_

#include <stddef.h>
#include <stdint.h>

struct Measure {
  uint64_t* latencies;
  size_t count;
  size_t capacity;
  uint64_t begun_ns;
  uint64_t cpu_begun_ns;
  // Bytes that each operation writes: told where it is not 0.
  uint64_t written;
};

uint64_t NowNs(void);
void Begin(struct Measure* measure);
void Count(struct Measure* measure, uint64_t latency_ns);
// Prints the rate, the CPU of the whole process for each operation, and p50, p99 and the slowest.
void End(struct Measure* measure);
// Ends the program with a message, and the text of `error` where that is not 0.
_Noreturn void Fail(const char* what, int error);

// A number of a command line, or the end of the program.
uint64_t NumberOf(const char* text, uint64_t least, uint64_t most);

#endif  // DMREMAP_BENCH_MEASURE_H_
