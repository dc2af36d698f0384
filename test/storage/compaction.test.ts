import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { isDamage } from '../../storage/check/findings.ts';
import { verifyLog } from '../../storage/check/verify.ts';
import { HalfSipHash } from '../../storage/compaction/half-sip-hash.ts';
import { type MessagePlace, NewestMessages } from '../../storage/compaction/newest-messages.ts';
import {
  advanced,
  dueHorizon,
  type TopicProgress,
} from '../../storage/compaction/topic-progress.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import type { Entry, KeyedFormat, RetentionRules, Store } from '../../storage/store.ts';
import { seedOr } from '../random-seed.ts';
import {
  draftMessages,
  finalState,
  type KeyedSent,
  keyedFormat,
  presentIds,
  sendKeyed,
} from './keyed.ts';
import { readFile, segmentPaths } from './segments.ts';

const seed = seedOr(20261126);
const hour = 3_600_000;
const dataDirectories = new Map([[1, '/data']]);
const queues = [0, 1];

interface World {
  fs: MemoryFs;
  kv: MemoryKv;
  readonly clock: ManualClock;
}

function newWorld(): World {
  return { fs: new MemoryFs(), kv: new MemoryKv(), clock: new ManualClock() };
}

/** `compactionKeyBytes`: room for 48 keys. */
function open(
  { fs, kv, clock }: World,
  compactionKeyBytes = 64 * 36,
  format = keyedFormat,
): Promise<Store> {
  const random = new SeededRandom(7);
  return openStore({
    ...{ fs, kv, clock, random, directory: '/data', dataDirectories, keyedFormat: format },
    ...{ segmentBytes: 3000, strideBytes: 1000, compactionKeyBytes },
  });
}

/** Topics 1 and 2 are compacted, 4 expires. */
function rules(floor: RetentionRules['floor'] = () => Infinity): RetentionRules {
  return {
    policy: (topicId) => {
      if (topicId === 1) return { compaction: { tombstoneMs: hour } };
      if (topicId === 2) return { compaction: { tombstoneMs: 0 } };
      return topicId === 4 ? { retentionMs: hour } : {};
    },
    floor,
    segmentAgeMs: 1000,
    compactionLagMs: 0,
    compactionAgeMs: 0,
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function logBytes({ fs }: World): Promise<number> {
  let bytes = 0;
  for (const directory of ['/data/log/p0', '/data/p1']) {
    for (const path of await segmentPaths(fs, directory))
      bytes += (await readFile(fs, path)).length;
  }
  return bytes;
}

/** Ends the last segments; a pass finds what the one before found sealed. */
async function retainAll(world: World, store: Store, times = 3): Promise<number> {
  let removed = 0;
  for (let time = 0; time < times; time++) {
    world.clock.advance(1000);
    removed += (await store.retain(rules())).compactedMessages;
    await settle();
  }
  return removed;
}

class Model {
  readonly sent: KeyedSent[] = [];
  nextId = 1;

  async append(store: Store, topicId: number, queueId: number, random: SeededRandom, keys: number) {
    const drafts = draftMessages(random, this.nextId, keys);
    this.nextId += drafts.length;
    this.sent.push(...(await sendKeyed(store, topicId, queueId, drafts, random)));
  }

  of(topicId: number): readonly KeyedSent[] {
    return this.sent.filter((one) => one.topicId === topicId);
  }

  /** The messages of the topic that are there. Checks offsets, ids and what must be there. */
  async check(store: Store, topicId: number): Promise<readonly KeyedSent[]> {
    const own = this.of(topicId);
    const there = new Set<KeyedSent>();
    for (const queueId of queues) {
      const sent = own.filter((one) => one.queueId === queueId);
      const { maxOffset } = await store.range(topicId, queueId);
      expect(maxOffset).toBe(sent.length);
      const ids = await presentIds(store, topicId, queueId);
      for (const [offset, id] of ids) {
        const one = sent.find((message) => message.offset === offset);
        expect(id).toBe(one?.id);
        there.add(one!);
      }
    }
    const left = own.filter((one) => there.has(one));
    expect(finalState(left)).toEqual(finalState(own));
    for (const one of own) if (one.key === undefined) expect(there).toContain(one);
    return left;
  }

  /** From the queue's first offset on everything is there. */
  async checkExpiring(store: Store, topicId: number): Promise<void> {
    for (const queueId of queues) {
      const { minOffset, maxOffset } = await store.range(topicId, queueId);
      const sent = this.of(topicId).filter((one) => one.queueId === queueId);
      expect(maxOffset).toBe(sent.length);
      const ids = await presentIds(store, topicId, queueId);
      for (const { offset, id } of sent) if (offset >= minOffset) expect(ids.get(offset)).toBe(id);
    }
  }
}

type Action = { readonly kind: string; readonly n: number };
const action = (kind: string, weight: number, max: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), n: fc.nat({ max }) }),
});

