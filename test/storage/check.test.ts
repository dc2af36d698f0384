import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { type DumpFilter, dumpLog } from '../../storage/check/dump.ts';
import {
  type Finding,
  isDamage,
  type PositionRange,
  parseRange,
  rangeText,
} from '../../storage/check/findings.ts';
import { type RepairReport, repairLog } from '../../storage/check/repair.ts';
import { type VerifyReport, verifyLog } from '../../storage/check/verify.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { entryHeaderBytes } from '../../storage/log/entry-format.ts';
import { segmentHeaderBytes } from '../../storage/log/segment-format.ts';
import { openStore } from '../../storage/open-store.ts';
import { appliedKey, blockKey, encodeNumbers } from '../../storage/queues/index-format.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Store } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';
import { History } from './history.ts';
import { flip, readFile, segmentPaths, writeFile } from './segments.ts';

const small = { directory: '/data', segmentBytes: 4096, strideBytes: 1024 };

interface World {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  readonly history: History;
}

function options({ fs, kv }: World) {
  return { fs, kv, clock: new ManualClock(), random: new SeededRandom(7), ...small };
}

/** A closed store of several segments, all but the last sealed, and several queues. */
async function written(segmentBytes = small.segmentBytes): Promise<World> {
  const world = { fs: new MemoryFs(), kv: new MemoryKv(), history: new History() };
  const random = new SeededRandom(seed);
  const store = await openStore({ ...options(world), segmentBytes });
  for (let i = 0; i < 20; i++) {
    await Promise.all([world.history.send(store, random), world.history.send(store, random)]);
  }
  // Sealing goes on in the background, in turns of the event loop.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  await store.close();
  return world;
}

/** Names and contents of the directory's files. */
async function bytesOf(fs: MemoryFs): Promise<string[]> {
  const paths = ['/data/identity', ...(await segmentPaths(fs))];
  return Promise.all(paths.map(async (path) => `${path} ${crc32(await readFile(fs, path))}`));
}

function damageOf({ findings }: VerifyReport): readonly Finding[] {
  return findings.filter(isDamage);
}

function repair(
  world: World,
  rebuildIndex = false,
  skip: readonly PositionRange[] = [],
): Promise<RepairReport> {
  return repairLog({ ...options(world), rebuildIndex, skip });
}

/** Everything that was acknowledged is there. */
async function expectWhole(world: World): Promise<void> {
  const store = await openStore(options(world));
  await world.history.check(store);
  await store.close();
}

