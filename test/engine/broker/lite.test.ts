import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import type { LiteAction } from '../../../engine/broker/lite-subscriptions.ts';
import { limits } from '../../../platform/limits.ts';
import { bodies, openTestBroker, type Pop, type TestBroker } from './harness.ts';

let broker: TestBroker;
beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('chats', 1, 'LITE');
});
afterEach(() => broker.stop());

const send = (liteTopic: string, ...texts: readonly string[]) =>
  broker.publish(
    'chats',
    texts.map((body) => ({ body, liteTopic })),
  );
const sync = (clientId: string, action: LiteAction, ...lites: readonly string[]) =>
  broker.consumers.syncLites({ clientId, group: 'g', topic: 'chats', action, lites });
const pop = (clientId: string, options: Pop = {}) =>
  broker.pop('g', 'chats', { clientId, ...options });

describe('lite topics', () => {
  test('a client gets those that it subscribed to, each in order', async () => {
    await send('a', 'a1', 'a2');
    await send('b', 'b1');
    await send('c', 'c1');
    expect(await pop('x')).toEqual([]);
    await sync('x', 'COMPLETE_ADD', 'a', 'c', 'not-yet');
    const got = await pop('x');
    expect(bodies(got).sort()).toEqual(['a1', 'a2', 'c1']);
    await send('a', 'a3');
    // Not before those in front of it are done.
    expect(await pop('x')).toEqual([]);
    const member = { group: 'g', clientId: 'x' };
    for (const { receiptHandle } of got) broker.consumers.acknowledge(member, receiptHandle);
    expect(bodies(await pop('x'))).toEqual(['a3']);
    await sync('y', 'PARTIAL_ADD', 'b');
    expect(bodies(await pop('y'))).toEqual(['b1']);
  });

  test('the first of one that fails comes again before the others', async () => {
    await send('a', 'a1', 'a2');
    await sync('x', 'PARTIAL_ADD', 'a');
    const [first, second] = await pop('x');
    const member = { group: 'g', clientId: 'x' };
    broker.consumers.acknowledge(member, second!.receiptHandle);
    broker.consumers.changeInvisible(member, first!.receiptHandle, 500, true);
    expect(await pop('x')).toEqual([]);
    broker.clock.advance(501);
    const again = await pop('x');
    expect(bodies(again)).toEqual(['a1']);
    // Suspended, it does not count as a delivery.
    expect(again[0]!.attempt).toBe(1);
  });

  test('a poll wakes when a message comes to one of them, also to a new one', async () => {
    await sync('x', 'PARTIAL_ADD', 'new');
    const waiting = pop('x', { waitMs: 20_000 });
    await send('other', 'o1');
    await send('new', 'n1');
    expect(bodies(await waiting)).toEqual(['n1']);
  });

  test('subscriptions are added, taken away and replaced, and go with their client', async () => {
    const has = () => [...broker.consumers.lites.of({ group: 'g', clientId: 'x' }, 'chats')].sort();
    await sync('x', 'PARTIAL_ADD', 'a', 'b');
    await sync('x', 'PARTIAL_ADD', 'c');
    await sync('x', 'PARTIAL_REMOVE', 'b');
    expect(has()).toEqual(['a', 'c']);
    await sync('x', 'COMPLETE_ADD', 'd');
    expect(has()).toEqual(['d']);
    broker.clients.seen('x');
    broker.clients.terminated('x');
    expect(has()).toEqual([]);
    await sync('x', 'PARTIAL_ADD', 'a');
    await sync('x', 'COMPLETE_REMOVE');
    expect(has()).toEqual([]);
  });

  test('start where the client says', async () => {
    await send('a', 'a1', 'a2', 'a3', 'a4');
    const start = async (clientId: string, group: string, at: never) => {
      await broker.groups.use(group);
      const action = 'PARTIAL_ADD';
      await broker.consumers.syncLites(
        { clientId, group, topic: 'chats', action, lites: ['a'] },
        at,
      );
      return bodies(await broker.pop(group, 'chats', { clientId }));
    };
    expect(await start('x', 'g1', 'MAX' as never)).toEqual([]);
    expect(await start('x', 'g2', 'MIN' as never)).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(await start('x', 'g3', { tail: 1 } as never)).toEqual(['a4']);
    expect(await start('x', 'g4', { offset: 2 } as never)).toEqual(['a3', 'a4']);
    expect(await start('x', 'g5', { offset: 99 } as never)).toEqual([]);
  });

  test('of an exclusive group are the last subscriber’s', async () => {
    await broker.groups.create('g', { ...defaultGroup, exclusive: true }, false);
    const evicted: string[] = [];
    broker.consumers.lites.notifyEvicted = (client, lite) => evicted.push(`${client} ${lite}`);
    await sync('x', 'PARTIAL_ADD', 'a', 'b');
    await sync('y', 'PARTIAL_ADD', 'b');
    expect(evicted).toEqual(['x b']);
    await send('b', 'b1');
    expect(await pop('x')).toEqual([]);
    expect(bodies(await pop('y'))).toEqual(['b1']);
  });

  test('outlive a restart with what the group has of them', async () => {
    await send('a', 'a1', 'a2');
    await sync('x', 'PARTIAL_ADD', 'a');
    const [first] = await pop('x', { max: 1 });
    broker.consumers.acknowledge({ group: 'g', clientId: 'x' }, first!.receiptHandle);
    broker = await broker.restart();
    await sync('x', 'PARTIAL_ADD', 'a');
    expect(bodies(await pop('x'))).toEqual(['a2']);
    const parent = broker.topics.get('chats');
    await broker.topics.drop(parent.topicId);
    expect(broker.topics.lite('chats', 'a')).toBeUndefined();
  });

  test('have limits', async () => {
    const many = Array.from({ length: limits.liteSubscriptionsMax + 1 }, (_, i) => `l${i}`);
    await expect(sync('x', 'COMPLETE_ADD', ...many)).rejects.toMatchObject({
      code: 'LITE_SUBSCRIPTION_QUOTA_EXCEEDED',
    });
    const long = 'x'.repeat(limits.liteTopicBytesMax + 1);
    await expect(send(long, 'x')).rejects.toMatchObject({ code: 'ILLEGAL_LITE_TOPIC' });
    await expect(broker.publish('chats', [{ body: 'x' }])).rejects.toMatchObject({
      code: 'MESSAGE_TYPE_CONFLICT',
    });
    expect(broker.topics.list().map(({ name }) => name)).toEqual(['chats']);
  });

  test('dead letters say which topic they are from', async () => {
    await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
    await send('a', 'a1');
    await sync('x', 'PARTIAL_ADD', 'a');
    const [message] = await pop('x');
    const member = { group: 'g', clientId: 'x' };
    await broker.consumers.forwardToDeadLetters(member, 'chats', message!.receiptHandle);
    expect(bodies(await broker.pop('d', '%DLQ%g'))).toEqual(['a1']);
    expect(await broker.redrive('g', 10)).toBe(1);
    expect(bodies(await pop('x'))).toEqual(['a1']);
  });
});