test(`append, compact, move, restart, crash and lose the index against a model (seed ${seed})`, async () => {
  let removed = 0;
  const actions = fc.array(
    fc.oneof(
      action('append', 8, 25),
      action('retain', 6, 3),
      action('wait', 2, 40),
      action('move', 1, 7),
      action('restart', 2, 3),
      action('floor', 1, 60),
    ),
    { minLength: 5, maxLength: 40 },
  );
  const run = async (list: readonly Action[], randomSeed: number) => {
    const random = new SeededRandom(randomSeed);
    const keys = [3, 20, 200][random.below(3)]!;
    const world = newWorld();
    const model = new Model();
    let store = await open(world);
    let floor = Infinity;
    for (const { kind, n } of list) {
      if (kind === 'append') {
        for (let i = 0; i <= n; i++) {
          await model.append(store, 1 + random.below(4), random.below(2), random, keys);
          if (random.below(3) === 0) world.clock.advance(random.below(1000));
        }
        await settle();
      } else if (kind === 'wait') world.clock.advance(n * 0.1 * hour);
      else if (kind === 'move') await store.moveQueues(1 + (n >> 2), [0, 1], n & 1);
      else if (kind === 'floor') floor = n > 30 ? Infinity : n;
      else if (kind === 'retain') {
        const before = new Set(await model.check(store, 1));
        const now = floor;
        const report = await store.retain(rules((topicId) => (topicId === 1 ? now : Infinity)));
        removed += report.compactedMessages;
        await settle();
        const after = new Set(await model.check(store, 1));
        for (const one of before) if (one.offset >= now) expect(after).toContain(one);
      } else {
        const disk = n === 0 ? world.fs.killClone() : world.fs;
        await store.close();
        world.fs = disk;
        if (n >= 2) world.kv = new MemoryKv();
        store = await open(world);
      }
      for (const topicId of [1, 2, 3]) {
        const left = await model.check(store, topicId);
        if (topicId === 3) expect(left.length).toBe(model.of(3).length);
      }
      await model.checkExpiring(store, 4);
    }
    await settle();
    // With time enough one message is left of each key, and no tombstone.
    removed += await retainAll(world, store, 12);
    world.clock.advance(2 * hour);
    removed += await retainAll(world, store);
    for (const topicId of [1, 2]) {
      const left = (await model.check(store, topicId)).filter(({ key }) => key !== undefined);
      expect(left.map(({ key }) => key).sort()).toEqual(
        [...finalState(model.of(topicId)).keys()].sort(),
      );
    }
    await store.close();
    const { fs, kv, clock } = world;
    const { findings } = await verifyLog({ fs, kv, clock, directory: '/data', dataDirectories });
    expect(findings.filter(isDamage)).toEqual([]);
  };
  await fc.assert(fc.asyncProperty(actions, fc.integer(), run), { seed, numRuns: 25 });
  expect(removed).toBeGreaterThan(200);
}, 180_000);

