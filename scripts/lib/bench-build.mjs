// What the benchmarks hold us against in C: programs on liburing alone, compiled once.
import { compilePrograms } from './c-build.mjs';

export const benchSources = 'bench/native';
export const benchFolder = 'node_modules/.cache/dmremap/bench-programs';

const programs = {
  writes: { parts: ['writes.c', 'measure.c'], libraries: ['-l:liburing.a'] },
  phases: { parts: ['phases.c', 'measure.c'], libraries: ['-l:liburing.a'] },
};

/** Compiles every program. Returns the exit status. */
export const buildBench = () => compilePrograms(programs, benchSources, benchFolder);
