import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageKeys } from '../../../connectors/rocketmq/keyed-messages.ts';
import { Access } from '../../../engine/broker/access.ts';
import {
  type CatalogueRecord,
  decodeRecord,
  encodeRecord,
  type RecordsTrimmed,
  trimmedOffset,
  trimmedPlace,
} from '../../../engine/broker/catalogue-record.ts';
import { defaultGroup, Groups } from '../../../engine/broker/groups.ts';
import { keyedCatalogue } from '../../../engine/broker/keyed-catalogue.ts';
import { keyedEntries } from '../../../engine/broker/keyed-entries.ts';
import { RetentionKeeper } from '../../../engine/broker/retention-keeper.ts';
import { grownSlots } from '../../../engine/broker/slots.ts';
import { SystemTopic } from '../../../engine/broker/system-topic.ts';
import { Topics } from '../../../engine/broker/topics.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { isDamage } from '../../../storage/check/findings.ts';
import { verifyLog } from '../../../storage/check/verify.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { openStore } from '../../../storage/open-store.ts';
import { col, indexRowWidth } from '../../../storage/queues/index-rows.ts';
import { type Entry, entryKinds, type Store, systemTopicId } from '../../../storage/store.ts';
import { seed } from '../../random-seed.ts';

/** Records of the catalogue that say nothing any more go, and nobody can tell. */

const trimMin = 4;

/** Everything that a catalogue is, kept as the broker and the SQL engine keep it. */
class Catalogue {
  readonly topics: Topics;
  readonly groups: Groups;
  readonly access: Access;
  readonly topicIds = new Set<number>();
  /** Topics that records say were dropped, as retention has to know. */
  readonly dropped = new Set<number>();
  /** Relations and their changes (engine/views/sql-engine.ts). */
  #relations: Extract<
    CatalogueRecord,
    { op: 'relation-created' | 'relation-renamed' | 'relation-altered' }
  >[] = [];

  constructor(systemTopic: SystemTopic, clock: ManualClock) {
    this.topics = new Topics(systemTopic, clock);
    this.groups = new Groups(systemTopic, clock);
    this.access = new Access(systemTopic, clock);
    systemTopic.subscribe((record) => {
      const without = (ids: readonly number[]) =>
        this.#relations.filter(({ relationId }) => !ids.includes(relationId));
      if (record.op === 'topic-created') this.topicIds.add(record.topicId);
      else if (record.op === 'topic-dropped') {
        this.topicIds.delete(record.topicId);
        this.dropped.add(record.topicId);
      } else if (record.op === 'relation-dropped') {
        for (const topicId of record.relationIds.map((id) => this.owned(id))) {
          if (topicId !== undefined) this.dropped.add(topicId);
        }
        this.#relations = without(record.relationIds);
      } else if (record.op === 'relation-created') {
        if (record.replaces !== undefined) this.#relations = without([record.replaces]);
        this.#relations.push(record);
      } else if (record.op === 'relation-renamed' || record.op === 'relation-altered') {
        this.#relations.push(record);
      }
    });
  }

  get relationIds(): number[] {
    return this.#relations.flatMap((one) => (one.op === 'relation-created' ? one.relationId : []));
  }

  owned(relationId: number): number | undefined {
    const created = this.#relations.find((one) => one.relationId === relationId);
    return created?.op === 'relation-created' && created.ownsTopic ? created.topicId : undefined;
  }

  get state() {
    const ids = [...this.topicIds].sort((a, b) => a - b);
    return {
      topics: this.topics.list(),
      details: ids.map((id) => {
        const topic = this.topics.stateOf(id)!;
        const sources = Array.from({ length: topic.queues }, (_, q) => topic.sourcesOf(q));
        return [id, topic.created, topic.queues, topic.slots, sources];
      }),
      groups: this.groups.list(),
      users: this.access.list(),
      relations: this.#relations,
    };
  }
}

/** A system topic in memory that keeps everything. */
class Reference {
  readonly #listeners: ((record: CatalogueRecord) => void)[] = [];

  subscribe(listener: (record: CatalogueRecord) => void): void {
    this.#listeners.push(listener);
  }

