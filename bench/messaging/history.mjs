/** `npm run build && node bench/messaging/history.mjs [kills]`: the history checker, long (100). */
import { spawnSync } from 'node:child_process';

const kills = process.argv[2] ?? '100';
const args = ['vitest', 'run', '--project', 'process', 'test/process/history.test.ts'];
const { status } = spawnSync('npx', args, {
  stdio: 'inherit',
  env: { ...process.env, HISTORY_KILLS: kills },
});
process.exit(status ?? 1);
