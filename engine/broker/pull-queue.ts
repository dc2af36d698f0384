import { limits } from '../../platform/limits.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Entry, entryKinds, type Store } from '../../storage/store.ts';
import { type MessageFilter, passAll } from './message-format.ts';
import { endOffset, isOtherTag, readRow } from './pop-queue.ts';

export interface QueuePull {
  readonly store: Store;
  readonly topicId: number;
  readonly queueId: number;
  readonly offset: number;
  readonly filter: MessageFilter | undefined;
  readonly max: number;
  /** The client unpacks batches itself: the rest of one counts as one message. */
  readonly takesBatches: boolean;
}

/** Messages of an entry from number `index` on. */
export interface Piece {
  readonly entry: Entry;
  readonly index: number;
  readonly count: number;
}

export interface Pulled {
  readonly pieces: readonly Piece[];
  /** Where to go on; also when nothing was found. */
  readonly nextOffset: number;
}

/** Entries looked at in one go, and in one pull: a filter may pass none of many. */
const lookAheadEntries = 32;
const lookedAtMax = 2048;

/** Messages of a queue in order, from an offset on; nobody is said to have consumed them. */
export async function pullQueue(pull: QueuePull): Promise<Pulled> {
  const { store, topicId, queueId, filter } = pull;
  const { minOffset, maxOffset } = await store.range(topicId, queueId);
  const pieces: Piece[] = [];
  let next = Math.max(pull.offset, minOffset);
  let bytes = 0;
  const isFull = () => pieces.length >= pull.max || bytes >= limits.receiveBytesMax;
  for (let looked = 0; next < maxOffset && !isFull() && looked < lookedAtMax; ) {
    const wanted = Math.min(lookAheadEntries, pull.max - pieces.length);
    const rows = await store.indexRows(topicId, queueId, next, wanted);
    if (rows.rowCount === 0) break;
    const end = rowsWithin(rows.values, rows.rowCount, limits.receiveBytesMax - bytes);
    const entries = await Promise.all(
      Array.from({ length: end }, (_, row) =>
        isOtherTag(rows, row, filter?.tagHashes) ? undefined : readRow(store, rows, row),
      ),
    );
    looked += end;
    for (let row = 0; row < end && !isFull(); row++) {
      const entry = entries[row];
      // Another tag, or expired or superseded: its offsets stay behind.
      if (entry === undefined) next = endOffset(rows, row);
      else {
        bytes += entry.length;
        next = take(pull, entry, next, pieces);
      }
    }
  }
  return { pieces, nextOffset: next };
}

/** So many rows hold at most the bytes; at least one. */
function rowsWithin(values: IndexRowValues, rowCount: number, bytes: number): number {
  let left = bytes - values[col.length]!;
  let row = 1;
  for (; row < rowCount; row++) {
    left -= values[row * indexRowWidth + col.length]!;
    if (left < 0) break;
  }
  return row;
}

type IndexRowValues = Awaited<ReturnType<Store['indexRows']>>['values'];

/** Gives the offset behind what was taken or left out. */
function take(pull: QueuePull, entry: Entry, from: number, pieces: Piece[]): number {
  const end = entry.baseOffset + entry.count;
  let next = Math.max(from, entry.baseOffset);
  const { filter } = pull;
  const isBatch = pull.takesBatches && entry.kind === entryKinds.packed;
  if (isBatch && passAll(filter, entry, next - entry.baseOffset)) {
    pieces.push({ entry, index: next - entry.baseOffset, count: end - next });
    return end;
  }
  for (; next < end && pieces.length < pull.max; next++) {
    const index = next - entry.baseOffset;
    if (filter === undefined || filter.passes(entry, index))
      pieces.push({ entry, index, count: 1 });
  }
  return next;
}
