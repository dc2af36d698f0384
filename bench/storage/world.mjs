import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFs } from '../../dist/platform/node-fs.js';
import { systemClock } from '../../dist/platform/system-clock.js';
import { systemRandom } from '../../dist/platform/system-random.js';
import { rocksDb } from '../../dist/storage/kv/rocksdb-store.js';
import { openStore } from '../../dist/storage/open-store.js';

/** Opens a store on the real disk and RocksDB, as the server does. */
export function openReal(directory, options = {}) {
  const world = { fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb };
  return openStore({ ...world, directory, ...options });
}

/** Runs `use` with a directory under BENCH_DIR or the temporary directory; removes it afterwards. */
export async function withDirectory(use) {
  const directory = await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), 'millrace-bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Operations a second, of `inFlight` loops that each wait for their own. */
export async function closedLoop(inFlight, seconds, operate) {
  const start = performance.now();
  const end = start + 1000 * seconds;
  let done = 0;
  const loop = async () => {
    while (performance.now() < end) {
      await operate();
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return (1000 * done) / (performance.now() - start);
}
