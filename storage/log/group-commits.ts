import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { Histogram } from '../histogram.ts';
import type { Appended, AppendRequest } from '../store.ts';
import type { FreeSpace } from './free-space.ts';
import type { PartitionStats } from './partition.ts';
import type { RecentCommits } from './recent-commits.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { Slab } from './slab.ts';
import type { TailPlace, TailSegment } from './tail-segment.ts';

const slabBytesMin = 64 * 1024;
/** A new slab is made as large as the last one was, up to this. */
const slabBytesHintMax = 4 * 1024 * 1024;
/** A slab that is gathered to this size is written at once: the disk works while others fill. */
const slabBytesFull = 256 * 1024;
/** Accepted but not yet written: above this, the disk cannot keep up and appends are refused. */
const pendingBytesMax = 256 * 1024 * 1024;

export interface GroupCommitParts {
  readonly partition: number;
  readonly clock: Clock;
  readonly tail: TailSegment;
  readonly space: FreeSpace;
  readonly recent: RecentCommits;
  /** Number of the first commit, and where it begins. */
  readonly first: TailPlace;
}

export type CommitStats = Pick<
  PartitionStats,
  | 'appends'
  | 'appendedBytes'
  | 'groupCommits'
  | 'failedCommits'
  | 'refusedAppends'
  | 'commitEntries'
  | 'pendingBytes'
>;

/**
 * Group commit (DESIGN section 4): appends fill one slab while the other is written and synced;
 * commit n+1 is written only after commit n was synced. An append's position is its place in the
 * stream, given at once; its promise resolves after fdatasync.
 *
 * When a commit fails, so does everything placed after it: the positions are taken back, and the
 * next commit opens a new segment at the last durable position. A failed fdatasync is never
 * retried on the same file. The appends are rejected once what the commit left behind lies outside
 * every segment's range or is cut off; where neither can be done, the error says so.
 */
