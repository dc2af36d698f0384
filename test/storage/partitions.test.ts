import { expect, test } from 'vitest';
import type { FileHandle } from '../../platform/fs.ts';
import { limits } from '../../platform/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Appended, entryKinds, type Store } from '../../storage/store.ts';

interface World {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  readonly clock: ManualClock;
}

function world(): World {
  return { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
}

const three = new Map([
  [1, '/disk1'],
  [2, '/disk2'],
]);

function open(parts: World, dataDirectories: ReadonlyMap<number, string> = three): Promise<Store> {
  const sizes = { segmentBytes: 8192, strideBytes: 1024 };
  const random = new SeededRandom(1);
  return openStore({ ...parts, random, directory: '/data', dataDirectories, ...sizes });
}

function append(store: Store, text: string, queueId = 0, count = 1): Promise<Appended> {
  const body = Buffer.from(text);
  const kind = entryKinds.messages;
  return store.append({ topicId: 1, queueId, kind, count, body, firstIdHash: 0, tagHash: 0 });
}

function column({ rowCount, values }: IndexRows, name: keyof typeof col): number[] {
  return Array.from({ length: rowCount }, (_, row) => values[row * indexRowWidth + col[name]]!);
}

/** Bodies of a queue's entries, read back through the index; offsets are dense. */
async function contents(store: Store, queueId = 0): Promise<string[]> {
  const { rowCount, values } = await store.indexRows(1, queueId, 0, Infinity);
  const found: string[] = [];
  let offset = 0;
  for (let row = 0; row < rowCount; row++) {
    const at = (name: keyof typeof col) => values[row * indexRowWidth + col[name]]!;
    const entry = await store.readEntry(at('partition'), at('position'), at('length'));
    expect(entry).toMatchObject({ baseOffset: offset, partition: at('partition') });
    offset += at('count');
    found.push(Buffer.from(entry!.body).toString());
  }
  expect(await store.range(1, queueId)).toEqual({ minOffset: 0, maxOffset: offset });
  return found;
}

test('a queue moves while it is appended to: nothing is lost, doubled or out of order', async () => {
  const parts = world();
  const store = await open(parts);
  const sent: string[] = [];
  const appends: Promise<Appended>[] = [];
  const send = () => {
    sent.push(`message ${sent.length}`);
    appends.push(append(store, sent.at(-1)!, 0, 1 + (sent.length % 3)));
  };
  for (const to of [1, 1, 2, 0, 1]) {
    for (let i = 0; i < 20; i++) send();
    const move = store.moveQueues(1, [0], to);
    for (let i = 0; i < 20; i++) send();
    await move;
    for (let i = 0; i < 5; i++) send();
    await Promise.all(appends);
    parts.clock.advance(1500);
  }
  expect(await contents(store)).toEqual(sent);
  const bases = (await Promise.all(appends)).map(({ baseOffset }) => baseOffset);
  expect([...bases].sort((a, b) => a - b)).toEqual(bases);
  const segments = await store.mapping(1, 0);
  expect(segments.map(({ partition }) => partition)).toEqual([0, 1, 2, 0, 1]);
  // Offsets and times are found across the segments.
  const rows = await store.indexRows(1, 0, 0, Infinity);
  for (const [i, offset] of column(rows, 'baseOffset').entries()) {
    const partition = segments.findLast(({ firstOffset }) => firstOffset <= offset)!.partition;
    expect(column(rows, 'partition')[i]).toBe(partition);
    const timeMs = column(rows, 'storeTimeMs')[i]!;
    const first = column(rows, 'storeTimeMs').findIndex((time) => time >= timeMs);
    expect(await store.offsetAtTime(1, 0, timeMs)).toBe(column(rows, 'baseOffset')[first]);
  }
  await store.close();
  for (const kv of [parts.kv, new MemoryKv()]) {
    const again = await open({ ...parts, kv });
    expect(await contents(again)).toEqual(sent);
    expect(await again.mapping(1, 0)).toEqual(segments);
    const { partition, baseOffset } = await append(again, 'later', 5);
    expect([partition, baseOffset]).toEqual([0, kv === parts.kv ? 0 : 1]);
    await again.close();
  }
});

test('flush=interval acknowledges early, and shows nothing before it is durable', async () => {
  const parts = world();
  const sizes = { segmentBytes: 8192, strideBytes: 1024 };
  const random = new SeededRandom(1);
  const store = await openStore({
    ...{ ...parts, random, directory: '/data', flush: 'interval' },
    ...sizes,
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const seen: number[] = [];
  store.onDurable(({ rowCount }) => seen.push(rowCount));
  await store.range(1, 0);
  await Promise.all([append(store, 'a'), append(store, 'b')]);
  for (let i = 0; i < 5; i++) await turn();
  expect(await contents(store)).toEqual([]);
  expect(seen).toEqual([]);
  const early = parts.fs.crashClone(random);
  parts.clock.advance(limits.flushIntervalMs);
  await expect.poll(() => seen).toEqual([2]);
  expect(await contents(store)).toEqual(['a', 'b']);
  // Somebody who waits takes the others along at once: the clock stands still.
  await append(store, 'c');
  const body = Buffer.from('d');
  const rows = { topicId: 2, queueId: 0, kind: entryKinds.rows, count: 1, body };
  await store.append({ ...rows, firstIdHash: 0, tagHash: 0 });
  expect(await contents(store)).toEqual(['a', 'b', 'c']);
  await append(store, 'e');
  await store.close();
  expect(store.stats().lostAcks).toBe(0);
  const again = await open(parts, new Map());
  expect(await contents(again)).toEqual(['a', 'b', 'c', 'e']);
  await again.close();
  const lost = await open({ ...parts, fs: early, kv: new MemoryKv() }, new Map());
  expect(await contents(lost)).toEqual([]);
  await lost.close();
});

test('a move waits for the appends that are under way on the old partition', async () => {
  const parts = world();
  const store = await open(parts);
  await store.moveQueues(1, [0], 1);
  let letThrough: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    letThrough = resolve;
  });
  const { prototype } = Object.getPrototypeOf(await parts.fs.open('/data/identity', 'read'))
    .constructor as { prototype: FileHandle };
  const sync = prototype.fdatasync;
  prototype.fdatasync = async function (this: FileHandle) {
    if (this.path.startsWith('/disk1/')) await gate;
    return sync.call(this);
  };
  try {
    const slow = append(store, 'a');
    const move = store.moveQueues(1, [0], 2);
    const later = append(store, 'b');
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect((await store.range(0, 1)).maxOffset).toBe(1);
    letThrough();
    await Promise.all([slow, move, later]);
  } finally {
    prototype.fdatasync = sync;
  }
  expect((await store.range(0, 1)).maxOffset).toBe(2);
  expect(await contents(store)).toEqual(['a', 'b']);
  await store.close();
});

test('a move that goes nowhere or names nothing is refused, and changes nothing', async () => {
  const store = await open(world());
  await append(store, 'a');
  const refused = { code: 'INVALID_ARGUMENT' };
  await expect(store.moveQueues(1, [0], 7)).rejects.toMatchObject(refused);
  await expect(store.moveQueues(1, [0], 7)).rejects.toThrow('there is p0, p1, p2');
  await expect(store.moveQueues(0, [0], 1)).rejects.toMatchObject(refused);
  await store.moveQueues(1, [0, 0], 0);
  expect(await store.mapping(1, 0)).toEqual([{ partition: 0, firstOffset: 0 }]);
  expect((await store.range(0, 1)).maxOffset).toBe(0);
  await store.close();
});

test('a partition that is not named, or whose directory is another one, stops the start', async () => {
  const parts = world();
  const store = await open(parts);
  await store.moveQueues(1, [0], 2);
  await append(store, 'a');
  await store.close();
  for (const kv of [parts.kv, new MemoryKv()]) {
    const without = open({ ...parts, kv }, new Map([[1, '/disk1']]));
    await expect(without).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(without).rejects.toThrow('partition p2 holds queues');
    const other = new Map([...three, [2, '/elsewhere']] as const);
    await expect(open({ ...parts, kv }, other)).rejects.toMatchObject({ code: 'CORRUPTION' });
  }
  const again = await open(parts);
  expect(await contents(again)).toEqual(['a']);
  await again.close();
});

test('rows come in one order over all partitions, live and in a replay', async () => {
  const parts = world();
  const random = new SeededRandom(5);
  const store = await open(parts);
  await store.moveQueues(1, [1], 1);
  await store.moveQueues(1, [2], 2);
  await store.range(1, 0);
  const live: string[] = [];
  const key = (rows: IndexRows, i: number) =>
    [column(rows, 'queueId')[i], column(rows, 'baseOffset')[i]].join();
  store.onOrdered((rows) => {
    for (let i = 0; i < rows.rowCount; i++) live.push(key(rows, i));
  });
  const placed: string[] = [];
  const offsets = [0, 0, 0];
  for (let round = 0; round < 40; round++) {
    const appends: Promise<Appended>[] = [];
    for (let i = random.below(6); i >= 0; i--) {
      const queueId = random.below(3);
      placed.push([queueId, offsets[queueId]!++].join());
      appends.push(append(store, 'x'.repeat(random.below(3000)), queueId));
      if (random.below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (random.below(2) === 0) await Promise.all(appends);
    if (random.below(5) === 0) parts.clock.advance(1);
  }
  await append(store, 'last');
  await store.ordered();
  await append(store, 'last', 1);
  await append(store, 'last', 2);
  await store.ordered();
  expect(live.slice(0, placed.length)).toEqual(placed);
  expect(store.ordered()).toBeUndefined();
  const rows: { time: number; key: string }[] = [];
  for (const queueId of [0, 1, 2]) {
    const part = await store.indexRows(1, queueId, 0, Infinity);
    for (let i = 0; i < part.rowCount; i++) {
      rows.push({ time: column(part, 'storeTimeMs')[i]!, key: key(part, i) });
    }
  }
  rows.sort((a, b) => a.time - b.time);
  expect(rows.map((row) => row.key)).toEqual(live);
  await store.close();
});
