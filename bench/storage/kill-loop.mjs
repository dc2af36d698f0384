/**
 * `npm run build && node bench/storage/kill-loop.mjs [cycles]`: the kill loop of the test suite
 * (test/process/kill-loop.test.ts), longer. Half of the cycles on the plain file system, half with
 * writes held in the process until fdatasync. Prints what the checker says.
 */
import { spawnSync } from 'node:child_process';

const cycles = process.argv[2] ?? '1000';
const args = ['vitest', 'run', '--project', 'process', 'test/process/kill-loop.test.ts'];
const { status } = spawnSync('npx', args, {
  env: { ...process.env, KILL_CYCLES: cycles },
  stdio: 'inherit',
});
process.exit(status ?? 1);
