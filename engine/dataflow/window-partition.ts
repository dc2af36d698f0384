import { limits } from '../../platform/limits.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { SqlValue } from '../../sql/columns/types.ts';
import type { SortKey } from '../../sql/plan/physical.ts';
import { gatherStored } from './gather-stored.ts';
import type { OrderPart } from './ordering.ts';
import type { RowTable } from './row-table.ts';

const mask = limits.chunkRows - 1;

/** Which part of a partition is looked at, and which of its places are evaluated. */
export interface PartitionRange {
  /** Rows of the partition before the part. */
  readonly rowsBefore: number;
  /** Places in the part: [start, end) are evaluated. */
  readonly start: number;
  readonly end: number;
}

/**
 * The rows of one partition in order, for the time of one evaluation. Rows are known by their
 * places, from 0; rows that the ORDER BY does not tell apart are peers and form a peer group.
 *
 * It may be a part of a partition, behind `rowsBefore` rows: then only the rows at places [start,
 * end) are evaluated, those around them are what their values are made of, and the stored values of
 * the row before `start` hold.
 */
export class Partition {
  /** Row ids by place. */
  readonly ids: Int32Array;
  readonly orderBy: readonly SortKey[];
  readonly rowsBefore: number;
  readonly start: number;
  readonly end: number;
  /** Number of the peer group, by place. */
  readonly peerGroup: Int32Array;
  /** Place of each peer group's first row; then the number of rows. */
  readonly peerStarts: readonly number[];
  readonly #table: RowTable;
  readonly #columns = new Map<number, Column>();

  /** `keys`: the ORDER BY without its ties. */
  constructor(
    table: RowTable,
    ids: Int32Array,
    orderBy: readonly SortKey[],
    keys: readonly OrderPart[],
    { rowsBefore, start, end }: PartitionRange,
  ) {
    this.rowsBefore = rowsBefore;
    this.start = start;
    this.end = end;
    this.#table = table;
    this.ids = ids;
    this.orderBy = orderBy;
    this.peerGroup = new Int32Array(ids.length);
    const starts: number[] = [];
    for (let place = 0; place < ids.length; place++) {
      if (place === 0 || !arePeers(table, keys, ids[place - 1]!, ids[place]!)) starts.push(place);
      this.peerGroup[place] = starts.length - 1;
    }
    this.peerStarts = [...starts, ids.length];
  }

  get rowCount(): number {
    return this.ids.length;
  }

  /** First place of the row's peers, and the one after their last. */
  peersFrom(place: number): number {
    return this.peerStarts[this.peerGroup[place]!]!;
  }

  peersTo(place: number): number {
    return this.peerStarts[this.peerGroup[place]! + 1]!;
  }

  /** What a call gave the row before `start`, in a column of the table. */
  storedBefore(column: number): SqlValue {
    const id = this.ids[this.start - 1]!;
    return valueAt(this.#table.chunk(id).columns[column]!, id & mask);
  }

  /** A column of the rows, by place. */
  column(index: number): Column {
    let column = this.#columns.get(index);
    if (column === undefined) {
      column = gatherStored(this.#table, index, this.ids, this.ids.length);
      this.#columns.set(index, column);
    }
    return column;
  }
}

/** Rows that the ORDER BY does not tell apart. */
export function arePeers(
  table: RowTable,
  keys: readonly OrderPart[],
  a: number,
  b: number,
): boolean {
  const left = table.chunk(a).columns;
  const right = table.chunk(b).columns;
  for (const { column, compare } of keys) {
    if (compare(left[column]!, a & mask, right[column]!, b & mask) !== 0) return false;
  }
  return true;
}
