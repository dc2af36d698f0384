import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { deadLetterTopic } from '../../../engine/broker/dead-letters.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import { bodies, openTestBroker, type TestBroker } from './harness.ts';

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
});
afterEach(() => broker.stop());

async function bury(group: string, body: string): Promise<void> {
  await broker.publish('t', [{ body }]);
  const [popped] = await broker.pop(group, 't');
  await broker.consumers.forwardToDeadLetters({ group, clientId: 'c' }, 't', popped!.receiptHandle);
}

test('letters go back for a group with the longest name, and no group is made for it', async () => {
  const group = 'g'.repeat(limits.groupNameMax);
  await bury(group, 'x');
  const groups = broker.groups.list();
  expect(await broker.redrive(group, 10)).toBe(1);
  expect(broker.groups.list()).toEqual(groups);
  expect(bodies(await broker.pop(group, 't'))).toEqual(['x']);
  await expect(broker.pop('%REDRIVE%h', 't')).rejects.toMatchObject({ code: 'ILLEGAL_GROUP' });
});

test('a letter outlives any number of failed ways back', async () => {
  await bury('g', 'x');
  const { topicId } = broker.topics.get('t');
  const append = broker.store.append.bind(broker.store);
  const spy = vi.spyOn(broker.store, 'append').mockImplementation(async (request) => {
    if (request.topicId === topicId) throw new MillraceError('DISK_FULL', 'no room');
    return append(request);
  });
  for (let i = 0; i < limits.deliveryAttemptsMax + 3; i++) {
    await expect(broker.redrive('g', 10)).rejects.toMatchObject({ code: 'DISK_FULL' });
    broker.clock.advance(60_000);
  }
  spy.mockRestore();
  expect(await broker.redrive('g', 10)).toBe(1);
  expect(broker.topics.find(deadLetterTopic('%REDRIVE%g'))).toBeUndefined();
  expect(bodies(await broker.pop('g', 't'))).toEqual(['x']);
});

test('with early acknowledgements too, a letter is durable before it leaves its old place', async () => {
  await broker.stop();
  broker = await openTestBroker(undefined, 'interval');
  await broker.topic('t');
  const durable = async (topic: string) =>
    (await broker.store.range(broker.topics.get(topic).topicId, 0)).maxOffset;
  await broker.publish('t', [{ body: 'x' }]);
  expect(await durable('t')).toBe(0);
  // What the server appends for itself is awaited, and what came before it with it.
  await broker.topics.create(deadLetterTopic('g'), { queues: 1, ifNotExists: true });
  expect(await durable('t')).toBe(1);
  const [popped] = await broker.pop('g', 't');
  const member = { group: 'g', clientId: 'c' };
  await broker.consumers.forwardToDeadLetters(member, 't', popped!.receiptHandle);
  expect(await durable(deadLetterTopic('g'))).toBe(1);
  expect(await broker.redrive('g', 1)).toBe(1);
  expect(await durable('t')).toBe(2);
});
