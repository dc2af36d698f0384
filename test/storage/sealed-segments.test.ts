import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs, type MemoryFsOperation } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { openPartition } from '../../storage/log/open-partition.ts';
import type { LogPartition } from '../../storage/log/partition.ts';
import { PositionMap } from '../../storage/log/position-map.ts';
import { type QueueRow, QueueTable } from '../../storage/log/queue-table.ts';
import { oneTurn, RowTurns } from '../../storage/log/row-turns.ts';
import { readFooter, readTables } from '../../storage/log/segment.ts';
import {
  decodeRuns,
  decodeSegmentFooter,
  decodeSegmentTables,
  encodeSegmentTail,
  segmentFooterBytes,
} from '../../storage/log/segment-footer.ts';
import { decodeSegmentHeader } from '../../storage/log/segment-format.ts';
import { flip, readFile } from './segments.ts';

const directory = '/log';
const serverId = '00112233445566778899aabbccddeeff';

async function open(fs: MemoryFs, clock = new ManualClock(1_000_000)): Promise<LogPartition> {
  await fs.makeDirectory(directory);
  const options = { fs, clock, directory, serverId, segmentBytes: 4000, strideBytes: 1000 };
  const log = await openPartition({ ...options, partition: 0 });
  log.maintain();
  return log;
}

/** One entry per commit, 564 bytes each; `count` messages; queues 0 and 1 in turn. */
async function fill(log: LogPartition, entries: number, clock: ManualClock): Promise<void> {
  const ends = [0, 0];
  for (let i = 0; i < entries; i++) {
    clock.advance(10);
    const queueId = i % 2;
    const count = 1 + (i % 3);
    const baseOffset = ends[queueId]!;
    ends[queueId] = baseOffset + count;
    const body = new Uint8Array(500).fill(i);
    const entry = { topicId: 7, queueId, count, body, kind: 1 as const };
    const request = { ...entry, firstIdHash: 0, tagHash: 0 };
    await log.durable(log.append(request, baseOffset, clock.nowMs()));
  }
}

async function paths(fs: MemoryFs): Promise<string[]> {
  return (await fs.list(directory)).map((name) => `${directory}/${name}`);
}

async function footerOf(fs: MemoryFs, path: string) {
  const bytes = await readFile(fs, path);
  const header = decodeSegmentHeader(bytes.subarray(0, 64), path)!;
  const file = await fs.open(path, 'read');
  return { bytes, header, file, footer: await readFooter(file, header) };
}

/** The row as an object of its own. */
function fieldsOf(row: QueueRow): QueueRow {
  const { topicId, queueId, firstOffset, endOffset, bytes, entries, messages } = row;
  const { lowTimeMs, highTimeMs, expiredOffset, compactedOffset } = row;
  const offsets = { firstOffset, endOffset, expiredOffset, compactedOffset };
  return { topicId, queueId, ...offsets, bytes, entries, messages, lowTimeMs, highTimeMs };
}

