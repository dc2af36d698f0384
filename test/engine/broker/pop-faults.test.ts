import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { filterOf } from '../../../connectors/rocketmq/filters.ts';
import { deadLetterTopic } from '../../../engine/broker/dead-letters.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { limits } from '../../../platform/limits.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

/** What goes wrong, or comes in between, while a pop waits for the store. */
let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await broker.stop();
});

const numbered = (count: number) => Array.from({ length: count }, (_, i) => ({ body: String(i) }));
const member = { group: 'g', clientId: 'c' };
const attempts = (popped: readonly { attempt: number }[]) => popped.map(({ attempt }) => attempt);

/** Runs `between` before the read of number `count` from now, which is then made. */
function atRead(count: number, between: () => Promise<void> | void) {
  const { store } = broker;
  const read = store.readEntry.bind(store);
  let left = count;
  vi.spyOn(store, 'readEntry').mockImplementation(async (...where) => {
    if (--left === 0) await between();
    return read(...where);
  });
}

function fail(): never {
  throw new Error('disk');
}

test('a pop that cannot read what it took gives it back', async () => {
  await broker.publish('t', numbered(2));
  await broker.pop('g', 't');
  broker.clock.advance(1000);
  atRead(2, fail);
  await expect(broker.pop('g', 't')).rejects.toThrow('disk');
  expect(attempts(await broker.pop('g', 't'))).toEqual([2, 2]);
});

test('a pop that cannot bury a dead message gives back what it took', async () => {
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
  await broker.publish('t', numbered(2));
  await broker.pop('g', 't');
  broker.clock.advance(1000);
  // The first one is buried, the second is not.
  const { store } = broker;
  await broker.topics.create(deadLetterTopic('g'), { queues: 1, ifNotExists: true });
  const append = store.append.bind(store);
  vi.spyOn(store, 'append').mockImplementationOnce(append).mockImplementationOnce(fail);
  const { topicId } = broker.topics.get('t');
  const wakes = broker.consumers.wakes(topicId);
  await expect(broker.pop('g', 't')).rejects.toThrow('disk');
  // Polls that wait look again: it is there for them now.
  expect(broker.consumers.wakes(topicId)).toBeGreaterThan(wakes);
  expect(await broker.pop('g', 't')).toEqual([]);
  expect(bodies(await broker.pop('other', deadLetterTopic('g')))).toEqual(['0', '1']);
});

test('while dead messages are buried, others are handed out, and nobody buries them again', async () => {
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
  await broker.publish('t', numbered(3));
  await broker.pop('g', 't', { max: 2 });
  broker.clock.advance(1000);
  await broker.topics.create(deadLetterTopic('g'), { queues: 1, ifNotExists: true });
  const { store } = broker;
  const append = store.append.bind(store);
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  vi.spyOn(store, 'append').mockImplementation(async (request) => {
    await held;
    return append(request);
  });
  const burying = broker.pop('g', 't', { max: 2 });
  await expect.poll(() => vi.mocked(store.append).mock.calls.length).toBe(1);
  expect(bodies(await broker.pop('g', 't'))).toEqual(['2']);
  // Longer than they were invisible.
  broker.clock.advance(2000);
  const again = broker.pop('g', 't', { max: 2 });
  goOn();
  expect(await burying).toEqual([]);
  expect(await again).toEqual([]);
  const dead = bodies(await broker.pop('other', deadLetterTopic('g')));
  expect(dead.toSorted()).toEqual(['0', '1', '2']);
});

test('dead letters whose writing takes longer than they are kept are written once', async () => {
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
  const count = limits.buriedTogetherMax + 10;
  await broker.publishTogether('t', numbered(count));
  await broker.pop('g', 't', { max: count, takesBatches: true });
  broker.clock.advance(1000);
  await broker.topics.create(deadLetterTopic('g'), { queues: 1, ifNotExists: true });
  const { store } = broker;
  const append = store.append.bind(store);
  const spy = vi.spyOn(store, 'append').mockImplementation(async (request) => {
    // Each of the two parts takes nearly as long as what was taken is kept.
    if (spy.mock.calls.length % limits.buriedTogetherMax === 1) {
      broker.clock.advance(0.7 * limits.renewMs);
      expect(await broker.pop('g', 't', { max: count, takesBatches: true })).toEqual([]);
    }
    return append(request);
  });
  expect(await broker.pop('g', 't', { max: count, takesBatches: true })).toEqual([]);
  vi.restoreAllMocks();
  const { maxOffset } = await store.range(broker.topics.get(deadLetterTopic('g')).topicId, 0);
  expect(maxOffset).toBe(count);
});

