import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import { entryKinds, type Store, tagMixed, tagNone } from '../../storage/store.ts';
import type { TopicCreated } from './catalogue-record.ts';
import { checkMessage, type MessageParts } from './message-check.ts';
import type { ParkedMessage } from './message-format.ts';
import type { Topics } from './topics.ts';

export interface Published {
  readonly queueId: number;
  /** Offset of the first message; the others follow. */
  readonly baseOffset: number;
}

/**
 * Takes messages in: one request becomes one entry on one queue, its bytes as they came. Queues of
 * a topic take turns. Resolves when the entry is durable.
 */
export class Publisher {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #turns = new Map<number, number>();

  constructor(store: Store, topics: Topics) {
    this.#store = store;
    this.#topics = topics;
  }

  /** Throws TOPIC_NOT_FOUND, MALFORMED, and what `checkMessage` throws. */
  async publish(request: Buffer, messages: readonly MessageParts[]): Promise<Published> {
    const [first] = messages;
    if (first === undefined) {
      throw new MillraceError('MALFORMED', 'the request has no message');
    }
    if (messages.some(({ topic }) => topic !== first.topic)) {
      throw new MillraceError('MALFORMED', 'all messages of a request go to one topic');
    }
    const topic = this.#topics.get(first.topic);
    const { topicId } = topic;
    for (const message of messages) checkMessage(message, topic);
    const queueId = this.#queueOf(topic, messages);
    const { baseOffset } = await this.#store.append({
      topicId,
      queueId,
      kind: entryKinds.messages,
      count: messages.length,
      body: request,
      firstIdHash: crc32(first.messageId),
      tagHash: sharedTagHash(messages),
    });
    return { queueId, baseOffset };
  }

  /** A parked message goes to its topic now; false when the topic does not exist any more. */
  async deliver(body: Buffer, message: ParkedMessage): Promise<boolean> {
    const topic = this.#topics.find(message.topic);
    if (topic === undefined) return false;
    await this.#store.append({
      topicId: topic.topicId,
      queueId: this.#queueOf(topic, [{ ...message, priority: undefined }]),
      kind: entryKinds.messages,
      count: 1,
      body,
      firstIdHash: crc32(message.messageId),
      tagHash: tagHashOf(message.tag),
    });
    return true;
  }

  /** One queue per message group; the priority's number (reference 1.19); else queues take turns. */
  #queueOf(
    { topicId, queues }: TopicCreated,
    messages: readonly Pick<MessageParts, 'messageGroup' | 'priority'>[],
  ): number {
    const { messageGroup, priority } = messages[0]!;
    if (messages.some((message) => message.messageGroup !== messageGroup)) {
      throw new MillraceError('MALFORMED', 'all messages of a request have one message group');
    }
    if (messageGroup !== undefined) return (crc32(messageGroup) >>> 0) % queues;
    if (priority !== undefined) return Math.min(Math.max(priority, 0), queues - 1);
    const turn = this.#turns.get(topicId) ?? 0;
    this.#turns.set(topicId, turn + 1);
    return turn % queues;
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
