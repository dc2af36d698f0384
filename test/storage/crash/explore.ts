import { MillraceError } from '../../../platform/errors.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import type { Random } from '../../../platform/random.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { isDamage } from '../../../storage/check/findings.ts';
import { verifyLog } from '../../../storage/check/verify.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { openStore } from '../../../storage/open-store.ts';
import type { Store } from '../../../storage/store.ts';
import type { DiskOperation } from './call-sites.ts';
import { Ledger, namesOfEntry } from './ledger.ts';
import { ObservedFs, type Observer, type Operation, observedKv } from './observed-fs.ts';

/**
 * Crash-point enumeration. A scenario is a short life of a store on a small disk: appends, and in
 * some of them queues that move between two partitions, passes of retention, key files, operations
 * that fail. Before every operation that changes the disk, the disk is copied as a crash at that
 * moment could leave it:
 *
 * - power loss: each unsynced sector and name is kept or lost by the coin, the database loses what
 *   it did not flush;
 * - the process alone is killed: everything written is still there, and still unsynced.
 *
 * Each copy is a crash point: the store must open on it, hold what was acknowledged and nothing
 * that was refused (ledger.ts), and take more entries. Recovering and going on are themselves
 * observed, so that crashes hit them, too; what those leave must open and hold again.
 */
export interface Exploration {
  /** Crash points that were recovered and checked, by the place of the operation they precede. */
  readonly points: Map<string, number>;
  scenarios: number;
}

/** Places that were hit less often get a crash point each time they are met, and several. */
export const rarePoints = 60;
export const rareCopies = 8;
/** Places that were hit more often get one only now and then. */
const plentyPoints = 500;

export class CrashFailure extends Error {
  constructor(before: Operation, seed: number, cause: unknown) {
    const { operation, place = 'elsewhere', path } = before;
    super(`crash before ${operation} at ${place} on ${path}, seed ${seed}: ${String(cause)}`, {
      cause,
    });
  }
}

interface CrashPoint {
  readonly before: Operation;
  readonly isHarmed: boolean;
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  readonly ledger: Ledger;
}

interface Life {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly clock: ManualClock;
  /** Where crash points go; `undefined` when no more are wanted. */
  readonly crashes: Crashes | undefined;
  readonly faults: Faults | undefined;
  /** The place whose calls are left out. */
  readonly muted: string | undefined;
  /** A call was left out, in this life or in the one that crashed before. */
  isHarmed: boolean;
  readonly habits: Habits;
}

/** What a scenario does besides appending; not always, for each of these takes time. */
interface Habits {
  /** Sealed segments get key files. */
  readonly hasKeyFiles: boolean;
  /** There are two partitions, and queues move. */
  readonly moves: boolean;
  readonly retains: boolean;
}

interface Crashes {
  readonly points: CrashPoint[];
  /** Crash points at a place so far. */
  readonly countAt: (place: string) => number;
  /** Chance that an operation becomes one. */
  readonly percent: number;
  /** Those of an operation at a place that was hardly met. */
  readonly copies: number;
}

/** Operations of some kinds fail for a while. */
interface Faults {
  readonly code: 'IO' | 'DISK_FULL';
  readonly operations: ReadonlySet<DiskOperation>;
  /** Operations of the life, of any kind: [from, until). */
  readonly from: number;
  until: number;
}

/** Plays the scenario with this seed and checks all of its crash points. Throws CrashFailure. */
export async function explore(
  seed: number,
  exploration: Exploration,
  muted?: string,
): Promise<void> {
  const random = new SeededRandom(seed);
  const first: CrashPoint[] = [];
  const countAt = (place: string) => exploration.points.get(place) ?? 0;
  const life: Life = {
    fs: new MemoryFs(),
    kv: new MemoryKv(),
    ledger: new Ledger(),
    random,
    clock: new ManualClock(),
    crashes: { points: first, countAt, percent: 100, copies: rareCopies },
    faults: randomFaults(random),
    muted,
    isHarmed: false,
    habits: {
      hasKeyFiles: random.below(3) === 0,
      moves: random.below(3) === 0,
      retains: random.below(2) === 0,
    },
  };
  await live(life, 4);
  exploration.scenarios++;
  for (const point of first) {
    const second: CrashPoint[] = [];
    const crashes = { points: second, countAt, percent: 10, copies: 1 };
    const { habits } = life;
    await check(point, { random, muted, habits, crashes }, seed);
    count(exploration, point.before);
    for (const later of second) {
      await check(later, { random, muted, habits, crashes: undefined }, seed);
      count(exploration, later.before);
    }
  }
}

export function count({ points }: Exploration, { place = 'elsewhere' }: Operation): void {
  points.set(place, (points.get(place) ?? 0) + 1);
}

/** Recovers from the crash, checks, and lives on for a moment. */
async function check(
  point: CrashPoint,
  rest: Pick<Life, 'random' | 'muted' | 'crashes' | 'habits'>,
  seed: number,
): Promise<void> {
  const { before, fs, kv, ledger, isHarmed } = point;
  try {
    const clock = new ManualClock();
    const life = { fs, kv, ledger, clock, isHarmed, faults: undefined, ...rest };
    await live(life, rest.crashes === undefined ? 0 : 1);
    if (rest.random.below(8) === 0) await expectNoDamage(life);
  } catch (error) {
    throw new CrashFailure(before, seed, error);
  }
}

