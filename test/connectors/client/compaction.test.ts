import { afterEach, beforeEach, expect, test } from 'vitest';
import { Producer, SimpleConsumer, StreamReader } from '../../../connectors/client/index.ts';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { createMessagingService } from '../../../connectors/rocketmq/service.ts';
import { entryKinds } from '../../../storage/store.ts';
import { openTestBroker, type TestBroker } from '../../engine/broker/harness.ts';

/** Batches of packed messages of which compaction takes some, or all. */

let broker: TestBroker;
let host: GrpcHost;
let endpoint: string;

beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topics.create('t', { queues: 1, ifNotExists: false, cleanup: 'compact' });
  host = new GrpcHost([createMessagingService({ ...broker, close: () => undefined })]);
  endpoint = `127.0.0.1:${await host.listen('127.0.0.1', 0)}`;
});
afterEach(async () => {
  await host.close();
  await broker.stop();
});

async function compact(): Promise<number> {
  const { topicId } = broker.topics.get('t');
  let removed = 0;
  for (let pass = 0; pass < 3; pass++) {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const report = await broker.store.retain({
      policy: (id) => (id === topicId ? { compaction: { tombstoneMs: 0 } } : {}),
      floor: () => Infinity,
      segmentAgeMs: 0,
      compactionLagMs: 0,
      compactionAgeMs: 0,
    });
    removed += report.compactedMessages;
  }
  return removed;
}

test('readers get what is left of a batch, with its ids and offsets, and can finish it', async () => {
  const producer = new Producer({ endpoint, lingerMs: 20 });
  const send = (bodies: readonly string[]) =>
    Promise.all(
      bodies.map((body) =>
        producer.send('t', { body, ...(body[0] === '-' ? {} : { keys: [body[0]!] }), tag: 'x' }),
      ),
    );
  const sent = [
    ...(await send(['a1', 'b1', '-1', 'a2'])),
    ...(await send(['b2', 'c1', 'a3', 'd1'])),
  ];
  await send(['c2', 'd2', 'b3']);
  const { topicId } = broker.topics.get('t');
  const kinds = new Set<number>();
  await broker.store.scan(0, undefined, (entry) => {
    if (entry.topicId === topicId) kinds.add(entry.kind);
  });
  expect([...kinds]).toEqual([entryKinds.packed]);
  const consumer = new SimpleConsumer({ endpoint, group: 'held' });
  // A whole batch is held when some of it goes.
  const held = await consumer.receive('t', { max: 4, invisibleMs: 20_000 });
  expect(held.length).toBeGreaterThanOrEqual(4);
  expect(await compact()).toBe(6);
  const expected = ['-1', 'a3', 'c2', 'd2', 'b3'];
  const text = ({ body }: { readonly body: Uint8Array }) => Buffer.from(body).toString();
  const reader = new StreamReader({ endpoint, topic: 't', queue: 0, start: 'beginning' });
  const read = await reader.read();
  expect(read.map(text)).toEqual(expected);
  expect(read.map(({ offset }) => offset)).toEqual([2, 6, 8, 9, 10]);
  expect(read.slice(0, 2).map(({ messageId }) => messageId)).toEqual([
    sent[2]!.messageId,
    sent[6]!.messageId,
  ]);
  const fresh = new SimpleConsumer({ endpoint, group: 'fresh' });
  const got = [];
  while (got.length < expected.length) got.push(...(await fresh.receive('t', { max: 32 })));
  expect(got.map(text)).toEqual(expected);
  for (const message of got) await fresh.ack(message);
  expect(await broker.consumers.progress('fresh')).toMatchObject([{ cursor: 11, inFlight: 0 }]);
  // What went while it was held is done when it would come again.
  broker.clock.advance(20_000);
  const again = [];
  for (let i = 0; i < 20; i++) {
    const messages = await consumer.receive('t', { max: 32, waitMs: 10 });
    for (const message of messages) await consumer.ack(message);
    again.push(...messages.map(text));
    const [place] = await broker.consumers.progress('held');
    if (place?.cursor === 11 && place.inFlight === 0) break;
    broker.clock.advance(60_000);
  }
  expect(again.sort()).toEqual([...expected].sort());
  expect(await broker.consumers.progress('held')).toMatchObject([{ cursor: 11, inFlight: 0 }]);
  consumer.close();
  fresh.close();
  reader.close();
  await producer.close();
});
