import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { isDamage } from '../../storage/check/findings.ts';
import { verifyLog } from '../../storage/check/verify.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { RetentionRules, Store, TopicPolicy } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';
import { draftMessages, type KeyedSent, keyedFormat, recordsOf, sendKeyed } from './keyed.ts';

/**
 * The store against plain lists of what was sent: whatever was done, in whatever order, both say the
 * same, and what is missing is what retention or compaction was allowed to take.
 */

const topics = [1, 2, 3];
/** Of each topic, at first; topics grow. */
const queuesAtFirst = 2;
const queuesMax = 4;
const partitions = 3;
const keys = 4;
const retentionMs = 100_000;
const retentionBytes = 1500;
const tombstoneMs = 150_000;

const policies = {
  all: {},
  time: { retentionMs },
  size: { retentionBytes },
  compact: { compaction: { tombstoneMs } },
} satisfies Record<string, TopicPolicy>;
type PolicyName = keyof typeof policies;

/** `topic` and `queue` are taken from those that there are then. */
interface Where {
  readonly topic: number;
  readonly queue: number;
}
type Command =
  | (Where & { readonly op: 'append'; readonly entries: number; readonly wait: boolean })
  | (Where & { readonly op: 'move'; readonly to: number; readonly wait: boolean })
  | (Where & { readonly op: 'read'; readonly from: number; readonly max: number })
  | (Where & { readonly op: 'time'; readonly message: number })
  | (Where & { readonly op: 'grow' })
  | (Where & { readonly op: 'alter'; readonly policy: PolicyName })
  | (Where & { readonly op: 'floor'; readonly offset: number })
  | { readonly op: 'retain'; readonly wait: boolean }
  | { readonly op: 'wait'; readonly ms: number }
  | { readonly op: 'restart'; readonly keepsIndex: boolean }
  | { readonly op: 'power loss'; readonly keepsIndex: boolean };

const where = { topic: fc.nat({ max: topics.length - 1 }), queue: fc.nat({ max: queuesMax - 1 }) };
const op = <T extends string>(name: T) => fc.constant(name);
const wait = fc.boolean();
const keepsIndex = fc.boolean();
const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    weighted(
      8,
      fc.record({ ...where, op: op('append'), entries: fc.integer({ min: 1, max: 6 }), wait }),
    ),
    weighted(2, fc.record({ ...where, op: op('move'), to: fc.nat({ max: partitions - 1 }), wait })),
    weighted(
      3,
      fc.record({
        ...{ ...where, op: op('read') },
        ...{ from: fc.nat({ max: 60 }), max: fc.integer({ min: 1, max: 20 }) },
      }),
    ),
    weighted(1, fc.record({ ...where, op: op('time'), message: fc.nat({ max: 60 }) })),
    weighted(1, fc.record({ ...where, op: op('grow') })),
    weighted(
      1,
      fc.record({
        ...{ ...where, op: op('alter') },
        policy: fc.constantFrom(...(Object.keys(policies) as PolicyName[])),
      }),
    ),
    weighted(
      1,
      fc.record({ ...where, op: op('floor'), offset: fc.constantFrom(0, 5, 20, Infinity) }),
    ),
    weighted(5, fc.record({ op: op('retain'), wait })),
    // Shorter than the index waits, longer, and long enough for queues to be forgotten.
    weighted(3, fc.record({ op: op('wait'), ms: fc.constantFrom(1, 1500, 200_000) })),
    weighted(1, fc.record({ op: op('restart'), keepsIndex })),
    weighted(1, fc.record({ op: op('power loss'), keepsIndex })),
  ),
  { minLength: 20, maxLength: 120, size: 'max' },
);

interface Known extends KeyedSent {
  readonly base: number;
  readonly count: number;
  /** A pass was allowed to let it expire. */
  mayExpire: boolean;
  /** A pass was allowed to compact it away. */
  maySupersede: boolean;
}

interface KnownTopic {
  readonly topicId: number;
  policy: PolicyName;
  /** What has come from here on stays, in any queue. */
  floor: number;
  /** When a pass compacted it first since it was told to. */
  compactedMs: number;
  /** By queue. */
  readonly queues: Known[][];
  readonly homes: number[];
  readonly minOffsets: number[];
}

