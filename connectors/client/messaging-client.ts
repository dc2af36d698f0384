import { systemClock } from '../../platform/system-clock.ts';
import { systemRandom } from '../../platform/system-random.ts';
import {
  type AdminMethod,
  type AdminRequest,
  type AdminResponse,
  adminCodec,
  adminPath,
} from '../admin/proto.ts';
import type { Credentials } from '../auth/signature.ts';
import { type Duration, decode, encode, fromMillis, millisOf } from '../rocketmq/codec.ts';
import { checkedResponse, checkStatus, streamAnswer } from './answers.ts';
import { Connection } from './connection.ts';
import { publishRequest } from './publish-request.ts';

export interface OutgoingMessage {
  readonly body: Uint8Array;
  readonly tag?: string;
  readonly keys?: readonly string[];
  /** All messages of a request have the same one, or none. */
  readonly messageGroup?: string;
  readonly properties?: Readonly<Record<string, string>>;
}

export interface ReceivedMessage {
  readonly messageId: string;
  readonly body: Uint8Array;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly queue: number;
  readonly offset: number;
  readonly storeTimeMs: number;
  readonly receiptHandle: string;
}

export interface ReceiveOptions {
  readonly max: number;
  readonly invisibleMs: number;
  readonly waitMs: number;
}

interface WireMessage {
  readonly body?: Uint8Array;
  readonly user_properties?: Readonly<Record<string, string>>;
  readonly system_properties?: {
    readonly message_id?: string;
    readonly tag?: string;
    readonly keys?: readonly string[];
    readonly queue_id?: number;
    readonly queue_offset?: number;
    readonly store_timestamp?: Duration;
    readonly receipt_handle?: string;
  };
}

/** Publishes and consumes over `apache.rocketmq.v2`; any number of calls may be in flight. */
export class MessagingClient {
  readonly #connection: Connection;

  /** `endpoint` is HOST:PORT; `credentials` for a server with access control. */
  constructor(endpoint: string, credentials?: Credentials) {
    this.#connection = new Connection({
      endpoint,
      ...(credentials === undefined ? {} : { credentials }),
    });
  }

  /** One batch is one entry of each queue that its keys belong on. Resolves with the messages' ids when it is durable. */
  async publish(topic: string, messages: readonly OutgoingMessage[]): Promise<readonly string[]> {
    const request = publishRequest(topic, messages, systemClock.nowMs(), systemRandom);
    interface SendAnswer {
      readonly entries?: readonly { readonly message_id?: string }[];
    }
    const answer = await this.#unary<SendAnswer>('SendMessage', request);
    return (answer.entries ?? []).map((entry) => entry.message_id ?? '');
  }

  /** Waits up to `waitMs` for messages; may give none. */
  async receive(
    topic: string,
    group: string,
    { max, invisibleMs, waitMs }: ReceiveOptions,
  ): Promise<readonly ReceivedMessage[]> {
    const request = encode('ReceiveMessageRequest', {
      group: { name: group },
      message_queue: { topic: { name: topic }, id: -1 },
      batch_size: max,
      invisible_duration: fromMillis(invisibleMs),
      long_polling_timeout: fromMillis(waitMs),
    });
    return (await this.#stream('ReceiveMessage', request, waitMs)).map(received);
  }

  async ack(topic: string, group: string, message: ReceivedMessage): Promise<void> {
    const { messageId, receiptHandle } = message;
    const request = encode('AckMessageRequest', {
      group: { name: group },
      topic: { name: topic },
      entries: [{ message_id: messageId, receipt_handle: receiptHandle }],
    });
    await this.#unary('AckMessage', request);
  }

  /** Messages of one queue from `offset` on, in order; none at its end. */
  async pull(
    topic: string,
    queue: number,
    offset: number,
    max: number,
  ): Promise<readonly ReceivedMessage[]> {
    const request = encode('PullMessageRequest', {
      message_queue: { topic: { name: topic }, id: queue },
      offset,
      batch_size: max,
    });
    return (await this.#stream('PullMessage', request, 0)).map(received);
  }

  /** Offsets in [min, max) of each queue hold messages. */
  async queueOffsets(
    topic: string,
  ): Promise<readonly { readonly queue: number; readonly min: number; readonly max: number }[]> {
    interface RouteAnswer {
      readonly message_queues?: readonly { readonly id?: number }[];
    }
    const route = encode('QueryRouteRequest', { topic: { name: topic } });
    const { message_queues: queues = [] } = await this.#unary<RouteAnswer>('QueryRoute', route);
    return Promise.all(
      queues.map(async ({ id: queue = 0 }) => ({
        queue,
        min: await this.#offset(topic, queue, 'BEGINNING'),
        max: await this.#offset(topic, queue, 'END'),
      })),
    );
  }

  /** First offset stored at or after the time; the end of the queue without one. */
  offsetAtTime(topic: string, queue: number, timeMs: number): Promise<number> {
    return this.#offset(topic, queue, 'TIMESTAMP', timeMs);
  }

  /** Messages of the topic by id or key, newest first, at most `max`. */
  async find(
    topic: string,
    name: { readonly id: string } | { readonly key: string },
    max: number,
  ): Promise<readonly ReceivedMessage[]> {
    const by = 'id' in name ? { message_id: name.id } : { key: name.key };
    const { messages = [] } = await this.admin('FindMessages', { topic, max, ...by });
    return messages.map((bytes) => received(decode<WireMessage>('Message', bytes)));
  }

  /** A call of the admin service. Throws what the server refuses with. */
  async admin<M extends AdminMethod>(
    method: M,
    request: AdminRequest<M>,
  ): Promise<AdminResponse<M>> {
    const bytes = adminCodec(method, 'Request').encode(request);
    const answer = await this.#connection.call(adminPath(method), bytes);
    const response = adminCodec(method, 'Response').decode(answer) as AdminResponse<M>;
    checkStatus({ status: { code: response.code ?? 0, message: response.error ?? '' } });
    return response;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #offset(topic: string, queue: number, policy: string, timeMs = 0): Promise<number> {
    const request = encode('QueryOffsetRequest', {
      message_queue: { topic: { name: topic }, id: queue },
      query_offset_policy: policy,
      timestamp: fromMillis(timeMs),
    });
    interface OffsetAnswer {
      readonly offset?: number;
    }
    return (await this.#unary<OffsetAnswer>('QueryOffset', request)).offset ?? 0;
  }

  async #unary<T>(method: string, request: Buffer): Promise<T> {
    return checkedResponse<T>(method, await this.#connection.unary(method, request));
  }

  async #stream(method: string, request: Buffer, waitMs: number): Promise<readonly WireMessage[]> {
    const answers = await this.#connection.stream(method, request, { waitMs });
    return streamAnswer(answers).messages.map((bytes) => decode<WireMessage>('Message', bytes));
  }
}

function received({ body, user_properties, system_properties: system }: WireMessage) {
  return {
    messageId: system?.message_id ?? '',
    body: body ?? new Uint8Array(0),
    tag: system?.tag,
    keys: system?.keys ?? [],
    properties: user_properties ?? {},
    queue: system?.queue_id ?? 0,
    offset: system?.queue_offset ?? 0,
    storeTimeMs: millisOf(system?.store_timestamp) ?? 0,
    receiptHandle: system?.receipt_handle ?? '',
  };
}