describe('one pass', () => {
  test('takes no more keys than it has memory for, and the next one goes on', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    for (let i = 0; i < 300; i++) await model.append(store, 1, i % 2, random, 250);
    await settle();
    await store.retain(rules());
    world.clock.advance(1000);
    const left: number[] = [];
    for (let pass = 0; pass < 12; pass++) {
      await store.retain(rules());
      left.push((await model.check(store, 1)).length);
    }
    // The first 48 keys may come once each before any comes again.
    expect(left[0]).toBeLessThanOrEqual(model.sent.length);
    expect(left[5]).toBeLessThan(left[0]!);
    await store.close();
  });

  test('lets messages without a key stay, and a tombstone for its time', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const sent: KeyedSent[] = [];
    let id = 0;
    const send = async (key: number | undefined, isTombstone = false) => {
      sent.push(...(await sendKeyed(store, 1, 0, [{ key, isTombstone, id: id++ }], random)));
    };
    await send(1);
    await send(undefined);
    await send(2);
    await send(1, true);
    await send(undefined);
    await send(2);
    await settle();
    await retainAll(world, store);
    expect([...(await presentIds(store, 1, 0)).keys()]).toEqual([1, 3, 4, 5]);
    expect(await store.range(1, 0)).toEqual({ minOffset: 0, compactedOffset: 3, maxOffset: 6 });
    // Old enough when it was found alone, but not so long ago that it was.
    world.clock.advance(hour / 2);
    await retainAll(world, store);
    expect([...(await presentIds(store, 1, 0)).keys()]).toEqual([1, 3, 4, 5]);
    // Somebody sets the clock forward: no reader has had more time for that.
    world.clock.setWall(world.clock.nowMs() + 100 * hour);
    await retainAll(world, store);
    expect([...(await presentIds(store, 1, 0)).keys()]).toEqual([1, 3, 4, 5]);
    world.clock.advance(hour / 2);
    await retainAll(world, store);
    expect([...(await presentIds(store, 1, 0)).keys()]).toEqual([1, 4, 5]);
    // What is compacted is known also when the index is built again.
    await store.close();
    const again = await open({ ...world, kv: new MemoryKv() });
    expect(await again.range(1, 0)).toEqual({ minOffset: 0, compactedOffset: 4, maxOffset: 6 });
    expect([...(await presentIds(again, 1, 0)).keys()]).toEqual([1, 4, 5]);
    await again.close();
  });

  test('does nothing to a topic that gets a reader while keys are gathered', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    for (let i = 0; i < 100; i++) await model.append(store, 1, 0, random, 3);
    await settle();
    await store.retain(rules());
    world.clock.advance(1000);
    let asked = 0;
    const floor = () => (asked++ === 0 ? Infinity : 0);
    expect((await store.retain(rules(floor))).compactedMessages).toBe(0);
    expect(asked).toBe(2);
    expect((await model.check(store, 1)).length).toBe(model.sent.length);
    expect(await retainAll(world, store)).toBeGreaterThan(100);
    await store.close();
  });

  test('takes what went out of the index too, and leaves the rest as it was', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    for (let i = 0; i < 2500; i++) await model.append(store, 1, 0, random, 3);
    // Written, and no longer in memory.
    world.clock.advance(1500);
    await settle();
    await retainAll(world, store);
    await model.check(store, 1);
    const { rowCount } = await store.indexRows(1, 0, 0, Infinity);
    expect(rowCount).toBeLessThan(1000);
    const last = model.of(1).at(-1)!;
    expect(await store.offsetAtTime(1, 0, last.timeMs + 1)).toBe(last.offset + 1);
    await store.close();
    const again = await open(world);
    await model.check(again, 1);
    expect((await again.indexRows(1, 0, 0, Infinity)).rowCount).toBe(rowCount);
    await again.close();
    const { fs, kv, clock } = world;
    const { findings } = await verifyLog({ fs, kv, clock, directory: '/data', dataDirectories });
    expect(findings.filter(isDamage)).toEqual([]);
  });

  test('waits with a tombstone for an older message in a segment that takes writes', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    const send = async (topicId: number, key: number, isTombstone: boolean) => {
      const drafts = [{ key, isTombstone, id: model.nextId++ }];
      model.sent.push(...(await sendKeyed(store, topicId, 0, drafts, random)));
      world.clock.advance(10);
    };
    await store.moveQueues(2, [0], 1);
    await send(2, 1, false);
    await store.moveQueues(2, [0], 0);
    await send(2, 1, true);
    for (let i = 0; i < 200; i++) await send(3, 1, false);
    await settle();
    const noRoll = { ...rules(), segmentAgeMs: Infinity };
    for (let pass = 0; pass < 4; pass++) await store.retain(noRoll);
    expect(await presentIds(store, 2, 0)).toEqual(
      new Map([
        [0, 1],
        [1, 2],
      ]),
    );
    await model.check(store, 2);
    // Once that segment has ended the message goes, then the tombstone.
    await retainAll(world, store, 4);
    expect((await presentIds(store, 2, 0)).size).toBe(0);
    await store.close();
  });

  test('lets young messages stay, and older ones of their keys go', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    for (let i = 0; i < 60; i++) await model.append(store, 1, i % 2, random, 3);
    world.clock.advance(hour);
    const old = model.sent.length;
    for (let i = 0; i < 60; i++) await model.append(store, 1, i % 2, random, 3);
    await settle();
    const young = { ...rules(), compactionAgeMs: hour / 2 };
    let removed = 0;
    for (let pass = 0; pass < 4; pass++) {
      world.clock.advance(1000);
      removed += (await store.retain(young)).compactedMessages;
      await settle();
    }
    const left = await model.check(store, 1);
    expect(removed).toBeGreaterThan(old / 2);
    expect(left.filter(({ id }) => id > old).length).toBe(model.sent.length - old);
    await store.close();
  });

  test('is not made again for what is clean, nor early for a little', async () => {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    const lag = { ...rules(), compactionLagMs: hour, compactionAgeMs: 0 };
    const pass = async () => {
      world.clock.advance(1000);
      const report = await store.retain(lag);
      await settle();
      return report.compactedMessages;
    };
    for (let i = 0; i < 200; i++) await model.append(store, 1, 0, random, 100);
    await settle();
    expect([await pass(), await pass(), await pass()].filter((count) => count > 0).length).toBe(1);
    for (let i = 0; i < 10; i++) await model.append(store, 1, 0, random, 100);
    await settle();
    expect([await pass(), await pass(), await pass()]).toEqual([0, 0, 0]);
    world.clock.advance(2 * hour);
    expect((await pass()) + (await pass())).toBeGreaterThan(0);
    await store.close();
  });
});

