import { crc32 } from 'node:zlib';
import { type Entry, entryKinds, type Store } from '../../storage/store.ts';
import type { MessageFormat } from './message-format.ts';
import { tagHashOf } from './publisher.ts';
import type { Topics } from './topics.ts';

/**
 * Messages that a group could not consume: they go to the topic `%DLQ%GROUP`, of one queue, made
 * when it is first needed (reference rocketmq-v2, 1.14). It is a topic like any other: it can be
 * consumed, queried, and its messages sent back to where they came from.
 */
export class DeadLetters {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #format: MessageFormat;

  constructor(store: Store, topics: Topics, format: MessageFormat) {
    this.#store = store;
    this.#topics = topics;
    this.#format = format;
  }

  /** Resolves when the message is durable there. A crash before its ack may put it there twice. */
  async add(group: string, topic: string, entry: Entry, index: number): Promise<void> {
    const name = deadLetterTopic(group);
    const target = this.#topics.find(name) ?? (await this.#create(name));
    const { body, messageId, tag } = this.#format.deadLetter(entry, index, topic, name);
    await this.#store.append({
      topicId: target.topicId,
      queueId: 0,
      kind: entryKinds.messages,
      count: 1,
      body,
      firstIdHash: crc32(messageId),
      tagHash: tagHashOf(tag),
      mustBeDurable: true,
    });
  }

  async #create(name: string) {
    await this.#topics.create(name, { queues: 1, ifNotExists: true });
    return this.#topics.get(name);
  }
}

export function deadLetterTopic(group: string): string {
  return `%DLQ%${group}`;
}
