import { createHmac } from 'node:crypto';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adminCodec, adminPath } from '../../../connectors/admin/proto.ts';
import { createAdminService } from '../../../connectors/admin/service.ts';
import { Authenticator } from '../../../connectors/auth/authenticator.ts';
import { AccessGuard } from '../../../connectors/auth/guard.ts';
import { parseDateTime } from '../../../connectors/auth/signature.ts';
import { Producer, SimpleConsumer } from '../../../connectors/client/index.ts';
import { FlightSqlClient } from '../../../connectors/flight/flight-client.ts';
import { createFlightService } from '../../../connectors/flight/service.ts';
import { GrpcHost } from '../../../connectors/grpc/server.ts';
import { decode, encode } from '../../../connectors/rocketmq/codec.ts';
import { createMessagingService } from '../../../connectors/rocketmq/service.ts';
import { RateLimits } from '../../../engine/broker/rate-limits.ts';
import { checkClass } from '../../../engine/views/limited-sql.ts';
import type { SqlService } from '../../../engine/views/sql-service.ts';
import type { ManualClock } from '../../../platform/manual-clock.ts';
import { systemRandom } from '../../../platform/system-random.ts';
import { readScript } from '../../../sql/dialects/script.ts';
import { openTestBroker, type TestBroker } from '../../engine/broker/harness.ts';

let broker: TestBroker;
let host: GrpcHost;
let endpoint: string;
let raw: Client;
const secretKey = 'a secret of ours';
const ran: string[] = [];

/** Refuses as the worker does, and says what it was asked to run. */
const sql: SqlService = {
  async execute(text, { highest = 'admin' } = {}) {
    const script = readScript(text, 'millrace');
    checkClass(
      script.map(({ statement }) => statement),
      highest,
    );
    ran.push(text);
    return { kind: 'command', tag: 'DONE' };
  },
  describe: async () => ({ fields: undefined, isUpdate: true, parameters: [] }),
  closeSession: () => undefined,
  relations: async () => [],
  close: async () => undefined,
};

beforeEach(async () => {
  broker = await openTestBroker();
  const { access } = broker;
  for (const name of ['orders', 'other', 'orders-eu']) await broker.topic(name);
  const plain = { secretKey, admin: false };
  await access.create('root', { secretKey, admin: true, grants: [] });
  await access.create('shop', {
    ...plain,
    grants: [{ kind: 'topic', name: 'orders*', actions: ['publish'] }],
  });
  await access.create('audit', {
    ...plain,
    grants: [
      { kind: 'topic', name: 'orders', actions: ['subscribe'] },
      { kind: 'group', name: 'audit', actions: ['subscribe'] },
      { kind: 'sql', name: '*', actions: ['subscribe'] },
    ],
  });
  await access.create('owner', {
    ...plain,
    grants: [
      { kind: 'group', name: 'audit', actions: ['admin'] },
      { kind: 'sql', name: '*', actions: ['publish'] },
    ],
  });
  const guard = new AccessGuard(new Authenticator(access, broker.clock));
  const rates = new RateLimits({ topicMessages: 100, clientRequests: 50 }, broker.clock);
  const services = { ...broker, access, guard, rates, close: () => undefined };
  host = new GrpcHost([
    createMessagingService(services),
    createFlightService({ sql, random: systemRandom, guard }),
    createAdminService({ ...services, broker: services as never }),
  ]);
  const port = await host.listen('127.0.0.1', 0);
  endpoint = `127.0.0.1:${port}`;
  raw = new Client(endpoint, credentials.createInsecure());
  ran.length = 0;
});
afterEach(async () => {
  raw.close();
  await host.close();
  await broker.stop();
});

type Headers = Readonly<Record<string, string>>;

/** As RocketMQ's clients sign; the clock of the test is the server's. */
function signed(
  accessKey: string,
  { at = nowText(broker.clock), secret = secretKey } = {},
): Headers {
  const signature = createHmac('sha1', secret).update(at).digest('hex');
  return {
    'x-mq-date-time': at,
    authorization: `MQv2-HMAC-SHA1 Credential=${accessKey}, SignedHeaders=x-mq-date-time, Signature=${signature}`,
  };
}

