import type { MillraceError } from '../../platform/errors.ts';
import { decode, encode, fromMillis } from '../rocketmq/codec.ts';
import type { Status } from '../rocketmq/status.ts';
import { checkedResponse, checkStatus, errorOf, streamAnswer } from './answers.ts';
import type { Connection } from './connection.ts';
import type { Delivery } from './message.ts';
import { deliveryOf, handleOf } from './received.ts';

export interface ReceiveRequest {
  readonly topic: string;
  /** Tags joined by `||`; all messages without it. */
  readonly filter: string | undefined;
  readonly max: number;
  /** `renewed`: the server keeps the messages for as long as the client's session lives. */
  readonly invisibleMs: number | 'renewed';
  readonly waitMs: number;
  readonly batches: boolean;
  readonly signal?: AbortSignal;
  /** Told of messages that cannot be decoded, which are given back: they come again, or die. */
  readonly onUndecodable?: (error: unknown) => void;
}

/** Before a message that could not be decoded comes again. */
const undecodablePauseMs = 10_000;

/** What the members of a consumer group ask of the server. */
export class GroupCalls {
  readonly #connection: Connection;
  readonly #group: string;

  constructor(connection: Connection, group: string) {
    this.#connection = connection;
    this.#group = group;
  }

  /** Waits for messages; may give none. */
  async receive({ topic, filter, ...request }: ReceiveRequest): Promise<readonly Delivery[]> {
    const { max, invisibleMs, waitMs, batches, signal } = request;
    const bytes = encode('ReceiveMessageRequest', {
      group: { name: this.#group },
      message_queue: { topic: { name: topic }, id: -1 },
      filter_expression: { type: 'TAG', expression: filter ?? '*' },
      batch_size: max,
      ...(invisibleMs === 'renewed'
        ? { auto_renew: true }
        : { invisible_duration: fromMillis(invisibleMs) }),
      long_polling_timeout: fromMillis(waitMs),
    });
    const options = { waitMs, batches, ...(signal === undefined ? {} : { signal }) };
    const answers = await this.#connection.stream('ReceiveMessage', bytes, options);
    const deliveries: Delivery[] = [];
    for (const message of streamAnswer(answers).messages) {
      try {
        deliveries.push(deliveryOf(message));
      } catch (error) {
        request.onUndecodable?.(error);
        const handle = handleOf(message);
        const back = this.changeInvisible(topic, handle, undecodablePauseMs);
        back.catch((failure) => request.onUndecodable?.(failure));
      }
    }
    return deliveries;
  }

  /** What went wrong with each: RECEIPT_HANDLE_EXPIRED when it is too late; most are `undefined`. */
  async ack(
    topic: string,
    handles: readonly string[],
  ): Promise<readonly (MillraceError | undefined)[]> {
    const request = encode('AckMessageRequest', {
      group: { name: this.#group },
      topic: { name: topic },
      entries: handles.map((receipt_handle) => ({ receipt_handle, message_id: '' })),
    });
    interface AckAnswer {
      readonly status?: Status;
      readonly entries?: readonly { readonly status?: Status }[];
    }
    const bytes = await this.#connection.unary('AckMessage', request);
    const answer = decode<AckAnswer>('AckMessageResponse', bytes);
    const { entries = [] } = answer;
    if (entries.length !== handles.length) checkStatus(answer);
    return entries.map(errorOf);
  }

  /** The message comes again after `invisibleMs`; gives the handle that counts from now on. */
  async changeInvisible(
    topic: string,
    handle: string,
    invisibleMs: number,
    suspend = false,
  ): Promise<string> {
    const request = encode('ChangeInvisibleDurationRequest', {
      group: { name: this.#group },
      topic: { name: topic },
      receipt_handle: handle,
      invisible_duration: fromMillis(invisibleMs),
      suspend,
    });
    const bytes = await this.#connection.unary('ChangeInvisibleDuration', request);
    interface ChangeAnswer {
      readonly receipt_handle?: string;
    }
    const answer = checkedResponse<ChangeAnswer>('ChangeInvisibleDuration', bytes);
    return answer.receipt_handle ?? '';
  }
}
