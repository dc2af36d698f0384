import { MillraceError } from '../platform/errors.ts';
import { limits } from '../platform/limits.ts';
import type { ActiveQueues } from './queues/active-queues.ts';
import type { LogicalQueue } from './queues/logical-queue.ts';
import { queueNumber } from './queues/queue-number.ts';

interface Gate {
  /** What goes on, in order, when the gate opens; `undefined` when the queue could not be read. */
  readonly waiting: ((queue: LogicalQueue | undefined, error: unknown) => void)[];
  readonly opened: Promise<void>;
}

/**
 * Holds appends back, queue by queue, while the queue is brought into memory or moves to another
 * partition. When a gate opens, everything that waited goes on at once and in its order, before
 * anything that comes later.
 */
export class QueueGates {
  readonly #active: ActiveQueues;
  readonly #gates = new Map<number, Gate>();
  #heldBytes = 0;

  constructor(active: ActiveQueues) {
    this.#active = active;
  }

  isClosed(topicId: number, queueId: number): boolean {
    return this.#gates.size > 0 && this.#gates.has(queueNumber(topicId, queueId));
  }

  /**
   * Runs `proceed` when the queue is in memory and its gate is open; `bytes` are held meanwhile.
   * Rejects with IO, CORRUPTION, and RESOURCE_LIMIT when more would be held than memory should.
   */
  wait<T>(
    topicId: number,
    queueId: number,
    bytes: number,
    proceed: (queue: LogicalQueue) => Promise<T>,
  ): Promise<T> {
    if (this.#heldBytes + bytes > limits.heldAppendBytesMax) {
      const text = 'too much waits for queues that are looked up or move';
      return Promise.reject(new MillraceError('RESOURCE_LIMIT', text));
    }
    this.#heldBytes += bytes;
    const number = queueNumber(topicId, queueId);
    let gate = this.#gates.get(number);
    if (gate === undefined) {
      gate = this.#close(number);
      void this.#openWhenLoaded(topicId, queueId);
    }
    const { waiting } = gate;
    return new Promise((resolve, reject) => {
      waiting.push((queue, error) => {
        this.#heldBytes -= bytes;
        if (queue === undefined) reject(error);
        else proceed(queue).then(resolve, reject);
      });
    });
  }

  /** Runs `work` while the gates of all the queues are closed. */
  async closeWhile(
    topicId: number,
    queueIds: readonly number[],
    work: (queues: readonly LogicalQueue[]) => Promise<void>,
  ): Promise<void> {
    const queues: LogicalQueue[] = [];
    const numbers: number[] = [];
    try {
      for (const queueId of new Set(queueIds)) {
        const number = queueNumber(topicId, queueId);
        for (;;) {
          const gate = this.#gates.get(number);
          if (gate === undefined) break;
          await gate.opened;
        }
        this.#close(number);
        numbers.push(number);
        queues.push(await this.#active.acquire(topicId, queueId));
      }
      await work(queues);
    } catch (error) {
      // Only reading the last queue may have failed: nothing waits for what is not in memory.
      for (const number of numbers.slice(queues.length)) this.#open(number, undefined, error);
      throw error;
    } finally {
      for (const [i, queue] of queues.entries()) {
        this.#open(numbers[i]!, queue, undefined);
        this.#active.release(queue);
      }
    }
  }

  #close(number: number): Gate {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gate: Gate = { waiting: [], opened };
    this.#gates.set(number, gate);
    gate.waiting.push(open);
    return gate;
  }

  #open(number: number, queue: LogicalQueue | undefined, error: unknown): void {
    const { waiting } = this.#gates.get(number)!;
    this.#gates.delete(number);
    for (const proceed of waiting) proceed(queue, error);
  }

  async #openWhenLoaded(topicId: number, queueId: number): Promise<void> {
    const number = queueNumber(topicId, queueId);
    try {
      const queue = await this.#active.acquire(topicId, queueId);
      this.#open(number, queue, undefined);
      this.#active.release(queue);
    } catch (error) {
      this.#open(number, undefined, error);
    }
  }
}
