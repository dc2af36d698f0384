import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MessagingClient, type ReceivedMessage } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { seed } from '../random-seed.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/** A topic grows and its queues move, three times each, while consumers are killed. */

const consumerPath = fileURLToPath(new URL('./growth-consumer.mjs', import.meta.url));
const names = Array.from({ length: 12 }, (_, i) => `name-${i}`);

let directory: string;
let server: ServerProcess;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-growth-'));
  server = await startServerProcess(join(directory, 'data'), 0, {}, [
    ...['--data-dir', `p1=${join(directory, 'disk1')}`],
    ...['--data-dir', `p2=${join(directory, 'disk2')}`],
  ]);
}, 60_000);
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  await rm(directory, { recursive: true, force: true });
});

/** Consumer processes, replaced when they are killed, and what all of them printed. */
class Consumers {
  readonly lines: string[] = [];
  kills = 0;
  readonly #endpoint: string;
  readonly #running: ChildProcess[] = [];

  constructor(endpoint: string, count: number) {
    this.#endpoint = endpoint;
    for (let i = 0; i < count; i++) this.#running.push(this.#start());
  }

  kill(i: number): void {
    this.#running[i]!.kill('SIGKILL');
    this.kills++;
    this.#running[i] = this.#start();
  }

  async stop(): Promise<void> {
    for (const child of this.#running) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }

  #start(): ChildProcess {
    const args = [consumerPath, this.#endpoint, 'orders', 'workers'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let rest = '';
    child.stdout!.on('data', (bytes: Buffer) => {
      const parts = (rest + bytes.toString()).split('\n');
      rest = parts.pop()!;
      this.lines.push(...parts);
    });
    return child;
  }
}

test(`order per message group and per key, nothing lost (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  const endpoint = `127.0.0.1:${server.port}`;
  const sql = new FlightSqlClient(endpoint);
  await sql.execute('CREATE TOPIC orders WITH (queues = 2)');
  await sql.execute('CREATE TOPIC keyed WITH (queues = 2)');
  await sql.execute(`CREATE TABLE latest (k text PRIMARY KEY, n bigint)
    WITH (topic = 'keyed', format = 'json')`);
  const client = new MessagingClient(endpoint);
  const group = { name: 'workers', fifo: true, max_attempts: 1000 };
  await client.admin('CreateGroup', { group });
  const consumers = new Consumers(endpoint, 3);
  const sent = new Map(names.map((name) => [name, 0]));
  let isOver = false;
  const produce = async (name: string) => {
    for (let n = 0; !isOver; n++) {
      const body = Buffer.from(JSON.stringify({ k: name, n }));
      await client.publish('orders', [{ body, messageGroup: name }]);
      await client.publish('keyed', [{ body, keys: [name] }]);
      sent.set(name, n + 1);
    }
  };
  const producing = names.map(produce);
  const pause = () => new Promise((resolve) => setTimeout(resolve, 150 + random.below(250)));
  for (const [round, queues] of [5, 16, 64].entries()) {
    await pause();
    consumers.kill(random.below(3));
    for (const topic of ['orders', 'keyed']) {
      await sql.execute(`ALTER TOPIC ${topic} SET (queues = ${queues})`);
      await sql.execute(`ALTER TOPIC ${topic} MOVE QUEUE 0 TO p${(round + 1) % 3}`);
      await sql.execute(`ALTER TOPIC ${topic} MOVE QUEUE ${1 + round} TO p${random.below(3)}`);
    }
    await pause();
    consumers.kill(random.below(3));
  }
  isOver = true;
  await Promise.all(producing);

  const all = [...sent.values()].reduce((sum, count) => sum + count, 0);
  const seen = () => new Set(consumers.lines.map((line) => line.slice(line.indexOf(' ')))).size;
  await expect.poll(seen, { timeout: 40_000, interval: 100 }).toBe(all);
  await consumers.stop();
  expect(consumers.kills).toBe(6);
  expect(outOfOrder(consumers.lines)).toEqual([]);

  expect(await keyFaults(client, sent)).toEqual([]);
  const { rows } = await rowsOf(sql, 'SELECT k, n FROM latest');
  expect(new Map(rows)).toEqual(new Map([...sent].map(([name, n]) => [name, n - 1])));
  client.close();
  await sql.close();
}, 90_000);

/** First deliveries that came before one of a smaller number of their name. */
function outOfOrder(lines: readonly string[]): string[] {
  const byTime = lines.map((line) => {
    const split = line.indexOf(' ');
    const { k, n } = JSON.parse(line.slice(split)) as { k: string; n: number };
    return { at: BigInt(line.slice(0, split)), k, n };
  });
  byTime.sort((a, b) => (a.at < b.at ? -1 : 1));
  const next = new Map<string, number>();
  const faults: string[] = [];
  for (const { k, n } of byTime) {
    const expected = next.get(k) ?? 0;
    if (n > expected) faults.push(`${k}: ${n} where ${expected} follows`);
    next.set(k, Math.max(expected, n + 1));
  }
  return faults;
}

/** Reads all queues: of each key everything is there, and its queues follow each other. */
async function keyFaults(client: MessagingClient, sent: ReadonlyMap<string, number>) {
  const runs = new Map<string, number[][]>();
  for (const { queue, min, max } of await client.queueOffsets('keyed')) {
    const ofQueue = new Map<string, number[]>();
    for (let offset = min; offset < max; ) {
      const messages: readonly ReceivedMessage[] = await client.pull('keyed', queue, offset, 1000);
      for (const { body, offset: at } of messages) {
        expect(at).toBe(offset++);
        const { k, n } = JSON.parse(Buffer.from(body).toString()) as { k: string; n: number };
        ofQueue.set(k, [...(ofQueue.get(k) ?? []), n]);
      }
    }
    for (const [k, numbers] of ofQueue) runs.set(k, [...(runs.get(k) ?? []), numbers]);
  }
  const faults: string[] = [];
  for (const [name, count] of sent) {
    const parts = (runs.get(name) ?? []).sort((a, b) => a[0]! - b[0]!);
    const numbers = parts.flat();
    const isWhole = numbers.length === count && numbers.every((n, i) => n === i);
    if (!isWhole) faults.push(`${name}: ${JSON.stringify(parts)}`);
  }
  return faults;
}

async function rowsOf(sql: FlightSqlClient, text: string) {
  const answer = await sql.execute(text);
  if (answer.kind !== 'rows') throw new Error('no rows');
  const rows: [string, number][] = [];
  for await (const row of answer.rows) rows.push([String(row[0]), Number(row[1])]);
  return { rows };
}
