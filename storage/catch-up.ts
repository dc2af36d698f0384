import { MillraceError } from '../platform/errors.ts';
import type { LogPartition } from './log/partition.ts';
import { logOf, PartitionScan } from './partition-scan.ts';
import type { Applied, ConsumeQueues } from './queues/consume-queues.ts';

export interface CatchUpOptions {
  /** Called between two pieces: log bytes that were taken in, and all that the index lacked. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Log bytes of a partition that are read between two writes of the index. */
  readonly pieceBytes?: number | undefined;
}

const pieceBytesDefault = 64 * 1024 * 1024;

/**
 * Takes in the part of the log that the index lacks: all of it when the index was lost. `applied`
 * is what the index reflects, and follows what is taken in. Killed at any moment it goes on where
 * the database is: that says of each partition up to where everything was taken in.
 *
 * The entries of a queue that has moved lie in several partitions. Each partition is read in its
 * own order; one whose next entry has an offset that others must come before, or whose queue is
 * not known to have moved there yet, waits for the others. The log was written so that this always
 * ends: an entry is written only after everything that it waits for was durable (queue-mapping.ts).
 *
 * What was cleaned out of a segment is missing on purpose (cleaned-offsets.ts). It was written
 * before the entries that wait for it, too, so when nothing moves it is passed over.
 *
 * What still waits then are the ends of partitions, left by appends that failed with an unknown
 * fate: an entry whose queue has moved since, or entries after a move that is itself one of these.
 * Such an entry is taken in where it is the next one of its queue, else passed over, the oldest
 * first: others may only seem to be one because they wait for what follows it.
 *
 * Returns the highest store time in the log, 0 when it is empty. Throws CORRUPTION, IO.
 */
export async function catchUp(
  logs: readonly LogPartition[],
  queues: ConsumeQueues,
  applied: ReadonlyMap<number, Readonly<Applied>>,
  { onProgress, pieceBytes = pieceBytesDefault }: CatchUpOptions = {},
): Promise<number> {
  checkApplied(logs, applied);
  const scans = logs.map(
    (log) => new PartitionScan(log, applied.get(log.number)?.position ?? 0, pieceBytes),
  );
  const first = sumOf(scans, ({ progress }) => progress.position);
  const end = sumOf(scans, ({ progress }) => progress.end);
  for (;;) {
    let isMoving = false;
    for (const scan of scans) {
      if (await scan.refill(logs)) isMoving = true;
      await queues.prepare(scan.queueNames());
      if (scan.take(queues)) isMoving = true;
    }
    await queues.write();
    onProgress?.(sumOf(scans, ({ progress }) => progress.position) - first, end - first);
    if (scans.every(({ isDone }) => isDone)) {
      return Math.max(...[...applied.values()].map(({ storeTimeMs }) => storeTimeMs), 0);
    }
    if (!isMoving && !(await cover(scans, queues))) await takeStray(scans, queues);
  }
}

async function cover(scans: readonly PartitionScan[], queues: ConsumeQueues): Promise<boolean> {
  let hasMoved = false;
  for (const scan of scans) {
    await queues.prepare(scan.cleanedNames());
    if (scan.cover(queues)) hasMoved = true;
  }
  return hasMoved;
}

async function takeStray(scans: readonly PartitionScan[], queues: ConsumeQueues): Promise<void> {
  const stuck = scans.filter(({ isDone }) => !isDone);
  for (const scan of stuck) await queues.prepare([...scan.queueNames(), ...scan.cleanedNames()]);
  // The oldest first: a later one may only wait for what comes after it elsewhere.
  const times = stuck.map((scan) => scan.strayTimeMs(queues));
  const oldest = stuck[times.indexOf(Math.min(...times))]!;
  if (oldest.takeStray(queues) || stuck.some((scan) => scan.dropStrays(queues))) return;
  stuck[0]!.refuse(queues);
}

function checkApplied(
  logs: readonly LogPartition[],
  applied: ReadonlyMap<number, { readonly position: number }>,
): void {
  for (const [partition, { position }] of applied) {
    const log = logOf(logs, partition);
    if (position <= log.durableEnd) continue;
    throw new MillraceError(
      'CORRUPTION',
      `the index reflects the log up to position ${position}, but partition ${log.number} ` +
        `ends at ${log.durableEnd}: synced entries were lost. Nothing was changed`,
    );
  }
}

function sumOf(scans: readonly PartitionScan[], of: (scan: PartitionScan) => number): number {
  return scans.reduce((sum, scan) => sum + of(scan), 0);
}
