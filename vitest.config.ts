import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

/** Test files that make no sense with NDISBOX_RELAY, which sends the calls of TypeScript drivers through machine code. */
const WITHOUT_RELAY = [
  // They call outside of any thread and look at the exception itself, which machine code would handle or stop at.
  'src/kernel/memory/cRuntime.test.ts',
  // They compare all of memory, which has the stacks of machine code in it.
  'src/kernel/process/arguments.test.ts',
];

export default defineConfig({
  // Examples import the package by its name, as users do; here that is the source.
  resolve: { alias: { ndisbox: fileURLToPath(new URL('src/machine/index.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.test.ts', 'drivers/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(process.env['NDISBOX_RELAY'] ? WITHOUT_RELAY : [])],
    pool: 'forks',
    maxWorkers: 2,
    // Property tests on a busy machine: a limit against hangs, not a measure of speed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
