import type { Entry } from '../../storage/store.ts';

/** Selects messages by what they carry (reference rocketmq-v2, 1.18). */
export interface MessageFilter {
  /**
   * Hashes (`tagHashOf`) of the tags that can pass, when the tag alone decides: the index then
   * skips entries unread.
   */
  readonly tagHashes: ReadonlySet<number> | undefined;
  /** Whether message number `index` of the entry passes. */
  passes(entry: Entry, index: number): boolean;
}

/** What the broker must know of a message's bytes; the connector that took them in answers. */
export interface MessageFormat {
  /** A request with some of the messages of another one, by their numbers. */
  select(request: Buffer, indexes: readonly number[]): Buffer;
  /** A request with some of the packed messages of another one, by their places. */
  selectPacked(
    request: Buffer,
    places: readonly number[],
  ): { readonly body: Buffer; readonly firstId: string };
  /** Whether compaction took all of the `count` messages from `index` on out of the entry. */
  isTakenOut(entry: Entry, index: number, count: number): boolean;
  /** Id of the entry's first message. */
  firstId(entry: Entry): string;
  /** A hash of the message group of message number `index`; 0 where there is none. */
  orderKey(entry: Entry, index: number): number;
  /** What a parked entry holds: a request with one message. */
  parked(entry: Entry): ParkedMessage;
  /**
   * A request with the one message, for the group's dead-letter topic: its bytes as they came, and
   * where it comes from (SystemProperties.dead_letter_queue).
   */
  deadLetter(entry: Entry, index: number, topic: string, deadLetterTopic: string): DeadLetter;
  /** A request with the one dead letter, for the topic that it came from. */
  redriven(entry: Entry, index: number): Redriven;
}

/** A message that does not go to its topic yet. */
export interface ParkedMessage {
  readonly topic: string;
  readonly messageId: string;
  readonly tag: string | undefined;
  readonly isTransaction: boolean;
  /** ms since 1970; only of delayed messages. */
  readonly deliverAtMs: number | undefined;
  /** From a half message's arrival to the first question what becomes of it; if its client says. */
  readonly recoveryMs: number | undefined;
  readonly messageGroup: string | undefined;
  /** Its first key. */
  readonly key: string | undefined;
  readonly liteTopic: string | undefined;
}

/** A dead letter on its way back. */
export interface Redriven {
  readonly body: Buffer;
  /** Its topic is the one that it came from. */
  readonly message: ParkedMessage;
}

export interface DeadLetter {
  readonly body: Buffer;
  readonly messageId: string;
  readonly tag: string | undefined;
}

/** Whether the filter takes every message from number `index` on; looks no further than it must. */
export function passAll(filter: MessageFilter | undefined, entry: Entry, index: number): boolean {
  if (filter === undefined) return true;
  for (let at = index; at < entry.count; at++) if (!filter.passes(entry, at)) return false;
  return true;
}
