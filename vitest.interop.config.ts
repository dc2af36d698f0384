import { defineConfig } from 'vitest/config';

/** Tests against foreign clients and corpora. Each file has its own process: they start servers. */
export default defineConfig({
  test: {
    name: 'interop',
    include: ['test/interop/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
