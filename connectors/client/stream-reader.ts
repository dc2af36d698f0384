import { MillraceError } from '../../platform/errors.ts';
import { encode, fromMillis } from '../rocketmq/codec.ts';
import { checkedResponse, streamAnswer } from './answers.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import type { ReceivedMessage } from './message.ts';
import { deliveryOf } from './received.ts';

export interface StreamReaderOptions extends ConnectionOptions {
  readonly topic: string;
  /** The logical queue. */
  readonly queue: number;
  /** Whose position is committed; needed for `commit` and for starting at `committed`. */
  readonly group?: string;
  /** Where to begin. `beginning`. */
  readonly start?: StreamPosition;
  /** Tags joined by `||`; all messages without it. */
  readonly filter?: string;
}

/** `committed`: the group's, and the beginning when it has none. */
export type StreamPosition =
  | 'beginning'
  | 'end'
  | 'committed'
  | { readonly offset: number }
  | { readonly timeMs: number };

/** Messages or batches asked for at a time. */
const pullMax = 32;

/**
 * Reads one logical queue in order, from any position, as often as wanted.
 *
 * ```ts
 * for await (const message of reader) { ... ; await reader.commit(message.offset + 1); }
 * ```
 */
export class StreamReader {
  readonly #connection: Connection;
  readonly #options: StreamReaderOptions;
  readonly #closing = new AbortController();
  /** Where the next pull begins; `undefined` until it was looked up. */
  #next: number | undefined;
  /** A pull that is under way, from the place in front of it. */
  #ahead: { readonly from: number; readonly answer: Promise<Pulled> } | undefined;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#connection = new Connection(options);
  }

  /** Goes on from there. */
  async seek(position: StreamPosition): Promise<void> {
    this.#next = await this.#offsetOf(position);
    this.#ahead = undefined;
  }

  /** The messages that come next, as they come; none when `waitMs` is up, or at the close. */
  async read(waitMs = 5000): Promise<readonly ReceivedMessage[]> {
    this.#next ??= await this.#offsetOf(this.#options.start ?? 'beginning');
    const from = this.#next;
    const answer = this.#ahead?.from === from ? this.#ahead.answer : this.#pull(from, waitMs);
    this.#ahead = undefined;
    const { messages, next } = await answer;
    // Another `seek` counts, not this answer.
    if (this.#next !== from) return messages;
    this.#next = next;
    if (messages.length > 0 && !this.#closing.signal.aborted) {
      const ahead = this.#pull(next, waitMs);
      ahead.catch(() => undefined);
      this.#ahead = { from: next, answer: ahead };
    }
    return messages;
  }

  /** All messages from here on, for ever; ends at `close`. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<ReceivedMessage> {
    while (!this.#closing.signal.aborted) yield* await this.read();
  }

  /** First and last offset, the last one excluded. */
  async range(): Promise<{ readonly min: number; readonly max: number }> {
    return { min: await this.#offsetOf('beginning'), max: await this.#offsetOf('end') };
  }

  /** The group goes on from `offset`. Throws ILLEGAL_OFFSET. */
  async commit(offset: number): Promise<void> {
    const group = { name: this.#group() };
    const request = encode('UpdateOffsetRequest', { group, message_queue: this.#queue(), offset });
    checkedResponse('UpdateOffset', await this.#connection.unary('UpdateOffset', request));
  }

  close(): void {
    this.#closing.abort();
    this.#connection.close();
  }

  async #pull(offset: number, waitMs: number): Promise<Pulled> {
    const { group, filter } = this.#options;
    const request = encode('PullMessageRequest', {
      ...(group === undefined ? {} : { group: { name: group } }),
      message_queue: this.#queue(),
      offset,
      batch_size: pullMax,
      filter_expression: { type: 'TAG', expression: filter ?? '*' },
      long_polling_timeout: fromMillis(waitMs),
    });
    const { signal } = this.#closing;
    const options = { waitMs, batches: true, signal };
    const answers = await this.#connection.stream('PullMessage', request, options);
    const { messages, nextOffset = offset } = streamAnswer(answers);
    return { messages: messages.flatMap((one) => deliveryOf(one).messages), next: nextOffset };
  }

  async #offsetOf(position: StreamPosition): Promise<number> {
    if (typeof position === 'object' && 'offset' in position) return position.offset;
    if (position === 'committed') return this.#committed();
    const policy = typeof position === 'object' ? 'TIMESTAMP' : position.toUpperCase();
    const request = encode('QueryOffsetRequest', {
      message_queue: this.#queue(),
      query_offset_policy: policy,
      ...(typeof position === 'object' ? { timestamp: fromMillis(position.timeMs) } : {}),
    });
    const bytes = await this.#connection.unary('QueryOffset', request);
    return checkedResponse<{ offset?: number }>('QueryOffset', bytes).offset ?? 0;
  }

  async #committed(): Promise<number> {
    const group = { name: this.#group() };
    const request = encode('GetOffsetRequest', { group, message_queue: this.#queue() });
    const bytes = await this.#connection.unary('GetOffset', request);
    try {
      return checkedResponse<{ offset?: number }>('GetOffset', bytes).offset ?? 0;
    } catch (error) {
      const codes = ['OFFSET_NOT_FOUND', 'GROUP_NOT_FOUND'];
      if (!(error instanceof MillraceError) || !codes.includes(error.code)) throw error;
      return this.#offsetOf('beginning');
    }
  }

  #queue(): object {
    const { topic, queue } = this.#options;
    return { topic: { name: topic }, id: queue };
  }

  #group(): string {
    const { group } = this.#options;
    if (group !== undefined) return group;
    throw new MillraceError('INVALID_ARGUMENT', 'a reader without a group has no position to keep');
  }
}

interface Pulled {
  readonly messages: readonly ReceivedMessage[];
  readonly next: number;
}
