import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import type { KvOpener } from '../../storage/kv/kv-store.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { planExpiry } from '../../storage/log/retention-plan.ts';
import { oneTurn, RowTurns } from '../../storage/log/row-turns.ts';
import { openStore } from '../../storage/open-store.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import {
  entryKinds,
  type RetentionRules,
  type Store,
  type TopicPolicy,
} from '../../storage/store.ts';
import { seed } from '../random-seed.ts';

const minute = 60_000;

interface World<Kv extends KvOpener = MemoryKv> {
  fs: MemoryFs;
  kv: Kv;
  readonly clock: ManualClock;
}

function open({ fs, kv, clock }: World<KvOpener>, segmentBytes = 3000): Promise<Store> {
  const random = new SeededRandom(7);
  const dataDirectories = new Map([[1, '/data']]);
  const options = { fs, kv, clock, random, directory: '/data', dataDirectories };
  const sizes = { segmentBytes, strideBytes: 1000, indexingPieceBytes: 1000 };
  return openStore({ ...options, ...sizes });
}

/** What kills at some moments leave while a lost index is built again. */
async function killedWhileIndexing(world: World, random: SeededRandom): Promise<World[]> {
  const kv = new MemoryKv();
  const killed: World[] = [];
  const opener: KvOpener = {
    async open(path) {
      const store = await kv.open(path);
      const write = store.write.bind(store);
      store.write = async (puts) => {
        await write(puts);
        if (random.below(4) > 0) return;
        killed.push({ fs: world.fs.killClone(), kv: kv.clone(), clock: world.clock });
      };
      return store;
    },
  };
  await (await open({ ...world, kv: opener })).close();
  return killed.slice(-4);
}

