import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { rocketmqFormat } from '../../../connectors/rocketmq/message-format.ts';
import { expiredTopic } from '../../../engine/broker/transactions.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
});
afterEach(() => broker.stop());

let group = 0;
async function arrived(topic = 't'): Promise<string[]> {
  return bodies(await broker.pop(`reader-${group++}`, topic));
}

async function pass(ms: number): Promise<void> {
  broker.clock.advance(ms);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a half message is in nobody sight until it is committed', async () => {
  await broker.half('t', 'a', 'committed');
  await broker.half('t', 'b', 'rolled back');
  expect(await arrived()).toEqual([]);
  await broker.transactions.end('t', 'a', 'commit');
  await broker.transactions.end('t', 'b', 'rollback');
  expect(await arrived()).toEqual(['committed']);
  expect(broker.transactions.pendingCount).toBe(0);
});

test('saying the same again is no error; saying otherwise is one', async () => {
  await broker.half('t', 'a', 'x');
  await Promise.all([1, 2, 3].map(() => broker.transactions.end('t', 'a', 'commit')));
  expect(await arrived()).toEqual(['x']);
  for (const [topic, id] of [
    ['t', 'a'],
    ['t', 'never'],
    ['u', 'a'],
  ] as const) {
    await expect(broker.transactions.end(topic, id, 'rollback')).rejects.toMatchObject({
      code: 'INVALID_TRANSACTION_ID',
    });
  }
});

test('open transactions outlive restarts and the loss of the database', async () => {
  for (const id of ['a', 'b', 'c']) await broker.half('t', id, id);
  broker = await broker.restart();
  await broker.transactions.end('t', 'b', 'commit');
  broker = await broker.lose();
  expect(broker.transactions.pendingCount).toBe(2);
  await broker.transactions.end('t', 'a', 'commit');
  broker = await broker.lose();
  expect(broker.transactions.pendingCount).toBe(1);
  expect(await arrived()).toEqual(['b', 'a']);
});

test('producers are asked again and again; then the message can be looked at', async () => {
  const asked: string[] = [];
  const listen = () => {
    broker.transactions.askProducer = (topic, _half, id) => {
      asked.push(`${topic}/${id}`);
      return true;
    };
  };
  listen();
  await broker.half('t', 'a', 'lost', 5000);
  await pass(4000);
  expect(asked).toEqual([]);
  await pass(2000);
  expect(asked).toEqual(['t/a']);
  broker = await broker.restart();
  listen();
  for (let i = 0; i <= limits.transactionChecksMax; i++)
    await pass(limits.transactionCheckMs + 1000);
  expect(asked).toHaveLength(limits.transactionChecksMax);
  expect(broker.transactions.pendingCount).toBe(0);
  expect(await arrived()).toEqual([]);
  expect(await arrived(expiredTopic)).toEqual(['lost']);
});

test('checks count also when there is no producer to ask', async () => {
  await broker.half('t', 'a', 'x', 1000);
  for (let i = 0; i <= limits.transactionChecksMax; i++)
    await pass(limits.transactionCheckMs + 1000);
  expect(broker.transactions.pendingCount).toBe(0);
  await expect(broker.transactions.end('t', 'a', 'commit')).rejects.toMatchObject({
    code: 'INVALID_TRANSACTION_ID',
  });
  expect(await arrived()).toEqual([]);
  expect(await arrived(expiredTopic)).toEqual(['x']);
});

test('a commit while a half expires does not succeed too', async () => {
  await broker.half('t', 'a', 'x', 1000);
  await broker.topics.create(expiredTopic, { queues: 1, ifNotExists: true });
  const { topicId } = broker.topics.get(expiredTopic);
  const append = broker.store.append.bind(broker.store);
  let ended: Promise<unknown> | undefined;
  vi.spyOn(broker.store, 'append').mockImplementation((request) => {
    if (request.topicId === topicId) {
      ended = broker.transactions.end('t', 'a', 'commit').catch((error) => error.code);
    }
    return append(request);
  });
  for (let i = 0; i <= limits.transactionChecksMax; i++)
    await pass(limits.transactionCheckMs + 1000);
  expect(await ended).toBe('INVALID_TRANSACTION_ID');
  expect(await arrived()).toEqual([]);
  expect(await arrived(expiredTopic)).toEqual(['x']);
});

test('of many due halves few are read at a time, and all are asked for', async () => {
  const asked = new Set<string>();
  broker.transactions.askProducer = (_topic, _half, id) => asked.add(id) !== undefined;
  for (let i = 0; i < 100; i++) await broker.half('t', `${i}`, 'x', 1000);
  const read = broker.store.readEntry.bind(broker.store);
  let reading = 0;
  let most = 0;
  vi.spyOn(broker.store, 'readEntry').mockImplementation(async (...args) => {
    most = Math.max(most, ++reading);
    await new Promise((resolve) => setImmediate(resolve));
    return read(...args).finally(() => reading--);
  });
  await pass(2000);
  expect(asked.size).toBe(100);
  expect(most).toBe(limits.transactionsCheckedMax);
});

test('a half that cannot be read does not keep the broker from its start', async () => {
  await broker.half('t', 'a', 'bad');
  await broker.half('t', 'b', 'good');
  const message = vi.spyOn(rocketmqFormat, 'parked').mockImplementationOnce(() => {
    throw new MillraceError('MALFORMED', 'a bit fell over');
  });
  broker = await broker.restart();
  message.mockRestore();
  expect(broker.transactions.pendingCount).toBe(1);
});