  async change(decide: () => CatalogueRecord): Promise<CatalogueRecord> {
    const record = decide();
    for (const listener of this.#listeners) listener(record);
    return record;
  }
}

class World {
  fs = new MemoryFs();
  kv = new MemoryKv();
  readonly clock = new ManualClock();
  readonly records: CatalogueRecord[] = [];
  readonly dropped = new Set<number>();
  readonly gone = new Set<number>();
  store!: Store;
  systemTopic!: SystemTopic;
  catalogue!: Catalogue;
  replayed = 0;
  compacted = 0;

  async open(): Promise<void> {
    const { fs, kv, clock } = this;
    this.store = await openStore({
      ...{ fs, kv, clock, random: new SeededRandom(2), directory: '/data' },
      ...{ segmentBytes: 3000, strideBytes: 1000, keyedFormat: keyedEntries(messageKeys) },
    });
    this.systemTopic = new SystemTopic(this.store, trimMin);
    this.catalogue = new Catalogue(this.systemTopic, clock);
    this.replayed = 0;
    let isOpen = false;
    this.systemTopic.subscribe((record) => {
      if (isOpen) this.records.push(record);
      else this.replayed++;
    });
    await this.systemTopic.open();
    isOpen = true;
    for (const topicId of this.gone) this.systemTopic.topicGone(topicId);
  }

  async pass(): Promise<void> {
    this.clock.advance(2000);
    const isCompacted = this.systemTopic.hasTrimmed;
    const report = await this.store.retain({
      policy: (id) =>
        id === systemTopicId && isCompacted ? { compaction: { tombstoneMs: 0 } } : {},
      floor: () => Infinity,
      segmentAgeMs: 1000,
      compactionLagMs: 0,
      compactionAgeMs: 0,
    });
    this.compacted += report.compactedMessages;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async restart(how: number): Promise<void> {
    const disk = how === 1 ? this.fs.killClone() : this.fs;
    await this.store.close();
    this.fs = disk;
    if (how === 2) this.kv = new MemoryKv();
    const { nextTopicId, nextRelationId } = this.systemTopic;
    await this.open();
    expect(this.systemTopic).toMatchObject({ nextTopicId, nextRelationId });
    await this.check();
  }

  /** As if every record ever made had been replayed; gives that catalogue. */
  async check(): Promise<Catalogue> {
    const reference = new Reference();
    const all = new Catalogue(reference as unknown as SystemTopic, new ManualClock(0));
    for (const record of this.records) await reference.change(() => record);
    expect(this.catalogue.state).toEqual(all.state);
    for (const topicId of this.dropped) {
      if (!this.gone.has(topicId)) expect(this.catalogue.dropped).toContain(topicId);
    }
    return all;
  }

  /** Records that are in the log. */
  async left(): Promise<number> {
    const { values, rowCount } = await this.store.indexRows(systemTopicId, 0, 0, Infinity);
    let count = 0;
    for (let at = 0; at < rowCount * indexRowWidth; at += indexRowWidth) {
      const [partition, position, length] = [col.partition, col.position, col.length].map(
        (field) => values[at + field]!,
      ) as [number, number, number];
      if ((await this.store.readEntry(partition, position, length)) !== undefined) count++;
    }
    return count;
  }
}

type Action = { readonly kind: string; readonly n: number; readonly m: number };
const action = (kind: string, weight: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), n: fc.nat({ max: 3 }), m: fc.nat({ max: 7 }) }),
});

