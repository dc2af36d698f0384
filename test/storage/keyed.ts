import type { SeededRandom } from '../../platform/seeded-random.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import {
  entryKinds,
  type KeyedFormat,
  type KeyedMessage,
  type Store,
} from '../../storage/store.ts';

/** Messages with keys for tests of compaction, and what is known of them. */

export interface KeyedSent {
  readonly topicId: number;
  readonly queueId: number;
  readonly offset: number;
  readonly id: number;
  /** `undefined`: it has none. */
  readonly key: number | undefined;
  readonly isTombstone: boolean;
  readonly timeMs: number;
  readonly position: number;
  readonly index: number;
}

/**
 * | bytes | of each message that is there                |
 * |-------|----------------------------------------------|
 * | 1     | its number in the entry                      |
 * | 1     | key; 255: none                               |
 * | 1     | 1: it deletes its key                        |
 * | 4     | id                                           |
 * | 1 + n | n bytes more                                 |
 */
export const keyedFormat: KeyedFormat = {
  *messages({ body, count }) {
    const found = new Map<number, KeyedMessage>();
    for (const { bytes, index } of recordsOf(body)) {
      const key = bytes[1] === 255 ? undefined : bytes.subarray(1, 2);
      found.set(index, { key, isTombstone: key !== undefined && bytes[2] === 1 });
    }
    for (let index = 0; index < count; index++) yield found.get(index);
  },
  without({ body }, isKept) {
    const kept = recordsOf(body).filter(({ index }) => isKept[index] === 1);
    return Buffer.concat(kept.map(({ bytes }) => bytes));
  },
};

/** The messages that are there, by their numbers in the entry. */
export function recordsOf(body: Uint8Array): { readonly index: number; readonly bytes: Buffer }[] {
  const all = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const records = [];
  for (let at = 0; at < all.length; ) {
    const bytes = all.subarray(at, at + 8 + all[at + 7]!);
    records.push({ index: bytes[0]!, bytes });
    at += bytes.length;
  }
  return records;
}

export interface KeyedDraft {
  readonly key: number | undefined;
  readonly isTombstone: boolean;
  readonly id: number;
}

export function draftMessages(random: SeededRandom, firstId: number, keys: number): KeyedDraft[] {
  return Array.from({ length: 1 + random.below(5) }, (_, i) => {
    const key = random.below(12) === 0 ? undefined : random.below(keys);
    return { key, isTombstone: key !== undefined && random.below(5) === 0, id: firstId + i };
  });
}

/** Appends the messages as one entry. */
export async function sendKeyed(
  store: Store,
  topicId: number,
  queueId: number,
  drafts: readonly KeyedDraft[],
  random: SeededRandom,
): Promise<KeyedSent[]> {
  const body = Buffer.concat(
    drafts.map(({ key, isTombstone, id }, index) => {
      const bytes = Buffer.alloc(8 + random.below(60));
      bytes[0] = index;
      bytes[1] = key ?? 255;
      bytes[2] = isTombstone ? 1 : 0;
      bytes.writeUInt32LE(id, 3);
      bytes[7] = bytes.length - 8;
      return bytes;
    }),
  );
  const request = { topicId, queueId, kind: entryKinds.messages, count: drafts.length, body };
  const { baseOffset, storeTimeMs, position } = await store.append({
    ...{ ...request, firstIdHash: 0, tagHash: 0 },
  });
  const place = { topicId, queueId, timeMs: storeTimeMs, position };
  return drafts.map((draft, index) => ({ ...draft, ...place, offset: baseOffset + index, index }));
}

/** Ids of the messages that a reader of the queue finds, by offset. Throws what does not fit. */
export async function presentIds(
  store: Store,
  topicId: number,
  queueId: number,
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  const { values, rowCount } = await store.indexRows(topicId, queueId, 0, Infinity);
  let next = 0;
  for (let row = 0; row < rowCount; row++) {
    const at = row * indexRowWidth;
    const baseOffset = values[at + col.baseOffset]!;
    if (baseOffset < next) throw new Error(`offset ${baseOffset} comes twice`);
    next = baseOffset + values[at + col.count]!;
    const entry = await store.readEntry(
      values[at + col.partition]!,
      values[at + col.position]!,
      values[at + col.length]!,
    );
    if (entry === undefined) continue;
    if (entry.baseOffset !== baseOffset) throw new Error(`not the entry of offset ${baseOffset}`);
    for (const { index, bytes } of recordsOf(entry.body)) {
      found.set(baseOffset + index, bytes.readUInt32LE(3));
    }
  }
  return found;
}

/** What a table over the messages has: of each key the id of its newest message. */
export function finalState(messages: readonly KeyedSent[]): ReadonlyMap<number, number> {
  const state = new Map<number, number>();
  const inOrder = [...messages].sort(
    (a, b) => a.timeMs - b.timeMs || a.position - b.position || a.index - b.index,
  );
  for (const { key, isTombstone, id } of inOrder) {
    if (key === undefined) continue;
    if (isTombstone) state.delete(key);
    else state.set(key, id);
  }
  return new Map([...state].sort(([a], [b]) => a - b));
}
