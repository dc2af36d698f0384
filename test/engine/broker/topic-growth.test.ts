import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { tagHashOf } from '../../../engine/broker/publisher.ts';
import {
  firstSlots,
  grownSlots,
  slotCount,
  slotOf,
  TopicState,
} from '../../../engine/broker/slots.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seed } from '../../random-seed.ts';
import { bodies, bodyOf, openTestBroker, type TestBroker } from './harness.ts';

describe('slots', () => {
  test('growth moves as few as it must, only to new queues, and keeps the table even', () => {
    let slots = firstSlots(3);
    let before = 3;
    for (const queues of [4, 5, 64, 65, 1000, slotCount]) {
      const grown = grownSlots(slots, queues);
      const counts = new Array<number>(queues).fill(0);
      let moved = 0;
      for (const [slot, queue] of grown.entries()) {
        counts[queue]!++;
        if (queue === slots[slot]) continue;
        expect(queue).toBeGreaterThanOrEqual(before);
        moved++;
      }
      const share = Math.floor(slotCount / queues);
      expect(Math.min(...counts)).toBe(share);
      expect(moved).toBe(share * (queues - before));
      slots = grown;
      before = queues;
    }
    expect(new Set(slots).size).toBe(slotCount);
  });

  test('a topic knows where the slots of a queue came from, change by change', () => {
    const created = {
      op: 'topic-created',
      topicId: 1,
      name: 't',
      queues: 1,
      messageType: 'MIXED',
      timeMs: 0,
    } as const;
    const one = TopicState.of(created);
    const op = 'topic-altered';
    const two = one.altered({
      op,
      topicId: 1,
      queues: 2,
      slots: grownSlots(one.slots, 2),
      ends: [7],
    });
    const slots = grownSlots(two.slots, 4);
    const four = two.altered({ op, topicId: 1, queues: 4, slots, ends: [9, 3] });
    expect(four.queues).toBe(4);
    expect(four.created.queues).toBe(4);
    expect(four.sourcesOf(0)).toEqual([]);
    expect(four.sourcesOf(1)).toEqual([{ queueId: 0, endOffset: 7 }]);
    const later = [...four.sourcesOf(2), ...four.sourcesOf(3)];
    for (const { queueId, endOffset } of later) expect(endOffset).toBe([9, 3][queueId]);
    expect(new Set(later.map(({ queueId }) => queueId))).toEqual(new Set([0, 1]));
    expect(four.endsOf(0)).toContain(7);
    expect(four.endsOf(0)).toContain(9);
  });
});

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
});
afterEach(() => broker.stop());

const member = { group: 'g', clientId: 'c' };

/** Names of message groups whose slots leave their queue when the topic grows. */
function moving(queues: number, grown: number): string[] {
  const before = firstSlots(queues);
  const after = grownSlots(before, grown);
  const names = Array.from({ length: 200 }, (_, i) => `group-${i}`);
  return names.filter((name) => before[slotOf(name)] !== after[slotOf(name)]);
}

test('a message group whose slot moved goes on after its old queue was finished', async () => {
  await broker.topic('t', 1, 'FIFO');
  const [group] = moving(1, 4) as [string];
  await broker.publish('t', [
    { body: 'a', group },
    { body: 'b', group },
  ]);
  await broker.admin.grow('t', 4);
  expect(broker.topics.get('t').queues).toBe(4);
  await broker.publish('t', [
    { body: 'c', group },
    { body: 'd', group },
  ]);
  const first = await broker.pop('g', 't');
  expect(bodies(first)).toEqual(['a', 'b']);
  expect(await broker.pop('g', 't')).toEqual([]);
  broker.consumers.acknowledge(member, first[0]!.receiptHandle);
  expect(await broker.pop('g', 't')).toEqual([]);
  const waiting = broker.pop('g', 't', { waitMs: 60_000 });
  await new Promise((resolve) => setImmediate(resolve));
  broker.consumers.acknowledge(member, first[1]!.receiptHandle);
  // Woken by the acknowledgement, not by time: the clock stands still.
  expect(bodies(await waiting)).toEqual(['c', 'd']);
  // Another group, and this one after a restart, are held back in the same way.
  broker = await broker.restart();
  expect(bodies(await broker.pop('other', 't'))).toEqual(['a', 'b']);
  expect(await broker.pop('other', 't')).toEqual([]);
});

