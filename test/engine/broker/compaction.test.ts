import { afterEach, beforeEach, expect, test } from 'vitest';
import { filterOf } from '../../../connectors/rocketmq/filters.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { parkedTopic } from '../../../engine/broker/parked.ts';
import { RetentionKeeper } from '../../../engine/broker/retention-keeper.ts';
import { limits } from '../../../platform/limits.ts';
import { col, indexRowWidth } from '../../../storage/queues/index-rows.ts';
import { bodies, openTestBroker, type Sent, type TestBroker } from './harness.ts';

/** What consumers see of a compacted topic, and how what has ceased to wait goes from the log. */

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topics.create('t', { queues: 1, ifNotExists: false, cleanup: 'compact' });
});
afterEach(() => broker.stop());

const member = { group: 'g', clientId: 'c' };
const message = (key: string | undefined, body: string, more: Partial<Sent> = {}): Sent => ({
  body,
  ...(key === undefined ? {} : { key }),
  ...more,
});

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Ends the segments, and compacts what they hold of the topic. */
async function compact(name = 't', tombstoneMs: number = limits.tombstoneMs): Promise<number> {
  const topic = broker.topics.internal(name)!.topicId;
  let removed = 0;
  for (let pass = 0; pass < 3; pass++) {
    await settle();
    const report = await broker.store.retain({
      policy: (topicId) => (topicId === topic ? { compaction: { tombstoneMs } } : {}),
      floor: () => Infinity,
      segmentAgeMs: 0,
      compactionLagMs: 0,
      compactionAgeMs: 0,
    });
    removed += report.compactedMessages;
  }
  return removed;
}

test('a group sees the newest message of each key, in batches too', async () => {
  await broker.publishTogether('t', [
    message('a', 'a1'),
    message('b', 'b1'),
    message(undefined, 'none'),
    message('a', 'a2'),
  ]);
  await broker.publish('t', [message('b', 'b2'), message('c', 'c1'), message('b', 'b3')]);
  expect(await compact()).toBe(3);
  const popped = await broker.pop('g', 't');
  expect(bodies(popped)).toEqual(['none', 'a2', 'c1', 'b3']);
  expect(popped.map(({ offset }) => offset)).toEqual([2, 3, 5, 6]);
  for (const { receiptHandle } of popped) broker.consumers.acknowledge(member, receiptHandle);
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 7, inFlight: 0 }]);
  broker = await broker.lose();
  expect(bodies(await broker.pop('other', 't', { filter: filterOf({ expression: '*' }) }))).toEqual(
    ['none', 'a2', 'c1', 'b3'],
  );
});

test('what a group holds may go: it does not come again, and the group goes on', async () => {
  await broker.groups.create('g', { ...defaultGroup, fifo: true }, false);
  await broker.publishTogether('t', [
    message('a', 'a1', { group: 'm' }),
    message('b', 'b1', { group: 'm' }),
  ]);
  await broker.publish('t', [message('a', 'a2', { group: 'm' })]);
  const [held] = await broker.pop('g', 't', { max: 1 });
  expect(bodies([held!])).toEqual(['a1']);
  expect(await compact()).toBe(1);
  // Its handle is as good as before, also for one that asks for the dead letters.
  await broker.consumers.forwardToDeadLetters(member, 't', held!.receiptHandle);
  const [next] = await broker.pop('g', 't', { max: 1 });
  expect(bodies([next!])).toEqual(['b1']);
  broker.clock.advance(1000);
  await broker.publish('t', [message('b', 'b2', { group: 'm' })]);
  expect(await compact()).toBe(1);
  const rest = await broker.pop('g', 't');
  expect(bodies(rest)[0]).toBe('a2');
  broker.consumers.acknowledge(member, rest[0]!.receiptHandle);
  for (const one of rest.slice(1)) broker.consumers.acknowledge(member, one.receiptHandle);
  const last = await broker.pop('g', 't');
  expect([...bodies(rest), ...bodies(last)]).toEqual(['a2', 'b2']);
});

test('a message without a body deletes its key; other topics refuse it', async () => {
  await broker.publish('t', [message('a', 'a1'), message('b', 'b1'), message('a', '')]);
  await expect(broker.publish('t', [message(undefined, '')])).rejects.toMatchObject({
    code: 'MESSAGE_EMPTY',
  });
  await broker.topic('plain');
  await expect(broker.publish('plain', [message('a', '')])).rejects.toMatchObject({
    code: 'MESSAGE_EMPTY',
  });
  await compact();
  expect(bodies(await broker.pop('g', 't'))).toEqual(['b1', '']);
  broker.clock.advance(limits.tombstoneMs);
  await compact();
  expect(bodies(await broker.pop('later', 't'))).toEqual(['b1']);
});