test('a pop that fails on a later queue gives out what it has', async () => {
  await broker.topic('two', 2);
  await broker.publish('two', numbered(16));
  let reads = 0;
  const { store } = broker;
  const read = store.readEntry.bind(store);
  const first = new Set<number>();
  vi.spyOn(store, 'readEntry').mockImplementation(async (...where) => {
    const entry = await read(...where);
    first.add(entry!.queueId);
    reads++;
    return first.size === 2 ? fail() : entry;
  });
  const popped = await broker.pop('g', 'two');
  expect(popped.length).toBeGreaterThan(0);
  expect(reads).toBeGreaterThan(popped.length);
  vi.restoreAllMocks();
  const others = await broker.pop('g', 'two');
  expect(popped.length + others.length).toBe(16);
});

test('a client that leaves during its pop takes nothing with it, of no queue', async () => {
  await broker.topic('two', 2);
  await broker.publish('two', numbered(16));
  const left = new AbortController();
  atRead(16, () => left.abort());
  expect(await broker.pop('g', 'two', { signal: left.signal })).toEqual([]);
  const popped = await broker.pop('g', 'two');
  expect(new Set(attempts(popped))).toEqual(new Set([1]));
  expect(popped.length).toBe(16);
});

test('a poll sees a message that came while it looked', async () => {
  await broker.pop('g', 't');
  const { store } = broker;
  const range = store.range.bind(store);
  vi.spyOn(store, 'range').mockImplementationOnce(async (...queue) => {
    const before = await range(...queue);
    await broker.publish('t', [{ body: 'x' }]);
    return before;
  });
  expect(bodies(await broker.pop('g', 't', { waitMs: 60_000 }))).toEqual(['x']);
});

test('a group put elsewhere during its pop is there, also after a restart', async () => {
  await broker.publish('t', numbered(3));
  atRead(1, () => broker.consumers.resetOffset('g', 't', 0, 1));
  await broker.groups.use('g');
  expect(await broker.pop('g', 't')).toEqual([]);
  broker = await broker.restart();
  expect(bodies(await broker.pop('g', 't'))).toEqual(['1', '2']);
});

test('a group deleted during its pop leaves nothing behind', async () => {
  await broker.publish('t', numbered(3));
  atRead(1, () => broker.consumers.forget('g'));
  expect(await broker.pop('g', 't')).toEqual([]);
  broker = await broker.restart();
  expect(await broker.consumers.progress('g')).toEqual([]);
});

test('a message given up whose dead letter cannot be written stays with its client', async () => {
  await broker.publish('t', numbered(1));
  const [message] = await broker.pop('g', 't');
  const { store } = broker;
  await broker.topics.create(deadLetterTopic('g'), { queues: 1, ifNotExists: true });
  vi.spyOn(store, 'append').mockImplementationOnce(fail);
  const forward = () => broker.consumers.forwardToDeadLetters(member, 't', message!.receiptHandle);
  await expect(forward()).rejects.toThrow('disk');
  await forward();
  await forward();
  expect(bodies(await broker.pop('other', deadLetterTopic('g')))).toEqual(['0']);
});

test('a message given up with a handle from before a crash does not come again', async () => {
  await broker.publish('t', numbered(2));
  const popped = await broker.pop('g', 't');
  broker = await broker.crash();
  await broker.pop('g', 't', { max: 1 });
  await broker.consumers.forwardToDeadLetters(member, 't', popped[1]!.receiptHandle);
  broker.clock.advance(limits.renewMs);
  expect(bodies(await broker.pop('g', 't'))).toEqual(['0']);
  expect(bodies(await broker.pop('other', deadLetterTopic('g')))).toEqual(['1']);
});

test('a handle from before the group was put elsewhere counts for nothing', async () => {
  await broker.publish('t', numbered(3));
  const old = await broker.pop('g', 't');
  await broker.consumers.resetOffset('g', 't', 0, 0);
  const late = () => broker.consumers.acknowledge(member, old[2]!.receiptHandle);
  expect(late).toThrow('expired');
  broker = await broker.restart();
  expect(late).toThrow('expired');
  const again = await broker.pop('g', 't');
  expect(bodies(again)).toEqual(['0', '1', '2']);
  expect(late).toThrow('expired');
  await broker.consumers.resetOffset('g', 't', 0, 0);
  await broker.pop('g', 't');
  expect(() => broker.consumers.acknowledge(member, again[2]!.receiptHandle)).toThrow('expired');
});

