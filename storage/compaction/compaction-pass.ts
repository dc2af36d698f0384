import { MillraceError } from '../../platform/errors.ts';
import type { Segment } from '../log/segment.ts';
import { queueNumber } from '../queues/queue-number.ts';
import type {
  CompactionPolicy,
  Entry,
  KeyedFormat,
  KeyedMessage,
  UndecodableEntries,
} from '../store.ts';
import type { NewestMessages } from './newest-messages.ts';
import type { LogCut } from './ordered-entries.ts';
import { type Horizon, isBelow, type TopicProgress } from './topic-progress.ts';
import type { Turns } from './turns.ts';

/** A topic in a pass. */
export interface TopicPass {
  readonly topicId: number;
  readonly policy: CompactionPolicy;
  readonly before: TopicProgress;
  /** Tombstones in front of it go. */
  readonly horizon: Horizon | undefined;
  /** In front of it the topic is compacted; `undefined` while it is not known, or given up. */
  cut: LogCut | undefined;
  /** Entries that came since the last time and are in front of the cut. */
  gathered: number;
  /** The cut is not at the end of what could be compacted. */
  isStopped: boolean;
}

export interface PassOptions {
  readonly topics: ReadonlyMap<number, TopicPass>;
  readonly newest: NewestMessages;
  readonly format: KeyedFormat;
  readonly turns: Turns;
}

interface Verdict {
  /** By number of the message, and one more (KeyedFormat); 0 also for one that had gone before. */
  readonly isKept: Uint8Array;
  readonly kept: number;
  readonly removed: number;
  readonly hasTombstone: boolean;
}

/** After so many messages the time is looked at. */
const messagesPerLook = 64;

/** What one pass of compaction takes away (compactor.ts). */
export class CompactionPass {
  readonly topics: ReadonlyMap<number, TopicPass>;
  /** Topics that keep tombstones, which may go later. */
  readonly waiting = new Set<number>();
  /** Entries that the format cannot take apart, by topic id. */
  readonly undecodable = new Map<number, UndecodableEntries>();
  readonly #newest: NewestMessages;
  readonly #format: KeyedFormat;
  readonly #turns: Turns;
  /** Bytes that go, by segment and topic. */
  readonly #bytes = new Map<Segment, Map<number, number>>();
  /** One past the last message that goes, by topic and queue number. */
  readonly #ends = new Map<number, Map<number, number>>();
  #removed = 0;

  constructor({ topics, newest, format, turns }: PassOptions) {
    this.topics = topics;
    this.#newest = newest;
    this.#format = format;
    this.#turns = turns;
  }

  /** Messages that have gone. */
  get removedMessages(): number {
    return this.#removed;
  }

