import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Connection } from '../../../connectors/client/connection.ts';
import {
  LiteConsumer,
  Producer,
  PushConsumer,
  type ReceivedMessage,
  SimpleConsumer,
  StreamReader,
  StreamWriter,
  TransactionalProducer,
} from '../../../connectors/client/index.ts';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { createMessagingService } from '../../../connectors/rocketmq/service.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import { entryKinds } from '../../../storage/store.ts';
import { openTestBroker, type TestBroker } from '../../engine/broker/harness.ts';

let broker: TestBroker;
let host: GrpcHost;
let endpoint: string;
const closers: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t');
  await broker.topic('spread', 4);
  host = new GrpcHost([createMessagingService({ ...broker, close: () => undefined })]);
  endpoint = `127.0.0.1:${await host.listen('127.0.0.1', 0)}`;
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await host.close();
  await broker.stop();
});

function closing<T extends { close(): Promise<void> | void }>(what: T): T {
  closers.push(() => what.close());
  return what;
}

const producer = (options = {}) => closing(new Producer({ endpoint, lingerMs: 1, ...options }));
const simple = (group: string) => closing(new SimpleConsumer({ endpoint, group }));
function resolvable<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const text = ({ body }: { readonly body: Uint8Array }) => Buffer.from(body).toString();
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => String(from + i));

/** How many entries a queue has. */
async function entries(topic: string, queueId = 0) {
  const { topicId } = broker.topics.get(topic);
  const { rowCount } = await broker.store.indexRows(topicId, queueId, 0, 100);
  return rowCount;
}

async function collect(group: string, topic: string, count: number): Promise<ReceivedMessage[]> {
  const got: ReceivedMessage[] = [];
  const all = resolvable<void>();
  const consumer = new PushConsumer({
    endpoint,
    group,
    subscriptions: { [topic]: '*' },
    listener: (message) => {
      got.push(message);
      if (got.length === count) all.resolve();
    },
  });
  await consumer.start();
  await all.promise;
  await consumer.close();
  return got;
}