function nowText(clock: ManualClock, offsetMs = 0): string {
  return new Date(clock.nowMs() + offsetMs).toISOString().replace(/[-:]|\.\d+/g, '');
}

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  metadata.set('x-mq-client-id', 'c');
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** The code of the answer's status. */
function code(method: string, request: Buffer, headers: Headers): Promise<number | undefined> {
  const same = (bytes: Buffer) => bytes;
  const path = `/apache.rocketmq.v2.MessagingService/${method}`;
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, bytes?: Buffer) => {
      if (error !== null) return reject(error);
      resolve(decode<{ status?: { code: number } }>(`${method}Response`, bytes!).status?.code);
    };
    raw.makeUnaryRequest(path, same, same, request, metadataOf(headers), done);
  });
}

const route = (topic: string) => encode('QueryRouteRequest', { topic: { name: topic } });
const heartbeat = encode('HeartbeatRequest', { client_type: 'PRODUCER' });
let ids = 0;
const send = (topic: string) =>
  encode('SendMessageRequest', {
    messages: [
      {
        topic: { name: topic },
        system_properties: { message_id: `id-${ids++}` },
        body: Buffer.from('x'),
      },
    ],
  });

const ok = 20000;
const unauthorized = 40100;
const forbidden = 40300;

describe('a signature', () => {
  test('in upper case, in lower case, with a region behind the key', async () => {
    const headers = signed('root');
    expect(await code('Heartbeat', heartbeat, headers)).toBe(ok);
    const { authorization = '' } = headers;
    const upper = authorization.replace(
      /=([0-9a-f]+)$/,
      (_, hex: string) => `=${hex.toUpperCase()}`,
    );
    expect(await code('Heartbeat', heartbeat, { ...headers, authorization: upper })).toBe(ok);
    const region = authorization.replace('Credential=root', 'Credential=root//Rocketmq');
    expect(await code('Heartbeat', heartbeat, { ...headers, authorization: region })).toBe(ok);
  });

  test.each<[string, () => Headers]>([
    ['none', () => ({})],
    ['of another secret', () => signed('root', { secret: 'not the secret' })],
    ['of nobody', () => signed('nobody')],
    [
      'over another time',
      () => ({ ...signed('root'), 'x-mq-date-time': nowText(broker.clock, 1000) }),
    ],
    ['without the time', () => ({ authorization: signed('root').authorization! })],
    [
      'cut',
      () => ({ ...signed('root'), authorization: signed('root').authorization!.slice(0, -1) }),
    ],
    ['of no form', () => ({ ...signed('root'), authorization: 'MQv2-HMAC-SHA1 what=ever' })],
    ['of what is no time', () => signed('root', { at: 'yesterday' })],
    ['of a day ago', () => signed('root', { at: nowText(broker.clock, -86_400_000) })],
    ['of tomorrow', () => signed('root', { at: nowText(broker.clock, 86_400_000) })],
  ])('%s is refused', async (_, headers) => {
    expect(await code('Heartbeat', heartbeat, headers())).toBe(unauthorized);
  });

  test('that is replayed is refused once it is old', async () => {
    // Most clients call their local time UTC.
    const eastern = nowText(broker.clock, -5 * 3_600_000);
    const headers = signed('root', { at: eastern });
    expect(await code('Heartbeat', heartbeat, headers)).toBe(ok);
    broker.clock.advance(4 * 60_000);
    expect(await code('Heartbeat', heartbeat, headers)).toBe(ok);
    broker.clock.advance(4 * 60_000);
    expect(await code('Heartbeat', heartbeat, headers)).toBe(unauthorized);
    const again = signed('root', { at: nowText(broker.clock, -5 * 3_600_000) });
    expect(await code('Heartbeat', heartbeat, again)).toBe(ok);
  });

  test('of a client that runs on when its clock is set to summer time, and back', async () => {
    const at = (hours: number) => signed('root', { at: nowText(broker.clock, hours * 3_600_000) });
    for (const hours of [1, 2, 1, 0]) {
      expect([hours, await code('Heartbeat', heartbeat, at(hours))]).toEqual([hours, ok]);
    }
    expect(await code('Heartbeat', heartbeat, at(3))).toBe(unauthorized);
  });

  test('its time is read as clients write it', () => {
    expect(parseDateTime('20261123T130154Z')).toBe(Date.UTC(2026, 10, 23, 13, 1, 54));
    expect(parseDateTime('2026-11-23T13:01:54.5+02:00')).toBe(
      Date.UTC(2026, 10, 23, 11, 1, 54, 500),
    );
    expect(parseDateTime('20261323T130154Z')).toBeUndefined();
  });
});

