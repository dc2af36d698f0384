import { afterEach, beforeEach, expect, test } from 'vitest';
import { expiredTopic } from '../../../engine/broker/transactions.ts';
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

test('without a producer to ask nothing expires', async () => {
  await broker.half('t', 'a', 'x', 1000);
  for (let i = 0; i < 3 * limits.transactionChecksMax; i++) await pass(limits.transactionCheckMs);
  expect(broker.transactions.pendingCount).toBe(1);
  await broker.transactions.end('t', 'a', 'commit');
  expect(await arrived()).toEqual(['x']);
});
