import { MillraceError } from '../../platform/errors.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { ExecuteOptions, Progress, SqlResult } from './sql-service.ts';

/** Batches that the worker may send ahead of the consumer: bounds what a slow reader holds. */
export const batchesAhead = 4;

interface Actions {
  /** One batch was consumed. */
  credit(): void;
  cancel(): void;
  /** The worker will say nothing more about this execution. */
  ended(): void;
}

/** One statement text under way, as the main thread sees it. */
export class Execution {
  readonly result: Promise<SqlResult>;
  readonly #options: ExecuteOptions;
  readonly #actions: Actions;
  readonly #batches: Batch[] = [];
  #settle!: { resolve: (result: SqlResult) => void; reject: (error: unknown) => void };
  #wake: (() => void) | undefined;
  #ended = false;
  #error: MillraceError | undefined;
  readonly #onAbort = () => this.#cancel();

  constructor(options: ExecuteOptions, actions: Actions) {
    this.#options = options;
    this.#actions = actions;
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // A consumer that has gone away must not turn a failure into an unhandled rejection.
    this.result.catch(() => undefined);
    if (options.signal?.aborted === true) queueMicrotask(this.#onAbort);
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onFields(fields: readonly Field[]): void {
    this.#settle.resolve({ kind: 'rows', fields, batches: this.#read() });
  }

  onBatch(batch: Batch): void {
    this.#batches.push(batch);
    this.#wake?.();
  }

  onProgress(progress: Progress): void {
    this.#options.onProgress?.(progress);
  }

  onDone(tag: string, rowsAffected: number | undefined): void {
    // For rows the result is settled already, and this changes nothing.
    this.#settle.resolve({
      kind: 'command',
      tag,
      ...(rowsAffected === undefined ? {} : { rowsAffected }),
    });
    this.#end();
  }

  onFailed(error: MillraceError): void {
    this.#error ??= error;
    this.#settle.reject(error);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#actions.ended();
    this.#wake?.();
  }

  #cancel(): void {
    if (this.#ended) return;
    this.#actions.cancel();
    this.onFailed(new MillraceError('CANCELLED', 'the query was cancelled', { sqlState: '57014' }));
  }

  async *#read(): AsyncGenerator<Batch> {
    try {
      for (;;) {
        if (this.#error !== undefined) throw this.#error;
        const batch = this.#batches.shift();
        if (batch !== undefined) {
          this.#actions.credit();
          yield batch;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      if (!this.#ended) this.#cancel();
    }
  }
}
