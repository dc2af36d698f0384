import { Client, type ClientDuplexStream, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { decode, encode, fromMillis, millisOf } from '../../../connectors/rocketmq/codec.ts';
import { createMessagingService } from '../../../connectors/rocketmq/service.ts';
import { defaultGroup } from '../../../engine/broker/groups.ts';
import { openTestBroker, type TestBroker } from '../../engine/broker/harness.ts';

/**
 * The calls of RocketMQ's clients in their order, and what each of them trips over (reference
 * rocketmq-v2, 1.8): read in their code, since not all of them can run here.
 */
const path = '/apache.rocketmq.v2.MessagingService/';
const same = (bytes: Buffer) => bytes;
let broker: TestBroker;
let host: GrpcHost;
let client: Client;

beforeEach(async () => {
  broker = await openTestBroker();
  await broker.topic('t', 3);
  host = new GrpcHost([createMessagingService({ ...broker, close: () => undefined })]);
  const port = await host.listen('127.0.0.1', 0);
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await host.close();
  await broker.stop();
});

interface Backoff {
  readonly max_attempts?: number;
  readonly exponential_backoff?: { readonly initial: object; readonly multiplier: number };
  readonly customized_backoff?: { readonly next: readonly { seconds: number }[] };
}

interface Settings {
  readonly client_type?: string;
  readonly access_point?: object;
  readonly backoff_policy?: Backoff;
  readonly request_timeout?: object;
  readonly publishing?: { readonly topics: readonly object[]; readonly max_body_size: number };
  readonly subscription?: {
    readonly group: { readonly name: string };
    readonly subscriptions: readonly object[];
    readonly fifo: boolean;
    readonly receive_batch_size: number;
    readonly long_polling_timeout: { readonly seconds: number };
    readonly lite_subscription_quota: number;
    readonly max_lite_topic_size: number;
  };
  readonly metric?: { readonly on: boolean; readonly endpoints?: object };
}

interface Command {
  readonly status?: { readonly code: number; readonly message: string };
  readonly settings?: Settings;
}

const accessPoint = { scheme: 'IPv4', addresses: [{ host: '10.1.2.3', port: 8081 }] };

/** As each language says who it is. */
function metadata(clientId: string, language = 'JAVA'): Metadata {
  const of = new Metadata();
  of.set('x-mq-client-id', clientId);
  of.set('x-mq-language', language);
  of.set('x-mq-client-version', '5.0.0');
  of.set('x-mq-date-time', '20261123T130154Z');
  of.set('x-mq-request-id', '4b1b6f2e-0000-4000-8000-000000000000');
  return of;
}

class Stream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #answers: Command[] = [];
  readonly #waiting: ((command: Command) => void)[] = [];
  /** When the server has sent its headers. */
  readonly headers: Promise<void>;
  readonly ended: Promise<number>;

  constructor(of: Metadata) {
    this.#call = client.makeBidiStreamRequest(`${path}Telemetry`, same, same, of);
    this.headers = new Promise((resolve) => this.#call.once('metadata', () => resolve()));
    this.ended = new Promise((resolve) => this.#call.once('status', ({ code }) => resolve(code)));
    this.#call.on('error', () => undefined);
    this.#call.on('data', (bytes: Buffer) => {
      const command = decode<Command>('TelemetryCommand', bytes);
      const next = this.#waiting.shift();
      if (next === undefined) this.#answers.push(command);
      else next(command);
    });
  }

  write(settings: object): Promise<Command> {
    this.#call.write(encode('TelemetryCommand', { settings }));
    const answer = this.#answers.shift();
    return answer !== undefined
      ? Promise.resolve(answer)
      : new Promise((resolve) => this.#waiting.push(resolve));
  }

  halfClose(): void {
    this.#call.end();
  }
}

const producer = (language: string, version = '5.0.0') => ({
  client_type: 'PRODUCER',
  access_point: accessPoint,
  request_timeout: fromMillis(3000),
  publishing: { topics: [{ name: 't' }] },
  user_agent: { language, version },
});
const consumer = (kind: string, language: string, version = '5.0.0') => ({
  client_type: kind,
  access_point: accessPoint,
  request_timeout: fromMillis(3000),
  subscription: {
    group: { name: 'g' },
    subscriptions: [{ topic: { name: 't' }, expression: { type: 'TAG', expression: '*' } }],
  },
  user_agent: { language, version },
});

function unary<T>(
  method: string,
  request: Record<string, unknown>,
  of = metadata('c'),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, bytes?: Buffer) => {
      if (error !== null) reject(error);
      else resolve(decode<T>(`${method}Response`, bytes!));
    };
    client.makeUnaryRequest(
      path + method,
      same,
      same,
      encode(`${method}Request`, request),
      of,
      done,
    );
  });
}

