import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A native crash must take one file's process with it, not the run.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