describe(`verify (seed ${seed})`, () => {
  test('a sound log', async () => {
    const world = await written();
    const report = await verifyLog(options(world));
    expect(report.findings).toEqual([]);
    const [partition] = report.partitions;
    const messages = world.history.sent.reduce((sum, { count }) => sum + count, 0);
    expect(partition).toMatchObject({ partition: 0, entries: 40, messages, queues: 4, start: 0 });
    expect(partition!.segments).toBeGreaterThan(2);
    expect(partition!.indexedTo).toBe(partition!.end);
  });

  test('one in which a queue went to another partition and came back', async () => {
    const world = { fs: new MemoryFs(), kv: new MemoryKv(), history: new History() };
    const whole = { ...options(world), dataDirectories: new Map([[1, '/disk1']]) };
    const store = await openStore(whole);
    for (const partition of [0, 1, 0, 1]) {
      await store.moveQueues(1, [0], partition);
      const one = { topicId: 1, queueId: 0, kind: 1, count: 1, body: Buffer.alloc(8) } as const;
      for (let i = 0; i < 3; i++) await store.append({ ...one, firstIdHash: 0, tagHash: 0 });
    }
    await store.close();
    expect((await verifyLog(whole)).findings).toEqual([]);
  });

  test('an empty one, and none at all', async () => {
    const world = { fs: new MemoryFs(), kv: new MemoryKv(), history: new History() };
    await expect(verifyLog(options(world))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await (await openStore(options(world))).close();
    const report = await verifyLog(options(world));
    expect(report.findings).toEqual([]);
    expect(report.partitions).toMatchObject([{ segments: 0, entries: 0, end: 0 }]);
  });

  test('finds a flipped bit anywhere in the stream, and names the place', async () => {
    const world = await written();
    const paths = await segmentPaths(world.fs);
    const { partitions } = await verifyLog(options(world));
    for (const [i, path] of paths.entries()) {
      const start = Number(path.slice(-24, -4));
      const end = i + 1 < paths.length ? Number(paths[i + 1]!.slice(-24, -4)) : partitions[0]!.end;
      const size = (await readFile(world.fs, path)).length;
      const entriesEnd = segmentHeaderBytes + end - start;
      // Behind the entries of a sealed segment lie its tables and its footer.
      const until = i + 1 < paths.length ? size : entriesEnd;
      for (let at = 0; at < until; at += 29) {
        await flip(world.fs, path, at);
        const before = await bytesOf(world.fs);
        const { findings } = await verifyLog(options(world)).catch((error) => {
          expect(error).toMatchObject({ code: 'FORMAT_VERSION' });
          return { findings: undefined };
        });
        if (findings !== undefined) {
          const position = start + at - segmentHeaderBytes;
          const place = findings.find((finding) =>
            at < segmentHeaderBytes || at >= entriesEnd
              ? ['unsealed', 'segment'].includes(finding.kind) && finding.path === path
              : finding.range !== undefined &&
                finding.range.from <= position &&
                finding.range.to > position,
          );
          expect(place, `byte ${at} of ${path}: ${JSON.stringify(findings)}`).toBeDefined();
        }
        expect(await bytesOf(world.fs)).toEqual(before);
        await flip(world.fs, path, at);
      }
    }
  });

  test('a missing segment, a short one, and one too many', async () => {
    for (const harm of ['missing', 'short'] as const) {
      const world = await written();
      const [, second, third] = await segmentPaths(world.fs);
      const from = Number(second!.slice(-24, -4));
      const to = Number(third!.slice(-24, -4));
      if (harm === 'missing') await world.fs.unlink(second!);
      else await (await world.fs.open(second!, 'write')).truncate(segmentHeaderBytes);
      const damage = damageOf(await verifyLog(options(world)));
      // What lies behind the first segment's end may be zeros written ahead.
      const gaps = damage.filter(({ kind }) => kind === 'missing' || kind === 'entries');
      expect(gaps.at(0)!.range!.from).toBe(from);
      expect(gaps.at(-1)!.range!.to).toBe(to);
      expect(damage.some(({ kind }) => kind === 'offsets')).toBe(true);
    }
    const world = await written();
    await writeFile(world.fs, '/data/log/p0/notes.txt', Buffer.from('x'));
    expect(damageOf(await verifyLog(options(world)))).toMatchObject([
      { kind: 'segment', path: '/data/log/p0/notes.txt' },
    ]);
  });

  test('what the index says differently', async () => {
    const world = await written();
    const { topicId, queueId } = world.history.sent[0]!;
    const key = blockKey(topicId, queueId, 0);
    // Position, time, count, length and tag of the block's first entry (index-format.ts).
    for (const at of [16, 24, 36, 40, 44]) {
      const changed = { ...world, kv: world.kv.clone() };
      const kv = await changed.kv.open('/data/index');
      const block = Buffer.from((await kv.get(key))!);
      block[at]! ^= 1;
      await kv.write([{ key, value: block }]);
      await kv.close();
      const damage = damageOf(await verifyLog(options(changed)));
      expect(damage.map(({ kind }) => kind)).toContain('index');
    }
  });

  test('refuses a directory that a server holds', async () => {
    const world = await written();
    const store = await openStore(options(world));
    const locked = { code: 'DIRECTORY_LOCKED' };
    await expect(verifyLog(options(world))).rejects.toMatchObject(locked);
    await expect(repair(world)).rejects.toMatchObject(locked);
    await expect(dumped(world, {})).rejects.toMatchObject(locked);
    await store.close();
  });
});

describe('repair', () => {
  test('has nothing to do for a sound log', async () => {
    const world = await written();
    const before = await bytesOf(world.fs);
    expect(await repair(world)).toMatchObject({ actions: [], after: { findings: [] } });
    expect(await bytesOf(world.fs)).toEqual(before);
  });

  test('cuts a torn tail and removes an interrupted segment', async () => {
    const world = await written();
    const { partitions } = await verifyLog(options(world));
    const last = (await segmentPaths(world.fs)).at(-1)!;
    const at = segmentHeaderBytes + partitions[0]!.end - Number(last.slice(-24, -4));
    await writeFile(world.fs, last, Buffer.from('MLRE torn'), at);
    const end = String(partitions[0]!.end).padStart(20, '0');
    await writeFile(world.fs, `/data/log/p0/0000000099-${end}.seg`, Buffer.from('MILL'));
    const before = await verifyLog(options(world));
    expect(before.findings.map(({ kind }) => kind).toSorted()).toEqual([
      'interrupted-segment',
      'torn-tail',
    ]);
    const report = await repair(world);
    expect(report.actions).toHaveLength(2);
    expect(report.after.findings).toEqual([]);
    await expectWhole(world);
  });

  test('builds the index again when it is lost, behind, wrong, or when told to', async () => {
    for (const harm of ['lost', 'behind', 'wrong', 'none'] as const) {
      const world = await written();
      if (harm === 'lost') world.kv.destroy('/data/index');
      const kv = await world.kv.open('/data/index');
      if (harm === 'behind') await kv.write([{ key: appliedKey(0), value: encodeNumbers(0) }]);
      if (harm === 'wrong') {
        const { topicId, queueId } = world.history.sent[0]!;
        await kv.write([{ key: blockKey(topicId, queueId, 0), value: undefined }]);
      }
      await kv.close();
      const report = await repair(world, harm === 'none');
      expect(report.actions.length, harm).toBeGreaterThan(0);
      expect(report.after.findings, harm).toEqual([]);
      await expectWhole(world);
    }
  });

  test('all partitions, and refuses while one that the index knows is not given', async () => {
    const world = { fs: new MemoryFs(), kv: new MemoryKv(), history: new History() };
    const whole = { ...options(world), dataDirectories: new Map([[1, '/disk1']]) };
    const one = { topicId: 1, queueId: 0, kind: 1, count: 1, body: Buffer.alloc(8) } as const;
    const store = await openStore(whole);
    await store.append({ ...one, firstIdHash: 0, tagHash: 0 });
    await store.moveQueues(1, [0], 1);
    const { position } = await store.append({ ...one, firstIdHash: 0, tagHash: 0 });
    await store.close();

    const flags = { rebuildIndex: true, skip: [] };
    const refusal = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('p1') };
    await expect(verifyLog(options(world))).rejects.toMatchObject(refusal);
    await expect(repairLog({ ...options(world), ...flags })).rejects.toMatchObject(refusal);
    const { partitions, findings } = await verifyLog(whole);
    expect(findings).toEqual([]);
    expect(partitions).toMatchObject([{ partition: 0 }, { partition: 1, entries: 1 }]);

    const { actions, after } = await repairLog({ ...whole, ...flags });
    expect(actions).toEqual(['built the index from the log again']);
    expect(after.findings).toEqual([]);
    const again = await openStore(whole);
    expect(await again.range(1, 0)).toEqual({ minOffset: 0, maxOffset: 2 });
    await again.close();

    const [path] = await segmentPaths(world.fs, '/disk1/p1');
    await flip(world.fs, path!, segmentHeaderBytes + position + 70);
    const damaged = await verifyLog(whole);
    expect(damaged.findings.map((finding) => finding.path)).toContain(path);
    expect(damageOf(damaged)).not.toEqual([]);
  });

  test('touches nothing when the log is damaged', async () => {
    const world = await written();
    const [first] = await segmentPaths(world.fs);
    await flip(world.fs, first!, 100);
    world.kv.destroy('/data/index');
    const before = await bytesOf(world.fs);
    const report = await repair(world, true);
    expect(report.actions).toEqual([]);
    expect(damageOf(report.after)).not.toEqual([]);
    expect(await bytesOf(world.fs)).toEqual(before);
  });
});

