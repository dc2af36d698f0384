import type { Batch, Column } from '../../sql/columns/batch.ts';
import type { PlanNode } from '../../sql/plan/physical.ts';
import { indexed } from './arrangement.ts';
import { hashRows } from './hashing.ts';
import type { Operator } from './operator.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateTable } from './table.ts';

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

  apply(probe: Probe): void {
    const { batch, keys, hashes } = probe;
    const rowHashes = this.#rows === undefined ? hashes : new Int32Array(batch.rowCount);
    if (this.#rows !== undefined) hashRows(batch.columns, batch.rowCount, rowHashes);
    for (let row = 0; row < batch.rowCount; row++) {
      if (probe.hasNull(row)) continue;
      const weight = batch.weights[row]!;
      const same = this.#rows?.first(batch.columns, row, rowHashes[row]!) ?? -1;
      if (same < 0) {
        const id = this.table.insert(batch, row, weight);
        const head = this.index.first(keys, row, hashes[row]!);
        this.index.add(id, hashes[row]!, head);
        this.#rows?.add(id, rowHashes[row]!, -1);
        continue;
      }
      const sum = this.table.weight(same) + weight;
      if (sum !== 0) {
        this.table.setWeight(same, sum);
      } else {
        this.index.remove(same);
        this.#rows?.remove(same);
        this.table.remove(same);
      }
    }
  }

  stateTables(): readonly StateTable[] {
    const indexes = this.#rows === undefined ? [this.index] : [this.index, this.#rows];
    return [indexed(this.table, ...indexes)];
  }
}
