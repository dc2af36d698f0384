import { connect } from 'node:http2';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { decode, encode, fromMillis } from '../../../connectors/rocketmq/codec.ts';
import { scanSendRequest } from '../../../connectors/rocketmq/scan.ts';
import { createMessagingService } from '../../../connectors/rocketmq/service.ts';
import { limits } from '../../../platform/limits.ts';
import { openTestBroker, type TestBroker } from '../../engine/broker/harness.ts';

const path = '/apache.rocketmq.v2.MessagingService/';
const same = (bytes: Buffer) => bytes;
let broker: TestBroker;
let host: GrpcHost;
let client: Client;
let port: number;

beforeEach(async () => {
  broker = await openTestBroker();
  for (const name of ['t', 'u']) await broker.topic(name);
  host = new GrpcHost([createMessagingService({ ...broker, close: () => undefined })]);
  port = await host.listen('127.0.0.1', 0);
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await host.close();
  await broker.stop();
});

function metadata(): Metadata {
  const metadata = new Metadata();
  metadata.set('x-mq-client-id', 'c');
  return metadata;
}

/** How a Telemetry stream ends that sends this and stays open; `undefined`: it is answered. */
function telemetry(request: Buffer): Promise<number | undefined> {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(`${path}Telemetry`, same, same, metadata());
    call.on('data', () => {
      resolve(undefined);
      call.end();
    });
    call.on('error', () => undefined);
    call.on('status', ({ code }) => resolve(code));
    call.write(request);
  });
}

test('settings that make no sense end the stream with an error', async () => {
  const of = (settings: object) => telemetry(encode('TelemetryCommand', { settings }));
  expect(await of({ publishing: { topics: [{ name: 't' }] } })).toBeUndefined();
  expect(await of({ subscription: { group: { name: 'g' } } })).toBeUndefined();
  expect(await of({ client_type: 'PRODUCER' })).toBe(status.INVALID_ARGUMENT);
  expect(await of({ subscription: { group: { name: 'no group!' } } })).toBe(
    status.INVALID_ARGUMENT,
  );
  expect(await telemetry(Buffer.from([0x0a, 0x7f]))).toBe(status.INVALID_ARGUMENT);
  broker.groups.use = () => Promise.reject(new Error('on fire'));
  expect(await of({ subscription: { group: { name: 'g' } } })).toBe(status.INTERNAL);
});

/** The code in the status that Telemetry answers settings with, and how it ends them. */
function settingsCode(client_properties: Readonly<Record<string, string>>) {
  return new Promise<readonly unknown[]>((resolve) => {
    const call = client.makeBidiStreamRequest(`${path}Telemetry`, same, same, metadata());
    const codes: unknown[] = [];
    call.on('data', (bytes: Buffer) => {
      const { status: answer, settings } = decode<{
        status: { code: number };
        settings?: { client_properties?: object };
      }>('TelemetryCommand', bytes);
      codes.push(answer.code);
      if (settings !== undefined) codes.push(settings.client_properties);
      if (settings !== undefined) call.end();
    });
    call.on('error', () => undefined);
    call.on('status', ({ code }) => resolve([...codes, code]));
    const settings = { publishing: { topics: [] }, client_properties };
    call.write(encode('TelemetryCommand', { settings }));
  });
}

test('properties of a client have rules', async () => {
  const many = (count: number, value = '') =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));
  for (const good of [{ 'a.B_9-': '' }, { ['n'.repeat(64)]: 'v'.repeat(256) }, many(32)]) {
    expect(await settingsCode(good)).toEqual([20000, good, status.OK]);
  }
  const bad = [
    { '9a': 'x' },
    { 'a b': 'x' },
    { '': 'x' },
    { 'rocketmq.x': 'x' },
    { ['n'.repeat(65)]: 'x' },
    { a: 'v'.repeat(257) },
    many(33),
    many(16, 'v'.repeat(255)),
    many(8, 'ü'.repeat(256)),
  ];
  for (const properties of bad) {
    expect(await settingsCode(properties)).toEqual([40021, status.INVALID_ARGUMENT]);
  }
});

