// The log's speed, in one run with a bare loop of write and fdatasync:
// group commit with 1 to 4,096 producers of 200-byte messages, batches of 1,000 messages of
// 100 bytes, and a sequential read of segments that are in the page cache.
// "CPU" is what the process used: on a busy machine it says more than the time that passed.
//   npm run build && node bench/storage/queues-log.mjs [seconds each] [directory for the data]
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFs } from '../../dist/platform/node-fs.js';
import { systemClock } from '../../dist/platform/system-clock.js';
import { systemRandom } from '../../dist/platform/system-random.js';
import { rocksDb } from '../../dist/storage/kv/rocksdb-store.js';
import { SyncEntryReader } from '../../dist/storage/log/sync-entry-reader.js';
import { openStore } from '../../dist/storage/open-store.js';

const seconds = Number(process.argv[2] ?? 2);
const directory = await mkdtemp(join(process.argv[3] ?? tmpdir(), 'millrace-log-'));
const headerBytes = 64;

const store = await openStore({
  ...{ fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb },
  directory: join(directory, 'data'),
});

function append(body, count) {
  const names = { topicId: 1, queueId: 0, kind: 1 };
  return store.append({ ...names, count, body, firstIdHash: 0, tagHash: 0 });
}

function cpuSeconds(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** Appends a second, and a second of CPU, that `producers` make, each waiting for its own. */
async function appends(producers, body, count = 1) {
  const end = performance.now() + 1000 * seconds;
  let done = 0;
  const produce = async () => {
    while (performance.now() < end) {
      await append(body, count);
      done++;
    }
  };
  const start = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: producers }, produce));
  const rate = (1000 * done) / (performance.now() - start);
  return { rate, cpuRate: done / cpuSeconds(cpu) };
}

/** Commits a second of a bare loop over a file that was zero-written ahead, times `perCommit`. */
async function bare(perCommit, entryBytes) {
  const file = await open(join(directory, 'bare'), 'w');
  const bytes = Buffer.alloc(perCommit * entryBytes, 1);
  const ahead = Buffer.alloc(64 * 1024 * 1024);
  await file.write(ahead, 0, ahead.length, 0);
  await file.datasync();
  const end = performance.now() + 1000 * seconds;
  const start = performance.now();
  let commits = 0;
  let at = 0;
  while (performance.now() < end) {
    if (at + bytes.length > ahead.length) at = 0;
    await file.write(bytes, 0, bytes.length, at);
    await file.datasync();
    at += bytes.length;
    commits++;
  }
  await file.close();
  return (1000 * perCommit * commits) / (performance.now() - start);
}

const per = (value) => Math.round(value).toLocaleString('en');
try {
  await append(Buffer.alloc(200), 1);
  for (const producers of [1, 16, 256, 4096]) {
    const peer = await bare(producers, 200 + headerBytes);
    const { rate, cpuRate } = await appends(producers, Buffer.alloc(200, 1));
    const share = `${Math.round((100 * rate) / peer)} % of the bare loop's ${per(peer)}`;
    console.log(`${producers} producers: ${per(rate)} appends/s, ${share}; CPU ${per(cpuRate)}/s`);
  }
  const batches = await appends(64, Buffer.alloc(1000 * 130, 1), 1000);
  const cpu = `CPU ${per(1000 * batches.cpuRate)}/s`;
  console.log(`batches of 1,000: ${per(1000 * batches.rate)} messages/s, durable; ${cpu}`);
  await store.close();
  const reader = new SyncEntryReader(nodeFs, join(directory, 'data', 'log', 'p0'), 0);
  const again = await openStore({
    ...{ fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb },
    directory: join(directory, 'data'),
  });
  const rows = await again.indexRows(1, 0, 0, 1_000_000);
  const width = rows.values.length / rows.rowCount;
  const start = performance.now();
  const before = process.cpuUsage();
  let bytes = 0;
  for (let row = 0; row < rows.rowCount; ) {
    const from = rows.values[row * width + 5];
    let to = from;
    for (; row < rows.rowCount && to - from < 1024 * 1024; row++)
      to += rows.values[row * width + 6];
    for (const { length } of reader.readRange(from, to)) bytes += length;
  }
  const mb = bytes / 1e6;
  const rate = per(mb / ((performance.now() - start) / 1000));
  const cpuRate = per(mb / cpuSeconds(before));
  console.log(`sequential read, checked, of ${per(mb)} MB: ${rate} MB/s; CPU ${cpuRate} MB/s`);
  await reader.close();
  await again.close();
} finally {
  await rm(directory, { recursive: true, force: true });
}
