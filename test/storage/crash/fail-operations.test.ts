import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { openStore } from '../../../storage/open-store.ts';
import type { Store } from '../../../storage/store.ts';
import { seed } from '../../random-seed.ts';
import type { DiskOperation } from './call-sites.ts';
import { Ledger, namesOfEntry } from './ledger.ts';
import { ObservedFs, type Observer, observedKv } from './observed-fs.ts';

/**
 * Operation N fails with EIO or ENOSPC, for every N until the workload passes: appends while queues
 * move between two partitions, topics expire and are dropped, segments are sealed, cleaned and get
 * key files, and a start with a lost index. Either the operation alone fails, or from then on every
 * one of its kind until the disk is healed.
 */
interface Disk {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
}

function open({ fs, kv }: Disk, observe: Observer, clock = new ManualClock()): Promise<Store> {
  return openStore({
    ...{ fs: new ObservedFs(fs, observe), kv: observedKv(kv, observe), clock },
    ...{ random: new SeededRandom(7), directory: '/data', segmentBytes: 2048, strideBytes: 1024 },
    ...{ dataDirectories: new Map([[1, '/disk1']]), namesOf: namesOfEntry, keyRowsInMemory: 50 },
  });
}

const noFault: Observer = () => undefined;
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function work(store: Store, ledger: Ledger, random: SeededRandom, clock: ManualClock) {
  const send = () => ledger.send(store, random, 300);
  for (let round = 0; round < 8; round++) {
    const running = [send(), send()];
    if (random.below(2) === 0) await turn();
    running.push(ledger.move(store, random), send(), send());
    await Promise.all(running);
    await ledger.retain(store, random);
    for (let i = 0; i < 10; i++) await turn();
    clock.advance(1500);
  }
}

/** Runs the workload with a fault at operation `n`; says whether it was met. */
async function run(n: number, code: 'IO' | 'DISK_FULL'): Promise<boolean> {
  const random = new SeededRandom(seed + n);
  const disk: Disk = { fs: new MemoryFs(), kv: new MemoryKv() };
  const clock = new ManualClock();
  const ledger = new Ledger();
  let at = 0;
  let failing: DiskOperation | undefined;
  let isHealed = false;
  const observe: Observer = ({ operation, path }) => {
    if (++at === n) failing = operation;
    const isFailing = n % 2 === 0 ? operation === failing : at === n;
    if (isHealed || !isFailing) return undefined;
    throw new MillraceError(code, `${operation} failed on ${path}: injected`);
  };
  const expectFault = (error: unknown) => {
    expect(error).toMatchObject({ code });
    isHealed = true;
  };
  const opened = await open(disk, observe, clock).catch(expectFault);
  const store = opened ?? (await open(disk, observe, clock));
  await work(store, ledger, random, clock);
  await ledger.check(store);
  const crashed: Disk = { fs: disk.fs.crashClone(random), kv: disk.kv.crashClone(random) };
  const known = ledger.copy();
  isHealed = true;
  // On each partition one append asks for the free space again, the next one finds it.
  clock.advance(2000);
  await ledger.sendToAll(store, random, 300);
  await turn();
  const { ackedCount, sentCount } = ledger;
  await ledger.sendToAll(store, random, 300);
  const again = ledger.sentCount - sentCount;
  expect(ledger.ackedCount, 'appends work again').toBe(ackedCount + again);
  await ledger.retain(store, random);
  await store.close();
  const isMet = failing !== undefined;
  await expectSound(disk, ledger);
  await expectSound(crashed, known);
  known.loseIndex();
  await expectSound({ ...crashed, kv: new MemoryKv() }, known);
  return isMet;
}

async function expectSound(disk: Disk, ledger: Ledger): Promise<void> {
  const store = await open(disk, noFault);
  await ledger.check(store);
  await store.close();
}

describe(`operation N fails (seed ${seed})`, () => {
  test.each(['IO', 'DISK_FULL'] as const)('with %s, for every N', async (code) => {
    let n = 1;
    const runOne = (number: number) =>
      run(number, code).catch((cause) => {
        throw new Error(`operation ${number}, seed ${seed}`, { cause });
      });
    while (await runOne(n)) n++;
    expect(n).toBeGreaterThan(150);
  });
});
