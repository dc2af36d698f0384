import type { Batch, Column } from '../../sql/columns/batch.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import { indexed } from './arrangement.ts';
import { hashRows } from './hashing.ts';
import type { Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

const none = -1;

/** A delta with its keys hashed. */
export class Probe {
  readonly batch: Batch;
  readonly keys: readonly Column[];
  readonly hashes: Int32Array;
  readonly #nullable: readonly Uint8Array[];

  constructor(batch: Batch, keys: readonly number[], nullSafe: readonly boolean[]) {
    this.batch = batch;
    this.keys = keys.map((key) => batch.columns[key]!);
    this.hashes = new Int32Array(batch.rowCount);
    hashRows(this.keys, batch.rowCount, this.hashes);
    this.#nullable = this.keys.flatMap(({ nulls }, index) =>
      nulls === undefined || nullSafe[index] === true ? [] : [nulls],
    );
  }

  /** A NULL in a key that is not null-safe: the row matches nothing. */
  hasNull(row: number): boolean {
    for (const nulls of this.#nullable) if (nulls[row] === 1) return true;
    return false;
  }
}

/** One input of a join, kept by key. Rows whose key matches nothing are left out. */
export class Side {
  readonly input: Operator;
  readonly table: RowTable;
  readonly index: RowIndex;
  readonly #keys: readonly number[];
  readonly #nullSafe: readonly boolean[];
  /** Finds the row to retract; append-only inputs never ask. */
  readonly #rows: RowIndex | undefined;

  constructor(
    input: Operator,
    { fields, appendOnly }: PlanNode,
    keys: readonly number[],
    nullSafe: readonly boolean[],
  ) {
    this.input = input;
    this.#nullSafe = nullSafe;
    this.table = new RowTable(fields);
    this.index = new RowIndex(this.table, keys, 'sql');
    this.#keys = keys;
    const all = fields.map((_, index) => index);
    this.#rows = appendOnly ? undefined : new RowIndex(this.table, all, 'exact');
  }

  probeOf(delta: Batch): Probe {
    return new Probe(delta, this.#keys, this.#nullSafe);
  }

  /** Finds all rows before it changes one; only rows that this very delta touched are sought again. */
  apply(probe: Probe): void {
    const { batch, keys, hashes } = probe;
    const { rowCount } = batch;
    const heads = new Int32Array(rowCount);
    this.index.find(keys, hashes, rowCount, heads);
    if (this.#rows === undefined) {
      for (let row = 0; row < rowCount; row++) {
        if (!probe.hasNull(row)) this.#insert(probe, row, heads[row]!);
      }
      return;
    }
    const rowHashes = new Int32Array(rowCount);
    hashRows(batch.columns, rowCount, rowHashes);
    const known = new Int32Array(rowCount);
    this.#rows.find(batch.columns, rowHashes, rowCount, known);
    const gone: number[] = [];
    for (let row = 0; row < rowCount; row++) {
      if (probe.hasNull(row)) continue;
      let same = known[row]!;
      if (same < 0 || this.table.weight(same) === 0) {
        same = this.#rows.first(batch.columns, row, rowHashes[row]!);
      }
      if (same < 0) {
        const head = heads[row]!;
        const isGone = head >= 0 && this.table.weight(head) === 0;
        const id = this.#insert(probe, row, isGone ? none : head);
        this.#rows.add(id, rowHashes[row]!, none);
        continue;
      }
      const sum = this.table.weight(same) + batch.weights[row]!;
      if (sum !== 0) {
        this.table.setWeight(same, sum);
      } else {
        this.index.remove(same);
        this.#rows.remove(same);
        this.table.vacate(same);
        gone.push(same);
      }
    }
    this.table.free(gone);
  }

  /** `head`: of the row's key, if that is known. */
  #insert({ batch, keys, hashes }: Probe, row: number, head: number): number {
    const known = head >= 0 ? head : this.index.first(keys, row, hashes[row]!);
    const id = this.table.insert(batch, row, batch.weights[row]!);
    this.index.add(id, hashes[row]!, known);
    return id;
  }

  stateTables(): readonly StateTable[] {
    const indexes = this.#rows === undefined ? [this.index] : [this.index, this.#rows];
    return [indexed(this.table, ...indexes)];
  }
}
