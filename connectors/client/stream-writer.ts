import { systemClock } from '../../platform/system-clock.ts';
import { Batcher, type BatchOptions } from './batcher.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import type { Message } from './message.ts';
import { batchOptionsOf, closed, newId } from './producer.ts';
import { sendDurably } from './send.ts';
import { offsetAt } from './sent.ts';

export interface StreamWriterOptions extends ConnectionOptions, BatchOptions {
  readonly topic: string;
  /** The logical queue. */
  readonly queue: number;
  readonly maxAttempts?: number;
}

type StreamMessage = Omit<Message, 'messageGroup' | 'priority' | 'deliverAtMs'>;

/** Appends messages to one logical queue, in the order of the calls, in batches. */
export class StreamWriter {
  readonly #connection: Connection;
  readonly #batcher: Batcher;
  readonly #target: { readonly topic: string; readonly queue: number };
  #isClosed = false;

  constructor(options: StreamWriterOptions) {
    const { topic, queue, maxAttempts } = options;
    this.#target = { topic, queue };
    this.#connection = new Connection(options);
    this.#batcher = new Batcher(batchOptionsOf(options), systemClock, async (batch) => {
      const id = newId();
      const request = batch.request(id, systemClock.nowMs());
      const entries = await sendDurably(this.#connection, request, maxAttempts);
      return { id, offsets: entries.map(({ offset = 0 }) => offset) };
    });
  }

  /** Resolves when there is room for more. */
  ready(): Promise<void> {
    return this.#batcher.ready();
  }

  get hasRoom(): boolean {
    return this.#batcher.hasRoom;
  }

  /** Resolves with the message's offset when it is durable. Message groups do not count here. */
  async append(message: StreamMessage): Promise<number> {
    if (this.#isClosed) throw closed();
    const target = { ...this.#target, messageGroup: undefined, priority: undefined };
    const { fate, place } = this.#batcher.add(target, message);
    return offsetAt(await fate.known, place);
  }

  flush(): Promise<void> {
    return this.#batcher.flush();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#connection.close();
  }
}