describe('a pass that fails', () => {
  /** Compacted messages, such that have expired, and such that stay, in the same segments. */
  async function damaged(isDamaged: (entry: Entry) => boolean) {
    const damage = { isOn: true };
    const format: KeyedFormat = {
      ...keyedFormat,
      messages(entry, policy) {
        if (damage.isOn && isDamaged(entry)) throw new MillraceError('IO', 'failed');
        return keyedFormat.messages(entry, policy);
      },
    };
    const world = newWorld();
    const random = new SeededRandom(seed);
    const store = await open(world, 1 << 20, format);
    const model = new Model();
    for (let i = 0; i < 250; i++) await model.append(store, [1, 4, 4, 3, 4][i % 5]!, 0, random, 6);
    await settle();
    world.clock.advance(2 * hour);
    await store.retain({ ...rules(), policy: () => ({}) });
    let replaced = 0;
    store.onSegmentsReplaced(() => replaced++);
    const before = await logBytes(world);
    await expect(store.retain(rules())).rejects.toMatchObject({ code: 'IO' });
    // The dataflow worker lets go of the files before.
    expect(replaced).toBe(1);
    expect(await store.range(4, 0)).toMatchObject({ minOffset: model.of(4).length });
    await settle();
    damage.isOn = false;
    return { world, store, model, shrunkTo: (await logBytes(world)) / before };
  }

  test('keeps no topic from expiring', async () => {
    const { world, store, model, shrunkTo } = await damaged(({ topicId }) => topicId === 1);
    expect(shrunkTo).toBeLessThan(0.8);
    expect((await model.check(store, 1)).length).toBe(model.of(1).length);
    expect(await retainAll(world, store)).toBeGreaterThan(50);
    await model.check(store, 1);
    await store.close();
  });

  test('keeps its own segments only, and the pass of its topic is made again', async () => {
    let looks = 0;
    // Keys are gathered and judged; then, when its segment is written anew, it cannot be read.
    const { world, store, model, shrunkTo } = await damaged(
      ({ topicId, baseOffset }) => topicId === 1 && baseOffset === 0 && ++looks === 3,
    );
    expect(looks).toBe(3);
    expect(shrunkTo).toBeLessThan(0.8);
    expect([...(await presentIds(store, 1, 0)).keys()]).toContain(0);
    await retainAll(world, store);
    world.clock.advance(2 * hour);
    await retainAll(world, store);
    const left = (await model.check(store, 1)).filter(({ key }) => key !== undefined);
    expect(left.length).toBe(finalState(model.of(1)).size);
    await store.close();
  });
});

