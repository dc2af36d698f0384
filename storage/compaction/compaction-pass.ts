import type { Segment } from '../log/segment.ts';
import { queueNumber } from '../queues/queue-number.ts';
import type { CompactionPolicy, Entry, KeyedFormat } from '../store.ts';
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

  /** Notes the keys of the entry; false when there was no room for all of them. */
  async gather(entry: Entry, { topicId, policy }: TopicPass): Promise<boolean> {
    const { storeTimeMs, position } = entry;
    let index = 0;
    for (const message of this.#format.messages(entry, policy)) {
      const place = { storeTimeMs, position, index: index++ };
      const isAdded = message?.key === undefined || this.#newest.add(topicId, message.key, place);
      if (!isAdded) return false;
      if (index % messagesPerLook === 0 && this.#turns.isOver) await this.#turns.next();
    }
    if (this.#turns.isOver) await this.#turns.next();
    return true;
  }

  /** Finds out what goes of the entry. */
  async judge(segment: Segment, entry: Entry): Promise<void> {
    const topic = this.topics.get(entry.topicId)!;
    if (!isCompacted(topic, entry)) return;
    const { isKept, kept, removed, hasTombstone } = await this.#verdict(topic, entry);
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
    return this.#verdict(topic, entry).then(({ isKept, kept, removed }) => {
      this.#removed += removed;
      if (removed === 0) return entry.body;
      return kept === 0
        ? undefined
        : this.#format.without(entry, isKept, topic.policy, this.#turns);
    });
  }

  async #verdict({ topicId, policy, horizon }: TopicPass, entry: Entry): Promise<Verdict> {
    const { partition, position, storeTimeMs } = entry;
    const isTombstoneOver = horizon !== undefined && isBelow(horizon.cut, partition, position);
    const isKept = new Uint8Array(entry.count + 1);
    let [index, kept, removed] = [0, 0, 0];
    let hasTombstone = false;
    for (const message of this.#format.messages(entry, policy)) {
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
      index++;
      if (index % messagesPerLook === 0 && this.#turns.isOver) await this.#turns.next();
    }
    if (this.#turns.isOver) await this.#turns.next();
    return { isKept, kept, removed, hasTombstone };
  }
}

function isCompacted({ cut }: TopicPass, { partition, position }: Entry): boolean {
  return cut !== undefined && isBelow(cut, partition, position);
}
