import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { decode } from '../../connectors/rocketmq/codec.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/** What is wrong gets its documented code (docs/protocol-codes.md), and changes nothing. */

const main = fileURLToPath(new URL('../../dist/connectors/cli/main.js', import.meta.url));
const bytes = (buffer: Buffer) => buffer;
let directory: string;
let server: ServerProcess;
let endpoint: string;
let raw: Client;
let client: MessagingClient;
let sql: FlightSqlClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-bad-'));
  // Strict: names that do not exist are errors, and nothing is made by using them.
  server = await startServerProcess(directory, 0, {}, ['--strict']);
  endpoint = `127.0.0.1:${server.port}`;
  raw = new Client(endpoint, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  client = new MessagingClient(endpoint);
  sql = new FlightSqlClient(endpoint);
  await sql.execute(`CREATE TOPIC orders WITH (queues = 1);
    CREATE SOURCE orders (id bigint NOT NULL, price int) WITH (topic = 'orders', format = 'json');
    CREATE MATERIALIZED VIEW total AS SELECT count(*) AS c, sum(price) AS s FROM orders`);
  await client.publish('orders', [{ body: Buffer.from('{"id":1,"price":10}') }]);
}, 60_000);

afterAll(async () => {
  await sql.close();
  await client.close();
  raw.close();
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
  await rm(directory, { recursive: true, force: true });
});

/** Rows of a query as text. */
async function rows(text: string): Promise<string[][]> {
  const answer = await sql.execute(text);
  if (answer.kind !== 'rows') return [];
  const found: string[][] = [];
  for await (const row of answer.rows) found.push(row.map((cell) => cell ?? 'NULL'));
  return found;
}

const messagesStored = async () => (await rows('SELECT c, s FROM total'))[0];

interface Outcome {
  /** gRPC status; 0 with an answer. */
  readonly code: number;
  readonly answer?: Buffer;
  readonly message: string;
}

const metadata = new Metadata();
metadata.set('x-mq-client-id', 'bad-input');

function call(path: string, request: Buffer): Promise<Outcome> {
  const deadline = Date.now() + 60_000;
  return new Promise((resolve) => {
    const done = (error: ServiceError | null, answer?: Buffer) =>
      resolve({
        code: error?.code ?? 0,
        message: error?.details ?? '',
        ...(answer === undefined ? {} : { answer }),
      });
    raw.makeUnaryRequest(path, bytes, bytes, request, metadata, { deadline }, done);
  });
}

function stream(path: string, request: Buffer): Promise<Outcome> {
  const deadline = Date.now() + 60_000;
  return new Promise((resolve) => {
    let answer: Buffer | undefined;
    const made = raw.makeServerStreamRequest(path, bytes, bytes, request, metadata, { deadline });
    made.on('data', (chunk: Buffer) => {
      answer ??= chunk;
    });
    made.on('error', () => undefined);
    made.on('status', ({ code, details }) =>
      resolve({ code, message: details, ...(answer === undefined ? {} : { answer }) }),
    );
  });
}

function telemetry(request: Buffer): Promise<Outcome> {
  const deadline = Date.now() + 60_000;
  return new Promise((resolve) => {
    const made = raw.makeBidiStreamRequest(`${messaging}Telemetry`, bytes, bytes, metadata, {
      deadline,
    });
    let answer: Buffer | undefined;
    made.on('data', (chunk: Buffer) => {
      answer ??= chunk;
    });
    made.on('error', () => undefined);
    made.on('status', ({ code, details }) =>
      resolve({ code, message: details, ...(answer === undefined ? {} : { answer }) }),
    );
    made.write(request);
    made.end();
  });
}

const messaging = '/apache.rocketmq.v2.MessagingService/';
const unary = [
  'QueryRoute',
  'Heartbeat',
  'SendMessage',
  'QueryAssignment',
  'AckMessage',
  'ChangeInvisibleDuration',
  'NotifyClientTermination',
  'QueryOffset',
] as const;

/** The status in a response's body; it is field 1 of all of these. */
function statusOf(method: string, { answer, code, message }: Outcome): number {
  if (code !== 0 || answer === undefined) return expect.fail(`${method}: ${code} ${message}`);
  const { status } = decode(`${method}Response`, answer) as { status: { code: number } };
  return status.code;
}

