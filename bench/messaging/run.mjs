/**
 * `npm run build && node bench/messaging/run.mjs`: the messaging service through gRPC against a
 * server in a process of its own, beside a grpc-js echo server in the same run. 100-byte messages,
 * acknowledged after fdatasync. Client and server share the machine's cores.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import {
  Producer,
  PushConsumer,
  SimpleConsumer,
  StreamReader,
} from '../../dist/connectors/client/index.js';
import { MessagingClient } from '../../dist/connectors/client/messaging-client.js';
import { report } from '../measure.mjs';
import { startProcess, startServer } from '../server-process.mjs';
import { latency } from './latency.mjs';

const millions = Number(process.env.MILLIONS ?? 3);
const body = Buffer.alloc(100, 'x');

async function seconds(run) {
  const from = performance.now();
  await run();
  return (performance.now() - from) / 1000;
}

async function publishBatched(endpoint, topic, total) {
  const producer = new Producer({ endpoint });
  const time = await seconds(async () => {
    let failed;
    for (let i = 0; i < total; i++) {
      producer.send(topic, { body }).catch((error) => {
        failed = error;
      });
      if (!producer.hasRoom) await producer.ready();
    }
    await producer.flush();
    if (failed !== undefined) throw failed;
  });
  await producer.close();
  return total / time;
}

async function pushBatched(endpoint, topic, total) {
  let count = 0;
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  const consumer = new PushConsumer({
    endpoint,
    group: `push-${topic}`,
    subscriptions: { [topic]: '*' },
    listener: (message) => {
      if (message.body.length !== body.length) throw new Error('another body');
      if (++count === total) done();
    },
  });
  const time = await seconds(async () => {
    await consumer.start();
    await all;
  });
  await consumer.close();
  return total / time;
}

async function readBatched(endpoint, topic, queues, total) {
  const readers = Array.from(
    { length: queues },
    (_, queue) => new StreamReader({ endpoint, topic, queue }),
  );
  const time = await seconds(async () => {
    let count = 0;
    await Promise.all(
      readers.map(async (reader) => {
        for (;;) {
          const messages = await reader.read(0);
          if (messages.length === 0) return;
          for (const message of messages) if (message.body.length === body.length) count++;
        }
      }),
    );
    if (count !== total) throw new Error(`read ${count} of ${total}`);
  });
  for (const reader of readers) reader.close();
  return total / time;
}

/** `inFlight` callers of `call`, `total` calls. */
async function rate(total, inFlight, call) {
  await Promise.all(Array.from({ length: inFlight }, () => call()));
  const time = await seconds(async () => {
    let left = total;
    const caller = async () => {
      while (left-- > 0) await call();
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
  });
  return total / time;
}

function echoCaller(endpoint, request) {
  const client = new Client(endpoint, credentials.createInsecure());
  const same = (bytes) => bytes;
  return {
    call: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest('/bench.Echo/Call', same, same, request, (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      }),
    close: () => client.close(),
  };
}

const directory = await mkdtemp(join(tmpdir(), 'millrace-messaging-'));
const server = await startServer(directory);
const echo = await startProcess([fileURLToPath(new URL('echo-server.mjs', import.meta.url))]);
const { endpoint } = server;
const rows = [];
try {
  const total = millions * 1_000_000;
  await publishBatched(endpoint, 'warm', 500_000);
  await pushBatched(endpoint, 'warm', 500_000);
  rows.push(
    {
      name: 'publish, batched by the SDK',
      value: await publishBatched(endpoint, 'b', total),
      unit: 'messages/s',
    },
    {
      name: 'push consumer, batches, acknowledged',
      value: await pushBatched(endpoint, 'b', total),
      unit: 'messages/s',
    },
    {
      name: 'stream readers, batches',
      value: await readBatched(endpoint, 'b', 4, total),
      unit: 'messages/s',
    },
  );
  const client = new MessagingClient(endpoint);
  const send = () => client.publish('single', [{ body }]);
  const caller = echoCaller(echo.endpoint, Buffer.alloc(300, 'x'));
  const sends = 30_000;
  // Alternately, so that neither has the quieter machine.
  const rates = { echo: [], send: [], receive: [] };
  for (let i = 0; i < 3; i++) {
    rates.echo.push(await rate(sends, 128, caller.call));
    rates.send.push(await rate(sends, 128, send));
  }
  const consumer = new SimpleConsumer({ endpoint, group: 'single' });
  const receiveAndAck = async () => {
    const [message] = await consumer.receive('single', { max: 1, waitMs: 1000 });
    if (message !== undefined) await consumer.ack(message);
  };
  for (let i = 0; i < 3; i++) rates.receive.push(await rate(8000, 64, receiveAndAck));
  const median = (values) => values.toSorted((a, b) => a - b)[1];
  const peer = median(rates.echo);
  rows.push(
    { name: 'grpc-js echo, 128 in flight', value: peer, unit: 'calls/s' },
    {
      name: 'send, one message a request, 128 in flight',
      value: median(rates.send),
      unit: 'messages/s',
      peer: 'echo',
      ratio: median(rates.send) / peer,
    },
    {
      name: 'receive and ack, one by one, 64 in flight',
      value: median(rates.receive),
      unit: 'messages/s',
      peer: 'echo (2 calls a message)',
      ratio: (2 * median(rates.receive)) / peer,
    },
  );
  const thousandOfTen = 'end to end, 1,000 requests of 10 a second';
  rows.push(
    ...(await latency(endpoint, thousandOfTen, 1000, 10)),
    ...(await latency(endpoint, `${thousandOfTen}, an entry each`, 1000, 10, true)),
  );
  caller.close();
  consumer.close();
  await client.close();
} finally {
  await server.end();
  await echo.end();
  await rm(directory, { recursive: true, force: true });
}
report(rows);