function unaryCode(method: string, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path + method, same, same, request, metadata(), (error, bytes) => {
      if (error !== null) reject(error);
      else resolve(decode<{ status: { code: number } }>(`${method}Response`, bytes!).status.code);
    });
  });
}

test('a heartbeat says what kind of client it is from', async () => {
  const beat = (fields: object) =>
    unaryCode('Heartbeat', encode('HeartbeatRequest', { ...fields }));
  const kinds = ['PRODUCER', 'PUSH_CONSUMER', 'SIMPLE_CONSUMER', 'PULL_CONSUMER'];
  for (const kind of [...kinds, 'LITE_PUSH_CONSUMER', 'LITE_SIMPLE_CONSUMER']) {
    expect(await beat({ client_type: kind })).toBe(20000);
  }
  expect(await beat({})).toBe(40015);
  expect(await beat({ client_type: 0 })).toBe(40015);
  expect(await beat({ client_type: 77 })).toBe(40015);
});

/** Each line of the table of validations of a message (reference rocketmq-v2, 1.11). */
test('a message that is not as it must be gets the code for it', async () => {
  await broker.topic('p', 4, 'PRIORITY');
  let number = 0;
  const codeOf = (
    system: object,
    { body = 'x', properties = {}, topic = 't' }: Readonly<Record<string, unknown>> = {},
  ) => {
    const system_properties = { message_id: `m${number++}`, ...system };
    const message = {
      ...{ topic: { name: topic }, body: Buffer.from(body as string), system_properties },
      user_properties: properties,
    };
    return send(encode('SendMessageRequest', { messages: [message] }));
  };
  const later = { delivery_timestamp: fromMillis(broker.clock.nowMs() + 5000) };
  const forever = { delivery_timestamp: { seconds: 8.7e12 } };
  expect(await codeOf({})).toBe(20000);
  expect(await codeOf({}, { topic: 'no topic!' })).toBe(40402);
  expect(await codeOf({}, { body: '' })).toBe(41302);
  expect(await codeOf({}, { body: 'x'.repeat(4 * 1024 * 1024) })).toBe(20000);
  expect(await codeOf({}, { body: 'x'.repeat(4 * 1024 * 1024 + 1) })).toBe(41301);
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
  expect(await codeOf({}, { properties: many(128) })).toBe(20000);
  expect(await codeOf({}, { properties: many(129) })).toBe(43101);
  expect(await codeOf({}, { properties: { k: 'v'.repeat(16 * 1024 - 1) } })).toBe(20000);
  expect(await codeOf({ tag: 't' }, { properties: { k: 'v'.repeat(16 * 1024 - 1) } })).toBe(43101);
  for (const key of [' ', 'a\u0007', 'KEYS', '__BORNHOST']) {
    expect(await codeOf({}, { properties: { [key]: 'v' } })).toBe(40007);
  }
  for (const tag of [' ', 'a|b', 'a\u0007']) expect(await codeOf({ tag })).toBe(40004);
  for (const key of [' ', 'a\u0007']) expect(await codeOf({ keys: [key] })).toBe(40005);
  for (const message_group of ['', ' ', 'a\u0007', 'x'.repeat(65)]) {
    expect(await codeOf({ message_group })).toBe(40006);
  }
  expect(await codeOf({ message_id: ' ' })).toBe(40009);
  expect(await codeOf(forever)).toBe(40012);
  const half = { message_type: 'TRANSACTION' };
  const recovery = (seconds: number) => ({ orphaned_transaction_recovery_duration: { seconds } });
  expect(await codeOf({ ...half, ...recovery(3600) })).toBe(20000);
  expect(await codeOf({ ...half, ...recovery(3601) })).toBe(40000);
  expect(await codeOf({}, { topic: 'p' })).toBe(40014);
  expect(await codeOf({ priority: 3 }, { topic: 'p' })).toBe(20000);
  expect(await codeOf({ priority: -1 }, { topic: 'p' })).toBe(40000);
  for (const other of [later, { message_group: 'g' }, half]) {
    expect(await codeOf({ ...other, priority: 1 })).toBe(40014);
    expect(await codeOf({ ...other, lite_topic: 'l' })).toBe(40014);
  }
  expect(await codeOf({ lite_topic: 'l', priority: 1 }, { topic: 'p' })).toBe(40014);
  expect(await send(Buffer.alloc(0))).toBe(40016);
});

