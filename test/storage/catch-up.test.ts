import { expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import type { KvOpener } from '../../storage/kv/kv-store.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { entryKinds, type Store, type TopicPolicy } from '../../storage/store.ts';

/** A lost index is built from what retention left of the log, wherever the queues had lived. */

const minute = 60_000;

interface World {
  readonly fs: MemoryFs;
  readonly clock: ManualClock;
}

function open({ fs, clock }: World, kv: KvOpener): Promise<Store> {
  const dataDirectories = new Map([[1, '/disk1']]);
  const random = new SeededRandom(7);
  const sizes = { segmentBytes: 20_000, strideBytes: 1000, indexingPieceBytes: 300 };
  return openStore({ fs, kv, clock, random, directory: '/data', dataDirectories, ...sizes });
}

async function append(store: Store, topicId: number, queueId: number, entries: number) {
  for (let i = 0; i < entries; i++) {
    const names = { topicId, queueId, kind: entryKinds.messages, count: 1 };
    await store.append({ ...names, body: Buffer.alloc(100), firstIdHash: 0, tagHash: 0 });
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A pass in which every segment ends. */
async function retain(store: Store, policies: Readonly<Record<number, TopicPolicy>>) {
  const policy = (topicId: number) => (topicId === 0 ? {} : policies[topicId]);
  const rules = {
    policy,
    floor: () => Infinity,
    segmentAgeMs: 0,
    compactionLagMs: 0,
    compactionAgeMs: 0,
  };
  const report = await store.retain(rules);
  await settle();
  return report;
}

/** Opens a database that is copied whenever it was written: what a kill leaves then. */
function copying(kv: MemoryKv, copies: MemoryKv[]): KvOpener {
  return {
    async open(path) {
      const store = await kv.open(path);
      const write = store.write.bind(store);
      store.write = async (puts) => {
        await write(puts);
        copies.push(kv.clone());
      };
      return store;
    },
  };
}

/** Loses the index, and at each moment of building it again the process is killed. */
async function expectRebuilt(world: World, queues: readonly (readonly [number, number])[]) {
  const ranges = (store: Store) =>
    Promise.all(queues.map(([topicId, queueId]) => store.range(topicId, queueId)));
  const copies: MemoryKv[] = [];
  const kv = new MemoryKv();
  const store = await open(world, copying(kv, copies));
  const found = await ranges(store);
  await store.close();
  for (const copy of copies) {
    const again = await open({ ...world, fs: world.fs.killClone() }, copy);
    expect(await ranges(again)).toEqual(found);
    await again.close();
  }
  return found;
}

test('a queue that came back to a partition, in one joined segment', async () => {
  const world: World = { fs: new MemoryFs(), clock: new ManualClock() };
  const store = await open(world, new MemoryKv());
  // The first stay on p1 expires, and so does most of what lies beside it.
  await store.moveQueues(1, [0], 1);
  await store.moveQueues(2, [0], 1);
  await append(store, 1, 0, 5);
  await append(store, 2, 0, 20);
  await retain(store, { 1: {} });
  world.clock.advance(10 * minute);
  await store.moveQueues(1, [0], 0);
  await append(store, 1, 0, 5);
  await store.moveQueues(1, [0], 1);
  await append(store, 1, 0, 5);
  const report = await retain(store, { 1: { retentionMs: 5 * minute } });
  expect(report.cleanedSegments).toBeGreaterThan(1);
  const before = await store.range(1, 0);
  expect(before).toEqual({ minOffset: 5, maxOffset: 15 });
  await store.close();
  expect(await expectRebuilt(world, [[1, 0]])).toEqual([before]);
});

test('a queue that left a partition and came back at once, all of it there cleaned out', async () => {
  const world: World = { fs: new MemoryFs(), clock: new ManualClock() };
  const store = await open(world, new MemoryKv());
  await store.moveQueues(1, [0], 1);
  await append(store, 1, 0, 5);
  await store.moveQueues(1, [0], 0);
  await store.moveQueues(1, [0], 1);
  await append(store, 1, 0, 5);
  await retain(store, { 1: {} });
  world.clock.advance(10 * minute);
  await append(store, 1, 0, 5);
  const report = await retain(store, { 1: { retentionMs: 5 * minute } });
  expect(report.cleanedSegments).toBeGreaterThan(0);
  const before = await store.range(1, 0);
  expect(before).toEqual({ minOffset: 10, maxOffset: 15 });
  await store.close();
  expect(await expectRebuilt(world, [[1, 0]])).toEqual([before]);
});

test('two queues that wait for each other across partitions, what they wait for cleaned out', async () => {
  const world: World = { fs: new MemoryFs(), clock: new ManualClock() };
  const store = await open(world, new MemoryKv());
  await store.moveQueues(1, [0], 1);
  await store.moveQueues(2, [0], 1);
  await store.moveQueues(3, [0], 1);
  await append(store, 1, 0, 5);
  await append(store, 2, 0, 5);
  await append(store, 3, 0, 30);
  await store.moveQueues(1, [0], 0);
  await store.moveQueues(2, [0], 0);
  await append(store, 1, 0, 5);
  await append(store, 2, 0, 5);
  await store.moveQueues(2, [0], 1);
  await append(store, 2, 0, 5);
  // Of topic 1, p1 has nothing left: p0's first entry waits for what is missing there.
  const p1 = { 1: { retentionBytes: 500 }, 2: {}, 3: { retentionBytes: 0 } };
  await retain(store, p1);
  const queues = [
    [1, 0],
    [2, 0],
    [3, 0],
  ] as const;
  const before = await Promise.all(queues.map(([topic, queue]) => store.range(topic, queue)));
  expect(before.map(({ minOffset }) => minOffset)).toEqual([5, 0, 30]);
  await store.close();
  expect(await expectRebuilt(world, queues)).toEqual(before);
});

test('a queue whose end expired keeps its offsets, killed while the index is built again', async () => {
  const world: World = { fs: new MemoryFs(), clock: new ManualClock() };
  const store = await open(world, new MemoryKv());
  await store.moveQueues(2, [0], 1);
  for (let round = 0; round < 3; round++) {
    await append(store, 1, 0, 10);
    await append(store, 2, 0, 2);
    await store.moveQueues(2, [0], round % 2);
    await append(store, 2, 0, 2);
  }
  world.clock.advance(10 * minute);
  await retain(store, { 1: { retentionMs: minute }, 2: { retentionMs: minute } });
  const queues = [
    [1, 0],
    [2, 0],
  ] as const;
  const before = await Promise.all(queues.map(([topic, queue]) => store.range(topic, queue)));
  expect(before).toEqual([
    { minOffset: 30, maxOffset: 30 },
    { minOffset: 12, maxOffset: 12 },
  ]);
  await store.close();
  expect(await expectRebuilt(world, queues)).toEqual(before);
});

test('a dropped topic of which one segment was cleaned, and another not yet', async () => {
  const world: World = { fs: new MemoryFs(), clock: new ManualClock() };
  const store = await open(world, new MemoryKv());
  await append(store, 2, 0, 20);
  await retain(store, { 1: {} });
  // Too little of this segment is gone for it to be written anew.
  await append(store, 2, 0, 1);
  await append(store, 1, 0, 20);
  const { cleanedSegments } = await retain(store, { 1: {} });
  expect(cleanedSegments).toBe(1);
  await store.close();
  await expectRebuilt(world, [[1, 0]]);
});
