import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFlightSqlClient, type FlightSqlClient } from '@lakehouse-rs/flight-sql-client';
import { tableFromIPC } from 'apache-arrow';
import { ConsumeResult, Producer, PushConsumer } from 'rocketmq-client-nodejs';
import { afterEach, expect, test } from 'vitest';
import { nexmarkColumns } from '../../connectors/cli/demo/nexmark/columns.ts';
import { defaultNexmarkConfig } from '../../connectors/cli/demo/nexmark/config.ts';
import { nexmarkEvent } from '../../connectors/cli/demo/nexmark/event.ts';
import { MessagingClient, type ReceivedMessage } from '../../connectors/client/messaging-client.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/**
 * The whole server under real clients: 20,000 Nexmark events, then SIGKILL in the middle of
 * another 20,000, restart, and on. Truth is the topics read back from offset 0.
 */
const topics = ['person', 'auction', 'bid'] as const;
const eventCount = 20_000;
/** Many at a time: each round of acknowledgements waits for a fdatasync and for its turn on a busy machine. */
const inFlight = 256;

const views = {
  watched: 'SELECT auction, bidder, price FROM bid WHERE auction % 123 = 0',
  per_auction: `SELECT auction, count(*) AS n, sum(price) AS total, min(price) AS lowest,
    max(price) AS highest, avg(price) AS average FROM bid GROUP BY auction`,
  per_category: `SELECT a.category, count(*) AS n, sum(b.price) AS total
    FROM bid b JOIN auction a ON b.auction = a.id GROUP BY a.category`,
};

const quiet = { info() {}, warn() {}, error() {}, debug() {} } as never;
let directory: string;
let server: ServerProcess;
afterEach(async () => {
  await server.kill();
  await rm(directory, { recursive: true, force: true });
});

interface Sent {
  /** Ids whose send was acknowledged. */
  readonly acked: Set<string>;
  /** Events that some send failed for, and that were sent again as new messages. */
  failures: number;
}

