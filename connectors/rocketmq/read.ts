import type { Consumers } from '../../engine/broker/consumers.ts';
import type { Groups } from '../../engine/broker/groups.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { col } from '../../storage/queues/index-rows.ts';
import type { Store } from '../../storage/store.ts';
import { type Duration, decode, encode, millisOf } from './codec.ts';
import { deliveredMessage } from './deliver.ts';
import { isTakenOut, scanSendRequest } from './scan.ts';
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
  readonly #groups: Groups;
  readonly #consumers: Consumers;

  constructor({ store, topics, groups, consumers }: MessagingOptions) {
    this.#store = store;
    this.#topics = topics;
    this.#groups = groups;
    this.#consumers = consumers;
  }

  async queryOffset({ request }: UnaryCall): Promise<Buffer> {
    interface OffsetRequest {
      readonly message_queue?: QueueName;
      readonly query_offset_policy?: string;
      readonly timestamp?: Duration;
    }
    const query = decode<OffsetRequest>('QueryOffsetRequest', request);
    const { topicId, queueId } = this.#queue(query.message_queue);
    const { minOffset, maxOffset } = await this.#store.range(topicId, queueId);
    let offset = minOffset;
    if (query.query_offset_policy === 'END') offset = maxOffset;
    if (query.query_offset_policy === 'TIMESTAMP') {
      const timeMs = millisOf(query.timestamp) ?? 0;
      offset = await this.#store.offsetAtTime(topicId, queueId, timeMs);
    }
    return encode('QueryOffsetResponse', { status: ok, offset });
  }

  /** How far the group is: its first unfinished message on the queue. */
  async getOffset({ request }: UnaryCall): Promise<Buffer> {
    interface GetRequest {
      readonly group?: { readonly name?: string };
      readonly message_queue?: QueueName;
    }
    const query = decode<GetRequest>('GetOffsetRequest', request);
    const { topicId, queueId } = this.#queue(query.message_queue);
    const { name } = this.#groups.get(query.group?.name ?? '');
    const places = await this.#consumers.progress(name);
    const place = places.find((of) => of.topicId === topicId && of.queueId === queueId);
    if (place === undefined) {
      throw new MillraceError('NOT_FOUND', `group "${name}" has not read the queue`);
    }
    return encode('GetOffsetResponse', { status: ok, offset: place.cursor });
  }

  /** Puts the group elsewhere on the queue. Throws ILLEGAL_OFFSET outside what the queue holds. */
  async updateOffset({ request }: UnaryCall): Promise<Buffer> {
    interface UpdateRequest {
      readonly group?: { readonly name?: string };
      readonly message_queue?: QueueName;
      readonly offset?: number;
    }
    const update = decode<UpdateRequest>('UpdateOffsetRequest', request);
    const { topicId, queueId } = this.#queue(update.message_queue);
    const { name } = await this.#groups.use(update.group?.name ?? '');
    const offset = update.offset ?? 0;
    const { minOffset, maxOffset } = await this.#store.range(topicId, queueId);
    if (offset < minOffset || offset > maxOffset) {
      throw new MillraceError(
        'ILLEGAL_OFFSET',
        `the queue has offsets ${minOffset} to ${maxOffset}, not ${offset}`,
      );
    }
    await this.#consumers.resetOffset(
      name,
      update.message_queue?.topic?.name ?? '',
      queueId,
      offset,
    );
    return encode('UpdateOffsetResponse', { status: ok });
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
    const { minOffset, maxOffset } = await this.#store.range(topicId, queueId);
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
      const end = rows.values[col.baseOffset]! + rows.values[col.count]!;
      if (entry === undefined) {
        next = end;
        continue;
      }
      const body = Buffer.from(entry.body.buffer, entry.body.byteOffset, entry.body.byteLength);
      const scanned = scanSendRequest(body);
      // Expired and superseded messages leave their offsets behind.
      for (next = Math.max(next, entry.baseOffset); next < end && messages.length < max; next++) {
        const message = scanned[next - entry.baseOffset]!;
        if (isTakenOut(message)) continue;
        const delivery = { queueId, offset: next, storeTimeMs: entry.storeTimeMs };
        messages.push(deliveredMessage(body, message, delivery));
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
