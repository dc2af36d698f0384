import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { decode, encode, fromMillis } from '../../../connectors/rocketmq/codec.ts';
import { createMessagingService } from '../../../connectors/rocketmq/service.ts';
import { limits } from '../../../platform/limits.ts';
import { openTestBroker, type TestBroker } from '../../engine/broker/harness.ts';

const path = '/apache.rocketmq.v2.MessagingService/';
const same = (bytes: Buffer) => bytes;
let broker: TestBroker;
let host: GrpcHost;
let client: Client;

beforeEach(async () => {
  broker = await openTestBroker();
  for (const name of ['t', 'u']) await broker.topic(name);
  host = new GrpcHost([createMessagingService({ ...broker, close: () => undefined })]);
  const port = await host.listen('127.0.0.1', 0);
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
