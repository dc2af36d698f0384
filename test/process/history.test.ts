import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Producer } from '../../connectors/client/index.ts';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { type HistoryEvent, judgeHistory, keyOf } from '../kill/history.ts';
import { seedOr } from '../random-seed.ts';
import { type ServerProcess, startServerProcess } from './server.ts';

/**
 * Order, loss and duplicates over a recorded history: consumers are killed, stopped and started
 * again, and so is the server, while messages of several message groups come in. `HISTORY_KILLS`
 * makes it longer (bench/messaging/history.mjs).
 */
const kills = Number(process.env.HISTORY_KILLS ?? 10);
const seed = seedOr(20261126);
const redeliveriesMin = 10 * kills;
const messageGroups = 6;
const stopMs = 2000;
const consumersPerGroup = 2;
const script = fileURLToPath(new URL('./history-consumer.mjs', import.meta.url));

let directory: string;
let server: ServerProcess;
const events: HistoryEvent[] = [];
const now = () => process.hrtime.bigint();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-history-'));
  server = await startServerProcess(directory);
});
afterAll(async () => {
  await server.kill();
  await rm(directory, { recursive: true, force: true });
});

interface Consumer {
  readonly group: string;
  readonly kind: string;
  process: ChildProcess;
}

const groups = [
  { group: 'ordered', kind: 'simple', fifo: true },
  { group: 'free', kind: 'push', fifo: false },
];

function startConsumer(group: string, kind: string): ChildProcess {
  const args = [script, `127.0.0.1:${server.port}`, group, kind];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => {
    const lines = (text + bytes.toString()).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const [what, at, key] = line.split(' ') as ['got' | 'handled' | 'done', string, string];
      events.push({ what, atNs: BigInt(at), group, key });
    }
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Sends to each message group in turn until it is told to end; resolves when all is known. */
function startSender(): { stop(): Promise<void> } {
  const endpoint = `127.0.0.1:${server.port}`;
  const producer = new Producer({ endpoint, lingerMs: 2, maxAttempts: 30, maxBatchMessages: 8 });
  let isRunning = true;
  const under = new Set<Promise<void>>();
  const run = (async () => {
    for (let n = 0; isRunning; n++) {
      for (let g = 0; g < messageGroups; g++) {
        const key = keyOf(`g${g}`, n);
        const sent = producer.send('t', { body: key, messageGroup: `g${g}` }).then(
          () => void events.push({ what: 'sent', atNs: now(), key, acked: true }),
          () => void events.push({ what: 'sent', atNs: now(), key, acked: false }),
        );
        under.add(sent);
        sent.finally(() => under.delete(sent));
      }
      // About as fast as consumers that die all the time can follow.
      await new Promise((resolve) => setTimeout(resolve, 40));
      if (under.size > 2000) await Promise.race(under);
    }
  })();
  return {
    async stop() {
      isRunning = false;
      await run;
      await producer.flush();
      await Promise.all(under);
      await producer.close();
    },
  };
}

/** Until the groups have got so many messages more. */
async function progress(count: number): Promise<void> {
  const got = () => events.filter(({ what }) => what === 'got').length;
  const target = got() + count;
  await expect.poll(got, { timeout: 120_000 }).toBeGreaterThan(target);
}

test(`a history with ${kills} kills of the server and of consumers (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  const below = (n: number) => random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) % n;
  const admin = new MessagingClient(`127.0.0.1:${server.port}`);
  for (const { group: name, fifo } of groups) {
    await admin.admin('CreateGroup', { group: { name, fifo, max_attempts: 1000 } });
  }
  await admin.close();
  const consumers: Consumer[] = [];
  for (const { group, kind } of groups) {
    for (let i = 0; i < consumersPerGroup; i++) {
      consumers.push({ group, kind, process: startConsumer(group, kind) });
    }
  }
  const sender = startSender();
  for (let i = 0; i < kills; i++) {
    await progress(30 + below(40));
    const victim = consumers[below(consumers.length)]!;
    await end(victim.process);
    events.push({ what: 'consumer killed', atNs: now() });
    victim.process = startConsumer(victim.group, victim.kind);
    await progress(below(20));
    const { port } = server;
    await server.kill();
    events.push({ what: 'server killed', atNs: now() });
    server = await startServerProcess(directory, port);
    if (i % 2 === 0) {
      // What it holds goes to others meanwhile, and it does not know.
      const stopped = consumers[below(consumers.length)]!.process;
      stopped.kill('SIGSTOP');
      events.push({ what: 'consumer stopped', atNs: now() });
      await new Promise((resolve) => setTimeout(resolve, stopMs));
      stopped.kill('SIGCONT');
    }
  }
  const redeliveries = () =>
    groups.reduce(
      (sum, { group }) => sum + judgeHistory(events, group, false).counts.redeliveries,
      0,
    );
  await expect
    .poll(redeliveries, { timeout: 300_000, interval: 1000 })
    .toBeGreaterThan(redeliveriesMin);
  await sender.stop();
  for (const { group } of groups) {
    const left = () => judgeHistory(events, group, false).lost.length;
    await expect.poll(left, { timeout: 300_000, interval: 500 }).toBe(0);
  }
  for (const consumer of consumers) await end(consumer.process);
  for (const { group, fifo } of groups) {
    const { counts, ...faults } = judgeHistory(events, group, fifo);
    console.log(`group "${group}": ${JSON.stringify(counts)}`);
    expect(faults).toEqual({ lost: [], unknown: [], duplicated: [], reordered: [] });
    expect(counts.sent).toBeGreaterThan(0);
  }
}, 3_600_000);
