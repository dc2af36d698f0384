import type { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Entry, entryKinds, type Store, tagMixed } from '../../storage/store.ts';
import type { Claim, Taking } from './claims.ts';
import { type MessageFilter, type MessageFormat, passAll } from './message-format.ts';
import type { QueueCursor } from './queue-cursor.ts';
import { isUnreadable } from './unreadable.ts';

/** What was taken together from a queue: of its entry the messages from number `index` on. */
export interface Taken {
  readonly claim: Claim;
  readonly entry: Entry;
  readonly index: number;
}

export interface QueuePop {
  readonly store: Store;
  readonly format: MessageFormat;
  readonly topicId: number;
  readonly queueId: number;
  readonly cursor: QueueCursor;
  /** What goes out one after the other: message groups, or all of the queue. */
  readonly order: 'none' | 'groups' | 'all';
  readonly filter: MessageFilter | undefined;
  readonly taking: Taking;
  readonly max: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** The time to look for more is up. */
  readonly isLate: () => boolean;
  readonly read: (rows: IndexRows, row: number) => Promise<Entry | undefined>;
  /** Told of an entry that cannot be decoded: the group is done with it. */
  readonly onUnreadable: (entry: Entry, error: MillraceError) => void;
  /** Told of messages that retention took before the group was done with them. */
  readonly onExpired: (messages: number) => void;
}

/** Index rows looked at in one go. */
const lookAheadEntries = 64;
/** So often a pop that has something looks on for more: the client waits for what there is. */
const looksMax = 8;

/**
 * Takes messages of one queue for a group: those that are visible again first, then new ones that
 * the filter selects. Messages are claimed before they are read, so no other pop gets them; when it
 * throws, they are as they were before.
 */
export async function popQueue(pop: QueuePop): Promise<Taken[]> {
  const claims = pop.cursor.takeVisible(pop.taking, pop.max);
  const taken: Taken[] = [];
  try {
    const bytes = await readVisible(pop, claims, taken);
    await takeNew(pop, taken, bytes);
  } catch (error) {
    const all = new Set([...claims, ...taken.map(({ claim }) => claim)]);
    pop.cursor.untake([...all], pop.taking.nowMs);
    throw error;
  }
  return taken;
}

/** Gives the bytes of what was taken. Claims beyond `maxBytes` are given back. */
async function readVisible(
  pop: QueuePop,
  claims: readonly Claim[],
  taken: Taken[],
): Promise<number> {
  let bytes = 0;
  for (const [i, claim] of claims.entries()) {
    const last = taken.at(-1)?.entry;
    if (bytes >= pop.maxBytes) {
      pop.cursor.untake(claims.slice(i), pop.taking.nowMs);
      break;
    }
    // The same object: what is made of an entry is made once for all its messages.
    const entry = last !== undefined && holds(last, claim.offset) ? last : await readAt(pop, claim);
    const index = claim.offset - (entry?.baseOffset ?? Infinity);
    if (entry === undefined || index < 0 || isGone(pop, entry, index, claim.count)) {
      // Retention or compaction took the message away; there is nothing to deliver any more.
      pop.cursor.finishTaken(claim);
      pop.onExpired(await expiredOf(pop, claim));
    } else {
      taken.push({ claim, entry, index });
      bytes += (entry.length * claim.count) / entry.count;
    }
  }
  return bytes;
}

/** How many of the claimed messages lie below what is retained; others were compacted away. */
async function expiredOf(pop: QueuePop, { offset, count }: Claim): Promise<number> {
  const { minOffset } = await pop.store.range(pop.topicId, pop.queueId);
  return Math.max(0, Math.min(count, minOffset - offset));
}

function isGone(pop: QueuePop, entry: Entry, index: number, count: number): boolean {
  try {
    return pop.format.isTakenOut(entry, index, count);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    pop.onUnreadable(entry, error);
    return true;
  }
}

async function readAt(
  { store, topicId, queueId, read }: QueuePop,
  { offset }: Claim,
): Promise<Entry | undefined> {
  const rows = await store.indexRows(topicId, queueId, offset, 1);
  return rows.rowCount === 0 ? undefined : read(rows, 0);
}

function holds({ baseOffset, count }: Entry, offset: number): boolean {
  return offset >= baseOffset && offset < baseOffset + count;
}

