import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Producer, SimpleConsumer } from 'rocketmq-client-nodejs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/** A compacted topic of a real server, through the CLI and the official client. */

const main = fileURLToPath(new URL('../../dist/connectors/cli/main.js', import.meta.url));
const segment = ['--segment-size', '64KiB'];
const patience = { timeout: 150_000, interval: 500 };
const quiet = { info() {}, warn() {}, error() {}, debug() {} } as never;
const keys = 12;
let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-compaction-'));
  server = await startServerProcess(directory, 0, {}, segment);
}, 60_000);

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const endpoint = () => `127.0.0.1:${server.port}`;

async function millrace(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
  return stdout;
}

const client = (...args: string[]) => millrace(...args, '--endpoint', endpoint());

/** Bodies of what is left of the topic, by key. */
async function left(own: MessagingClient): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const [queue, { min, max }] of (await own.queueOffsets('prices')).entries()) {
    for (const {
      keys: [key = 'none'],
      body,
    } of await own.pull('prices', queue, min, max - min)) {
      found.set(key, [...(found.get(key) ?? []), Buffer.from(body).toString().trim()]);
    }
  }
  return found;
}

async function received(group: string, expected: number): Promise<string[]> {
  const consumer = new SimpleConsumer({
    ...{ consumerGroup: group, endpoints: endpoint(), namespace: '', logger: quiet },
    ...{ subscriptions: new Map([['prices', '*']]), awaitDuration: 3000 },
  });
  await consumer.startup();
  const bodies: string[] = [];
  while (bodies.length < expected) {
    for (const message of await consumer.receive(32, 60_000)) {
      bodies.push(message.body.toString().trim());
      await consumer.ack(message);
    }
  }
  expect(await consumer.receive(32, 60_000)).toEqual([]);
  await consumer.shutdown();
  return bodies.sort();
}

test('the newest message of each key is left, for every reader, also after kill -9', async () => {
  await client('topic', 'create', 'prices', '--queues', '2', '--cleanup', 'compact');
  await client('topic', 'create', 'filler', '--queues', '1');
  await client('topic', 'alter', 'prices', '--tombstone-retention', '1s');
  const described = await client('topic', 'describe', 'prices');
  expect(described).toMatch(/cleanup\s.*compact/);
  expect(described).toMatch(/tombstone_ms\s.*1000/);
  await expect(client('topic', 'alter', 'prices', '--retention', '1h')).rejects.toMatchObject({
    stderr: expect.stringContaining('has no retention'),
  });
  await client(
    ...['sql', '-c'],
    `CREATE TABLE latest (k text METADATA FROM 'key' PRIMARY KEY, n int) WITH (topic = 'prices')`,
  );
  let own = new MessagingClient(endpoint());
  for (let n = 0; n < 60; n++) {
    const update = (key: number) => ({
      keys: [`k${key}`],
      body: Buffer.from(JSON.stringify({ n }).padEnd(300)),
    });
    await own.publish(
      'prices',
      Array.from({ length: keys }, (_, key) => update(key)),
    );
  }
  const producer = new Producer({ endpoints: endpoint(), namespace: '', logger: quiet });
  await producer.startup();
  await producer.send({ topic: 'prices', keys: ['k0'], body: Buffer.from('{"n": 100}') });
  await producer.send({ topic: 'prices', keys: ['k1'], body: Buffer.alloc(0) });
  await client('pub', 'prices', '', '--key', 'k2');
  await client('pub', 'prices', '{"n": -1}');
  await producer.shutdown();
  // Ends the segment; only what is sealed is compacted.
  for (let i = 0; i < 4; i++) await own.publish('filler', [{ body: Buffer.alloc(40_000) }]);
  const expected = ['{"n": 100}', '{"n": -1}', ...Array(keys - 3).fill('{"n":59}')].sort();
  const bodies = async () => [...(await left(own)).values()].flat().sort();
  await expect.poll(bodies, patience).toEqual(expected);
  const rows = () =>
    client(
      'sql',
      '--format',
      'tsv',
      '-c',
      'SELECT count(*) AS c, sum(n) AS s FROM latest WHERE k IS NOT NULL',
    );
  expect(await rows()).toContain(`10\t${100 + 59 * (keys - 3)}`);
  expect(await received('readers', expected.length)).toEqual(expected);
  expect(await client('topic', 'find', 'prices', '--key', 'k5')).toContain('{"n":59}');

  await own.close();
  await server.kill();
  server = await startServerProcess(directory, 0, {}, segment);
  own = new MessagingClient(endpoint());
  expect(await bodies()).toEqual(expected);
  await own.close();
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
  // Offline: nothing is wrong, and from the log alone come the same messages and rows.
  await millrace('log', 'verify', '--data', directory);
  await rm(join(directory, 'index'), { recursive: true });
  await rm(join(directory, 'state'), { recursive: true });
  server = await startServerProcess(directory, 0, {}, segment);
  own = new MessagingClient(endpoint());
  expect(await bodies()).toEqual(expected);
  expect(await rows()).toContain(`10\t${100 + 59 * (keys - 3)}`);
  await own.close();
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
}, 400_000);