/** Damaged ranges that can be skipped. */
function rangesOf(report: VerifyReport): PositionRange[] {
  return report.findings.flatMap(({ kind, range }) =>
    range !== undefined && (kind === 'entries' || kind === 'missing') ? [range] : [],
  );
}

/** Ids of all entries that can be read through the index; what is gone is left out. */
async function readable(store: Store): Promise<number[]> {
  const ids: number[] = [];
  for (const topicId of [1, 2]) {
    for (const queueId of [0, 1]) {
      const { values, rowCount } = await store.indexRows(topicId, queueId, 0, Infinity);
      for (let row = 0; row < rowCount; row++) {
        const at = row * indexRowWidth;
        const position = values[at + col.position]!;
        const entry = await store.readEntry(0, position, values[at + col.length]!);
        if (entry !== undefined) ids.push(Buffer.from(entry.body).readUInt32LE(0));
      }
    }
  }
  return ids.toSorted((a, b) => a - b);
}

describe('repair --skip', () => {
  test('takes the range out, keeps its bytes, its positions and its offsets', async () => {
    // In a sealed segment, and in the last one.
    for (const where of ['first', 'last'] as const) {
      const world = await written(where === 'first' ? small.segmentBytes : 1_000_000);
      const { acked, sent } = world.history;
      const paths = await segmentPaths(world.fs);
      const path = where === 'first' ? paths[0]! : paths.at(-1)!;
      const start = Number(path.slice(-24, -4));
      const inSegment = [...acked].filter(([, { position }]) =>
        where === 'first' ? position < Number(paths[1]!.slice(-24, -4)) : position >= start,
      );
      const [lost, { position, length }] = inSegment[1]!;
      await flip(world.fs, path, segmentHeaderBytes + position - start + entryHeaderBytes);
      const damaged = await readFile(world.fs, path);
      const ranges = rangesOf(await verifyLog(options(world)));
      expect(ranges).toEqual([{ partition: 0, from: position, to: position + length }]);

      const report = await repair(world, false, ranges);
      expect(report.after.findings.filter(isDamage), where).toEqual([]);
      expect(report.actions[0]).toMatch(/^skipped p0:\d+-\d+ of .*; its bytes are kept in /);
      const kept = await readFile(world.fs, /kept in (.*)$/.exec(report.actions[0]!)![1]!);
      const at = segmentHeaderBytes + position - start;
      expect(Buffer.compare(kept, damaged.subarray(at, at + length))).toBe(0);

      const all = sent.map((_, id) => id);
      for (let round = 0; round < 2; round++) {
        const store = await openStore(options(world));
        expect(await readable(store)).toEqual(all.filter((id) => id !== lost));
        for (const [id, { topicId, queueId, count }] of sent.entries()) {
          // No offset is given twice, not even that of the entry that is gone.
          expect(acked.get(id)!.baseOffset + count).toBeLessThanOrEqual(
            (await store.range(topicId, queueId)).maxOffset,
          );
        }
        await store.close();
      }
      const store = await openStore(options(world));
      const { topicId, queueId } = sent[lost]!;
      const { maxOffset } = await store.range(topicId, queueId);
      const one = { topicId, queueId, kind: 1, count: 1, body: Buffer.alloc(8) } as const;
      const added = await store.append({ ...one, firstIdHash: 0, tagHash: 0 });
      expect(added.baseOffset).toBe(maxOffset);
      await store.close();
      expect((await verifyLog(options(world))).findings.filter(isDamage)).toEqual([]);
    }
  });

  test('of a cleaned segment keeps the bytes that were damaged, not those of the position', async () => {
    const world = await written();
    const { acked } = world.history;
    const [path, second] = await segmentPaths(world.fs);
    const inFirst = [...acked.values()].filter(
      (one) => one.position < Number(second!.slice(-24, -4)),
    );
    // The first skip cleans the segment: what comes after it has moved up.
    const lost = [inFirst[1]!, inFirst[3]!];
    for (const [i, { position, length }] of lost.entries()) {
      const at = segmentHeaderBytes + position - (i === 0 ? 0 : lost[0]!.length);
      await flip(world.fs, path!, at + entryHeaderBytes);
      const damaged = (await readFile(world.fs, path!)).subarray(at, at + length);
      const ranges = rangesOf(await verifyLog(options(world)));
      expect(ranges).toEqual([{ partition: 0, from: position, to: position + length }]);
      const { actions } = await repair(world, false, ranges);
      const kept = await readFile(world.fs, /kept in (.*)$/.exec(actions[0]!)![1]!);
      expect(Buffer.compare(kept, damaged), `skip ${i}`).toBe(0);
    }
  });

  test('refuses a range that the index has not reached: offsets would be given twice', async () => {
    const world = await written();
    const { position, length } = world.history.acked.get(1)!;
    const [path] = await segmentPaths(world.fs);
    await flip(world.fs, path!, segmentHeaderBytes + position + entryHeaderBytes);
    const index = await world.kv.open('/data/index');
    const value = encodeNumbers(position + length - 1, 0, 0, 0);
    await index.write([{ key: appliedKey(0), value }]);
    await index.close();
    const before = await bytesOf(world.fs);
    const range = { partition: 0, from: position, to: position + length };
    await expect(repair(world, false, [range])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(await bytesOf(world.fs)).toEqual(before);
    expect(await world.fs.exists('/data/skipped')).toBe(false);
  });

  test('refuses a range of another partition before it changes anything in the first one', async () => {
    const world = { fs: new MemoryFs(), kv: new MemoryKv(), history: new History() };
    const both = { ...options(world), dataDirectories: new Map([[1, '/disk1']]) };
    const store = await openStore(both);
    await store.moveQueues(1, [1], 1);
    const ranges: PositionRange[] = [];
    for (const queueId of [0, 1]) {
      const one = { topicId: 1, queueId, kind: 1, count: 1, body: Buffer.alloc(50) } as const;
      const { partition, position, length } = await store.append({
        ...{ ...one, firstIdHash: 0, tagHash: 0 },
      });
      await store.append({ ...one, firstIdHash: 0, tagHash: 0 });
      ranges.push({ partition, from: position, to: position + length });
    }
    await store.close();
    const directories = ['/data/log/p0', '/disk1/p1'];
    for (const [i, directory] of directories.entries()) {
      const [path] = await segmentPaths(world.fs, directory);
      await flip(world.fs, path!, segmentHeaderBytes + ranges[i]!.from + entryHeaderBytes);
    }
    const index = await world.kv.open('/data/index');
    await index.write([{ key: appliedKey(1), value: encodeNumbers(1, 0, 0, 0) }]);
    await index.close();
    const [home] = await segmentPaths(world.fs);
    const before = await readFile(world.fs, home!);
    const skipping = repairLog({ ...both, rebuildIndex: false, skip: ranges });
    await expect(skipping).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(Buffer.compare(await readFile(world.fs, home!), before)).toBe(0);
    expect(await world.fs.exists('/data/skipped')).toBe(false);
  });

  test('of the end of the log, when the index had it: without it repair touches nothing', async () => {
    for (const harm of ['flipped', 'cut off'] as const) {
      const world = await written(1_000_000);
      const { acked, sent } = world.history;
      const [lost, { position, length }] = [...acked].reduce((last, one) =>
        one[1].position > last[1].position ? one : last,
      );
      const [path] = await segmentPaths(world.fs);
      const at = segmentHeaderBytes + position;
      if (harm === 'flipped') await flip(world.fs, path!, at + entryHeaderBytes);
      else await (await world.fs.open(path!, 'write')).truncate(at);
      const before = await bytesOf(world.fs);
      const left = await repair(world, true);
      expect(left.actions, harm).toEqual([]);
      expect(await bytesOf(world.fs)).toEqual(before);
      const ranges = rangesOf(left.after);
      expect(ranges).toEqual([{ partition: 0, from: position, to: position + length }]);
      expect((await repair(world, false, ranges)).after.findings.filter(isDamage)).toEqual([]);
      const store = await openStore(options(world));
      const all = sent.map((_, id) => id);
      expect(await readable(store)).toEqual(all.filter((id) => id !== lost));
      const { topicId, queueId, count } = sent[lost]!;
      const { maxOffset } = await store.range(topicId, queueId);
      expect(maxOffset).toBe(acked.get(lost)!.baseOffset + count);
      await store.close();
    }
  });

  test('of a segment that is missing', async () => {
    const world = await written();
    const [, second] = await segmentPaths(world.fs);
    await world.fs.unlink(second!);
    const ranges = rangesOf(await verifyLog(options(world)));
    const report = await repair(world, false, ranges);
    expect(report.after.findings.filter(isDamage)).toEqual([]);
    const store = await openStore(options(world));
    expect((await readable(store)).length).toBeGreaterThan(10);
    await store.close();
  });

  test('wants ranges that are damaged, and all of a segment', async () => {
    const world = await written(1_000_000);
    const [first] = await segmentPaths(world.fs);
    // In the order of the log: of two that were sent together, the one whose queue had to be looked
    // up comes second. Damaged entries that lie side by side would be one range.
    const positions = [...world.history.acked.values()].map(({ position }) => position);
    positions.sort((a, b) => a - b);
    for (const position of [positions[1]!, positions[3]!]) {
      await flip(world.fs, first!, segmentHeaderBytes + position + entryHeaderBytes);
    }
    const ranges = rangesOf(await verifyLog(options(world)));
    expect(ranges).toHaveLength(2);
    const before = await bytesOf(world.fs);
    const wrong = { partition: 0, from: 0, to: 10 };
    for (const skip of [[wrong], [{ ...ranges[0]!, to: ranges[0]!.to + 1 }], [ranges[0]!]]) {
      await expect(repair(world, false, skip)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await bytesOf(world.fs)).toEqual(before);
    }
    expect((await repair(world, false, ranges)).after.findings.filter(isDamage)).toEqual([]);
  });
});

async function dumped(world: World, filter: DumpFilter): Promise<number[]> {
  const ids: number[] = [];
  for await (const item of dumpLog(options(world), filter)) {
    if (item.kind === 'entry') ids.push(item.entry.body.readUInt32LE(0));
  }
  return ids;
}

describe('dump', () => {
  test('gives the entries in the order of the log, whole or by range', async () => {
    const world = await written();
    const { sent, acked } = world.history;
    const position = (id: number) => acked.get(id)!.position;
    const all = sent.map((_, id) => id).sort((a, b) => position(a) - position(b));
    expect(await dumped(world, {})).toEqual(all);
    const part = { fromPosition: position(all[5]!) + 1, toPosition: position(all[9]!) };
    expect(await dumped(world, part)).toEqual(all.slice(5, 9));
    const ofQueue = all.filter((id) => sent[id]!.topicId === 1 && sent[id]!.queueId === 0);
    expect(await dumped(world, { topicId: 1, queueId: 0 })).toEqual(ofQueue);
    const offset = acked.get(ofQueue[2]!)!.baseOffset;
    const one = { topicId: 1, queueId: 0, fromOffset: offset, toOffset: offset + 1 };
    expect(await dumped(world, one)).toEqual([ofQueue[2]]);
    const bySegment: number[] = [];
    const { segments } = (await verifyLog(options(world))).partitions[0]!;
    for (let segment = 1; segment <= segments; segment++) {
      bySegment.push(...(await dumped(world, { segment })));
    }
    expect(bySegment).toEqual(all);
    expect(await dumped(world, { partition: 3 })).toEqual([]);
  });

  test('says what lies between', async () => {
    const world = await written();
    const [first] = await segmentPaths(world.fs);
    await flip(world.fs, first!, 100);
    const kinds: string[] = [];
    for await (const item of dumpLog(options(world), {})) kinds.push(item.kind);
    expect(kinds.filter((kind) => kind === 'finding')).toHaveLength(1);
    expect(kinds[0]).toBe('finding');
    expect(kinds).toHaveLength(40);
  });
});

test('ranges as they are written on the command line', () => {
  const range = { partition: 0, from: 1024, to: 4096 };
  expect(rangeText(range)).toBe('p0:1024-4096');
  expect(parseRange('p0:1024-4096')).toEqual(range);
  for (const text of [
    '',
    'p:1-2',
    'p0:2-2',
    'p0:3-2',
    '0:1-2',
    'p0:1-2x',
    'p0:1-99999999999999999',
  ]) {
    expect(parseRange(text), text).toBeUndefined();
  }
});
