import { type Clock, sleep } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { tableEntry, topicEntry } from '../formats/sink-entry.ts';
import type { PortClient } from './port-client.ts';
import type { SinkNode, SinkPart } from './sink-node.ts';

interface Options {
  readonly client: PortClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A part could not be written, and never will. */
  readonly onFailure: (error: unknown) => void;
}

/** Between two tries to write a part that the disk had no room for. */
const retryMs = 1000;

/**
 * Writes what sinks give out, part after part, in the order of the steps. A checkpoint waits for
 * `flushed`: it must not be ahead of the outputs.
 */
export class SinkWriter {
  readonly #client: PortClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onFailure: (error: unknown) => void;
  #tail: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor({ client, clock, logger, onFailure }: Options) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
    this.#onFailure = onFailure;
  }

  attach(node: SinkNode): void {
    node.onPart = (part) => {
      this.#tail = this.#tail.then(() => this.#write(node, part));
    };
  }

  /** Resolves when everything given out so far is durable. */
  flushed(): Promise<void> {
    return this.#tail;
  }

  /** What is not written yet is written after the next start. */
  close(): void {
    this.#isClosed = true;
  }

  async #write(node: SinkNode, part: SinkPart): Promise<void> {
    const entry = encode(node, part);
    for (;;) {
      // A promise that stays open: no checkpoint may claim what was not written.
      if (this.#isClosed) return new Promise(() => undefined);
      try {
        node.wrote(await this.#client.append(entry));
        return;
      } catch (error) {
        const isFull = error instanceof MillraceError && error.code === 'DISK_FULL';
        if (!isFull) {
          this.#isClosed = true;
          this.#onFailure(error);
          continue;
        }
        this.#logger.log('warn', `sink "${node.relation.name}" waits for room`, { error });
        await sleep(this.#clock, retryMs);
      }
    }
  }
}

function encode({ target, fields }: SinkNode, { rows, origin }: SinkPart) {
  const { topicId, topic } = target;
  if (topic === undefined) {
    const whole = target.hasHiddenKey === true ? withHiddenKey(rows) : rows;
    return {
      topicId,
      kind: 'rows',
      count: rows.rowCount,
      body: tableEntry(whole, origin),
    } as const;
  }
  const { body, count, messageId } = topicEntry(rows, fields, topic.format, topic.name, origin);
  return { topicId, kind: 'messages', count, body, messageId } as const;
}

/** NULL keys are given when the rows are applied. */
function withHiddenKey(rows: Batch): Batch {
  const key: Column = {
    layout: 'i64',
    type: { kind: 'bigint' },
    nulls: new Uint8Array(rows.rowCount).fill(1),
    words: new Int32Array(2 * rows.rowCount),
  };
  return { ...rows, columns: [...rows.columns, key] };
}