describe('a batch', () => {
  test('is one entry, and every client gets its messages', async () => {
    const sender = producer({ lingerMs: 50 });
    const receipts = await Promise.all(
      numbers(0, 100).map((body) =>
        sender.send('t', {
          body,
          tag: Number(body) % 2 === 0 ? 'even' : 'odd',
          properties: { n: body },
        }),
      ),
    );
    expect(await entries('t')).toBe(1);
    expect(receipts.map(({ offset }) => offset)).toEqual(numbers(0, 100).map(Number));
    expect(new Set(receipts.map(({ messageId }) => messageId)).size).toBe(100);

    // One that takes them one by one.
    const one = simple('one');
    const got: ReceivedMessage[] = [];
    while (got.length < 100) got.push(...(await one.receive('t', { max: 32 })));
    expect(got.map(text)).toEqual(numbers(0, 100));
    expect(got.map(({ messageId }) => messageId)).toEqual(receipts.map((sent) => sent.messageId));
    expect(got.map(({ offset }) => offset)).toEqual(numbers(0, 100).map(Number));
    expect(got.map(({ properties }) => properties.n)).toEqual(numbers(0, 100));
    for (const message of got) await one.ack(message);
    expect((await broker.consumers.progress('one'))[0]).toMatchObject({ cursor: 100, inFlight: 0 });

    // One that takes it whole.
    const whole = await collect('whole', 't', 100);
    expect(whole.map(text)).toEqual(numbers(0, 100));
    expect(whole.map(({ messageId }) => messageId)).toEqual(receipts.map((s) => s.messageId));
    expect(whole.map(({ tag }) => tag)).toEqual(got.map(({ tag }) => tag));
    expect(whole.map(({ properties }) => properties)).toEqual(got.map((m) => m.properties));
    expect(whole.map(({ offset }) => offset)).toEqual(numbers(0, 100).map(Number));
    expect((await broker.consumers.progress('whole'))[0]).toMatchObject({ cursor: 100 });
  });

  test('is filtered message by message', async () => {
    const sender = producer();
    await Promise.all(
      numbers(0, 10).map((body) => sender.send('t', { body, tag: `t${Number(body) % 3}` })),
    );
    const got = await simple('g').receive('t', { filter: 't1 || t2' });
    expect(got.map(text)).toEqual(['1', '2', '4', '5', '7', '8']);
  });

  test('with keys of several queues becomes an entry on each, ids and order stay', async () => {
    const sender = producer({ lingerMs: 50 });
    const receipts = await Promise.all(
      numbers(0, 64).map((body) => sender.send('spread', { body, keys: [`k${Number(body) % 8}`] })),
    );
    const whole = await collect('whole', 'spread', 64);
    const ids = new Map(receipts.map(({ messageId }, i) => [messageId, String(i)]));
    const offsets = new Map(receipts.map(({ messageId, offset }) => [messageId, offset]));
    for (const { messageId, offset } of whole) expect(offsets.get(messageId)).toBe(offset);
    expect(whole.map((message) => ids.get(message.messageId)).sort()).toEqual(
      whole.map(text).sort(),
    );
    for (const message of whole) expect(ids.get(message.messageId)).toBe(text(message));
    for (const key of numbers(0, 8)) {
      const of = whole.filter(({ keys }) => keys[0] === `k${key}`);
      expect(new Set(of.map(({ queue }) => queue)).size).toBe(1);
      expect(of.map((message) => Number(text(message)) % 8)).toEqual(of.map(() => Number(key)));
      expect(of.map((m) => Number(text(m)))).toEqual(
        of.map((m) => Number(text(m))).sort((a, b) => a - b),
      );
    }
    const used = new Set(whole.map(({ queue }) => queue));
    expect(used.size).toBeGreaterThan(1);
  });

  test('of which one message fails comes again without the others', async () => {
    const sender = producer({ lingerMs: 50 });
    await Promise.all(numbers(0, 20).map((body) => sender.send('t', { body })));
    const seen: string[] = [];
    const again = resolvable<ReceivedMessage>();
    const errors: unknown[] = [];
    const consumer = closing(
      new PushConsumer({
        endpoint,
        group: 'g',
        subscriptions: { t: '*' },
        listener: (message) => {
          seen.push(text(message));
          if (text(message) !== '7') return;
          if (message.attempt === 1) throw new Error('not yet');
          again.resolve(message);
        },
        onError: (error) => errors.push(error),
      }),
    );
    await consumer.start();
    await expect.poll(async () => (await broker.consumers.progress('g'))[0]?.inFlight).toBe(1);
    broker.clock.advance(1100);
    const message = await again.promise;
    expect([message.attempt, message.offset]).toEqual([2, 7]);
    expect(seen).toEqual([...numbers(0, 20), '7']);
    await expect.poll(async () => (await broker.consumers.progress('g'))[0]?.cursor).toBe(20);
    expect(errors).toEqual([new Error('not yet')]);
  });

  test('goes in order within a message group, and a failed message holds up what is behind', async () => {
    await broker.groups.create('fifo', { ...defaultGroup, fifo: true }, false);
    const sender = producer({ maxBatchMessages: 4 });
    await Promise.all(
      numbers(0, 20).map((body) =>
        sender.send('t', { body, messageGroup: `g${Number(body) % 2}` }),
      ),
    );
    const done: string[] = [];
    const all = resolvable<void>();
    const consumer = closing(
      new PushConsumer({
        endpoint,
        group: 'fifo',
        subscriptions: { t: '*' },
        listener: (message) => {
          if (text(message) === '4' && message.attempt === 1) throw new Error('not yet');
          done.push(text(message));
          if (done.length === 20) all.resolve();
        },
      }),
    );
    await consumer.start();
    await expect.poll(() => done.length).toBe(12);
    // Until the server has heard that it failed, its time does not run.
    await expect
      .poll(() => {
        broker.clock.advance(1100);
        return done.length;
      })
      .toBe(20);
    await all.promise;
    const of = (rest: number) => done.filter((body) => Number(body) % 2 === rest).map(Number);
    expect(of(0)).toEqual([...of(0)].sort((a, b) => a - b));
    expect(of(1)).toEqual([...of(1)].sort((a, b) => a - b));
  });

  test('a message that the server would refuse spoils no other', async () => {
    const sender = producer({ lingerMs: 50 });
    const sent = ['a', '', 'b'].map((body) => sender.send('t', { body }));
    const badTag = sender.send('t', { body: 'c', tag: 'a|b' });
    await expect(sent[1]).rejects.toMatchObject({ code: 'MESSAGE_EMPTY' });
    await expect(badTag).rejects.toMatchObject({ code: 'ILLEGAL_TAG' });
    await Promise.all([sent[0], sent[2]]);
    expect((await simple('g').receive('t')).map(text)).toEqual(['a', 'b']);
  });

  test('dies message by message', async () => {
    await broker.groups.create('g', { ...defaultGroup, maxAttempts: 1 }, false);
    const sender = producer();
    await Promise.all(numbers(0, 3).map((body) => sender.send('t', { body })));
    await simple('g').receive('t', { invisibleMs: 1000 });
    broker.clock.advance(1001);
    const [none] = await Promise.all([broker.pop('g', 't', { takesBatches: true })]);
    expect(none).toEqual([]);
    expect((await simple('d').receive('%DLQ%g')).map(text)).toEqual(numbers(0, 3));
  });
});

