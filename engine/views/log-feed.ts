import { toErrorData } from '../../platform/errors.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Store } from '../../storage/store.ts';
import type { Topics } from '../broker/topics.ts';
import type { FromWorker, QueueSpan, ToWorker } from './protocol.ts';

type Post = (message: ToWorker, transfer?: readonly ArrayBuffer[]) => void;

/**
 * Tells the worker what became durable: after each group commit, one row for each entry of the
 * topics that it follows. The worker reads the bytes from the files itself.
 */
export class LogFeed {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #post: Post;
  readonly #followed = new Set<number>();
  readonly #unsubscribe: () => void;

  constructor(store: Store, topics: Topics, post: Post) {
    this.#store = store;
    this.#topics = topics;
    this.#post = post;
    this.#unsubscribe = store.onDurable((rows) => this.#onDurable(rows));
  }

  /** Synchronous, so that the spans and the rows that follow leave neither gap nor overlap. */
  follow(topicId: number): void {
    this.#followed.add(topicId);
    const ranges: QueueSpan[] = [];
    for (let queueId = 0; queueId < this.#topics.queueCount(topicId); queueId++) {
      ranges.push(this.#store.range(topicId, queueId));
    }
    this.#post({ type: 'followed', topicId, ranges });
  }

  unfollow(topicId: number): void {
    this.#followed.delete(topicId);
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

  #onDurable(rows: IndexRows): void {
    if (this.#followed.size === 0) return;
    const values = new Float64Array(rows.rowCount * indexRowWidth);
    let rowCount = 0;
    for (let row = 0; row < rows.rowCount; row++) {
      const at = row * indexRowWidth;
      if (!this.#followed.has(rows.values[at + col.topicId]!)) continue;
      values.set(rows.values.subarray(at, at + indexRowWidth), rowCount * indexRowWidth);
      rowCount++;
    }
    if (rowCount === 0) return;
    this.#post({ type: 'rows', rows: { rowCount, values } }, [values.buffer as ArrayBuffer]);
  }
}
