import { type Entry, entryKinds, type KeyedFormat } from '../../storage/store.ts';

/** How a parked message ended. Numbers are on disk. */
export const outcomes = {
  /** It is in its topic now: a delayed one in time, a half one committed. */
  delivered: 1,
  recalled: 2,
  rolledBack: 3,
  /** Its producers never said what becomes of it; it is in `expiredTopic`. */
  expired: 4,
  /** Its topic does not exist any more. */
  topicGone: 5,
} as const;
export type Outcome = keyof typeof outcomes;

/**
 * Entries of the topic of parked messages (parked.ts).
 *
 * | entry kind | messages | body                                                             |
 * |------------|----------|------------------------------------------------------------------|
 * | `parked`   | 1        | a request with the one message, as it came                       |
 * | `settled`  | n        | of each: u8 outcome, f64 offset of the parked entry; of one that |
 * |            |          | compaction took out a 0 alone                                    |
 *
 * The topic is compacted: the key of a parked message is its offset, and the `settled` record of
 * that offset deletes it. So what has been settled goes from the disk, and what still waits, for
 * years maybe, keeps its offset, by which timers and recall handles know it.
 */
export const keyedParked: KeyedFormat = {
  *messages(entry) {
    if (entry.kind === entryKinds.parked) {
      yield { key: keyOf(entry.baseOffset), isTombstone: false };
      return;
    }
    for (const offset of recordsOf(entry)) {
      yield offset === undefined ? undefined : { key: keyOf(offset), isTombstone: true };
    }
  },

  without({ body }, isKept) {
    const parts: Uint8Array[] = [];
    let index = 0;
    for (let at = 0; at < body.length; ) {
      const next = at + recordBytes(body[at]!);
      parts.push(isKept[index++] === 0 ? Buffer.of(takenOut) : body.subarray(at, next));
      at = next;
    }
    return Buffer.concat(parts);
  },
};

const takenOut = 0;

function recordBytes(outcome: number): number {
  return outcome === takenOut ? 1 : 9;
}

export function settledBody(offsets: readonly number[], outcome: Outcome): Buffer {
  const body = Buffer.alloc(9 * offsets.length);
  for (const [i, offset] of offsets.entries()) {
    body[9 * i] = outcomes[outcome];
    body.writeDoubleBE(offset, 9 * i + 1);
  }
  return body;
}

/** Offsets of the parked entries that a `settled` one names. */
export function settledOffsets(entry: Entry): readonly number[] {
  return [...recordsOf(entry)].filter((offset) => offset !== undefined);
}

/** `undefined` for one that was taken out. */
function* recordsOf({ body }: Entry): Iterable<number | undefined> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at < bytes.length; at += recordBytes(bytes[at]!)) {
    yield bytes[at] === takenOut ? undefined : bytes.readDoubleBE(at + 1);
  }
}

function keyOf(offset: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeDoubleBE(offset);
  return key;
}
