import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { filterOf } from '../../../connectors/rocketmq/filters.ts';
import { deadLetterTopic } from '../../../engine/broker/dead-letters.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { messageBlock } from '../../../engine/formats/message-block.ts';
import { col, indexRowWidth } from '../../../storage/queues/index-rows.ts';
import { type Entry, type EntryKind, entryKinds, tagMixed } from '../../../storage/store.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

/** Stored messages that cannot be decoded hold up nothing. */
let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await broker.stop();
});

/** A tag in ten bytes. */
const unreadable = Buffer.from('8a808080808080808000', 'hex');

async function publishUnreadable(count = 1, kind: EntryKind = entryKinds.messages): Promise<void> {
  const { topicId } = broker.topics.get('t');
  const more = { kind, count, body: unreadable, firstIdHash: 1, tagHash: tagMixed };
  await broker.store.append({ topicId, queueId: 0, ...more });
}

test('a group with a filter, and one with an order, go on behind them', async () => {
  await publishUnreadable(3);
  await broker.publish('t', [{ body: 'good', tag: 'a' }]);
  await broker.groups.create('fifo', { ...defaultGroup, fifo: true }, false);
  const filter = filterOf({ type: 'TAG', expression: 'a' });
  expect(bodies(await broker.pop('g', 't', { filter }))).toEqual(['good']);
  expect(bodies(await broker.pop('fifo', 't'))).toEqual(['good']);
});

test('they are buried without a dead letter', async () => {
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
  await publishUnreadable();
  await broker.publish('t', [{ body: 'good' }]);
  expect(await broker.pop('g', 't')).toHaveLength(2);
  broker.clock.advance(1001);
  expect(await broker.pop('g', 't')).toEqual([]);
  expect(bodies(await broker.pop('d', deadLetterTopic('g')))).toEqual(['good']);
  expect(await broker.consumers.progress('g')).toMatchObject([{ cursor: 2, inFlight: 0 }]);
});

const entryOf = (kind: EntryKind, count: number, body: Uint8Array): Entry => ({
  ...{ kind, topicId: 1, queueId: 0, baseOffset: 5, count, storeTimeMs: 1, partition: 0 },
  ...{ position: 0, length: body.length, body, isThinned: false },
});

test('compaction leaves them as they are, and goes on with the rest', async () => {
  await broker.topics.create('c', { queues: 1, ifNotExists: false, cleanup: 'compact' });
  const { topicId } = broker.topics.get('c');
  await broker.publish('c', [{ body: 'a1', key: 'a' }]);
  for (const kind of [entryKinds.messages, entryKinds.packed]) {
    const more = { kind, count: 1, body: unreadable, firstIdHash: 1, tagHash: tagMixed };
    await broker.store.append({ topicId, queueId: 0, ...more });
  }
  await broker.publish('c', [{ body: 'a2', key: 'a' }]);
  const policy = (id: number) => (id === topicId ? { compaction: { tombstoneMs: 0 } } : {});
  const rules = { policy, floor: () => Infinity, segmentAgeMs: 0, compactionLagMs: 0 };
  await broker.store.retain(rules);
  const report = await broker.store.retain(rules);
  expect(report.compactedMessages).toBe(1);
  expect(report.undecodable).toMatchObject([{ topicId, offset: 1, entries: 2 }]);
  const { values, rowCount } = await broker.store.indexRows(topicId, 0, 0, 9);
  const offsets: number[] = [];
  for (let at = 0; at < rowCount * indexRowWidth; at += indexRowWidth) {
    const place = [col.partition, col.position, col.length].map((field) => values[at + field]!);
    const entry = await broker.store.readEntry(...(place as [number, number, number]));
    if (entry !== undefined) offsets.push(entry.baseOffset);
  }
  expect(offsets).toEqual([1, 2, 3]);
});

test('a view has them as messages without a body, between the others', () => {
  // SendMessageRequest { messages { body: "x" } }
  const good = entryOf(entryKinds.messages, 1, Uint8Array.of(0x0a, 3, 0x22, 1, 0x78));
  for (const kind of [entryKinds.messages, entryKinds.packed]) {
    for (const withProperties of [false, true]) {
      const bad = entryOf(kind, 2, unreadable);
      const block = messageBlock([good, bad, good], withProperties);
      expect([...block.lengths]).toEqual([1, 0, 0, 1]);
      expect([...block.offsets]).toEqual([5, 5, 6, 5]);
      expect(block.buffer[block.starts[3]!]).toBe(0x78);
    }
  }
});
