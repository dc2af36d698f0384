import { connect } from 'node:http2';
import { ConsumeResult, Producer, PushConsumer, SimpleConsumer } from 'rocketmq-client-nodejs';
import { afterEach, expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { encode } from '../../connectors/rocketmq/codec.ts';
import { type Broker, openBroker } from './broker.ts';

/** The official client, unmodified, against the real service. */
let broker: Broker;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await broker.close();
});

const quiet = { info() {}, warn() {}, error() {}, debug() {} };

async function producer(): Promise<Producer> {
  const made = new Producer({ endpoints: broker.endpoint, namespace: '', logger: quiet as never });
  await made.startup();
  closers.push(() => made.shutdown());
  return made;
}

async function simpleConsumer(topic: string, group: string, expression = '*') {
  const made = new SimpleConsumer({
    consumerGroup: group,
    endpoints: broker.endpoint,
    namespace: '',
    subscriptions: new Map([[topic, expression]]),
    awaitDuration: 3000,
    logger: quiet as never,
  });
  await made.startup();
  closers.push(() => made.shutdown());
  return made;
}

test('tag, keys and properties arrive as sent; acked messages do not come again', async () => {
  broker = await openBroker();
  await broker.topics.create('orders', { queues: 2, ifNotExists: false });
  const sender = await producer();
  const sent: string[] = [];
  for (let i = 0; i < 10; i++) {
    const receipt = await sender.send({
      topic: 'orders',
      tag: i % 2 === 0 ? 'even' : 'odd',
      keys: [`k${i}`],
      body: Buffer.from(JSON.stringify({ i })),
      properties: new Map([['n', String(i)]]),
    });
    expect(receipt.transactionId).toBe(receipt.messageId);
    sent.push(receipt.messageId);
  }
  const consumer = await simpleConsumer('orders', 'g1');
  const seen = new Map<string, string>();
  while (seen.size < 10) {
    for (const message of await consumer.receive(16, 15_000)) {
      const { i } = JSON.parse(message.body.toString()) as { i: number };
      expect(message.tag).toBe(i % 2 === 0 ? 'even' : 'odd');
      expect(message.keys).toEqual([`k${i}`]);
      expect(message.properties.get('n')).toBe(String(i));
      expect(message.deliveryAttempt).toBe(1);
      seen.set(message.messageId, 'seen');
      await consumer.ack(message);
    }
  }
  expect([...seen.keys()].toSorted()).toEqual(sent.toSorted());
  expect(await consumer.receive(16, 15_000)).toEqual([]);
});

test('a tag filter passes what it names', async () => {
  broker = await openBroker();
  await broker.topics.create('t', { queues: 1, ifNotExists: false });
  const client = new MessagingClient(broker.endpoint);
  closers.push(() => client.close());
  await client.publish('t', [
    { body: Buffer.from('1'), tag: 'a' },
    { body: Buffer.from('2'), tag: 'b' },
    { body: Buffer.from('3'), tag: 'c' },
  ]);
  await client.publish('t', [{ body: Buffer.from('4'), tag: 'b' }]);
  const consumer = await simpleConsumer('t', 'g', 'a || b');
  const bodies: string[] = [];
  while (bodies.length < 3) {
    for (const message of await consumer.receive(8, 15_000)) {
      bodies.push(message.body.toString());
      await consumer.ack(message);
    }
  }
  expect(bodies.toSorted()).toEqual(['1', '2', '4']);
});

test('an un-acked message comes again, also after a restart of the server', async () => {
  broker = await openBroker();
  await broker.topics.create('t', { queues: 1, ifNotExists: false });
  const client = new MessagingClient(broker.endpoint);
  closers.push(() => client.close());
  await client.publish('t', [{ body: Buffer.from('x') }, { body: Buffer.from('y') }]);
  const bodies = async (options: { max: number; invisibleMs: number; waitMs: number }) => {
    const messages = await client.receive('t', 'g', options);
    return { messages, texts: messages.map(({ body }) => Buffer.from(body).toString()) };
  };
  const held = { max: 1, invisibleMs: 600_000, waitMs: 20_000 };
  const passing = { max: 8, invisibleMs: 300, waitMs: 20_000 };
  const x = await bodies(held);
  expect(x.texts).toEqual(['x']);
  await client.ack('t', 'g', x.messages[0]!);
  const first = await bodies(passing);
  expect(first.texts).toEqual(['y']);
  expect((await bodies(passing)).texts).toEqual(['y']);
  await expect(client.ack('t', 'g', first.messages[0]!)).rejects.toMatchObject({
    code: 'RECEIPT_HANDLE_EXPIRED',
  });
  broker = await broker.restart();
  const after = await bodies(held);
  expect(after.texts).toEqual(['y']);
  await client.ack('t', 'g', after.messages[0]!);
  expect((await bodies({ ...held, waitMs: 500 })).texts).toEqual([]);
});

