/**
 * `npm run build && node bench/storage/restart.mjs [GiB] [DIR]`: fills a log, SIGKILLs the process
 * that did it, and measures how long another one takes until the store serves. Prints the median of
 * three restarts, each after another SIGKILL. The log goes to DIR, or to the temporary directory.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock as clock } from '../../dist/platform/system-clock.js';
import { report } from '../measure.mjs';

const GiB = 1024 ** 3;
const self = fileURLToPath(import.meta.url);

if (process.argv[2] === '--child') await child(process.argv[3], Number(process.argv[4]));
else await main(Number(process.argv[2] ?? 10), process.argv[3] ?? tmpdir());

/** Opens the store, says how long that took, appends `bytes`, says so, and waits to be killed. */
async function child(directory, bytes) {
  const start = performance.now();
  const { nodeFs: fs } = await import('../../dist/platform/node-fs.js');
  const { systemRandom: random } = await import('../../dist/platform/system-random.js');
  const { rocksDb: kv } = await import('../../dist/storage/kv/rocksdb-store.js');
  const { openStore } = await import('../../dist/storage/open-store.js');
  const store = await openStore({ fs, clock, random, kv, directory });
  process.stdout.write(`opened ${performance.now() - start}\n`);
  const body = Buffer.alloc(1024 * 1024, 'x');
  let left = bytes;
  const producer = async (queueId) => {
    const request = { topicId: 1, queueId, kind: 1, count: 1000, body };
    while (left > 0) {
      left -= body.length;
      await store.append({ ...request, firstIdHash: 0, tagHash: 0 });
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, queueId) => producer(queueId)));
  process.stdout.write('filled\n');
  await new Promise((resolve) => clock.after(3_600_000, resolve));
}

async function main(gibibytes, parent) {
  const directory = await mkdtemp(join(parent, 'millrace-restart-'));
  try {
    await run(directory, gibibytes * GiB);
    const times = [];
    for (let i = 0; i < 3; i++) times.push(await run(directory, 0));
    const value = times.toSorted((a, b) => a - b)[1];
    report([{ name: `restart after SIGKILL, ${gibibytes} GiB of log`, value, unit: 'ms' }]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Returns the milliseconds to an open store, loading its code included. */
async function run(directory, bytes) {
  const process_ = spawn(process.execPath, [self, '--child', directory, String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const piece of process_.stdout) {
    output += piece;
    if (output.includes('filled\n')) break;
  }
  process_.kill('SIGKILL');
  if (process_.exitCode === null && process_.signalCode === null) await once(process_, 'exit');
  return Number(/opened ([\d.]+)/.exec(output)[1]);
}
