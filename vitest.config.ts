import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Examples import the package by its name, as users do; here that is the source.
  resolve: { alias: { ndisbox: fileURLToPath(new URL('src/machine/index.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.test.ts', 'drivers/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Property tests on a busy machine: a limit against hangs, not a measure of speed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