test('a push consumer gets everything that is sent while it listens', async () => {
  broker = await openBroker();
  await broker.topics.create('t', { queues: 4, ifNotExists: false });
  const seen = new Set<string>();
  const consumer = new PushConsumer({
    consumerGroup: 'push',
    endpoints: broker.endpoint,
    namespace: '',
    subscriptions: new Map([['t', '*']]),
    logger: quiet as never,
    messageListener: {
      async consume(message: { body: Buffer }) {
        seen.add(message.body.toString());
        return ConsumeResult.SUCCESS;
      },
    } as never,
  });
  await consumer.startup();
  closers.push(() => consumer.shutdown());
  const sender = await producer();
  for (let i = 0; i < 50; i++) await sender.send({ topic: 't', body: Buffer.from(String(i)) });
  await expect.poll(() => seen.size, { timeout: 30_000 }).toBe(50);
});

test('bad requests get their codes and change nothing', async () => {
  broker = await openBroker();
  await broker.topics.create('t', { queues: 1, ifNotExists: false });
  const client = new MessagingClient(broker.endpoint);
  closers.push(() => client.close());
  const body = Buffer.from('x');
  await expect(client.publish('none', [{ body }])).rejects.toMatchObject({
    code: 'TOPIC_NOT_FOUND',
  });
  await expect(client.publish('t', [{ body: Buffer.alloc(0) }])).rejects.toMatchObject({
    code: 'MESSAGE_EMPTY',
  });
  const large = Buffer.alloc(4 * 1024 * 1024 + 1);
  await expect(client.publish('t', [{ body: large }])).rejects.toMatchObject({
    code: 'MESSAGE_TOO_LARGE',
  });
  await expect(client.publish('t', [{ body, tag: 'a|b' }])).rejects.toMatchObject({
    code: 'ILLEGAL_TAG',
  });
  expect(await client.queueOffsets('t')).toEqual([{ queue: 0, min: 0, max: 0 }]);
});

test('an answer that is cut off was none: its messages go to the next one at once', async () => {
  broker = await openBroker();
  await broker.topics.create('t', { queues: 1, ifNotExists: false });
  const client = new MessagingClient(broker.endpoint);
  closers.push(() => client.close());
  for (let i = 0; i < 4; i++) await client.publish('t', [{ body: Buffer.alloc(500_000, i) }]);

  const request = encode('ReceiveMessageRequest', {
    group: { name: 'g' },
    message_queue: { topic: { name: 't' } },
    batch_size: 4,
    auto_renew: true,
  });
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(request.length, 1);
  // Its window takes 64 KiB, and it never reads them.
  const slow = connect(`http://${broker.endpoint}`);
  const stream = slow.request({
    ':method': 'POST',
    ':path': '/apache.rocketmq.v2.MessagingService/ReceiveMessage',
    'content-type': 'application/grpc',
    te: 'trailers',
    'x-mq-client-id': 'slow',
  });
  stream.on('error', () => undefined);
  stream.end(Buffer.concat([frame, request]));
  await new Promise((resolve) => stream.once('response', resolve));
  const again = () => client.receive('t', 'g', { max: 4, invisibleMs: 60_000, waitMs: 20_000 });
  expect(await client.receive('t', 'g', { max: 4, invisibleMs: 60_000, waitMs: 0 })).toEqual([]);
  slow.destroy();
  const messages = await again();
  expect(messages.map(({ body }) => Buffer.from(body)[0])).toEqual([0, 1, 2, 3]);
});
