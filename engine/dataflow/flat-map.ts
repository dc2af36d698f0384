import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { located } from '../../sql/codegen/compile-map.ts';
import { interpret } from '../../sql/codegen/interpreter.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import { boundedNumeric } from '../../sql/columns/decimal.ts';
import { gather } from '../../sql/columns/gather.ts';
import { cellBytes } from '../../sql/columns/nested.ts';
import type { Decimal, SqlType, SqlValue } from '../../sql/columns/types.ts';
import { tableRows } from '../../sql/functions/table-functions.ts';
import type { FlatMapNode } from '../../sql/plan/physical.ts';
import { type Hop, hopOf, hopped } from './hop.ts';
import { failedRow, type OnErrors } from './linear.ts';
import type { Operator } from './operator.ts';
import type { StateTable } from './table.ts';

/**
 * Table functions: with F(r) the rows that the calls give for row r,
 *
 *   d(flat(A)) = flat(dA),   flat(A) = sum over r of A[r] * (r x F(r))
 *
 * linear, since F depends on the row alone. A row on which a call fails gives nothing.
 */
export class FlatMapOperator implements Operator {
  readonly #node: FlatMapNode;
  readonly #input: Operator;
  readonly #onErrors: OnErrors;
  readonly #text: string | undefined;
  readonly #hop: Hop | undefined;
  /** Columns of the calls whose values may not fit a cell. */
  readonly #checked: readonly { index: number; type: SqlType; isNested: boolean }[];

  constructor(node: FlatMapNode, input: Operator, onErrors: OnErrors, text: string | undefined) {
    this.#node = node;
    this.#input = input;
    this.#onErrors = onErrors;
    this.#text = text;
    this.#hop = hopOf(node);
    this.#checked = node.fields.slice(node.input.fields.length).flatMap(({ type }, index) => {
      const isNested = type.kind === 'record' || type.kind === 'array';
      return type.kind === 'numeric' || isNested ? [{ index, type, isNested }] : [];
    });
  }

  step(): readonly Batch[] {
    return this.#input.step().flatMap((delta) => {
      const windows = this.#hop === undefined ? undefined : hopped(this.#node, this.#hop, delta);
      return windows ?? [...this.#expanded(delta)];
    });
  }

  stateTables(): readonly StateTable[] {
    return this.#input.stateTables();
  }

  *#expanded(delta: Batch): Generator<Batch> {
    let output = new Output(this.#node, delta);
    for (let row = 0; row < delta.rowCount; row++) {
      let rows: readonly (readonly SqlValue[])[];
      try {
        rows = this.#rowsOf(delta, row);
        this.#checkNumerics(rows);
      } catch (error) {
        this.#failed(delta, row, error);
        continue;
      }
      for (const cells of rows) {
        output.push(row, cells);
        if (output.count < limits.stepRowsMax) continue;
        yield output.finish();
        output = new Output(this.#node, delta);
      }
    }
    if (output.count > 0) yield output.finish();
  }

  /** The rows of all calls side by side. */
  #rowsOf(delta: Batch, row: number): readonly (readonly SqlValue[])[] {
    const { calls, hasOrdinality } = this.#node;
    const sets = calls.map(({ functionId, args }) =>
      Array.from(
        tableRows(
          functionId,
          args.map((arg) => interpret(arg, delta, row)),
        ),
      ),
    );
    if (sets.length === 1 && !hasOrdinality) return sets[0]!;
    const count = Math.max(...sets.map((set) => set.length));
    return Array.from({ length: count }, (_, index) => [
      ...sets.flatMap((set, call) => set[index] ?? calls[call]!.fields.map(() => null)),
      ...(hasOrdinality ? [BigInt(index + 1)] : []),
    ]);
  }

  /** Throws SQL_RUNTIME 22003 for a numeric that PostgreSQL has not: it fails its row, not the operator. */
  #checkNumerics(rows: readonly (readonly SqlValue[])[]): void {
    for (const { index, type, isNested } of this.#checked) {
      for (const cells of rows) {
        const value = cells[index]!;
        if (value === null) continue;
        if (isNested) cellBytes(type, value);
        else boundedNumeric((value as Decimal).unscaled, (value as Decimal).scale);
      }
    }
  }

  #failed(delta: Batch, row: number, error: unknown): void {
    if (!(error instanceof MillraceError)) throw error;
    const { fields } = this.#node.input;
    const [arg] = this.#node.calls.flatMap(({ args }) => args);
    const failure = arg === undefined ? error : located(error, arg, this.#text);
    const all = fields.map((_, column) => column);
    this.#onErrors([failedRow(fields, all, delta, row, failure)]);
  }
}

/** One output batch under construction. */
class Output {
  readonly #delta: Batch;
  readonly #rows: number[] = [];
  readonly #builders: readonly ColumnBuilder[];

  constructor({ fields, input }: FlatMapNode, delta: Batch) {
    this.#delta = delta;
    this.#builders = fields.slice(input.fields.length).map(({ type }) => new ColumnBuilder(type));
  }

  get count(): number {
    return this.#rows.length;
  }

  push(row: number, cells: readonly SqlValue[]): void {
    this.#rows.push(row);
    const builders = this.#builders;
    for (let index = 0; index < builders.length; index++) builders[index]!.push(cells[index]!);
  }

  finish(): Batch {
    const rows = Int32Array.from(this.#rows);
    const { columns, weights } = this.#delta;
    return {
      rowCount: rows.length,
      columns: [
        ...columns.map((column) => gather(column, rows, rows.length)),
        ...this.#builders.map((builder) => builder.finish()),
      ],
      weights: rows.map((row) => weights[row]!),
    };
  }
}
