import { type Clock, sleep } from '../../platform/clock.ts';
import { type ErrorCode, MillraceError, toErrorData } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { PortClient } from './port-client.ts';
import type { AppendedEntry } from './protocol.ts';
import type { SinkNode } from './sink-node.ts';
import { entriesOf, type SinkOutput } from './sink-output.ts';
import type { TableLocks } from './table-locks.ts';

interface Options {
  readonly client: PortClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly locks: TableLocks;
  /** Whether the sink still exists. */
  readonly exists: (node: SinkNode) => boolean;
}

/** Between two tries to write a part that the disk did not take. */
const retryMs = 1000;

/** What passes: the entry is not in the log, and may be another time. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'DISK_FULL',
  'IO',
  'RESOURCE_LIMIT',
  'UNAVAILABLE',
]);

/**
 * Writes what sinks give out: of each sink part after part, in the order of the steps; sinks do not
 * wait for each other. A sink whose part can never be written stops, and all else goes on. A
 * checkpoint waits for `flushed`: it must not be ahead of the outputs.
 */
export class SinkWriter {
  readonly #options: Options;
  /** Of each sink that has something to write, when all of it is written. */
  readonly #lanes = new Map<SinkNode, Promise<void>>();
  /** Who is to be told when the disk does not take a part. */
  readonly #onRefusal = new Set<(isWritten: false) => void>();
  readonly #closing: Promise<void>;
  #close: () => void = () => undefined;
  #isClosed = false;
  #hasGivenUp = false;

  constructor(options: Options) {
    this.#options = options;
    this.#closing = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  attach(node: SinkNode): void {
    node.onOutput = (output) => {
      const before = this.#lanes.get(node) ?? Promise.resolve();
      const lane = before
        .then(() => this.#writeAll(node, output))
        .catch((error) =>
          node.contain(() => {
            throw error;
          }),
        );
      this.#lanes.set(node, lane);
      void lane.then(() => {
        if (this.#lanes.get(node) === lane) this.#lanes.delete(node);
      });
    };
  }

  /**
   * Resolves when everything given out so far is durable, but for what stopped sinks lost; `false`
   * when part of it was given up, or the disk does not take it now: what frees the disk may wait
   * for the answer.
   */
  async flushed(): Promise<boolean> {
    if (this.#isWaiting) return false;
    const all = Promise.all(this.#lanes.values()).then(() => !this.#hasGivenUp);
    let refuse: (isWritten: false) => void = () => undefined;
    const refusal = new Promise<false>((resolve) => {
      refuse = resolve;
    });
    this.#onRefusal.add(refuse);
    try {
      return await Promise.race([all, refusal]);
    } finally {
      this.#onRefusal.delete(refuse);
    }
  }

  /** A stop waits for the last tries. */
  get #isWaiting(): boolean {
    if (this.#isClosed) return false;
    return [...this.#lanes.keys()].some(
      (node) => node.waiting !== undefined && !this.#isPointless(node),
    );
  }

  /** From now on nothing is tried again: the next start writes what is not written then. */
  close(): void {
    this.#isClosed = true;
    this.#close();
  }

  async #writeAll(node: SinkNode, output: SinkOutput): Promise<void> {
    for (const entry of entriesOf(output, node.target, node.fields)) {
      while (!this.#isPointless(node) && !(await this.#write(node, entry))) {
        if (this.#isClosed) this.#hasGivenUp = true;
      }
      if (this.#isPointless(node)) return;
    }
    // A sink that stopped meanwhile has none left.
    node.outputs.shift();
  }

  #isPointless(node: SinkNode): boolean {
    return this.#hasGivenUp || node.failure !== undefined || !this.#options.exists(node);
  }

  /** False when it may be tried again. */
  async #write(node: SinkNode, entry: AppendedEntry): Promise<boolean> {
    const { client, clock, logger, locks } = this.#options;
    const { name } = node.relation;
    try {
      node.wrote(await locks.run(entry.topicId, () => client.append(entry)));
      node.waiting = undefined;
      return true;
    } catch (error) {
      const { code, message, sqlState } = toErrorData(error);
      const reason = new MillraceError(code, `sink "${name}": ${message}`, {
        cause: error,
        ...(sqlState === undefined ? {} : { sqlState }),
      });
      if (!passing.has(code)) {
        node.stop(reason);
        return true;
      }
      if (node.waiting?.message !== reason.message) {
        logger.log('warn', `sink "${name}" waits`, { reason: message });
      }
      node.waiting = reason;
      for (const refuse of this.#onRefusal) refuse(false);
      if (!this.#isClosed) await Promise.race([sleep(clock, retryMs), this.#closing]);
      return false;
    }
  }
}