async function act(world: World, { kind, n, m }: Action): Promise<void> {
  const { catalogue, systemTopic, clock } = world;
  const { topics, groups, access } = catalogue;
  const topic = topics.find(`t${n}`);
  const relation = catalogue.relationIds[n % Math.max(1, catalogue.relationIds.length)];
  const user = { secretKey: `secret-key-${m}`, admin: m === 0, grants: [] };
  clock.advance(7 * m);
  switch (kind) {
    case 'topic':
      if (topic === undefined) await topics.create(`t${n}`, { queues: 1 + m, ifNotExists: true });
      else await topics.alter(topic.topicId, { retentionMs: 1 + m });
      return;
    case 'grow':
      if (topic === undefined) return;
      await systemTopic.change(() => {
        const { slots, queues } = topics.state(topic.name);
        const ends = Array.from({ length: queues }, (_, i) => 10 * m + i);
        const grown = { queues: queues + 1, slots: grownSlots(slots, queues + 1), ends };
        return { op: 'topic-altered', topicId: topic.topicId, ...grown };
      });
      return;
    case 'drop topic':
      if (topic === undefined) return;
      world.dropped.add(topic.topicId);
      return topics.drop(topic.topicId);
    case 'group':
      if (groups.find(`g${n}`) === undefined) return groups.create(`g${n}`, defaultGroup, false);
      return groups.alter(`g${n}`, { maxAttempts: 1 + m });
    case 'drop group':
      if (groups.find(`g${n}`) !== undefined) await groups.drop(`g${n}`);
      return;
    case 'user':
      if (access.find(`key-${n}`) === undefined) return access.create(`key-${n}`, user);
      return access.alter(`key-${n}`, user);
    case 'drop user':
      if (access.find(`key-${n}`) !== undefined) await access.drop(`key-${n}`);
      return;
    case 'relation':
      await systemTopic.change(() => ({
        ...{ op: 'relation-created', relationId: systemTopic.nextRelationId, name: `r${n}` },
        ...{ sql: `create ${m}`, timeMs: clock.nowMs() },
        ...(m < 4 ? { topicId: systemTopic.nextTopicId, ownsTopic: true } : {}),
        ...(m === 7 && relation !== undefined && catalogue.owned(relation) === undefined
          ? { replaces: relation }
          : {}),
      }));
      return;
    case 'rename':
      if (relation === undefined) return;
      await systemTopic.change(() =>
        m % 2 === 0
          ? { op: 'relation-renamed', relationId: relation, name: `r${m}` }
          : { op: 'relation-altered', relationId: relation, sql: `table ${m}`, origins: [0, null] },
      );
      return;
    case 'drop relations': {
      const relationIds = catalogue.relationIds.filter((id) => (id + n) % 3 === 0);
      if (relationIds.length === 0) return;
      for (const id of relationIds) {
        const owned = catalogue.owned(id);
        if (owned !== undefined) world.dropped.add(owned);
      }
      await systemTopic.change(() => ({ op: 'relation-dropped', relationIds }));
      return;
    }
    case 'gone':
      for (const topicId of world.dropped) {
        if ((topicId + n) % 2 !== 0) continue;
        world.gone.add(topicId);
        systemTopic.topicGone(topicId);
      }
      return;
    case 'trim':
      return systemTopic.trim();
    case 'passes':
      for (let pass = 0; pass < 3; pass++) await world.pass();
      return;
    default:
      return world.restart(m % 3);
  }
}

test(`changes, trims, passes, restarts, against all records ever made (seed ${seed})`, async () => {
  const actions = fc.array(
    fc.oneof(
      ...['topic', 'drop topic', 'group', 'drop group', 'relation', 'drop relations'].map((kind) =>
        action(kind, 4),
      ),
      ...['grow', 'user', 'drop user', 'rename', 'gone', 'restart'].map((kind) => action(kind, 2)),
      ...['trim', 'passes'].map((kind) => action(kind, 4)),
    ),
    { minLength: 100, maxLength: 300, size: 'max' },
  );
  let compacted = 0;
  const run = async (list: readonly Action[]) => {
    const world = new World();
    await world.open();
    for (const one of list) await act(world, one);
    for (let pass = 0; pass < 4; pass++) await world.pass();
    await world.restart(0);
    const all = await world.check();
    world.clock.setWall(0);
    for (const { groups } of [world.catalogue, all])
      await groups.create('new', defaultGroup, false);
    expect(world.catalogue.groups.get('new')).toEqual(all.groups.get('new'));
    compacted += world.compacted;
    await world.store.close();
    const { fs, kv, clock } = world;
    const { findings } = await verifyLog({ fs, kv, clock, directory: '/data' });
    expect(findings.filter(isDamage)).toEqual([]);
  };
  await fc.assert(fc.asyncProperty(actions, run), { seed, numRuns: 40 });
  expect(compacted).toBeGreaterThan(1000);
}, 120_000);