describe('a grant', () => {
  test('to publish', async () => {
    expect(await code('SendMessage', send('orders'), signed('shop'))).toBe(ok);
    expect(await code('SendMessage', send('orders-eu'), signed('shop'))).toBe(ok);
    expect(await code('SendMessage', send('other'), signed('shop'))).toBe(forbidden);
    expect(await code('SendMessage', send('orders'), signed('audit'))).toBe(forbidden);
    expect(await code('QueryRoute', route('orders'), signed('shop'))).toBe(ok);
    expect(await code('QueryRoute', route('orders'), signed('audit'))).toBe(ok);
    expect(await code('QueryRoute', route('other'), signed('audit'))).toBe(forbidden);
  });

  test('to consume, with a group', async () => {
    const open = (accessKey: string, group: string) =>
      new SimpleConsumer({ endpoint, group, credentials: { accessKey, secretKey } });
    await alignClock();
    const audit = open('audit', 'audit');
    const producer = new Producer({ endpoint, credentials: { accessKey: 'shop', secretKey } });
    await producer.send('orders', { body: 'x' });
    const [message] = await audit.receive('orders');
    await audit.ack(message!);
    for (const consumer of [open('audit', 'mine'), open('shop', 'audit')]) {
      await expect(consumer.receive('orders')).rejects.toMatchObject({ code: 'FORBIDDEN' });
      consumer.close();
    }
    audit.close();
    await producer.close();
  });

  test('every method of the service asks for one', async () => {
    const methods = ['RecallMessage', 'EndTransaction', 'QueryAssignment', 'AckMessage'];
    methods.push('ForwardMessageToDeadLetterQueue', 'GetOffset', 'UpdateOffset', 'QueryOffset');
    methods.push('ChangeInvisibleDuration', 'SendMessage', 'QueryRoute');
    for (const method of methods) {
      const request = encode(`${method}Request`, {
        topic: { name: 'other' },
        group: { name: 'other' },
        message_queue: { topic: { name: 'other' } },
        messages: [{ topic: { name: 'other' }, body: Buffer.from('x') }],
      });
      expect([method, await code(method, request, signed('audit'))]).toEqual([method, forbidden]);
      expect([method, await code(method, request, {})]).toEqual([method, unauthorized]);
    }
  });

  test('of SQL: to read, to change rows, everything', async () => {
    const run = async (accessKey: string, text: string) => {
      const client = new FlightSqlClient(endpoint, { accessKey, secretKey });
      try {
        return (await client.execute(text)).kind;
      } catch (error) {
        return (error as { code: string }).code;
      } finally {
        await client.close();
      }
    };
    expect(await run('audit', 'SELECT 1')).toBe('command');
    expect(await run('audit', 'SELECT 1; DELETE FROM t')).toBe('FORBIDDEN');
    expect(await run('audit', 'DROP TABLE t; not sql(')).toBe('SQL_SYNTAX');
    expect(await run('owner', 'DELETE FROM t')).toBe('command');
    expect(await run('owner', 'EXPLAIN ANALYZE DELETE FROM t')).not.toBe('FORBIDDEN');
    expect(await run('owner', 'CREATE TOPIC mine')).toBe('FORBIDDEN');
    expect(await run('root', 'CREATE TOPIC mine')).toBe('command');
    expect(await run('shop', 'SELECT 1')).toBe('FORBIDDEN');
    expect(await run('nobody', 'SELECT 1')).toBe('UNAUTHENTICATED');
    expect(ran).not.toContain('CREATE TOPIC mine; ');
    expect(ran.filter((text) => text.includes('DROP'))).toEqual([]);
  });

  test('of administration', async () => {
    const admin = (method: 'ListGroups' | 'DescribeGroup' | 'ListUsers', accessKey: string) => {
      const same = (bytes: Buffer) => bytes;
      const request = adminCodec(method, 'Request').encode({ group: 'audit' });
      return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, bytes?: Buffer) => {
          if (error !== null) return reject(error);
          resolve((adminCodec(method, 'Response').decode(bytes!) as { code?: number }).code);
        };
        const metadata = metadataOf(signed(accessKey));
        raw.makeUnaryRequest(adminPath(method), same, same, request, metadata, done);
      });
    };
    await broker.groups.use('audit');
    expect(await admin('DescribeGroup', 'owner')).toBe(ok);
    expect(await admin('DescribeGroup', 'audit')).toBe(forbidden);
    expect(await admin('ListGroups', 'owner')).toBe(forbidden);
    expect(await admin('ListUsers', 'root')).toBe(ok);
    expect(await admin('ListUsers', 'nobody')).toBe(unauthorized);
  });

  test('is there again after a restart, and gone after it was dropped', async () => {
    await broker.access.drop('shop');
    await broker.access.alter('audit', { secretKey: 'another secret' });
    expect(await code('SendMessage', send('orders'), signed('shop'))).toBe(unauthorized);
    const secret = 'another secret';
    expect(await code('QueryRoute', route('orders'), signed('audit', { secret }))).toBe(ok);
    await host.close();
    const again = await broker.restart();
    expect(again.access.list().map(({ accessKey }) => accessKey)).toEqual([
      'audit',
      'owner',
      'root',
    ]);
    expect(again.access.get('audit').secretKey).toBe(secret);
    broker = again;
  });
});

