import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SimpleConsumer as Official, Producer as OfficialProducer } from 'rocketmq-client-nodejs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  Producer,
  PushConsumer,
  type ReceivedMessage,
  SimpleConsumer,
  StreamReader,
} from '../../connectors/client/index.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/** The SDK against a real server, beside the official client, SQL, and access control. */
const main = fileURLToPath(new URL('../../dist/connectors/cli/main.js', import.meta.url));
const quiet = { info() {}, warn() {}, error() {}, debug() {} } as never;
let directory: string;
let server: ServerProcess;
let endpoint: string;

async function start(...more: string[]): Promise<void> {
  server = await startServerProcess(directory, 0, {}, more);
  endpoint = `127.0.0.1:${server.port}`;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-sdk-'));
  await start();
});
afterEach(async () => {
  await server.kill();
  await rm(directory, { recursive: true, force: true });
});

async function rows(sql: FlightSqlClient, text: string): Promise<string[][]> {
  const answer = await sql.execute(text);
  const found: string[][] = [];
  if (answer.kind === 'rows') for await (const row of answer.rows) found.push(row as string[]);
  return found;
}

/** Runs a command line; what it printed. */
function millrace(args: readonly string[], environment: Record<string, string> = {}) {
  return new Promise<{ code: number | null; out: string }>((resolve) => {
    const child = spawn(process.execPath, [main, ...args, '--endpoint', endpoint], {
      env: { ...process.env, ...environment },
    });
    let out = '';
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    child.once('exit', (code) => resolve({ code, out }));
  });
}

test('batches: one entry, read by SQL, by the official client, and over a restart', async () => {
  const sql = new FlightSqlClient(endpoint);
  await sql.execute(`CREATE TOPIC orders WITH (queues = 1);
    CREATE SOURCE orders (id bigint, tag text METADATA FROM 'tag', k text METADATA FROM 'key',
      message_id text METADATA FROM 'message_id', o bigint METADATA FROM 'offset')
      WITH (topic = 'orders', format = 'json');
    CREATE SOURCE bare (id bigint) WITH (topic = 'orders', format = 'json');
    CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(id) AS s FROM bare`);
  const producer = new Producer({ endpoint, lingerMs: 20 });
  const receipts = await Promise.all(
    Array.from({ length: 500 }, (_, id) =>
      producer.send('orders', { body: `{"id":${id}}`, tag: `t${id % 3}`, keys: ['k'] }),
    ),
  );
  await producer.close();
  expect(await rows(sql, 'SELECT n, s FROM total')).toEqual([['500', '124750']]);
  expect(await rows(sql, 'SELECT tag, k, message_id, o FROM orders WHERE id = 42')).toEqual([
    ['t0', 'k', receipts[42]!.messageId, '42'],
  ]);
  const { out } = await millrace([
    'message',
    'find',
    'orders',
    '--id',
    receipts[7]!.messageId,
    '--json',
  ]);
  expect(JSON.parse(out)).toMatchObject({ offset: 7 });
  await sql.close();

  await server.stop();
  await start();
  const consumer = new Official({
    consumerGroup: 'official',
    endpoints: endpoint,
    namespace: '',
    subscriptions: new Map([['orders', 't1']]),
    awaitDuration: 3000,
    logger: quiet,
  });
  await consumer.startup();
  const ids: string[] = [];
  while (ids.length < 167) {
    for (const message of await consumer.receive(32, 30_000)) {
      ids.push(message.messageId);
      await consumer.ack(message);
    }
  }
  expect(ids).toEqual(receipts.filter((_, id) => id % 3 === 1).map(({ messageId }) => messageId));
  await consumer.shutdown();

  const got: ReceivedMessage[] = [];
  const push = new PushConsumer({
    endpoint,
    group: 'push',
    subscriptions: { orders: '*' },
    listener: (message) => void got.push(message),
  });
  await push.start();
  await expect.poll(() => got.length).toBe(500);
  await push.close();
  expect(got.map(({ messageId }) => messageId)).toEqual(receipts.map((one) => one.messageId));
  const reader = new StreamReader({ endpoint, topic: 'orders', queue: 0, start: { offset: 490 } });
  expect((await reader.read()).map(({ offset }) => offset)).toEqual(
    Array.from({ length: 10 }, (_, i) => 490 + i),
  );
  reader.close();
});

test('access control: keys by command line, for every kind of client', async () => {
  await millrace(['topic', 'create', 'orders']);
  const root = await millrace(['acl', 'create', 'root', '--admin', '--secret-key', 'root-secret']);
  expect(root).toMatchObject({ code: 0, out: 'CREATE ACCESS KEY\n' });
  const made = await millrace([
    ...['acl', 'create', 'shop', '--grant', 'topic:orders=publish,subscribe'],
    ...['--grant', 'group:shop=subscribe', '--grant', 'sql:*=subscribe'],
  ]);
  const [, secretKey = ''] = /secret key: (\S+)/.exec(made.out) ?? [];
  expect(secretKey.length).toBeGreaterThan(20);
  await server.stop();
  await start('--acl');

  expect((await millrace(['acl', 'list'])).code).toBe(1);
  const keys = { MILLRACE_ACCESS_KEY: 'root', MILLRACE_SECRET_KEY: 'root-secret' };
  const { out } = await millrace(['acl', 'list', '--json'], keys);
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { access_key: 'root', admin: true, grants: [] },
    { access_key: 'shop', admin: false },
  ]);

  const official = async (accessSecret: string, topic: string) => {
    const producer = new OfficialProducer({
      endpoints: endpoint,
      namespace: '',
      sessionCredentials: { accessKey: 'shop', accessSecret },
      logger: quiet,
    });
    try {
      await producer.startup();
      await producer.send({ topic, body: Buffer.from('official') });
      return 'sent';
    } catch (error) {
      return String(error);
    } finally {
      await producer.shutdown().catch(() => undefined);
    }
  };
  expect(await official(secretKey, 'orders')).toBe('sent');
  expect(await official('wrong', 'orders')).not.toBe('sent');
  expect(await official(secretKey, 'other')).not.toBe('sent');

  const credentials = { accessKey: 'shop', secretKey };
  const consumer = new SimpleConsumer({ endpoint, group: 'shop', credentials });
  const [message] = await consumer.receive('orders');
  expect(Buffer.from(message!.body).toString()).toBe('official');
  await consumer.ack(message!);
  consumer.close();
  const anonymous = new SimpleConsumer({ endpoint, group: 'shop' });
  await expect(anonymous.receive('orders')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  anonymous.close();

  const sql = new FlightSqlClient(endpoint, credentials);
  expect(await rows(sql, 'SELECT 1')).toEqual([['1']]);
  await expect(sql.execute('CREATE TOPIC mine')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await sql.close();
});

test('a server does not start with access control and nobody to administer it', async () => {
  await server.stop();
  await expect(startServerProcess(directory, 0, {}, ['--acl'])).rejects.toThrow(
    'access control needs an access key of an admin',
  );
  await start();
});