function messageTo(topic: string, id: string, deliverAtMs?: number) {
  const later = deliverAtMs === undefined ? {} : { delivery_timestamp: fromMillis(deliverAtMs) };
  return {
    topic: { name: topic },
    body: Buffer.from('x'),
    system_properties: { message_id: id, ...later },
  };
}

async function send(request: Buffer): Promise<number> {
  const answer = await new Promise<Buffer>((resolve, reject) => {
    client.makeUnaryRequest(
      `${path}SendMessage`,
      same,
      same,
      request,
      metadata(),
      (error, bytes) => (error === null ? resolve(bytes!) : reject(error)),
    );
  });
  return decode<{ status: { code: number } }>('SendMessageResponse', answer).status.code;
}

test('messages of a request that wait go to one topic, too', async () => {
  const due = broker.clock.nowMs() + 5000;
  const request = (topics: readonly string[]) =>
    encode('SendMessageRequest', {
      messages: topics.map((topic) => messageTo(topic, `${topics}/${topic}`, due)),
    });
  expect(await send(request(['t', 'u']))).toBe(40016);
  expect(await send(request(['t']))).toBe(20000);
});

test('a request has a greatest number of messages', async () => {
  const one = encode('SendMessageRequest', { messages: [messageTo('t', 'a')] });
  const request = Buffer.concat(Array.from({ length: limits.entryMessagesMax + 1 }, () => one));
  expect(await send(request)).toBe(40016);
  expect((await broker.store.range(broker.topics.get('t').topicId, 0)).maxOffset).toBe(0);
});

test.each([
  ['much', 30, 3 * 1024 * 1024, 8],
  ['little, many times', 1, 8000, 1100],
])('a client that does not read gets no more: %s', async (_what, count, bytes, calls) => {
  const big = Buffer.alloc(bytes, 'x');
  const messages = Array.from({ length: count }, (_, i) => ({
    topic: { name: 't' },
    body: big,
    system_properties: { message_id: `big-${i}` },
  }));
  for (const message of messages) {
    const request = encode('SendMessageRequest', { messages: [message] });
    const [scanned] = scanSendRequest(request);
    await broker.publisher.publish(request, [scanned!]);
  }
  const request = encode('PullMessageRequest', {
    message_queue: { topic: { name: 't' } },
    batch_size: count,
  });
  // A paused call of grpc-js still takes 16 messages; a bare stream takes its window of 64 KiB.
  const reader = connect(`http://127.0.0.1:${port}`);
  for (let i = 0; i < calls; i++) {
    const headers = { 'content-type': 'application/grpc', te: 'trailers', 'x-mq-client-id': 'c' };
    const call = reader.request({
      ':method': 'POST',
      ':path': `${path}PullMessage`,
      ...headers,
    });
    call.on('error', () => undefined);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(request.length, 1);
    call.end(Buffer.concat([head, request]));
  }
  const code = () =>
    new Promise<number | undefined>((resolve) => {
      const call = client.makeServerStreamRequest(
        `${path}PullMessage`,
        same,
        same,
        request,
        metadata(),
      );
      call.on('error', () => undefined);
      call.once('data', (bytes: Buffer) => {
        resolve(decode<{ status?: { code: number } }>('PullMessageResponse', bytes).status?.code);
        call.cancel();
      });
    });
  await expect.poll(code).toBe(42900);
  reader.destroy();
  await expect.poll(code).toBe(20000);
});