test('a compacted topic has no retention, and can be made one that deletes', async () => {
  const { topicId } = broker.topics.get('t');
  await expect(
    broker.topics.alter(topicId, { cleanup: 'compact', retentionMs: 1000 }),
  ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await broker.topics.alter(topicId, { retentionMs: 1000 });
  expect(broker.topics.get('t').cleanup).toBeUndefined();
  await broker.topics.alter(topicId, { cleanup: 'compact', tombstoneMs: 5 });
  broker = await broker.restart();
  expect(broker.topics.get('t')).toMatchObject({ cleanup: 'compact', tombstoneMs: 5 });
  expect(broker.topics.get('t').retentionMs).toBeUndefined();
});

/** Offsets of the entries that are left of the parked messages. */
async function parkedOffsets(): Promise<number[]> {
  const { topicId } = broker.topics.internal(parkedTopic)!;
  const { values, rowCount } = await broker.store.indexRows(topicId, 0, 0, 10_000);
  const left: number[] = [];
  for (let row = 0; row < rowCount; row++) {
    const at = (name: keyof typeof col) => values[row * indexRowWidth + col[name]]!;
    const place = [at('partition'), at('position'), at('length')] as const;
    if ((await broker.store.readEntry(...place)) !== undefined) left.push(at('baseOffset'));
  }
  return left;
}

for (const how of ['restart', 'crash', 'lose'] as const) {
  test(`what waits stays in the log, what has ended goes (${how})`, async () => {
    await broker.topic('plain');
    const now = broker.clock.nowMs();
    const far = 400 * 86_400_000;
    const late = await broker.later('plain', 'far', now + far);
    const recalled = await broker.later('plain', 'recalled', now + far);
    for (let i = 0; i < 30; i++) await broker.later('plain', `soon ${i}`, now + 1000 + i);
    await broker.half('plain', 'half-1', 'committed');
    await broker.half('plain', 'half-2', 'open');
    broker.clock.advance(1100);
    await settle();
    await broker.transactions.end('plain', 'half-1', 'commit');
    await broker.delays.recall('plain', recalled.handle);
    expect(bodies(await broker.pop('g', 'plain'))).toHaveLength(31);
    await compact(parkedTopic, 0);
    // The far one, and the open half.
    expect(await parkedOffsets()).toEqual([0, 33]);
    broker = await broker[how]();
    await expect(broker.delays.recall('plain', recalled.handle)).rejects.toMatchObject({
      code: 'MESSAGE_NOT_FOUND',
    });
    await broker.transactions.end('plain', 'half-2', 'commit');
    expect(bodies(await broker.pop('new', 'plain'))).toHaveLength(32);
    if (how === 'crash') await broker.delays.recall('plain', late.handle);
    for (let i = 0; i < 3; i++) {
      broker.clock.advance(far);
      await settle();
    }
    const arrived = bodies(await broker.pop('newer', 'plain', { max: 100 }));
    expect(arrived.includes('far')).toBe(how !== 'crash');
    await compact(parkedTopic, 0);
    expect(await parkedOffsets()).toEqual([]);
    broker = await broker[how]();
    expect(broker.transactions.pendingCount).toBe(0);
    await broker.later('plain', 'again', broker.clock.nowMs() + 10);
    broker.clock.advance(2000);
    await settle();
    expect(bodies(await broker.pop('newest', 'plain', { max: 100 }))).toContain('again');
  });
}

test('a dropped topic is forgotten once nothing is left of it', async () => {
  await broker.topics.create('short', { queues: 1, ifNotExists: false, retentionMs: 1000 });
  await broker.topic('gone');
  await broker.publish('gone', [message(undefined, 'x'.repeat(5000))]);
  const asked: number[][] = [];
  const { store } = broker;
  const retain: typeof store.retain = (rules) => {
    asked.push([...(rules.dropped ?? [])]);
    return store.retain(rules);
  };
  const keeper = new RetentionKeeper({
    ...broker,
    store: Object.assign(Object.create(store), { retain }),
    readers: { flushCheckpoint: async () => undefined, held: [] },
    logger: { log: () => undefined },
  });
  const { topicId } = broker.topics.get('gone');
  await broker.topics.drop(topicId);
  for (let pass = 0; pass < 8; pass++) {
    await settle();
    broker.clock.advance(2000);
    await keeper.run();
  }
  await keeper.close();
  expect(asked.slice(0, 2)).toEqual([[topicId], [topicId]]);
  expect(asked.at(-1)).toEqual([]);
});

test('a damaged segment and a topic that has undecodable entries are logged once', async () => {
  const lines: unknown[] = [];
  const damagedSegments = [{ path: '/data/log/p0/s', text: 'damaged at byte 7' }];
  const found = { topicId: 5, queueId: 1, offset: 9, entries: 2 };
  const undecodable = [{ ...found, text: 'cut' }];
  const retain = async () => ({
    ...(await broker.store.retain(keepAll)),
    damagedSegments,
    undecodable,
  });
  const keepAll = { policy: () => ({}), floor: () => 0, segmentAgeMs: 1e9, compactionLagMs: 1e9 };
  const keeper = new RetentionKeeper({
    ...broker,
    store: Object.assign(Object.create(broker.store), { retain }),
    readers: { flushCheckpoint: async () => undefined, held: [] },
    logger: { log: (level, _, details) => lines.push([level, details]) },
  });
  for (let pass = 0; pass < 2; pass++) await keeper.run();
  await keeper.close();
  expect(lines).toEqual([
    ['error', { path: '/data/log/p0/s', error: 'damaged at byte 7' }],
    ['error', { ...found, error: 'cut' }],
  ]);
});