describe('broken protobuf', () => {
  /** A tag without a value, a length beyond the end, group wire types, an endless varint. */
  const broken = ['0a', '0aff', '0affffffff0f00', '0b', '0c', 'ffffffffffffffffffffff01'];

  test.each(unary)('%s', async (method) => {
    for (const hex of broken) {
      const outcome = await call(messaging + method, Buffer.from(hex, 'hex'));
      expect(statusOf(method, outcome), hex).toBe(40016);
    }
    expect(await messagesStored()).toEqual(['1', '10']);
  });

  test.each(['ReceiveMessage', 'PullMessage'])('%s', async (method) => {
    for (const hex of broken) {
      const outcome = await stream(messaging + method, Buffer.from(hex, 'hex'));
      expect(statusOf(method, outcome), hex).toBe(40016);
    }
  });

  test('Telemetry', async () => {
    for (const hex of broken) {
      const { answer, code } = await telemetry(Buffer.from(hex, 'hex'));
      const told =
        answer === undefined
          ? code
          : (decode('TelemetryCommand', answer) as { status: { code: number } }).status.code;
      expect([3, 40016], hex).toContain(told);
    }
  });

  test('random bytes: always an answer, and the server goes on', async () => {
    const random = new SeededRandom(20261124);
    const calls: Promise<Outcome>[] = [];
    for (let i = 0; i < 600; i++) {
      const request = Buffer.from(
        Array.from({ length: random.below(40) }, () => random.below(256)),
      );
      calls.push(call(messaging + unary[i % unary.length]!, request));
    }
    for (const { code, message } of await Promise.all(calls)) expect(code, message).toBe(0);
    expect(await messagesStored()).toEqual(['1', '10']);
  });

  test('Flight commands and tickets', async () => {
    const flight = '/arrow.flight.protocol.FlightService/';
    for (const hex of [...broken, '', '12021234', '0a0412020102']) {
      const request = Buffer.from(hex, 'hex');
      for (const method of ['GetFlightInfo', 'GetSchema']) {
        const { code, message } = await call(flight + method, request);
        expect([3, 5, 12], `${method} ${hex} ${message}`).toContain(code);
      }
      for (const method of ['DoGet', 'DoAction']) {
        const { code, message } = await stream(flight + method, request);
        expect([3, 5, 12], `${method} ${hex} ${message}`).toContain(code);
      }
    }
  });

  test('an unknown method is UNIMPLEMENTED', async () => {
    expect((await call(`${messaging}Nonsense`, Buffer.alloc(0))).code).toBe(12);
  });
});

