import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { grown } from '../../sql/columns/builder.ts';
import { splitNumber } from '../../sql/columns/i64.ts';
import type { TopNNode } from '../../sql/plan/physical.ts';
import { consolidated } from './consolidate.ts';
import { gatherStored } from './gather-stored.ts';
import { type Loading, noBatches, type Operator } from './operator.ts';
import { OrderedRows } from './ordered-rows.ts';
import { type OrderPart, orderParts } from './ordering.ts';
import type { StateTable } from './table.ts';

const mask = limits.chunkRows - 1;
/** Edges of groups: one that has not been looked for, and that of a top which has room. */
const unknown = -2;
const none = -1;

/**
 * The first rows of each group in an order. With A the accumulated rows of a group,
 *
 *   d(top(A)) = top(A + dA) - top(A), for the groups where dA reaches the top
 *
 * The last row of a full top is the group's edge. A change beyond it touches nothing and costs the
 * logarithm of the group's size; a touched group gives its old top back and its new one out, less
 * what both have. Of an input that only grows, rows beyond the edge never come back, so they are
 * not even kept.
 *
 * Without a limit the output is all but the first `offset` rows: dA - d(top(A)).
 */
export class TopNOperator implements Operator {
  readonly #input: Operator;
  readonly #node: TopNNode;
  readonly #loading: Loading;
  readonly #rows: OrderedRows;
  /** The last row number, rank or dense rank of the top. */
  readonly #reach: number;
  /** The sort keys; what follows the edge by these is beyond it. */
  readonly #keys: readonly OrderPart[];
  readonly #beyond: readonly OrderPart[];
  /** By group. */
  #edges = new Int32Array(64).fill(unknown);
  /** Groups touched since the last output, and their old tops. */
  readonly #touched = new Set<number>();
  #before: Batch[] = [];
  /** The deltas themselves, where there is no limit. */
  #passed: Batch[] = [];

  constructor(node: TopNNode, input: Operator, loading: Loading) {
    const { partitionBy, orderBy, limit, offset, ranking } = node;
    const { fields } = node.input;
    this.#input = input;
    this.#node = node;
    this.#loading = loading;
    this.#rows = new OrderedRows({ fields, partitionBy, orderBy });
    this.#reach = limit ?? offset;
    this.#keys = orderParts(fields, orderBy, false);
    // A row that ties with the edge has its rank too.
    this.#beyond = ranking === 'row_number' ? orderParts(fields, orderBy, true) : this.#keys;
  }

  step(): readonly Batch[] {
    const deltas = consolidated(this.#node.input.fields, this.#input.step());
    for (const delta of deltas) this.#take(delta);
    if (this.#node.limit === undefined) this.#passed.push(...deltas);
    return this.#loading.isSet ? noBatches : this.#changes();
  }

  stateTables(): readonly StateTable[] {
    const state = this.#rows.stateTable(() => this.#edges.fill(unknown));
    return [...this.#input.stateTables(), state];
  }

  #take(delta: Batch): void {
    const prepared = this.#rows.prepare(delta);
    const isBounded = this.#node.limit !== undefined && this.#node.input.appendOnly;
    for (let row = 0; row < delta.rowCount; row++) {
      const group = prepared.groups[row]!;
      if (!this.#touched.has(group)) {
        if (this.#reaches(delta, row, group)) {
          this.#touch(group);
        } else if (isBounded) {
          this.#rows.release(prepared, row);
          continue;
        }
      }
      this.#rows.addCopies(prepared, row, delta.weights[row]!);
      this.#rows.release(prepared, row);
    }
  }

  /** Whether a change of this row may change the group's top. */
  #reaches(delta: Batch, row: number, group: number): boolean {
    const edge = this.#edgeOf(group);
    if (edge === none) return true;
    const { columns } = this.#rows.table.chunk(edge);
    for (const { column, compare } of this.#beyond) {
      const order = compare(delta.columns[column]!, row, columns[column]!, edge & mask);
      if (order !== 0) return order < 0;
    }
    return true;
  }

  #touch(group: number): void {
    this.#touched.add(group);
    const { batch } = this.#top(group);
    if (batch.rowCount > 0) this.#before.push(batch);
  }

