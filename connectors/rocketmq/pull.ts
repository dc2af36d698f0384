import type { Consumers } from '../../engine/broker/consumers.ts';
import { type Pulled, pullQueue } from '../../engine/broker/pull-queue.ts';
import type { Topics } from '../../engine/broker/topics.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../storage/store.ts';
import { takesBatches } from './client-id.ts';
import { type Duration, decode, encode } from './codec.ts';
import { deliveredPiece } from './deliver.ts';
import { type FilterExpression, filterOf } from './filters.ts';
import { messagesOf } from './message-format.ts';
import { namesOf } from './namespace.ts';
import type { Polls } from './polls.ts';
import { type QueueName, queueNamed } from './queue-name.ts';
import { isTakenOut } from './scan.ts';
import type { MessagingOptions, StreamCall } from './service.ts';
import { noNewMessage, ok, statusOf } from './status.ts';
import { delimited } from './wire.ts';

interface PullRequest {
  readonly message_queue?: QueueName;
  readonly offset?: number;
  readonly batch_size?: number;
  readonly filter_expression?: FilterExpression;
  readonly long_polling_timeout?: Duration;
}

interface PullAnswer {
  /** In parts each. */
  readonly messages: readonly (readonly Buffer[])[];
  readonly nextOffset: number;
}

const pullBatchMax = 1024;

/** PullMessage: a logical queue in order from any offset, without a consumer group. */
export class PullMethod {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #consumers: Consumers;
  readonly #clock: Clock;
  readonly #polls: Polls;

  constructor({ store, topics, consumers, clock }: MessagingOptions, polls: Polls) {
    this.#store = store;
    this.#topics = topics;
    this.#consumers = consumers;
    this.#clock = clock;
    this.#polls = polls;
  }

  /** status, messages, where to go on, end. */
  async pull(call: StreamCall): Promise<void> {
    try {
      const { messages, nextOffset } = await this.#wait(call);
      const status = messages.length === 0 ? noNewMessage : ok;
      call.write(encode('PullMessageResponse', { status }));
      for (const message of messages) this.#polls.write(call, delimited(2, message));
      call.write(encode('PullMessageResponse', { next_offset: nextOffset }));
    } catch (error) {
      call.write(encode('PullMessageResponse', { status: statusOf(error) }));
    }
    call.end();
  }

  /** Without a time to wait it does not wait. */
  async #wait(call: StreamCall): Promise<PullAnswer> {
    const request = decode<PullRequest>('PullMessageRequest', call.request);
    const { topicId, queueId } = queueNamed(this.#topics, call, request.message_queue);
    const names = namesOf(call);
    const filter = filterOf(request.filter_expression);
    const max = Math.max(1, Math.min(request.batch_size ?? 32, pullBatchMax));
    const signal = this.#polls.open(call);
    const untilMs =
      this.#clock.monotonicMs() + this.#polls.waitMs(call, request.long_polling_timeout, 0);
    const where = { store: this.#store, topicId, queueId, filter, max };
    for (let offset = request.offset ?? 0; ; ) {
      const wakes = this.#consumers.wakes(topicId);
      const pulled = await pullQueue({ ...where, offset, takesBatches: takesBatches(call) });
      const messages = deliver(pulled, queueId).map(names.localized);
      const left = untilMs - this.#clock.monotonicMs();
      const hasMoved = pulled.nextOffset > offset;
      offset = pulled.nextOffset;
      if (messages.length > 0 || left <= 0 || signal.aborted)
        return { messages, nextOffset: offset };
      if (!hasMoved && this.#consumers.wakes(topicId) === wakes) {
        await this.#consumers.arrival(topicId, left, signal);
      }
    }
  }
}

function deliver({ pieces }: Pulled, queueId: number): (readonly Buffer[])[] {
  const messages: (readonly Buffer[])[] = [];
  for (const { entry, index, count } of pieces) {
    // Compaction leaves empty messages behind; in a batch the client knows them.
    if (count === 1 && isTakenOut(messagesOf(entry).messages[index]!)) continue;
    const { baseOffset, storeTimeMs } = entry;
    const delivery = { queueId, offset: baseOffset + index, storeTimeMs };
    messages.push(deliveredPiece(entry, index, count, delivery));
  }
  return messages;
}
