import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { isDamage } from '../../storage/check/findings.ts';
import { verifyLog } from '../../storage/check/verify.ts';
import { HalfSipHash } from '../../storage/compaction/half-sip-hash.ts';
import { NewestMessages } from '../../storage/compaction/newest-messages.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import type { RetentionRules, Store } from '../../storage/store.ts';
import {
  draftMessages,
  finalState,
  type KeyedSent,
  keyedFormat,
  presentIds,
  sendKeyed,
} from './keyed.ts';

const seed = Number(process.env.SEED ?? 20261126);
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
function open({ fs, kv, clock }: World, compactionKeyBytes = 64 * 36): Promise<Store> {
  const random = new SeededRandom(7);
  return openStore({
    ...{ fs, kv, clock, random, directory: '/data', dataDirectories, keyedFormat },
    ...{ segmentBytes: 3000, strideBytes: 1000, compactionKeyBytes },
  });
}

/** Topics 1 and 2 are compacted. */
function rules(floor: RetentionRules['floor'] = () => Infinity): RetentionRules {
  return {
    policy: (topicId) => {
      if (topicId === 1) return { compaction: { tombstoneMs: hour } };
      return topicId === 2 ? { compaction: { tombstoneMs: 0 } } : {};
    },
    floor,
    segmentAgeMs: 1000,
    compactionLagMs: 0,
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
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
          await model.append(store, 1 + random.below(3), random.below(2), random, keys);
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
  expect(removed).toBeGreaterThan(1000);
}, 180_000);
