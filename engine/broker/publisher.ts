import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { entryKinds, type Store, tagMixed, tagNone } from '../../storage/store.ts';
import type { Topics } from './topics.ts';

/** What a connector found out about one message of a request. */
export interface MessageParts {
  readonly topic: string;
  readonly messageId: string;
  readonly tag: string | undefined;
  readonly bodyBytes: number;
  readonly propertyCount: number;
  readonly propertyBytes: number;
}

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

  /** Throws TOPIC_NOT_FOUND, MESSAGE_TOO_LARGE, MESSAGE_EMPTY, INVALID_ARGUMENT. */
  async publish(request: Buffer, messages: readonly MessageParts[]): Promise<Published> {
    const [first] = messages;
    if (first === undefined) {
      throw new MillraceError('INVALID_ARGUMENT', 'the request has no message');
    }
    if (messages.some(({ topic }) => topic !== first.topic)) {
      throw new MillraceError('INVALID_ARGUMENT', 'all messages of a request go to one topic');
    }
    const { topicId, queues } = this.#topics.get(first.topic);
    for (const message of messages) check(message);
    const turn = this.#turns.get(topicId) ?? 0;
    this.#turns.set(topicId, turn + 1);
    const queueId = turn % queues;
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
}

/** Limits of reference rocketmq-v2, 1.11. */
function check({ bodyBytes, propertyCount, propertyBytes, tag, messageId }: MessageParts): void {
  if (bodyBytes === 0) throw new MillraceError('MESSAGE_EMPTY', 'a message needs a body');
  if (bodyBytes > limits.messageBodyBytesMax) {
    throw new MillraceError(
      'MESSAGE_TOO_LARGE',
      `the body has ${bodyBytes} bytes, at most ${limits.messageBodyBytesMax} are allowed`,
    );
  }
  if (
    propertyCount > limits.messagePropertiesCountMax ||
    propertyBytes > limits.messagePropertiesBytesMax
  ) {
    throw new MillraceError(
      'MESSAGE_TOO_LARGE',
      `a message has at most ${limits.messagePropertiesCountMax} properties of ${limits.messagePropertiesBytesMax} bytes together`,
    );
  }
  if (messageId === '') throw new MillraceError('INVALID_ARGUMENT', 'a message needs an id');
  if (tag !== undefined && (tag.trim() === '' || tag.includes('|'))) {
    throw new MillraceError('INVALID_ARGUMENT', `"${tag}" is not a tag`);
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