describe('an entry that cannot be decoded', () => {
  /** One that sees the messages of this offset on up to the second one only. */
  function older(offset: number, at: 'messages' | 'without' = 'messages'): KeyedFormat {
    const fail = () => {
      throw new RangeError('the offset is out of range');
    };
    const isPlanted = ({ topicId, baseOffset }: Entry) => topicId === 1 && baseOffset === offset;
    return {
      *messages(entry, policy) {
        for (const [index, message] of [...keyedFormat.messages(entry, policy)].entries()) {
          if (at === 'messages' && index === 1 && isPlanted(entry)) fail();
          yield message;
        }
      },
      without: (entry, ...rest) =>
        at === 'without' && isPlanted(entry) ? fail() : keyedFormat.without(entry, ...rest),
    };
  }

  /** `-`: the key's tombstone. */
  async function planted(at?: 'messages' | 'without') {
    const world = newWorld();
    const random = new SeededRandom(seed);
    const format = older(3, at);
    const store = await open(world, 1 << 20, format);
    let id = 0;
    for (const request of ['1', '2', '3', '1 2 3', '2', '4', '-4', '-3', '5', '5']) {
      const drafts = request.split(' ').map((text) => {
        const key = Math.abs(Number(text));
        return { key, isTombstone: text.startsWith('-'), id: id++ };
      });
      await sendKeyed(store, 1, 0, drafts, random);
      world.clock.advance(10);
    }
    await settle();
    return { world, store, format };
  }
  const left = async (store: Store) => [...(await presentIds(store, 1, 0)).keys()];

  test('supersedes nothing, stays whole, keeps tombstones, and is counted', async () => {
    const { world, store, format } = await planted();
    await retainAll(world, store);
    // 0 is superseded by it alone; 3, 4 and 5 are its own.
    expect(await left(store)).toEqual([0, 3, 4, 5, 6, 8, 9, 11]);
    expect(store.stats().undecodableEntries).toBe(1);
    const found = { topicId: 1, queueId: 0, offset: 3, entries: 1 };
    const report = await store.retain(rules());
    expect(report.undecodable).toEqual([{ ...found, text: 'the offset is out of range' }]);
    let now = store;
    for (let start = 0; start < 2; start++) {
      world.clock.advance(2 * hour);
      await sendKeyed(now, 1, 0, [{ key: 5, isTombstone: false, id: 99 }], new SeededRandom(1));
      await settle();
      await retainAll(world, now);
      expect(await left(now)).toEqual([0, 3, 4, 5, 6, 8, 9, 12 + start]);
      expect(now.stats().undecodableEntries).toBe(1);
      await now.close();
      now = await open(world, 1 << 20, format);
    }
    await now.close();
    // A version that can decode it finds all of it as if it had been there before.
    const newer = await open(world);
    await retainAll(world, newer);
    expect(newer.stats().undecodableEntries).toBe(0);
    expect(await left(newer)).toEqual([3, 6, 8, 9, 13]);
    world.clock.advance(2 * hour);
    await retainAll(world, newer);
    expect(await left(newer)).toEqual([3, 6, 13]);
    await newer.close();
  });

  test('stays whole when it cannot be written without some of its messages', async () => {
    const { world, store } = await planted('without');
    await retainAll(world, store);
    world.clock.advance(2 * hour);
    await retainAll(world, store);
    // It superseded 0, and keeps 4 and 5, which were superseded.
    expect(await left(store)).toEqual([3, 4, 5, 6, 8, 9, 11]);
    expect(store.stats().undecodableEntries).toBe(1);
    await store.close();
  });

  test('is no longer counted once its topic is gone', async () => {
    const { world, store } = await planted();
    await retainAll(world, store);
    const dropped = { ...rules(), policy: () => undefined };
    expect((await store.retain(dropped)).undecodable).toEqual([]);
    await store.close();
  });
});

