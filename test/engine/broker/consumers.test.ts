import { afterEach, beforeEach, expect, test } from 'vitest';
import { filterOf } from '../../../connectors/rocketmq/filters.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { limits } from '../../../platform/limits.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
});
afterEach(() => broker.stop());

const numbered = (count: number) => Array.from({ length: count }, (_, i) => ({ body: String(i) }));
const member = { group: 'g', clientId: 'c' };

test('what is held, finished and postponed outlives a restart, and so do handles', async () => {
  await broker.publish('t', numbered(4));
  const popped = await broker.pop('g', 't');
  expect(bodies(popped)).toEqual(['0', '1', '2', '3']);
  broker.consumers.acknowledge(member, popped[1]!.receiptHandle);
  const later = broker.consumers.changeInvisible(member, popped[2]!.receiptHandle, 5000);
  broker = await broker.restart();
  expect(await broker.consumers.progress('g')).toMatchObject([
    { cursor: 0, inFlight: 3, maxOffset: 4 },
  ]);
  expect(await broker.pop('g', 't')).toEqual([]);
  broker.consumers.acknowledge(member, popped[0]!.receiptHandle);
  broker.clock.advance(1000);
  const again = await broker.pop('g', 't');
  expect(bodies(again)).toEqual(['3']);
  expect(again[0]!.attempt).toBe(2);
  broker.consumers.acknowledge(member, later);
  broker.consumers.acknowledge(member, again[0]!.receiptHandle);
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 4, inFlight: 0 }]);
});

test('a crash may deliver again, and its handles stay valid', async () => {
  await broker.publish('t', numbered(2));
  const popped = await broker.pop('g', 't');
  broker = await broker.crash();
  await broker.groups.use('g');
  const again = await broker.pop('g', 't', { max: 1 });
  expect(bodies(again)).toEqual(['0']);
  broker.consumers.acknowledge(member, popped[1]!.receiptHandle);
  expect(await broker.pop('g', 't')).toEqual([]);
});

test('a message goes to the dead letters after its attempts, with where it came from', async () => {
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 2 }, false);
  await broker.publish('t', [{ body: 'bad', tag: 'x', properties: { p: '1' } }, { body: 'good' }]);
  for (const attempt of [1, 2]) {
    const popped = await broker.pop('g', 't');
    expect(popped.map((message) => message.attempt)).toContain(attempt);
    const good = popped.find((message) => bodies([message])[0] === 'good');
    if (good !== undefined) broker.consumers.acknowledge(member, good.receiptHandle);
    broker.clock.advance(1000);
  }
  expect(await broker.pop('g', 't')).toEqual([]);
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 2, inFlight: 0 }]);
  const dead = await broker.pop('other', '%DLQ%g');
  expect(bodies(dead)).toEqual(['bad']);
  expect(await broker.pop('filtered', '%DLQ%g', { filter: filterOf({ expression: 'y' }) })).toEqual(
    [],
  );
});

test('a client may give a message up itself; a bad handle or topic changes nothing', async () => {
  await broker.topic('u');
  await broker.publish('t', numbered(1));
  const [message] = await broker.pop('g', 't');
  const forward = (topic: string, handle: string) =>
    broker.consumers.forwardToDeadLetters(member, topic, handle);
  await expect(forward('u', message!.receiptHandle)).rejects.toThrow('not valid');
  await expect(forward('t', 'x.y')).rejects.toThrow('not valid');
  await forward('t', message!.receiptHandle);
  await forward('t', message!.receiptHandle);
  expect(bodies(await broker.pop('other', '%DLQ%g'))).toEqual(['0']);
});

test('a FIFO group keeps each message group in order over failures and restarts', async () => {
  await broker.groups.create('g', { ...defaultGroup, fifo: true }, false);
  const messages = Array.from({ length: 12 }, (_, i) => ({ body: `${i}`, group: `m${i % 3}` }));
  await broker.publish('t', messages);
  const seen = new Map<string, number[]>();
  for (let round = 0; round < 60; round++) {
    if (round % 7 === 3) broker = await broker.restart();
    for (const message of await broker.pop('g', 't', { max: 2 })) {
      const number = Number(bodies([message])[0]);
      if (round % 3 === 0) continue;
      broker.consumers.acknowledge(member, message.receiptHandle);
      const key = `m${number % 3}`;
      seen.set(key, [...(seen.get(key) ?? []), number]);
    }
    broker.clock.advance(1000);
  }
  expect(Object.fromEntries(seen)).toEqual({
    m0: [0, 3, 6, 9],
    m1: [1, 4, 7, 10],
    m2: [2, 5, 8, 11],
  });
});