interface Answer {
  readonly status: { readonly code: number; readonly message: string };
}

interface Received {
  readonly status?: { readonly code: number };
  readonly message?: {
    readonly body: Buffer;
    readonly system_properties: {
      readonly body_digest: { readonly type: string; readonly checksum: string };
      readonly body_encoding: string;
      readonly receipt_handle: string;
      readonly delivery_attempt: number;
      readonly message_id: string;
    };
  };
  readonly delivery_timestamp?: object;
}

function receive(more: Record<string, unknown>, of = metadata('c')): Promise<Received[]> {
  const request = encode('ReceiveMessageRequest', {
    group: { name: 'g' },
    message_queue: { topic: { name: 't' }, id: 0, broker: { name: 'millrace' } },
    filter_expression: { type: 'TAG', expression: '*' },
    batch_size: 32,
    ...more,
  });
  return new Promise((resolve, reject) => {
    const answers: Received[] = [];
    const call = client.makeServerStreamRequest(`${path}ReceiveMessage`, same, same, request, of);
    call.on('data', (bytes: Buffer) =>
      answers.push(decode<Received>('ReceiveMessageResponse', bytes)),
    );
    call.on('error', reject);
    call.on('end', () => resolve(answers));
  });
}

const ok = { code: 20000, message: 'OK' };
const messagesIn = (answers: readonly Received[]) =>
  answers.flatMap(({ message }) => (message === undefined ? [] : [message]));