/** What the tests have seen, so that one that does nothing does not pass. */
const seen = { expired: 0, compacted: 0, cleaned: 0 };

class World {
  fs = new MemoryFs();
  kv = new MemoryKv();
  readonly clock = new ManualClock();
  readonly topics: KnownTopic[] = topics.map((topicId, i) => ({
    ...{ topicId, policy: (['all', 'time', 'compact'] as const)[i]!, floor: Infinity },
    compactedMs: Infinity,
    queues: Array.from({ length: queuesAtFirst }, () => []),
    homes: new Array<number>(queuesAtFirst).fill(0),
    minOffsets: new Array<number>(queuesAtFirst).fill(0),
  }));
  store!: Store;
  readonly #random = new SeededRandom(3);
  #running: Promise<unknown>[] = [];
  #sent = 1;

  async open(): Promise<void> {
    this.store = await openStore({
      ...{ fs: this.fs, kv: this.kv, clock: this.clock, random: new SeededRandom(1), keyedFormat },
      ...{ directory: '/data', segmentBytes: 2048, strideBytes: 512 },
      dataDirectories,
    });
  }

  async run(command: Command): Promise<void> {
    const topic = this.topics['topic' in command ? command.topic : 0]!;
    const queueId = 'queue' in command ? command.queue % topic.queues.length : 0;
    switch (command.op) {
      case 'grow':
        if (topic.queues.length === queuesMax) return;
        topic.queues.push([]);
        topic.homes.push(0);
        topic.minOffsets.push(0);
        return;
      case 'append':
        for (let i = 0; i < command.entries; i++) this.#start(this.#append(topic, queueId));
        if (command.wait) await this.settled();
        return;
      case 'move':
        this.#start(this.store.moveQueues(topic.topicId, [queueId], command.to));
        topic.homes[queueId] = command.to;
        if (command.wait) await this.settled();
        return;
      case 'read':
        await this.settled();
        await this.#read(topic, queueId, command.from, command.max);
        return;
      case 'time':
        await this.settled();
        return this.#findTime(topic, queueId, command.message);
      case 'alter':
        if (topic.policy !== command.policy) topic.compactedMs = Infinity;
        topic.policy = command.policy;
        return;
      case 'floor':
        topic.floor = command.offset;
        return;
      case 'retain':
        if (command.wait) return this.#retainAlone();
        this.#start(this.#retain());
        return;
      case 'wait':
        this.clock.advance(command.ms);
        return turn();
      case 'restart':
        await this.settled();
        await this.store.close();
        if (!command.keepsIndex) this.#loseIndex();
        return this.open();
      case 'power loss': {
        await this.settled();
        const left = this.fs.crashClone(new SeededRandom(this.#sent));
        const index = this.kv.clone();
        await this.store.close();
        this.fs = left;
        this.kv = index;
        if (!command.keepsIndex) this.#loseIndex();
        return this.open();
      }
    }
  }

  /** What had expired and is still in the log is there again. */
  #loseIndex(): void {
    this.kv = new MemoryKv();
    for (const { minOffsets } of this.topics) minOffsets.fill(0);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running.splice(0));
  }

