import {
  ConsumeResult,
  FilterExpression,
  LitePushConsumerImpl,
  Producer,
  PushConsumer,
  SimpleConsumer,
} from 'rocketmq-client-nodejs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultGroup } from '../../engine/broker/groups.ts';
import { type Broker, openBroker } from './broker.ts';

/**
 * A scenario for each messaging feature with the official client, unmodified (reference
 * rocketmq-v2, 4.2 and 4.3).
 */
let broker: Broker;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  broker = await openBroker();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await broker.close();
});

const logger = { info() {}, warn() {}, error() {}, debug() {} } as never;

async function producer(options: object = {}): Promise<Producer> {
  const made = new Producer({ endpoints: broker.endpoint, namespace: '', logger, ...options });
  await made.startup();
  closers.push(() => made.shutdown());
  return made;
}

async function simpleConsumer(
  topic: string,
  consumerGroup: string,
  filter: string | FilterExpression = '*',
): Promise<SimpleConsumer> {
  const made = new SimpleConsumer({
    consumerGroup,
    endpoints: broker.endpoint,
    namespace: '',
    subscriptions: new Map([[topic, filter]]),
    awaitDuration: 3000,
    logger,
  });
  await made.startup();
  closers.push(() => made.shutdown());
  return made;
}

async function pushConsumer(
  topic: string,
  consumerGroup: string,
  consume: (message: { body: Buffer }) => Promise<ConsumeResult>,
): Promise<void> {
  const made = new PushConsumer({
    consumerGroup,
    endpoints: broker.endpoint,
    namespace: '',
    subscriptions: new Map([[topic, '*']]),
    logger,
    messageListener: { consume } as never,
  });
  await made.startup();
  closers.push(() => made.shutdown());
}

test('a delayed message comes in its time, with its time', async () => {
  await broker.topics.create('t', { queues: 2, ifNotExists: false, messageType: 'DELAY' });
  const sender = await producer();
  const consumer = await simpleConsumer('t', 'g');
  const sentMs = Date.now();
  const receipt = await sender.send({ topic: 't', delay: 1000, body: Buffer.from('later') });
  expect(receipt.recallHandle).not.toBe('');
  const [message] = await receiveSome(consumer);
  expect(Date.now() - sentMs).toBeGreaterThanOrEqual(1000);
  expect(message!.messageId).toBe(receipt.messageId);
  expect(message!.deliveryTimestamp!.getTime()).toBeGreaterThanOrEqual(sentMs + 1000);
  await consumer.ack(message!);
});

test('a delayed message can be recalled', async () => {
  await broker.topics.create('t', { queues: 2, ifNotExists: false });
  const sender = await producer({ topic: 't' });
  const { messageId, recallHandle } = await sender.send({
    topic: 't',
    delay: 1500,
    body: Buffer.from('never'),
  });
  expect((await sender.recallMessage('t', recallHandle!)).messageId).toBe(messageId);
  await expect(sender.recallMessage('t', recallHandle!)).rejects.toThrow('no such message');
  const consumer = await simpleConsumer('t', 'g');
  expect(await consumer.receive(8, 15_000)).toEqual([]);
});

test('a FIFO group gets each message group in order, also after failures', async () => {
  await broker.topics.create('t', { queues: 4, ifNotExists: false, messageType: 'FIFO' });
  await broker.groups.create('fifo', { ...defaultGroup, fifo: true }, false);
  const sender = await producer({ topic: 't' });
  for (let i = 0; i < 20; i++) {
    const body = Buffer.from(JSON.stringify({ group: `g${i % 4}`, i }));
    await sender.send({ topic: 't', messageGroup: `g${i % 4}`, body });
  }
  const done = new Map<string, number[]>();
  const failed = new Set<number>();
  await pushConsumer('t', 'fifo', async ({ body }) => {
    const { group, i } = JSON.parse(body.toString()) as { group: string; i: number };
    if (i % 5 === 0 && !failed.has(i)) {
      failed.add(i);
      return ConsumeResult.FAILURE;
    }
    done.set(group, [...(done.get(group) ?? []), i]);
    return ConsumeResult.SUCCESS;
  });
  const count = () => [...done.values()].reduce((sum, list) => sum + list.length, 0);
  await expect.poll(count, { timeout: 60_000 }).toBe(20);
  expect(Object.fromEntries(done)).toEqual({
    g0: [0, 4, 8, 12, 16],
    g1: [1, 5, 9, 13, 17],
    g2: [2, 6, 10, 14, 18],
    g3: [3, 7, 11, 15, 19],
  });
});

test('a group that is not FIFO goes on past a message that is not acked', async () => {
  await broker.topics.create('t', { queues: 1, ifNotExists: false, messageType: 'FIFO' });
  const sender = await producer({ topic: 't' });
  for (const body of ['a', 'b', 'c']) {
    await sender.send({ topic: 't', messageGroup: 'one', body: Buffer.from(body) });
  }
  const consumer = await simpleConsumer('t', 'g');
  for (const body of ['a', 'b', 'c']) {
    const [message] = await consumer.receive(1, 15_000);
    expect(message!.body.toString()).toBe(body);
    expect(message!.messageGroup).toBe('one');
    expect(message!.properties.get('__SHARDINGKEY')).toBe('one');
  }
});

