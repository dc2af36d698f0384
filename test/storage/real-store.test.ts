import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeFs } from '../../platform/node-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import { rocksDb } from '../../storage/kv/rocksdb-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { History } from './history.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-store-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function open(directory: string) {
  const world = { fs: nodeFs, clock: systemClock, random: systemRandom, kv: rocksDb };
  return openStore({ ...world, directory, segmentBytes: 1_000_000, strideBytes: 100_000 });
}

test('a store on the real disk and RocksDB: append, restart, lose the index', async () => {
  const directory = join(root, 'store');
  const random = new SeededRandom(11);
  const history = new History();
  let store = await open(directory);
  const { serverId } = store;
  expect(serverId).toMatch(/^[0-9a-f]{32}$/);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) {
      await Promise.all(Array.from({ length: 200 }, () => history.send(store, random)));
    }
    expect(history.acked.size).toBe(1000 * (round + 1));
    await history.check(store);
    store.derived.put('cursor', Buffer.of(round));
    await store.close();
    if (round === 1) await rm(join(directory, 'index'), { recursive: true });
    store = await open(directory);
    expect(store.serverId).toBe(serverId);
    const cursor = (await store.derived.load('')).get('cursor');
    expect(cursor && [...cursor]).toEqual(round === 1 ? undefined : [round]);
    await history.check(store);
  }
  await store.close();
});

test('a directory that is open, here or in another process, is refused', async () => {
  const directory = join(root, 'locked');
  const store = await open(directory);
  await expect(open(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
  const other = spawnSync(process.execPath, [
    '-e',
    `const RocksDB = require('rocksdb-native');
     new RocksDB(process.argv[1]).ready().then(() => console.log('opened'), (e) => console.log(e.message));`,
    join(directory, 'index'),
  ]);
  // The text by which rocksdb-store.ts knows the case.
  expect(other.stdout.toString()).toMatch(/While lock file.*temporarily unavailable/);
  await store.close();
  await (await open(directory)).close();
});