  #start(work: Promise<unknown>): void {
    this.#running.push(work);
  }

  async #append(topic: KnownTopic, queueId: number): Promise<void> {
    const drafts = draftMessages(this.#random, this.#sent, keys);
    this.#sent += drafts.length;
    const { topicId } = topic;
    const sent = await sendKeyed(this.store, topicId, queueId, drafts, this.#random);
    const [{ offset: base }] = sent as [KeyedSent];
    const flags = { mayExpire: false, maySupersede: false };
    const known = sent.map((one) => ({ ...one, base, count: sent.length, ...flags }));
    topic.queues[queueId]!.push(...known);
  }

  /** One pass, while other things go on. */
  async #retain(): Promise<void> {
    const told = this.topics.map(({ topicId, policy, floor }) => ({ topicId, policy, floor }));
    const of = (topicId: number) => told.find((one) => one.topicId === topicId);
    const rules: RetentionRules = {
      policy: (topicId) => policies[of(topicId)?.policy ?? 'all'],
      floor: (topicId) => of(topicId)?.floor ?? Infinity,
      ...{ segmentAgeMs: 1000, compactionLagMs: 0, compactionAgeMs: 0 },
    };
    const report = await this.store.retain(rules);
    seen.expired += report.expiredQueues;
    seen.compacted += report.compactedMessages;
    seen.cleaned += report.cleanedSegments;
    expect([...report.damagedSegments, ...report.undecodable]).toEqual([]);
    for (const [i, { policy, floor }] of told.entries())
      this.#allow(this.topics[i]!, policy, floor);
  }

  /** What the pass that is over may have taken from the topic. */
  #allow(topic: KnownTopic, policy: PolicyName, floor: number): void {
    const nowMs = this.clock.nowMs();
    const below = topic.queues.flat().filter(({ base, count }) => base + count <= floor);
    if (policy === 'time' || policy === 'size') {
      for (const one of below) {
        if (policy === 'size' || one.timeMs < nowMs - retentionMs) one.mayExpire = true;
      }
    } else if (policy === 'compact') {
      topic.compactedMs = Math.min(topic.compactedMs, nowMs);
      const isLong = nowMs >= topic.compactedMs + tombstoneMs;
      const newest = new Map<number, Known>();
      for (const one of inOrder(topic)) if (one.key !== undefined) newest.set(one.key, one);
      for (const one of below) {
        if (one.key === undefined) continue;
        if (newest.get(one.key) !== one || (one.isTombstone && isLong)) one.maySupersede = true;
      }
    }
  }

  /** One pass with nothing beside it: from the floors on nothing goes, and sizes are kept. */
  async #retainAlone(): Promise<void> {
    await this.settled();
    const before = new Map<KnownTopic, ReadonlySet<Known>>();
    for (const topic of this.topics) before.set(topic, await this.#present(topic));
    await this.#retain();
    for (const topic of this.topics) {
      const after = await this.#present(topic);
      const lost = [...before.get(topic)!].filter((one) => !after.has(one));
      for (const { base, count } of lost) expect(base + count).toBeLessThanOrEqual(topic.floor);
      if (topic.policy === 'all') expect(lost).toEqual([]);
      if (topic.policy !== 'size' || lost.length === 0) continue;
      const entries = new Set([...after].map(({ queueId, base }) => `${queueId}/${base}`));
      // An entry has a header of 64 bytes, and 68 for each message at most.
      expect(entries.size * 64 + after.size * 68).toBeGreaterThanOrEqual(retentionBytes);
    }
  }

  /** The messages of the topic that are there, after a look at all that is known of it. */
  async #present(topic: KnownTopic): Promise<ReadonlySet<Known>> {
    const present = new Set<Known>();
    for (let queueId = 0; queueId < topic.queues.length; queueId++) {
      for (const one of await this.#read(topic, queueId, 0, 10_000)) present.add(one);
    }
    for (const gone of topic.queues.flat()) {
      if (present.has(gone) || !gone.isTombstone || gone.mayExpire) continue;
      // What it deleted does not come back.
      const older = [...present].filter((one) => one.key === gone.key && isNewer(gone, one));
      expect(older).toEqual([]);
    }
    return present;
  }

  /** Reads up to `max` entries; the messages that are there, each as it was sent. */
  async #read(topic: KnownTopic, queueId: number, from: number, max: number): Promise<Known[]> {
    const { topicId } = topic;
    const known = dense(topic.queues[queueId]!);
    const { minOffset, maxOffset } = await this.store.range(topicId, queueId);
    expect(maxOffset).toBe(known.length);
    expect(minOffset).toBeGreaterThanOrEqual(topic.minOffsets[queueId]!);
    topic.minOffsets[queueId] = minOffset;
    // What was compacted away between expired messages is below the first offset, too.
    for (const one of known.slice(0, minOffset)) {
      expect(one.mayExpire || one.maySupersede, `${one.id}`).toBe(true);
    }
    const { rowCount, values } = await this.store.indexRows(topicId, queueId, from, max);
    expect(rowCount).toBeLessThanOrEqual(max);
    const present: Known[] = [];
    let next = Math.max(from, minOffset);
    const passOver = (to: number) => {
      for (const one of known.slice(next, to)) expect(one.maySupersede, `${one.id}`).toBe(true);
      next = Math.max(next, to);
    };
    for (let row = 0; row < rowCount; row++) {
      const at = (name: keyof typeof col) => values[row * indexRowWidth + col[name]]!;
      const base = at('baseOffset');
      expect(base + at('count')).toBeGreaterThan(next);
      passOver(base);
      const entry = await this.store.readEntry(at('partition'), at('position'), at('length'));
      const own = known.filter((one) => one.base === base);
      expect([at('count'), at('storeTimeMs')]).toEqual([own.length, own[0]!.timeMs]);
      for (const { index, bytes } of entry === undefined ? [] : recordsOf(entry.body)) {
        const one = own[index]!;
        expect(bytes.readUInt32LE(3)).toBe(one.id);
        if (one.offset < next) continue;
        passOver(one.offset);
        next = one.offset + 1;
        present.push(one);
      }
      passOver(base + own.length);
    }
    if (rowCount < max) passOver(maxOffset);
    return present;
  }

  async #findTime(topic: KnownTopic, queueId: number, message: number): Promise<void> {
    const known = dense(topic.queues[queueId]!);
    const { timeMs } = known[message] ?? { timeMs: 1e15 };
    const offset = await this.store.offsetAtTime(topic.topicId, queueId, timeMs);
    const present = await this.#read(topic, queueId, 0, 10_000);
    for (const one of present) expect(one.offset >= offset).toBe(one.timeMs >= timeMs);
    expect(offset).toBeLessThanOrEqual(known.length);
  }

  async check(): Promise<void> {
    await this.settled();
    for (const topic of this.topics) {
      await this.#present(topic);
      for (let queueId = 0; queueId < topic.queues.length; queueId++) {
        const segments = await this.store.mapping(topic.topicId, queueId);
        expect(segments.at(-1)!.partition).toBe(topic.homes[queueId]);
        const firsts = segments.map(({ firstOffset }) => firstOffset);
        expect(firsts).toEqual([...new Set(firsts)].sort((a, b) => a - b));
      }
    }
  }

  /** With time enough all that is to go has gone. */
  async checkLast(): Promise<void> {
    for (const topic of this.topics) topic.floor = Infinity;
    for (let pass = 0; pass < 8; pass++) {
      this.clock.advance(200_000);
      await this.#retainAlone();
      await turn();
    }
    for (const topic of this.topics) {
      const present = [...(await this.#present(topic))];
      if (topic.policy === 'time') expect(present).toEqual([]);
      if (topic.policy !== 'compact') continue;
      const keyed = present.flatMap(({ key }) => (key === undefined ? [] : [key]));
      expect(keyed).toEqual([...new Set(keyed)]);
      expect(present.filter(({ isTombstone }) => isTombstone)).toEqual([]);
    }
  }
}

const dataDirectories = new Map([
  [1, '/disk1'],
  [2, '/disk2'],
]);

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Offsets are dense; acknowledgements of one commit come in any order. */
function dense(known: readonly Known[]): Known[] {
  const sorted = [...known].sort((a, b) => a.offset - b.offset);
  expect(sorted.map(({ offset }) => offset)).toEqual(sorted.map((_, i) => i));
  return sorted;
}

function isNewer(a: Known, b: Known): boolean {
  return (a.timeMs - b.timeMs || a.position - b.position || a.index - b.index) > 0;
}

function inOrder({ queues }: KnownTopic): Known[] {
  return queues.flat().sort((a, b) => (isNewer(a, b) ? 1 : -1));
}

test(`append, read, alter, grow, move, find by time, expire, compact, restart, power loss (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      const world = new World();
      await world.open();
      for (const command of list) await world.run(command);
      await world.check();
      await world.run({ op: 'restart', keepsIndex: false });
      await world.check();
      await world.checkLast();
      await world.run({ op: 'power loss', keepsIndex: false });
      await world.check();
      await world.store.close();
      const { fs, kv, clock } = world;
      const { findings } = await verifyLog({ fs, kv, clock, directory: '/data', dataDirectories });
      expect(findings.filter(isDamage)).toEqual([]);
    }),
    { seed, numRuns: 60 },
  );
  expect(seen.expired).toBeGreaterThan(60);
  expect(seen.compacted).toBeGreaterThan(600);
  expect(seen.cleaned).toBeGreaterThan(60);
}, 180_000);