test('a transaction: commit shows the message, rollback does not, a check asks', async () => {
  await broker.topics.create('t', { queues: 1, ifNotExists: false, messageType: 'TRANSACTION' });
  const sender = await producer({
    topic: 't',
    checker: { check: async () => 1 },
  });
  const send = async (body: string) => {
    const transaction = sender.beginTransaction();
    const receipt = await sender.send({ topic: 't', body: Buffer.from(body) }, transaction);
    return { transaction, receipt };
  };
  const committed = await send('committed');
  const rolledBack = await send('rolled back');
  const consumer = await simpleConsumer('t', 'g');
  await committed.transaction.commit();
  await rolledBack.transaction.rollback();
  const messages = await receiveSome(consumer, 2);
  expect(messages.map(({ body }) => body.toString())).toEqual(['committed']);
  const { transactionId } = committed.receipt;
  expect(messages[0]!.properties.get('__transactionId__')).toBe(transactionId);
  expect(committed.receipt.messageId).toBe(transactionId);
});

test('what a push consumer always fails on ends among the dead letters', async () => {
  await broker.topics.create('t', { queues: 1, ifNotExists: false });
  await broker.groups.create('g', { ...defaultGroup, maxAttempts: 2 }, false);
  const sender = await producer({ topic: 't' });
  const { messageId } = await sender.send({ topic: 't', tag: 'x', body: Buffer.from('bad') });
  let attempts = 0;
  await pushConsumer('t', 'g', async () => {
    attempts++;
    return ConsumeResult.FAILURE;
  });
  await expect
    .poll(() => broker.topics.find('%DLQ%g') !== undefined, { timeout: 60_000 })
    .toBe(true);
  const consumer = await simpleConsumer('%DLQ%g', 'undertaker');
  const [dead] = await receiveSome(consumer);
  expect(attempts).toBe(2);
  expect(dead!.body.toString()).toBe('bad');
  expect(dead!.messageId).toBe(messageId);
  expect(dead!.tag).toBe('x');
});

test('an SQL92 filter passes what it selects', async () => {
  await broker.topics.create('t', { queues: 1, ifNotExists: false });
  const sender = await producer({ topic: 't' });
  for (let i = 0; i < 6; i++) {
    const properties = new Map([['n', String(i)]]);
    await sender.send({ topic: 't', tag: `tag${i % 2}`, properties, body: Buffer.from(`${i}`) });
  }
  const expression = "n BETWEEN 1 AND 4 AND TAGS = 'tag1'";
  const consumer = await simpleConsumer('t', 'g', new FilterExpression(expression, 2));
  const seen: string[] = [];
  for (const message of await receiveSome(consumer, 8)) seen.push(message.body.toString());
  expect(seen).toEqual(['1', '3']);
});

test('the topic refuses messages of another type', async () => {
  await broker.topics.create('t', { queues: 1, ifNotExists: false, messageType: 'NORMAL' });
  const sender = await producer({ topic: 't' });
  await expect(
    sender.send({ topic: 't', messageGroup: 'g', body: Buffer.from('x') }),
  ).rejects.toThrow();
});

/** The first messages that come. */
async function receiveSome(consumer: SimpleConsumer, max = 1) {
  for (let i = 0; i < 20; i++) {
    const messages = await consumer.receive(max, 15_000);
    if (messages.length > 0) return messages;
  }
  throw new Error('nothing came');
}

test('a lite push consumer gets the lite topics that it has subscribed to', async () => {
  await broker.topics.create('chats', { queues: 1, ifNotExists: false, messageType: 'LITE' });
  const got: string[] = [];
  const consume = async ({ body }: { body: Buffer }) => {
    got.push(body.toString());
    return ConsumeResult.SUCCESS;
  };
  const consumer = new LitePushConsumerImpl({
    consumerGroup: 'g',
    endpoints: broker.endpoint,
    namespace: '',
    bindTopic: 'chats',
    logger,
    messageListener: { consume } as never,
  } as never);
  await consumer.startup();
  closers.push(() => consumer.shutdown());
  const sender = await producer({ topic: 'chats' });
  const send = (liteTopic: string, body: string) =>
    sender.send({ topic: 'chats', liteTopic, body: Buffer.from(body) } as never);
  await send('room-1', 'one');
  await send('room-2', 'two');
  await consumer.subscribeLite('room-1');
  await expect.poll(() => got, { timeout: 15_000 }).toEqual(['one']);
  await consumer.subscribeLite('room-2');
  await expect.poll(() => got, { timeout: 15_000 }).toEqual(['one', 'two']);
  await consumer.unsubscribeLite('room-1');
  await send('room-1', 'unwanted');
  await send('room-2', 'three');
  await expect.poll(() => got, { timeout: 15_000 }).toEqual(['one', 'two', 'three']);
  await expect(consumer.subscribeLite('ü'.repeat(40))).rejects.toMatchObject({ code: 40020 });
});
