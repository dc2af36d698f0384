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

/** Queues move between three partitions while they are appended to, and the power goes. */

const dataDirectories = new Map([
  [1, '/disk1'],
  [2, '/disk2'],
]);

function open(fs: MemoryFs, kv: MemoryKv, clock = new ManualClock()): Promise<Store> {
  const sizes = { segmentBytes: 4096, strideBytes: 1024 };
  const random = new SeededRandom(7);
  return openStore({ fs, kv, clock, random, directory: '/data', dataDirectories, ...sizes });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Appends to all queues, some of which move meanwhile. Counts moves done and refused. */
async function work(
  store: Store,
  history: History,
  random: SeededRandom,
  clock: ManualClock,
  rounds: number,
): Promise<{ moved: number; refused: number }> {
  const count = { moved: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const running: Promise<unknown>[] = [];
    const send = () => running.push(history.send(store, random));
    for (let i = random.below(4); i >= 0; i--) send();
    if (random.below(2) === 0) await turn();
    const queueIds = random.below(2) === 0 ? [0, 1] : [random.below(2)];
    const move = store.moveQueues(1 + random.below(2), queueIds, random.below(3)).then(
      () => count.moved++,
      (error) => {
        expect(error).toBeInstanceOf(MillraceError);
        count.refused++;
      },
    );
    running.push(move);
    for (let i = random.below(3); i >= 0; i--) send();
    if (random.below(2) === 0) await turn();
    send();
    await Promise.all(running);
    if (random.below(3) === 0) clock.advance(1500);
  }
  return count;
}

interface Crash {
  readonly at: string;
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  readonly history: History;
}

describe(`moving queues (seed ${seed})`, () => {
  test('power loss before every operation, with the index kept or lost', async () => {
    const random = new SeededRandom(seed);
    const crashes: Crash[] = [];
    const history = new History();
    const kv = new MemoryKv();
    const onOperation = (n: number, operation: MemoryFsOperation, path: string) => {
      const index = random.below(3) === 0 ? new MemoryKv() : kv.clone();
      const at = `${operation} ${n} of ${path}`;
      crashes.push({ at, fs: fs.crashClone(random), kv: index, history: history.snapshot() });
    };
    const fs: MemoryFs = new MemoryFs({ onOperation });
    const clock = new ManualClock();
    const store = await open(fs, kv, clock);
    const { moved } = await work(store, history, random, clock, 12);
    await history.check(store);
    await store.close();
    expect(moved).toBe(12);
    expect(crashes.length).toBeGreaterThan(80);
    for (const { at, ...crash } of crashes) {
      try {
        await recover(crash, random);
      } catch (error) {
        throw new Error(`crash before ${at}, seed ${seed}`, { cause: error });
      }
    }
  }, 180_000);

  for (const code of ['IO', 'DISK_FULL'] as const) {
    test(`operation N fails with ${code}, for every N`, async () => {
      let finished = false;
      let refused = 0;
      for (let n = 1; !finished; n++) {
        const random = new SeededRandom(seed + n);
        const clock = new ManualClock();
        const kv = new MemoryKv();
        const history = new History();
        let failing: MemoryFsOperation | undefined;
        let healed = false;
        // One failure, or every operation of the kind from then on.
        const lasting = n % 2 === 0;
        const onOperation = (at: number, operation: MemoryFsOperation, path: string) => {
          if (at === n) failing = operation;
          if (healed || (lasting ? operation !== failing : at !== n)) return;
          throw new MillraceError(code, `${operation} failed on ${path}: injected`);
        };
        const fs = new MemoryFs({ onOperation });
        const store = await open(fs, kv, clock).catch(() => {
          healed = true;
          return open(fs, kv, clock);
        });
        const result = await work(store, history, random, clock, 4);
        refused += result.refused;
        const context = `operation ${n}, seed ${seed}`;
        const explain = (when: string) => (error: unknown) => {
          throw new Error(`${when}: ${context}`, { cause: error });
        };
        await history.check(store).catch(explain('live'));
        const index = random.below(2) === 0 ? kv.clone() : new MemoryKv();
        const crashed = fs.crashClone(random);
        healed = true;
        const again = await open(crashed, index).catch(explain('opening after a crash'));
        await history.check(again).catch(explain('after a crash'));
        await again.close();
        await store.close();
        finished = failing === undefined;
      }
      expect(refused).toBeGreaterThan(3);
    }, 180_000);
  }
});

/** Everything acknowledged is there; work goes on; and once more. */
async function recover(crash: Omit<Crash, 'at'>, random: SeededRandom): Promise<void> {
  const { fs, kv, history } = crash;
  const clock = new ManualClock();
  const store = await open(fs, kv.clone(), clock);
  const served = await history.check(store);
  for (const id of served) {
    if (!history.acked.has(id)) history.acked.set(id, undefined as never);
  }
  await work(store, history, random, clock, 2);
  const index = random.below(2) === 0 ? kv : new MemoryKv();
  const second = await open(fs.crashClone(random), index);
  await history.check(second);
  await second.close();
  await store.close();
}
