// Compaction by key: messages a second over two passes, the second one with as much again, bytes
// of the log before and after, and how long the main thread was busy at a time meanwhile.
//   npm run build && node bench/storage/compaction.mjs [messages] [keys] [directory for the data]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from '../../dist/connectors/rocketmq/codec.js';
import { messageKeys } from '../../dist/connectors/rocketmq/keyed-messages.js';
import { keyedEntries } from '../../dist/engine/broker/keyed-entries.js';
import { nodeFs } from '../../dist/platform/node-fs.js';
import { SeededRandom } from '../../dist/platform/seeded-random.js';
import { systemClock } from '../../dist/platform/system-clock.js';
import { systemRandom } from '../../dist/platform/system-random.js';
import { rocksDb } from '../../dist/storage/kv/rocksdb-store.js';
import { openStore } from '../../dist/storage/open-store.js';
import { percentile, report } from '../measure.mjs';

const messages = Number(process.argv[2] ?? 1_000_000);
const keys = Number(process.argv[3] ?? 100_000);
const perEntry = 100;
const random = new SeededRandom(1);
const body = Buffer.alloc(200, 7);
const directory = await mkdtemp(join(process.argv[4] ?? tmpdir(), 'millrace-compaction-'));
const store = await openStore({
  ...{ fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb, directory },
  ...{ segmentBytes: 64 * 1024 * 1024, keyedFormat: keyedEntries(messageKeys) },
});
const rules = {
  policy: () => ({ compaction: { tombstoneMs: 0 } }),
  floor: () => Number.POSITIVE_INFINITY,
  segmentAgeMs: 0,
  compactionLagMs: 0,
  compactionAgeMs: 0,
};

function entry() {
  return encode('SendMessageRequest', {
    messages: Array.from({ length: perEntry }, () => ({
      topic: { name: 'prices' },
      body,
      system_properties: { keys: [`key-${random.below(keys)}`], message_id: '01'.repeat(17) },
    })),
  });
}

async function fill() {
  for (let sent = 0; sent < messages; sent += 100 * perEntry) {
    await Promise.all(
      Array.from({ length: 100 }, () =>
        store.append({
          ...{ topicId: 1, queueId: 0, kind: 1, count: perEntry, body: entry() },
          ...{ firstIdHash: 0, tagHash: 0 },
        }),
      ),
    );
  }
}

/** Milliseconds of each turn of the event loop until it is stopped. */
function watchTurns() {
  const turns = [];
  let isOver = false;
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    turns.push(now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return turns;
  };
}

const rows = [];
const row = (name, value, unit) => rows.push({ name, value, unit });
try {
  for (const pass of ['first', 'second']) {
    await fill();
    // Ends the last segment and looks at what is sealed; what it finds the next pass compacts.
    await store.retain({ ...rules, policy: () => ({}) });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await store.retain({ ...rules, compactionLagMs: 1e15, compactionAgeMs: 0, policy: () => ({}) });
    const before = store.stats().logBytes;
    const stop = watchTurns();
    const start = performance.now();
    const { compactedMessages } = await store.retain(rules);
    const seconds = (performance.now() - start) / 1000;
    const turns = stop();
    row(`${pass} pass: messages that came, per second`, messages / seconds, '1/s');
    row(`${pass} pass: messages that went`, compactedMessages, '');
    row(`${pass} pass: log bytes before`, before, 'bytes');
    row(`${pass} pass: log bytes after`, store.stats().logBytes, 'bytes');
    row(`${pass} pass: turns of the main thread`, turns.length, '');
    row(`${pass} pass: turn of the main thread, p99`, 1000 * percentile(turns, 0.99), 'us');
    row(`${pass} pass: turns over 2 ms`, turns.filter((ms) => ms > 2).length, '');
    row(
      `${pass} pass: turn of the main thread, longest`,
      1000 * turns.reduce((a, b) => Math.max(a, b)),
      'us',
    );
  }
} finally {
  await store.close();
  await rm(directory, { recursive: true });
}
report(rows);
