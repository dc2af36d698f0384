import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Store } from '../../storage/store.ts';
import type { TopicAltered } from './catalogue-record.ts';
import { grownSlots } from './slots.ts';
import type { SystemTopic } from './system-topic.ts';
import type { TopicOptions, Topics } from './topics.ts';

export interface TopicAdminOptions {
  readonly store: Store;
  readonly topics: Topics;
  readonly systemTopic: SystemTopic;
}

const recordAttemptsMax = 3;

/** Changes topics while producers and consumers work on them. */
export class TopicAdmin {
  readonly #options: TopicAdminOptions;

  constructor(options: TopicAdminOptions) {
    this.#options = options;
    options.topics.makeByUse = (name) =>
      this.create(name, { queues: limits.autoTopicQueues, ifNotExists: true });
  }

  /** Its queues are spread over the physical partitions. Throws as `Topics.create`. */
  async create(name: string, options: TopicOptions): Promise<void> {
    const { topics } = this.#options;
    const isThere = topics.find(name) !== undefined;
    await topics.create(name, options);
    const topic = topics.find(name);
    if (!isThere && topic !== undefined) await this.#spread(topic.topicId, 0, topic.queues);
  }

  /**
   * Gives the topic more queues. Sends to it wait meanwhile: each ends under one slot table, and
   * the record has the offsets at which the old queues end for the slots that leave them.
   * Throws TOPIC_NOT_FOUND, INVALID_ARGUMENT, IO, DISK_FULL.
   */
  async grow(name: string, queues: number): Promise<void> {
    const { store, topics } = this.#options;
    const { topicId } = topics.get(name);
    await topics.routes.holdWhile(topicId, async () => {
      const before = topics.get(name).queues;
      if (queues === before) return;
      checkGrowth(before, queues);
      await this.#spread(topicId, before, queues);
      const ends: number[] = [];
      // Also what was acknowledged early is before the cut (flush=interval).
      await store.drained(topicId, before);
      for (let queueId = 0; queueId < before; queueId++) {
        ends.push((await store.range(topicId, queueId)).maxOffset);
      }
      await this.#record(topicId, (): TopicAltered => {
        const { slots } = topics.state(name);
        return { op: 'topic-altered', topicId, queues, slots: grownSlots(slots, queues), ends };
      });
    });
  }

  /**
   * A record whose append failed may be in the log all the same, and count after a restart: with
   * sends in between, under the old table, it would be wrong. The same record again does no harm; if
   * it cannot be had, the topic takes nothing until the server has seen what is there.
   */
  async #record(topicId: number, decide: () => TopicAltered): Promise<void> {
    const { topics, systemTopic } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        await systemTopic.change(decide);
        return;
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== 'IO') throw error;
        if (attempt < recordAttemptsMax) continue;
        topics.routes.refuse(topicId, 'its change of queues may be half done: restart the server');
        throw error;
      }
    }
  }

  /** Throws TOPIC_NOT_FOUND, and INVALID_ARGUMENT for a queue or partition that does not exist. */
  async move(name: string, queueId: number, partition: number): Promise<void> {
    const { store, topics } = this.#options;
    const { topicId, queues } = topics.get(name);
    if (!Number.isInteger(queueId) || queueId < 0 || queueId >= queues) {
      throw new MillraceError('INVALID_ARGUMENT', `topic "${name}" has no queue ${queueId}`);
    }
    await store.moveQueues(topicId, [queueId], partition);
  }

  /** Places queues that hold nothing yet: in turn on all partitions. */
  async #spread(topicId: number, from: number, until: number): Promise<void> {
    const { store } = this.#options;
    const { partitions } = store;
    for (const [i, partition] of partitions.entries()) {
      if (i === 0) continue;
      const queueIds: number[] = [];
      for (let id = from; id < until; id++) if (id % partitions.length === i) queueIds.push(id);
      if (queueIds.length > 0) await store.moveQueues(topicId, queueIds, partition);
    }
  }
}

function checkGrowth(before: number, queues: number): void {
  if (!Number.isInteger(queues) || queues < 1 || queues > limits.topicQueuesMax) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      `a topic has 1 to ${limits.topicQueuesMax} queues, not ${queues}`,
    );
  }
  if (queues < before) {
    throw new MillraceError(
      'INVALID_ARGUMENT',
      `the topic has ${before} queues; it can get more, not fewer`,
    );
  }
}
