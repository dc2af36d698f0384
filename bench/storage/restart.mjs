import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { median, openReal, withDirectory } from './world.mjs';

const GiB = 1024 ** 3;
const self = fileURLToPath(import.meta.url);

if (process.argv[2] === '--child') await child(process.argv[3], Number(process.argv[4]));

/**
 * Fills a log, SIGKILLs the process that did it, and measures how long another one takes from its
 * start until the store serves: the median of three restarts, each after another
 * SIGKILL. GIB in the environment is the size of the log, 10 when absent.
 */
export async function restart() {
  const gibibytes = Number(process.env.GIB ?? 10);
  return withDirectory(async (directory) => {
    await run(directory, gibibytes * GiB);
    const times = [];
    for (let i = 0; i < 3; i++) times.push(await run(directory, 0));
    return [{ name: `restart after SIGKILL, ${gibibytes} GiB`, value: median(times), unit: 'ms' }];
  });
}

/** Opens the store, says so, appends `bytes`, says so, and waits to be killed. */
async function child(directory, bytes) {
  const store = await openReal(directory);
  process.stdout.write('opened\n');
  const body = Buffer.alloc(1024 * 1024, 'x');
  let left = bytes;
  const producer = async (queueId) => {
    const request = { topicId: 1, queueId, kind: 1, count: 1000, body };
    while (left > 0) {
      left -= body.length;
      await store.append({ ...request, firstIdHash: 0, tagHash: 0 });
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, queueId) => producer(queueId)));
  process.stdout.write('filled\n');
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
}

/** Returns the milliseconds from the start of the process to an open store. */
async function run(directory, bytes) {
  const start = performance.now();
  const process_ = spawn(process.execPath, [self, '--child', directory, String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let openedMs;
  for await (const piece of process_.stdout) {
    output += piece;
    if (output.includes('opened\n')) openedMs ??= performance.now() - start;
    if (output.includes('filled\n')) break;
  }
  process_.kill('SIGKILL');
  if (process_.exitCode === null && process_.signalCode === null) await once(process_, 'exit');
  if (openedMs === undefined) throw new Error('the child did not open the store');
  return openedMs;
}
