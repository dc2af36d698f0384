import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import type { KvOpener, KvPut, KvStore } from '../../storage/kv/kv-store.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { ConsumeQueues } from '../../storage/queues/consume-queues.ts';
import { col, type IndexRows, indexRow, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { queueNumber } from '../../storage/queues/queue-number.ts';
import { entryKinds, type Store } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';

interface World {
  readonly fs: MemoryFs;
  readonly kv: KvOpener;
  readonly clock: ManualClock;
}

function world(): World & { readonly kv: MemoryKv } {
  return { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
}

function open(parts: World, waitingIndexRowsMax = 100_000): Promise<Store> {
  return openStore({
    ...parts,
    waitingIndexRowsMax,
    random: new SeededRandom(1),
    directory: '/data',
    strideBytes: 4096,
  });
}

const body = Buffer.from('x');
const request = { topicId: 1, queueId: 0, kind: entryKinds.messages, count: 1, body };

function append(store: Store, changes: Partial<typeof request> = {}) {
  return store.append({ ...request, firstIdHash: 0, tagHash: 0, ...changes });
}

/** Lets writes that a timer began go through. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

function column({ rowCount, values }: IndexRows, name: keyof typeof col): number[] {
  return Array.from({ length: rowCount }, (_, row) => values[row * indexRowWidth + col[name]]!);
}

describe(`consume queues (seed ${seed})`, () => {
  test('reads from anywhere, of any length, agree with what was appended', async () => {
    const parts = world();
    const random = new SeededRandom(seed);
    let store = await open(parts);
    const model: { base: number; count: number; timeMs: number }[] = [];
    let end = 0;
    const compare = async () => {
      for (let i = 0; i < 60; i++) {
        const from = random.below(end + 2);
        const max = 1 + random.below(random.below(2) === 0 ? 5 : 3000);
        const first = model.findIndex(({ base, count }) => base + count > from);
        const expected = first < 0 ? [] : model.slice(first, first + max);
        const rows = await store.indexRows(1, 0, from, max);
        expect(column(rows, 'baseOffset')).toEqual(expected.map(({ base }) => base));
        expect(column(rows, 'count')).toEqual(expected.map(({ count }) => count));
        expect(column(rows, 'storeTimeMs')).toEqual(expected.map(({ timeMs }) => timeMs));
      }
      expect(await store.range(1, 0)).toEqual({ minOffset: 0, maxOffset: end });
    };
    // Enough rounds for several blocks, whatever the draw.
    for (let round = 0; round < 12 || model.length <= 512 * 3; round++) {
      const appends = Array.from({ length: random.below(500) }, async () => {
        const count = 1 + random.below(4);
        const [one] = await Promise.all([
          append(store, { count }),
          append(store, { queueId: 1 + random.below(3) }),
        ]);
        return { base: one.baseOffset, count, timeMs: one.storeTimeMs };
      });
      for (const row of await Promise.all(appends)) model.push(row);
      end = model.reduce((sum, { count }) => sum + count, 0);
      // Shorter than the index waits, longer, and long enough for the queue to go idle.
      parts.clock.advance([10, 1500, 200_000][random.below(3)]!);
      await compare();
      if (round % 4 === 3) {
        await store.close();
        store = await open(parts);
        await compare();
      }
    }
    expect(model.length).toBeGreaterThan(512 * 3);
    await store.close();
  });

  test('reads while blocks move from memory to the database', async () => {
    const parts = world();
    const store = await open(parts);
    for (let i = 0; i < 1500; i++) void append(store);
    await append(store);
    const reads = Array.from({ length: 20 }, (_, i) => {
      if (i === 5) parts.clock.advance(1500);
      if (i === 10) parts.clock.advance(200_000);
      return store.indexRows(1, 0, i * 70, 10_000);
    });
    for (const [i, rows] of (await Promise.all(reads)).entries()) {
      expect(column(rows, 'baseOffset')).toEqual(
        Array.from({ length: 1501 - i * 70 }, (_, offset) => offset + i * 70),
      );
    }
    await store.close();
  });

  test('an offset by time is exact, also where the clock went back', async () => {
    const parts = world();
    let nowMs = 1_000_000;
    const random = new SeededRandom(seed);
    const clock: ManualClock = Object.create(parts.clock);
    Object.assign(clock, {
      nowMs: () => nowMs,
      after: () => ({ cancel: () => undefined }),
      soon: (action: () => void) => void setImmediate(action),
      monotonicMs: () => 0,
    });
    const store = await open({ ...parts, clock });
    // In memory from now on: an append gets its time when it is made.
    await store.range(1, 0);
    const times: number[] = [];
    for (let i = 0; i < 1800; i++) {
      nowMs += i % 300 === 299 ? -20_000 : random.below(40) - 5;
      times.push(nowMs);
      const appended = append(store);
      if (i % 100 === 99) await appended;
    }
    await append(store);
    times.push(nowMs);
    const check = async (checked: Store) => {
      const asked = [-1, 0, ...times.filter((_, i) => i % 50 === 0), Math.max(...times)];
      for (const timeMs of [...asked, ...asked.map((at) => at + 1)]) {
        const found = times.findIndex((time) => time >= timeMs);
        const expected = found < 0 ? times.length : found;
        expect(await checked.offsetAtTime(1, 0, timeMs), `at ${timeMs}`).toBe(expected);
      }
      expect(await checked.offsetAtTime(9, 9, 0)).toBe(0);
    };
    await check(store);
    await store.close();
    const again = await open(parts);
    await check(again);
    await again.close();
  });

  test('says how far it is while it brings the index up to date', async () => {
    const parts = world();
    const store = await open(parts);
    for (let i = 0; i < 50; i++) await append(store, { body: Buffer.alloc(500) });
    await store.close();
    const seen: [number, number][] = [];
    const again = await openStore({
      ...{ ...parts, kv: new MemoryKv(), random: new SeededRandom(1), directory: '/data' },
      ...{ indexingPieceBytes: 5000, onIndexing: (done, total) => seen.push([done, total]) },
    });
    const { durableEnd } = again.stats();
    expect(seen.length).toBeGreaterThan(4);
    expect(seen.map(([, total]) => total)).toEqual(seen.map(() => durableEnd));
    expect(seen.map(([done]) => done)).toEqual(
      seen.map(([done]) => done).toSorted((a, b) => a - b),
    );
    expect(seen.at(-1)![0]).toBe(durableEnd);
    await again.close();
  });

  test('the index is brought up to date when it is lost, behind, or current', async () => {
    const parts = world();
    const store = await open(parts);
    for (let i = 0; i < 40; i++) void append(store, { queueId: i % 3, count: 2 });
    await append(store);
    const empty = new MemoryKv();
    parts.clock.advance(1500);
    await turn();
    const behind = parts.kv.clone();
    for (let i = 0; i < 40; i++) void append(store, { queueId: i % 3, count: 3 });
    await append(store);
    const expected = column(await store.indexRows(1, 0, 0, 1000), 'position');
    expect(expected.length).toBe(30);
    await store.close();
    for (const kv of [empty, behind, parts.kv, parts.kv]) {
      const again = await open({ ...parts, kv });
      expect(column(await again.indexRows(1, 0, 0, 1000), 'position')).toEqual(expected);
      const { maxOffset } = await again.range(1, 0);
      expect(maxOffset).toBe(14 * 2 + 1 + 14 * 3 + 1);
      await again.close();
    }
    expect(await (await open(parts)).range(1, 3)).toEqual({ minOffset: 0, maxOffset: 0 });
  });

  test('listeners see every entry once, in log order, before its append resolves', async () => {
    const store = await open(world());
    const events: string[] = [];
    const stop = store.onDurable((rows) => {
      for (const base of column(rows, 'baseOffset')) events.push(`durable ${base}`);
      expect(store.rangeNow(1, 0)!.maxOffset).toBe(column(rows, 'baseOffset').at(-1)! + 1);
    });
    const acked = [0, 1, 2].map(() =>
      append(store).then(({ baseOffset }) => events.push(`acked ${baseOffset}`)),
    );
    await Promise.all(acked);
    stop();
    await append(store);
    expect(events).toEqual([
      ...['durable 0', 'durable 1', 'durable 2'],
      ...['acked 0', 'acked 1', 'acked 2'],
    ]);
    await store.close();
    await expect(append(store)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

/** A database whose writes fail while `isFull`, and which then wants to be reopened. */
class FullKv implements KvOpener {
  readonly inner = new MemoryKv();
  isFull = false;
  /** Writes wait for it. */
  gate: Promise<void> | undefined;
  writes = 0;
  opens = 0;

  async open(path: string): Promise<KvStore> {
    this.opens++;
    const store = await this.inner.open(path);
    let hasFailed = false;
    const write = async (puts: readonly KvPut[]) => {
      this.writes++;
      await this.gate;
      hasFailed ||= this.isFull;
      if (hasFailed) throw new MillraceError('DISK_FULL', 'no space left');
      await store.write(puts);
    };
    return {
      write,
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      scan: (range) => store.scan(range),
      deleteRange: (range) => store.deleteRange(range),
      flush: () => store.flush(),
      close: () => store.close(),
    };
  }
}

describe('a database that is full', () => {
  test('stops neither appends nor reads, and is reopened when there is room', async () => {
    const kv = new FullKv();
    const parts = { ...world(), kv };
    const store = await open(parts);
    await append(store);
    kv.isFull = true;
    parts.clock.advance(1500);
    await turn();
    for (let i = 0; i < 1200; i++) void append(store);
    await append(store);
    parts.clock.advance(1500);
    await turn();
    expect((await store.indexRows(1, 0, 0, 5000)).rowCount).toBe(1202);
    store.derived.put('group/a', Buffer.from('1'));
    await expect(store.derived.settled()).rejects.toMatchObject({ code: 'DISK_FULL' });
    kv.isFull = false;
    store.derived.put('group/b', Buffer.from('2'));
    await store.derived.settled();
    parts.clock.advance(1500);
    await turn();
    expect(kv.opens).toBeGreaterThan(1);
    expect((await store.indexRows(1, 0, 0, 5000)).rowCount).toBe(1202);
    await store.close();
    const again = await open(parts);
    expect([...(await again.derived.load('group/')).keys()]).toEqual(['group/a', 'group/b']);
    expect((await again.indexRows(1, 0, 0, 5000)).rowCount).toBe(1202);
    await again.close();
  });

  test('for long: publishing is refused with its code before memory is full, and goes on', async () => {
    const kv = new FullKv();
    const parts = { ...world(), kv };
    const store = await open(parts, 50);
    await append(store);
    kv.isFull = true;
    parts.clock.advance(1500);
    await turn();
    const sent = await Promise.allSettled(Array.from({ length: 60 }, () => append(store)));
    // Those of one commit come together.
    expect(sent.filter(({ status }) => status === 'fulfilled')).toHaveLength(60);
    await expect(append(store)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(store.moveQueues(1, [0], 0)).resolves.toBeUndefined();
    expect((await store.indexRows(1, 0, 0, 5000)).rowCount).toBe(61);
    kv.isFull = false;
    parts.clock.advance(1500);
    await expect.poll(() => store.stats().indexLagEntries).toBe(0);
    expect((await append(store)).baseOffset).toBe(61);
    await store.close();
  });

  test('that is slow: its queues stay in memory, however idle, until they are written', async () => {
    const kv = new FullKv();
    const parts = { ...world(), kv };
    const store = await open(parts);
    let letThrough: () => void = () => undefined;
    kv.gate = new Promise((resolve) => {
      letThrough = resolve;
    });
    await append(store);
    parts.clock.advance(1500);
    parts.clock.advance(300_000);
    expect((await store.indexRows(1, 0, 0, 10)).rowCount).toBe(1);
    letThrough();
    await turn();
    parts.clock.advance(300_000);
    expect((await store.indexRows(1, 0, 0, 10)).rowCount).toBe(1);
    await store.close();
  });

  test('closing says so, releases everything, and the index is rebuilt', async () => {
    const kv = new FullKv();
    const parts = { ...world(), kv };
    const store = await open(parts);
    await append(store);
    kv.isFull = true;
    await expect(store.close()).rejects.toMatchObject({ code: 'DISK_FULL' });
    kv.isFull = false;
    const again = await open(parts);
    expect((await again.range(1, 0)).maxOffset).toBe(1);
    await again.close();
  });
});

test('appends that wait for their queue are held up to a bound, and refused beyond it', async () => {
  const parts = world();
  const store = await open(parts);
  // The queues are looked up in the database, all in one later turn.
  const large = Buffer.alloc(limits.heldAppendBytesMax / 4);
  const sent = await Promise.allSettled(
    Array.from({ length: 6 }, (_, queueId) => append(store, { queueId, body: large })),
  );
  expect(sent.map(({ status }) => status)).toEqual([
    ...['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  ]);
  expect(sent[4]).toMatchObject({ reason: { code: 'RESOURCE_LIMIT' } });
  // Nothing is held any more, also not of appends whose queue could not be read.
  const again = Array.from({ length: 4 }, (_, i) =>
    append(store, { queueId: 10 + i, body: large }),
  );
  expect((await Promise.all(again)).map(({ baseOffset }) => baseOffset)).toEqual([0, 0, 0, 0]);
  await store.close();
});

test('a gap at the end of a queue is still known after a kill: its readers skip it', async () => {
  const kv = await new MemoryKv().open('/index');
  const name = { topicId: 1, queueId: 0 };
  const row = (baseOffset: number) => ({
    rowCount: 1,
    values: Float64Array.from(
      indexRow({
        ...{ ...name, baseOffset, count: 1, partition: 0, position: 100 * baseOffset },
        ...{ length: 100, storeTimeMs: 1000, tagHash: 0 },
      }),
    ),
  });
  const before = new ConsumeQueues(kv, new ManualClock());
  await before.load();
  await before.prepare([name]);
  before.take(row(0), 0, 100);
  before.cover(before.active.get(1, 0)!, 0, 0, 5);
  await before.write();

  // As catching up does it: without the newest block.
  const after = new ConsumeQueues(kv, new ManualClock());
  await after.load();
  await after.prepare([name]);
  after.take(row(5), 0, 600);
  for (const from of [1, 3, 5]) {
    expect(column(await after.read(1, 0, from, 10), 'baseOffset'), `from ${from}`).toEqual([5]);
  }
});

describe('derived keys', () => {
  test('are those of the moment of the put: a buffer may be used again', async () => {
    const parts = world();
    const store = await open(parts);
    const value = Buffer.from('before');
    store.derived.put('key', value);
    value.fill(0);
    const found = (await store.derived.load('key')).get('key')!;
    expect(Buffer.from(found).toString()).toBe('before');
    await store.close();
  });

  test('are coalesced, survive a kill once settled, and load by prefix', async () => {
    const kv = new FullKv();
    const parts = { ...world(), kv };
    const store = await open(parts);
    const before = kv.writes;
    for (let i = 0; i < 100; i++) store.derived.put(`cursor/${i % 10}`, Buffer.of(i));
    store.derived.put('cursor', Buffer.of(1));
    store.derived.put('cursor0', Buffer.of(1));
    store.derived.put('cursor/é', Buffer.of(7));
    store.derived.delete('cursor/3');
    await store.derived.settled();
    expect(kv.writes).toBe(before + 1);
    await store.derived.settled();
    const killed = await open({ ...parts, fs: parts.fs.killClone(), kv: kv.inner.clone() });
    const found = await killed.derived.load('cursor/');
    expect([...found.keys()].join()).toBe(
      [0, 1, 2, 4, 5, 6, 7, 8, 9, 'é'].map((i) => `cursor/${i}`).join(),
    );
    expect([...found.get('cursor/9')!]).toEqual([99]);
    expect((await killed.derived.load('')).size).toBe(12);
    await killed.close();
    await store.close();
  });
});

test('queues are noted as compacted some at a time, all of them durably', async () => {
  const kv = await new MemoryKv().open('/index');
  const queues = new ConsumeQueues(kv, new ManualClock());
  await queues.load();
  // An index that reflects nothing of the log counts as empty.
  queues.reached(0, 100);
  const asked: number[] = [];
  const numbers = Array.from({ length: 2500 }, (_, i) =>
    queueNumber(1 + (i % 5), Math.floor(i / 5)),
  );
  await queues.compacted(numbers, (some) => {
    asked.push(some.length);
    return some.map(({ topicId, queueId }) => topicId + queueId);
  });
  // They stay in memory meanwhile: never all of them.
  expect(Math.max(...asked)).toBeLessThan(2000);
  expect(asked.reduce((sum, count) => sum + count)).toBe(2500);
  await queues.close();
  const again = new ConsumeQueues(kv, new ManualClock());
  await again.load();
  const queue = await again.active.acquire(5, 490);
  expect(queue.compactedOffset).toBe(495);
  await again.close();
});

test('after little traffic a power loss costs the index one minute, not everything', async () => {
  const parts = world();
  const store = await open(parts);
  await append(store);
  parts.clock.advance(2000);
  await turn();
  const lossOfAll = Object.assign(new SeededRandom(1), { below: () => 0 });
  const replayed = async () => {
    let bytes = 0;
    const onIndexing = (_: number, total: number) => {
      bytes = total;
    };
    const kv = parts.kv.crashClone(lossOfAll);
    const place = { fs: parts.fs.killClone(), kv, clock: parts.clock, directory: '/data' };
    const random = new SeededRandom(1);
    await (await openStore({ ...place, random, strideBytes: 4096, onIndexing })).close();
    return bytes;
  };
  const one = store.stats().durableEnd;
  expect(await replayed()).toBe(one);
  parts.clock.advance(limits.indexFlushMs);
  await turn();
  expect(await replayed()).toBe(0);
  // Again and again, and only when something was written.
  await append(store);
  parts.clock.advance(2000);
  await turn();
  expect(await replayed()).toBe(one);
  parts.clock.advance(limits.indexFlushMs);
  await turn();
  expect(await replayed()).toBe(0);
  await store.close();
});