function rules(
  policies: ReadonlyMap<number, TopicPolicy>,
  floor: RetentionRules['floor'] = () => Infinity,
): RetentionRules {
  return {
    policy: (topicId) => (topicId === 0 ? {} : policies.get(topicId)),
    floor,
    segmentAgeMs: minute,
    compactionLagMs: minute,
    compactionAgeMs: 0,
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
}

interface Sent {
  readonly offset: number;
  readonly count: number;
  readonly id: number;
  readonly timeMs: number;
}

/** A plain list of what each queue was given, and checks of what is left of it. */
class Model {
  readonly queues = new Map<string, Sent[]>();
  /** Topics that were dropped. */
  readonly gone = new Set<number>();
  #id = 0;

  async append(store: Store, topicId: number, queueId: number, random: SeededRandom) {
    const id = this.#id++;
    const body = Buffer.from(random.bytes(8 + random.below(300)));
    body.writeUInt32LE(id);
    const count = 1 + random.below(4);
    const request = { topicId, queueId, count, body, kind: entryKinds.messages };
    const { baseOffset, storeTimeMs } = await store.append({
      ...{ ...request, firstIdHash: 0, tagHash: 0 },
    });
    const queue = this.queues.get(`${topicId}/${queueId}`) ?? [];
    this.queues.set(`${topicId}/${queueId}`, queue);
    expect(baseOffset).toBe(queue.reduce((sum, sent) => sum + sent.count, 0));
    queue.push({ offset: baseOffset, count, id, timeMs: storeTimeMs });
  }

  /**
   * From the queue's first offset on everything is there, in order; offsets never change; nothing
   * that `mustKeep` says is below the first offset.
   */
  async check(store: Store, mustKeep: (sent: Sent, queue: readonly Sent[]) => boolean) {
    for (const [name, sent] of this.queues) {
      const [topicId, queueId] = name.split('/').map(Number) as [number, number];
      if (this.gone.has(topicId)) continue;
      const { minOffset, maxOffset } = await store.range(topicId, queueId);
      const last = sent.at(-1);
      expect(maxOffset, name).toBe(last === undefined ? 0 : last.offset + last.count);
      const kept = sent.filter(({ offset, count }) => offset + count > minOffset);
      for (const one of sent) {
        if (mustKeep(one, sent)) expect(minOffset, name).toBeLessThanOrEqual(one.offset);
      }
      for (const from of [0, minOffset, minOffset + 1]) {
        const { values, rowCount } = await store.indexRows(topicId, queueId, from, Infinity);
        const rows = Array.from({ length: rowCount }, (_, row) =>
          values.subarray(row * indexRowWidth, (row + 1) * indexRowWidth),
        );
        const wanted = kept.filter(({ offset, count }) => offset + count > from);
        expect(rows.map((row) => row[col.baseOffset])).toEqual(wanted.map(({ offset }) => offset));
        for (const [i, row] of rows.entries()) {
          const entry = await store.readEntry(
            row[col.partition]!,
            row[col.position]!,
            row[col.length]!,
          );
          expect(entry, `${name} offset ${wanted[i]!.offset}`).toBeDefined();
          expect(Buffer.from(entry!.body).readUInt32LE(0)).toBe(wanted[i]!.id);
        }
      }
      const middle = kept[kept.length >> 1];
      if (middle === undefined) continue;
      const at = await store.offsetAtTime(topicId, queueId, middle.timeMs);
      const first = kept.find(({ timeMs }) => timeMs >= middle.timeMs)!;
      expect(at).toBe(Math.max(first.offset, minOffset));
    }
  }
}

async function logBytes({ fs }: World): Promise<number> {
  let bytes = 0;
  for (const partition of ['/data/log/p0', '/data/p1']) {
    for (const name of await fs.list(partition)) {
      bytes += await (await fs.open(`${partition}/${name}`, 'read')).size();
    }
  }
  return bytes;
}

/** Topic 1 keeps everything, topic 5 has a reader that never moves, topic 2 keeps 20 minutes. */
function mustKeep({ queues }: Model, highMs: number) {
  return ({ timeMs }: Sent, queue: readonly Sent[]): boolean => {
    const [name] = [...queues].find(([, sent]) => sent === queue)!;
    if (name.startsWith('1/') || name.startsWith('5/')) return true;
    return name.startsWith('2/') && timeMs >= highMs - 20 * minute;
  };
}

test(`append, expire, move, drop, restart and lose the index against a model (seed ${seed})`, async () => {
  const action = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('append'), n: fc.integer({ max: 30, min: 1 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('retain'), n: fc.constant(0) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('wait'), n: fc.integer({ min: -20, max: 60 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('move'), n: fc.integer({ min: 0, max: 15 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('restart'), n: fc.integer({ min: 0, max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop'), n: fc.constant(0) }) },
  );
  let expired = 0;
  const property = fc.asyncProperty(
    fc.array(action, { minLength: 5, maxLength: 40 }),
    fc.integer(),
    async (actions, randomSeed) => {
      const random = new SeededRandom(randomSeed);
      const world: World = { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
      const policies = new Map<number, TopicPolicy>([
        [1, {}],
        [2, { retentionMs: 20 * minute }],
        [3, { retentionBytes: 4000 }],
        [4, { retentionMs: 5 * minute, retentionBytes: 100_000 }],
        [5, { retentionMs: 1 }],
      ]);
      // Topic 5 has a reader that never moves.
      const floor = (topicId: number) => (topicId === 5 ? 0 : Infinity);
      const model = new Model();
      let store = await open(world);
      let highMs = 0;
      for (const { kind, n } of actions) {
        if (kind === 'append') {
          for (let i = 0; i < n; i++) {
            // A topic's id is never given again, so to a dropped one nothing comes.
            const topicId = 1 + random.below(5);
            if (!model.gone.has(topicId))
              await model.append(store, topicId, random.below(2), random);
          }
          await settle();
        } else if (kind === 'wait') {
          // A clock that goes back must not make anything expire early, or never.
          world.clock.advance(Math.abs(n) * minute);
          if (n < 0) world.clock.setWall(world.clock.nowMs() + 2 * n * minute);
        } else if (kind === 'move') {
          await store.moveQueues(1 + (n >> 2), n & 2 ? [0, 1] : [random.below(2)], n & 1);
        } else if (kind === 'drop') {
          policies.delete(4);
          model.gone.add(4);
        } else if (kind === 'restart') {
          const disk = n === 0 ? world.fs.killClone() : world.fs;
          await store.close();
          world.fs = disk;
          if (n >= 2) world.kv = new MemoryKv();
          store = await open(world);
        } else {
          expired += (await store.retain(rules(policies, floor))).expiredQueues;
          await settle();
        }
        highMs = Math.max(highMs, world.clock.nowMs());
        await model.check(store, mustKeep(model, highMs));
      }
      await store.close();
      for (const killed of await killedWhileIndexing(world, random)) {
        const again = await open(killed);
        await model.check(again, mustKeep(model, highMs));
        await again.close();
      }
    },
  );
  await fc.assert(property, { seed, numRuns: 60 });
  expect(expired).toBeGreaterThan(10);
}, 120_000);

describe('what is past its retention', () => {
  test('goes from the disk, and a dropped topic with it', async () => {
    const world: World = { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
    const random = new SeededRandom(1);
    const store = await open(world);
    const model = new Model();
    const policies = new Map<number, TopicPolicy>([
      [1, {}],
      [2, { retentionMs: 10 * minute }],
      [3, {}],
    ]);
    await model.append(store, 1, 0, random);
    for (let i = 0; i < 400; i++) await model.append(store, 2 + (i % 2), 0, random);
    await settle();
    const before = await logBytes(world);
    world.clock.advance(11 * minute);
    policies.delete(3);
    model.gone.add(3);
    // The dropped topic goes one pass later: something may still be on its way to it.
    for (const expired of [1, 2]) {
      expect((await store.retain(rules(policies))).expiredQueues).toBe(expired);
    }
    await settle();
    const after = await logBytes(world);
    expect(after).toBeLessThan(before / 20);
    await model.check(store, () => false);
    const { minOffset, maxOffset } = await store.range(2, 0);
    expect(minOffset).toBe(maxOffset);
    // Offsets go on, also when the index is lost and nothing of the queue is left.
    await store.close();
    const again = await open({ ...world, kv: new MemoryKv() });
    expect(await again.range(2, 0)).toEqual({ minOffset, maxOffset });
    await model.append(again, 2, 0, random);
    await model.check(again, () => false);
    await again.close();
  });

  test('stays when its topic is altered while a pass runs', async () => {
    const world: World = { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
    const random = new SeededRandom(1);
    const store = await open(world);
    const model = new Model();
    for (let i = 0; i < 100; i++) await model.append(store, 2, 0, random);
    await settle();
    world.clock.advance(11 * minute);
    const policies = new Map<number, TopicPolicy>([[2, { retentionMs: 10 * minute }]]);
    // Asked when all is planned.
    const alters = () => {
      policies.set(2, { retentionMs: 20 * minute });
      return Number.POSITIVE_INFINITY;
    };
    expect((await store.retain(rules(policies, alters))).expiredQueues).toBe(0);
    expect((await store.retain(rules(policies))).expiredQueues).toBe(0);
    policies.set(2, { retentionMs: 10 * minute });
    expect((await store.retain(rules(policies))).expiredQueues).toBe(1);
    await store.close();
  });

  test('stays while somebody needs it, and goes afterwards', async () => {
    const world: World = { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
    const random = new SeededRandom(1);
    const store = await open(world);
    const model = new Model();
    const policies = new Map<number, TopicPolicy>([[2, { retentionMs: minute }]]);
    for (let i = 0; i < 200; i++) await model.append(store, 2, 0, random);
    await settle();
    world.clock.advance(2 * minute);
    await store.retain(rules(policies, () => 0));
    expect((await store.range(2, 0)).minOffset).toBe(0);
    await store.retain(rules(policies, () => 100));
    const { minOffset } = await store.range(2, 0);
    expect(minOffset).toBeGreaterThan(50);
    expect(minOffset).toBeLessThanOrEqual(100);
    await store.retain(rules(policies));
    const { minOffset: last, maxOffset } = await store.range(2, 0);
    expect(last).toBe(maxOffset);
    await store.close();
  });
});

test('a power loss at any moment of a pass loses no entry that was kept', async () => {
  const random = new SeededRandom(seed);
  const crashes: { fs: MemoryFs; kv: MemoryKv }[] = [];
  let isRetaining = false;
  const fs: MemoryFs = new MemoryFs({
    onOperation: () => {
      if (!isRetaining) return;
      const kv = random.below(3) === 0 ? new MemoryKv() : world.kv.crashClone(random);
      crashes.push({ fs: fs.crashClone(random), kv });
      crashes.push({ fs: fs.killClone(), kv: world.kv.clone() });
    },
  });
  const world: World = { fs, kv: new MemoryKv(), clock: new ManualClock() };
  const store = await open(world);
  const model = new Model();
  const policies = new Map<number, TopicPolicy>([
    [1, {}],
    [2, { retentionMs: 10 * minute }],
  ]);
  for (let i = 0; i < 100; i++) {
    await model.append(store, i % 10 === 0 ? 1 : 2, i % 2, random);
    world.clock.advance(minute / 5);
  }
  await settle();
  isRetaining = true;
  await store.retain(rules(policies));
  await settle();
  isRetaining = false;
  const nowMs = world.clock.nowMs();
  await store.close();
  expect(crashes.length).toBeGreaterThan(15);
  for (const [i, crash] of crashes.entries()) {
    try {
      const again = await open({ ...crash, clock: new ManualClock(nowMs) });
      for (let pass = 0; pass < 2; pass++) {
        for (const [name, sent] of model.queues) {
          const [topicId, queueId] = name.split('/').map(Number) as [number, number];
          const { values, rowCount } = await again.indexRows(topicId, queueId, 0, Infinity);
          const found = new Set<number>();
          for (let row = 0; row < rowCount; row++) {
            const at = row * indexRowWidth;
            const entry = await again.readEntry(
              values[at + col.partition]!,
              values[at + col.position]!,
              values[at + col.length]!,
            );
            expect(entry, `${name} offset ${values[at + col.baseOffset]}`).toBeDefined();
            found.add(Buffer.from(entry!.body).readUInt32LE(0));
          }
          const last = sent.at(-1)!;
          expect((await again.range(topicId, queueId)).maxOffset).toBe(last.offset + last.count);
          for (const { id, timeMs } of sent) {
            if (topicId === 1 || timeMs >= nowMs - 10 * minute) expect(found).toContain(id);
          }
        }
        await again.retain(rules(policies));
      }
      await again.close();
    } catch (error) {
      throw new Error(`crash ${i}, seed ${seed}`, { cause: error });
    }
  }
});

test('a pass over many queues goes on turn by turn while they are written to and read', async () => {
  const world = { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
  const store = await open(world, 1 << 24);
  const queueCount = 5000;
  const body = Buffer.alloc(1);
  const send = (queue: number) =>
    store.append({
      ...{ topicId: 1 + Math.floor(queue / 1000), queueId: queue % 1000, count: 1, body },
      ...{ kind: entryKinds.messages, firstIdHash: 0, tagHash: 0 },
    });
  const sendAll = () => Promise.all(Array.from({ length: queueCount }, (_, i) => send(i)));
  await sendAll();
  await sendAll();
  world.clock.advance(2 * minute);
  const policies = new Map(
    [1, 2, 3, 4, 5].map((topicId): [number, TopicPolicy] => [topicId, { retentionMs: minute }]),
  );
  // Somebody begins to read queue 7 of topic 3 once its floor was asked, and reads from there on.
  let asked = 0;
  const floor = (topicId: number, queueId: number) =>
    topicId === 3 && queueId === 7 && asked++ > 0 ? 1 : Infinity;
  let sent = 0;
  let isOver = false;
  const pass = store.retain(rules(policies, floor)).finally(() => {
    isOver = true;
  });
  for (; !isOver; sent++) {
    if (sent < queueCount) await send(sent);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await pass;
  expect(asked).toBeGreaterThan(1);
  expect(sent).toBeGreaterThan(10);
  for (const queue of [0, 5, 999, 1000, 2007, 4999]) {
    const [topicId, queueId] = [1 + Math.floor(queue / 1000), queue % 1000];
    const maxOffset = queue < sent ? 3 : 2;
    const minOffset = queue === 2007 ? 0 : 2;
    expect(await store.range(topicId, queueId), `${queue}`).toMatchObject({ minOffset, maxOffset });
    const { rowCount } = await store.indexRows(topicId, queueId, 0, 9);
    expect(rowCount).toBe(maxOffset - minOffset);
  }
  await store.close();
});

test('a dropped topic is gone once no segment has a row for it, and none can come', async () => {
  const world = { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
  const store = await open(world);
  const send = (topicId: number, bytes: number) =>
    store.append({
      ...{ topicId, queueId: 0, count: 1, body: Buffer.alloc(bytes) },
      ...{ kind: entryKinds.messages, firstIdHash: 0, tagHash: 0 },
    });
  const dropped = new Set<number>();
  const pass = async () => {
    const policies = new Map<number, TopicPolicy>([[2, {}]]);
    if (!dropped.has(1)) policies.set(1, {});
    const { goneTopics } = await store.retain({ ...rules(policies), dropped });
    for (const topicId of goneTopics) dropped.delete(topicId);
    return goneTopics;
  };
  for (let i = 0; i < 39; i++) await send(1, 300);
  await send(2, 100);
  await send(1, 300);
  expect(await pass()).toEqual([]);
  dropped.add(1);
  // Of topic 5 there was never anything; but something may lie where the log ends.
  dropped.add(5);
  for (let i = 0; i < 5; i++) expect(await pass()).toEqual([]);
  // That is sealed now, and written anew without topic 1, which the pass after it sees.
  world.clock.advance(2 * minute);
  expect(await pass()).toEqual([5]);
  expect(await pass()).toEqual([1]);
  expect(await pass()).toEqual([]);
  expect((await store.indexRows(2, 0, 0, 9)).rowCount).toBe(1);
  await store.close();
});

describe('planExpiry', () => {
  const row = (topicId: number, from: number, to: number, bytes: number, highTimeMs: number) => ({
    ...{ topicId, queueId: 0, firstOffset: from, endOffset: to, bytes, highTimeMs },
    ...{ entries: 1, messages: to - from, lowTimeMs: 0, expiredOffset: 0, compactedOffset: 0 },
  });
  const plan = async (policy: TopicPolicy, rows: ReturnType<typeof row>[], nowMs: number) => {
    const segments = rows.map((one) => ({ partition: 0, queues: [one] }));
    return (await planExpiry(segments, rules(new Map([[1, policy]])), nowMs, oneTurn)).get(1024);
  };

  test('by time: whole segments, from the oldest on, whatever the clock did', async () => {
    const rows = [row(1, 0, 10, 100, 500), row(1, 10, 20, 100, 9000), row(1, 20, 30, 100, 600)];
    expect(await plan({ retentionMs: 100 }, rows, 550)).toBeUndefined();
    expect(await plan({ retentionMs: 100 }, rows, 1000)).toBe(10);
    expect(await plan({ retentionMs: 100 }, rows, 9101)).toBe(30);
    expect(await plan({ retentionMs: 100 }, rows, -5000)).toBeUndefined();
  });

  test('by size, of a queue that has moved: what goes with it elsewhere counts, too', async () => {
    const bytes = 100;
    const part = (partition: number, queues: ReturnType<typeof row>[]) => ({ partition, queues });
    // The old partition's segment has another queue with newer entries, so it comes later.
    const segments = [
      part(0, [row(1, 0, 10, bytes, 1), { ...row(1, 0, 10, bytes, 50), queueId: 1 }]),
      part(1, [row(1, 10, 20, bytes, 10)]),
    ];
    const endsOf = async (
      some: typeof segments,
      retentionBytes: number,
      firsts: ReadonlyMap<number, number> = new Map(),
    ) => {
      const by = rules(new Map([[1, { retentionBytes }]]));
      return [...(await planExpiry(some, by, 99, oneTurn, firsts)).values()];
    };
    const plan = (retentionBytes: number) => endsOf(segments, retentionBytes);
    expect(await plan(200)).toEqual([]);
    expect(await plan(100)).toEqual([20]);
    expect(await plan(0)).toEqual([20, 10]);
    // What went with it before, and lies there still, does not count again.
    const left = segments.slice(0, 1);
    const again = (first: number) => endsOf(left, 100, new Map([[1024, first]]));
    expect(await again(0)).toEqual([]);
    expect(await again(20)).toEqual([]);
    const some = [...left, part(1, [{ ...row(1, 10, 30, bytes, 10), queueId: 1 }])];
    const later = (first: number) => endsOf(some, 100, new Map([[1024, first]]));
    expect(await later(0)).toEqual([30]);
    expect(await later(20)).toEqual([10, 10]);
  });

  test('in turns: by the policy that a topic had at first, whatever changes meanwhile', async () => {
    const random = new SeededRandom(seed);
    const count = 400;
    const segments = Array.from({ length: count }, (_, i) => {
      const time = 10 * i + random.below(50);
      const queues = [1, 2, 3, 4].map((topicId) => ({
        ...row(topicId, 10 * i, 10 * i + 10, 100, time),
        queueId: i % 5,
      }));
      return { partition: random.below(3), queues };
    });
    // Topic 3 keeps everything, topic 4 was dropped.
    const before = new Map<number, TopicPolicy>([
      [1, { retentionMs: 2000 }],
      [2, { retentionBytes: 9000 }],
      [3, {}],
    ]);
    const floor = (_: number, queueId: number) => (queueId === 2 ? 1500 : Infinity);
    const expected = await planExpiry(segments, rules(before, floor), 10 * count, oneTurn);
    expect(new Set([...expected.keys()].map((number) => Math.floor(number / 1024)))).toEqual(
      new Set([1, 2, 4]),
    );
    const now = new Map(before);
    let turnsTaken = 0;
    const turns = new RowTurns(async () => {
      // Once each topic was met.
      if (++turnsTaken === 8) {
        for (const topicId of [1, 2]) now.set(topicId, {});
        now.set(3, { retentionMs: 0 }).set(4, {});
      }
    }, 1);
    const found = await planExpiry(segments, rules(now, floor), 10 * count, turns);
    expect([...found]).toEqual([...expected]);
    expect(turnsTaken).toBeGreaterThan(4 * count);
  });

  test('by size: never less than was asked for', async () => {
    const rows = [row(1, 0, 10, 100, 1), row(1, 10, 20, 100, 2), row(1, 20, 30, 100, 3)];
    expect(await plan({ retentionBytes: 250 }, rows, 9)).toBeUndefined();
    expect(await plan({ retentionBytes: 200 }, rows, 9)).toBe(10);
    expect(await plan({ retentionBytes: 100 }, rows, 9)).toBe(20);
    expect(await plan({ retentionBytes: 0 }, rows, 9)).toBe(30);
    expect(await plan({}, rows, 9)).toBeUndefined();
  });
});
