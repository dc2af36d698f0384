import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs, type MemoryFsOperation } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import type { Store } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';
import { History } from './history.ts';

const small = { directory: '/data', segmentBytes: 4096, strideBytes: 1024 };

async function open(fs: MemoryFs, kv: MemoryKv, clock = new ManualClock()): Promise<Store> {
  return openStore({ fs, kv, clock, random: new SeededRandom(7), ...small });
}

/** Rounds of entries in flight together, with pauses in which the index is written. */
async function work(
  store: Store,
  history: History,
  random: SeededRandom,
  clock: ManualClock,
  rounds: number,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const sends: Promise<void>[] = [];
    for (let i = random.below(5); i >= 0; i--) sends.push(history.send(store, random));
    if (random.below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
    sends.push(history.send(store, random));
    await Promise.all(sends);
    if (random.below(4) === 0) clock.advance(1500);
  }
}

interface Crash {
  readonly at: string;
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  readonly history: History;
}

describe(`crash points (seed ${seed})`, () => {
  test('power loss before every operation, and again during recovery and after it', async () => {
    const random = new SeededRandom(seed);
    const crashes: Crash[] = [];
    const history = new History();
    const kv = new MemoryKv();
    const onOperation = (n: number, operation: MemoryFsOperation) => {
      for (let i = 0; i < 2; i++) {
        const clone = fs.crashClone(random);
        const index = random.below(4) === 0 ? new MemoryKv() : kv.clone();
        const at = `${operation} ${n}`;
        crashes.push({ at, fs: clone, kv: index, history: history.snapshot() });
      }
    };
    const fs = new MemoryFs({ onOperation });
    const clock = new ManualClock();
    const store = await open(fs, kv, clock);
    await work(store, history, random, clock, 20);
    await store.close();
    expect(history.refused.size).toBe(0);
    expect(crashes.length).toBeGreaterThan(100);

    let cut = 0;
    for (const crash of crashes) {
      try {
        const again = await recoverTwice(crash, random);
        if (again < crash.history.sent.length) cut++;
      } catch (error) {
        throw new Error(`crash before ${crash.at}, seed ${seed}`, { cause: error });
      }
    }
    expect(cut, 'some crashes lose entries that were not acknowledged').toBeGreaterThan(20);
  });
});

/** Recovers, serves a little, loses power once more in the middle of it, and recovers again. */
async function recoverTwice(crash: Crash, random: SeededRandom): Promise<number> {
  const { fs, kv, history } = crash;
  // The first recovery itself is interrupted: what it leaves behind recovers all the same.
  const interrupted: MemoryFs[] = [];
  const onOperation = () => {
    if (random.below(3) === 0) interrupted.push(first.crashClone(random));
  };
  const first: MemoryFs = fs.crashClone(random, { onOperation });
  const clock = new ManualClock();
  const store = await open(first, kv.clone(), clock);
  const recovered = await history.check(store);
  for (const clone of interrupted.splice(0, 2)) {
    const other = await open(clone, kv.clone());
    await history.check(other);
    await other.close();
  }
  const later = history.snapshot();
  for (const id of recovered) {
    // Served once, so it must stay: from now on it counts as acknowledged.
    if (!later.acked.has(id)) later.acked.set(id, undefined as never);
  }
  await work(store, later, random, clock, 2);
  const second = await open(first.crashClone(random), kv.clone());
  await later.check(second);
  await second.close();
  await store.close();
  return recovered.size;
}

describe('operation N fails', () => {
  for (const code of ['IO', 'DISK_FULL'] as const) {
    test(`with ${code}`, async () => {
      const failures = { refused: 0, opens: 0 };
      let finished = false;
      for (let n = 1; !finished; n++) {
        const random = new SeededRandom(seed + n);
        const clock = new ManualClock();
        const kv = new MemoryKv();
        const history = new History();
        // One failure, or every operation of the kind from then on.
        const lasting = n % 2 === 0;
        let failing: MemoryFsOperation | undefined;
        let healed = false;
        const onOperation = (at: number, operation: MemoryFsOperation, path: string) => {
          if (at === n) failing = operation;
          if (healed || (lasting ? operation !== failing : at !== n)) return;
          throw new MillraceError(code, `${operation} failed on ${path}: injected`);
        };
        const fs = new MemoryFs({ onOperation });
        let store: Store;
        try {
          store = await open(fs, kv, clock);
        } catch (error) {
          expect(error).toMatchObject({ code });
          failures.opens++;
          healed = true;
          store = await open(fs, kv, clock);
        }
        await work(store, history, random, clock, 6);
        healed = true;
        clock.advance(2000);
        // One append asks for the free space again, the next one finds it.
        await history.send(store, random);
        await new Promise((resolve) => setImmediate(resolve));
        const acked = history.acked.size;
        await history.send(store, random);
        expect(history.acked.size, `appends work again after operation ${n}`).toBe(acked + 1);
        if (history.refused.size > 0) failures.refused++;
        finished = failing === undefined;
        const context = `operation ${n}, seed ${seed}`;
        await history.check(store).catch((error) => {
          throw new Error(`live: ${context}`, { cause: error });
        });
        const crashed = fs.crashClone(random);
        const index = kv.clone();
        await store.close();
        for (const disk of [crashed, fs]) {
          const again = await open(disk, disk === fs ? kv : index);
          await history.check(again).catch((error) => {
            throw new Error(`after restart: ${context}`, { cause: error });
          });
          await again.close();
        }
      }
      expect(failures.opens).toBeGreaterThan(3);
      expect(failures.refused).toBeGreaterThan(10);
    });
  }
});
