import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { deadLetterTopic } from '../../../engine/broker/dead-letters.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
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
  await expect(broker.pop('g', 't')).rejects.toThrow('disk');
  expect(await broker.pop('g', 't')).toEqual([]);
  expect(bodies(await broker.pop('other', deadLetterTopic('g')))).toEqual(['0', '1']);
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
