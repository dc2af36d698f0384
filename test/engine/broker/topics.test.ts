import { afterEach, expect, test } from 'vitest';
import { Groups } from '../../../engine/broker/groups.ts';
import { SystemTopic } from '../../../engine/broker/system-topic.ts';
import { Topics } from '../../../engine/broker/topics.ts';
import { limits } from '../../../platform/limits.ts';
import { openTestBroker, type TestBroker } from './harness.ts';

let broker: TestBroker | undefined;
afterEach(() => broker?.stop());

async function catalogue(autoCreate: boolean) {
  broker = await openTestBroker();
  const systemTopic = new SystemTopic(broker.store);
  const topics = new Topics(systemTopic, broker.clock, autoCreate);
  const groups = new Groups(systemTopic, broker.clock, autoCreate);
  return { topics, groups };
}

test('topics and groups come into being by their first use, once', async () => {
  const { topics, groups } = await catalogue(true);
  const [one, other] = await Promise.all([topics.use('new'), topics.use('new')]);
  expect(one).toBe(other);
  expect(one).toMatchObject({ messageType: 'MIXED', queues: 4 });
  expect(await groups.use('g')).toMatchObject({ fifo: false, start: 'beginning' });
});

test('not under names that clients may not give', async () => {
  const { topics, groups } = await catalogue(true);
  for (const name of ['', 'a b', 'TBW102', 'rmq_sys_x', 'x'.repeat(128)]) {
    await expect(topics.use(name)).rejects.toMatchObject({ code: 'ILLEGAL_TOPIC' });
  }
  for (const name of ['%DLQ%g', '%SYS%parked']) {
    await expect(topics.use(name)).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
  }
  for (const name of ['', 'a/b', 'DEFAULT_CONSUMER', 'x'.repeat(121)]) {
    await expect(groups.use(name)).rejects.toMatchObject({ code: 'ILLEGAL_GROUP' });
  }
  expect(topics.list()).toEqual([]);
});

test('a strict server makes none', async () => {
  const { topics, groups } = await catalogue(false);
  await expect(topics.use('new')).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
  await expect(groups.use('g')).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
});

test('a topic acknowledges as it was told, else as the server was', async () => {
  for (const [server, asTold] of [
    ['sync', 'interval'],
    ['interval', 'sync'],
  ] as const) {
    broker = await openTestBroker(undefined, server);
    const { topics, store } = broker;
    await broker.topic('plain');
    await topics.create('told', { queues: 1, ifNotExists: false, flush: asTold });
    for (const [name, mode] of [
      ['plain', server],
      ['told', asTold],
    ] as const) {
      const { topicId } = topics.get(name);
      await store.range(topicId, 0);
      await broker.publish(name, [{ body: 'a' }]);
      // The clock stands still: what was acknowledged early is not in the log.
      expect((await store.range(topicId, 0)).maxOffset, name).toBe(mode === 'sync' ? 1 : 0);
      const later = () => {
        broker!.clock.advance(limits.flushIntervalMs);
        return store.range(topicId, 0);
      };
      await expect.poll(later).toMatchObject({ maxOffset: 1 });
    }
    await topics.alter(topics.get('told').topicId, {});
    expect(topics.get('told')).not.toHaveProperty('flush');
    await broker.stop();
  }
});

test('of a dropped topic nothing is kept for the sends to it', async () => {
  const { topics } = await catalogue(true);
  const { topicId } = await topics.use('passing');
  const part = { messageGroup: undefined, priority: undefined, keys: [], messageId: 'm' };
  const topic = topics.stateOf(topicId)!;
  const nextQueue = () => [...topics.routes.split(topic, [part]).keys()][0];
  expect([nextQueue(), nextQueue()]).toEqual([0, 1]);
  topics.routes.refuse(topicId, 'a test');
  await topics.drop(topicId);
  expect(nextQueue()).toBe(0);
  expect(await topics.routes.send(topicId, async () => 'sent')).toBe('sent');
});
