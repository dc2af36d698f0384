import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { LiteExpiry } from '../../../engine/broker/lite-expiry.ts';
import type { LiteAction } from '../../../engine/broker/lite-subscriptions.ts';
import { LiteTopics } from '../../../engine/broker/lite-topics.ts';
import { RetentionKeeper } from '../../../engine/broker/retention-keeper.ts';
import { limits } from '../../../platform/limits.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
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
    // It never opened a stream, and does not come again.
    await sync('x', 'PARTIAL_ADD', 'a');
    expect(broker.consumers.lites.hasSubscriber('chats', 'a')).toBe(true);
    broker.clock.advance(2 * limits.clientReturnMs + 1);
    expect(has()).toEqual([]);
    expect(broker.consumers.lites.hasSubscriber('chats', 'a')).toBe(false);
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

  test('a wish that a later one has overtaken changes nothing', async () => {
    const has = () => [...broker.consumers.lites.of({ group: 'g', clientId: 'x' }, 'chats')];
    const wish = (version: number, action: LiteAction, ...lites: readonly string[]) => {
      const of = { clientId: 'x', group: 'g', topic: 'chats' };
      return broker.consumers.syncLites({ ...of, action, lites, version });
    };
    await wish(7, 'COMPLETE_ADD', 'b');
    await wish(6, 'PARTIAL_ADD', 'a');
    expect(has()).toEqual(['b']);
    await wish(8, 'COMPLETE_REMOVE');
    await wish(7, 'COMPLETE_ADD', 'b');
    expect(has()).toEqual([]);
    // The same one again, and one that has none, count.
    await wish(8, 'COMPLETE_ADD', 'c');
    await sync('x', 'PARTIAL_ADD', 'd');
    expect(has()).toEqual(['c', 'd']);
    // What it says of others counts all the same, and what later ones said of these does.
    await wish(12, 'PARTIAL_ADD', 'b');
    await wish(11, 'PARTIAL_ADD', 'a', 'b');
    expect(has()).toEqual(['c', 'd', 'b', 'a']);
    await wish(14, 'PARTIAL_REMOVE', 'a', 'e');
    await wish(13, 'PARTIAL_ADD', 'a', 'e', 'f');
    expect(has()).toEqual(['c', 'd', 'b', 'f']);
    await wish(16, 'PARTIAL_ADD', 'g');
    await wish(17, 'PARTIAL_REMOVE', 'c');
    await wish(15, 'COMPLETE_ADD', 'a', 'c');
    expect(has()).toEqual(['g', 'a']);
    await wish(14, 'PARTIAL_REMOVE', 'a');
    await wish(15, 'COMPLETE_REMOVE');
    expect(has()).toEqual(['g']);
    // It goes with its client, of which another one may have the name.
    broker.clients.terminated('x');
    await wish(1, 'COMPLETE_ADD', 'a');
    expect(has()).toEqual(['a']);
  });

  test('a group says how many a client has at most', async () => {
    await broker.groups.create('g', { ...defaultGroup, liteQuota: 2 }, false);
    await sync('x', 'COMPLETE_ADD', 'a', 'b');
    const refused = { code: 'LITE_SUBSCRIPTION_QUOTA_EXCEEDED' };
    await expect(sync('x', 'PARTIAL_ADD', 'c')).rejects.toMatchObject(refused);
    await broker.groups.alter('g', { liteQuota: 3 });
    await sync('x', 'PARTIAL_ADD', 'c');
    await broker.groups.alter('g', { liteQuota: 1 });
    expect([...broker.consumers.lites.of({ group: 'g', clientId: 'x' }, 'chats')]).toHaveLength(3);
    await sync('x', 'PARTIAL_ADD', 'b', 'c');
    await sync('x', 'PARTIAL_REMOVE', 'a');
    await expect(sync('x', 'PARTIAL_ADD', 'd')).rejects.toMatchObject(refused);
    for (const liteQuota of [0, 1.5, limits.liteTopicsOfTopicMax + 1]) {
      await expect(broker.groups.alter('g', { liteQuota })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
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
    // Whose it was may go: it stays the other one's.
    broker.clients.terminated('x');
    await sync('z', 'PARTIAL_ADD', 'b');
    expect(evicted).toEqual(['x b', 'y b']);
    broker.clients.terminated('z');
    await sync('y', 'PARTIAL_ADD', 'b');
    expect(evicted).toEqual(['x b', 'y b']);
  });

  test('are of topics of their type alone', async () => {
    await broker.topic('plain');
    const wish = { clientId: 'x', group: 'g', topic: 'plain', lites: ['a'] };
    const refused = broker.consumers.syncLites({ ...wish, action: 'PARTIAL_ADD' });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
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
    for (const bad of [long, ' ', 'ü'.repeat(limits.liteTopicBytesMax / 2 + 1)]) {
      for (const action of ['PARTIAL_ADD', 'COMPLETE_ADD'] as const) {
        const refused = sync('x', action, 'good', bad);
        await expect(refused).rejects.toMatchObject({ code: 'ILLEGAL_LITE_TOPIC' });
      }
    }
    expect([...broker.consumers.lites.of({ group: 'g', clientId: 'x' }, 'chats')]).toEqual([]);
    await sync('x', 'COMPLETE_ADD', ...many.slice(1));
    await expect(sync('x', 'PARTIAL_ADD', 'one-more')).rejects.toMatchObject({
      code: 'LITE_SUBSCRIPTION_QUOTA_EXCEEDED',
    });
    await sync('x', 'COMPLETE_ADD', ...many.slice(0, -1));
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

describe('an idle lite topic', () => {
  const expire = async () => {
    const expiry = new LiteExpiry({ ...broker, logger: { log: () => undefined } });
    await expiry.run();
    expiry.close();
  };
  /** Everything that the topic has expires. */
  async function empty(): Promise<void> {
    const { topicId } = broker.topics.get('chats');
    await broker.topics.alter(topicId, { retentionMs: 1000 });
    const keeper = new RetentionKeeper({
      ...broker,
      readers: { flushCheckpoint: async () => undefined, held: [] },
      logger: { log: () => undefined },
    });
    for (let pass = 0; pass < 8; pass++) {
      await broker.topics.create(`other-${broker.clock.nowMs()}`, { queues: 1, ifNotExists: true });
      broker.clock.advance(2000);
      await keeper.run();
    }
    await keeper.close();
  }

  test('goes when it is empty and nobody has subscribed to it', async () => {
    await send('full', 'f1');
    broker.clock.advance(limits.liteIdleMs);
    await expire();
    expect(broker.topics.lite('chats', 'full')).toBeDefined();
    await empty();
    await sync('x', 'PARTIAL_ADD', 'full');
    await expire();
    expect(broker.topics.lite('chats', 'full')).toBeDefined();
    await sync('x', 'COMPLETE_REMOVE');
    await expire();
    expect(broker.topics.lite('chats', 'full')).toBeUndefined();
    await send('full', 'f2');
    await sync('x', 'PARTIAL_ADD', 'full');
    expect(bodies(await pop('x'))).toEqual(['f2']);
  });

  test('stays when it was used lately', async () => {
    await send('used', 'u1');
    await empty();
    await expire();
    expect(broker.topics.lite('chats', 'used')).toBeDefined();
  });

  test('goes by itself', async () => {
    await send('idle', 'i1');
    await empty();
    const settle = () => new Promise((resolve) => setTimeout(resolve, 10));
    const passes = limits.liteIdleMs / limits.liteExpiryPassMs;
    for (let pass = 1; pass < passes; pass++) {
      broker.clock.advance(limits.liteExpiryPassMs);
      await settle();
    }
    expect(broker.topics.lite('chats', 'idle')).toBeDefined();
    broker.clock.advance(2 * limits.liteExpiryPassMs);
    await settle();
    expect(broker.topics.lite('chats', 'idle')).toBeUndefined();
  });

  test('stays when somebody subscribes before its turn to go comes', async () => {
    await send('a', 'a1');
    await empty();
    broker.clock.advance(limits.liteIdleMs);
    const { topicId } = broker.topics.lite('chats', 'a')!;
    const isIdle = () => !broker.consumers.lites.hasSubscriber('chats', 'a');
    const range = broker.store.range.bind(broker.store);
    vi.spyOn(broker.store, 'range').mockImplementation(async (...queue) => {
      await sync('x', 'PARTIAL_ADD', 'a');
      return range(...queue);
    });
    expect(isIdle()).toBe(true);
    await expire();
    vi.restoreAllMocks();
    expect(isIdle()).toBe(false);
    expect(broker.topics.lite('chats', 'a')?.topicId).toBe(topicId);
  });

  test('is made anew for what is sent while it goes', async () => {
    await send('a', 'a1');
    await empty();
    broker.clock.advance(limits.liteIdleMs);
    const before = broker.topics.lite('chats', 'a')!.topicId;
    const expired = broker.topics.expireLite(before, () => true);
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    await send('a', 'a2');
    await expired;
    expect(broker.topics.lite('chats', 'a')!.topicId).not.toBe(before);
    await sync('x', 'PARTIAL_ADD', 'a');
    expect(bodies(await pop('x'))).toEqual(['a2']);
  });
});

test('a topic has a greatest number of lite topics, and all together have one', () => {
  const lites = new LiteTopics(new ManualClock());
  const topic = { ...broker.topics.get('chats'), topicId: 1 };
  const other = { ...topic, topicId: 2 };
  const refused = expect.objectContaining({ code: 'LITE_TOPIC_QUOTA_EXCEEDED' });
  for (let i = 0; i < limits.liteTopicsOfTopicMax; i++) lites.add(10 + i, 1);
  expect(() => lites.checkQuota(topic)).toThrow(refused);
  lites.checkQuota(other);
  lites.remove(10);
  lites.checkQuota(topic);
  for (let i = 0; i <= limits.liteTopicsMax; i++) lites.add(1_000_000 + i, 3 + (i % 10));
  expect(() => lites.checkQuota(other)).toThrow(refused);
});