  #edgeOf(group: number): number {
    if (group >= this.#edges.length) {
      const before = this.#edges.length;
      this.#edges = grown(this.#edges, Math.max(group + 1, 2 * before), Int32Array);
      this.#edges.fill(unknown, before);
    }
    if (this.#edges[group] === unknown) this.#edges[group] = this.#top(group).edge;
    return this.#edges[group]!;
  }

  #changes(): readonly Batch[] {
    const isRest = this.#node.limit === undefined;
    const changes = this.#before.map((batch) => weighted(batch, isRest ? 1 : -1));
    for (const group of this.#touched) {
      const { batch, edge } = this.#top(group);
      this.#edges[group] = edge;
      if (batch.rowCount > 0) changes.push(weighted(batch, isRest ? -1 : 1));
      if (edge !== none && this.#node.input.appendOnly && !isRest) this.#dropBeyond(group, edge);
    }
    changes.push(...this.#passed);
    this.#passed = [];
    this.#before = [];
    this.#touched.clear();
    return consolidated(this.#node.fields, changes);
  }

  #dropBeyond(group: number, edge: number): void {
    const { order } = this.#rows;
    for (let id = order.last(group); id !== edge; id = order.last(group)) this.#rows.remove(id);
  }

  /** The group's top as output rows, and its edge. */
  #top(group: number): { batch: Batch; edge: number } {
    const { table, order } = this.#rows;
    const { withRank, limit, offset, ranking } = this.#node;
    const skipped = limit === undefined ? 0 : offset;
    const ids: number[] = [];
    const weights: number[] = [];
    const ranks: number[] = [];
    let place = 0;
    let rank = 0;
    let previous = none;
    order.walk(group, (id) => {
      const copies = table.weight(id);
      if (ranking === 'row_number') rank = place + 1;
      else if (previous === none || !this.#arePeers(previous, id)) {
        rank = ranking === 'rank' ? place + 1 : rank + 1;
      }
      if (rank > this.#reach) return false;
      previous = id;
      const end = ranking === 'row_number' ? Math.min(place + copies, this.#reach) : place + copies;
      const from = Math.max(place, skipped);
      place += copies;
      if (from >= end) return true;
      const isSplit = withRank && ranking === 'row_number';
      for (let at = from; at < end; at += isSplit ? 1 : end - from) {
        ids.push(id);
        weights.push(isSplit ? 1 : end - from);
        ranks.push(isSplit ? at + 1 : rank);
      }
      return true;
    });
    const isFull = ranking === 'dense_rank' ? rank >= this.#reach : place >= this.#reach;
    const batch = this.#output(Int32Array.from(ids), Int32Array.from(weights), ranks);
    return { batch, edge: isFull ? previous : none };
  }

  #arePeers(a: number, b: number): boolean {
    const left = this.#rows.table.chunk(a).columns;
    const right = this.#rows.table.chunk(b).columns;
    return this.#keys.every(
      ({ column, compare }) => compare(left[column]!, a & mask, right[column]!, b & mask) === 0,
    );
  }

  #output(ids: Int32Array, weights: Int32Array, ranks: readonly number[]): Batch {
    const { table } = this.#rows;
    const columns: Column[] = table.fields.map((_, column) =>
      gatherStored(table, column, ids, ids.length),
    );
    if (this.#node.withRank) {
      const words = new Int32Array(2 * ids.length);
      for (const [row, rank] of ranks.entries()) splitNumber(rank, words, row);
      columns.push({ layout: 'i64', type: { kind: 'bigint' }, nulls: undefined, words });
    }
    return { rowCount: ids.length, columns, weights };
  }
}

function weighted(batch: Batch, sign: 1 | -1): Batch {
  return sign === 1 ? batch : { ...batch, weights: batch.weights.map((weight) => -weight) };
}
