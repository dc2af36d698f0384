import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/** Messages expire under a real server; views keep what they have seen. */

const segment = ['--segment-size', '64KiB'];
let directory: string;
let server: ServerProcess;
let sql: FlightSqlClient;
let client: MessagingClient;

async function connect(): Promise<void> {
  const endpoint = `127.0.0.1:${server.port}`;
  sql = new FlightSqlClient(endpoint);
  client = new MessagingClient(endpoint);
}

async function disconnect(): Promise<void> {
  await sql.close();
  await client.close();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-retention-'));
  server = await startServerProcess(directory, 0, {}, segment);
  await connect();
}, 60_000);

afterAll(async () => {
  await disconnect();
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
  await rm(directory, { recursive: true, force: true });
});

async function rows(text: string): Promise<string[][]> {
  const answer = await sql.execute(text);
  if (answer.kind !== 'rows') return [];
  const found: string[][] = [];
  for await (const row of answer.rows) found.push(row.map((cell) => cell ?? 'NULL'));
  return found;
}

async function publish(from: number, to: number): Promise<void> {
  for (let i = from; i < to; i += 20) {
    const messages = Array.from({ length: 20 }, (_, k) => ({
      body: Buffer.from(JSON.stringify({ x: i + k, pad: 'p'.repeat(150) })),
    }));
    await client.publish('t', messages);
  }
}

async function logBytes(): Promise<number> {
  const path = join(directory, 'log', 'p0');
  const sizes = (await readdir(path)).map(async (name) => {
    // A file may be replaced while it is looked at.
    const found = await stat(join(path, name)).catch(() => undefined);
    return found?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const minOffset = async () => (await client.queueOffsets('t'))[0]!.min;
const patience = { timeout: 60_000, interval: 200 };

test('a topic forgets what is old, its views do not, and a lost view says so', async () => {
  await sql.execute(`CREATE TOPIC t WITH (queues = 1);
    CREATE SOURCE s (x bigint) WITH (topic = 't', format = 'json');
    CREATE TABLE kept (k int PRIMARY KEY, v text);
    INSERT INTO kept VALUES (1, 'one');
    CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n, sum(x) AS total FROM s`);
  await publish(0, 2000);
  const full = await logBytes();
  expect(full).toBeGreaterThan(400_000);
  await sql.execute(`ALTER TOPIC t SET (retention_ms = 1500)`);
  expect(await rows('DESCRIBE TOPIC t')).toContainEqual(['retention_ms', 'bigint', '1500']);
  await expect.poll(minOffset, patience).toBe(2000);
  await expect.poll(logBytes, patience).toBeLessThan(full / 3);
  // Readers from the beginning start at what is left; offsets stay.
  await publish(2000, 2040);
  expect(await rows('SELECT * FROM c')).toEqual([['2040', '2079780']]);
  expect(Number((await rows('SELECT count(*) FROM s'))[0]![0])).toBeLessThanOrEqual(40);
  await sql.execute('CREATE MATERIALIZED VIEW d AS SELECT count(*) AS n FROM s');
  const starts = (await rows('DESCRIBE d')).find(([, what]) => what === 'starts at');
  expect(starts?.[2]).toMatch(/^topic "t": queue 0 from 20\d\d$/);
  await expect(sql.execute('ALTER TOPIC t SET (retention_ms = 0)')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });

  await disconnect();
  await server.kill();
  server = await startServerProcess(directory, 0, {}, segment);
  await connect();
  await publish(2040, 2060);
  expect(await rows('SELECT * FROM c')).toEqual([['2060', '2120770']]);
  expect(await rows('SELECT * FROM kept')).toEqual([['1', 'one']]);

  await disconnect();
  expect(await server.stop()).toBe(0);
  await rm(join(directory, 'state'), { recursive: true });
  server = await startServerProcess(directory, 0, {}, segment);
  await connect();
  await expect(rows('SELECT * FROM c')).rejects.toThrow('the state of "c" is lost');
  await expect(sql.execute('CREATE MATERIALIZED VIEW e AS SELECT n FROM c')).rejects.toThrow(
    'the state of "c" is lost',
  );
  expect(await rows('SELECT * FROM kept')).toEqual([['1', 'one']]);
  await sql.execute(`DROP MATERIALIZED VIEW c;
    CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n FROM s`);
  await publish(2060, 2080);
  expect(Number((await rows('SELECT n FROM c'))[0]![0])).toBeGreaterThanOrEqual(20);
}, 240_000);