/** Opens the store, checks what it holds, appends some rounds, closes it. */
async function live(life: Life, rounds: number): Promise<void> {
  const { ledger, random, clock } = life;
  const store = await open(life);
  await ledger.check(store);
  for (let round = 0; round < rounds; round++) {
    await Promise.all(sends(life, store, 1 + random.below(4)));
    // What came together became one commit; half of the time the next ones come while it is synced.
    const early = sends(life, store, 1);
    if (random.below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([...early, ...changes(life, store), ...sends(life, store, random.below(3))]);
    if (random.below(2) === 0) clock.advance(1500);
  }
  if (rounds > 0) await ledger.check(store);
  await store.close().catch((error) => {
    if (life.faults?.code !== error.code) throw error;
  });
}

function changes({ ledger, random, habits }: Life, store: Store): Promise<void>[] {
  const { moves, retains } = habits;
  return [
    ...(moves && random.below(2) === 0 ? [ledger.move(store, random)] : []),
    ...(retains && random.below(2) === 0 ? [ledger.retain(store, random)] : []),
  ];
}

function sends({ ledger, random }: Life, store: Store, count: number): Promise<void>[] {
  return Array.from({ length: count }, () => ledger.send(store, random, 350));
}

const small = { directory: '/data', segmentBytes: 2048, strideBytes: 1024 };

async function open(life: Life): Promise<Store> {
  const { clock, faults, habits } = life;
  const observe = observer(life);
  const parts = { fs: new ObservedFs(life.fs, observe), kv: observedKv(life.kv, observe), clock };
  // Another one each time: a server id that got lost must not come again.
  const ids = new SeededRandom(life.random.uint32());
  // Some rows fit in memory, most do not.
  const names = habits.hasKeyFiles ? { namesOf: namesOfEntry, keyRowsInMemory: 50 } : {};
  const options = { ...parts, random: ids, ...names, ...small, ...directoriesOf(habits) };
  try {
    return await openStore(options);
  } catch (error) {
    if (!(error instanceof MillraceError) || faults?.code !== error.code) throw error;
    // A fault was injected: without it the store opens.
    faults.until = 0;
    return await openStore(options);
  }
}

function directoriesOf({ moves }: Habits) {
  return moves ? { dataDirectories: new Map([[1, '/disk1']]) } : {};
}

function observer(life: Life): Observer {
  const { crashes, faults, muted } = life;
  let operations = 0;
  return (operation) => {
    const number = operations++;
    if (crashes !== undefined) takeCrashPoints(life, crashes, operation);
    if (muted !== undefined && operation.place === muted) {
      life.isHarmed = true;
      return 'skip';
    }
    if (faults === undefined || !faults.operations.has(operation.operation)) return undefined;
    if (number < faults.from || number >= faults.until) return undefined;
    throw new MillraceError(faults.code, `${operation.operation} failed: injected`);
  };
}

function takeCrashPoints(life: Life, crashes: Crashes, before: Operation): void {
  if (life.muted !== undefined) return takeHarmedPoints(life, crashes, before);
  const { random } = life;
  const { points, countAt, percent, copies } = crashes;
  const known = before.place === undefined ? plentyPoints : countAt(before.place);
  const isRare = known < rarePoints;
  const chance = known < plentyPoints ? percent : percent / 8;
  for (let i = 0; isRare && i < copies; i++) points.push(powerLoss(life, before));
  if (isRare || random.below(100) < chance) points.push(powerLoss(life, before));
  if (isRare || random.below(300) < chance) points.push(kill(life, before));
}

/**
 * While a call is left out, only crashes after it can tell; those before it are lived on from, for
 * the next life may come to it.
 */
function takeHarmedPoints(life: Life, { points, percent }: Crashes, before: Operation): void {
  const { random, isHarmed } = life;
  const isFirstLife = percent === 100;
  if (!isHarmed && !isFirstLife) return;
  if (isHarmed || random.below(4) === 0) points.push(powerLoss(life, before));
  if (isFirstLife) points.push(kill(life, before));
}

function powerLoss(life: Life, before: Operation): CrashPoint {
  const { fs, kv, ledger, random, isHarmed } = life;
  const known = ledger.copy();
  const isLost = random.below(6) === 0;
  if (isLost) known.loseIndex();
  const index = isLost ? new MemoryKv() : kv.crashClone(random);
  return { before, isHarmed, fs: fs.crashClone(random), kv: index, ledger: known };
}

function kill({ fs, kv, ledger, isHarmed }: Life, before: Operation): CrashPoint {
  return { before, isHarmed, fs: fs.killClone(), kv: kv.clone(), ledger: ledger.copy() };
}

function randomFaults(random: Random): Faults | undefined {
  const kinds: readonly (readonly DiskOperation[])[] = [
    ['fdatasync'],
    ['write'],
    ['write', 'create'],
    ['write', 'create'],
    ['write', 'syncDirectory'],
    ['create'],
    ['fdatasync', 'create'],
    ['truncate'],
    ['write', 'unlink'],
    ['fdatasync', 'unlink'],
    ['rename'],
    ['syncDirectory'],
    ['flush'],
  ];
  if (random.below(2) === 0) return undefined;
  const from = random.below(50);
  const until = from + 1 + random.below(8);
  const operations = new Set(kinds[random.below(kinds.length)]);
  return { code: random.below(2) === 0 ? 'IO' : 'DISK_FULL', operations, from, until };
}

async function expectNoDamage({ fs, kv, clock, habits }: Life): Promise<void> {
  const { directory } = small;
  const { findings } = await verifyLog({ fs, kv, clock, directory, ...directoriesOf(habits) });
  const damage = findings.filter(isDamage);
  if (damage.length > 0) throw new Error(`damage: ${JSON.stringify(damage)}`);
}
