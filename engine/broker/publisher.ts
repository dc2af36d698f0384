import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import {
  type AppendRequest,
  entryKinds,
  type Store,
  tagMixed,
  tagNone,
} from '../../storage/store.ts';
import type { TopicCreated } from './catalogue-record.ts';
import type { Duplicates } from './duplicates.ts';
import { checkMessage, checkRequest, type MessageParts } from './message-check.ts';
import type { MessageFormat, ParkedMessage } from './message-format.ts';
import type { TopicState } from './slots.ts';
import type { Topics } from './topics.ts';

/** A request with packed messages (engine/formats/packed-records.ts), checked by its connector. */
export interface PackedParts {
  /** What holds for each of them; its id is the first one's. */
  readonly envelope: MessageParts;
  readonly count: number;
  readonly tagHash: number;
  /** First key of each; `undefined` when none has one. */
  readonly keys: readonly (string | undefined)[] | undefined;
  /** The queue that the client named. */
  readonly queueId: number | undefined;
}

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
    if (known.messageType === 'LITE') return this.#publishLite(known, request, messages);
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

  /** Each lite topic is a queue of its own (`Topics.useLite`). */
  async #publishLite(
    parent: TopicCreated,
    request: Buffer,
    messages: readonly MessageParts[],
  ): Promise<readonly number[]> {
    for (const message of messages) checkMessage(message, parent);
    const { liteTopic } = messages[0]!;
    if (messages.some((message) => message.liteTopic !== liteTopic)) {
      throw new MillraceError('MALFORMED', 'all messages of a request go to one lite topic');
    }
    const { topicId } = await this.#topics.useLite(parent, liteTopic!);
    const baseOffset = await this.#append(topicId, 0, request, messages);
    return messages.map((_, index) => baseOffset + index);
  }

  /**
   * The offset of the first message, when the others follow it; of each, when they go to several
   * queues. Throws as `publish`, and INVALID_ARGUMENT for a queue.
   */
  async publishPacked(request: Buffer, packed: PackedParts): Promise<readonly number[]> {
    const { envelope, count, tagHash } = packed;
    const known = this.#topics.find(envelope.topic) ?? (await this.#topics.use(envelope.topic));
    if (known.messageType === 'LITE') {
      throw new MillraceError('UNSUPPORTED', 'messages for lite topics are not packed');
    }
    const { topicId } = known;
    return this.#topics.routes.send(topicId, async () => {
      const topic = this.#topics.state(envelope.topic);
      checkMessage(envelope, topic.created);
      const parts = this.#placesOf(topic, packed);
      const appends = [...parts].map(([queueId, places]) => {
        const isWhole = parts.size === 1;
        const part = isWhole ? undefined : this.#format.selectPacked(request, places);
        return this.#once({
          topicId,
          queueId,
          kind: entryKinds.packed,
          tagHash,
          body: part?.body ?? request,
          count: isWhole ? count : places.length,
          firstId: part?.firstId ?? envelope.messageId,
        });
      });
      const firsts = await Promise.all(appends);
      if (parts.size === 1) return firsts;
      const offsets: number[] = [];
      for (const [i, places] of [...parts.values()].entries()) {
        for (const [k, place] of places.entries()) offsets[place] = firsts[i]! + k;
      }
      return offsets;
    });
  }

  /** The places of the messages by queue; of a whole request none are named. */
  #placesOf(topic: TopicState, packed: PackedParts): ReadonlyMap<number, readonly number[]> {
    const { envelope, keys, queueId } = packed;
    const { messageGroup, priority, messageId } = envelope;
    if (queueId !== undefined) {
      if (queueId >= 0 && queueId < topic.queues) return new Map([[queueId, []]]);
      throw new MillraceError('INVALID_ARGUMENT', `the topic has no queue ${queueId}`);
    }
    const { routes } = this.#topics;
    if (keys === undefined || messageGroup !== undefined) {
      return new Map([[routes.queueOf(topic, { messageGroup, priority, key: undefined }), []]]);
    }
    return routes.split(
      topic,
      keys.map((key) => ({
        ...{ messageGroup, priority, messageId },
        keys: key === undefined ? [] : [key],
      })),
    );
  }

  #append(
    topicId: number,
    queueId: number,
    body: Buffer,
    messages: readonly MessageParts[],
  ): Promise<number> {
    const kind = entryKinds.messages;
    const { length: count } = messages;
    const { messageId: firstId } = messages[0]!;
    const tagHash = sharedTagHash(messages);
    return this.#once({ topicId, queueId, kind, body, count, firstId, tagHash });
  }

  /** Appends the entry unless it is there; gives its offset. */
  async #once(entry: EntryToAppend): Promise<number> {
    // Field by field: a spread costs more than all else that is done here for a single message.
    const { topicId, queueId, kind, body, count, firstId, tagHash } = entry;
    const firstIdHash = crc32(firstId);
    const flush = this.#topics.settingsOf(topicId)?.flush;
    const { baseOffset } = await this.#duplicates.once(topicId, firstId, count, async () => {
      const request = { topicId, queueId, kind, body, count, firstIdHash, tagHash, flush };
      const { baseOffset: at, storeTimeMs } = await this.#store.append(request);
      return { queueId, baseOffset: at, storeTimeMs };
    });
    return baseOffset;
  }

  /**
   * A message that waited goes to its topic now; false when the topic does not exist any more.
   * `again`: although the topic had a message of that id lately.
   */
  async deliver(body: Buffer, message: ParkedMessage, again = false): Promise<boolean> {
    const known = this.#topics.find(message.topic);
    if (known === undefined) return false;
    const { liteTopic } = message;
    const isLite = known.messageType === 'LITE' && liteTopic !== undefined;
    const { topicId } = isLite ? await this.#topics.useLite(known, liteTopic) : known;
    const { routes } = this.#topics;
    return routes.send(topicId, async () => {
      const topic = this.#topics.stateOf(topicId);
      if (topic === undefined) return false;
      const { messageGroup, key, messageId, tag } = message;
      const queueId = routes.queueOf(topic, { messageGroup, key, priority: undefined });
      const append = async () => {
        const { baseOffset, storeTimeMs } = await this.#store.append({
          topicId,
          queueId,
          kind: entryKinds.messages,
          body,
          count: 1,
          firstIdHash: crc32(messageId),
          tagHash: tagHashOf(tag),
          // Its caller gives up the entry that it comes from.
          mustBeDurable: true,
        });
        return { queueId, baseOffset, storeTimeMs };
      };
      if (again) await append();
      else await this.#duplicates.once(topicId, message.messageId, 1, append);
      return true;
    });
  }
}

type EntryToAppend = Omit<AppendRequest, 'firstIdHash' | 'mustBeDurable' | 'flush'> & {
  readonly firstId: string;
};

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