/** Waits until all segments but the last have their footers. */
async function sealed(fs: MemoryFs): Promise<string[]> {
  for (let turn = 0; ; turn++) {
    const all = await paths(fs);
    const footers = await Promise.all(all.slice(0, -1).map((path) => footerOf(fs, path)));
    if (footers.every(({ footer }) => footer !== undefined)) return all;
    if (turn > 1000) throw new Error('a segment stays unsealed');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('tables of many queues are made and read in turns, as they would be at once', async () => {
  const random = new SeededRandom(3);
  const table = new QueueTable();
  for (let i = 0; i < 6000; i++) {
    const place = { topicId: random.below(40), queueId: random.below(100) };
    const baseOffset = random.below(50);
    table.add({
      ...{ ...place, baseOffset, count: 1 + random.below(5), length: 70 + random.below(9) },
      ...{ kind: 1, storeTimeMs: 1000 + i, commit: 1, commitDistance: 0 },
      ...{ firstIdHash: 0, tagHash: 0, isThinned: false },
    });
  }
  let turnsTaken = 0;
  const inTurns = () => new RowTurns(async () => void turnsTaken++, 100);
  const queues = await table.rows(inTurns());
  expect(queues).toEqual(await table.rows(oneTurn));
  expect(turnsTaken).toBeGreaterThan(queues.length / 110);
  const map = new PositionMap(Float64Array.of(5, 64, 900, 400), 5000);
  const header = {
    ...{ serverId, partition: 0, sequence: 1, start: 5, firstCommit: 1, generation: 1 },
  };
  const content = { header, end: 9000, map, queues, lastCommit: 7, entriesCrc: 12345 };
  const tail = await encodeSegmentTail(content, inTurns());
  expect(tail).toEqual(await encodeSegmentTail(content, oneTurn));
  const tables = tail.subarray(0, -segmentFooterBytes);
  const footer = decodeSegmentFooter(tail.subarray(-segmentFooterBytes), header, 1e9)!;
  expect(footer.tablesCrc).toBe(crc32(tables) >>> 0);
  expect(footer.contentCrc).toBe(crc32(tables, 12345) >>> 0);
  const sum = (field: 'entries' | 'messages') => queues.reduce((all, row) => all + row[field], 0);
  expect(footer).toMatchObject({ entries: 6000, messages: sum('messages'), lowTimeMs: 1000 });
  expect(sum('entries')).toBe(6000);
  const decoded = await decodeSegmentTables(tables, footer, inTurns());
  expect(decoded!.map).toEqual(map);
  expect(decodeRuns(tables, footer)).toEqual(map);
  expect(decoded!.queues.map(fieldsOf)).toEqual(queues);
  for (const at of [3, 40, tables.length - 1]) {
    const flipped = Buffer.from(tables);
    flipped[at]! ^= 1;
    expect(await decodeSegmentTables(flipped, footer, inTurns())).toBeUndefined();
    expect(decodeRuns(flipped, footer)).toBeUndefined();
  }
});

describe('a segment that takes no more writes', () => {
  test('ends with its tables and a footer that vouch for all of it', async () => {
    const fs = new MemoryFs();
    const clock = new ManualClock(1_000_000);
    const log = await open(fs, clock);
    await fill(log, 20, clock);
    const all = await sealed(fs);
    expect(all.length).toBe(4);
    let start = 0;
    let entries = 0;
    for (const path of all.slice(0, -1)) {
      const { bytes, file, footer } = await footerOf(fs, path);
      const content = bytes.subarray(0, bytes.length - segmentFooterBytes);
      expect(footer!.contentCrc).toBe(crc32(content) >>> 0);
      expect(footer).toMatchObject({ start, end: start + footer!.entries * 564 });
      expect(footer!.lowTimeMs).toBe(1_000_000 + 10 * (entries + 1));
      entries += footer!.entries;
      expect(footer!.highTimeMs).toBe(1_000_000 + 10 * entries);
      expect(footer!.lastCommit).toBe(entries);
      expect(footer!.entriesEnd).toBe(64 + footer!.end - start);
      const { map, queues } = await readTables(file, footer!, oneTurn);
      expect(map).toEqual(PositionMap.whole(start, footer!.end));
      expect(queues.map(({ queueId }) => queueId)).toEqual([0, 1]);
      expect(queues.reduce((sum, row) => sum + row.messages, 0)).toBe(footer!.messages);
      expect(queues.reduce((sum, row) => sum + row.bytes, 0)).toBe(footer!.entries * 564);
      start = footer!.end;
    }
    const [, second] = all;
    const { file, footer } = await footerOf(fs, second!);
    const [row] = (await readTables(file, footer!, oneTurn)).queues;
    // Entries 6 to 11; queue 0 has 6, 8, 10, with 1, 3, 2 messages.
    expect(fieldsOf(row!)).toEqual({
      ...{ topicId: 7, queueId: 0, firstOffset: 6, endOffset: 12, messages: 6, entries: 3 },
      ...{
        bytes: 3 * 564,
        lowTimeMs: 1_000_070,
        highTimeMs: 1_000_110,
        expiredOffset: 0,
        compactedOffset: 0,
      },
    });
    await log.close();
  });

  test('gets its footer at the next start when the server died before', async () => {
    const killed: MemoryFs[] = [];
    const onOperation = (_: number, operation: MemoryFsOperation, path: string) => {
      if (path.includes('/0000000001-')) sealing ||= operation === 'truncate';
      if (sealing) killed.push(fs.killClone());
    };
    let sealing = false;
    const fs: MemoryFs = new MemoryFs({ onOperation });
    const clock = new ManualClock();
    const log = await open(fs, clock);
    await fill(log, 8, clock);
    const [first] = await sealed(fs);
    await log.close();
    expect(killed.length).toBeGreaterThan(2);
    expect((await footerOf(killed[0]!, first!)).footer).toBeUndefined();
    for (const disk of killed) {
      const again = await open(disk);
      await sealed(disk);
      expect(await readFile(disk, first!)).toEqual(await readFile(fs, first!));
      await again.close();
    }
  });

  test('gets a new footer when its own is damaged, and none when an entry is', async () => {
    const fs = new MemoryFs();
    const clock = new ManualClock();
    const log = await open(fs, clock);
    await fill(log, 8, clock);
    const [first] = await sealed(fs);
    await log.close();
    const whole = await readFile(fs, first!);
    for (const back of [1, 30, 100, 120]) {
      await flip(fs, first!, whole.length - back);
      const again = await open(fs);
      await sealed(fs);
      await again.close();
      expect(await readFile(fs, first!)).toEqual(whole);
    }
    await flip(fs, first!, whole.length - 20);
    await flip(fs, first!, 64 + 100);
    const damaged = await readFile(fs, first!);
    const again = await open(fs);
    await fill(again, 8, clock);
    await expect(again.read(0, 564)).rejects.toMatchObject({ code: 'CORRUPTION' });
    await again.close();
    expect(await readFile(fs, first!)).toEqual(damaged);
  });

  test('tells that the one after it is missing', async () => {
    const fs = new MemoryFs();
    const clock = new ManualClock();
    const log = await open(fs, clock);
    await fill(log, 8, clock);
    const [, last] = await sealed(fs);
    await log.close();
    await fs.unlink(last!);
    await expect(open(fs)).rejects.toThrow('must follow it, and is missing');
  });
});

test('a footer with any bit changed, or of another segment, is none', async () => {
  const fs = new MemoryFs();
  const clock = new ManualClock();
  const log = await open(fs, clock);
  await fill(log, 8, clock);
  const [first] = await sealed(fs);
  await log.close();
  const { bytes, header } = await footerOf(fs, first!);
  const footer = bytes.subarray(bytes.length - segmentFooterBytes);
  expect(decodeSegmentFooter(footer, header, bytes.length)).toBeDefined();
  const other = { ...header, start: 564 };
  expect(decodeSegmentFooter(footer, other, bytes.length)).toBeUndefined();
  expect(decodeSegmentFooter(footer, header, 500)).toBeUndefined();
  for (let bit = 0; bit < 8 * footer.length; bit++) {
    const damaged = Buffer.from(footer);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeSegmentFooter(damaged, header, bytes.length)).toBeUndefined();
  }
});

describe('a position map', () => {
  test('of a cleaned segment knows what is gone and where the rest has moved', () => {
    // Entries at 100-149 and 150-199 stay, 200-299 is gone, 300-399 stays, 400-499 is gone.
    const map = new PositionMap(Float64Array.of(100, 64, 300, 164), 264);
    expect(map.offsetOf(150)).toBe(114);
    expect(map.offsetOf(200)).toBeUndefined();
    expect(map.offsetOf(50)).toBeUndefined();
    expect(map.offsetOf(300)).toBe(164);
    expect(map.offsetOf(400)).toBeUndefined();
    expect([50, 100, 150, 200, 250, 300, 400].map((at) => map.offsetFrom(at))).toEqual([
      64, 64, 114, 164, 164, 164, 264,
    ]);
    expect([64, 114, 164].map((at) => map.positionOf(at))).toEqual([100, 150, 300]);
    const empty = new PositionMap(new Float64Array(0), 64);
    expect([empty.offsetOf(5), empty.offsetFrom(5)]).toEqual([undefined, 64]);
  });
});
