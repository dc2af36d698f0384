// A million logical queues, each holding a message: time to append, to start again, memory while
// idle, and the latency of reading and appending to random ones after a restart; beside it the
// same with ten queues.
//   node --expose-gc bench/storage/queues.mjs [queues] [directory for the data]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFs } from '../../dist/platform/node-fs.js';
import { SeededRandom } from '../../dist/platform/seeded-random.js';
import { systemClock } from '../../dist/platform/system-clock.js';
import { systemRandom } from '../../dist/platform/system-random.js';
import { rocksDb } from '../../dist/storage/kv/rocksdb-store.js';
import { openStore } from '../../dist/storage/open-store.js';
import { col } from '../../dist/storage/queues/index-rows.js';

const queueCount = Number(process.argv[2] ?? 1_000_000);
const root = process.argv[3] ?? tmpdir();
const queuesPerTopic = 1000;
const inFlight = 4096;
const samples = 10_000;
const body = Buffer.alloc(100, 7);

function open(directory) {
  const parts = { fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb };
  return openStore({ ...parts, directory });
}

function append(store, queue) {
  return store.append({
    topicId: 1 + Math.floor(queue / queuesPerTopic),
    queueId: queue % queuesPerTopic,
    kind: 1,
    count: 1,
    body,
    firstIdHash: 0,
    tagHash: 0,
  });
}

/** As many messages however many queues there are: the log that a start reads is the same. */
async function fill(store, count) {
  for (let at = 0; at < queueCount; at += inFlight) {
    const appends = [];
    const end = Math.min(queueCount, at + inFlight);
    for (let q = at; q < end; q++) appends.push(append(store, q % count));
    await Promise.all(appends);
  }
}

/** Milliseconds of one read of the queue's last message, and of one append. */
async function touch(store, queue) {
  const topicId = 1 + Math.floor(queue / queuesPerTopic);
  const queueId = queue % queuesPerTopic;
  const start = performance.now();
  const { maxOffset } = await store.range(topicId, queueId);
  const { values } = await store.indexRows(topicId, queueId, maxOffset - 1, 1);
  const entry = await store.readEntry(
    values[col.partition],
    values[col.position],
    values[col.length],
  );
  if (entry?.topicId !== topicId || entry.queueId !== queueId) throw new Error('a wrong entry');
  const read = performance.now();
  await append(store, queue);
  return [read - start, performance.now() - read];
}

const at = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(2);
const resident = () => {
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + external + arrayBuffers, rss };
};

async function measure(count) {
  const directory = await mkdtemp(join(root, 'millrace-queues-'));
  const result = { queues: count };
  try {
    let store = await open(directory);
    let start = performance.now();
    await fill(store, count);
    result.appendsPerS = Math.round((1000 * queueCount) / (performance.now() - start));
    await store.close();
    const before = resident();
    start = performance.now();
    store = await open(directory);
    result.startMs = Math.round(performance.now() - start);
    const idle = resident();
    result.heapBytesPerQueue = Number(((idle.heap - before.heap) / count).toFixed(1));
    const random = new SeededRandom(1);
    const reads = [];
    const appends = [];
    const times = Math.min(samples, count);
    for (let i = 0; i < times; i++) {
      const [read, appended] = await touch(store, random.below(count));
      reads.push(read);
      appends.push(appended);
    }
    for (const list of [reads, appends]) list.sort((a, b) => a - b);
    result.readMs = { p50: at(reads, 0.5), p99: at(reads, 0.99) };
    result.appendMs = { p50: at(appends, 0.5), p99: at(appends, 0.99) };
    result.rssMb = Math.round(resident().rss / 1e6);
    await store.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return result;
}

for (const count of [10, queueCount]) console.log(JSON.stringify(await measure(count)));