describe('the answer to settings', () => {
  test.each(['JAVA', 'GOLANG', 'DOT_NET', 'CPP', 'RUST', 'PYTHON', 'NODE_JS'])(
    'a producer of %s gets exponential backoff: others assert on it, or fail',
    async (language) => {
      const stream = new Stream(metadata('p', language));
      const { status: answered, settings } = await stream.write(producer(language));
      expect(answered).toEqual(ok);
      expect(settings?.backoff_policy).toMatchObject({ max_attempts: 3 });
      expect(settings?.backoff_policy?.exponential_backoff?.multiplier).toBe(2);
      expect(settings?.publishing).toMatchObject({ topics: [{ name: 't' }] });
      expect(settings?.publishing?.max_body_size).toBe(4 * 1024 * 1024);
      // What the client said of itself comes back.
      expect(settings).toMatchObject({ client_type: 'PRODUCER', access_point: accessPoint });
    },
  );

  test.each([
    ['JAVA', 'PUSH_CONSUMER'],
    ['GOLANG', 'PUSH_CONSUMER'],
    ['DOT_NET', 'PUSH_CONSUMER'],
    ['RUST', 'SIMPLE_CONSUMER'],
    ['PYTHON', 'PUSH_CONSUMER'],
    ['PYTHON', 'LITE_PUSH_CONSUMER'],
    ['JAVA', 'LITE_SIMPLE_CONSUMER'],
  ])('a consumer of %s (%s) gets no zero that it would use', async (language, kind) => {
    const stream = new Stream(metadata('s', language));
    const { settings } = await stream.write(consumer(kind, language));
    const { subscription, backoff_policy: backoff } = settings!;
    expect(subscription?.receive_batch_size).toBe(32);
    expect(millisOf(subscription?.long_polling_timeout)).toBeGreaterThan(0);
    expect(subscription?.lite_subscription_quota).toBeGreaterThan(0);
    expect(subscription?.max_lite_topic_size).toBe(64);
    expect(backoff?.max_attempts).toBe(17);
    // Python understands no other one.
    expect(backoff?.customized_backoff?.next.length).toBeGreaterThan(1);
    expect(backoff?.customized_backoff?.next[0]?.seconds).toBe(1);
    expect(subscription).toMatchObject({ group: { name: 'g' }, fifo: false });
    expect(subscription?.subscriptions).toHaveLength(1);
  });

  test('Node gets exponential backoff, whose seconds it takes for milliseconds', async () => {
    const stream = new Stream(metadata('n', 'HTTP'));
    const { settings } = await stream.write(consumer('PUSH_CONSUMER', 'NODE_JS', '1.0.8'));
    expect(settings?.backoff_policy?.exponential_backoff?.initial).toMatchObject({ seconds: 1000 });
  });

  test.each([
    ['5.0.0', true],
    ['5.1.0', true],
    ['5.1.1', false],
    ['6.0.0', false],
  ])('Python %s hangs without metrics: %s', async (version, on) => {
    const stream = new Stream(metadata('y', 'PYTHON'));
    const { settings } = await stream.write(consumer('PUSH_CONSUMER', 'PYTHON', version));
    expect(settings?.metric?.on).toBe(on);
    if (on) expect(settings?.metric?.endpoints).toMatchObject(accessPoint);
  });

  test('says fifo from the first: a client that learns it later has begun already', async () => {
    await broker.groups.create('g', { ...defaultGroup, fifo: true }, false);
    const stream = new Stream(metadata('f'));
    const { settings } = await stream.write(consumer('PUSH_CONSUMER', 'JAVA'));
    expect(settings?.subscription?.fifo).toBe(true);
  });

  test('comes each time: clients send them again every 30 s or 5 min; the last ones count', async () => {
    const stream = new Stream(metadata('again', 'RUST'));
    const kinds = [];
    for (const settings of [
      consumer('SIMPLE_CONSUMER', 'RUST'),
      producer('RUST'),
      consumer('SIMPLE_CONSUMER', 'RUST'),
    ]) {
      kinds.push((await stream.write(settings)).settings?.client_type);
    }
    expect(kinds).toEqual(['SIMPLE_CONSUMER', 'PRODUCER', 'SIMPLE_CONSUMER']);
    expect(broker.clients.list()).toMatchObject([{ clientId: 'again', group: 'g' }]);
  });

  test('begins with headers: Rust waits for them alone', async () => {
    const stream = new Stream(metadata('r', 'RUST'));
    await stream.write(producer('RUST'));
    await stream.headers;
  });
});

describe('Telemetry', () => {
  test('ends well as soon as the client has ended its side, and the client’s polls with it', async () => {
    const of = metadata('leaving');
    const stream = new Stream(of);
    await stream.write(consumer('PUSH_CONSUMER', 'JAVA'));
    const poll = receive({ auto_renew: true, long_polling_timeout: fromMillis(20_000) }, of);
    // The poll has looked at the queues when the group has a place on them.
    await expect.poll(async () => (await broker.consumers.progress('g')).length).toBe(3);
    stream.halfClose();
    expect(await stream.ended).toBe(status.OK);
    expect((await poll)[0]?.status?.code).toBe(40401);
  });

  test('lasts for the sixty years that Java asks for', async () => {
    const of = metadata('long');
    const call = client.makeBidiStreamRequest(`${path}Telemetry`, same, same, of, {
      deadline: Date.now() + 60 * 365 * 86_400_000,
    });
    const answered = new Promise((resolve) => call.once('data', resolve));
    call.on('error', () => undefined);
    call.write(encode('TelemetryCommand', { settings: producer('JAVA') }));
    await answered;
    call.cancel();
  });
});

