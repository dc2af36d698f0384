import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Parked } from '../../../engine/broker/parked.ts';
import { TopicAdmin } from '../../../engine/broker/topic-admin.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import { col } from '../../../storage/queues/index-rows.ts';
import { systemTopicId } from '../../../storage/store.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

/** What is left behind by what is gone. */
let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
});
afterEach(() => broker.stop());

const cursors = async () => {
  broker.clock.advance(limits.cursorFlushMs);
  const keys = [
    ...(await broker.store.derived.load('cursor/')).keys(),
    ...(await broker.store.derived.load('held/')).keys(),
  ];
  return keys.map((key) => key.replace(/\/\d+\/\d+.*/, ''));
};

test('the cursors of a topic go with it', async () => {
  await broker.publish('t', [{ body: 'a' }, { body: 'b' }]);
  const [message] = await broker.pop('g', 't', { max: 1 });
  expect(await cursors()).toEqual(['cursor/g', 'held/g']);
  await broker.topics.drop(broker.topics.get('t').topicId);
  expect(await cursors()).toEqual([]);
  expect(() =>
    broker.consumers.acknowledge({ group: 'g', clientId: 'c' }, message!.receiptHandle),
  ).toThrow('not valid');
});

test('the cursors of other topics stay, also after a restart', async () => {
  await broker.topic('other', 2);
  for (const topic of ['t', 'other']) {
    await broker.publish(topic, [{ body: 'a' }, { body: 'b' }]);
    for (const group of ['g', 'h']) await broker.pop(group, topic);
  }
  broker = await broker.restart();
  await broker.topics.drop(broker.topics.get('t').topicId);
  const { topicId } = broker.topics.get('other');
  for (const group of ['g', 'h']) {
    const progress = await broker.consumers.progress(group);
    expect(progress.map((one) => one.topicId)).toEqual([topicId, topicId]);
  }
  await broker.topics.drop(topicId);
  expect(await broker.consumers.progress('g')).toEqual([]);
  expect(await cursors()).toEqual([]);
});

test('also when the server ended in between', async () => {
  await broker.publish('t', [{ body: 'a' }]);
  await broker.pop('g', 't', { max: 1 });
  const left = await cursors();
  const { topicId } = broker.topics.get('t');
  const stored = new Map([
    ...(await broker.store.derived.load('cursor/')),
    ...(await broker.store.derived.load('held/')),
  ]);
  await broker.topics.drop(topicId);
  for (const [key, value] of stored) broker.store.derived.put(key, value);
  expect(await cursors()).toEqual(left);
  broker = await broker.restart();
  expect(await cursors()).toEqual([]);
});

test('the place of a group among its dead letters goes with the group', async () => {
  await broker.publish('t', [{ body: 'a' }]);
  const [message] = await broker.pop('g', 't');
  const member = { group: 'g', clientId: 'c' };
  await broker.consumers.forwardToDeadLetters(member, 't', message!.receiptHandle);
  expect(await broker.redrive('g', 10)).toBe(1);
  expect((await cursors()).sort()).toEqual(['cursor/%REDRIVE%g', 'cursor/g']);
  broker.consumers.forget('g');
  expect(await cursors()).toEqual([]);
});

test('a group that is made again takes no handle of the one before', async () => {
  await broker.publish('t', [{ body: 'a' }]);
  const [before] = await broker.pop('g', 't');
  await broker.groups.drop('g');
  broker.consumers.forget('g');
  // In the same second.
  const [after] = await broker.pop('g', 't');
  const member = { group: 'g', clientId: 'c' };
  expect(() => broker.consumers.acknowledge(member, before!.receiptHandle)).toThrow('expired');
  broker.consumers.acknowledge(member, after!.receiptHandle);
  expect(await broker.pop('g', 't')).toEqual([]);
});

