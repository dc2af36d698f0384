import { col, indexRowWidth } from '../queues/index-rows.ts';
import type { PendingRows } from '../queues/pending-rows.ts';
import { checkedLength, claimedLength, tagHashAt } from './entry-format.ts';

/**
 * Appends the index row of the entry at `at`, read straight from its header: a lost index is built
 * again from millions of them. With `isVerified` the entry's own checksum is not looked at. Returns
 * the entry's length; 0 when there is no whole entry (entry-format.ts).
 */
export function pushRow(
  rows: PendingRows,
  bytes: Buffer,
  view: DataView,
  at: number,
  place: { readonly partition: number; readonly position: number; readonly isVerified: boolean },
): number {
  const { partition, position, isVerified } = place;
  const length = isVerified ? claimedLength(bytes, at) : checkedLength(bytes, at);
  if (length === 0 || at + length > bytes.length) return 0;
  const row = rows.next() * indexRowWidth;
  const { values } = rows;
  values[row + col.topicId] = view.getUint32(at + 28, true);
  values[row + col.queueId] = view.getUint32(at + 32, true);
  values[row + col.baseOffset] = view.getFloat64(at + 40, true);
  values[row + col.count] = view.getUint32(at + 36, true);
  values[row + col.partition] = partition;
  values[row + col.position] = position;
  values[row + col.length] = length;
  values[row + col.storeTimeMs] = view.getFloat64(at + 48, true);
  values[row + col.tagHash] = view.getUint32(at + tagHashAt, true);
  return length;
}
