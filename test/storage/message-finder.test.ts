import { expect, test } from 'vitest';
import type { FileHandle, OpenMode } from '../../platform/fs.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { findMessages } from '../../storage/log/message-finder.ts';
import { openPartition } from '../../storage/log/open-partition.ts';
import type { LogPartition } from '../../storage/log/partition.ts';
import type { Entry, MessageNames } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';

const directory = '/log';
const serverId = '00112233445566778899aabbccddeeff';

/** Counts what is read. */
class CountingFs extends MemoryFs {
  readBytes = 0;

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = async (target, position) => {
      const count = await read(target, position);
      this.readBytes += count;
      return count;
    };
    return file;
  }
}

/** Message i of the entry n has the id `n.i` and the key `k<n % 7>`; n is in the body. */
function namesOf({ body, count }: Entry): MessageNames[] {
  const n = Buffer.from(body).readUInt32LE(0);
  return Array.from({ length: count }, (_, i) => ({ id: `${n}.${i}`, keys: [`k${n % 7}`] }));
}

async function open(fs: MemoryFs, segmentBytes: number, keyRowsInMemory = 1000) {
  await fs.makeDirectory(directory);
  const options = { fs, clock: new ManualClock(), directory, serverId, segmentBytes, namesOf };
  const sizes = { strideBytes: segmentBytes / 2, partition: 0, keyRowsInMemory };
  const log = await openPartition({ ...options, ...sizes });
  log.maintain();
  return log;
}

async function append(log: LogPartition, from: number, to: number, bodyBytes: number) {
  for (let n = from; n < to; n++) {
    const body = Buffer.alloc(bodyBytes);
    body.writeUInt32LE(n);
    const names = { topicId: 1, queueId: 0, kind: 1 as const, count: 3 };
    await log.durable(log.append({ ...names, body, firstIdHash: 0, tagHash: 0 }, 3 * n, n));
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function find(
  fs: MemoryFs,
  log: LogPartition,
  kind: 'id' | 'key',
  name: string,
  max: number,
) {
  const found = await findMessages(fs, log, namesOf, { topicId: 1, kind, name }, max);
  return found.map(({ entry, index }) => `${Buffer.from(entry.body).readUInt32LE(0)}.${index}`);
}

test(`key files that were sorted in parts find what whole ones find (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  for (const rowsInMemory of [1, 20, 100_000]) {
    const fs = new CountingFs();
    const log = await open(fs, 6000, rowsInMemory);
    const entries = 120;
    await append(log, 0, entries, 80);
    await settle();
    const files = await fs.list(directory);
    expect(files.filter((name) => name.endsWith('.keys')).length).toBe(log.segments.length - 1);
    expect(files.filter((name) => name.endsWith('.new'))).toEqual([]);
    const all = Array.from({ length: entries }, (_, n) => [2, 1, 0].map((i) => `${n}.${i}`));
    for (let i = 0; i < 40; i++) {
      const n = random.below(entries + 5);
      const wanted = n < entries ? [`${n}.1`] : [];
      expect(await find(fs, log, 'id', `${n}.1`, 10)).toEqual(wanted);
      const max = 1 + random.below(60);
      const withKey = all
        .filter((_, other) => other % 7 === n % 7)
        .toReversed()
        .flat();
      expect(await find(fs, log, 'key', `k${n % 7}`, max)).toEqual(withKey.slice(0, max));
    }
    await log.close();
  }
});

test('what was found ends the search: the rest of the log is not read', async () => {
  const fs = new CountingFs();
  const log = await open(fs, 16_000_000);
  await append(log, 0, 300, 20_000);
  fs.readBytes = 0;
  expect(await find(fs, log, 'id', '299.2', 1)).toEqual(['299.2']);
  expect(await find(fs, log, 'key', 'k5', 4)).toEqual(['299.2', '299.1', '299.0', '292.2']);
  // 6 MB are in the segment, which has no key file yet.
  expect(fs.readBytes).toBeLessThan(4_000_000);
  fs.readBytes = 0;
  expect(await find(fs, log, 'id', '0.0', 1)).toEqual(['0.0']);
  expect(fs.readBytes).toBeGreaterThan(6_000_000);

  await log.roll();
  await settle();
  fs.readBytes = 0;
  expect(await find(fs, log, 'key', 'k5', 2)).toEqual(['299.2', '299.1']);
  expect(fs.readBytes).toBeLessThan(100_000);
  await log.close();
});