test('an ack that the server does not get is sent again', async () => {
  const { consumers } = broker;
  const acknowledge = consumers.acknowledge.bind(consumers);
  let refusals = 2;
  consumers.acknowledge = (...given) => {
    if (refusals-- > 0) throw new MillraceError('UNAVAILABLE', 'not now');
    acknowledge(...given);
  };
  await producer().send('t', { body: 'x' });
  const acknowledged = resolvable<void>();
  const consumer = closing(
    new PushConsumer({
      endpoint,
      group: 'g',
      subscriptions: { t: '*' },
      listener: () => undefined,
      onAcknowledged: () => acknowledged.resolve(),
    }),
  );
  await consumer.start();
  await acknowledged.promise;
  expect(refusals).toBeLessThan(0);
  expect(await consumers.progress('g')).toMatchObject([{ cursor: 1, inFlight: 0 }]);
});

test('what waits beyond the limit of pending bytes is not taken: ready() waits', async () => {
  const sender = producer({ maxPendingBytes: 1000, lingerMs: 5 });
  const first = sender.send('t', { body: 'x'.repeat(2000) });
  expect(sender.hasRoom).toBe(false);
  await sender.ready();
  await first;
  expect(sender.hasRoom).toBe(true);
});

test('a delayed message goes by itself, and can be recalled', async () => {
  const sender = producer();
  const deliverAtMs = broker.clock.nowMs() + 60_000;
  const { messageId, recallHandle, offset } = await sender.send('t', { body: 'late', deliverAtMs });
  expect(offset).toBeUndefined();
  expect(await sender.recall('t', recallHandle!)).toBe(messageId);
});

