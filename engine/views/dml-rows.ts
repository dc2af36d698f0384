import { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { DmlPlan } from '../../sql/analyze/dml.ts';
import { compileMap } from '../../sql/codegen/compile-map.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import type { Insert, MergeAction } from '../../sql/syntax/statement-ast.ts';
import { cellsEqual } from '../dataflow/hashing.ts';
import { compareCells } from '../dataflow/ordering.ts';
import { KeySet } from './key-set.ts';
import { hiddenKey, type TableNode } from './nodes.ts';
import { TableState } from './table-state.ts';

/** What a statement does to a table: whole rows. */
export interface Change {
  /** Rows whose key goes. A row that keeps its key is replaced by being put. */
  readonly removed: Batch;
  readonly put: Batch;
  /** Old rows that the statement replaces or takes away: no constraint holds against them. */
  readonly gone: Batch;
  /** The rows that the statement counts and returns, behind them what they were joined with. */
  readonly shown: Batch;
  /** A row may have the PRIMARY KEY of an earlier one, which it replaces. */
  readonly replaces: boolean;
}

// ---- INSERT --------------------------------------------------------------------------------------

export function insertion(
  node: TableNode,
  statement: Insert,
  plan: DmlPlan,
  result: Batch,
  text: string,
): Change {
  const rows = withHiddenKey(node.relation, result);
  const none = empty(rows);
  const onConflict = statement.onConflict ?? node.relation.onConflict;
  if (onConflict === 'fill') return filling(node, rows);
  if (onConflict === 'nothing' || onConflict === 'ignore') {
    const put = withoutConflicts(node, rows, plan.arbiter);
    return { removed: none, put, gone: none, shown: put, replaces: false };
  }
  if (plan.conflict !== undefined) return upsertion(node, plan, rows, text);
  if (node.relation.primaryKey.length === 0) {
    return { removed: none, put: rows, gone: none, shown: rows, replaces: false };
  }
  const old = oldRows(node, rows, node.key);
  return { removed: none, put: rows, gone: old.batch, shown: rows, replaces: true };
}

/** A NULL hidden key is given when the row is applied. */
function withHiddenKey(table: Relation, rows: Batch): Batch {
  if (table.columns.at(-1)?.name !== hiddenKey) return rows;
  const key: Column = {
    layout: 'i64',
    type: { kind: 'bigint' },
    nulls: new Uint8Array(rows.rowCount).fill(1),
    words: new Int32Array(2 * rows.rowCount),
  };
  return { ...rows, columns: [...rows.columns, key] };
}

/** Rows whose key is neither in the table nor in an earlier row. */
function withoutConflicts(
  node: TableNode,
  rows: Batch,
  arbiter: readonly number[] | undefined,
): Batch {
  const keys = arbiter === undefined ? uniqueKeys(node) : [ordered(node, arbiter)];
  const seen = keys.map((columns) => new KeySet(node.relation.columns, columns));
  return chosen(rows, (row) => {
    const isFree = keys.every(
      (columns, index) =>
        node.state.find(columns, rows, row).length === 0 && !seen[index]!.has(rows, row),
    );
    if (isFree) for (const set of seen) set.add(rows, row);
    return isFree;
  });
}

/** Each key with the last values that are not NULL, of the old row and the new ones. */
function filling(node: TableNode, rows: Batch): Change {
  const old = oldRows(node, rows, node.key).batch;
  const { columns, onConflict } = node.relation;
  const scratch = new TableState(columns, node.key, [], onConflict);
  scratch.apply(old);
  scratch.apply({ ...rows, weights: new Int32Array(rows.rowCount).fill(1) });
  const filled = [...scratch.snapshot()];
  const put = filled.length === 0 ? empty(rows) : concatenated(filled);
  return { removed: empty(rows), put, gone: old, shown: put, replaces: false };
}

/** ON CONFLICT DO UPDATE: new keys are put, old ones become what SET makes of them. */
function upsertion(node: TableNode, plan: DmlPlan, rows: Batch, text: string): Change {
  const arbiter = ordered(node, plan.arbiter!);
  const seen = new KeySet(node.relation.columns, arbiter);
  for (let row = 0; row < rows.rowCount; row++) {
    if (seen.has(rows, row)) {
      throw new MillraceError(
        'SQL_RUNTIME',
        'ON CONFLICT DO UPDATE command cannot affect row a second time',
        {
          sqlState: '21000',
          hint: 'Ensure that no rows proposed for insertion have duplicate constrained values.',
        },
      );
    }
    seen.add(rows, row);
  }
  const old = oldRows(node, rows, arbiter);
  const known = new Set(old.rows);
  const fresh = chosen(rows, (row) => !known.has(row));
  const pairs: Batch = {
    rowCount: old.rows.length,
    columns: [
      ...old.batch.columns,
      ...gatherBatch(rows, Int32Array.from(old.rows), old.rows.length).columns,
    ],
    weights: old.batch.weights,
  };
  const { filter, outputs } = plan.conflict!;
  const width = node.relation.columns.length;
  // The table's row, and the excluded one, have the hidden key behind the columns that SQL sees.
  const visible = plan.table.columns.length;
  const shift = (index: number) => (index < visible ? index : index - visible + width);
  const columns = pairs.columns;
  const seenColumns = Array.from({ length: 2 * visible }, (_, index) => columns[shift(index)]!);
  const numbered: Batch = { ...pairs, columns: [...seenColumns, rowNumbers(pairs.rowCount)] };
  const number = { kind: 'column', index: 2 * visible, type: { kind: 'integer' } } as const;
  const { batch: made } = compileMap(
    { ...(filter === undefined ? {} : { filter }), outputs: [...outputs, number] },
    'fail',
    text,
  )(numbered);
  const kept = keptNumbers(made);
  const replaced = gatherBatch(old.batch, kept, kept.length);
  const changedColumns = made.columns.slice(0, -1);
  if (width > visible) changedColumns.push(replaced.columns.at(-1)!);
  const changed: Batch = { ...made, columns: changedColumns };
  const put = concatenatedOr(fresh, changed);
  const removed = movedAway(node, replaced, changed);
  return { removed, put, gone: replaced, shown: put, replaces: false };
}

// ---- UPDATE and DELETE ---------------------------------------------------------------------------

/** `result`: the old row, the new one, and what RETURNING sees of FROM, side by side. */
export function update(node: TableNode, result: Batch): Change {
  const width = node.relation.columns.length;
  const once = oncePerKey(node, result);
  const gone = { ...once, columns: once.columns.slice(0, width) };
  const put = { ...once, columns: once.columns.slice(width, 2 * width) };
  const shown = { ...once, columns: once.columns.slice(width) };
  return { removed: movedAway(node, gone, put), put, gone, shown, replaces: false };
}

/** `result`: the row, and what RETURNING sees of USING. */
export function deletion(node: TableNode, result: Batch): Change {
  const shown = oncePerKey(node, result);
  const removed = { ...shown, columns: shown.columns.slice(0, node.relation.columns.length) };
  return { removed, put: empty(removed), gone: removed, shown, replaces: false };
}

/** `result`: the old row, the new one, and which clause holds, side by side. */
export function merged(
  node: TableNode,
  actions: readonly MergeAction['kind'][],
  result: Batch,
): Change {
  const width = node.relation.columns.length;
  const flags = result.columns.slice(2 * width);
  const actionOf = (row: number) =>
    actions[flags.findIndex((flag) => flag.layout === 'bool' && flag.values[row] === 1)];
  const doing = (...wanted: MergeAction['kind'][]) =>
    chosen(result, (row) => wanted.includes(actionOf(row) ?? 'nothing'));
  const before = (rows: Batch) => ({ ...rows, columns: rows.columns.slice(0, width) });
  const after = (rows: Batch) => ({ ...rows, columns: rows.columns.slice(width, 2 * width) });
  const gone = before(doing('update', 'delete'));
  refuseTwice(node, gone);
  const updated = doing('update');
  const deleted = before(doing('delete'));
  const put = concatenatedOr(after(updated), after(doing('insert')));
  const moved = movedAway(node, before(updated), after(updated));
  return {
    removed: concatenatedOr(moved, deleted),
    put,
    gone,
    shown: concatenatedOr(put, deleted),
    replaces: false,
  };
}

function refuseTwice(node: TableNode, rows: Batch): void {
  const seen = new KeySet(node.relation.columns, node.key);
  for (let row = 0; row < rows.rowCount; row++) {
    if (seen.has(rows, row)) {
      throw new MillraceError('SQL_RUNTIME', 'MERGE command cannot affect row a second time', {
        sqlState: '21000',
        hint: 'Ensure that not more than one source row matches any one target row.',
      });
    }
    seen.add(rows, row);
  }
}

/**
 * A row that several rows of FROM or USING match is changed once. PostgreSQL takes any of the
 * matches; here it is the least one, whatever the order of the rows.
 */
function oncePerKey(node: TableNode, rows: Batch): Batch {
  const order = Array.from({ length: rows.rowCount }, (_, row) => row);
  const compare = rows.columns.map((column) => compareCells(column.type));
  order.sort((a, b) => {
    for (const [index, column] of rows.columns.entries()) {
      const result = compare[index]!(column, a, column, b);
      if (result !== 0) return result;
    }
    return 0;
  });
  const seen = new KeySet(node.relation.columns, node.key);
  const kept = order.filter((row) => {
    if (seen.has(rows, row)) return false;
    seen.add(rows, row);
    return true;
  });
  return gatherBatch(rows, Int32Array.from(kept), kept.length);
}

/** Old rows whose key is not the one of the new row beside them. */
function movedAway({ key }: TableNode, old: Batch, rows: Batch): Batch {
  const equal = key.map((column) => cellsEqual(old.columns[column]!.type, 'sql'));
  return chosen(old, (row) =>
    key.some((column, index) => {
      return !equal[index]!(old.columns[column]!, row, rows.columns[column]!, row);
    }),
  );
}

// ---- common --------------------------------------------------------------------------------------

/** The PRIMARY KEY and the UNIQUE constraints. */
export function uniqueKeys({ relation }: TableNode): readonly (readonly number[])[] {
  const keys = relation.primaryKey.length === 0 ? [] : [relation.primaryKey];
  return [...keys, ...(relation.uniques ?? []).map(({ columns }) => columns)];
}

/** The key's columns in the order of its index. */
function ordered(node: TableNode, columns: readonly number[]): readonly number[] {
  const isSame = (key: readonly number[]) =>
    key.length === columns.length && columns.every((column) => key.includes(column));
  return uniqueKeys(node).find(isSame)!;
}

/** Rows of the table that have the key of one of `rows`, and the numbers of those, in step. */
function oldRows(
  node: TableNode,
  rows: Batch,
  key: readonly number[],
): { readonly batch: Batch; readonly rows: readonly number[] } {
  const ids: number[] = [];
  const numbers: number[] = [];
  for (let row = 0; row < rows.rowCount; row++) {
    const [id] = node.state.find(key, rows, row);
    if (id === undefined) continue;
    ids.push(id);
    numbers.push(row);
  }
  return { batch: node.state.rows(ids), rows: numbers };
}

function rowNumbers(count: number): Column {
  const values = Int32Array.from({ length: count }, (_, row) => row);
  return { layout: 'i32', type: { kind: 'integer' }, nulls: undefined, values };
}

function keptNumbers(rows: Batch): Int32Array {
  const last = rows.columns.at(-1)!;
  return last.layout === 'i32' ? last.values.slice(0, rows.rowCount) : new Int32Array(0);
}

function chosen(rows: Batch, test: (row: number) => boolean): Batch {
  const kept: number[] = [];
  for (let row = 0; row < rows.rowCount; row++) if (test(row)) kept.push(row);
  return gatherBatch(rows, Int32Array.from(kept), kept.length);
}

function concatenatedOr(first: Batch, second: Batch): Batch {
  if (second.rowCount === 0) return first;
  return first.rowCount === 0 ? second : concatenated([first, second]);
}

function empty(rows: Batch): Batch {
  return gatherBatch(rows, new Int32Array(0), 0);
}
