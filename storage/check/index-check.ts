import type { Clock } from '../../platform/clock.ts';
import type { KvStore } from '../kv/kv-store.ts';
import { ConsumeQueues } from '../queues/consume-queues.ts';
import { decodeQueueState, prefixes, prefixKey, queueOfKey } from '../queues/index-format.ts';
import { col, type IndexRows, indexRowWidth } from '../queues/index-rows.ts';
import type { QueueDensity } from './queue-density.ts';
import type { WalkedEntry } from './walk-partition.ts';

const scanPairs = 10_000;

/** Compares the consume-queue index with the entries of the log that it should describe. */
export class IndexCheck {
  /** The log below here is in the index. */
  readonly appliedPosition: number;
  readonly #kv: KvStore;
  readonly #queues: ConsumeQueues;
  readonly #partition: number;

  private constructor(
    kv: KvStore,
    queues: ConsumeQueues,
    partition: number,
    appliedPosition: number,
  ) {
    this.#kv = kv;
    this.#queues = queues;
    this.#partition = partition;
    this.appliedPosition = appliedPosition;
  }

  /** `undefined` when the index is empty: a new or a lost one. */
  static async open(kv: KvStore, clock: Clock, partition: number): Promise<IndexCheck | undefined> {
    const queues = new ConsumeQueues(kv, clock);
    const applied = await queues.load();
    if (applied.size === 0) return undefined;
    return new IndexCheck(kv, queues, partition, applied.get(partition)?.position ?? 0);
  }

  /**
   * What the index says differently of entries that follow each other in the log. `mayLack`: the
   * index may know entries between them, which were taken out of the log on purpose.
   */
  async compare(entries: readonly WalkedEntry[], mayLack: boolean): Promise<string[]> {
    const byQueue = new Map<string, WalkedEntry[]>();
    for (const entry of entries) {
      if (entry.position >= this.appliedPosition) continue;
      const key = `topic ${entry.header.topicId}, queue ${entry.header.queueId}`;
      const list = byQueue.get(key);
      if (list === undefined) byQueue.set(key, [entry]);
      else list.push(entry);
    }
    const texts: string[] = [];
    for (const [queue, list] of byQueue) {
      const text = await this.#compareQueue(list, mayLack);
      if (text !== undefined) texts.push(`${text} (${queue})`);
    }
    return texts;
  }

  /** Queues whose end differs; `density` has followed the log up to the applied position. */
  async compareEnds(density: QueueDensity): Promise<string[]> {
    const texts: string[] = [];
    let known = 0;
    let from: Uint8Array = prefixKey(prefixes.queue);
    const to = prefixKey(prefixes.queue + 1);
    for (;;) {
      const pairs = await this.#kv.scan({ from, to, limit: scanPairs });
      for (const { key, value } of pairs) {
        const { topicId, queueId } = queueOfKey(key);
        const inLog = density.next(topicId, queueId);
        const { minOffset, maxOffset: end, segments } = decodeQueueState(value);
        if (inLog !== undefined) known++;
        // Of a topic that was dropped the log forgets that it was there (retention.ts).
        if (inLog === undefined && minOffset >= end) continue;
        // Of a queue that has moved this partition has a part.
        if (segments.some(({ partition }) => partition !== this.#partition)) continue;
        if ((inLog ?? 0) === end) continue;
        texts.push(
          `has offsets below ${end} of topic ${topicId}, queue ${queueId}; ` +
            `the log has them below ${inLog ?? 0}`,
        );
      }
      const last = pairs.at(-1);
      if (last === undefined || pairs.length < scanPairs) break;
      from = Buffer.concat([last.key, Buffer.of(0)]);
    }
    if (known < density.queueCount) {
      texts.push(`lacks ${density.queueCount - known} queues that the log has`);
    }
    return texts;
  }

  async #compareQueue(all: readonly WalkedEntry[], mayLack: boolean): Promise<string | undefined> {
    const { topicId, queueId } = all[0]!.header;
    const queue = await this.#queues.active.acquire(topicId, queueId);
    this.#queues.active.release(queue);
    // What expired goes from the index first, and later from the log.
    const entries = all.filter(({ header }) => header.baseOffset >= queue.minOffset);
    if (entries.length === 0) return undefined;
    const { baseOffset } = entries[0]!.header;
    const last = entries.at(-1)!.header;
    const offsets = Math.max(0, last.baseOffset + last.count - baseOffset);
    let rows: IndexRows;
    try {
      rows = await this.#queues.read(topicId, queueId, baseOffset, offsets);
    } catch (error) {
      return (error as Error).message;
    }
    let row = 0;
    for (const { header, position } of entries) {
      const at = (column: keyof typeof col) => rows.values[row * indexRowWidth + col[column]]!;
      // A queue that moves away and comes back has entries elsewhere in between.
      const isPassed = () =>
        at('partition') !== this.#partition || (mayLack && at('baseOffset') < header.baseOffset);
      while (row < rows.rowCount && isPassed()) row++;
      if (row >= rows.rowCount) return `lacks offset ${header.baseOffset}`;
      const same =
        at('baseOffset') === header.baseOffset &&
        at('count') === header.count &&
        at('position') === position &&
        // The index keeps the length that an entry had before compaction.
        (header.isThinned ? at('length') >= header.length : at('length') === header.length) &&
        at('storeTimeMs') === header.storeTimeMs &&
        at('tagHash') === header.tagHash;
      if (!same) {
        return (
          `has offset ${at('baseOffset')} (${at('count')} messages) at position ${at('position')}, ` +
          `where the log has offset ${header.baseOffset} (${header.count} messages) at ${position}`
        );
      }
      row++;
    }
    return undefined;
  }
}
