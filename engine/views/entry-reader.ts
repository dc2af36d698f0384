import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { Entry } from '../../storage/store.ts';

/** Reads whole entries of one physical partition on the worker's thread. */
export interface PartitionReader {
  /** Every entry in [position, end), which begins and ends at entry boundaries. */
  readRange(position: number, end: number): readonly Entry[];
}

/** Adjacent entries are read together up to this size. */
const readBytesMax = 1024 * 1024;

/**
 * Reads the entries that index rows [from, to) name, in their order. Neighbours in the log are
 * read with one call; entries between them that belong to others are not touched.
 */
export function readEntries(
  partitions: (partition: number) => PartitionReader,
  rows: IndexRows,
  from: number,
  to: number,
): Entry[] {
  const entries: Entry[] = [];
  for (let row = from; row < to; ) {
    const at = row * indexRowWidth;
    const partition = rows.values[at + col.partition]!;
    const start = rows.values[at + col.position]!;
    let end = start + rows.values[at + col.length]!;
    for (row++; row < to; row++) {
      const next = row * indexRowWidth;
      const isNeighbour =
        rows.values[next + col.partition] === partition &&
        rows.values[next + col.position] === end &&
        end - start < readBytesMax;
      if (!isNeighbour) break;
      end += rows.values[next + col.length]!;
    }
    entries.push(...partitions(partition).readRange(start, end));
  }
  return entries;
}