test('a group that is not FIFO is not held up by message groups', async () => {
  await broker.publish('t', [
    { body: '0', group: 'a' },
    { body: '1', group: 'a' },
  ]);
  expect(bodies(await broker.pop('g', 't', { max: 1 }))).toEqual(['0']);
  expect(bodies(await broker.pop('g', 't', { max: 1 }))).toEqual(['1']);
});

test('where a new group starts', async () => {
  await broker.publish('t', numbered(2));
  broker.clock.advance(10);
  const timeMs = broker.clock.nowMs();
  await broker.publish('t', [{ body: 'mid' }]);
  broker.clock.advance(10);
  await broker.groups.create('end', { ...defaultGroup, start: 'end' }, false);
  await broker.groups.create('at', { ...defaultGroup, start: timeMs }, false);
  broker.clock.advance(10);
  await broker.publish('t', [{ body: 'new' }]);
  expect(bodies(await broker.pop('beginning', 't'))).toEqual(['0', '1', 'mid', 'new']);
  expect(bodies(await broker.pop('end', 't'))).toEqual(['new']);
  expect(bodies(await broker.pop('at', 't'))).toEqual(['mid', 'new']);
});

test('a broadcast gives every client every message from then on', async () => {
  await broker.groups.create('all', { ...defaultGroup, broadcast: true }, false);
  await broker.publish('t', [{ body: 'before' }]);
  for (const clientId of ['a', 'b']) expect(await broker.pop('all', 't', { clientId })).toEqual([]);
  await broker.publish('t', [{ body: 'now' }]);
  for (const clientId of ['a', 'b']) {
    const [message, ...more] = await broker.pop('all', 't', { clientId });
    expect([bodies([message!]), more]).toEqual([['now'], []]);
    broker.consumers.acknowledge({ group: 'all', clientId }, message!.receiptHandle);
  }
});

test('the same attempt id gets the same messages, not counted twice', async () => {
  await broker.publish('t', numbered(3));
  const first = await broker.pop('g', 't', { max: 2, attemptId: 'x' });
  const again = await broker.pop('g', 't', { max: 2, attemptId: 'x' });
  expect(bodies(again)).toEqual(bodies(first));
  expect(again.map(({ attempt }) => attempt)).toEqual([1, 1]);
  expect(bodies(await broker.pop('g', 't', { attemptId: 'y' }))).toEqual(['2']);
});

test('a push consumer keeps its messages while it lives', async () => {
  await broker.publish('t', numbered(1));
  const disconnected = broker.clients.connected('c');
  const [message] = await broker.pop('g', 't', { invisibleMs: 'renewed' });
  for (let i = 0; i < 5; i++) {
    broker.clock.advance(limits.renewMs / 2);
    broker.clients.seen('c');
    broker.clock.advance(limits.renewMs / 2);
    broker.clients.seen('c');
    expect(await broker.pop('g', 't', { clientId: 'other' })).toEqual([]);
  }
  disconnected();
  broker.clock.advance(limits.clientReturnMs * 2 + limits.lostVisibleMs);
  const again = await broker.pop('g', 't', { clientId: 'other' });
  expect(again.map(({ attempt }) => attempt)).toEqual([2]);
  expect(() => broker.consumers.acknowledge(member, message!.receiptHandle)).toThrow('expired');
});

test('a client that comes back after a restart has its messages for the rest of their time', async () => {
  await broker.publish('t', numbered(2));
  broker.clients.connected('c');
  const [first] = await broker.pop('g', 't', { invisibleMs: 'renewed' });
  broker = await broker.restart();
  broker.clients.connected('c');
  broker.clock.advance(limits.renewMs - 1);
  expect(await broker.pop('g', 't', { clientId: 'other' })).toEqual([]);
  broker.consumers.acknowledge(member, first!.receiptHandle);
  // The other one may never have reached it: living is not having.
  broker.clients.seen('c');
  broker.clock.advance(1);
  expect(bodies(await broker.pop('g', 't', { clientId: 'other' }))).toEqual(['1']);
});