  /**
   * Notes the keys of the entry; false when there was no room for all of them. One that cannot be
   * decoded to its end has none.
   */
  async gather(entry: Entry, { topicId, policy }: TopicPass): Promise<boolean> {
    const { storeTimeMs, position } = entry;
    const messages = await this.#decoded(entry, policy);
    if (messages instanceof Error) return true;
    for (const [index, message] of messages.entries()) {
      const place = { storeTimeMs, position, index };
      const isAdded = message?.key === undefined || this.#newest.add(topicId, message.key, place);
      if (!isAdded) return false;
      if (index % messagesPerLook === 0 && this.#turns.isOver) await this.#turns.next();
    }
    return true;
  }

  /** All messages of the entry, or the reason for which it has to stay as it is. */
  async #decoded(
    entry: Entry,
    policy: CompactionPolicy,
  ): Promise<readonly (KeyedMessage | undefined)[] | Error> {
    const messages: (KeyedMessage | undefined)[] = [];
    try {
      for (const message of this.#format.messages(entry, policy)) {
        messages.push(message);
        if (messages.length > entry.count + 1)
          return new Error('it has more messages than it says');
        if (messages.length % messagesPerLook === 0 && this.#turns.isOver) await this.#turns.next();
      }
    } catch (error) {
      return reasonOf(error);
    }
    if (this.#turns.isOver) await this.#turns.next();
    return messages;
  }

  /** Finds out what goes of the entry. */
  async judge(segment: Segment, entry: Entry): Promise<void> {
    const topic = this.topics.get(entry.topicId)!;
    if (!isCompacted(topic, entry)) return;
    const verdict = await this.#verdict(topic, entry);
    if (verdict instanceof Error) return this.#keep(entry, verdict);
    const { isKept, kept, removed, hasTombstone } = verdict;
    if (hasTombstone) this.waiting.add(topic.topicId);
    if (removed === 0) return;
    const { topicId, queueId, baseOffset, count, length } = entry;
    const bytes = this.#bytes.get(segment) ?? new Map<number, number>();
    this.#bytes.set(segment, bytes);
    const gone = (length * removed) / (removed + kept);
    bytes.set(topicId, (bytes.get(topicId) ?? 0) + gone);
    const ends = this.#ends.get(topicId) ?? new Map<number, number>();
    this.#ends.set(topicId, ends);
    const number = queueNumber(topicId, queueId);
    const end = baseOffset + isKept.subarray(0, count).lastIndexOf(0) + 1;
    ends.set(number, Math.max(ends.get(number) ?? 0, end));
  }

  /** Nothing of the topic goes in this pass. */
  giveUp(topicId: number): void {
    const topic = this.topics.get(topicId)!;
    topic.cut = undefined;
    topic.isStopped = true;
    this.#ends.delete(topicId);
    for (const bytes of this.#bytes.values()) bytes.delete(topicId);
  }

  /** One past the last message that goes, of each queue that loses some, by queue number. */
  compactedQueues(): ReadonlyMap<number, number> {
    return new Map([...this.#ends.values()].flatMap((ends) => [...ends]));
  }

  /** Bytes that go from the segment. */
  bytesOf(segment: Segment): number {
    return [...(this.#bytes.get(segment)?.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
  }

  compactedOffset(topicId: number, queueId: number): number {
    return this.#ends.get(topicId)?.get(queueNumber(topicId, queueId)) ?? 0;
  }

  /** The entry's body without what goes; `undefined` when nothing is left of it. */
  choose(entry: Entry): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const topic = this.topics.get(entry.topicId);
    if (topic === undefined || !isCompacted(topic, entry)) return entry.body;
    return this.#chosen(topic, entry);
  }

  async #chosen(topic: TopicPass, entry: Entry): Promise<Uint8Array | undefined> {
    const verdict = await this.#verdict(topic, entry);
    // It was noted when the entry was judged.
    if (verdict instanceof Error) return entry.body;
    const { isKept, kept, removed } = verdict;
    let body: Uint8Array | undefined = entry.body;
    try {
      if (kept === 0 && removed > 0) body = undefined;
      else if (removed > 0) {
        body = await this.#format.without(entry, isKept, topic.policy, this.#turns);
      }
    } catch (error) {
      this.#keep(entry, reasonOf(error));
      return entry.body;
    }
    this.#removed += removed;
    return body;
  }

  #keep({ topicId, queueId, baseOffset }: Entry, { message: text }: Error): void {
    const before = this.undecodable.get(topicId);
    const first = before ?? { topicId, queueId, offset: baseOffset, text };
    this.undecodable.set(topicId, { ...first, entries: 1 + (before?.entries ?? 0) });
  }

  async #verdict({ topicId, policy, horizon }: TopicPass, entry: Entry): Promise<Verdict | Error> {
    const messages = await this.#decoded(entry, policy);
    if (messages instanceof Error) return messages;
    const { partition, position, storeTimeMs } = entry;
    const isTombstoneOver = horizon !== undefined && isBelow(horizon.cut, partition, position);
    const isKept = new Uint8Array(entry.count + 1);
    let [kept, removed] = [0, 0];
    let hasTombstone = false;
    for (const [index, message] of messages.entries()) {
      if (message !== undefined) {
        const { key, isTombstone } = message;
        const isOver =
          key !== undefined &&
          ((isTombstone && isTombstoneOver) ||
            this.#newest.isSuperseded(topicId, key, { storeTimeMs, position, index }));
        if (isOver) removed++;
        else {
          isKept[index] = 1;
          kept++;
          if (isTombstone) hasTombstone = true;
        }
      }
      if (index % messagesPerLook === 0 && this.#turns.isOver) await this.#turns.next();
    }
    return { isKept, kept, removed, hasTombstone };
  }
}

function isCompacted({ cut }: TopicPass, { partition, position }: Entry): boolean {
  return cut !== undefined && isBelow(cut, partition, position);
}

/** Why an entry cannot be decoded. Throws what is no reason for that: the store is closing. */
function reasonOf(error: unknown): Error {
  if (!(error instanceof MillraceError))
    return error instanceof Error ? error : new Error(`${error}`);
  if (error.code === 'MALFORMED' || error.code === 'CORRUPTION') return error;
  throw error;
}