test('a queue opens when filters pass over the rest of the old one', async () => {
  await broker.topic('t', 1);
  const [group] = moving(1, 2) as [string];
  await broker.publish('t', [{ body: 'a', group, tag: 'x' }]);
  await broker.admin.grow('t', 2);
  await broker.publish('t', [{ body: 'b', group, tag: 'y' }]);
  const filter = { tagHashes: new Set([tagHashOf('y')]), passes: () => true };
  expect(bodies(await broker.pop('g', 't', { filter }))).toEqual(['b']);
});

test('messages of one request that belong on several queues become an entry on each', async () => {
  await broker.topic('t', 8);
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i % 10}`);
  const offsets = await broker.publishTogether(
    't',
    keys.map((key, i) => ({ body: `${key} ${i}`, key })),
  );
  const popped = await broker.pop('g', 't', { max: 100 });
  expect(popped.length).toBe(40);
  const slots = firstSlots(8);
  for (const message of popped) {
    const [key, i] = bodyOf(message).split(' ') as [string, string];
    expect(message.entry.queueId).toBe(slots[slotOf(key)]);
    expect(message.offset).toBe(offsets[Number(i)]);
  }
});

test('growth that is none, or to a wrong number, is refused by name', async () => {
  await broker.topic('t', 4);
  for (const queues of [3, 0, 1025, 4.5, Number.NaN]) {
    await expect(broker.admin.grow('t', queues)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  }
  await broker.admin.grow('t', 4);
  await expect(broker.admin.grow('u', 4)).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
  await expect(broker.admin.move('t', 4, 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(broker.admin.move('t', 3, 1)).rejects.toThrow('there is no partition p1');
  expect(broker.topics.get('t').queues).toBe(4);
});

test(`order per message group through growth under load (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  await broker.topic('t', 2, 'FIFO');
  await broker.groups.create('g', { ...defaultGroup, fifo: true, maxAttempts: 1000 }, false);
  const sent = new Map<string, number>();
  const seen = new Map<string, number>();
  const publishing: Promise<unknown>[] = [];
  const send = () => {
    const group = `group-${random.below(30)}`;
    const number = sent.get(group) ?? 0;
    sent.set(group, number + 1);
    publishing.push(broker.publish('t', [{ body: `${group} ${number}`, group }]));
  };
  const consume = async () => {
    // What a consumer dies over, and what follows it in its group, comes again.
    const failed = new Set<string>();
    for (const message of await broker.pop('g', 't', { max: 1 + random.below(20) })) {
      const [group, number] = bodyOf(message).split(' ') as [string, string];
      if (failed.has(group)) continue;
      expect(Number(number), group).toBe(seen.get(group) ?? 0);
      if (random.below(10) === 0) {
        failed.add(group);
        continue;
      }
      seen.set(group, Number(number) + 1);
      broker.consumers.acknowledge(member, message.receiptHandle);
    }
  };
  for (let round = 0; round < 60; round++) {
    for (let i = random.below(20); i >= 0; i--) send();
    const grows = round % 20 === 10 ? broker.admin.grow('t', 3 + round) : undefined;
    for (let i = random.below(20); i >= 0; i--) send();
    await grows;
    if (random.below(3) === 0) await Promise.all(publishing.splice(0));
    await consume();
    broker.clock.advance(1500);
    if (random.below(15) === 0) {
      await Promise.all(publishing.splice(0));
      broker = await broker.restart();
    }
  }
  await Promise.all(publishing);
  for (let i = 0; i < 2000 && [...sent].some(([group, count]) => seen.get(group) !== count); i++) {
    await consume();
    broker.clock.advance(1500);
  }
  expect(new Map([...seen].sort())).toEqual(new Map([...sent].sort()));
});
