import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The runtime's reporting to its maker is off in every process that tests start, those that use it without Whetstone too.
process.env.ORT_DISABLE_TELEMETRY = '1';

// Two cores are the common case: test files run in two processes, and every native session inside them uses one thread.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Only against hanging: a busy board is many times slower than the machine on which a test was written.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
