import { MillraceError } from '../../platform/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import { encode } from '../rocketmq/codec.ts';
import { checkedResponse } from './answers.ts';
import { Batcher, type BatchOptions } from './batcher.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import type { Message, SendReceipt } from './message.ts';
import { singleRequest } from './publish-request.ts';
import { sendDurably } from './send.ts';
import { Sent } from './sent.ts';

export interface ProducerOptions extends ConnectionOptions, BatchOptions {
  /** Sends of a request before it counts as failed; as many as go into 30 s unless it is given. */
  readonly maxAttempts?: number;
}

/**
 * Publishes messages in batches: one request and one entry of the log for many of them.
 *
 * ```ts
 * const producer = new Producer({ endpoint: '127.0.0.1:8081' });
 * const { messageId } = await producer.send('orders', { body: '{"id":1}' });
 * ```
 */
export class Producer {
  readonly #connection: Connection;
  readonly #batcher: Batcher;
  readonly #attempts: number | undefined;
  readonly #singles = new Set<Promise<unknown>>();
  /** The last send to each lite topic, until it is over. */
  readonly #lites = new Map<string, Promise<unknown>>();
  #isClosed = false;

  constructor(options: ProducerOptions) {
    this.#connection = new Connection(options);
    this.#attempts = options.maxAttempts;
    this.#batcher = new Batcher(batchOptionsOf(options), systemClock, async (batch) => {
      const id = newId();
      const request = batch.request(id, systemClock.nowMs());
      const entries = await sendDurably(this.#connection, request, this.#attempts);
      return { id, offsets: entries.map(({ offset = 0 }) => offset) };
    });
  }

  /** Whether what waits for its acknowledgement is less than `maxPendingBytes`. */
  get hasRoom(): boolean {
    return this.#batcher.hasRoom;
  }

  /** Resolves when there is room: whoever does not await each `send` awaits this. */
  ready(): Promise<void> {
    return this.#batcher.ready();
  }

  /** Resolves when the message is durable. Throws what the server refuses with, UNAVAILABLE. */
  send(topic: string, message: Message): Promise<SendReceipt> {
    if (this.#isClosed) return Promise.reject(closed());
    const { deliverAtMs, liteTopic } = message;
    if (deliverAtMs !== undefined || liteTopic !== undefined)
      return this.#sendAlone(topic, message);
    const { messageGroup, priority } = message;
    try {
      const target = { topic, messageGroup, priority, queue: undefined };
      const { fate, place } = this.#batcher.add(target, message);
      return new Sent(fate, place);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Takes a delayed message back; gives its id. Throws MESSAGE_NOT_FOUND when it is too late. */
  async recall(topic: string, recallHandle: string): Promise<string> {
    const request = encode('RecallMessageRequest', {
      topic: { name: topic },
      recall_handle: recallHandle,
    });
    const answer = await this.#connection.unary('RecallMessage', request);
    return checkedResponse<{ message_id?: string }>('RecallMessage', answer).message_id ?? '';
  }

  /** Sends what waits; resolves when the fate of all messages is known. */
  async flush(): Promise<void> {
    await this.#batcher.flush();
    await Promise.allSettled(this.#singles);
  }

  /** Flushes, and hangs up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#connection.close();
  }

  /** A delayed message waits for its time by itself; those of lite topics are not packed. */
  #sendAlone(topic: string, message: Message): Promise<SendReceipt> {
    const messageId = newId();
    const request = singleRequest(topic, message, messageId, systemClock.nowMs());
    const isDelayed = message.deliverAtMs !== undefined;
    const call = () => sendDurably(this.#connection, request, this.#attempts);
    const { liteTopic } = message;
    const lane = liteTopic === undefined || isDelayed ? undefined : `${topic}/${liteTopic}`;
    const before = lane === undefined ? undefined : this.#lites.get(lane);
    // Each when the one before it is over: sent again, it must not overtake that.
    const sent = (before === undefined ? call() : before.then(call, call)).then(
      ([{ recall_handle: recallHandle, offset = 0 }]) => ({
        messageId,
        ...(isDelayed ? {} : { offset }),
        ...(recallHandle === undefined || recallHandle === '' ? {} : { recallHandle }),
      }),
    );
    this.#singles.add(sent);
    if (lane !== undefined) this.#lites.set(lane, sent);
    const forget = () => {
      this.#singles.delete(sent);
      if (lane !== undefined && this.#lites.get(lane) === sent) this.#lites.delete(lane);
    };
    sent.then(forget, forget);
    return sent;
  }
}

/** 16 random bytes, hex. */
export function newId(): string {
  return Buffer.from(systemRandom.bytes(16)).toString('hex').toUpperCase();
}

/** Those that were given: `undefined` is no value of theirs. */
export function batchOptionsOf(options: BatchOptions): BatchOptions {
  const { lingerMs, maxBatchMessages, maxBatchBytes, maxInFlight, maxPendingBytes } = options;
  const all = { lingerMs, maxBatchMessages, maxBatchBytes, maxInFlight, maxPendingBytes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export function closed(): MillraceError {
  return new MillraceError('UNAVAILABLE', 'it is closed');
}
