import type { MillraceError } from '../../platform/errors.ts';
import type { MapResult } from '../../sql/codegen/compile-map.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import { noBatches, type Operator } from './operator.ts';
import type { StateTable } from './table.ts';

/** Linear operators hold no state: f(a + b) = f(a) + f(b), so each delta maps alone. */

/** Where a plan reads a relation: its owner puts the relation's delta here before each step. */
export class InputOperator implements Operator {
  readonly relationId: number;
  readonly #columns: readonly number[];
  #pending: readonly Batch[] = noBatches;

  constructor(relationId: number, columns: readonly number[]) {
    this.relationId = relationId;
    this.#columns = columns;
  }

  /** Batches of the whole relation; they are narrowed to the plan's columns. */
  feed(batches: readonly Batch[]): void {
    this.#pending = batches;
  }

  step(): readonly Batch[] {
    const batches = this.#pending;
    this.#pending = noBatches;
    return batches.map(({ rowCount, weights, columns }) => ({
      rowCount,
      weights,
      columns: this.#columns.map((column) => columns[column]!),
    }));
  }

  stateTables(): readonly StateTable[] {
    return [];
  }
}

/** Where rows enter an iteration of a recursion (recursion.ts). */
export class PortOperator implements Operator {
  #pending: readonly Batch[] = noBatches;

  feed(batches: readonly Batch[]): void {
    this.#pending = batches;
  }

  step(): readonly Batch[] {
    const batches = this.#pending;
    this.#pending = noBatches;
    return batches;
  }

  stateTables(): readonly StateTable[] {
    return [];
  }
}

/** Rows that are there from the first step on. */
export class ConstantsOperator implements Operator {
  readonly #rows: Batch;
  readonly #given: OnceFlag;

  constructor(rows: Batch, given: OnceFlag) {
    this.#rows = rows;
    this.#given = given;
  }

  step(): readonly Batch[] {
    if (this.#given.isSet) return noBatches;
    this.#given.isSet = true;
    return [this.#rows];
  }

  stateTables(): readonly StateTable[] {
    return [];
  }
}

/**
 * Set once a plan's constants were given out. A plan restored from a checkpoint has given them:
 * its owner sets the flag.
 */
export interface OnceFlag {
  isSet: boolean;
}

/** A row that an expression failed on, or takes it back: like any change it has a weight. */
export interface RowError {
  readonly error: MillraceError;
  readonly weight: number;
  /** The row, as far as the expression's operator knows it. */
  readonly row: readonly NamedCell[];
}

export interface NamedCell {
  readonly name: string;
  readonly type: SqlType;
  readonly value: SqlValue;
}

export type OnErrors = (errors: readonly RowError[]) => void;

/** Filter and projection in one generated loop. Weights pass through. */
export class MapOperator implements Operator {
  readonly #input: Operator;
  readonly #fields: readonly Field[];
  readonly #map: (batch: Batch) => MapResult;
  readonly #onErrors: OnErrors;

  /** `fields`: those of the input. */
  constructor(
    input: Operator,
    fields: readonly Field[],
    map: (batch: Batch) => MapResult,
    onErrors: OnErrors,
  ) {
    this.#input = input;
    this.#fields = fields;
    this.#map = map;
    this.#onErrors = onErrors;
  }

  step(): readonly Batch[] {
    const results: Batch[] = [];
    for (const delta of this.#input.step()) {
      const { batch, errors } = this.#map(delta);
      if (batch.rowCount > 0) results.push(batch);
      if (errors.length > 0) {
        const all = this.#fields.map((_, column) => column);
        this.#onErrors(
          errors.map(({ row, error }) => failedRow(this.#fields, all, delta, row, error)),
        );
      }
    }
    return results;
  }

  stateTables(): readonly StateTable[] {
    return this.#input.stateTables();
  }
}

/** Each row once per map: the grouping sets of an aggregate. */
export class ExpandOperator implements Operator {
  readonly #input: Operator;
  readonly #maps: readonly MapOperator[];
  #deltas: readonly Batch[] = noBatches;

  constructor(
    input: Operator,
    fields: readonly Field[],
    maps: readonly ((batch: Batch) => MapResult)[],
    onErrors: OnErrors,
  ) {
    this.#input = input;
    const shared: Operator = { step: () => this.#deltas, stateTables: () => [] };
    this.#maps = maps.map((map) => new MapOperator(shared, fields, map, onErrors));
  }

  step(): readonly Batch[] {
    this.#deltas = this.#input.step();
    const results = this.#maps.flatMap((map) => map.step());
    this.#deltas = noBatches;
    return results;
  }

  stateTables(): readonly StateTable[] {
    return this.#input.stateTables();
  }
}

/** The row of a batch on which an expression over `columns` failed. */
export function failedRow(
  fields: readonly Field[],
  columns: readonly number[],
  batch: Batch,
  row: number,
  error: MillraceError,
): RowError {
  const cells = columns.map((column) => {
    const { name, type } = fields[column]!;
    return { name, type, value: valueAt(batch.columns[column]!, row) };
  });
  return { error, weight: batch.weights[row]!, row: cells };
}

/** UNION ALL: the sum of its inputs' deltas. */
export class UnionOperator implements Operator {
  readonly #inputs: readonly Operator[];

  constructor(inputs: readonly Operator[]) {
    this.#inputs = inputs;
  }

  step(): readonly Batch[] {
    return this.#inputs.flatMap((input) => input.step());
  }

  stateTables(): readonly StateTable[] {
    return this.#inputs.flatMap((input) => input.stateTables());
  }
}
