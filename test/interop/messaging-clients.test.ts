import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MessagingClient, type ReceivedMessage } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { type ServerProcess, startServerProcess } from '../process/server.ts';
import { type ForeignClient, java, pythonProgram, rust } from './clients.ts';

/**
 * Official RocketMQ clients of other languages. Each program publishes 20 messages m0..m19, tagged
 * even and odd; takes the even ones with a SimpleConsumer, m0 only when it comes a second time;
 * takes all with a PushConsumer that fails on m1 once. It prints what it saw:
 *
 *     sent N ID
 *     simple|push BODY ATTEMPT TAG KEYS PROPERTY-n ID
 *     left N      messages that a last receive gives
 *
 * There is no Go: its client is not served by the Go module proxy.
 */
let directory: string;
let server: ServerProcess;
let messaging: MessagingClient;
let sql: FlightSqlClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
  server = await startServerProcess(directory);
  messaging = new MessagingClient(`127.0.0.1:${server.port}`);
  sql = new FlightSqlClient(`127.0.0.1:${server.port}`);
});
afterAll(async () => {
  await messaging.close();
  await sql.close();
  expect(await server.stop()).toBe(0);
  expect(server.stderr()).toBe('');
  await rm(directory, { recursive: true, force: true });
});

interface Case {
  readonly client: ForeignClient;
  readonly topic: string;
  /** The client has a push consumer and says how many messages are left. */
  readonly pushes: boolean;
}

const cases: readonly Case[] = [
  { client: java('Messaging'), topic: 'from_java', pushes: true },
  { client: pythonProgram('messaging'), topic: 'from_python', pushes: true },
  { client: rust, topic: 'from_rust', pushes: false },
];

/** A clone's first run compiles the client: Rust takes minutes. */
const timeout = 900_000;

test.for(cases)('$client.name', { timeout }, async ({ client, topic, pushes }, { skip }) => {
  const missing = await client.prepare();
  if (missing !== undefined) return skip(missing);
  await sql.execute(`CREATE TOPIC ${topic} WITH (queues = 4)`);
  const lines = await client.run(`127.0.0.1:${server.port}`, topic);
  const seen = (how: string) => lines.filter((line) => line.startsWith(`${how} `)).toSorted();

  const ids = seen('sent').map((line) => line.split(' ')[2]);
  expect(new Set(ids).size).toBe(20);
  const stored = await everything(topic);
  expect(stored.map(({ messageId }) => messageId).toSorted()).toEqual(ids.toSorted());
  const idOf = new Map(stored.map(({ body, messageId }) => [body.toString(), messageId]));

  const expected = (how: string, n: number, attempt: number) =>
    `${how} m${n} ${attempt} ${n % 2 === 0 ? 'even' : 'odd'} k${n} ${n} ${idOf.get(`m${n}`)}`;
  const all = Array.from({ length: 20 }, (_, n) => n);
  const even = all.filter((n) => n % 2 === 0);
  expect(seen('simple')).toEqual(
    [...even.map((n) => expected('simple', n, 1)), expected('simple', 0, 2)].toSorted(),
  );
  if (!pushes) return;
  expect(seen('left')).toEqual(['left 0']);
  expect(seen('push')).toEqual(
    [...all.map((n) => expected('push', n, 1)), expected('push', 1, 2)].toSorted(),
  );
});

async function everything(topic: string): Promise<readonly ReceivedMessage[]> {
  const messages: ReceivedMessage[] = [];
  for (const { queue, min } of await messaging.queueOffsets(topic)) {
    messages.push(...(await messaging.pull(topic, queue, min, 100)));
  }
  return messages;
}