describe('calls', () => {
  test('a route has queue 0 for Node, all of them writable, at the endpoints that were asked', async () => {
    interface Route extends Answer {
      readonly message_queues: readonly {
        readonly id: number;
        readonly permission: string;
        readonly broker: { readonly id: number; readonly endpoints: object };
        readonly accept_message_types: readonly string[];
      }[];
    }
    const endpoints = { scheme: 'DOMAIN_NAME', addresses: [{ host: 'mq.example', port: 443 }] };
    const route = await unary<Route>('QueryRoute', { topic: { name: 't' }, endpoints });
    expect(route.status).toEqual(ok);
    expect(route.message_queues.map(({ id }) => id)).toEqual([0, 1, 2]);
    for (const queue of route.message_queues) {
      expect(queue).toMatchObject({ permission: 'READ_WRITE', broker: { id: 0, endpoints } });
      expect(queue.accept_message_types).toEqual(['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION']);
    }
  });

  test('Go’s producers beat and leave for a group without a name', async () => {
    const of = metadata('go', 'GO');
    const group = { name: '' };
    const beat = await unary<Answer>('Heartbeat', { group, client_type: 'PRODUCER' }, of);
    const left = await unary<Answer>('NotifyClientTermination', { group }, of);
    expect([beat.status, left.status]).toEqual([ok, ok]);
  });

  test('Go sends no queue id, Java a batch: each message has a result, in their order', async () => {
    interface Sent extends Answer {
      readonly entries: readonly (Answer & {
        readonly message_id: string;
        readonly transaction_id: string;
        readonly offset: number;
        readonly recall_handle?: string;
      })[];
    }
    const messages = ['a', 'b', 'c'].map((id) => ({
      topic: { name: 't' },
      body: Buffer.from(id),
      system_properties: { message_id: id, body_encoding: 'GZIP' },
    }));
    const sent = await unary<Sent>('SendMessage', { messages });
    expect(sent.status).toEqual(ok);
    expect(sent.entries.map((entry) => entry.message_id)).toEqual(['a', 'b', 'c']);
    expect(sent.entries.map((entry) => entry.transaction_id)).toEqual(['a', 'b', 'c']);
    for (const entry of sent.entries) {
      expect(entry.status).toEqual(ok);
      expect(entry.recall_handle ?? '').toBe('');
      expect(entry.offset).toBeGreaterThanOrEqual(0);
    }
    // A body that is not what its encoding says comes back as it came (reference 1.12).
    const [first] = messagesIn(await receive({ invisible_duration: fromMillis(10_000) }));
    expect([first!.body.toString(), first!.system_properties.body_encoding]).toEqual(['a', 'GZIP']);
  });

  test('a receive is status, messages, time: what Python and Node read', async () => {
    await broker.publish('t', [{ body: 'x' }]);
    const answers = await receive({ invisible_duration: fromMillis(10_000) });
    expect(answers.map((answer) => Object.keys(answer)[0])).toEqual([
      'status',
      'message',
      'delivery_timestamp',
    ]);
    const { system_properties: system } = messagesIn(answers)[0]!;
    // Node fails without a digest, Python for encoding 0; both take MD5 in upper case.
    expect(system.body_digest).toEqual({
      type: 'MD5',
      checksum: '9DD4E461268C8034F5C8564E155C67A6',
    });
    expect(system.body_encoding).toBe('IDENTITY');
    const empty = await receive({
      invisible_duration: fromMillis(10_000),
      long_polling_timeout: fromMillis(0),
    });
    expect(empty[0]?.status?.code).toBe(40401);
  });

  test('Java asks again with the attempt id of a receive whose answer it did not get', async () => {
    await broker.publish('t', [{ body: 'x' }]);
    const ask = (attempt_id: string) =>
      receive({
        invisible_duration: fromMillis(10_000),
        long_polling_timeout: fromMillis(0),
        attempt_id,
      });
    const [lost] = messagesIn(await ask('one'));
    const [again] = messagesIn(await ask('one'));
    expect(again!.system_properties.message_id).toBe(lost!.system_properties.message_id);
    expect(again!.system_properties.delivery_attempt).toBe(1);
    expect(messagesIn(await ask('two'))).toEqual([]);
  });

  test('Go’s and Rust’s deadlines end a poll with an answer, not with an error', async () => {
    const of = metadata('rust', 'RUST');
    const request = encode('ReceiveMessageRequest', {
      group: { name: 'g' },
      message_queue: { topic: { name: 't' }, id: -1 },
      batch_size: 1,
      invisible_duration: fromMillis(10_000),
    });
    // The server's clock stands still in this test: it must see that there is no time left at all.
    broker.clock.setWall(Date.now());
    const codes = await new Promise((resolve, reject) => {
      const found: (number | undefined)[] = [];
      const call = client.makeServerStreamRequest(
        `${path}ReceiveMessage`,
        same,
        same,
        request,
        of,
        {
          deadline: Date.now() + 150,
        },
      );
      call.on('data', (bytes: Buffer) => {
        const { status: one } = decode<Received>('ReceiveMessageResponse', bytes);
        if (one !== undefined) found.push(one.code);
      });
      call.on('error', (error: { code?: number }) =>
        error.code === status.DEADLINE_EXCEEDED ? resolve(found) : reject(error),
      );
      call.on('end', () => resolve(found));
    });
    expect(codes).toEqual([40401]);
  });

  test('two acks in one call, one of them late: results differ', async () => {
    await broker.publish('t', [{ body: 'x' }]);
    const [message] = messagesIn(await receive({ invisible_duration: fromMillis(10_000) }));
    const { receipt_handle: old, message_id: id } = message!.system_properties;
    interface Changed extends Answer {
      readonly receipt_handle: string;
    }
    const changed = await unary<Changed>('ChangeInvisibleDuration', {
      ...{ group: { name: 'g' }, topic: { name: 't' }, message_id: id },
      ...{ receipt_handle: old, invisible_duration: fromMillis(5000) },
    });
    expect(changed.receipt_handle).not.toBe(old);
    const acked = await unary<Answer & { entries: readonly Answer[] }>('AckMessage', {
      group: { name: 'g' },
      topic: { name: 't' },
      entries: [
        { receipt_handle: old, message_id: id },
        { receipt_handle: changed.receipt_handle, message_id: id },
      ],
    });
    expect(acked.status.code).toBe(30000);
    expect(acked.entries.map((entry) => entry.status.code)).toEqual([40013, 20000]);
  });

  test('a FIFO group has an assignment for each queue, another one has one for all', async () => {
    await broker.groups.create('fifo', { ...defaultGroup, fifo: true }, false);
    interface Assigned extends Answer {
      readonly assignments: readonly { readonly message_queue: { readonly id: number } }[];
    }
    const of = async (group: string) => {
      const asked = { topic: { name: 't' }, group: { name: group }, endpoints: accessPoint };
      const { assignments } = await unary<Assigned>('QueryAssignment', asked);
      return assignments.map(({ message_queue }) => message_queue.id);
    };
    expect(await of('fifo')).toEqual([0, 1, 2]);
    expect(await of('g')).toEqual([-1]);
  });
});

