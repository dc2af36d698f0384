#!/usr/bin/env node
import { relative } from 'node:path';
import { nodeFs } from '../../platform/node-fs.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import { rocksDb } from '../../storage/kv/rocksdb-store.ts';
import { grpcServices } from './connect.ts';
import { runCommandLine } from './program.ts';
import { processScreen } from './screen.ts';
import { version } from './version.ts';

/** npm and the terminal may both pass on one Ctrl-C: a signal this soon after is the same one. */
const repeatedSignalMs = 1000;

const interruption = new AbortController();
let interruptedMs = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const nowMs = systemClock.monotonicMs();
    if (!interruption.signal.aborted) {
      interruptedMs = nowMs;
      interruption.abort();
    } else if (nowMs - interruptedMs > repeatedSignalMs) {
      process.exit(130);
    }
  });
}

const script = process.argv[1] ?? 'millrace';
process.exitCode = await runCommandLine(
  {
    screen: processScreen(),
    clock: systemClock,
    fs: nodeFs,
    kv: rocksDb,
    random: systemRandom,
    input: process.stdin,
    editorOutput: process.stdout,
    services: grpcServices(process.env),
    interrupted: interruption.signal,
    programText: script.endsWith('.js') ? `node ${relative('', script)}` : 'millrace',
    homeDirectory: process.env.HOME,
  },
  version,
  process.argv.slice(2),
);
