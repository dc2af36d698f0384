import { limits } from '../../platform/limits.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { gather } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { AggregateCall, SortKey } from '../../sql/plan/physical.ts';
import type { CountedRows } from './accumulators.ts';
import type { CallState } from './aggregate-call.ts';
import { indexed } from './arrangement.ts';
import { hashRows } from './hashing.ts';
import { type Finisher, finishers, type OrderedRows } from './ordered-finishers.ts';
import { OrderedIndex } from './ordered-index.ts';
import { orderParts } from './ordering.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const mask = limits.chunkRows - 1;
const integer = { kind: 'integer' } as const;

/** How a function reads its rows in order; `undefined` for functions that need no order. */
export function orderedFinisher(functionId: string): Finisher | undefined {
  return finishers[functionId.split(':')[0]!];
}

/**
 * An aggregate that depends on the order of its rows: min and max, percentiles, string_agg. All
 * rows are kept, each group's in order (ordered-index.ts), so a change costs the logarithm of the
 * group's size, and so does reading an end or a place.
 *
 * The order is that of the call; without one, that of the first argument. Ties are broken by all
 * that the call reads of the row, so the result depends on nothing else. Table rows are (group,
 * arguments, sort keys), the weight is the number of copies. Groups are known by their row ids in
 * the aggregate's table, which a checkpoint preserves.
 */
export class OrderedCall implements CallState {
  readonly #table: RowTable;
  readonly #rows: RowIndex;
  readonly #order: OrderedIndex;
  /** Input columns of table columns 1, 2, ... */
  readonly #columns: readonly number[];
  /** Table columns of the arguments. */
  readonly #args: readonly number[];
  readonly #finish: (rows: OrderedRows) => SqlValue;

  /** `fields`: of the input; `type`: of the result. */
  constructor(call: AggregateCall, fields: readonly Field[], type: SqlType) {
    const finisher = orderedFinisher(call.functionId)!;
    const orderBy = finisher.orderOf(call);
    this.#columns = [...new Set([...call.args, ...orderBy.map(({ column }) => column)])];
    this.#table = new RowTable([
      { name: 'group', type: integer, nullable: false },
      ...this.#columns.map((column) => fields[column]!),
    ]);
    const at = (column: number) => 1 + this.#columns.indexOf(column);
    const keys = orderBy.map((key): SortKey => ({ ...key, column: at(key.column) }));
    this.#rows = new RowIndex(
      this.#table,
      this.#table.fields.map((_, index) => index),
      'exact',
    );
    this.#order = new OrderedIndex(this.#table, orderParts(this.#table.fields, keys, true));
    const argTypes = call.args.map((arg) => fields[arg]!.type);
    this.#finish = finisher.bind(call, type, argTypes);
    this.#args = call.args.map(at);
  }

  /** Costs what the counted rows cost, however many others the batch has: frames slide by few. */
  update({ batch, rows, groups, count }: CountedRows): void {
    const values = groups.subarray(0, count);
    const group: Column = { layout: 'i32', type: integer, nulls: undefined, values };
    const own = this.#columns.map((column) => gather(batch.columns[column]!, rows, count));
    const weights = new Int32Array(count);
    for (let i = 0; i < count; i++) weights[i] = batch.weights[rows[i]!]!;
    const keyed: Batch = { rowCount: count, columns: [group, ...own], weights };
    const hashes = new Int32Array(count);
    hashRows(keyed.columns, count, hashes);
    for (let i = 0; i < count; i++) this.#apply(keyed, i, groups[i]!, hashes[i]!);
  }

  value(group: number): SqlValue {
    const total = this.#order.total(group);
    if (total <= 0) return null;
    const read = (id: number, arg: number) =>
      valueAt(this.#table.chunk(id).columns[this.#args[arg]!]!, id & mask);
    return this.#finish({
      total,
      first: (arg) => read(this.#order.first(group), arg),
      last: (arg) => read(this.#order.last(group), arg),
      at: (place, arg) => read(this.#order.at(group, place), arg),
      each: (visit) =>
        this.#order.walk(group, (id) => {
          visit((arg) => read(id, arg), this.#table.weight(id));
          return true;
        }),
    });
  }

  stateTables(): readonly StateTable[] {
    const table = indexed(this.#table, this.#rows);
    return [
      {
        ...table,
        restored: () => {
          table.restored();
          for (const id of this.#table.ids()) {
            const { values } = this.#table.chunk(id).columns[0] as Extract<
              Column,
              { layout: 'i32' }
            >;
            this.#order.insert(values[id & mask]!, id, this.#table.weight(id));
          }
        },
      },
    ];
  }

  #apply(keyed: Batch, row: number, group: number, hash: number): void {
    const copies = keyed.weights[row]!;
    const same = this.#rows.first(keyed.columns, row, hash);
    if (same < 0) {
      const id = this.#table.insert(keyed, row, copies);
      this.#rows.add(id, hash, -1);
      this.#order.insert(group, id, copies);
      return;
    }
    const left = this.#table.weight(same) + copies;
    if (left !== 0) {
      this.#table.setWeight(same, left);
      this.#order.addCopies(group, same, copies);
      return;
    }
    this.#order.remove(group, same);
    this.#rows.remove(same);
    this.#table.remove(same);
  }
}