test('a start replays little of many changes, and the log holds little of them', async () => {
  const world = new World();
  await world.open();
  const { groups } = world.catalogue;
  for (let i = 0; i < 50; i++) await groups.create(`g${i}`, defaultGroup, false);
  const keeper = new RetentionKeeper({
    ...{ store: world.store, topics: world.catalogue.topics, clock: world.clock },
    ...{ systemTopic: world.systemTopic, compactionAgeMs: 0 },
    readers: { flushCheckpoint: async () => undefined, held: [] },
    logger: { log: () => undefined },
  });
  // A topic is dropped: from then on the keeper has something to do.
  await world.catalogue.topics.create('t', { queues: 1, ifNotExists: false });
  await world.catalogue.topics.drop(world.catalogue.topics.get('t').topicId);
  for (let i = 0; i < 1000; i++) {
    await groups.create(`h${i}`, defaultGroup, false);
    await groups.drop(`h${i}`);
    if (i % 100 !== 99) continue;
    world.clock.advance(20 * 60_000);
    await keeper.run();
  }
  for (let pass = 0; pass < 5; pass++) {
    world.clock.advance(24 * 3_600_000);
    await keeper.run();
  }
  await keeper.close();
  expect(world.records.length).toBe(2052);
  await world.restart(0);
  expect(world.replayed).toBeLessThan(110);
  expect(await world.left()).toBeLessThan(130);
  await world.store.close();
});

test('compaction takes names out of a record and leaves the others and the ids', () => {
  const ids = { nextTopicId: 7, nextRelationId: 3 };
  const entry = (record: CatalogueRecord | RecordsTrimmed, baseOffset: number): Entry => ({
    ...{ kind: entryKinds.catalogue, topicId: 0, queueId: 0, baseOffset, count: 3, partition: 0 },
    ...{ storeTimeMs: 1, position: 0, length: 9, body: encodeRecord(record), isThinned: false },
  });
  const places = [0, 5, 300].map(trimmedPlace);
  const trimmed = entry({ op: 'records-trimmed', places, ...ids }, 400);
  const policy = { tombstoneMs: 0 };
  const dropped = entry({ op: 'topic-dropped', topicId: 1 }, 5);
  const [named] = [...keyedCatalogue.messages(dropped, policy)];
  expect(named).toMatchObject({ isTombstone: false });
  const messages = [...keyedCatalogue.messages(trimmed, policy)];
  expect(messages.map((one) => one?.isTombstone)).toEqual([true, true, true, false]);
  expect(messages[1]!.key).toEqual(named!.key);
  const turns = { isOver: false, next: async () => undefined };
  for (const [kept, left] of [
    [
      [1, 0, 1, 1],
      [0, undefined, 300],
    ],
    [
      [0, 0, 0, 1],
      [undefined, undefined, undefined],
    ],
  ] as const) {
    const body = keyedCatalogue.without(trimmed, Uint8Array.from(kept), policy, turns);
    expect((body as Uint8Array).length).toBeLessThan(trimmed.body.length);
    const record = decodeRecord(body as Uint8Array, 400);
    expect(record).toMatchObject({ op: 'records-trimmed', ...ids });
    expect((record as RecordsTrimmed).places.map(trimmedOffset)).toEqual(left);
    const found = [...keyedCatalogue.messages({ ...trimmed, body: body as Uint8Array }, policy)];
    expect(found.map((one) => one !== undefined)).toEqual([
      ...left.map((o) => o !== undefined),
      true,
    ]);
  }
});

test('a trim that cannot be written is made later', async () => {
  const world = new World();
  await world.open();
  const { groups } = world.catalogue;
  for (let i = 0; i < 10; i++) {
    await groups.create('g', defaultGroup, true);
    await groups.drop('g');
  }
  const append = world.store.append.bind(world.store);
  world.store.append = () => Promise.reject(new Error('no space'));
  await expect(world.systemTopic.trim()).rejects.toThrow('no space');
  expect(world.systemTopic.hasTrimmed).toBe(false);
  world.store.append = append;
  await world.systemTopic.trim();
  expect(world.systemTopic.hasTrimmed).toBe(true);
  await world.restart(0);
  expect(world.replayed).toBeLessThan(6);
  await world.store.close();
});
