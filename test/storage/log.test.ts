import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import {
  decodeEntry,
  decodeHeader,
  encodeEntry,
  entryHeaderBytes,
} from '../../storage/log/entry-format.ts';
import { openPartition } from '../../storage/log/open-partition.ts';
import type { LogPartition, ScannedEntry } from '../../storage/log/partition.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentFileName,
  segmentFileName,
  segmentHeaderBytes,
} from '../../storage/log/segment-format.ts';
import { SyncEntryReader } from '../../storage/log/sync-entry-reader.ts';
import { type Appended, entryKinds } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';

const serverId = '00112233445566778899aabbccddeeff';
const directory = '/log';

const request = {
  topicId: 0xfffffffe,
  queueId: 7,
  kind: entryKinds.rows,
  count: 65_536,
  body: Buffer.from('a body'),
  firstIdHash: -1,
  tagHash: 0xfedcba98,
};
const stamp = { commit: 2 ** 40, commitDistance: 12, baseOffset: 2 ** 52 + 1, storeTimeMs: 1.7e12 };

const viewOf = ({ buffer, byteOffset, length }: Buffer) => new DataView(buffer, byteOffset, length);

describe('formats', () => {
  test('an entry survives, at any place in a buffer', () => {
    const bytes = Buffer.alloc(200, 0xee);
    const length = encodeEntry(bytes, viewOf(bytes), 50, request, stamp);
    expect(length).toBe(entryHeaderBytes + 6);
    expect(decodeHeader(bytes, 50)).toEqual({
      ...{ kind: 3, topicId: 0xfffffffe, queueId: 7, count: 65_536, length, ...stamp },
      ...{ firstIdHash: 0xffffffff, tagHash: 0xfedcba98, isThinned: false },
    });
    const entry = decodeEntry(bytes, 50, 3, 1000)!;
    expect(entry).toMatchObject({ partition: 3, position: 1000, baseOffset: 2 ** 52 + 1, length });
    expect(Buffer.from(entry.body).toString()).toBe('a body');
  });

  test('an entry with any bit changed, or cut anywhere, is none', () => {
    const bytes = Buffer.alloc(entryHeaderBytes + 6);
    const length = encodeEntry(bytes, viewOf(bytes), 0, request, stamp);
    for (let bit = 0; bit < 8 * length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeHeader(bytes, 0), `bit ${bit}`).toBeUndefined();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    for (let end = 0; end < length; end++) {
      expect(decodeHeader(bytes.subarray(0, end), 0)).toBeUndefined();
    }
    expect(decodeHeader(bytes, 0)).toBeDefined();
  });

  test('a segment header survives; a damaged one is none, an unknown version is named', () => {
    const header = {
      ...{ sequence: 12, start: 2 ** 45, partition: 3, firstCommit: 99, serverId },
      generation: 7,
    };
    const bytes = encodeSegmentHeader(header);
    expect(decodeSegmentHeader(bytes, 'f')).toEqual(header);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const isVersion = bit >> 4 === 4;
      if (isVersion) expect(() => decodeSegmentHeader(damaged, 'f')).toThrow('format version');
      else expect(decodeSegmentHeader(damaged, 'f')).toBeUndefined();
    }
    const name = segmentFileName(header);
    expect(name).toBe('0000000012-00000035184372088832.seg');
    expect(parseSegmentFileName(name)).toEqual({ sequence: 12, start: 2 ** 45 });
    expect(parseSegmentFileName('12-3.seg')).toBeUndefined();
  });
});

function open(fs: MemoryFs, segmentBytes = 1_000_000, strideBytes = 10_000) {
  const clock = new ManualClock();
  return openPartition({
    ...{ fs, clock, directory, serverId, segmentBytes, strideBytes },
    partition: 0,
  });
}

function small(body: Uint8Array, baseOffset: number): Parameters<LogPartition['append']> {
  return [{ ...request, topicId: 1, count: 1, body }, baseOffset, 1.7e12];
}