async function takeNew(pop: QueuePop, taken: Taken[], bytesTaken: number): Promise<void> {
  const { store, topicId, queueId, cursor, filter } = pop;
  const { minOffset, maxOffset } = await store.range(topicId, queueId);
  pop.onExpired(Math.max(0, minOffset - cursor.next));
  cursor.skipTo(minOffset);
  let bytes = bytesTaken;
  const isFull = () =>
    taken.length >= pop.max ||
    bytes >= pop.maxBytes ||
    cursor.waitingCount >= limits.fifoWaitingMax ||
    pop.signal.aborted;
  let looks = 0;
  while (cursor.next < maxOffset && !isFull()) {
    if (looks > 0 && pop.isLate()) return;
    if (taken.length > 0 && looks >= looksMax) return;
    looks++;
    // Where each row has something to take, as many as there are places for will do.
    const isPlain = filter === undefined && pop.order === 'none';
    const entriesMax = isPlain
      ? Math.min(lookAheadEntries, pop.max - taken.length)
      : lookAheadEntries;
    const rows = await store.indexRows(topicId, queueId, cursor.next, entriesMax);
    if (rows.rowCount === 0) return;
    const end = rowsNeeded(pop, rows, pop.max - taken.length, pop.maxBytes - bytes);
    // Side by side: one after the other, each would wait for its turn in the thread pool.
    const entries = await Promise.all(
      Array.from({ length: end }, (_, row) =>
        isOtherTag(rows, row, filter?.tagHashes) ? undefined : pop.read(rows, row),
      ),
    );
    for (let row = 0; row < end && !isFull(); row++) {
      const entry = entries[row];
      if (entry === undefined) {
        // Another tag, or expired or superseded; its offsets stay behind.
        cursor.skipTo(endOffset(rows, row));
        continue;
      }
      bytes += entry.length;
      try {
        takeEntry(pop, entry, taken);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        pop.onUnreadable(entry, error);
        cursor.skipTo(endOffset(rows, row));
      }
    }
  }
}

/** So many rows hold enough messages or bytes, if the filter takes all of them. */
function rowsNeeded(
  { filter, taking }: QueuePop,
  { rowCount, values }: IndexRows,
  messages: number,
  bytes: number,
): number {
  for (let row = 0; row < rowCount; row++) {
    if (isOtherTag({ rowCount, values }, row, filter?.tagHashes)) continue;
    messages -= taking.ranges === true ? 1 : values[row * indexRowWidth + col.count]!;
    bytes -= values[row * indexRowWidth + col.length]!;
    if (messages <= 0 || bytes <= 0) return row + 1;
  }
  return rowCount;
}

function takeEntry(pop: QueuePop, entry: Entry, taken: Taken[]): void {
  const { cursor, filter, taking } = pop;
  const orderKey = (index: number) =>
    pop.order === 'groups' ? pop.format.orderKey(entry, index) : pop.order === 'all' ? 1 : 0;
  const end = entry.baseOffset + entry.count;
  let offset = Math.max(cursor.next, entry.baseOffset);
  const isGone = () => pop.format.isTakenOut(entry, offset - entry.baseOffset, 1);
  // One of which something was taken out goes message by message: nobody would finish the rest.
  const isBatch = entry.kind === entryKinds.packed && !entry.isThinned && pop.order === 'none';
  const first = offset - entry.baseOffset;
  if (taking.ranges === true && isBatch && passAll(filter, entry, first)) {
    const claim = cursor.takeRange(offset, end - offset, taking);
    if (claim !== undefined) {
      taken.push({ claim, entry, index: offset - entry.baseOffset });
      return;
    }
  }
  for (; offset < end && taken.length < pop.max; offset++) {
    const index = offset - entry.baseOffset;
    if ((filter !== undefined && !filter.passes(entry, index)) || isGone()) {
      cursor.skipTo(offset + 1);
      continue;
    }
    const claim = cursor.takeNext(offset, orderKey(index), taking);
    if (claim !== undefined) taken.push({ claim, entry, index });
  }
}

export function readRow(
  store: Store,
  { values }: IndexRows,
  row: number,
): Promise<Entry | undefined> {
  const at = row * indexRowWidth;
  return store.readEntry(
    values[at + col.partition]!,
    values[at + col.position]!,
    values[at + col.length]!,
  );
}

export function endOffset({ values }: IndexRows, row: number): number {
  const at = row * indexRowWidth;
  return values[at + col.baseOffset]! + values[at + col.count]!;
}

/** The index alone tells that no message of the entry has one of the tags. */
export function isOtherTag(
  { values }: IndexRows,
  row: number,
  tagHashes: ReadonlySet<number> | undefined,
): boolean {
  if (tagHashes === undefined) return false;
  const hash = values[row * indexRowWidth + col.tagHash]!;
  return hash !== tagMixed && !tagHashes.has(hash);
}