test('a namespace has topics and groups of its own, under the names that its clients know', async () => {
  const inside = () => {
    const of = metadata();
    of.set('x-mq-namespace', 'ns');
    return of;
  };
  const call = <T>(method: string, request: Record<string, unknown>, of: Metadata): Promise<T> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path + method,
        same,
        same,
        encode(`${method}Request`, request),
        of,
        (error: unknown, bytes?: Buffer) =>
          error === null ? resolve(decode<T>(`${method}Response`, bytes!)) : reject(error),
      );
    });
  interface Received {
    readonly message?: {
      readonly topic: { readonly resource_namespace?: string; readonly name: string };
      readonly body: Buffer;
      readonly system_properties: { readonly receipt_handle: string };
    };
  }
  const receive = (topic: string, of: Metadata): Promise<Received[]> =>
    new Promise((resolve, reject) => {
      const answers: Received[] = [];
      const request = encode('ReceiveMessageRequest', {
        group: { name: 'g' },
        message_queue: { topic: { name: topic } },
        batch_size: 32,
        invisible_duration: fromMillis(10_000),
        long_polling_timeout: fromMillis(0),
      });
      const stream = client.makeServerStreamRequest(
        `${path}ReceiveMessage`,
        same,
        same,
        request,
        of,
      );
      stream.on('data', (bytes: Buffer) =>
        answers.push(decode<Received>('ReceiveMessageResponse', bytes)),
      );
      stream.on('error', reject);
      stream.on('end', () => resolve(answers.filter(({ message }) => message !== undefined)));
    });
  await broker.topic('ns%t');
  const send = (body: string, of: Metadata, resource: object = {}) =>
    call<{ status: { code: number } }>(
      'SendMessage',
      {
        messages: [
          {
            topic: { name: 't', ...resource },
            body: Buffer.from(body),
            system_properties: { message_id: body },
          },
        ],
      },
      of,
    );
  await send('outside', metadata());
  await send('inside', inside());
  await send('by resource', metadata(), { resource_namespace: 'ns' });
  const wrong = await send('wrong', inside(), { resource_namespace: 'other' });
  expect(wrong.status.code).toBe(40000);
  const [out, ...moreOut] = await receive('t', metadata());
  expect([out!.message!.body.toString(), moreOut]).toEqual(['outside', []]);
  expect(out!.message!.topic).toEqual({ name: 't' });
  const got = await receive('t', inside());
  expect(got.map(({ message }) => message!.body.toString())).toEqual(['inside', 'by resource']);
  expect(got[0]!.message!.topic).toEqual({ resource_namespace: 'ns', name: 't' });
  const handle = got[0]!.message!.system_properties.receipt_handle;
  const ack = (of: Metadata) =>
    call<{ status: { code: number } }>(
      'AckMessage',
      { group: { name: 'g' }, topic: { name: 't' }, entries: [{ receipt_handle: handle }] },
      of,
    );
  // Of the group of the same name outside it is no handle.
  expect((await ack(metadata())).status.code).toBe(40013);
  expect((await ack(inside())).status.code).toBe(20000);
  const forwarded = await call<{ status: { code: number } }>(
    'ForwardMessageToDeadLetterQueue',
    {
      group: { name: 'g' },
      topic: { name: 't' },
      receipt_handle: got[1]!.message!.system_properties.receipt_handle,
    },
    inside(),
  );
  expect(forwarded.status.code).toBe(20000);
  expect(broker.topics.find('%DLQ%ns%g')).toBeDefined();
  const dead = await receive('%DLQ%g', inside());
  expect(dead.map(({ message }) => message!.body.toString())).toEqual(['by resource']);
  const route = await call<{ message_queues: { topic: object }[] }>(
    'QueryRoute',
    { topic: { name: 't', resource_namespace: 'ns' } },
    inside(),
  );
  expect(route.message_queues[0]!.topic).toMatchObject({ name: 't', resource_namespace: 'ns' });
});
