/**
 * `npm run build && node bench/messaging/scale.mjs [idle|delayed|in-flight]`: what many of one thing
 * cost a server in a process of its own. CONSUMERS=10000 and MESSAGES=1000000 unless they are given.
 * Memory is the server's resident set (Linux), before and after.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connection } from '../../dist/connectors/client/connection.js';
import { GroupCalls } from '../../dist/connectors/client/group-calls.js';
import { Producer, PushConsumer } from '../../dist/connectors/client/index.js';
import { MessagingClient } from '../../dist/connectors/client/messaging-client.js';
import { encode, fromMillis } from '../../dist/connectors/rocketmq/codec.js';
import { percentile, report } from '../measure.mjs';
import { startServer } from '../server-process.mjs';

const consumers = Number(process.env.CONSUMERS ?? 10_000);
const messages = Number(process.env.MESSAGES ?? 1_000_000);
const perChild = 2500;
const script = fileURLToPath(import.meta.url);

async function withServer(run) {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-scale-'));
  const server = { now: await startServer(directory) };
  try {
    return await run(server, directory);
  } finally {
    await server.now.end('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

/** Each with a connection of its own, as they are where each is a process. */
async function idleConsumers() {
  return withServer(async ({ now: server }) => {
    const producer = new Producer({ endpoint: server.endpoint });
    await producer.send('t', { body: 'x' });
    await sleep(3000);
    const before = await server.residentBytes();
    const children = [];
    const began = performance.now();
    for (let left = consumers; left > 0; left -= perChild) {
      const child = fork(script, ['idle-child', server.endpoint, String(Math.min(left, perChild))]);
      children.push(child);
      await once(child, 'message');
    }
    const connectMs = performance.now() - began;
    // Two rounds of long polls.
    await sleep(35_000);
    const after = await server.residentBytes();
    for (const child of children) child.kill('SIGKILL');
    await producer.close();
    return [
      {
        name: `${consumers} idle push consumers, memory each`,
        value: (after - before) / consumers,
        unit: 'bytes',
      },
      { name: 'time until all were connected', value: connectMs, unit: 'ms' },
    ];
  });
}

async function idleChild(endpoint, count) {
  for (let i = 0; i < count; i++) {
    const consumer = new PushConsumer({
      ...{ endpoint, group: 'idle', subscriptions: { t: '*' } },
      listener: () => undefined,
    });
    await consumer.start();
  }
  process.send('ready');
}

/** Most for a day that the run does not see; the last ones fall due while it waits. */
async function delayed() {
  const due = 10_000;
  const perRequest = 1000;
  return withServer(async ({ now: server }) => {
    const connection = new Connection({ endpoint: server.endpoint });
    const lateMs = [];
    const consumer = new PushConsumer({
      ...{ endpoint: server.endpoint, group: 'g', subscriptions: { t: '*' } },
      listener: ({ properties }) => void lateMs.push(Date.now() - Number(properties.due)),
    });
    await new Producer({ endpoint: server.endpoint }).send('other', { body: 'x' });
    const send = (from, dueAt) =>
      connection.unary(
        'SendMessage',
        encode('SendMessageRequest', {
          messages: Array.from({ length: perRequest }, (_, i) => ({
            topic: { name: 't' },
            body: Buffer.alloc(100, 'x'),
            user_properties: { due: String(dueAt(from + i)) },
            system_properties: {
              message_id: `m${from + i}`,
              body_encoding: 'IDENTITY',
              delivery_timestamp: fromMillis(dueAt(from + i)),
            },
          })),
        }),
      );
    const before = await server.residentBytes();
    const began = performance.now();
    const tomorrow = Date.now() + 24 * 3_600_000;
    let next = 0;
    const sender = async () => {
      while (next < messages - due) {
        const from = next;
        next += perRequest;
        await send(from, (n) => tomorrow + n * 10);
      }
    };
    await Promise.all(Array.from({ length: 4 }, sender));
    const rate = (messages - due) / ((performance.now() - began) / 1000);
    const soon = Date.now() + 15_000;
    for (let n = 0; n < due; n += perRequest)
      await send(n + messages, (m) => soon + (m - messages));
    const after = await server.residentBytes();
    await consumer.start();
    const until = soon + due + 20_000;
    while (lateMs.length < due && Date.now() < until) await sleep(200);
    if (lateMs.length !== due) throw new Error(`${lateMs.length} of ${due} came`);
    await consumer.close();
    connection.close();
    return [
      {
        name: `${messages} delayed messages, memory each`,
        value: (after - before) / messages,
        unit: 'bytes',
      },
      { name: 'taking them, 1,000 a request', value: rate, unit: 'messages/s' },
      { name: 'lateness at firing, p50', value: percentile(lateMs, 0.5), unit: 'ms' },
      { name: 'lateness at firing, p99', value: percentile(lateMs, 0.99), unit: 'ms' },
      { name: 'lateness at firing, greatest', value: Math.max(...lateMs), unit: 'ms' },
    ];
  });
}

/** Taken one by one, invisible for 12 hours; then the server is killed and starts again. */
async function inFlight() {
  return withServer(async (held, directory) => {
    const { endpoint } = held.now;
    const producer = new Producer({ endpoint });
    for (let i = 0; i < messages; i++) {
      producer.send('t', { body: Buffer.alloc(100, 'x') }).catch((error) => {
        throw error;
      });
      if (!producer.hasRoom) await producer.ready();
    }
    await producer.close();
    const connection = new Connection({ endpoint });
    const calls = new GroupCalls(connection, 'g');
    const before = await held.now.residentBytes();
    const began = performance.now();
    let taken = 0;
    const receiver = async () => {
      while (taken < messages) {
        const got = await calls.receive({
          ...{ topic: 't', filter: undefined, max: 32, invisibleMs: 12 * 3_600_000 },
          ...{ waitMs: 1000, batches: false },
        });
        taken += got.length;
      }
    };
    await Promise.all(Array.from({ length: 8 }, receiver));
    const rate = messages / ((performance.now() - began) / 1000);
    connection.close();
    await sleep(2000);
    const after = await held.now.residentBytes();
    await held.now.end('SIGKILL');
    held.now = await startServer(directory);
    const restarted = held.now;
    const admin = new MessagingClient(restarted.endpoint);
    const { queues = [] } = await admin.admin('DescribeGroup', { group: 'g' });
    await admin.close();
    const recovered = queues.reduce((sum, queue) => sum + Number(queue.in_flight ?? 0), 0);
    return [
      {
        name: `${messages} in flight, memory each`,
        value: (after - before) / messages,
        unit: 'bytes',
      },
      { name: 'receiving them, 32 a request', value: rate, unit: 'messages/s' },
      { name: 'start after a kill', value: restarted.startMs, unit: 'ms' },
      { name: 'in flight after it', value: recovered, unit: 'messages' },
    ];
  });
}

const [what, endpoint, count] = process.argv.slice(2);
if (what === 'idle-child') await idleChild(endpoint, Number(count));
else {
  const all = { idle: idleConsumers, delayed, 'in-flight': inFlight };
  const rows = [];
  for (const [name, run] of Object.entries(all)) {
    if (what === undefined || what === name) rows.push(...(await run()));
  }
  report(rows);
}