/** Sends events [from, to) with many in flight; an event that fails is sent again until it works. */
async function send(producer: Producer, from: number, to: number, sent: Sent): Promise<void> {
  let next = from;
  const sender = async () => {
    while (next < to) {
      const { kind, body, key } = nexmarkEvent(defaultNexmarkConfig, next++);
      for (;;) {
        try {
          const message = { topic: kind, keys: [key], body: Buffer.from(body) };
          sent.acked.add((await producer.send(message)).messageId);
          break;
        } catch {
          sent.failures++;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
}

/** Every message of the topics, in order of queue and offset, by a reader without a group. */
async function readBack(port: number): Promise<Record<string, ReceivedMessage[]>> {
  const client = new MessagingClient(`127.0.0.1:${port}`);
  const all: Record<string, ReceivedMessage[]> = {};
  for (const topic of topics) {
    const messages: ReceivedMessage[] = [];
    for (const { queue, min, max } of await client.queueOffsets(topic)) {
      for (let offset = min; offset < max; ) {
        const part = await client.pull(topic, queue, offset, 1000);
        expect(part.map((message) => message.offset)).toEqual(part.map((_, i) => offset + i));
        messages.push(...part);
        offset += part.length;
      }
    }
    all[topic] = messages;
  }
  await client.close();
  return all;
}

type Row = Record<string, unknown>;

/** What the views must say about exactly these messages. */
function expectedViews(messages: Record<string, ReceivedMessage[]>): Record<string, string[]> {
  const rows = (topic: string): Row[] =>
    messages[topic]!.map(({ body }) => JSON.parse(Buffer.from(body).toString()) as Row);
  const bids = rows('bid') as { auction: number; bidder: number; price: number }[];
  const auctions = rows('auction') as { id: number; category: number }[];
  const perAuction = new Map<number, number[]>();
  for (const { auction, price } of bids) {
    perAuction.set(auction, [...(perAuction.get(auction) ?? []), price]);
  }
  const perCategory = new Map<number, { n: number; total: number }>();
  for (const { id, category } of auctions) {
    const prices = perAuction.get(id);
    if (prices === undefined) continue;
    const sum = perCategory.get(category) ?? { n: 0, total: 0 };
    sum.n += prices.length;
    sum.total += prices.reduce((a, b) => a + b, 0);
    perCategory.set(category, sum);
  }
  return {
    watched: bids
      .filter(({ auction }) => auction % 123 === 0)
      .map(({ auction, bidder, price }) => `${auction} ${bidder} ${price}`)
      .toSorted(),
    per_auction: [...perAuction]
      .map(([auction, prices]) => {
        const total = prices.reduce((a, b) => a + b, 0);
        const average = (total / prices.length).toPrecision(12);
        return `${auction} ${prices.length} ${total} ${Math.min(...prices)} ${Math.max(...prices)} ${Number(average)}`;
      })
      .toSorted(),
    per_category: [...perCategory]
      .map(([category, { n, total }]) => `${category} ${n} ${total}`)
      .toSorted(),
  };
}

async function viewsOf(client: FlightSqlClient): Promise<Record<string, string[]>> {
  const results: Record<string, string[]> = {};
  for (const name of Object.keys(views)) {
    const table = tableFromIPC(await client.query(`SELECT * FROM ${name}`));
    results[name] = table
      .toArray()
      .map((row) =>
        Object.entries(row.toJSON())
          .map(([column, value]) =>
            column === 'average' ? Number(Number(value).toPrecision(12)) : String(value),
          )
          .join(' '),
      )
      .toSorted();
  }
  return results;
}

/** A foreign client; the other one cannot share a process with the messaging client's protobuf. */
function connect(port: number): Promise<FlightSqlClient> {
  const user = { username: 'anyone', password: 'anything' };
  return createFlightSqlClient({ host: '127.0.0.1', port, ...user, tls: false, headers: [] });
}

async function checkViews(port: number): Promise<Record<string, ReceivedMessage[]>> {
  const messages = await readBack(port);
  const client = await connect(port);
  expect(await viewsOf(client)).toEqual(expectedViews(messages));
  return messages;
}

test.each([
  ['on the plain file system', {}],
  ['with writes held in memory until fdatasync', { MILLRACE_HOLD_WRITES: '1' }],
])(
  'nothing acked is lost, nothing counted twice, over SIGKILL, %s',
  async (_, environment) => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
    server = await startServerProcess(directory, 0, environment);
    const { port } = server;
    const sql = await connect(port);
    for (const topic of topics) {
      await sql.query(`CREATE TOPIC ${topic} WITH (queues = 4)`);
      await sql.query(
        `CREATE SOURCE ${topic} (${nexmarkColumns[topic]}) WITH (topic = '${topic}', format = 'json')`,
      );
    }
    for (const [name, query] of Object.entries(views)) {
      await sql.query(`CREATE MATERIALIZED VIEW ${name} AS ${query}`);
    }
    const endpoints = `127.0.0.1:${port}`;
    const pushed = new Set<string>();
    const consumer = new PushConsumer({
      consumerGroup: 'checker',
      endpoints,
      namespace: '',
      subscriptions: new Map(topics.map((topic) => [topic, '*'])),
      logger: quiet,
      messageListener: {
        async consume({ messageId }: { messageId: string }) {
          pushed.add(messageId);
          return ConsumeResult.SUCCESS;
        },
      } as never,
    });
    await consumer.startup();
    // A sender that never retries: each id is sent once.
    const producer = new Producer({
      endpoints,
      namespace: '',
      logger: quiet,
      maxAttempts: 1,
      requestTimeout: 60_000,
      topics: [...topics],
    });
    await producer.startup();
    const sent: Sent = { acked: new Set(), failures: 0 };

    await send(producer, 0, eventCount, sent);
    expect(sent.failures).toBe(0);
    const before = await checkViews(port);
    expect(topics.reduce((sum, topic) => sum + before[topic]!.length, 0)).toBe(eventCount);
    await expect.poll(() => pushed.size, { timeout: 300_000 }).toBe(eventCount);

    const sending = send(producer, eventCount, 2 * eventCount, sent);
    await expect
      .poll(() => sent.acked.size, { interval: 5, timeout: 300_000 })
      .toBeGreaterThan(1.4 * eventCount);
    await server.kill();
    server = await startServerProcess(directory, port, environment);
    checkStart(server.stdout());
    await sending;
    const after = await checkViews(port);
    const ids = topics.flatMap((topic) => after[topic]!.map(({ messageId }) => messageId));
    const present = new Set(ids);
    expect(present.size, 'no id twice').toBe(ids.length);
    const lost = [...sent.acked].filter((id) => !present.has(id));
    expect(lost, 'acked and lost').toEqual([]);
    expect(sent.failures, 'the kill hit sends in flight').toBeGreaterThan(0);
    // What was not acked before the kill may be in the log or not; each event is there at least once.
    expect(sent.acked.size).toBe(2 * eventCount);
    expect(ids.length).toBeGreaterThanOrEqual(2 * eventCount);
    expect(ids.length).toBeLessThanOrEqual(2 * eventCount + sent.failures);
    await expect
      .poll(() => [...sent.acked].filter((id) => !pushed.has(id)).length, { timeout: 300_000 })
      .toBe(0);
    await producer.shutdown();
    await consumer.shutdown();
  },
  900_000,
);

/** State came from the checkpoint, and only the log's end ran through the views again. */
function checkStart(stdout: string): void {
  const line = /^Relations: (\d+) restored from the checkpoint, (\d+) log entries replayed$/m;
  const [, restored, replayed] = line.exec(stdout) ?? expect.fail(stdout);
  expect(Number(restored)).toBeGreaterThan(3);
  expect(Number(replayed)).toBeLessThan(0.6 * eventCount);
}

test('a failed fdatasync is followed by no ack, and the next sends work', async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-fsync-'));
  server = await startServerProcess(directory, 0, { MILLRACE_FAIL_FDATASYNC: '40' });
  const client = new MessagingClient(`127.0.0.1:${server.port}`);
  const sql = await connect(server.port);
  await sql.query('CREATE TOPIC t WITH (queues = 1)');
  const acked: string[] = [];
  let failures = 0;
  for (let i = 0; i < 60; i++) {
    try {
      acked.push(...(await client.publish('t', [{ body: Buffer.from(String(i)) }])));
    } catch {
      failures++;
    }
  }
  expect(failures).toBeGreaterThan(0);
  await client.close();
  await server.kill();
  server = await startServerProcess(directory);
  const reader = new MessagingClient(`127.0.0.1:${server.port}`);
  const stored = await reader.pull('t', 0, 0, 1000);
  await reader.close();
  expect(stored.map(({ messageId }) => messageId)).toEqual(acked);
});