describe('a transaction', () => {
  const open = (options: Partial<ConstructorParameters<typeof TransactionalProducer>[0]> = {}) =>
    closing(
      new TransactionalProducer({ endpoint, topics: ['t'], check: () => undefined, ...options }),
    );
  const received = async () => (await simple('g').receive('t', { waitMs: 0 })).map(text);

  test('shows its message when it is committed, and not when it is rolled back', async () => {
    const sender = open();
    await sender.start();
    const committed = await sender.begin('t', { body: 'yes', tag: 'x', keys: ['k'] });
    const rolledBack = await sender.begin('t', { body: 'no' });
    expect(await received()).toEqual([]);
    await committed.commit();
    await committed.commit();
    await rolledBack.rollback();
    const [message, ...others] = await simple('h').receive('t', { waitMs: 1000 });
    expect(others).toEqual([]);
    expect(message).toMatchObject({ tag: 'x', keys: ['k'], messageId: committed.messageId });
    await expect(rolledBack.commit()).rejects.toMatchObject({ code: 'INVALID_TRANSACTION_ID' });
  });

  test('that nobody ends is asked for, by another producer of the topic, too', async () => {
    const first = open();
    await first.start();
    for (const body of ['yes', 'no', 'later', 'broken']) await first.begin('t', { body });
    await first.close();
    const asked: string[] = [];
    const errors: unknown[] = [];
    const second = open({
      check: async (message) => {
        asked.push(text(message));
        if (text(message) === 'broken') throw new Error('no database');
        if (text(message) === 'later') return undefined;
        return text(message) === 'yes' ? 'commit' : 'rollback';
      },
      onError: (error) => errors.push(error),
    });
    await second.start();
    broker.clock.advance(limits.transactionCheckMs + 1000);
    await expect.poll(() => asked.toSorted()).toEqual(['broken', 'later', 'no', 'yes']);
    await expect.poll(() => broker.transactions.pendingCount).toBe(2);
    expect(await received()).toEqual(['yes']);
    expect(errors).toEqual([new Error('no database')]);
  });

  test('needs a server that takes its producer', async () => {
    const sender = open({ topics: ['no topic!'] });
    await sender.start();
    const begun = sender.begin('no topic!', { body: 'x' });
    await expect(begun).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
    await sender.close();
    await expect(sender.begin('t', { body: 'x' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a lite consumer', () => {
  beforeEach(() => broker.topic('chats', 1, 'LITE'));
  const send = (liteTopic: string, body: string) => producer().send('chats', { body, liteTopic });

  test('gets the lite topics that it subscribed to, of each one message after the other', async () => {
    const got: string[] = [];
    const running = new Map<string | undefined, number>();
    const consumer = closing(
      new LiteConsumer({
        ...{ endpoint, group: 'g', topic: 'chats' },
        listener: async ({ liteTopic, body }) => {
          const others = running.get(liteTopic) ?? 0;
          running.set(liteTopic, others + 1);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running.set(liteTopic, others);
          got.push(`${liteTopic} ${text({ body })} ${others}`);
        },
      }),
    );
    expect(await send('a', '0')).toMatchObject({ offset: 0 });
    for (const body of ['1', '2', '3']) expect((await send('a', body)).offset).toBe(Number(body));
    await send('b', 'x');
    await consumer.start();
    await consumer.subscribe('a');
    await expect.poll(() => got).toEqual(['a 0 0', 'a 1 0', 'a 2 0', 'a 3 0']);
    await send('b', 'y');
    await consumer.subscribe('b', { last: 1 });
    await expect.poll(() => got.at(-1)).toBe('b y 0');
    expect(consumer.liteTopics).toEqual(['a', 'b']);
    await consumer.unsubscribe('a');
    await send('a', 'unwanted');
    await send('b', 'z');
    await expect.poll(() => got.slice(4)).toEqual(['b y 0', 'b z 0']);
    const refused = consumer.subscribe('x'.repeat(65));
    await expect(refused).rejects.toMatchObject({ code: 'ILLEGAL_LITE_TOPIC' });
    expect(consumer.liteTopics).toEqual(['b']);
    await consumer.close();
    expect(broker.consumers.lites.hasSubscriber('chats', 'b')).toBe(false);
  });

  test('says what it has again when its stream was broken', async () => {
    const got: string[] = [];
    const listener = (message: ReceivedMessage) => void got.push(text(message));
    const consumer = closing(new LiteConsumer({ endpoint, group: 'g', topic: 'chats', listener }));
    await consumer.subscribe('a');
    await consumer.start();
    const [client] = broker.clients.list();
    // As if the server had been started anew: it knows nothing of the client.
    const { lites } = broker.consumers;
    const forgotten = { clientId: client!.clientId, group: 'g', topic: 'chats', lites: [] };
    lites.sync({ ...forgotten, action: 'COMPLETE_REMOVE' });
    const port = Number(endpoint.split(':')[1]);
    await host.close();
    host = new GrpcHost([createMessagingService({ ...broker, close: () => undefined })]);
    await host.listen('127.0.0.1', port);
    await expect.poll(() => lites.hasSubscriber('chats', 'a'), { timeout: 10_000 }).toBe(true);
    await send('a', 'after');
    await expect.poll(() => got, { timeout: 20_000 }).toEqual(['after']);
  }, 40_000);

  test('of an exclusive group is told what another one took', async () => {
    await broker.groups.create('g', { ...defaultGroup, exclusive: true }, false);
    const taken: string[] = [];
    const open = async () => {
      const listener = () => undefined;
      const onTaken = (lite: string) => taken.push(lite);
      const options = { endpoint, group: 'g', topic: 'chats', listener, onTaken };
      const consumer = closing(new LiteConsumer(options));
      await consumer.start();
      return consumer;
    };
    const first = await open();
    await first.subscribe('a');
    await (await open()).subscribe('a');
    await expect.poll(() => taken).toEqual(['a']);
    expect(first.liteTopics).toEqual([]);
  });

  test('whose lite topic is taken while it subscribes knows that it has not got it', async () => {
    await broker.groups.create('g', { ...defaultGroup, exclusive: true }, false);
    const taken: string[] = [];
    const open = (name: string) =>
      closing(
        new LiteConsumer({
          ...{ endpoint, group: 'g', topic: 'chats', listener: () => undefined },
          onTaken: (lite) => taken.push(`${lite} from ${name}`),
        }),
      );
    const [first, second] = [open('first'), open('second')];
    await first.start();
    await second.start();
    const unary = Connection.prototype.unary;
    const spy = vi.spyOn(Connection.prototype, 'unary').mockImplementation(async function (
      this: Connection,
      ...call
    ) {
      const answer = await unary.apply(this, call);
      if (spy.mock.calls.length === 1) {
        // The notice comes before the answer to what it crosses.
        await second.subscribe('a');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return answer;
    });
    await first.subscribe('a');
    spy.mockRestore();
    await expect.poll(() => taken).toEqual(['a from first']);
    expect([first.liteTopics, second.liteTopics]).toEqual([[], ['a']]);
    expect(broker.consumers.lites.hasSubscriber('chats', 'a')).toBe(true);
  });

  test('gets what was sent without waiting in the order in which it was sent', async () => {
    const unary = Connection.prototype.unary;
    let failures = 1;
    vi.spyOn(Connection.prototype, 'unary').mockImplementation(async function (
      this: Connection,
      ...call
    ) {
      if (call[0] === 'SendMessage' && failures-- > 0) {
        throw new MillraceError('UNAVAILABLE', 'not now');
      }
      return unary.apply(this, call);
    });
    const sender = producer();
    const sends = ['0', '1', '2'].map((body) => sender.send('chats', { body, liteTopic: 'a' }));
    const offsets = (await Promise.all(sends)).map(({ offset }) => offset);
    vi.restoreAllMocks();
    expect(offsets).toEqual([0, 1, 2]);
  });
});

describe('a stream', () => {
  test('is written to one queue, read from any position, and committed', async () => {
    const writer = closing(new StreamWriter({ endpoint, topic: 'spread', queue: 2, lingerMs: 1 }));
    const offsets = await Promise.all(numbers(0, 50).map((body) => writer.append({ body })));
    expect(offsets).toEqual(numbers(0, 50).map(Number));
    const open = (start: StreamStart) =>
      closing(new StreamReader({ endpoint, topic: 'spread', queue: 2, group: 'r', start }));
    const all = await open('beginning').read();
    expect(all.map(text)).toEqual(numbers(0, 50));
    // From inside a batch.
    expect((await open({ offset: 20 }).read()).map(text)).toEqual(numbers(20, 50));
    const reader = open('committed');
    expect(await reader.range()).toEqual({ min: 0, max: 50 });
    expect((await reader.read())[0]?.offset).toBe(0);
    await reader.commit(30);
    expect((await open('committed').read()).map(text)).toEqual(numbers(30, 50));
    await expect(reader.commit(51)).rejects.toMatchObject({ code: 'ILLEGAL_OFFSET' });
    await reader.seek({ offset: 49 });
    expect((await reader.read()).map(text)).toEqual(['49']);
  });

  test('waits at its end, and filters', async () => {
    const writer = closing(new StreamWriter({ endpoint, topic: 't', queue: 0, lingerMs: 1 }));
    await writer.append({ body: 'old', tag: 'a' });
    const reader = closing(
      new StreamReader({ endpoint, topic: 't', queue: 0, start: 'end', filter: 'a' }),
    );
    await reader.seek('end');
    const coming = reader.read(20_000);
    await Promise.all(['a', 'b', 'a'].map((tag) => writer.append({ body: tag, tag })));
    expect((await coming).map(text)).toEqual(['a', 'a']);
  });

  test('has no queue that the topic has not', async () => {
    const writer = closing(new StreamWriter({ endpoint, topic: 't', queue: 1, lingerMs: 1 }));
    await expect(writer.append({ body: 'x' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

type StreamStart = NonNullable<ConstructorParameters<typeof StreamReader>[0]['start']>;

test('entries of batches are of their own kind', async () => {
  const sender = producer();
  await sender.send('t', { body: 'x' });
  const { topicId } = broker.topics.get('t');
  const found: number[] = [];
  await broker.store.scan(0, undefined, (entry) => {
    if (entry.topicId === topicId) found.push(entry.kind);
  });
  expect(found).toEqual([entryKinds.packed]);
});
