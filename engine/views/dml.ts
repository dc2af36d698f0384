import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import type { Context } from '../../sql/analyze/context.ts';
import {
  analyzeDelete,
  analyzeInsert,
  analyzeUpdate,
  type DmlPlan,
} from '../../sql/analyze/dml.ts';
import { analyzeMerge } from '../../sql/analyze/merge.ts';
import { Parameters } from '../../sql/analyze/parameters.ts';
import { compileMap } from '../../sql/codegen/compile-map.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { concatenated } from '../../sql/columns/gather.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { newContext, optimized } from '../../sql/plan/planner.ts';
import type { Delete, Insert, Merge, Update } from '../../sql/syntax/statement-ast.ts';
import { encodeRows } from '../formats/row-block.ts';
import { type RunOptions, runOnce } from './ad-hoc.ts';
import { type Catalogue, TrackingCatalog } from './catalogue.ts';
import { checkRows } from './constraints.ts';
import { type Change, deletion, insertion, merged, update } from './dml-rows.ts';
import { TableNode } from './nodes.ts';
import type { SqlEngine } from './sql-engine.ts';

/** A statement that changes the rows of one table. */
export type Dml = Insert | Update | Delete | Merge;

export interface DmlResult {
  /** Rows put or taken away. */
  readonly count: number;
  /** What RETURNING asks for. */
  readonly returned?: { readonly fields: readonly Field[]; readonly batch: Batch };
}

/** What bounds a statement, and what `$1` and so on stand for in it. */
export type DmlRun = Pick<RunOptions, 'isCancelled' | 'budget'> & {
  readonly parameters: Parameters;
};

/**
 * One DML statement: its rows are resolved on state that includes every earlier statement, become
 * durable as one entry of the table's topic, and are applied by the step that follows.
 */
export async function runDml(
  engine: SqlEngine,
  statement: Dml,
  text: string,
  run: DmlRun,
  /** Runs before anything changes; nothing does when it fails. */
  before?: (returned: DmlResult['returned']) => Promise<void>,
): Promise<DmlResult> {
  const { catalogue, tableLocks, steps } = engine;
  const topicId = catalogue.nodes.get(catalogue.find(targetOf(statement))?.id ?? 0)?.topicId;
  if (topicId === undefined) return runAlone(engine, statement, text, run, before);
  return tableLocks.run(topicId, async () => {
    // What sinks wrote into the table before is applied.
    await steps.caughtUp();
    return runAlone(engine, statement, text, run, before);
  });
}

async function runAlone(
  engine: SqlEngine,
  statement: Dml,
  text: string,
  { parameters, ...bounds }: DmlRun,
  before: ((returned: DmlResult['returned']) => Promise<void>) | undefined,
): Promise<DmlResult> {
  const context = dmlContext(engine.catalogue, statement, text, {
    nowMs: engine.clock.nowMs(),
    parameters,
  });
  const plan = analyzeDml(context, statement);
  const node = engine.catalogue.node(plan.table.id);
  if (!(node instanceof TableNode)) {
    throw new MillraceError('INTERNAL', `"${plan.table.name}" is not a table that takes DML`);
  }
  const query = {
    root: optimized(plan.root),
    orderBy: [],
    visibleColumns: plan.root.fields.length,
  };
  const { reader, clock } = engine;
  const batches = await runOnce(query, { reader, clock, text, ...bounds });
  const result = batches.length === 0 ? batchOf(plan.root.fields, []) : concatenated(batches);
  const change = changeOf(statement, plan, node, result, text);
  checkRows(node, context, change);
  const returned = returnedBy(plan, change, text);
  await before?.(returned);
  const entry = entryOf(change);
  if (entry.rowCount > 0) {
    const { topicId } = node;
    const body = encodeRows(node.layout.stored(entry));
    if (body.length > limits.entryBytesMax) throw tooLarge(body.length);
    await engine.client.append({ topicId, kind: 'rows', count: entry.rowCount, body });
    await engine.steps.caughtUp();
  }
  const count = change.shown.rowCount;
  return returned === undefined ? { count } : { count, returned };
}

function returnedBy(
  { returning }: DmlPlan,
  { shown }: Change,
  text: string,
): DmlResult['returned'] {
  if (returning === undefined) return undefined;
  const { fields, outputs } = returning;
  return { fields, batch: compileMap({ outputs }, 'fail', text)(shown).batch };
}

/** The query whose rows the statement puts or takes away, as it would be run now. */
export function planDml(catalogue: Catalogue, statement: Dml, text: string): QueryPlan {
  const run = { nowMs: 0, parameters: new Parameters() };
  const { root } = analyzeDml(dmlContext(catalogue, statement, text, run), statement);
  return { root: optimized(root), orderBy: [], visibleColumns: root.fields.length };
}

/** Fields of RETURNING; `undefined` without it. Says the types of the parameters. */
export function returnedFields(
  catalogue: Catalogue,
  statement: Dml,
  text: string,
  parameters: Parameters,
): readonly Field[] | undefined {
  const context = dmlContext(catalogue, statement, text, { nowMs: 0, parameters });
  return analyzeDml(context, statement).returning?.fields;
}

/** Ad-hoc inputs only grow; the table that is changed shows its hidden key, by which rows are found. */
function dmlContext(
  catalogue: Catalogue,
  statement: Dml,
  text: string,
  run: { readonly nowMs: number; readonly parameters: Parameters },
): Context {
  const target = targetOf(statement);
  const catalog = new TrackingCatalog(catalogue, (relation): Relation => {
    const node = catalogue.node(relation.id);
    const isTarget =
      statement.kind !== 'insert' && relation.name === target && node instanceof TableNode;
    return { ...(isTarget ? node.relation : relation), appendOnly: true };
  });
  return newContext({ catalog, text, ...run });
}

function targetOf({ table }: Dml): string {
  return table.parts.at(-1)!.name;
}

function analyzeDml(context: Context, statement: Dml): DmlPlan {
  switch (statement.kind) {
    case 'insert':
      return analyzeInsert(context, statement);
    case 'update':
      return analyzeUpdate(context, statement);
    case 'delete':
      return analyzeDelete(context, statement);
    case 'merge':
      return analyzeMerge(context, statement);
  }
}

function changeOf(
  statement: Dml,
  plan: DmlPlan,
  node: TableNode,
  result: Batch,
  text: string,
): Change {
  switch (statement.kind) {
    case 'insert':
      return insertion(node, statement, plan, result, text);
    case 'update':
      return update(node, result);
    case 'delete':
      return deletion(node, result);
    case 'merge':
      return merged(node, plan.mergeActions!, result);
  }
}

/** Rows to take away, then rows to put, as the table's topic has them. */
function entryOf({ removed, put }: Change): Batch {
  const parts: Batch[] = [];
  if (removed.rowCount > 0) {
    parts.push({ ...removed, weights: new Int32Array(removed.rowCount).fill(-1) });
  }
  if (put.rowCount > 0) parts.push({ ...put, weights: new Int32Array(put.rowCount).fill(1) });
  return parts.length === 0 ? put : concatenated(parts);
}

function tooLarge(bytes: number): MillraceError {
  return new MillraceError(
    'RESOURCE_LIMIT',
    `the statement changes rows of ${bytes} bytes; one entry of the log has ${limits.entryBytesMax} at most`,
    { sqlState: '54000', hint: 'Change them in several statements.' },
  );
}
