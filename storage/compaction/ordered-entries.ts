import { entryOf } from '../log/entry-format.ts';
import type { LogPartition } from '../log/partition.ts';
import type { Segment } from '../log/segment.ts';
import { readPieces } from '../log/segment-sealer.ts';
import type { Entry } from '../store.ts';

/** A place between the entries of all partitions: per partition, the position of the next one. */
export type LogCut = ReadonlyMap<number, number>;

/** Part of a partition: segments that follow each other, of which some hold what is wanted. */
export interface Stretch {
  readonly log: LogPartition;
  /** Those to be read. */
  readonly segments: readonly Segment[];
  readonly from: number;
  readonly to: number;
  /** No entry from `to` on is older than this; Infinity when there is none. */
  readonly laterMs: number;
}

/**
 * Entries of several partitions in the order of their store times, those of one partition in the
 * order of their positions; up to where an entry that is not in the stretches could come before.
 * Where a segment is damaged (Segment.damage) the rest of it is left out.
 */
export class OrderedEntries {
  readonly #streams: readonly Stream[];

  constructor(stretches: readonly Stretch[], isWanted: (topicId: number) => boolean) {
    this.#streams = stretches.map((stretch) => new Stream(stretch, isWanted));
  }

  /** The next entry, again and again until `skip`; `undefined` at the end. Throws IO. */
  async peek(): Promise<Entry | undefined> {
    let oldest: Entry | undefined;
    let laterMs = Infinity;
    for (const stream of this.#streams) {
      const head = stream.isFilled ? stream.head : await stream.fill();
      if (head === undefined) laterMs = Math.min(laterMs, stream.stretch.laterMs);
      else if (oldest === undefined || head.storeTimeMs < oldest.storeTimeMs) oldest = head;
    }
    return oldest !== undefined && oldest.storeTimeMs < laterMs ? oldest : undefined;
  }

  skip(entry: Entry): void {
    this.#streams.find(({ head }) => head === entry)!.take();
  }

  /** After `peek`: nothing is left in any stretch. */
  get isAtEnd(): boolean {
    return this.#streams.every(({ head }) => head === undefined);
  }

  /** In front of the entry that `peek` gives. */
  cut(): LogCut {
    return new Map(
      this.#streams.map(({ head, stretch }) => [stretch.log.number, head?.position ?? stretch.to]),
    );
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) await stream.close();
  }
}

class Stream {
  readonly stretch: Stretch;
  /** The next entry, once `isFilled`. */
  head: Entry | undefined;
  isFilled = false;
  readonly #pieces: AsyncGenerator<readonly Entry[]>;
  #piece: readonly Entry[] = [];
  #next = 0;

  constructor(stretch: Stretch, isWanted: (topicId: number) => boolean) {
    this.stretch = stretch;
    this.#pieces = entriesOf(stretch, isWanted);
  }

  async fill(): Promise<Entry | undefined> {
    while (this.#next === this.#piece.length) {
      const { done, value } = await this.#pieces.next();
      if (done === true) {
        this.isFilled = true;
        return undefined;
      }
      this.#piece = value;
      this.#next = 0;
    }
    this.head = this.#piece[this.#next++];
    this.isFilled = true;
    return this.head;
  }

  take(): void {
    this.head = undefined;
    this.isFilled = false;
  }

  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }
}

/** The wanted entries of the stretch, some at a time. */
async function* entriesOf(
  { log, segments, from, to }: Stretch,
  isWanted: (topicId: number) => boolean,
): AsyncGenerator<readonly Entry[]> {
  for (const segment of segments) {
    if (segment.damage !== undefined) continue;
    try {
      for await (const { bytes, entries } of readPieces(
        segment,
        log.pause,
        Math.max(from, segment.start),
      )) {
        const wanted: Entry[] = [];
        for (const { header, at, position } of entries) {
          if (position >= to) return yield wanted;
          if (isWanted(header.topicId))
            wanted.push(entryOf(header, bytes, at, log.number, position));
        }
        yield wanted;
      }
    } catch (error) {
      if (segment.damage !== error) throw error;
    }
  }
}
