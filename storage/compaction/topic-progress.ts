import { MillraceError } from '../../platform/errors.ts';
import type { DerivedKeys } from '../store.ts';
import type { LogCut } from './ordered-entries.ts';

/**
 * How far compaction has come with a topic, kept with the index:
 *
 * | key                   | value                                                             |
 * |-----------------------|-------------------------------------------------------------------|
 * | `compaction/TOPIC-ID` | JSON: `{"clean": CUT, "horizons": [{"cut": CUT, "atMs": ms}...]}`  |
 *
 * A CUT is `[[partition, position]...]`. When the record is lost, compaction starts over: it finds
 * nothing in most places, and tombstones stay longer.
 */
export interface TopicProgress {
  /** In front of it each key has one message at most. */
  readonly clean: LogCut;
  /**
   * Where `clean` was at some times, oldest first. A tombstone in front of such a cut has been the
   * oldest message of its key since then: it may go as soon as that is long enough ago that nobody
   * can still be reading who had met an older one.
   */
  readonly horizons: readonly Horizon[];
}

export interface Horizon {
  readonly cut: LogCut;
  /** By the wall clock. */
  readonly atMs: number;
  /** By the monotonic clock; not kept, and `undefined` for one of an earlier process. */
  readonly monotonicMs?: number;
}

/** The same moment by both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export const noProgress: TopicProgress = { clean: new Map(), horizons: [] };

/** Horizons are kept apart by this part of the time that they wait. */
const horizonParts = 8;

/** In front of the cut. */
export function isBelow(cut: LogCut, partition: number, position: number): boolean {
  return position < (cut.get(partition) ?? 0);
}

/**
 * The newest horizon that has waited for `waitMs`: by the monotonic clock, too, as far as this
 * process can know, since somebody may have set the wall clock forward.
 */
export function dueHorizon(
  { horizons }: TopicProgress,
  waitMs: number,
  { nowMs, monotonicMs }: Moment,
): Horizon | undefined {
  return horizons.findLast(
    (one) => one.atMs + waitMs <= nowMs && (one.monotonicMs ?? -Infinity) + waitMs <= monotonicMs,
  );
}

/**
 * After a pass up to `clean` that used `applied` up. `next`: when there are tombstones left to wait
 * for. Where horizons come close together the newer one stands for both.
 */
export function advanced(
  progress: TopicProgress,
  clean: LogCut,
  applied: Horizon | undefined,
  next: (Moment & { readonly waitMs: number }) | undefined,
): TopicProgress {
  const from = applied === undefined ? 0 : progress.horizons.indexOf(applied) + 1;
  const horizons = progress.horizons.slice(from);
  if (next === undefined) return { clean, horizons };
  const [before, last] = horizons.slice(-2);
  const isClose =
    before !== undefined &&
    last !== undefined &&
    last.atMs - before.atMs < next.waitMs / horizonParts;
  if (isClose) horizons.pop();
  const { nowMs: atMs, monotonicMs } = next;
  return { clean, horizons: [...horizons, { cut: clean, atMs, monotonicMs }] };
}

/** The progress of all topics. */
export class ProgressStore {
  readonly #keys: DerivedKeys;
  #topics: Map<number, TopicProgress> | undefined;

  constructor(keys: DerivedKeys) {
    this.#keys = keys;
  }

  /** Throws CORRUPTION. */
  async load(): Promise<ReadonlyMap<number, TopicProgress>> {
    if (this.#topics !== undefined) return this.#topics;
    this.#topics = new Map();
    for (const [key, value] of await this.#keys.load(prefix)) {
      this.#topics.set(Number(key.slice(prefix.length)), decode(key, value));
    }
    return this.#topics;
  }

  /** After `load`. */
  save(topicId: number, progress: TopicProgress): void {
    this.#topics!.set(topicId, progress);
    const { clean, horizons } = progress;
    const record = {
      clean: [...clean],
      horizons: horizons.map(({ cut, atMs }) => ({ cut: [...cut], atMs })),
    };
    this.#keys.put(keyOf(topicId), new TextEncoder().encode(JSON.stringify(record)));
  }

  /** As `save`, until the next start. After `load`. */
  remember(topicId: number, progress: TopicProgress): void {
    this.#topics!.set(topicId, progress);
  }

  /** After `load`. */
  forget(topicId: number): void {
    if (this.#topics!.delete(topicId)) this.#keys.delete(keyOf(topicId));
  }
}

const prefix = 'compaction/';

function keyOf(topicId: number): string {
  return `${prefix}${topicId}`;
}

type Pairs = readonly (readonly [number, number])[];

function decode(key: string, value: Uint8Array): TopicProgress {
  try {
    const record: {
      readonly clean: Pairs;
      readonly horizons: readonly { readonly cut: Pairs; readonly atMs: number }[];
    } = JSON.parse(new TextDecoder().decode(value));
    const horizons = record.horizons.map(({ cut, atMs }) => ({ cut: new Map(cut), atMs }));
    return { clean: new Map(record.clean), horizons };
  } catch (cause) {
    throw new MillraceError('CORRUPTION', `the index has a damaged record ${key}`, {
      cause,
      hint: 'Remove the directory `index`: it is rebuilt from the log.',
    });
  }
}
