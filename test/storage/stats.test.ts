import { expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { entryKinds } from '../../storage/store.ts';

test('counters of a store', async () => {
  const clock = new ManualClock();
  let syncMs = 0;
  let isFailing = false;
  const onOperation = (_: number, operation: string) => {
    if (operation === 'fdatasync') clock.advance(syncMs);
    if (isFailing && operation === 'write') throw new MillraceError('DISK_FULL', 'injected');
  };
  const fs = new MemoryFs({ onOperation });
  const small = { directory: '/data', segmentBytes: 1000, strideBytes: 512 };
  const random = new SeededRandom(1);
  const store = await openStore({ fs, kv: new MemoryKv(), clock, random, ...small });
  const append = (queueId: number, count: number) => {
    const request = { topicId: 5, queueId, kind: entryKinds.messages, count };
    return store.append({ ...request, body: Buffer.alloc(136), firstIdHash: 0, tagHash: 0 });
  };
  syncMs = 8;
  await Promise.all([append(0, 2), append(1, 1), append(0, 1)]);
  await append(0, 5);
  await append(0, 5);
  const stats = store.stats();
  expect(stats).toMatchObject({
    ...{ appends: 5, appendedMessages: 14, appendedBytes: 1000, groupCommits: 3 },
    ...{ failedCommits: 0, refusedAppends: 0, pendingBytes: 0, isFull: false },
    ...{ activeQueues: 2, segments: 2, durableEnd: 1000, logBytes: 1000 },
  });
  expect(stats.commitEntries).toMatchObject({ count: 3, sum: 5, max: 3 });
  expect(stats.syncMs).toMatchObject({ count: 3, sum: 24, max: 8 });
  expect(stats.indexLagEntries).toBe(5);
  clock.advance(2000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(store.stats().indexLagEntries).toBe(0);
  isFailing = true;
  await expect(append(0, 1)).rejects.toMatchObject({ code: 'DISK_FULL' });
  await expect(append(0, 1)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(store.stats()).toMatchObject({ failedCommits: 1, refusedAppends: 1, isFull: true });
  isFailing = false;
  await store.close();
});
