import type { Batch } from '../../sql/columns/batch.ts';
import { compacted } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import { sliced } from '../dataflow/sort.ts';
import { batchesAhead } from './execution.ts';
import type { PortClient } from './port-client.ts';

/** Rows of one batch of a result. */
const resultRowsMax = 8192;

/** Where one statement's answer goes. */
export interface Answer {
  progress(done: number, total: number): void;
  /** Throws CANCELLED work away: true when nobody waits any more. */
  readonly isCancelled: boolean;
  rows(fields: readonly Field[], batches: readonly Batch[], tag: string): void;
  done(tag: string, rows?: number): void;
}

interface Stream {
  readonly batches: Iterator<Batch>;
  readonly tag: string;
  credits: number;
}

/** Results on their way out: no more batches ahead than the consumer has room for. */
export class ResultStreams {
  readonly #client: PortClient;
  readonly #streams = new Map<number, Stream>();
  readonly #cancelled = new Set<number>();
  readonly #open = new Set<number>();

  constructor(client: PortClient) {
    this.#client = client;
  }

  open(id: number): Answer {
    this.#open.add(id);
    const cancelled = this.#cancelled;
    return {
      progress: (done, total) =>
        this.#client.post({ type: 'progress', id, progress: { done, total } }),
      get isCancelled() {
        return cancelled.has(id);
      },
      rows: (fields, batches, tag) => {
        this.#client.post({
          type: 'fields',
          id,
          fields: fields.map(({ name, type, nullable }) => ({ name, type, nullable })),
        });
        this.#streams.set(id, { batches: allSliced(batches), tag, credits: batchesAhead });
        this.#send(id);
      },
      done: (tag, rows) => {
        this.#client.post({ type: 'done', id, tag, ...(rows === undefined ? {} : { rows }) });
        this.close(id);
      },
    };
  }

  credit(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.credits++;
    this.#send(id);
  }

  cancel(id: number): void {
    if (this.#open.has(id)) this.#cancelled.add(id);
    this.#streams.delete(id);
  }

  cancelAll(): void {
    for (const id of this.#open) this.cancel(id);
  }

  close(id: number): void {
    this.#streams.delete(id);
    this.#cancelled.delete(id);
    this.#open.delete(id);
  }

  #send(id: number): void {
    const stream = this.#streams.get(id);
    while (stream !== undefined && stream.credits > 0) {
      const next = stream.batches.next();
      if (next.done === true) {
        this.#client.post({ type: 'done', id, tag: stream.tag });
        return this.close(id);
      }
      stream.credits--;
      this.#client.post({ type: 'batch', id, batch: compacted(next.value) });
    }
  }
}

function* allSliced(batches: readonly Batch[]): Generator<Batch> {
  for (const batch of batches) yield* sliced(batch, resultRowsMax);
}
