import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { col } from '../../storage/queues/index-rows.ts';
import type { Store } from '../../storage/store.ts';
import { type Duration, decode, encode, millisOf } from './codec.ts';
import { deliveredMessage } from './deliver.ts';
import { scanSendRequest } from './scan.ts';
import type { MessagingOptions, StreamCall, UnaryCall } from './service.ts';
import { noNewMessage, ok, statusOf } from './status.ts';
import { delimited } from './wire.ts';

interface QueueName {
  readonly topic?: { readonly name?: string };
  readonly id?: number;
}

/** Reading a logical queue in order from any offset, without a consumer group. */
export class ReadMethods {
  readonly #store: Store;
  readonly #topics: Topics;

  constructor({ store, topics }: MessagingOptions) {
    this.#store = store;
    this.#topics = topics;
  }

  async queryOffset({ request }: UnaryCall): Promise<Buffer> {
    interface OffsetRequest {
      readonly message_queue?: QueueName;
      readonly query_offset_policy?: string;
      readonly timestamp?: Duration;
    }
    const query = decode<OffsetRequest>('QueryOffsetRequest', request);
    const { topicId, queueId } = this.#queue(query.message_queue);
    const { minOffset, maxOffset } = this.#store.range(topicId, queueId);
    let offset = minOffset;
    if (query.query_offset_policy === 'END') offset = maxOffset;
    if (query.query_offset_policy === 'TIMESTAMP') {
      const timeMs = millisOf(query.timestamp) ?? 0;
      offset = await this.#store.offsetAtTime(topicId, queueId, timeMs);
    }
    return encode('QueryOffsetResponse', { status: ok, offset });
  }

  async pull(call: StreamCall): Promise<void> {
    try {
      const { messages, nextOffset } = await this.#read(call.request);
      const status = messages.length === 0 ? noNewMessage : ok;
      call.write(encode('PullMessageResponse', { status }));
      for (const message of messages) call.write(delimited(2, [message]));
      call.write(encode('PullMessageResponse', { next_offset: nextOffset }));
    } catch (error) {
      call.write(encode('PullMessageResponse', { status: statusOf(error) }));
    }
    call.end();
  }

  async #read(bytes: Buffer): Promise<{ messages: Buffer[]; nextOffset: number }> {
    interface PullRequest {
      readonly message_queue?: QueueName;
      readonly offset?: number;
      readonly batch_size?: number;
    }
    const request = decode<PullRequest>('PullMessageRequest', bytes);
    const { topicId, queueId } = this.#queue(request.message_queue);
    const { minOffset, maxOffset } = this.#store.range(topicId, queueId);
    let next = Math.max(request.offset ?? 0, minOffset);
    const max = Math.max(1, Math.min(request.batch_size ?? 32, 1024));
    const messages: Buffer[] = [];
    let size = 0;
    while (next < maxOffset && messages.length < max && size < limits.receiveBytesMax) {
      const rows = await this.#store.indexRows(topicId, queueId, next, 1);
      if (rows.rowCount === 0) break;
      const entry = await this.#store.readEntry(
        rows.values[col.partition]!,
        rows.values[col.position]!,
        rows.values[col.length]!,
      );
      const body = Buffer.from(entry.body.buffer, entry.body.byteOffset, entry.body.byteLength);
      const scanned = scanSendRequest(body);
      for (let index = next - entry.baseOffset; index < entry.count; index++) {
        if (messages.length === max) break;
        const { storeTimeMs } = entry;
        const delivery = { queueId, offset: entry.baseOffset + index, storeTimeMs };
        messages.push(deliveredMessage(body, scanned[index]!, delivery));
        next++;
      }
      size += rows.values[col.length]!;
    }
    return { messages, nextOffset: next };
  }

  #queue(queue: QueueName | undefined): { topicId: number; queueId: number } {
    const { topicId, queues } = this.#topics.get(queue?.topic?.name ?? '');
    const queueId = queue?.id ?? 0;
    if (queueId >= 0 && queueId < queues) return { topicId, queueId };
    throw new MillraceError('INVALID_ARGUMENT', `the topic has no queue ${queueId}`);
  }
}
