import { defineConfig } from 'vitest/config';

// What a test touches decides how often it has to run:
//   pure     memory alone: once. That nothing else is touched is checked (test/support/pure.mjs).
//   engines  each engine by its name, devices that hang, and what goes by no engine: once. With DMREMAP_ENGINE for the one
//            that it names.
//   device   devices, on the engine that `auto` takes, or DMREMAP_ENGINE: once for each (.ci/run).
const pure = [
  'test/{base,crash}/**/*.test.ts',
  'test/bench/!(cancel|commit|ground|start|writes).test.ts',
  'test/{format,recovery}/!(new-file|sealed-image).test.ts',
  'test/cli/{completion,man}.test.ts',
  'test/store/!(commit-abort|flat|metadata-store|settling|workers|wrapped-devices).test.ts',
  'test/target/!(life-*).test.ts',
];
const engines = [
  'test/{faults,stuck}/**/*.test.ts',
  'test/device/{contract,engines,probe,walls}.test.ts',
  'test/cli/{doctor*,interrupts}.test.ts',
  'test/target/life-*.test.ts',
  'test/{corpus,docs,stories}/**/*.test.ts',
  'test/bench/{cancel,commit,ground,start,writes}.test.ts',
];
const all = ['test/**/*.test.ts'];
//  Whole runs of benchmarks: .ci/run, with DMREMAP_TESTS=all. The shorter ones stay (test/bench/{codec,frame}.test.ts).
const inFull =
  process.env.DMREMAP_TESTS === 'all' ? [] : ['test/bench/{cancel,commit,ground,start,table,writes}.test.ts'];

export default defineConfig({
  test: {
    // A native crash must take one file's process with it, not the run.
    pool: 'forks',
    // Vitest leaves one core free by itself: of two that is half of what there is.
    maxWorkers: '100%',
    testTimeout: 240_000,
    hookTimeout: 60_000,
    exclude: inFull,
    projects: [
      { extends: true, test: { name: 'pure', include: pure, setupFiles: ['test/support/pure.mjs'] } },
      { extends: true, test: { name: 'engines', include: engines } },
      { extends: true, test: { name: 'device', include: all, exclude: [...inFull, ...pure, ...engines] } },
    ],
  },
});