test('what is more than the limits is told to come later', async () => {
  const tooMany = 42900;
  const many = (count: number) =>
    Buffer.concat(Array.from({ length: count }, () => send('orders')));
  expect(await code('SendMessage', many(80), signed('root'))).toBe(ok);
  expect(await code('SendMessage', many(80), signed('root'))).toBe(tooMany);
  expect(await code('SendMessage', send('other'), signed('root'))).toBe(ok);
  broker.clock.advance(1000);
  expect(await code('SendMessage', many(80), signed('root'))).toBe(ok);
  broker.clock.advance(1000);
  const results = [];
  for (let i = 0; i < 60; i++) results.push(await code('Heartbeat', heartbeat, signed('root')));
  expect(results.filter((each) => each === ok)).toHaveLength(50);
  expect(results.filter((each) => each === tooMany)).toHaveLength(10);
});

describe('a Telemetry stream', () => {
  const settings = encode('TelemetryCommand', {
    settings: { client_type: 'PRODUCER', publishing: { topics: [{ name: 'orders' }] } },
  });
  interface Answer {
    readonly status?: { readonly code: number };
  }

  /** Codes of its answers, one a call of `next`; `undefined`: it has ended. */
  function open(headers: Headers) {
    const same = (bytes: Buffer) => bytes;
    const path = '/apache.rocketmq.v2.MessagingService/Telemetry';
    const call = raw.makeBidiStreamRequest(path, same, same, metadataOf(headers));
    const codes: (number | undefined)[] = [];
    call.on('data', (bytes) => codes.push(decode<Answer>('TelemetryCommand', bytes).status?.code));
    call.on('end', () => codes.push(undefined));
    call.on('error', () => codes.push(undefined));
    const next = async () => {
      await expect.poll(() => codes.length).toBeGreaterThan(0);
      return codes.shift();
    };
    return { call, next };
  }

  test('stays open when its signature is old, and minds the grants of the moment', async () => {
    const { call, next } = open(signed('shop'));
    call.write(settings);
    expect(await next()).toBe(ok);
    broker.clock.advance(3_600_000);
    call.write(settings);
    expect(await next()).toBe(ok);
    await broker.access.alter('shop', { grants: [] });
    call.write(settings);
    expect(await next()).toBeUndefined();
  });

  test('is not opened without a signature', async () => {
    const { next } = open({});
    expect(await next()).toBe(unauthorized);
  });

  test('makes its client id that of its access key, while the client lives', async () => {
    const { call, next } = open(signed('shop'));
    call.write(settings);
    expect(await next()).toBe(ok);
    const go = encode('NotifyClientTerminationRequest', {});
    expect(await code('NotifyClientTermination', go, signed('audit'))).toBe(forbidden);
    expect(await open(signed('audit')).next()).toBe(forbidden);
    expect(await code('NotifyClientTermination', go, signed('shop'))).toBe(ok);
    expect(await code('Heartbeat', heartbeat, signed('audit'))).toBe(ok);
  });
});

test('a client id that somebody else sends under has requests of its own', async () => {
  for (let i = 0; i < 60; i++) await code('Heartbeat', heartbeat, {});
  expect(await code('Heartbeat', heartbeat, signed('root'))).toBe(ok);
});

test('a client must say which one it is', async () => {
  const headers = { ...signed('root'), 'x-mq-client-id': '' };
  expect(await code('SendMessage', send('orders'), headers)).toBe(40017);
});

/** The SDK signs with the system's clock: the server's is set to it. */
async function alignClock(): Promise<void> {
  broker.clock.setWall(Date.now());
}