describe('a lite client', () => {
  const syncAt = (version: number, clientId: string, action: string, lites: readonly string[]) =>
    unary<Answer>(
      'SyncLiteSubscription',
      {
        ...{ action, topic: { name: 'chats' }, group: { name: 'lite' } },
        ...{ lite_topic_set: lites, version },
      },
      metadata(clientId),
    );
  const sync = (clientId: string, action: string, ...lites: readonly string[]) =>
    syncAt(1, clientId, action, lites);
  const send = (lite: string, id: string) =>
    unary<Answer>('SendMessage', {
      messages: [
        {
          topic: { name: 'chats' },
          body: Buffer.from(id),
          system_properties: { message_id: id, message_type: 'LITE', lite_topic: lite },
        },
      ],
    });
  interface Evicted extends Command {
    readonly notify_unsubscribe_lite_command?: { readonly lite_topic: string };
  }

  beforeEach(() => broker.topic('chats', 1, 'LITE'));

  test('subscribes, receives, and acknowledges with the name of the lite topic', async () => {
    interface Route extends Answer {
      readonly message_queues: readonly { readonly accept_message_types: readonly string[] }[];
    }
    const route = await unary<Route>('QueryRoute', { topic: { name: 'chats' } });
    expect(route.message_queues[0]!.accept_message_types).toEqual(['LITE']);
    expect((await send('room-1', 'm1')).status).toEqual(ok);
    expect((await send('room-2', 'm2')).status).toEqual(ok);
    expect((await sync('a', 'COMPLETE_ADD', 'room-1', 'room-3')).status).toEqual(ok);
    const of = metadata('a');
    const more = {
      ...{ group: { name: 'lite' }, message_queue: { topic: { name: 'chats' } } },
      ...{ invisible_duration: fromMillis(10_000), long_polling_timeout: fromMillis(0) },
    };
    const [message, ...others] = messagesIn(await receive(more, of));
    expect([message!.body.toString(), others]).toEqual(['m1', []]);
    expect(message!.system_properties).toMatchObject({ lite_topic: 'room-1' });
    const acked = await unary<Answer>(
      'AckMessage',
      {
        ...{ group: { name: 'lite' }, topic: { name: 'chats' } },
        entries: [
          {
            ...{ lite_topic: 'room-1', message_id: 'm1' },
            receipt_handle: message!.system_properties.receipt_handle,
          },
        ],
      },
      of,
    );
    expect(acked.status).toEqual(ok);
    const long = 'x'.repeat(65);
    expect((await send(long, 'm3')).status.code).toBe(40020);
    const many = Array.from({ length: 2001 }, (_, i) => `r${i}`);
    expect((await sync('a', 'PARTIAL_ADD', ...many)).status.code).toBe(42902);
  });

  test('has the quota of its group, and its wishes are in the order of their versions', async () => {
    await broker.groups.create('lite', { ...defaultGroup, liteQuota: 2 }, false);
    const call = client.makeBidiStreamRequest(`${path}Telemetry`, same, same, metadata('a'));
    call.on('error', () => undefined);
    const settings = consumer('LITE_PUSH_CONSUMER', 'JAVA');
    const group = { name: 'lite' };
    const liteConsumer = { ...settings, subscription: { ...settings.subscription, group } };
    const told = new Promise<Command>((resolve) =>
      call.once('data', (bytes: Buffer) => resolve(decode<Command>('TelemetryCommand', bytes))),
    );
    call.write(encode('TelemetryCommand', { settings: liteConsumer }));
    expect((await told).settings?.subscription?.lite_subscription_quota).toBe(2);
    call.cancel();
    const has = () => [...broker.consumers.lites.of({ group: 'lite', clientId: 'a' }, 'chats')];
    await syncAt(5, 'a', 'COMPLETE_ADD', ['new']);
    await syncAt(4, 'a', 'COMPLETE_ADD', ['old']);
    expect(has()).toEqual(['new']);
    await syncAt(6, 'a', 'COMPLETE_ADD', ['newer']);
    expect(has()).toEqual(['newer']);
  });

  test('is told when its lite topic is another one’s', async () => {
    await broker.groups.create('lite', { ...defaultGroup, exclusive: true }, false);
    const call = client.makeBidiStreamRequest(`${path}Telemetry`, same, same, metadata('a'));
    call.on('error', () => undefined);
    const told = new Promise<Evicted>((resolve) =>
      call.on('data', (bytes: Buffer) => {
        const command = decode<Evicted>('TelemetryCommand', bytes);
        if (command.notify_unsubscribe_lite_command !== undefined) resolve(command);
      }),
    );
    call.write(encode('TelemetryCommand', { settings: consumer('LITE_PUSH_CONSUMER', 'JAVA') }));
    await expect.poll(() => broker.clients.list().length).toBe(1);
    await sync('a', 'PARTIAL_ADD', 'room-1');
    await sync('b', 'PARTIAL_ADD', 'room-1');
    expect((await told).notify_unsubscribe_lite_command).toEqual({ lite_topic: 'room-1' });
    call.cancel();
  });
});
