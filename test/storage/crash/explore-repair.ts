import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import type { Random } from '../../../platform/random.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { isDamage, type PositionRange } from '../../../storage/check/findings.ts';
import { repairLog } from '../../../storage/check/repair.ts';
import { type VerifyReport, verifyLog } from '../../../storage/check/verify.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { entryHeaderBytes } from '../../../storage/log/entry-format.ts';
import { segmentHeaderBytes } from '../../../storage/log/segment-format.ts';
import { openStore } from '../../../storage/open-store.ts';
import { col, indexRowWidth } from '../../../storage/queues/index-rows.ts';
import { type Appended, entryKinds, type Store } from '../../../storage/store.ts';
import { flip, readFile, segmentPaths } from '../segments.ts';
import { CrashFailure, count, type Exploration, rareCopies, rarePoints } from './explore.ts';
import { ObservedFs, type Operation, observedKv } from './observed-fs.ts';

/**
 * Crash points of `log repair --skip`. A scenario damages one entry of a log and has it skipped.
 * Whatever a crash leaves, the damaged bytes are in the log or in `skipped/`, and repairing once
 * more ends with every other entry where it was, no offset free to be given twice, and the bytes
 * kept. What a repair has answered is durable.
 */
interface Damaged {
  readonly random: Random;
  readonly entries: readonly Appended[];
  /** Number of the entry that is damaged. */
  readonly lost: number;
  /** It, as the file has it. */
  readonly bytes: Buffer;
  readonly ends: readonly number[];
  readonly muted: string | undefined;
}

interface Disk {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
  /** The call that is left out was met, in this life or in the one that crashed before. */
  isHarmed: boolean;
}

interface CrashPoint extends Disk {
  readonly before: Operation;
}

const small = { directory: '/data', segmentBytes: 2048, strideBytes: 1024 };
const queues = [0, 1];

export async function exploreRepair(
  seed: number,
  exploration: Exploration,
  muted?: string,
): Promise<void> {
  const random = new SeededRandom(seed);
  const disk: Disk = { fs: new MemoryFs(), kv: new MemoryKv(), isHarmed: false };
  const damaged = { muted, ...(await damage(disk, random)) };
  const first: CrashPoint[] = [];
  await repair(disk, damaged, { points: first, exploration, percent: 100, copies: rareCopies });
  exploration.scenarios++;
  const end = { operation: 'write', place: undefined, path: 'nothing: it is done' } as const;
  for (let i = 0; i < rareCopies; i++)
    await expectDone(powerLoss(disk, end, random), damaged, seed);
  for (const point of first) {
    const second: CrashPoint[] = [];
    await recover(point, damaged, { points: second, exploration, percent: 3, copies: 1 }, seed);
    for (const later of second) await recover(later, damaged, undefined, seed);
    for (const { before } of [point, ...second]) count(exploration, before);
  }
}

async function expectDone(point: CrashPoint, damaged: Damaged, seed: number): Promise<void> {
  try {
    await expectKept(point, damaged, true);
    await expectWhole(point, damaged);
  } catch (error) {
    throw new CrashFailure(point.before, seed, error);
  }
}

async function recover(
  point: CrashPoint,
  damaged: Damaged,
  crashes: Crashes | undefined,
  seed: number,
): Promise<void> {
  try {
    await expectKept(point, damaged, false);
    await repair(point, damaged, crashes);
    await expectDone(point, damaged, seed);
  } catch (error) {
    throw new CrashFailure(point.before, seed, error);
  }
}

/** A log of several segments, in one of which an entry has a flipped bit. */
async function damage(disk: Disk, random: Random): Promise<Omit<Damaged, 'muted'>> {
  const store = await openStore(options(disk, random));
  const { fs } = disk;
  const entries: Appended[] = [];
  for (let i = 6 + random.below(9); i >= 0; i--) {
    const body = Buffer.from(random.bytes(4 + random.below(300)));
    body.writeUInt32LE(entries.length);
    const names = { topicId: 1, queueId: i % queues.length, kind: entryKinds.messages };
    const request = { ...names, count: 1 + random.below(3), body, firstIdHash: 0, tagHash: 0 };
    entries.push(await store.append(request));
  }
  const ends = await endsOf(store);
  await store.close();
  const lost = random.below(entries.length);
  const { position, length } = entries[lost]!;
  const paths = await segmentPaths(fs);
  const path = paths.findLast((one) => startOf(one) <= position)!;
  const at = segmentHeaderBytes + position - startOf(path);
  await flip(fs, path, at + entryHeaderBytes);
  const bytes = Buffer.from((await readFile(fs, path)).subarray(at, at + length));
  return { random, entries, lost, bytes, ends };
}

