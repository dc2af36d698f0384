/**
 * `npm run build && node bench/restart.mjs [GB] [million entries]`: seconds from the start of a
 * process that was killed to a store that serves, with a large log; and entries per second with
 * which a lost index is built again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFs } from '../dist/platform/node-fs.js';
import { systemClock } from '../dist/platform/system-clock.js';
import { systemRandom } from '../dist/platform/system-random.js';
import { rocksDb } from '../dist/storage/kv/rocksdb-store.js';
import { openStore } from '../dist/storage/open-store.js';
import { report } from './measure.mjs';

const [, , first, second, third] = process.argv;

function open(directory) {
  const world = { fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb };
  return openStore({ ...world, directory });
}

/** Fills a store with entries of 100 topics, says so, and waits to be killed. */
async function fill(directory, entries, bodyBytes) {
  const store = await open(directory);
  const body = Buffer.alloc(bodyBytes, 'x');
  const inFlight = Math.max(16, Math.floor((8 * 1024 * 1024) / bodyBytes));
  for (let i = 0; i < entries; i += inFlight) {
    const appends = [];
    for (let k = i; k < Math.min(entries, i + inFlight); k++) {
      const place = { topicId: 1 + (k % 100), queueId: k % 4 };
      const request = { ...place, kind: 1, count: 1, body, firstIdHash: 0, tagHash: 0 };
      appends.push(store.append(request));
    }
    await Promise.all(appends);
  }
  // The index writes behind; give it the second that it would have on a server at work.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  process.stdout.write('filled');
  await new Promise(() => setInterval(() => undefined, 1000));
}

async function killed(directory, entries, bodyBytes) {
  const own = fileURLToPath(import.meta.url);
  const args = [own, 'fill', directory, `${entries}/${bodyBytes}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function secondsToOpen(directory) {
  const start = performance.now();
  const store = await open(directory);
  const seconds = (performance.now() - start) / 1000;
  await store.close();
  return seconds;
}

if (first === 'fill') {
  const [entries, bodyBytes] = third.split('/').map(Number);
  await fill(second, entries, bodyBytes);
} else {
  const gigabytes = Number(first ?? 10);
  const million = Number(second ?? 2);
  const rows = [];
  const directory = await mkdtemp(join(process.cwd(), 'bench-restart-'));
  try {
    const large = join(directory, 'large');
    await killed(large, gigabytes * 1024, 1024 * 1024);
    const seconds = await secondsToOpen(large);
    rows.push({
      name: `restart after SIGKILL, ${gigabytes} GB`,
      value: seconds * 1000,
      unit: 'ms',
    });
    const small = join(directory, 'small');
    await killed(small, million * 1e6, 200);
    await rm(join(small, 'index'), { recursive: true });
    const rebuilt = await secondsToOpen(small);
    const value = (million * 1e6) / rebuilt;
    rows.push({ name: `index rebuilt, ${million} M entries`, value, unit: 'entries/s' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  report(rows);
  process.exit(0);
}
