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
 * not even kept; and rows keep their ids for a step, so that old and new tops are compared by them.
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
  /** Groups touched since the last output, in the order of `#tops`. */
  readonly #touched = new Set<number>();
  /** Old tops of touched groups: where the input only grows as places, else as rows. */
  readonly #tops: Top[] = [];
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
    const tops: Top[] = [];
    for (let row = 0; row < delta.rowCount; row++) {
      const group = prepared.groups[row]!;
      if (this.#touched.has(group) || !this.#reaches(delta, row, group)) continue;
      this.#touched.add(group);
      tops.push(this.#top(group));
    }
    if (this.#node.input.appendOnly) this.#tops.push(...tops);
    else this.#before.push(...this.#outputs(tops));
    for (let row = 0; row < delta.rowCount; row++) {
      if (!isBounded || this.#touched.has(prepared.groups[row]!)) {
        this.#rows.addCopies(prepared, row, delta.weights[row]!);
      }
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
    const { appendOnly } = this.#node.input;
    const tops: Top[] = [];
    for (const group of this.#touched) {
      const top = this.#top(group);
      this.#edges[group] = top.edge;
      tops.push(top);
    }
    for (const [position, top] of this.#tops.entries()) this.#cancel(top, tops[position]!);
    const before = [...this.#before, ...this.#outputs(this.#tops)];
    const changes = [
      ...before.map((batch) => weighted(batch, isRest ? 1 : -1)),
      ...this.#outputs(tops).map((batch) => weighted(batch, isRest ? -1 : 1)),
      ...this.#passed,
    ];
    if (appendOnly && !isRest) {
      for (const group of this.#touched) this.#dropBeyond(group, this.#edges[group]!);
    }
    this.#passed = [];
    this.#before = [];
    this.#tops.length = 0;
    this.#touched.clear();
    return consolidated(this.#node.fields, changes);
  }

  /** Takes out of a group's old and new top what both have at one rank in as many copies. */
  #cancel(before: Top, after: Top): void {
    const { order } = this.#rows;
    let oldKept = 0;
    let newKept = 0;
    let next = 0;
    for (let at = 0; at < before.ids.length; at++) {
      const id = before.ids[at]!;
      while (next < after.ids.length && order.compare(after.ids[next]!, id) < 0) {
        keep(after, newKept++, next++);
      }
      const isBoth = next < after.ids.length && after.ids[next] === id;
      const isSame =
        isBoth &&
        after.weights[next] === before.weights[at] &&
        after.ranks[next] === before.ranks[at];
      if (!isSame) keep(before, oldKept++, at);
      if (isBoth && !isSame) keep(after, newKept++, next);
      if (isBoth) next++;
    }
    while (next < after.ids.length) keep(after, newKept++, next++);
    shorten(before, oldKept);
    shorten(after, newKept);
  }

  #dropBeyond(group: number, edge: number): void {
    if (edge === none) return;
    const { order } = this.#rows;
    for (let id = order.last(group); id !== edge; id = order.last(group)) this.#rows.remove(id);
  }

  #top(group: number): Top {
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
    return { ids, weights, ranks, edge: isFull ? previous : none };
  }

  #arePeers(a: number, b: number): boolean {
    const left = this.#rows.table.chunk(a).columns;
    const right = this.#rows.table.chunk(b).columns;
    return this.#keys.every(
      ({ column, compare }) => compare(left[column]!, a & mask, right[column]!, b & mask) === 0,
    );
  }

  /** The rows of all the tops in one batch, or none. */
  #outputs(tops: readonly Top[]): Batch[] {
    const count = tops.reduce((sum, top) => sum + top.ids.length, 0);
    if (count === 0) return [];
    const ids = new Int32Array(count);
    const weights = new Int32Array(count);
    const ranks = new Int32Array(2 * count);
    let row = 0;
    for (const top of tops) {
      for (let at = 0; at < top.ids.length; at++) {
        ids[row] = top.ids[at]!;
        weights[row] = top.weights[at]!;
        splitNumber(top.ranks[at]!, ranks, row++);
      }
    }
    const { table } = this.#rows;
    const columns: Column[] = table.fields.map((_, column) =>
      gatherStored(table, column, ids, count),
    );
    if (this.#node.withRank) {
      columns.push({ type: { kind: 'bigint' }, nulls: undefined, layout: 'i64', words: ranks });
    }
    return [{ rowCount: count, columns, weights }];
  }
}

/** Rows of a group's top in order, each with its copies and its rank, and the group's edge. */
interface Top {
  readonly ids: number[];
  readonly weights: number[];
  readonly ranks: number[];
  readonly edge: number;
}

/** Entry `from` moves to `to`, which is not behind it. */
function keep({ ids, weights, ranks }: Top, to: number, from: number): void {
  ids[to] = ids[from]!;
  weights[to] = weights[from]!;
  ranks[to] = ranks[from]!;
}

function shorten({ ids, weights, ranks }: Top, length: number): void {
  ids.length = weights.length = ranks.length = length;
}

function weighted(batch: Batch, sign: 1 | -1): Batch {
  return sign === 1 ? batch : { ...batch, weights: batch.weights.map((weight) => -weight) };
}
