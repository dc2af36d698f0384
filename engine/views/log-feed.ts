import { toErrorData } from '../../platform/errors.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Store } from '../../storage/store.ts';
import type { Topics } from '../broker/topics.ts';
import type { FromWorker, HeldSpan, QueueSpan, ToWorker } from './protocol.ts';

type Post = (message: ToWorker, transfer?: readonly ArrayBuffer[]) => void;

/**
 * Tells the worker what became durable: one row for each entry of the topics that it follows, in
 * the store's one order over all partitions. The worker reads the bytes from the files itself.
 */
export class LogFeed {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #post: Post;
  /** Followed topics: offsets of each queue, below which the worker asks for rows itself. */
  readonly #followed = new Map<number, readonly QueueSpan[]>();
  /** What the worker reads now, by the id of its `hold`. */
  readonly #held = new Map<number, readonly HeldSpan[]>();
  readonly #unsubscribe: () => void;

  constructor(store: Store, topics: Topics, post: Post) {
    this.#store = store;
    this.#topics = topics;
    this.#post = post;
    const unsubscribes = [
      store.onOrdered((rows) => this.#onOrdered(rows)),
      store.onSegmentsReplaced(() => post({ type: 'segments-replaced' })),
    ];
    this.#unsubscribe = () => {
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
  }

  async follow(topicId: number): Promise<void> {
    let ranges: readonly QueueSpan[] | undefined;
    while (ranges === undefined) {
      const queueIds = Array.from({ length: this.#topics.queueCount(topicId) }, (_, id) => id);
      await Promise.all(queueIds.map((queueId) => this.#store.range(topicId, queueId)));
      // From here on in one turn, so that ranges and later rows leave neither gap nor overlap.
      const now = queueIds.map((queueId) => this.#store.rangeNow(topicId, queueId));
      ranges = now.every((range) => range !== undefined) ? now : undefined;
    }
    this.#followed.set(topicId, ranges);
    this.#post({ type: 'followed', topicId, ranges });
  }

  unfollow(topicId: number): void {
    this.#followed.delete(topicId);
  }

  hold(id: number, spans: readonly HeldSpan[]): void {
    this.#held.set(id, spans);
  }

  release(id: number): void {
    this.#held.delete(id);
  }

  get held(): readonly HeldSpan[] {
    return [...this.#held.values()].flat();
  }

  fetch(request: Extract<FromWorker, { type: 'fetch-rows' }>): void {
    const { requestId, topicId, queueId, fromOffset, maxEntries } = request;
    this.#store.indexRows(topicId, queueId, fromOffset, maxEntries).then(
      (rows) => {
        const values = rows.values.slice(0, rows.rowCount * indexRowWidth);
        this.#post({ type: 'fetched-rows', requestId, rows: { rowCount: rows.rowCount, values } }, [
          values.buffer as ArrayBuffer,
        ]);
      },
      (error) => this.#post({ type: 'fetch-failed', requestId, error: toErrorData(error) }),
    );
  }

  close(): void {
    this.#unsubscribe();
  }

  #onOrdered(rows: IndexRows): void {
    if (this.#followed.size === 0) return;
    const values = new Float64Array(rows.rowCount * indexRowWidth);
    let rowCount = 0;
    for (let row = 0; row < rows.rowCount; row++) {
      const at = row * indexRowWidth;
      if (!this.#isWanted(rows.values, at)) continue;
      values.set(rows.values.subarray(at, at + indexRowWidth), rowCount * indexRowWidth);
      rowCount++;
    }
    if (rowCount === 0) return;
    this.#post({ type: 'rows', rows: { rowCount, values } }, [values.buffer as ArrayBuffer]);
  }

  /** A row that is held back for its order may lie below what was durable at `follow`. */
  #isWanted(values: Float64Array, at: number): boolean {
    const ranges = this.#followed.get(values[at + col.topicId]!);
    if (ranges === undefined) return false;
    const span = ranges[values[at + col.queueId]!];
    return span === undefined || values[at + col.baseOffset]! >= span.maxOffset;
  }
}
