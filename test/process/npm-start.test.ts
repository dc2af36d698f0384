import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from '@lydell/node-pty';
import { afterEach, expect, test } from 'vitest';
import { MessagingClient } from '../../connectors/client/messaging-client.ts';
import { FlightSqlClient } from '../../connectors/flight/flight-client.ts';
import { startServerProcess } from './server.ts';

/** `npm start` as a newcomer sees it: in a terminal, ended with Ctrl-C, started again. */
const repository = fileURLToPath(new URL('../..', import.meta.url));
let directory: string;
afterEach(() => rm(directory, { recursive: true, force: true }));

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

interface Run {
  readonly screen: string;
  readonly exitCode: number;
  /** What the last line says. */
  readonly lastEvent: number;
  readonly total: number;
}

/** Runs until the screen shows `until` and then counts some thousand events; presses Ctrl-C. */
function runDemo(until: RegExp): Promise<Run> {
  return new Promise((resolve, reject) => {
    freePort().then((port) => {
      const terminal = spawn('npm', ['start', '--', '--data', directory, '--port', String(port)], {
        cwd: repository,
        cols: 120,
        rows: 40,
        name: 'xterm-256color',
      });
      let screen = '';
      let isEnding = false;
      const giveUp = setTimeout(() => {
        terminal.kill('SIGKILL');
        reject(new Error(`the screen never showed ${until}:\n${screen.slice(-3000)}`));
      }, 180_000);
      terminal.onData((text) => {
        screen += text;
        const start = until.exec(screen);
        if (isEnding || start === null) return;
        const shown = [...screen.matchAll(/([\d,]+) events {3}/g)].at(-1)?.[1] ?? '0';
        if (Number(shown.replaceAll(',', '')) < Number(start[1]) + 4000) return;
        isEnding = true;
        terminal.write('\x03');
      });
      terminal.onExit(({ exitCode }) => {
        clearTimeout(giveUp);
        const last = /stopped after event (\d+); (\d+) events in the topics/.exec(screen);
        if (last === null) return reject(new Error(`no last line:\n${screen.slice(-3000)}`));
        resolve({ screen, exitCode, lastEvent: Number(last[1]), total: Number(last[2]) });
      });
    }, reject);
  });
}

/** Event numbers in the topics, and the views' own counts. */
async function inspect(): Promise<{ keys: number[]; bids: number; counted: number }> {
  const server = await startServerProcess(directory);
  const endpoint = `127.0.0.1:${server.port}`;
  const client = new MessagingClient(endpoint);
  const keys: number[] = [];
  let bids = 0;
  for (const topic of ['person', 'auction', 'bid']) {
    for (const { queue, max } of await client.queueOffsets(topic)) {
      for (let offset = 0; offset < max; ) {
        const part = await client.pull(topic, queue, offset, 1000);
        keys.push(...part.map((message) => Number(message.keys[0])));
        if (topic === 'bid') bids += part.length;
        offset += part.length;
      }
    }
  }
  const sql = new FlightSqlClient(endpoint);
  const answer = await sql.execute('SELECT sum(bids) FROM auction_bids');
  let counted = 0;
  if (answer.kind === 'rows') for await (const [cell] of answer.rows) counted = Number(cell);
  await sql.close();
  await client.close();
  expect(await server.stop()).toBe(0);
  return { keys: keys.toSorted((a, b) => a - b), bids, counted };
}

test('npm start, Ctrl-C, npm start again: nothing lost, nothing twice', async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-start-'));
  const first = await runDemo(/starts at event (0)/);
  expect(first.exitCode).toBe(0);
  expect(first.total).toBeGreaterThanOrEqual(4000);
  expect(first.screen).toContain('SELECT');
  const after = await inspect();
  expect(after.keys).toEqual(Array.from({ length: first.total }, (_, n) => n));
  expect(after.counted).toBe(after.bids);

  const second = await runDemo(new RegExp(`carries on at event (${first.total})`));
  expect(second.exitCode).toBe(0);
  expect(second.total).toBeGreaterThanOrEqual(first.total + 4000);
  expect(second.lastEvent).toBe(second.total - 1);
  const end = await inspect();
  expect(end.keys).toEqual(Array.from({ length: second.total }, (_, n) => n));
  expect(end.counted).toBe(end.bids);
}, 480_000);
