import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecentEntries, type RecentEntry } from '../../../engine/broker/recent-entries.ts';
import { limits } from '../../../platform/limits.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t', 4);
});
afterEach(() => broker.stop());

let group = 0;
async function arrived(): Promise<string[]> {
  return bodies(await broker.pop(`reader-${group++}`, 't')).toSorted();
}

test('a request that comes again is stored once and answered the same', async () => {
  const [first] = await broker.publish('t', [{ body: 'x', id: 'a' }]);
  const [again] = await broker.publish('t', [{ body: 'x', id: 'a' }]);
  expect(again).toEqual(first);
  await broker.publish('t', [{ body: 'y', id: 'b' }]);
  expect(await arrived()).toEqual(['x', 'y']);
});

test('also while the first is on its way, and after a restart', async () => {
  await Promise.all(
    Array.from({ length: 20 }, () => broker.publish('t', [{ body: 'x', id: 'a' }])),
  );
  broker = await broker.restart();
  await broker.publish('t', [{ body: 'x', id: 'a' }]);
  broker = await broker.lose();
  await broker.publish('t', [{ body: 'x', id: 'a' }]);
  expect(await arrived()).toEqual(['x']);
});

test('ids of the same hash are told apart; other topics have their own', async () => {
  // CRC-32 is the same for both.
  await broker.publish('t', [
    { body: 'x', id: 'plumless' },
    { body: 'y', id: 'buckeroo' },
    { body: 'y', id: 'buckeroo' },
    { body: 'x', id: 'plumless' },
  ]);
  await broker.topic('u');
  await broker.publish('u', [{ body: 'z', id: 'plumless' }]);
  expect(await arrived()).toEqual(['x', 'y']);
  expect(bodies(await broker.pop('g', 'u'))).toEqual(['z']);
});

test('the window ends', async () => {
  await broker.publish('t', [{ body: 'x', id: 'a' }]);
  broker.clock.advance(limits.duplicateWindowMs + 1);
  await broker.publish('t', [{ body: 'x', id: 'a' }]);
  expect(await arrived()).toEqual(['x', 'x']);
});

test('a delayed message that was delivered before a crash is not delivered again after it', async () => {
  const due = broker.clock.nowMs() + 5000;
  await broker.later('t', 'x', due, 'a');
  await broker.later('t', 'x', due, 'a');
  // What a crash leaves: the message is in its topic, and still waits.
  await broker.publish('t', [{ body: 'x', id: 'a' }]);
  broker.clock.advance(5000);
  broker = await broker.restart();
  expect(await arrived()).toEqual(['x']);
});

test('a request with and without keys that comes again is split as before', async () => {
  const sent = [
    { body: 'free', id: 'a' },
    { body: 'keyed', id: 'b', key: 'k' },
    { body: 'free too', id: 'c' },
  ];
  const first = await broker.publishTogether('t', sent);
  for (let i = 0; i < 4; i++) expect(await broker.publishTogether('t', sent)).toEqual(first);
  expect(await arrived()).toEqual(['free', 'free too', 'keyed']);
});

test('messages of one id that wait for two topics are two, also after a restart', async () => {
  await broker.topic('u');
  const due = broker.clock.nowMs() + 5000;
  const first = await broker.later('t', 'x', due, 'a');
  const second = await broker.later('u', 'y', due, 'a');
  broker = await broker.lose();
  expect(await broker.later('u', 'y', due, 'a')).toEqual(second);
  expect(await broker.later('t', 'x', due, 'a')).toEqual(first);
  await broker.half('t', 'b', 'half x');
  await broker.half('u', 'b', 'half y');
  for (const topic of ['t', 'u']) await broker.transactions.end(topic, 'b', 'commit');
  broker.clock.advance(5000);
  broker = await broker.restart();
  expect(await arrived()).toEqual(['half x', 'x']);
  expect(bodies(await broker.pop('g', 'u'))).toEqual(['half y', 'y']);
});

test('recent entries, against a plain list', () => {
  const entry = fc.record({
    topicId: fc.integer({ min: 1, max: 3 }),
    idHash: fc.integer({ min: -3, max: 3 }),
    count: fc.integer({ min: 1, max: 2 }),
    afterMs: fc.nat({ max: 5 }),
    dropMs: fc.option(fc.nat({ max: 20 })),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.array(entry, { maxLength: 200 }),
      (max, steps) => {
        const recent = new RecentEntries(max, 5);
        let model: RecentEntry[] = [];
        let storeTimeMs = 0;
        for (const [baseOffset, { afterMs, dropMs, ...key }] of steps.entries()) {
          storeTimeMs += afterMs;
          const added = { ...key, queueId: 1, baseOffset, storeTimeMs };
          recent.add(added);
          model = [...model, added].slice(-max);
          if (dropMs !== null) {
            recent.dropBefore(storeTimeMs - dropMs);
            model = model.filter((old) => old.storeTimeMs >= storeTimeMs - dropMs);
          }
          const found = recent.find(key.topicId, key.idHash, key.count);
          const isSame = (of: RecentEntry) =>
            of.topicId === key.topicId && of.idHash === key.idHash && of.count === key.count;
          expect(found).toEqual(
            model.filter(isSame).toReversed().slice(0, limits.duplicateCandidatesMax),
          );
          expect([recent.size, recent.oldestMs]).toEqual([model.length, model[0]?.storeTimeMs]);
        }
      },
    ),
    { numRuns: 100, seed: 7 },
  );
});

test('recent entries keep order while they grow', () => {
  const recent = new RecentEntries(5000, 5);
  for (let i = 0; i < 12_000; i++) {
    recent.add({ topicId: 1, queueId: 0, baseOffset: i, count: 1, idHash: i, storeTimeMs: i });
  }
  expect([recent.size, recent.oldestMs]).toEqual([5000, 7000]);
  expect(recent.find(1, 6999, 1)).toEqual([]);
  expect(recent.find(1, 7000, 1)).toMatchObject([{ baseOffset: 7000 }]);
  expect(recent.find(1, 11_999, 1)).toMatchObject([{ baseOffset: 11_999 }]);
});

test('entries of one hash cost little: few candidates, and nothing is walked to drop one', () => {
  const recent = new RecentEntries(100_000, 5);
  for (let i = 0; i < 300_000; i++) {
    recent.add({ topicId: 1, queueId: 0, baseOffset: i, count: 1, idHash: 7, storeTimeMs: i });
    if (i % 1000 === 0) expect(recent.find(1, 7, 1).length).toBeLessThanOrEqual(16);
  }
  expect(recent.find(1, 7, 1).map(({ baseOffset }) => baseOffset)).toEqual(
    Array.from({ length: limits.duplicateCandidatesMax }, (_, i) => 299_999 - i),
  );
});

test('recent entries keep order when they grow from the middle of the ring', () => {
  const recent = new RecentEntries(5000, 5);
  const add = (i: number) =>
    recent.add({ topicId: 1, queueId: 0, baseOffset: i, count: 1, idHash: i, storeTimeMs: i });
  for (let i = 0; i < 1000; i++) add(i);
  recent.dropBefore(700);
  for (let i = 1000; i < 3000; i++) add(i);
  expect([recent.size, recent.oldestMs]).toEqual([2300, 700]);
  for (let i = 0; i < 3000; i++) {
    expect(recent.find(1, i, 1).map(({ baseOffset }) => baseOffset)).toEqual(i < 700 ? [] : [i]);
  }
});
