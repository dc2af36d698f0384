import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import { col } from '../../../storage/queues/index-rows.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
});
afterEach(() => broker.stop());

/** What has arrived in the topic so far, read without a group. */
async function arrived(topic = 't'): Promise<string[]> {
  const popped = await broker.pop(`reader-${group++}`, topic);
  return bodies(popped);
}
let group = 0;

/** Time passes, and what it sets off is done. */
async function pass(ms: number): Promise<void> {
  broker.clock.advance(ms);
  await settle();
}

/** Everything that goes on in memory comes to rest. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a message arrives in its time, not before, near and far', async () => {
  const now = broker.clock.nowMs();
  const year = 366 * 86_400_000;
  await broker.later('t', 'far', now + 3 * year);
  await broker.later('t', 'soon', now + 1500);
  await broker.later('t', 'window', now + 2 * limits.timerWindowMs);
  await pass(1499);
  expect(await arrived()).toEqual([]);
  await pass(1);
  expect(await arrived()).toEqual(['soon']);
  for (let i = 0; i < 130; i++) await pass(1000);
  expect(await arrived()).toEqual(['soon', 'window']);
  await pass(3 * year);
  await pass(limits.timerTickMs);
  expect(await arrived()).toEqual(['soon', 'window', 'far']);
});

test('what became due while the server was down arrives at its start, once', async () => {
  const now = broker.clock.nowMs();
  await broker.later('t', 'a', now + 10_000);
  await broker.later('t', 'b', now + 500_000);
  broker = await broker.restart();
  expect(await arrived()).toEqual([]);
  const stopped = broker;
  broker.clock.advance(5000);
  broker = await stopped.restart();
  broker.clock.advance(100_000);
  broker = await broker.restart();
  await settle();
  expect(await arrived()).toEqual(['a']);
  broker = await broker.restart();
  await settle();
  expect(await arrived()).toEqual(['a']);
});

test('timers come back from the log when the database lost them', async () => {
  const now = broker.clock.nowMs();
  for (let i = 0; i < 20; i++) await broker.later('t', `${i}`, now + 1000 * (i + 1));
  const { handle } = await broker.later('t', 'recalled', now + 5000);
  await broker.delays.recall('t', handle);
  await pass(5000);
  broker = await broker.lose();
  await settle();
  expect(await arrived()).toEqual(['0', '1', '2', '3', '4']);
  for (let i = 0; i < 20; i++) await pass(1000);
  expect(await arrived()).toHaveLength(20);
});

test('a message can be recalled until it is delivered', async () => {
  const now = broker.clock.nowMs();
  const near = await broker.later('t', 'near', now + 5000, 'id-near');
  const far = await broker.later('t', 'far', now + 10 * limits.timerWindowMs, 'id-far');
  const kept = await broker.later('t', 'kept', now + 5000);
  const recall = (handle: string, topic = 't') => broker.delays.recall(topic, handle);
  await expect(recall(near.handle, 'other')).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
  await expect(recall(`${near.handle.slice(0, -1)}x`)).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
  });
  for (const bad of ['', '.', 'a.b.c', '-1.-1.x', 'zzzzzzzzzzzzzzz.1.x']) {
    await expect(recall(bad)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
  }
  expect(await recall(near.handle)).toBe('id-near');
  await expect(recall(near.handle)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
  broker = await broker.restart();
  expect(await broker.delays.recall('t', far.handle)).toBe('id-far');
  for (let i = 0; i < 10; i++) await pass(limits.timerWindowMs);
  expect(await arrived()).toEqual(['kept']);
  await expect(broker.delays.recall('t', kept.handle)).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
  });
});

test('of two recalls at once one succeeds', async () => {
  const { handle } = await broker.later('t', 'x', broker.clock.nowMs() + 5000);
  const results = await Promise.allSettled([1, 2].map(() => broker.delays.recall('t', handle)));
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});

test('a message whose topic is gone is dropped, and does not hold up others', async () => {
  await broker.topic('gone');
  const now = broker.clock.nowMs();
  await broker.later('gone', 'x', now + 1000);
  await broker.later('t', 'y', now + 1000);
  await broker.topics.drop(broker.topics.get('gone').topicId);
  await pass(1000);
  expect(await arrived()).toEqual(['y']);
});

test('three thousand at once', async () => {
  const due = broker.clock.nowMs() + 2000;
  await Promise.all(Array.from({ length: 3000 }, (_, i) => broker.later('t', `${i}`, due)));
  broker.clock.advance(2000);
  const { topicId } = broker.topics.get('t');
  const arrivals = async () => (await broker.store.range(topicId, 0)).maxOffset;
  await expect.poll(arrivals, { timeout: 20_000 }).toBe(3000);
});

test('some of many, wherever they were parked, each once', async () => {
  const now = broker.clock.nowMs();
  const due: string[] = [];
  for (let i = 0; i < 300; i++) {
    // Far ones lie between near ones, and so do the settlements of recalled ones.
    const isFar = i % 3 === 0 || (i > 60 && i < 180);
    const { handle } = await broker.later('t', `${i}`, now + (isFar ? 900_000 : 1000 + (i % 50)));
    if (isFar) continue;
    if (i % 7 === 0) await broker.delays.recall('t', handle);
    else due.push(`${i}`);
  }
  const indexRows = vi.spyOn(broker.store, 'indexRows');
  await pass(1100);
  const looks = indexRows.mock.calls.length;
  indexRows.mockRestore();
  expect(looks).toBeLessThan(due.length / 4);
  const found: string[] = [];
  for (let got = await broker.pop('all', 't'); got.length > 0; got = await broker.pop('all', 't')) {
    found.push(...bodies(got));
  }
  expect(found.toSorted()).toEqual(due.toSorted());
});

test('clients do not see the parked messages', async () => {
  await broker.later('t', 'x', broker.clock.nowMs() + 1000);
  expect(broker.topics.list().map(({ name }) => name)).toEqual(['t']);
  await expect(broker.pop('g', '%SYS%parked')).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
});

test('timers of a window that could not be read at first are read later', async () => {
  const due = broker.clock.nowMs() + limits.timerWindowMs + 5000;
  await broker.later('t', 'x', due);
  await pass(1);
  const scan = vi.spyOn(broker.store.derived, 'scan');
  scan.mockRejectedValueOnce(new Error('no such luck'));
  const scans = scan.mock.calls.length;
  while (scan.mock.calls.length === scans) await pass(limits.timerTickMs);
  expect(broker.clock.nowMs()).toBeLessThan(due);
  while (broker.clock.nowMs() < due) await pass(limits.timerTickMs);
  expect(await arrived()).toEqual(['x']);
});

test('what cannot be delivered holds up no others, and is tried again later', async () => {
  await broker.topic('full');
  const { topicId } = broker.topics.get('full');
  const now = broker.clock.nowMs();
  await broker.later('full', 'stuck', now + 1000);
  for (let i = 0; i < 40; i++) await broker.later('t', `${i}`, now + 1000);
  const append = broker.store.append.bind(broker.store);
  const spy = vi.spyOn(broker.store, 'append').mockImplementation(async (request) => {
    if (request.topicId === topicId) throw new MillraceError('IO', 'not now');
    return append(request);
  });
  const tries = () => spy.mock.calls.filter(([request]) => request.topicId === topicId).length;
  await pass(1000);
  expect(await arrived()).toHaveLength(32);
  expect((await broker.store.range(broker.topics.get('t').topicId, 0)).maxOffset).toBe(40);
  expect(tries()).toBe(1);
  await pass(limits.timerRetryMs - 1);
  expect(tries()).toBe(1);
  spy.mockRestore();
  await pass(2 * limits.timerTickMs);
  expect(await arrived('full')).toEqual(['stuck']);
  expect((await broker.store.range(broker.topics.get('t').topicId, 0)).maxOffset).toBe(40);
});

test('a message whose entry is corrupt is left out, once', async () => {
  const now = broker.clock.nowMs();
  const { offset } = await broker.later('t', 'bad', now + 1000);
  await broker.later('t', 'good', now + 1000);
  const { topicId } = broker.topics.internal('%SYS%parked')!;
  const rows = await broker.store.indexRows(topicId, 0, offset, 1);
  const position = rows.values[col.position]!;
  const read = broker.store.readEntry.bind(broker.store);
  let reads = 0;
  vi.spyOn(broker.store, 'readEntry').mockImplementation(async (partition, at, length) => {
    if (at !== position) return read(partition, at, length);
    reads++;
    throw new MillraceError('CORRUPTION', 'a bit fell over');
  });
  await pass(1000);
  for (let i = 0; i < 10; i++) await pass(limits.timerRetryMs);
  expect(await arrived()).toEqual(['good']);
  expect(reads).toBe(1);
});