test('a damaged parked entry does not keep the broker from its start, nor its timer', async () => {
  const now = broker.clock.nowMs();
  const { offset } = await broker.later('t', 'bad', now + 10_000);
  await broker.later('t', 'good', now + 10_000);
  const { topicId } = broker.topics.internal('%SYS%parked')!;
  const rows = await broker.store.indexRows(topicId, 0, offset, 1);
  const position = rows.values[col.position]!;
  const read = broker.store.readEntry.bind(broker.store);
  vi.spyOn(broker.store, 'readEntry').mockImplementation(async (partition, at, length) => {
    if (at === position) throw new MillraceError('CORRUPTION', 'a bit fell over');
    return read(partition, at, length);
  });
  // As at a start whose index reflects nothing of the parked messages.
  broker.store.derived.delete('parked/next');
  await broker.store.derived.settled();
  const logged: string[] = [];
  const logger = { log: (_level: string, text: string) => void logged.push(text) };
  const format = { parked: () => ({ topic: 't', messageId: 'id' }) };
  const parked = new Parked(
    broker.store,
    broker.topics,
    format as never,
    undefined as never,
    logger as never,
  );
  const seen: number[] = [];
  parked.subscribe({ parked: (waiting) => seen.push(waiting.offset), settled: () => undefined });
  await parked.open();
  expect(seen).toEqual([offset + 1]);
  expect(logged).toEqual(['a parked entry is lost: it cannot be read']);
  // Its time comes: it is given up, with its row.
  const timers = async () => (await broker.store.derived.load('timer/')).size;
  expect(await timers()).toBe(2);
  broker.clock.advance(11_000);
  await expect.poll(timers).toBe(0);
  expect(bodies(await broker.pop('g', 't'))).toEqual(['good']);
});

test('a topic that its first use makes is placed as any other', async () => {
  const moved: [number, readonly number[], number][] = [];
  await broker.stop();
  broker = await openTestBroker(undefined, 'sync', true);
  const { store, topics, systemTopic } = broker;
  const two = new Proxy(store, {
    get(target, name) {
      if (name === 'partitions') return [0, 1];
      if (name === 'moveQueues') {
        return async (topicId: number, queues: readonly number[], partition: number) =>
          void moved.push([topicId, queues, partition]);
      }
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  new TopicAdmin({ store: two, topics, systemTopic });
  const { topicId, queues } = await topics.use('by-use');
  expect(queues).toBe(limits.autoTopicQueues);
  expect(moved).toEqual([[topicId, [1, 3], 1]]);
});

describe('a growth whose record may be in the log or not', () => {
  const failing = (times: number) => {
    const append = broker.store.append.bind(broker.store);
    let left = times;
    vi.spyOn(broker.store, 'append').mockImplementation(async (request) => {
      if (request.topicId !== systemTopicId || left-- <= 0) return append(request);
      throw new MillraceError('IO', 'the disk failed');
    });
  };

  test('is written again', async () => {
    failing(1);
    await broker.admin.grow('t', 3);
    expect(broker.topics.get('t').queues).toBe(3);
    await broker.publish('t', [{ body: 'a' }]);
  });

  test('else the topic takes nothing until the next start', async () => {
    failing(100);
    await expect(broker.admin.grow('t', 3)).rejects.toMatchObject({ code: 'IO' });
    await expect(broker.publish('t', [{ body: 'a' }])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    vi.restoreAllMocks();
    broker = await broker.restart();
    await broker.publish('t', [{ body: 'a' }]);
  });
});

test('what expires before a group is done with it is counted and passed over', async () => {
  await broker.publish('t', [{ body: 'a' }, { body: 'b' }, { body: 'c' }, { body: 'd' }]);
  const [held] = await broker.pop('g', 't', { max: 1 });
  const member = { group: 'g', clientId: 'c' };
  broker.consumers.changeInvisible(member, held!.receiptHandle, 60_000);
  const { topicId } = broker.topics.get('t');
  const rules = {
    policy: (id: number) => (id === topicId ? { retentionMs: 1000 } : {}),
    floor: () => Infinity,
    segmentAgeMs: 0,
    compactionLagMs: 0,
  };
  for (let pass = 0; pass < 2; pass++) {
    broker.clock.advance(40_000);
    await broker.store.retain(rules);
  }
  expect(await broker.store.range(topicId, 0)).toMatchObject({ minOffset: 4 });
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 0, expired: 0 }]);
  await broker.publish('t', [{ body: 'e' }]);
  expect(bodies(await broker.pop('g', 't'))).toEqual(['e']);
  // The one that was held, and the three that it never got.
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 4, expired: 4 }]);
  expect(bodies(await broker.pop('fresh', 't'))).toEqual(['e']);
  expect(await broker.consumers.progress('fresh')).toMatchObject([{ expired: 0 }]);
});