interface Crashes {
  readonly points: CrashPoint[];
  readonly exploration: Exploration;
  /** Chance that an operation becomes a crash point. */
  readonly percent: number;
  /** Crash points at a place that was hardly met. */
  readonly copies: number;
}

/** What the operator does: skips all that verification names. */
async function repair(disk: Disk, damaged: Damaged, crashes: Crashes | undefined): Promise<void> {
  const { random, muted } = damaged;
  const skip = rangesOf(await verifyLog(options(disk, random)));
  const observe = (before: Operation) => {
    if (crashes !== undefined) takeCrashPoints(disk, damaged, crashes, before);
    if (muted === undefined || before.place !== muted) return undefined;
    disk.isHarmed = true;
    return 'skip';
  };
  const observed = { fs: new ObservedFs(disk.fs, observe), kv: observedKv(disk.kv, observe) };
  const { after } = await repairLog({
    ...options(disk, random),
    ...observed,
    ...{ rebuildIndex: false, skip },
  });
  const left = after.findings.filter(isDamage);
  if (left.length > 0) throw new Error(`damage is left: ${JSON.stringify(left)}`);
}

function takeCrashPoints(
  disk: Disk,
  { random, muted }: Damaged,
  crashes: Crashes,
  before: Operation,
): void {
  const { points, exploration, percent, copies } = crashes;
  const { place } = before;
  const isFirstLife = percent === 100;
  if (muted !== undefined) {
    // Only crashes after what was left out can tell; the next life may come to it, too.
    if (disk.isHarmed) points.push(powerLoss(disk, before, random));
    if (isFirstLife) points.push(kill(disk, before));
    return;
  }
  const isRare = place !== undefined && (exploration.points.get(place) ?? 0) < rarePoints;
  for (let i = 0; isRare && i < copies; i++) points.push(powerLoss(disk, before, random));
  if (random.below(100) < percent) points.push(powerLoss(disk, before, random));
  if (random.below(300) < percent) points.push(kill(disk, before));
}

function powerLoss({ fs, kv, isHarmed }: Disk, before: Operation, random: Random): CrashPoint {
  return { before, isHarmed, fs: fs.crashClone(random), kv: kv.crashClone(random) };
}

function kill({ fs, kv, isHarmed }: Disk, before: Operation): CrashPoint {
  return { before, isHarmed, fs: fs.killClone(), kv: kv.clone() };
}

/** The damaged bytes are kept in `skipped/`, unless they are still in the log and may be. */
async function expectKept(disk: Disk, { random, bytes }: Damaged, isSkipped: boolean) {
  const folder = `${small.directory}/skipped`;
  for (const name of (await disk.fs.exists(folder)) ? await disk.fs.list(folder) : []) {
    if (bytes.equals(await readFile(disk.fs, `${folder}/${name}`))) return;
  }
  if (isSkipped) throw new Error('the bytes of the damaged entry are not kept');
  if (rangesOf(await verifyLog(options(disk, random))).length > 0) return;
  throw new Error('the damaged entry is skipped, and its bytes are lost');
}

async function expectWhole(disk: Disk, { random, entries, lost, ends }: Damaged): Promise<void> {
  const store = await openStore(options(disk, random));
  const found = new Map<number, number>();
  for (const queueId of queues) {
    const { values, rowCount } = await store.indexRows(1, queueId, 0, Infinity);
    for (let at = 0; at < rowCount * indexRowWidth; at += indexRowWidth) {
      const place = [values[at + col.position]!, values[at + col.length]!] as const;
      const entry = await store.readEntry(0, ...place);
      if (entry !== undefined) found.set(Buffer.from(entry.body).readUInt32LE(0), entry.baseOffset);
    }
  }
  for (const [id, { baseOffset }] of entries.entries()) {
    const expected = id === lost ? undefined : baseOffset;
    if (found.get(id) !== expected) throw new Error(`entry ${id} is at ${found.get(id)}`);
  }
  const now = await endsOf(store);
  if (now.join() !== ends.join()) throw new Error(`queues end at ${now}, and ended at ${ends}`);
  await store.close();
}

function rangesOf({ findings }: VerifyReport): PositionRange[] {
  return findings.flatMap(({ kind, range }) =>
    range !== undefined && (kind === 'entries' || kind === 'missing') ? [range] : [],
  );
}

async function endsOf(store: Store): Promise<readonly number[]> {
  const ranges = await Promise.all(queues.map((queueId) => store.range(1, queueId)));
  return ranges.map(({ maxOffset }) => maxOffset);
}

function startOf(path: string): number {
  return Number(path.slice(-24, -4));
}

function options({ fs, kv }: Disk, random: Random) {
  const ids = new SeededRandom(random.uint32());
  return { fs, kv, clock: new ManualClock(), random: ids, ...small };
}
