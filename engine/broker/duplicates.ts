import { crc32 } from 'node:zlib';
import type { Clock } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Entry, Store } from '../../storage/store.ts';
import { LogMarks } from './log-marks.ts';
import type { MessageFormat } from './message-format.ts';
import { readRow } from './pop-queue.ts';
import { RecentEntries, type RecentEntry } from './recent-entries.ts';

/** What the header of an entry has of its first message's id; `target` as in `Duplicates.once`. */
export function idHashOf(firstId: string, target?: string): number {
  return crc32(firstId, target === undefined ? 0 : crc32(target));
}

/** Where an entry is, or was already. */
export interface Placed {
  readonly queueId: number;
  readonly baseOffset: number;
}

interface Appending extends Placed {
  readonly storeTimeMs: number;
}

/**
 * Producers send a request again, with the same message ids, when its answer did not come
 * (reference rocketmq-v2, 1.12): within a window it is appended once. An entry is known by its topic,
 * the id of its first message and its number of messages (and, parked, the topic that it is for); the header's hash finds it, the stored
 * entry decides. The window is limits.duplicateWindowMs or limits.duplicateEntriesMax entries,
 * whichever is less; at a start it is filled from the end of the log.
 */
export class Duplicates {
  readonly #store: Store;
  readonly #format: MessageFormat;
  readonly #clock: Clock;
  readonly #recent: RecentEntries;
  /** Entries under way to the disk: a second request waits for the first. */
  readonly #appending = new Map<string, Promise<Placed>>();
  readonly #marks: LogMarks;
  #unsubscribe: () => void = () => undefined;
  #found = 0;

  constructor(store: Store, format: MessageFormat, clock: Clock) {
    this.#store = store;
    this.#format = format;
    this.#clock = clock;
    // No client knows the id, so none can choose ids that share a bucket.
    this.#recent = new RecentEntries(limits.duplicateEntriesMax, crc32(store.serverId));
    this.#marks = new LogMarks(store.derived);
  }

  /** How many requests came again, and how far back the window goes now. */
  stats(): { readonly found: number; readonly entries: number; readonly windowMs: number } {
    const { oldestMs, size } = this.#recent;
    const windowMs = oldestMs === undefined ? 0 : this.#clock.nowMs() - oldestMs;
    return { found: this.#found, entries: size, windowMs };
  }

  /** Fills the window from the end of the log. */
  async open(): Promise<void> {
    await this.#marks.open();
    const sinceMs = this.#clock.nowMs() - limits.duplicateWindowMs;
    const entries: RecentEntry[] = [];
    for (const partition of this.#store.partitions) {
      const from = this.#marks.startOf(partition, sinceMs);
      await this.#store.scan(partition, from, ({ firstIdHash, ...entry }) => {
        if (firstIdHash !== 0 && entry.storeTimeMs >= sinceMs) {
          entries.push({ ...entry, idHash: firstIdHash });
        }
      });
    }
    entries.sort((a, b) => a.storeTimeMs - b.storeTimeMs);
    for (const entry of entries) this.#recent.add(entry);
    this.#unsubscribe = this.#store.onDurable((rows) => this.#marks.take(rows));
  }

  close(): void {
    this.#unsubscribe();
  }

  /**
   * Appends the entry unless it is there; `append` must begin its append in the same turn. A parked
   * message is also told apart by the topic that it is for, its `target`.
   */
  async once(
    topicId: number,
    firstId: string,
    count: number,
    append: () => Promise<Appending>,
    target?: string,
  ): Promise<Placed> {
    const key = `${topicId}/${count}/${target ?? ''}/${firstId}`;
    const appending = this.#appending.get(key);
    if (appending !== undefined) {
      this.#found++;
      return appending;
    }
    const run = this.#run(topicId, firstId, count, append, target);
    this.#appending.set(key, run);
    try {
      return await run;
    } finally {
      this.#appending.delete(key);
    }
  }

  async #run(
    topicId: number,
    firstId: string,
    count: number,
    append: () => Promise<Appending>,
    target: string | undefined,
  ): Promise<Placed> {
    const idHash = idHashOf(firstId, target);
    this.#recent.dropBefore(this.#clock.nowMs() - limits.duplicateWindowMs);
    for (const candidate of this.#recent.find(topicId, idHash, count)) {
      const entry = await this.#entryAt(candidate);
      const isSame =
        entry !== undefined &&
        this.#format.firstId(entry) === firstId &&
        (target === undefined || this.#format.parked(entry).topic === target);
      if (isSame) {
        this.#found++;
        return candidate;
      }
    }
    const placed = await append();
    const { queueId, baseOffset, storeTimeMs } = placed;
    this.#recent.add({ topicId, count, idHash, queueId, baseOffset, storeTimeMs });
    return placed;
  }

  async #entryAt({ topicId, queueId, baseOffset }: RecentEntry): Promise<Entry | undefined> {
    const rows = await this.#store.indexRows(topicId, queueId, baseOffset, 1);
    const entry = rows.rowCount === 0 ? undefined : await readRow(this.#store, rows, 0);
    return entry?.baseOffset === baseOffset ? entry : undefined;
  }
}
