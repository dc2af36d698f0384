import { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Context } from '../../sql/analyze/context.ts';
import { checkExprs } from '../../sql/analyze/dml.ts';
import { compileMap } from '../../sql/codegen/compile-map.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import { type Change, uniqueKeys } from './dml-rows.ts';
import { KeySet } from './key-set.ts';
import { hiddenKey, type RelationNode, type TableNode } from './nodes.ts';
import { violation } from './topic-rows.ts';

/**
 * Tests the rows that a statement puts against the table's constraints; nothing was changed yet.
 * Throws SQL_RUNTIME with PostgreSQL's states: 23502 NOT NULL, 23514 CHECK, 23505 UNIQUE.
 */
export function checkRows(node: TableNode, context: Context, change: Change): void {
  if (change.put.rowCount === 0) return;
  checkNotNull(node.relation, change.put);
  checkExpressions(node.relation, context, change.put);
  checkUnique(node, change);
}

function checkNotNull(table: Relation, rows: Batch): void {
  for (const [index, { name, nullable }] of table.columns.entries()) {
    const { nulls } = rows.columns[index]!;
    if (nullable || nulls === undefined || name === hiddenKey) continue;
    const row = nulls.subarray(0, rows.rowCount).indexOf(1);
    if (row < 0) continue;
    throw new MillraceError(
      'SQL_RUNTIME',
      `null value in column "${name}" of relation "${table.name}" violates not-null constraint`,
      { sqlState: '23502', hint: failingRow(table, rows, row) },
    );
  }
}

function checkExpressions(table: Relation, context: Context, rows: Batch): void {
  for (const { name, expr } of checkExprs(context, table)) {
    const { batch } = compileMap({ outputs: [expr] }, 'fail')(rows);
    for (let row = 0; row < batch.rowCount; row++) {
      if (valueAt(batch.columns[0]!, row) !== false) continue;
      throw new MillraceError('SQL_RUNTIME', violation(table.name, name), {
        sqlState: '23514',
        hint: failingRow(table, rows, row),
      });
    }
  }
}

/** No two rows of one key, once the old rows that the statement replaces are gone. */
function checkUnique(node: TableNode, { put, gone, replaces }: Change): void {
  const { relation, state } = node;
  const replaced = new KeySet(relation.columns, node.key);
  for (let row = 0; row < gone.rowCount; row++) replaced.add(gone, row);
  for (const columns of uniqueKeys(node)) {
    if (replaces && columns === relation.primaryKey) continue;
    const seen = new KeySet(relation.columns, columns);
    for (let row = 0; row < put.rowCount; row++) {
      if (columns.some((column) => put.columns[column]!.nulls?.[row] === 1)) continue;
      const others = state.rows(state.find(columns, put, row));
      let isTaken = false;
      for (let other = 0; other < others.rowCount; other++) {
        if (!replaced.has(others, other)) isTaken = true;
      }
      if (isTaken || seen.has(put, row)) throw duplicate(relation, columns, put, row);
      seen.add(put, row);
    }
  }
}

/** CREATE UNIQUE INDEX: the rows that are there must agree. */
export function checkPresentRows(
  node: RelationNode,
  name: string,
  columns: readonly number[],
): void {
  const { relation } = node;
  const seen = new KeySet(relation.columns, columns);
  for (const batch of node.snapshot?.() ?? []) {
    for (let row = 0; row < batch.rowCount; row++) {
      if (seen.has(batch, row)) {
        throw new MillraceError('SQL_RUNTIME', `could not create unique index "${name}"`, {
          sqlState: '23505',
          hint: `${keyText(relation, columns, batch, row)} is duplicated.`,
        });
      }
      seen.add(batch, row);
    }
  }
}

function keyText(table: Relation, columns: readonly number[], rows: Batch, row: number): string {
  const names = columns.map((column) => table.columns[column]!.name).join(', ');
  const values = columns.map((column) => cell(rows, column, row)).join(', ');
  return `Key (${names})=(${values})`;
}

function duplicate(table: Relation, columns: readonly number[], rows: Batch, row: number) {
  const isPrimary = columns === table.primaryKey;
  const unique = table.uniques?.find((constraint) => constraint.columns === columns);
  const name = isPrimary ? table.primaryKeyName : unique?.name;
  return new MillraceError(
    'SQL_RUNTIME',
    `duplicate key value violates unique constraint "${name}"`,
    { sqlState: '23505', hint: `${keyText(table, columns, rows, row)} already exists.` },
  );
}

function failingRow(table: Relation, rows: Batch, row: number): string {
  const cells = table.columns.flatMap(({ name }, column) =>
    name === hiddenKey ? [] : [cell(rows, column, row)],
  );
  return `Failing row contains (${cells.join(', ')}).`;
}

function cell(rows: Batch, column: number, row: number): string {
  const { type } = rows.columns[column]!;
  const value = valueAt(rows.columns[column]!, row);
  return value === null ? 'null' : toText(type, value);
}
