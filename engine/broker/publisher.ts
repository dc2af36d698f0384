import { crc32 } from 'node:zlib';
import { entryKinds, type Store, tagMixed, tagNone } from '../../storage/store.ts';
import type { Duplicates } from './duplicates.ts';
import { checkMessage, checkRequest, type MessageParts } from './message-check.ts';
import type { MessageFormat, ParkedMessage } from './message-format.ts';
import type { Topics } from './topics.ts';

/**
 * Takes messages in. One request becomes one entry on one queue, its bytes as they came; where its
 * messages belong on several queues (routes.ts), one entry on each. Resolves when all is durable.
 */
export class Publisher {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #format: MessageFormat;
  readonly #duplicates: Duplicates;

  constructor(store: Store, topics: Topics, format: MessageFormat, duplicates: Duplicates) {
    this.#store = store;
    this.#topics = topics;
    this.#format = format;
    this.#duplicates = duplicates;
  }

  /**
   * The offset of each message on its queue. Throws TOPIC_NOT_FOUND, MALFORMED, and what
   * `checkMessage` throws; when an append fails, other messages of the request may be in.
   */
  async publish(request: Buffer, messages: readonly MessageParts[]): Promise<readonly number[]> {
    const first = checkRequest(messages);
    const known = this.#topics.find(first.topic) ?? (await this.#topics.use(first.topic));
    const { topicId } = known;
    const { routes } = this.#topics;
    return routes.send(topicId, async () => {
      const topic = this.#topics.state(first.topic);
      for (const message of messages) checkMessage(message, topic.created);
      const parts = routes.split(topic, messages);
      const offsets: number[] = [];
      const appends = [...parts].map(async ([queueId, indexes]) => {
        const body = parts.size === 1 ? request : this.#format.select(request, indexes);
        const some = parts.size === 1 ? messages : indexes.map((index) => messages[index]!);
        const baseOffset = await this.#append(topicId, queueId, body, some);
        for (const [i, index] of indexes.entries()) offsets[index] = baseOffset + i;
      });
      await Promise.all(appends);
      return offsets;
    });
  }

  async #append(
    topicId: number,
    queueId: number,
    body: Buffer,
    messages: readonly MessageParts[],
  ): Promise<number> {
    const { messageId } = messages[0]!;
    const { baseOffset } = await this.#duplicates.once(
      topicId,
      messageId,
      messages.length,
      async () => {
        const request = { topicId, queueId, kind: entryKinds.messages, count: messages.length };
        const hashes = { firstIdHash: crc32(messageId), tagHash: sharedTagHash(messages) };
        return { queueId, ...(await this.#store.append({ ...request, ...hashes, body })) };
      },
    );
    return baseOffset;
  }

  /**
   * A message that waited goes to its topic now; false when the topic does not exist any more.
   * `again`: although the topic had a message of that id lately.
   */
  async deliver(body: Buffer, message: ParkedMessage, again = false): Promise<boolean> {
    const known = this.#topics.find(message.topic);
    if (known === undefined) return false;
    const { topicId } = known;
    const { routes } = this.#topics;
    return routes.send(topicId, async () => {
      const topic = this.#topics.stateOf(topicId);
      if (topic === undefined) return false;
      const queueId = routes.queueOf(topic, { ...message, priority: undefined });
      const append = async () => {
        const request = { topicId, queueId, kind: entryKinds.messages, count: 1 };
        const hashes = { firstIdHash: crc32(message.messageId), tagHash: tagHashOf(message.tag) };
        // Its caller gives up the entry that it comes from.
        const durable = { ...request, ...hashes, body, mustBeDurable: true };
        return { queueId, ...(await this.#store.append(durable)) };
      };
      if (again) await append();
      else await this.#duplicates.once(topicId, message.messageId, 1, append);
      return true;
    });
  }
}

function sharedTagHash(messages: readonly MessageParts[]): number {
  const [first] = messages;
  if (messages.some(({ tag }) => tag !== first!.tag)) return tagMixed;
  return tagHashOf(first!.tag);
}

/** Never one of the two special values for a real tag. */
export function tagHashOf(tag: string | undefined): number {
  if (tag === undefined) return tagNone;
  const hash = crc32(tag) >>> 0;
  return hash === tagNone || hash === tagMixed ? 1 : hash;
}