test('the offsets of a broadcast are in memory alone, and go with the client or the group', async () => {
  await broker.groups.create('all', { ...defaultGroup, broadcast: true }, false);
  const clientId = 'host/1@2/3';
  const pop = () => broker.pop('all', 't', { clientId });
  const ack = (receiptHandle: string) =>
    broker.consumers.acknowledge({ group: 'all', clientId }, receiptHandle);
  const puts = vi.spyOn(broker.store.derived, 'put');
  const disconnected = broker.clients.connected(clientId);
  expect(await pop()).toEqual([]);
  await broker.publish('t', numbered(2));
  const [first, second] = await pop();
  ack(first!.receiptHandle);
  await expect(broker.consumers.resetOffset('all', 't', 0, 0)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  broker.clock.advance(limits.cursorFlushMs);
  const keys = puts.mock.calls.map(([key]) => String(key));
  expect(keys.filter((key) => key.includes('all'))).toEqual([]);
  disconnected();
  broker.clients.terminated(clientId);
  expect(() => ack(second!.receiptHandle)).toThrow('not valid');
  expect(await pop()).toEqual([]);
  await broker.publish('t', [{ body: 'new' }]);
  const [third] = await pop();
  broker.consumers.forget('all');
  expect(() => ack(third!.receiptHandle)).toThrow('not valid');
});

test('the loss of a client wakes the topics alone of which it had messages', async () => {
  await broker.topic('u');
  await broker.publish('t', numbered(1));
  const disconnected = broker.clients.connected('c');
  await broker.pop('g', 't', { invisibleMs: 'renewed' });
  const looks = vi.spyOn(broker.store, 'range');
  const left = new AbortController();
  const waiting = broker.pop('g', 'u', { waitMs: 60_000, signal: left.signal });
  await vi.waitFor(() => expect(looks).toHaveBeenCalled());
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  looks.mockClear();
  broker.clients.terminated('c');
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  expect(looks).not.toHaveBeenCalled();
  left.abort();
  expect(await waiting).toEqual([]);
  broker.clock.advance(limits.lostVisibleMs);
  expect(attempts(await broker.pop('g', 't'))).toEqual([2]);
  disconnected();
});

test('a client that says it goes is forgotten when its stream ends; its last settings count', () => {
  const { clients } = broker;
  const disconnected = clients.connected('c');
  const info = { clientId: 'c', language: '', kind: '', group: 'a', sinceMs: 1 };
  clients.describe(info);
  clients.describe({ ...info, group: 'b', sinceMs: 2 });
  expect(clients.list()).toEqual([{ ...info, group: 'b' }]);
  const owner = clients.ownerOf('c');
  clients.terminated('c');
  disconnected();
  expect(clients.ownerOf('c')).not.toBe(owner);
});

test('messages of one entry come as one object, also the second time', async () => {
  await broker.publishTogether('t', numbered(8));
  await broker.pop('g', 't');
  broker.clock.advance(1000);
  const reads = vi.spyOn(broker.store, 'readEntry');
  const popped = await broker.pop('g', 't');
  expect(popped.length).toBe(8);
  expect(new Set(popped.map(({ entry }) => entry)).size).toBe(1);
  expect(reads).toHaveBeenCalledTimes(1);
});

test('a pop that has something does not look on for ever', async () => {
  const rows = vi.spyOn(broker.store, 'indexRows');
  await broker.publish('t', [
    { body: 'x', tag: 'x' },
    ...Array.from({ length: 700 }, () => ({ body: 'y', tag: 'y' })),
    { body: 'x', tag: 'x' },
  ]);
  const filter = filterOf({ expression: 'x' });
  rows.mockClear();
  expect((await broker.pop('g', 't', { filter })).length).toBe(1);
  expect(rows.mock.calls.length).toBe(8);
  expect((await broker.pop('g', 't', { filter })).length).toBe(1);
});

test('a pop whose time is up does not look on', async () => {
  await broker.publish(
    't',
    Array.from({ length: 200 }, () => ({ body: 'y', tag: 'y' })),
  );
  const { store } = broker;
  const rows = store.indexRows.bind(store);
  const looks = vi.spyOn(store, 'indexRows').mockImplementation((...where) => {
    broker.clock.advance(1000);
    return rows(...where);
  });
  expect(await broker.pop('g', 't', { filter: filterOf({ expression: 'x' }) })).toEqual([]);
  expect(looks).toHaveBeenCalledTimes(1);
});

test('looking when something is visible does not change which queue is first', async () => {
  await broker.topic('two', 2);
  const ranges = vi.spyOn(broker.store, 'range');
  const order: number[] = [];
  const left = new AbortController();
  const waiting: Promise<unknown>[] = [];
  for (let i = 0; i < 4; i++) {
    ranges.mockClear();
    waiting.push(broker.pop('g', 'two', { waitMs: 60_000, signal: left.signal }));
    await vi.waitFor(() => expect(ranges.mock.calls.length).toBeGreaterThan(1));
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    order.push(ranges.mock.calls[0]![1]);
  }
  expect(order).toEqual([0, 1, 0, 1]);
  left.abort();
  await Promise.all(waiting);
});
