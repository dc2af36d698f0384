import { assert } from '../../platform/assert.ts';
import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Segment } from './segment.ts';
import { type Pause, sealSegment } from './segment-sealer.ts';

/** A segment of up to this size is sealed even while the log is being closed. */
const sealAtCloseBytes = 64 * 1024 * 1024;

export interface SegmentListOptions {
  readonly clock: Clock;
  /** Resolves when nobody writes zeros to the segment any more. */
  readonly writerIdle: (segment: Segment) => Promise<void>;
  /** Builds the segment's key file, unless it is there. */
  readonly index: (segment: Segment, pause: Pause) => Promise<void>;
}

/**
 * The segments of one partition, in the order of the stream; only the last one takes writes. Work
 * on the others, sealing and cleaning, runs here in the background, one piece at a time.
 */
export class SegmentList {
  readonly #options: SegmentListOptions;
  readonly #segments: Segment[];
  readonly #indexed = new WeakSet<Segment>();
  #work: Promise<unknown> = Promise.resolve();
  #isMaintaining = false;
  #isClosed = false;

  constructor(segments: readonly Segment[], options: SegmentListOptions) {
    this.#options = options;
    this.#segments = [...segments];
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  /** The last segment that begins at or before the position. */
  at(position: number): Segment {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#segments[middle]!.start <= position) low = middle;
      else high = middle - 1;
    }
    assert(this.#segments[low] !== undefined, 'a position lies in a segment');
    return this.#segments[low]!;
  }

  /** The last segment takes no more writes; `segment` takes its place. */
  add(segment: Segment): void {
    this.#segments.at(-1)?.finish(segment.start);
    this.#segments.push(segment);
    this.maintain();
  }

  /** Whether these are among the segments, as neighbours in this order. */
  holds(run: readonly Segment[]): boolean {
    const from = this.#segments.indexOf(run[0]!);
    return from >= 0 && run.every((segment, i) => this.#segments[from + i] === segment);
  }

  /** `next` takes the place of neighbours that together cover what it covers. */
  replace(old: readonly Segment[], next: Segment): void {
    assert(this.holds(old), 'segments that follow each other');
    const from = this.#segments.indexOf(old[0]!);
    assert(next.start === old[0]!.start && next.end === old.at(-1)!.end, 'the same range');
    this.#segments.splice(from, old.length, next);
  }

  /** Runs `work` when what was begun before it has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => undefined);
    return result;
  }

  /** Gives other work a turn. Rejects with UNAVAILABLE once the log is being closed. */
  readonly pause: Pause = async () => {
    await this.#turn();
    if (this.#isClosed) throw new MillraceError('UNAVAILABLE', 'the log is closed');
  };

  /** Starts giving footers and key files to the segments that lack them. */
  maintain(): void {
    if (this.#isMaintaining) return;
    this.#isMaintaining = true;
    void this.exclusive(() => this.#maintainAll());
  }

  readonly #turn: Pause = () => new Promise<void>((resolve) => this.#options.clock.soon(resolve));

  /**
   * Ends the work in the background; what it had not finished is done after the next start. Small
   * segments still get their footers, so that a log is seldom left without.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#work;
  }

  /** What could not be done is tried again when the next segment needs it. */
  async #maintainAll(): Promise<void> {
    this.#isMaintaining = false;
    for (const segment of this.#segments.slice(0, -1)) {
      if (this.#isClosed && (segment.isSealed || !this.#isSmall(segment))) continue;
      try {
        await this.#maintainOne(segment);
      } catch {
        // Reads meet what is wrong with it; the log goes on.
      }
    }
  }

  #isSmall({ entryBytes }: Segment): boolean {
    return entryBytes <= sealAtCloseBytes;
  }

  async #maintainOne(segment: Segment): Promise<void> {
    const { writerIdle, index } = this.#options;
    if (!segment.isSealed) {
      await writerIdle(segment);
      await sealSegment(segment, this.#isSmall(segment) ? this.#turn : this.pause);
    }
    if (this.#indexed.has(segment)) return;
    await index(segment, this.pause);
    this.#indexed.add(segment);
  }
}
