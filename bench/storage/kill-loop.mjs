/**
 * `npm run build && node bench/storage/kill-loop.mjs [minutes]`: the kill loop of the test suite
 * (test/process/kill-loop.test.ts), longer: rounds of 60 kills until the time is up, half on the
 * plain file system, half with writes held in the process until fdatasync. Prints what the checker
 * says of each round, and the sums of what was judged. Each round is a process of its own, so that
 * one that fails, because a client found no connection for example, does not end the others; it is
 * printed, counted, and the exit code is 1.
 */
import { spawnSync } from 'node:child_process';

const until = performance.now() + Number(process.argv[2] ?? 60) * 60_000;
const args = ['vitest', 'run', '--project', 'process', 'test/process/kill-loop.test.ts'];
const sums = new Map();
let rounds = 0;
let failed = 0;
while (performance.now() < until) {
  const { status, stdout } = spawnSync('npx', args, {
    env: { ...process.env, KILL_CYCLES: '60', NO_COLOR: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  rounds++;
  if (status !== 0) {
    failed++;
    console.log(stdout);
  }
  for (const [, kills, disk, verdict] of stdout.matchAll(/(\d+) kills, ([^:]+): (.*)/g)) {
    console.log(`round ${rounds}: ${kills} kills, ${disk}: ${verdict}`);
    const sum = sums.get(disk) ?? { kills: 0 };
    sums.set(disk, sum);
    sum.kills += Number(kills);
    for (const [, name, count] of verdict.matchAll(/(\w+) (\d+)/g)) {
      sum[name] = (sum[name] ?? 0) + Number(count);
    }
  }
}
console.log(`${rounds} rounds, ${failed} failed`);
for (const [disk, sum] of sums) console.log(disk, sum);
process.exit(failed === 0 ? 0 : 1);
