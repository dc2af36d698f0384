import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore, type StoreOptions } from '../../storage/open-store.ts';
import { type Appended, entryKinds, type Store } from '../../storage/store.ts';

const MiB = 1024 * 1024;

function options(fs: MemoryFs, kv = new MemoryKv()): StoreOptions & { clock: ManualClock } {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  return { fs, kv, clock, random, directory: '/data', segmentBytes: 4096, strideBytes: 1024 };
}

function append(store: Store, text = 'x'): Promise<Appended> {
  const body = Buffer.from(text);
  const request = { topicId: 5, queueId: 0, kind: entryKinds.messages, count: 1, body };
  return store.append({ ...request, firstIdHash: 0, tagHash: 0 });
}

describe('a read-only directory', () => {
  test('is refused, whether it is new or has a log', async () => {
    for (const isNew of [true, false]) {
      let isReadOnly = isNew;
      const onOperation = (_: number, operation: string, path: string) => {
        if (!isReadOnly) return;
        throw new MillraceError('IO', `${operation} on ${path} is not permitted (EROFS)`);
      };
      const fs = new MemoryFs({ onOperation });
      const world = options(fs);
      if (!isNew) {
        const store = await openStore(world);
        await append(store);
        await store.close();
      }
      isReadOnly = true;
      const opening = openStore(world);
      await expect(opening).rejects.toMatchObject({ code: 'IO' });
      await expect(opening).rejects.toThrow('not permitted');
      // Nothing is left open or locked: it opens when it can be written.
      isReadOnly = false;
      await (await openStore(world)).close();
    }
  });
});

describe('little space', () => {
  test('refuses appends below the reserve, serves reads, and recovers by itself', async () => {
    const fs = new MemoryFs();
    const world = { ...options(fs), diskReserveBytes: 10 * MiB };
    fs.free = 10 * MiB;
    const store = await openStore(world);
    const { position, length } = await append(store);
    fs.free = 10 * MiB - 1;
    world.clock.advance(1000);
    await append(store);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(append(store)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(append(store)).rejects.toThrow(`less than ${10 * MiB} bytes are free`);
    expect((await store.readEntry(0, position, length))?.baseOffset).toBe(0);
    expect((await store.range(5, 0)).maxOffset).toBe(2);
    fs.free = 10 * MiB;
    world.clock.advance(1000);
    await expect(append(store)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await append(store)).toMatchObject({ baseOffset: 2 });
    await store.close();
  });
});

describe('a clock that goes backwards', () => {
  test('changes neither offsets nor order; lookups by time stay exact, also after a restart', async () => {
    const fs = new MemoryFs();
    const kv = new MemoryKv();
    const times = [1000, 5000, 200, 3000, 100, 9000, 50];
    let nowMs = 0;
    const at = () => {
      const clock = new ManualClock();
      clock.nowMs = () => nowMs;
      return { ...options(fs, kv), clock };
    };
    let store = await openStore(at());
    for (const [i, time] of times.entries()) {
      nowMs = time;
      // A store time is never below an earlier one.
      const storeTimeMs = Math.max(...times.slice(0, i + 1));
      expect(await append(store)).toMatchObject({ baseOffset: i, storeTimeMs });
    }
    const lookUps = async () => {
      const found: number[] = [];
      for (const time of [0, 51, 1001, 5001, 9001]) {
        found.push(await store.offsetAtTime(5, 0, time));
      }
      return found;
    };
    // The first offset with a store time at or after the one asked for.
    const expected = [0, 0, 1, 5, 7];
    expect(await lookUps()).toEqual(expected);
    await store.close();
    nowMs = 1;
    for (const index of [kv, new MemoryKv()]) {
      store = await openStore({ ...at(), kv: index });
      expect(await lookUps()).toEqual(expected);
      await store.close();
    }
    store = await openStore(at());
    const { baseOffset, storeTimeMs } = await append(store);
    expect([baseOffset, Math.floor(storeTimeMs)]).toEqual([7, 9000]);
    await store.close();
  });
});