test('what went out over a connection that broke is renewed no more, though the client is back', async () => {
  await broker.publish('t', numbered(2));
  const disconnected = broker.clients.connected('c');
  await broker.pop('g', 't', { invisibleMs: 'renewed', max: 1 });
  disconnected();
  broker.clients.connected('c');
  const [later] = await broker.pop('g', 't', { invisibleMs: 'renewed' });
  broker.clock.advance(limits.renewMs);
  broker.clients.seen('c');
  expect(bodies(await broker.pop('g', 't', { clientId: 'other' }))).toEqual(['0']);
  broker.consumers.acknowledge(member, later!.receiptHandle);
});

test('the time for which a message is renewed begins with each delivery', async () => {
  await broker.publish('t', numbered(1));
  broker.clients.connected('c');
  const [first] = await broker.pop('g', 't', { invisibleMs: 'renewed' });
  broker.consumers.changeInvisible(member, first!.receiptHandle, limits.renewTotalMs);
  broker.clock.advance(limits.renewTotalMs);
  broker.clients.connected('c');
  await broker.pop('g', 't', { invisibleMs: 'renewed' });
  broker.clock.advance(limits.renewMs);
  broker.clients.seen('c');
  expect(await broker.pop('g', 't', { clientId: 'other' })).toEqual([]);
});

test('a silent client is lost although its connection stands', async () => {
  await broker.publish('t', numbered(1));
  broker.clients.connected('c');
  await broker.pop('g', 't', { invisibleMs: 'renewed' });
  broker.clock.advance(limits.clientSilenceMs + limits.clientReturnMs + limits.lostVisibleMs);
  expect(bodies(await broker.pop('g', 't', { clientId: 'other' }))).toEqual(['0']);
});

test('priorities go out highest first; the topic takes nothing else', async () => {
  await broker.topic('p', 8, 'PRIORITY');
  await broker.publish(
    'p',
    [1, 7, 3, 99].map((priority) => ({ body: `${priority}`, priority })),
  );
  expect(bodies(await broker.pop('g', 'p'))).toEqual(['7', '99', '3', '1']);
  await expect(broker.publish('p', numbered(1))).rejects.toMatchObject({
    code: 'MESSAGE_TYPE_CONFLICT',
  });
});

test('a group put elsewhere gets what is there; old handles end', async () => {
  await broker.publish('t', numbered(5));
  const popped = await broker.pop('g', 't');
  for (const { receiptHandle } of popped.slice(0, 4)) {
    broker.consumers.acknowledge(member, receiptHandle);
  }
  await broker.consumers.resetOffset('g', 't', 0, 3);
  const again = await broker.pop('g', 't');
  expect(bodies(again)).toEqual(['3', '4']);
  broker = await broker.restart();
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 3, inFlight: 2 }]);
});

test('a waiting pop wakes for a message of its topic', async () => {
  const waiting = broker.pop('g', 't', { waitMs: 60_000 });
  await broker.publish('t', [{ body: 'x' }]);
  expect(bodies(await waiting)).toEqual(['x']);
});

test('a client that left takes nothing with it', async () => {
  await broker.publish('t', numbered(1));
  const left = new AbortController();
  left.abort();
  expect(await broker.pop('g', 't', { signal: left.signal })).toEqual([]);
  expect((await broker.pop('g', 't')).map(({ attempt }) => attempt)).toEqual([1]);
});

test('dead letters go back to where they came from, each once', async () => {
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
  await broker.publish('t', [{ body: 'a', tag: 'x', properties: { p: '1' } }, { body: 'b' }]);
  await broker.pop('g', 't');
  broker.clock.advance(1000);
  expect(await broker.pop('g', 't')).toEqual([]);
  expect(await broker.redrive('g', 1)).toBe(1);
  expect(bodies(await broker.pop('g', 't', { filter: filterOf({ expression: 'x' }) }))).toEqual([
    'a',
  ]);
  broker = await broker.restart();
  expect(await broker.redrive('g', 10)).toBe(1);
  expect(await broker.redrive('g', 10)).toBe(0);
  await expect(broker.redrive('none', 1)).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
});

test('a pop looks at no more of a batch than it takes', async () => {
  await broker.topic('batches');
  await broker.publishTogether(
    'batches',
    Array.from({ length: 100 }, (_, i) => ({ body: String(i) })),
  );
  const looked: number[] = [];
  const filter = {
    tagHashes: undefined,
    passes(_: unknown, index: number) {
      looked.push(index);
      return true;
    },
  };
  await broker.pop('g', 'batches', { filter, max: 10 });
  await broker.pop('g', 'batches', { filter, max: 10 });
  expect(looked).toEqual(Array.from({ length: 20 }, (_, i) => i));
});
