import { type HistogramSnapshot, sumOfHistograms } from '../histogram.ts';
import type { PendingRows } from '../queues/pending-rows.ts';
import type { Appended, AppendRequest, Entry } from '../store.ts';
import type { Segment } from './segment.ts';
import type { Cleaning } from './segment-cleaner.ts';
import type { Pause } from './segment-sealer.ts';

/**
 * One physical partition of the commit log: an append-only stream of entries in segment files,
 * with its own writer and group commit. `position` is the byte position in the whole stream; a
 * segment's name and header carry the position of its first byte.
 */
/** An entry met while scanning. */
export interface ScannedEntry extends Entry {
  readonly tagHash: number;
  readonly firstIdHash: number;
}

export interface PartitionStats {
  readonly appends: number;
  readonly appendedBytes: number;
  readonly groupCommits: number;
  /** Commits that failed; their appends were refused. */
  readonly failedCommits: number;
  /** Appends that were refused for want of space, or because the disk could not keep up. */
  readonly refusedAppends: number;
  /** Entries of a commit. */
  readonly commitEntries: HistogramSnapshot;
  /** How long commits took to be written and synced, ms. */
  readonly syncMs: HistogramSnapshot;
  /** Bytes accepted and not yet durable. */
  readonly pendingBytes: number;
  readonly segments: number;
  /** Segments of which a check failed since the start. */
  readonly damagedSegments: number;
  /** Bytes of the entries on disk. */
  readonly logBytes: number;
  /** Appends are refused for want of space. */
  readonly isFull: boolean;
}

export interface LogPartition {
  readonly number: number;
  /** Everything below is fdatasync'ed. Moves only forward, only after fdatasync returned. */
  readonly durableEnd: number;
  /** First position that is still on disk. */
  readonly start: number;
  /** No segment was ever created. */
  readonly isEmpty: boolean;
  /** Creates the first segment when there is none: then the partition is not empty any more. */
  ensureSegment(): Promise<void>;
  /**
   * Places the entry (positions are assigned in call order) and copies the body. Offset and store
   * time (store-times.ts) are the caller's to assign. With `mayWait` nobody waits for the entry: its
   * commit may wait for the flush interval. Throws DISK_FULL, RESOURCE_LIMIT, MESSAGE_TOO_LARGE,
   * UNAVAILABLE.
   */
  append(
    request: AppendRequest,
    baseOffset: number,
    storeTimeMs: number,
    mayWait?: boolean,
  ): Appended;
  /**
   * Called right after an `append`, before another: resolves with `value` when that entry is
   * durable, rejects with IO or DISK_FULL when its group commit failed. Then it is in no reader's
   * sight.
   */
  durable<T>(value: T): Promise<T>;
  /**
   * Entry at `position`; from memory for the newest group commits, else from the file: at once when
   * it is no longer than `length`. `undefined` when it was cleaned away. Throws CORRUPTION, IO.
   */
  read(position: number, length?: number): Promise<Entry | undefined>;
  /**
   * Calls `visit` for each entry in [from, durableEnd), in order, header and body checked. Stops
   * after the entry that reaches `until`. Returns the position after the last one visited.
   * Throws CORRUPTION, IO.
   */
  scan(from: number, visit: (entry: ScannedEntry) => void, until?: number): Promise<number>;
  /**
   * As `scan`, into index rows and without the bodies. A sealed segment is checked as a whole
   * before the first of its rows.
   */
  scanRows(from: number, rows: PendingRows, until?: number): Promise<number>;
  /**
   * Runs after each group commit, before its appends resolve: positions [previousEnd, durableEnd)
   * became durable.
   */
  onCommit(listener: (durableEnd: number) => void): void;
  /**
   * Runs synchronously when a commit failed and every position past `durableEnd` was taken back:
   * the caller must take its offsets back too, before its next append.
   */
  onAbandon(listener: () => void): void;
  readonly stats: PartitionStats;
  /** In the order of the stream; the last one takes writes. */
  readonly segments: readonly Segment[];
  /** The segment that holds the position. */
  segmentAt(position: number): Segment;
  /** A segment takes writes until it has about as many bytes. */
  readonly segmentBytes: number;
  /** How long the last segment has taken writes since the server started; 0 while it is empty. */
  readonly lastSegmentAgeMs: number;
  /** Starts the work on sealed segments; not before the log was found to fit its index. */
  maintain(): void;
  /** Gives other work a turn. Rejects with UNAVAILABLE once the log is being closed. */
  readonly pause: Pause;
  /** Begins a new segment; resolves when the last one was sealed, unless it could not be. */
  roll(): Promise<void>;
  /**
   * Makes one segment of neighbours, without what nobody needs (segment-cleaner.ts). All are
   * sealed. Throws CORRUPTION, IO, DISK_FULL, and UNAVAILABLE when the log is closed before it is
   * done, or when an earlier cleaning of these segments could be finished only now; then nothing
   * is lost, and it can be done again with the segments of that time.
   */
  clean(segments: readonly Segment[], cleaning: Cleaning): Promise<Segment>;
  /** Finishes a cleaning that failed late; without effect when there is none. Throws IO. */
  finishCleaning(): Promise<void>;
  close(): Promise<void>;
}

/** The statistics of several partitions as of one. */
export function sumOfStats(stats: readonly PartitionStats[]): PartitionStats {
  const sum = (of: (one: PartitionStats) => number) =>
    stats.reduce((total, one) => total + of(one), 0);
  return {
    appends: sum((one) => one.appends),
    appendedBytes: sum((one) => one.appendedBytes),
    groupCommits: sum((one) => one.groupCommits),
    failedCommits: sum((one) => one.failedCommits),
    refusedAppends: sum((one) => one.refusedAppends),
    commitEntries: sumOfHistograms(stats.map((one) => one.commitEntries)),
    syncMs: sumOfHistograms(stats.map((one) => one.syncMs)),
    pendingBytes: sum((one) => one.pendingBytes),
    segments: sum((one) => one.segments),
    damagedSegments: sum((one) => one.damagedSegments),
    logBytes: sum((one) => one.logBytes),
    isFull: stats.some((one) => one.isFull),
  };
}
