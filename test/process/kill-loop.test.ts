import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Producer, SimpleConsumer } from 'rocketmq-client-nodejs';
import { expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { judge, type SentMessage, type StoredMessage, verdictText } from '../kill/judge.ts';
import { type ServerProcess, startNode } from './server.ts';

/**
 * SIGKILL again and again, at random moments, under the official client; then everything is read
 * back and judged (test/kill/judge.ts). A kill alone keeps the page cache, so half of the cycles
 * run with writes held in the process until fdatasync: there a kill equals a power failure.
 * `KILL_CYCLES` makes it longer (bench/storage/kill-loop.mjs).
 */
const cyclesPerDisk = Number(process.env.KILL_CYCLES ?? 60) / 2;
const senders = 16;
/** The kill comes after so many acks of the cycle, and up to this much later. */
const acksMax = 60;
const laterMsMax = 10;
const script = fileURLToPath(new URL('./broker-process.mjs', import.meta.url));
const quiet = { info() {}, warn() {}, error() {}, debug() {} } as never;

test('nothing is lost, doubled, reordered or changed over SIGKILLs', async () => {
  await Promise.all([
    killLoop('plain file system', {}),
    killLoop('writes held until fdatasync', { MILLRACE_HOLD_WRITES: '1' }),
  ]);
}, 3_600_000);

async function killLoop(disk: string, environment: Record<string, string>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-kill-'));
  // Another port each time: grpc-js remembers, process-wide, that an address did not answer.
  const start = () => startNode([script, directory, '0'], environment);
  const sent: SentMessage[] = [];
  try {
    for (let cycle = 0; cycle < cyclesPerDisk; cycle++) {
      await sendUntilKilled(await start(), sent, cycle);
    }
    const server = await start();
    const { port } = server;
    const stored = await readBack(port);
    const verdict = judge(sent, stored, idOf);
    console.log(`${cyclesPerDisk} kills, ${disk}: ${verdictText(verdict, sent)}`);
    expect(verdict).toEqual({ lost: [], duplicated: [], reordered: [], corrupted: [] });
    const acked = sent.filter((message) => message.acked).length;
    expect(acked).toBeGreaterThan(cyclesPerDisk);
    expect(acked, 'kills hit sends in flight').toBeLessThan(sent.length);
    await consumeAll(port, new Set(stored.map(({ body }) => idOf(body))));
    await server.kill();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * The client gives up its start after three tries. grpc-js shares connections between clients of a
 * process, with their waits after failures: a port that an earlier server had is tried too late.
 */
async function startedProducer(port: number): Promise<Producer> {
  for (let attempt = 1; ; attempt++) {
    const producer = new Producer({
      endpoints: `127.0.0.1:${port}`,
      namespace: '',
      logger: quiet,
      maxAttempts: 1,
      topics: ['t'],
    });
    try {
      await producer.startup();
      return producer;
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

/** Each sender sends one message after the other, each once; the kill comes at a random moment. */
async function sendUntilKilled(
  server: ServerProcess,
  sent: SentMessage[],
  cycle: number,
): Promise<void> {
  const producer = await startedProducer(server.port);
  let isAlive = true;
  let acks = 0;
  let killSoon: () => void;
  const enough = new Promise<void>((resolve) => {
    killSoon = resolve;
  });
  const acksWanted = 1 + randomInt(acksMax);
  const sender = async (number: number) => {
    for (let n = 0; isAlive; n++) {
      const id = `${cycle}/${number}/${n}`;
      const body = `${id} ${'x'.repeat(randomInt(2000))}`;
      const message: SentMessage = { id, sender: `${cycle}/${number}`, body, acked: false };
      sent.push(message);
      try {
        await producer.send({ topic: 't', body: Buffer.from(body) });
        message.acked = true;
        if (++acks === acksWanted) killSoon();
      } catch {
        return;
      }
    }
  };
  const sending = Promise.all(Array.from({ length: senders }, (_, number) => sender(number)));
  await enough;
  await new Promise((resolve) => setTimeout(resolve, randomInt(laterMsMax)));
  await server.kill();
  isAlive = false;
  await sending;
  await producer.shutdown().catch(() => undefined);
}

async function readBack(port: number): Promise<StoredMessage[]> {
  const client = new MessagingClient(`127.0.0.1:${port}`);
  const stored: StoredMessage[] = [];
  const [queue] = await client.queueOffsets('t');
  while (stored.length < queue!.max) {
    const part = await client.pull('t', 0, stored.length, 1000);
    expect(part.length).toBeGreaterThan(0);
    for (const { offset, body } of part) {
      expect(offset, 'dense offsets').toBe(stored.length);
      stored.push({ offset, body: Buffer.from(body).toString() });
    }
  }
  await client.close();
  return stored;
}

/** The official consumer gets every message, too. */
async function consumeAll(port: number, expected: Set<string>): Promise<void> {
  const consumer = new SimpleConsumer({
    consumerGroup: 'checker',
    endpoints: `127.0.0.1:${port}`,
    namespace: '',
    subscriptions: new Map([['t', '*']]),
    awaitDuration: 3000,
    logger: quiet,
  });
  await consumer.startup();
  while (expected.size > 0) {
    const messages = await consumer.receive(32, 60_000);
    for (const message of messages) {
      expected.delete(idOf(message.body.toString()));
    }
    await Promise.all(messages.map((message) => consumer.ack(message)));
  }
  await consumer.shutdown();
}

function idOf(body: string): string {
  return body.split(' ', 1)[0]!;
}