test('a lite topic has the retention and flush of its topic, also when that is altered', async () => {
  await send('a', 'x');
  const { topicId } = broker.topics.get('chats');
  const lite = broker.topics.lite('chats', 'a')!.topicId;
  await broker.topics.alter(topicId, { retentionMs: 5000, flush: 'interval' });
  expect(broker.topics.settingsOf(lite)).toMatchObject({ retentionMs: 5000, flush: 'interval' });
  expect(broker.topics.parentOf(lite)).toMatchObject({ retentionMs: 5000 });
});

test('a lite topic that is made while its topic is dropped goes with it', async () => {
  await send('a', 'x');
  const parent = broker.topics.get('chats');
  const dropped = broker.topics.drop(parent.topicId);
  const made = broker.topics.useLite(parent, 'b').catch((error) => error);
  await dropped;
  await made;
  expect(broker.topics.lite('chats', 'a')).toBeUndefined();
  expect(broker.topics.lite('chats', 'b')).toBeUndefined();
  await expect(broker.topics.useLite(parent, 'c')).rejects.toMatchObject({
    code: 'TOPIC_NOT_FOUND',
  });
});

test('a client that says where to begin does not move a group that has begun', async () => {
  await send('a', 'a1', 'a2');
  await sync('x', 'PARTIAL_ADD', 'a');
  const [first] = await pop('x');
  const [topic, lites] = ['chats', ['a']];
  const late = { clientId: 'y', group: 'g', topic, action: 'PARTIAL_ADD', lites } as const;
  await broker.consumers.syncLites(late, 'MAX');
  broker.consumers.acknowledge({ group: 'g', clientId: 'x' }, first!.receiptHandle);
  broker.clock.advance(1001);
  expect(bodies(await pop('y'))).toEqual(['a2']);
});
