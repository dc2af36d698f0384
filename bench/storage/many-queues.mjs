import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '../../dist/platform/seeded-random.js';
import { col } from '../../dist/storage/queues/index-rows.js';
import { percentile } from '../measure.mjs';
import { openReal, withDirectory } from './world.mjs';

const self = fileURLToPath(import.meta.url);
const queuesPerTopic = 1000;
const inFlight = 4096;
const samples = 10_000;
const body = Buffer.alloc(100, 7);

/**
 * A million logical queues, each holding a message: appends that fill them, the next start, memory
 * while all are idle, and reading and appending to random ones. Beside it the same with ten queues
 * that hold as many messages together. QUEUES in the environment is another number of them.
 */
export async function manyQueues() {
  const count = Number(process.env.QUEUES ?? 1_000_000);
  const few = await measure(10, count);
  const many = await measure(count, count);
  const named = (what) => `${count.toLocaleString('en')} queues: ${what}`;
  const start = {
    value: many.startMs,
    unit: 'ms',
    peer: 'ten queues',
    ratio: many.startMs / few.startMs,
  };
  return [
    { name: named('appends that fill them'), value: many.appendsPerS, unit: 'messages/s' },
    { name: named('start'), ...start },
    {
      name: named('resident memory of an idle one, above ten queues'),
      value: (many.rss - few.rss) / count,
      unit: 'bytes',
    },
    ...['read', 'append'].flatMap((what) =>
      [0.5, 0.99].map((share) => ({
        name: named(`${what} a random one, p${100 * share}`),
        value: 1000 * percentile(many[what], share),
        unit: 'us',
      })),
    ),
  ];
}

/** Each part in a process of its own: memory is that of a server that just started. */
async function measure(count, messages) {
  return withDirectory(async (directory) => {
    const filled = await inChild('fill', directory, count, messages);
    return { ...filled, ...(await inChild('use', directory, count)) };
  });
}

async function inChild(...args) {
  const child = spawn(process.execPath, ['--expose-gc', self, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout));
}

const parts = {
  async fill(directory, count, messages) {
    const store = await openReal(directory);
    const from = performance.now();
    await fill(store, count, messages);
    const appendsPerS = (1000 * messages) / (performance.now() - from);
    await store.close();
    return { appendsPerS };
  },

  async use(directory, count) {
    const from = performance.now();
    const store = await openReal(directory);
    const startMs = performance.now() - from;
    globalThis.gc();
    const { rss } = process.memoryUsage();
    const times = await touchRandom(store, count);
    await store.close();
    return { startMs, rss, ...times };
  },
};

async function fill(store, count, messages) {
  for (let at = 0; at < messages; at += inFlight) {
    const appends = [];
    const end = Math.min(messages, at + inFlight);
    for (let i = at; i < end; i++) appends.push(store.append(entryOf(i % count)));
    await Promise.all(appends);
  }
}

function entryOf(queue) {
  const name = { topicId: 1 + Math.floor(queue / queuesPerTopic), queueId: queue % queuesPerTopic };
  return { ...name, kind: 1, count: 1, body, firstIdHash: 0, tagHash: 0 };
}

/** Milliseconds of reads of a queue's last message, and of appends, one after another. */
async function touchRandom(store, count) {
  const random = new SeededRandom(1);
  const times = { read: [], append: [] };
  for (let i = 0; i < samples; i++) {
    const entry = entryOf(random.below(count));
    const start = performance.now();
    await readLast(store, entry);
    const read = performance.now();
    await store.append(entry);
    times.read.push(read - start);
    times.append.push(performance.now() - read);
  }
  return times;
}

async function readLast(store, { topicId, queueId }) {
  const { maxOffset } = await store.range(topicId, queueId);
  const { values } = await store.indexRows(topicId, queueId, maxOffset - 1, 1);
  const place = [values[col.partition], values[col.position], values[col.length]];
  const entry = await store.readEntry(...place);
  if (entry?.topicId !== topicId || entry.queueId !== queueId) throw new Error('a wrong entry');
}

if (process.argv[1] === self) {
  const [, , part, directory, ...numbers] = process.argv;
  process.stdout.write(JSON.stringify(await parts[part](directory, ...numbers.map(Number))));
}