describe('messages', () => {
  const publish = (topic: string, body: Uint8Array, more: object = {}) =>
    client.publish(topic, [{ body, ...more }]);

  test('to an unknown topic', async () => {
    await expect(publish('nowhere', Buffer.from('{}'))).rejects.toMatchObject({
      code: 'TOPIC_NOT_FOUND',
    });
    await expect(
      client.receive('nowhere', 'group', { max: 1, invisibleMs: 10_000, waitMs: 0 }),
    ).rejects.toMatchObject({ code: 'TOPIC_NOT_FOUND' });
    expect(await rows('SHOW TOPICS')).toEqual([['orders', '1']]);
  });

  test('over 4 MiB, empty, or with too much around the body', async () => {
    await sql.execute('CREATE TOPIC blobs WITH (queues = 1)');
    const largest = Buffer.alloc(4 * 1024 * 1024, 'x');
    await publish('blobs', largest);
    await expect(
      publish('blobs', Buffer.concat([largest, Buffer.from('x')])),
    ).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await expect(publish('blobs', Buffer.alloc(0))).rejects.toMatchObject({
      code: 'MESSAGE_EMPTY',
    });
    const properties = { a: 'x'.repeat(17 * 1024) };
    await expect(publish('blobs', Buffer.from('x'), { properties })).rejects.toMatchObject({
      code: 'PROPERTIES_TOO_LARGE',
    });
    await expect(publish('blobs', Buffer.from('x'), { tag: 'a|b' })).rejects.toMatchObject({
      code: 'ILLEGAL_TAG',
    });
    await client.admin('CreateGroup', { group: { name: 'group' } });
    const received = await client.receive('blobs', 'group', {
      max: 10,
      invisibleMs: 10_000,
      waitMs: 0,
    });
    expect(received.map(({ body }) => body.length)).toEqual([largest.length]);
    await sql.execute('DROP TOPIC blobs');
  });

  test('that are not rows are counted, shown and kept', async () => {
    const bodies = [
      'not json',
      '{"id":"x","price":1}',
      '{"price":1}',
      '{"id":2,"price":1e99}',
      '[]',
    ];
    await client.publish('orders', [
      ...bodies.map((body) => ({ body: Buffer.from(body) })),
      { body: Buffer.from([0xff, 0xfe]) },
    ]);
    expect(await messagesStored()).toEqual(['1', '10']);
    const errors = await rows('SELECT "offset", reason, body FROM "orders$errors" ORDER BY 1');
    expect(errors.map(([offset]) => offset)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(errors.slice(0, 5).map(([, , body]) => body)).toEqual(bodies);
    expect(errors.every(([, reason]) => reason !== '')).toBe(true);
    const described = await rows('DESCRIBE orders');
    expect(described.flat().join(' ')).toContain('6, readable in "orders$errors"');
  });
});

test('SQL errors come with code, SQLSTATE and place, and change nothing', async () => {
  const before = await rows('SHOW ALL');
  const cases: readonly (readonly [string, string, string])[] = [
    ['SELEC 1', 'SQL_SYNTAX', '42601'],
    ['SELECT nothing FROM orders', 'SQL_SEMANTIC', '42703'],
    ['SELECT * FROM nowhere', 'SQL_SEMANTIC', '42P01'],
    ['SELECT 1 / 0', 'SQL_RUNTIME', '22012'],
    ["SELECT 'x'::int", 'SQL_SEMANTIC', '22P02'],
    ['CREATE MATERIALIZED VIEW total AS SELECT 1 AS one', 'ALREADY_EXISTS', '42P07'],
    [
      "CREATE SOURCE s (a int) WITH (topic = 'nowhere', format = 'json')",
      'TOPIC_NOT_FOUND',
      '42704',
    ],
    ['DROP SOURCE orders', 'DEPENDENCY', '2BP01'],
    ['CREATE MATERIALIZED VIEW v AS SELECT id + true FROM orders', 'SQL_SEMANTIC', '42883'],
    ['INSERT INTO orders VALUES (1, 2)', 'SQL_SEMANTIC', '42809'],
  ];
  for (const [text, code, sqlState] of cases) {
    const failure = await sql.execute(text).catch((error: unknown) => error);
    expect(failure, text).toMatchObject({ code, sqlState });
  }
  expect(await rows('SHOW ALL')).toEqual(before);
});

/** Runs the command line to its end. */
async function millrace(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

describe('the command line', () => {
  test('a data directory in use: another server gives up and disturbs nothing', async () => {
    const { code, stderr, stdout } = await millrace('server', '--data', directory, '--port', '0');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/in use by another|locked|open already|another process/i);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    expect((await messagesStored())![0]).toBe('1');
  });

  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const elsewhere = await mkdtemp(join(tmpdir(), 'millrace-bad-'));
    const { code, stderr } = await millrace('server', '--data', elsewhere, '--port', String(port));
    other.close();
    await rm(elsewhere, { recursive: true });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`port ${port} of 127.0.0.1 is in use`));
    expect(stderr).not.toContain('No address added');
  });

  test('a SQL error points at the token; an unknown topic and a closed port are said', async () => {
    const bad = await millrace(
      'sql',
      '--endpoint',
      endpoint,
      '-c',
      'SELECT id, nothing FROM orders',
    );
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(/column "nothing" does not exist/);
    expect(bad.stderr).toMatch(/^ +\^+$/m);
    const sub = await millrace('sub', 'nowhere', '--endpoint', endpoint);
    expect(sub.code).toBe(1);
    expect(sub.stderr).toMatch(/nowhere/);
    const closed = await millrace('sql', '--endpoint', '127.0.0.1:1', '-c', 'SELECT 1');
    expect(closed.code).toBe(1);
    expect(closed.stderr).toMatch(/127\.0\.0\.1:1/);
    const usage = await millrace('topic', 'create');
    expect(usage.code).toBe(2);
  });
});