test('a failure of any operation of a pass loses nothing, and the pass can be made again', async () => {
  for (let n = 1, isOver = false; !isOver; n++) {
    let operations = Number.NEGATIVE_INFINITY;
    const fs = new MemoryFs({
      onOperation: (_, operation, path) => {
        if (++operations === n) throw new MillraceError('IO', `${operation} failed on ${path}`);
      },
    });
    const world = { ...newWorld(), fs };
    const random = new SeededRandom(seed);
    const store = await open(world);
    const model = new Model();
    for (let i = 0; i < 60; i++) await model.append(store, 1, i % 2, random, 6);
    await settle();
    world.clock.advance(1000);
    await store.retain(rules());
    await settle();
    operations = 0;
    const failed = await store.retain(rules()).then(
      () => false,
      () => true,
    );
    isOver = operations < n;
    operations = Number.NEGATIVE_INFINITY;
    expect(failed).toBe(!isOver);
    await model.check(store, 1);
    await retainAll(world, store);
    const left = (await model.check(store, 1)).filter(({ key }) => key !== undefined);
    expect(left.length).toBeLessThan(40);
    await store.close();
  }
});

test('horizons stay few, and none is due before its time', () => {
  const waitMs = hour;
  let progress: TopicProgress = { clean: new Map(), horizons: [] };
  const cutAt = (ms: number) => new Map([[0, ms]]);
  for (let nowMs = 0; nowMs < 20 * hour; nowMs += 60_000) {
    const now = { nowMs, monotonicMs: nowMs };
    const due = dueHorizon(progress, waitMs, now);
    // What was clean for so long is never below a later cut.
    if (due !== undefined) expect(due.cut.get(0)).toBeLessThanOrEqual(nowMs - waitMs);
    progress = advanced(progress, cutAt(nowMs), due, { ...now, waitMs });
    expect(progress.horizons.length).toBeLessThan(12);
    const [oldest] = progress.horizons;
    if (nowMs > 2 * hour) expect(oldest!.atMs).toBeGreaterThan(nowMs - 1.3 * hour);
  }
  expect(advanced(progress, cutAt(1), undefined, undefined).horizons).toEqual(progress.horizons);
});

test('HalfSipHash-2-4 gives the values of its reference', () => {
  // vectors_hsip64 of github.com/veorq/SipHash, whose key is 00 to 07.
  const hash = new HalfSipHash(0x03020100, 0x07060504);
  const output = Buffer.alloc(8);
  for (const [length, expected] of ['218d1f59b9b83cc8', 'be552412f8387315'].entries()) {
    hash.update(Uint8Array.from({ length }, (_, i) => i));
    output.writeInt32LE(hash.low, 0);
    output.writeInt32LE(hash.high, 4);
    expect(output.toString('hex')).toBe(expected);
  }
});

test(`the table of newest messages agrees with a map (seed ${seed})`, () => {
  const random = new SeededRandom(seed);
  for (const [keys, budgetBytes] of [
    [500, 1e6],
    [500, 36 * 128],
  ] as const) {
    const table = new NewestMessages(keys, budgetBytes, random);
    const known = new Map<string, { storeTimeMs: number; position: number; index: number }>();
    let refused = 0;
    const drawn = () => {
      const place = {
        storeTimeMs: random.below(9),
        position: random.below(9),
        index: random.below(3),
      };
      const key = Buffer.from('k'.repeat(random.below(3)) + random.below(80));
      return { topicId: random.below(3), key, place };
    };
    for (let i = 0; i < 3000; i++) {
      const { topicId, key, place } = drawn();
      const name = `${topicId} ${key}`;
      const before = known.get(name);
      if (!table.add(topicId, key, place)) {
        expect(before).toBeUndefined();
        refused++;
      } else if (before === undefined || isNewer(place, before)) known.set(name, place);
      const other = drawn();
      const newest = known.get(`${other.topicId} ${other.key}`);
      expect(table.isSuperseded(other.topicId, other.key, other.place)).toBe(
        newest !== undefined && isNewer(newest, other.place),
      );
    }
    expect(refused > 0).toBe(budgetBytes < 1e6);
    expect(known.size).toBe(refused > 0 ? 96 : known.size);
  }
});

function isNewer(a: MessagePlace, b: MessagePlace): boolean {
  const byTime = a.storeTimeMs - b.storeTimeMs || a.position - b.position;
  return (byTime || a.index - b.index) > 0;
}