export class GroupCommits {
  readonly partition: number;
  readonly #counts = {
    ...{ appends: 0, appendedBytes: 0, groupCommits: 0 },
    ...{ failedCommits: 0, refusedAppends: 0 },
  };
  readonly #commitEntries = new Histogram();
  readonly #clock: Clock;
  readonly #tail: TailSegment;
  readonly #space: FreeSpace;
  readonly #recent: RecentCommits;
  readonly #listeners: ((durableEnd: number) => void)[] = [];
  readonly #abandonListeners: (() => void)[] = [];
  #durableEnd: number;
  #filling: Slab;
  #flushing: Promise<void> | undefined;
  /** Appends are gathered: no commit is under way, and the next one may begin at any time. */
  #isGathering = false;
  /** The commit that was begun while it was gathered. */
  #begun: Commit | undefined;
  /** Who waits for a new segment to begin. */
  #rolls: (() => void)[] = [];
  /** Ends the wait for the flush interval. */
  #hurry: (() => void) | undefined;
  #isClosed = false;

  constructor({ partition, clock, tail, space, recent, first }: GroupCommitParts) {
    this.partition = partition;
    this.#clock = clock;
    this.#tail = tail;
    this.#space = space;
    this.#recent = recent;
    this.#durableEnd = first.start;
    this.#filling = new Slab(first.commit, first.start, slabBytesMin);
  }

  get durableEnd(): number {
    return this.#durableEnd;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get stats(): CommitStats {
    return {
      ...this.#counts,
      commitEntries: this.#commitEntries.snapshot(),
      pendingBytes: this.#pendingBytes,
    };
  }

  onCommit(listener: (durableEnd: number) => void): void {
    this.#listeners.push(listener);
  }

  onAbandon(listener: () => void): void {
    this.#abandonListeners.push(listener);
  }

  append(
    request: AppendRequest,
    baseOffset: number,
    storeTimeMs: number,
    mayWait: boolean,
  ): Appended {
    this.#checkAccepted(request);
    const { partition } = this;
    const slab = this.#filling;
    const position = slab.end;
    const length = slab.add(request, baseOffset, storeTimeMs, mayWait);
    if (slab.isAwaited) this.#hurry?.();
    this.#flushing ??= this.#flushAll();
    return { partition, position, length, baseOffset, storeTimeMs };
  }

  durable<T>(value: T): Promise<T> {
    const slab = this.#filling;
    const durable = slab.durable(value);
    if (this.#isGathering && slab.isAwaited && slab.length >= slabBytesFull) {
      this.#begun ??= this.#begin();
    }
    return durable;
  }

  /** Creates the first segment unless `isThere`. */
  async ensureSegment(isThere: () => boolean): Promise<void> {
    if (isThere()) return;
    while (this.#flushing !== undefined) await this.#flushing;
    if (isThere()) return;
    const creating = this.#tail.create(this.#next);
    // Appends that come meanwhile are flushed after it.
    const flush = () => this.#flushAll();
    this.#flushing = creating.then(flush, flush);
    await creating;
  }

  /** Begins a new segment, between two commits, unless the last one is empty. */
  roll(): Promise<void> {
    // Appends that arrive meanwhile wait as if for a commit.
    const rolled = new Promise<void>((resolve) => this.#rolls.push(resolve));
    this.#flushing ??= this.#flushAll();
    return rolled;
  }

  /** Ends appends; resolves when the last commit ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#hurry?.();
    await this.#flushing;
  }

  get #pendingBytes(): number {
    return this.#filling.end - this.#durableEnd;
  }

  get #next(): TailPlace {
    return { commit: this.#filling.commit, start: this.#durableEnd };
  }

  #checkAccepted({ body }: AppendRequest): void {
    if (this.#isClosed) throw new MillraceError('UNAVAILABLE', 'the log is closed');
    if (body.length > limits.entryBytesMax) {
      const message = `an entry of ${body.length} bytes; the limit is ${limits.entryBytesMax}`;
      throw new MillraceError('MESSAGE_TOO_LARGE', message);
    }
    if (!this.#space.isEnough) {
      this.#counts.refusedAppends++;
      this.#space.checkSometimes();
      throw this.#space.refusal();
    }
    if (this.#pendingBytes > pendingBytesMax) {
      this.#counts.refusedAppends++;
      throw new MillraceError('RESOURCE_LIMIT', 'the disk cannot keep up with the appends');
    }
  }

  /**
   * Requests that arrive together share a commit: those of one turn of the event loop's queue, or,
   * while nobody waits for them, of the flush interval. Those beyond a full slab are for the next.
   */
  async #gather(): Promise<void> {
    this.#isGathering = true;
    await this.#gathered();
    this.#isGathering = false;
  }

  async #gathered(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    if (this.#begun !== undefined || this.#filling.isAwaited || this.#isClosed) return;
    if (this.#filling.entryCount === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(limits.flushIntervalMs, resolve);
      this.#hurry = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#hurry = undefined;
  }

  async #flushAll(): Promise<void> {
    await this.#gather();
    if (this.#begun === undefined) await this.#rollIfAsked();
    while (this.#begun !== undefined || this.#filling.entryCount > 0) {
      const commit = this.#begun ?? this.#begin();
      this.#begun = undefined;
      try {
        await commit.done;
      } catch (error) {
        await this.#abandon(commit, error);
        // Nothing may come that would do it.
        await this.#rollIfAsked();
        continue;
      }
      this.#onSynced(commit.slab);
      if (this.#rolls.length > 0) await this.#rollIfAsked();
      // In this turn: those who were told now append next, and may fill a slab.
      if (!this.#filling.isAwaited) await this.#gather();
      if (this.#begun === undefined) await this.#rollIfAsked();
    }
    this.#flushing = undefined;
  }

  /** Begins to write what was gathered, in this turn where the segment has room. */
  #begin(): Commit {
    const slab = this.#filling;
    const sizeHint = Math.min(Math.max(slabBytesMin, slab.length), slabBytesHintMax);
    this.#filling = new Slab(slab.commit + 1, slab.end, sizeHint);
    const commit: Commit = { slab, writer: undefined, done: Promise.resolve() };
    commit.done = this.#write(commit);
    // It may fail before anybody waits for it.
    commit.done.catch(() => undefined);
    return commit;
  }

  async #write(commit: Commit): Promise<void> {
    const { slab } = commit;
    commit.writer = this.#tail.writerWithRoom(slab.length) ?? (await this.#tail.create(slab));
    await commit.writer.commit(slab.bytes, slab.start);
  }

  #onSynced(slab: Slab): void {
    this.#durableEnd = slab.end;
    this.#counts.groupCommits++;
    this.#counts.appends += slab.entryCount;
    this.#counts.appendedBytes += slab.length;
    this.#commitEntries.record(slab.entryCount);
    this.#recent.add(slab);
    this.#tail.mark(slab.start);
    for (const listener of this.#listeners) listener(this.#durableEnd);
    slab.resolve();
    this.#tail.prepareAhead();
    this.#space.checkSometimes();
  }

  /** Fails the commit and all that was placed after it; the next one starts a new segment. */
  async #abandon({ slab, writer }: Commit, error: unknown): Promise<void> {
    const later = this.#filling;
    this.#counts.failedCommits++;
    this.#tail.retire();
    this.#filling = new Slab(later.commit + 1, this.#durableEnd, slabBytesMin);
    if (error instanceof MillraceError && error.code === 'DISK_FULL') this.#space.ranOut();
    for (const listener of this.#abandonListeners) listener();
    const isGone = writer === undefined || (await this.#startNext()) || (await writer.cutBack());
    slab.reject(isGone ? error : fateUnknown(error));
    later.reject(error);
  }

  /** Between two commits; those who asked for a new segment wait for it. */
  async #rollIfAsked(): Promise<void> {
    const rolls = this.#rolls;
    if (rolls.length === 0) return;
    this.#rolls = [];
    if (!this.#tail.isEmpty) await this.#startNext();
    for (const resolve of rolls) resolve();
  }

  /** Tries to put a new segment in place of the old one; the next append may try again. */
  async #startNext(): Promise<boolean> {
    try {
      await this.#tail.create(this.#next);
      return true;
    } catch {
      return false;
    }
  }
}

/** A group commit that is being written. */
interface Commit {
  readonly slab: Slab;
  /** Once there is a segment for it. */
  writer: SegmentWriter | undefined;
  done: Promise<void>;
}

function fateUnknown(error: unknown): MillraceError {
  const { message } = error as Error;
  return new MillraceError('IO', `${message}; the append may appear after a restart`, {
    cause: error,
  });
}
