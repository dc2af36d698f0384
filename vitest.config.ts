import { defineConfig } from 'vitest/config';

/** Waiting ends as soon as the condition holds; a busy machine may need long. */
const expectOptions = { poll: { timeout: 60_000 } };

/**
 * Three projects. `unit` shares one module graph between files in worker threads (fast);
 * `process` gives each file its own process, for tests that start servers, kill them or take ports;
 * `crash` is the enumeration of crash points, which takes longer than all of `unit`.
 */
export default defineConfig({
  test: {
    // The official RocketMQ client leaves a stream without an error listener when its server is
    // killed (reference rocketmq-v2, 1.8); killing servers is what some tests are for.
    onUnhandledError: (error) => error.message !== '14 UNAVAILABLE: read ECONNRESET',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/process/**', 'test/interop/**', 'test/storage/crash/**'],
          pool: 'threads',
          isolate: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          expect: expectOptions,
        },
      },
      {
        test: {
          name: 'crash',
          include: ['test/storage/crash/**/*.test.ts'],
          pool: 'threads',
          testTimeout: 600_000,
          expect: expectOptions,
        },
      },
      {
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 60_000,
          expect: expectOptions,
        },
      },
    ],
  },
});