describe(`a partition (seed ${seed})`, () => {
  test('reads, scans and reads on another thread what was appended, over many segments', async () => {
    const fs = new MemoryFs();
    await fs.makeDirectory(directory);
    const random = new SeededRandom(seed);
    const log = await open(fs, 30_000);
    const bodies: Uint8Array[] = [];
    const placed: Appended[] = [];
    for (let round = 0; round < 40; round++) {
      const durables: Promise<void>[] = [];
      for (let i = 0; i <= random.below(6); i++) {
        const size = random.below(20) === 0 ? 40_000 : random.below(3000);
        const body = random.bytes(size);
        const appended = log.append(...small(body, bodies.length));
        bodies.push(body.slice());
        placed.push(appended);
        durables.push(log.durable(undefined));
      }
      await Promise.all(durables);
    }
    const check = async (reader: typeof log) => {
      for (const [i, { position, length }] of placed.entries()) {
        const entry = await reader.read(position, length);
        expect(entry!.baseOffset).toBe(i);
        expect(Buffer.compare(entry!.body, bodies[i]!)).toBe(0);
      }
      const scanned: ScannedEntry[] = [];
      expect(await reader.scan(0, (entry) => scanned.push(entry))).toBe(log.durableEnd);
      expect(scanned.map(({ position }) => position)).toEqual(placed.map((at) => at.position));
      expect(scanned[0]!.tagHash).toBe(0xfedcba98);
      // In pieces, each stopping after the entry that reaches the bound.
      const pieces: number[] = [];
      for (let at = 0; at < log.durableEnd; ) {
        at = await reader.scan(at, ({ baseOffset }) => pieces.push(baseOffset), at + 5000);
      }
      expect(pieces).toEqual(bodies.map((_, i) => i));
    };
    await check(log);
    const reader = new SyncEntryReader(fs, directory, 0);
    for (const [i, { position, length }] of placed.entries()) {
      const [entry] = reader.readRange(position, position + length);
      expect(Buffer.compare(entry!.body, bodies[i]!)).toBe(0);
    }
    // One range over all segments, and one that was cut short.
    const all = reader.readRange(0, log.durableEnd);
    expect(all.map(({ position }) => position)).toEqual(placed.map((at) => at.position));
    expect(() => reader.readRange(0, log.durableEnd - 1)).toThrow('fails its check');
    await reader.close();
    expect((await fs.list(directory)).length).toBeGreaterThan(3);
    await log.close();
    const again = await open(fs);
    expect(again.durableEnd).toBe(log.durableEnd);
    await check(again);
    await again.close();
  });

  test('a range names the entry that is damaged among intact ones', async () => {
    const fs = new MemoryFs();
    const log = await open(fs);
    const placed = Array.from({ length: 9 }, (_, i) => log.append(...small(Buffer.of(i), i)));
    await log.durable(undefined);
    const [name] = await fs.list(directory);
    const file = await fs.open(`${directory}/${name}`, 'write');
    const at = segmentHeaderBytes + placed[5]!.position + entryHeaderBytes;
    await file.write(Buffer.of(99), at);
    const reader = new SyncEntryReader(fs, directory, 0);
    const message = `the entry at position ${placed[5]!.position} fails its check`;
    expect(() => reader.readRange(0, log.durableEnd)).toThrow(message);
    expect(reader.readRange(0, placed[5]!.position).length).toBe(5);
    await reader.close();
    await file.close();
    await log.close();
  });

  test('one commit carries what was appended together, the next what came meanwhile', async () => {
    const fs = new MemoryFs();
    const log = await open(fs);
    const commits: number[] = [];
    log.onCommit((end) => commits.push(end));
    const durables = Array.from({ length: 1000 }, (_, i) =>
      log.durable(log.append(...small(Buffer.of(1), i))),
    );
    expect(log.durableEnd).toBe(0);
    await Promise.all(durables);
    expect(log.stats).toMatchObject({ appends: 1000, appendedBytes: 65_000, groupCommits: 1 });
    expect(commits).toEqual([65_000]);
    await log.close();
  });

  test('commits keep their order while zeros are written ahead', async () => {
    const fs = new MemoryFs();
    const log = await open(fs, 50_000_000, 4_000_000);
    const bodies = [10, 3_000_000, 10, 5_000_000, 10].map((size, i) => Buffer.alloc(size, i + 1));
    const placed: Appended[] = [];
    for (const [i, body] of bodies.entries()) {
      const appended = log.append(...small(body, i));
      placed.push(appended);
      await log.durable(undefined);
    }
    await log.close();
    const again = await open(fs);
    for (const [i, { position, length }] of placed.entries()) {
      expect(Buffer.compare((await again.read(position, length))!.body, bodies[i]!)).toBe(0);
    }
    await again.close();
  });

  test('refuses what is too large, and everything when the disk is nearly full', async () => {
    const fs = new MemoryFs();
    const clock = new ManualClock();
    const log = await openPartition({ fs, clock, directory, partition: 0, serverId });
    const tooLarge = small(new Uint8Array(limits.entryBytesMax + 1), 0);
    expect(() => log.append(...tooLarge)).toThrow('the limit is 33554432');
    fs.free = limits.diskReserveBytes - 1;
    clock.advance(2000);
    await log.durable(log.append(...small(Buffer.of(1), 0)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => log.append(...small(Buffer.of(2), 1))).toThrow('bytes are free');
    const { placed } = { placed: { position: 0, length: 65 } };
    expect((await log.read(placed.position, placed.length))!.body[0]).toBe(1);
    fs.free = limits.diskReserveBytes;
    clock.advance(2000);
    expect(() => log.append(...small(Buffer.of(2), 1))).toThrow('bytes are free');
    await new Promise((resolve) => setImmediate(resolve));
    await log.durable(log.append(...small(Buffer.of(2), 1)));
    await log.close();
    fs.free = 0;
    const full = await open(fs);
    expect(() => full.append(...small(Buffer.of(2), 1))).toThrow('bytes are free');
    await full.close();
  });

  test('a roll that is asked while the commit before it fails does not hang', async () => {
    let log: LogPartition | undefined;
    let isFailing = false;
    const rolls: Promise<void>[] = [];
    const fs = new MemoryFs({
      onOperation: (_, operation) => {
        if (!isFailing || operation !== 'write') return;
        rolls.push(log!.roll());
        throw new MillraceError('DISK_FULL', 'injected');
      },
    });
    log = await open(fs);
    await log.durable(log.append(...small(Buffer.of(1), 0)));
    isFailing = true;
    const failing = log.durable(log.append(...small(Buffer.of(2), 1)));
    await expect(failing).rejects.toMatchObject({ code: 'DISK_FULL' });
    isFailing = false;
    // Nothing else comes that would make it.
    expect(rolls.length).toBeGreaterThan(0);
    await Promise.allSettled(rolls);
    await log.close();
  });

  test('a slab that was begun is not kept waiting by an append that may wait', async () => {
    const fs = new MemoryFs();
    const log = await open(fs);
    // The clock stands still: an interval never ends.
    const full = log.durable(log.append(...small(Buffer.alloc(300_000), 0)));
    const [entry, baseOffset, timeMs] = small(Buffer.of(2), 1);
    log.append(entry, baseOffset, timeMs, true);
    await full;
    await log.close();
  });
});
