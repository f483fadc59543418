import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A native crash must take one file's process with it, not the run.
    pool: 'forks',
    // Vitest leaves one core free by itself: of two that is half of what there is.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
