import { MillraceError } from '../../platform/errors.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import {
  analyzeDelete,
  analyzeInsert,
  analyzeUpdate,
  type DmlPlan,
} from '../../sql/analyze/dml.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { concatenated, gatherBatch } from '../../sql/columns/gather.ts';
import { newContext, optimized } from '../../sql/plan/planner.ts';
import type { Delete, Insert, Update } from '../../sql/syntax/ast.ts';
import { encodeRows } from '../formats/row-block.ts';
import { runOnce } from './ad-hoc.ts';
import { TrackingCatalog } from './catalogue.ts';
import { hiddenKey, TableNode } from './nodes.ts';
import type { SqlEngine } from './sql-engine.ts';

/**
 * One DML statement: its rows are resolved on state that includes every earlier statement, become
 * durable as one entry of the table's topic, and are applied by the step that follows. Returns
 * the number of rows.
 */
export async function runDml(
  engine: SqlEngine,
  statement: Insert | Update | Delete,
  text: string,
): Promise<number> {
  const catalog = new TrackingCatalog(engine.catalogue, (relation): Relation => {
    const node = engine.catalogue.node(relation.id);
    const isTarget = statement.kind !== 'insert' && node instanceof TableNode;
    return { ...(isTarget ? node.relation : relation), appendOnly: true };
  });
  const context = newContext({ catalog, text });
  const plan = analyze(statement, context);
  const node = engine.catalogue.node(plan.table.id);
  if (!(node instanceof TableNode)) {
    throw new MillraceError('INTERNAL', `"${plan.table.name}" is not a table that takes DML`);
  }
  const query = {
    root: optimized(plan.root),
    orderBy: [],
    visibleColumns: plan.root.fields.length,
  };
  const batches = await runOnce(query, { reader: engine.reader, clock: engine.clock, text });
  if (batches.length === 0) return 0;
  const rows = rowsOf(statement, node, concatenated(batches));
  if (rows.rowCount === 0) return 0;
  checkNotNull(node.relation, rows);
  await engine.client.append(node.topicId, rows.rowCount, encodeRows(rows));
  await engine.steps.caughtUp();
  return rows.rowCount;
}

function analyze(
  statement: Insert | Update | Delete,
  context: ReturnType<typeof newContext>,
): DmlPlan {
  switch (statement.kind) {
    case 'insert':
      return analyzeInsert(context, statement);
    case 'update':
      return analyzeUpdate(context, statement);
    case 'delete':
      return analyzeDelete(context, statement);
  }
}

/** The whole rows of the table to put (+1) or delete (-1). */
function rowsOf(statement: Insert | Update | Delete, node: TableNode, result: Batch): Batch {
  const width = node.relation.columns.length;
  switch (statement.kind) {
    case 'insert': {
      const rows = withHiddenKey(node.relation, result);
      return statement.onConflict === 'nothing' ? absentRows(node, rows) : rows;
    }
    case 'update':
      return { ...result, columns: result.columns.slice(width) };
    case 'delete':
      return { ...result, weights: new Int32Array(result.rowCount).fill(-1) };
  }
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

function absentRows(node: TableNode, rows: Batch): Batch {
  const absent = new Int32Array(rows.rowCount);
  let count = 0;
  for (let row = 0; row < rows.rowCount; row++) if (!node.has(rows, row)) absent[count++] = row;
  return gatherBatch(rows, absent, count);
}

function checkNotNull(table: Relation, rows: Batch): void {
  for (const [index, { name, nullable }] of table.columns.entries()) {
    const { nulls } = rows.columns[index]!;
    if (nullable || nulls === undefined || name === hiddenKey) continue;
    for (let row = 0; row < rows.rowCount; row++) {
      if (nulls[row] === 0 || rows.weights[row]! < 0) continue;
      throw new MillraceError(
        'SQL_RUNTIME',
        `null value in column "${name}" of relation "${table.name}" violates not-null constraint`,
        { sqlState: '23502' },
      );
    }
  }
}
