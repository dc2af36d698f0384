import type { Consumers } from '../../engine/broker/consumers.ts';
import type { Groups } from '../../engine/broker/groups.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Store } from '../../storage/store.ts';
import { type Duration, decode, encode, millisOf } from './codec.ts';
import { type Named, namesOf } from './namespace.ts';
import { type QueueName, queueNamed } from './queue-name.ts';
import type { MessagingOptions, UnaryCall } from './service.ts';
import { ok } from './status.ts';

/** Offsets of logical queues, and where groups are on them. */
export class OffsetMethods {
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

  async queryOffset(call: UnaryCall): Promise<Buffer> {
    interface OffsetRequest {
      readonly message_queue?: QueueName;
      readonly query_offset_policy?: string;
      readonly timestamp?: Duration;
    }
    const query = decode<OffsetRequest>('QueryOffsetRequest', call.request);
    const { topicId, queueId } = queueNamed(this.#topics, call, query.message_queue);
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
  async getOffset(call: UnaryCall): Promise<Buffer> {
    interface GetRequest {
      readonly group?: Named;
      readonly message_queue?: QueueName;
    }
    const query = decode<GetRequest>('GetOffsetRequest', call.request);
    const { topicId, queueId } = queueNamed(this.#topics, call, query.message_queue);
    const { name } = this.#groups.get(namesOf(call).group(query.group));
    const places = await this.#consumers.progress(name);
    const place = places.find((of) => of.topicId === topicId && of.queueId === queueId);
    if (place === undefined) {
      throw new MillraceError('OFFSET_NOT_FOUND', `group "${name}" has not read the queue`);
    }
    return encode('GetOffsetResponse', { status: ok, offset: place.cursor });
  }

  /** Puts the group elsewhere on the queue. Throws ILLEGAL_OFFSET outside what the queue holds. */
  async updateOffset(call: UnaryCall): Promise<Buffer> {
    interface UpdateRequest {
      readonly group?: Named;
      readonly message_queue?: QueueName;
      readonly offset?: number;
    }
    const update = decode<UpdateRequest>('UpdateOffsetRequest', call.request);
    const { topic, topicId, queueId } = queueNamed(this.#topics, call, update.message_queue);
    const { name } = await this.#groups.use(namesOf(call).group(update.group));
    const offset = update.offset ?? 0;
    const { minOffset, maxOffset } = await this.#store.range(topicId, queueId);
    if (offset < minOffset || offset > maxOffset) {
      throw new MillraceError(
        'ILLEGAL_OFFSET',
        `the queue has offsets ${minOffset} to ${maxOffset}, not ${offset}`,
      );
    }
    await this.#consumers.resetOffset(name, topic, queueId, offset);
    return encode('UpdateOffsetResponse', { status: ok });
  }
}
