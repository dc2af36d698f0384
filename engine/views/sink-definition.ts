import type { Relation } from '../../sql/analyze/catalog.ts';
import { coerce } from '../../sql/analyze/coerce.ts';
import { type Context, complain, didYouMean, unsupported } from '../../sql/analyze/context.ts';
import type { Expr } from '../../sql/plan/expr.ts';
import { columnExpr } from '../../sql/plan/expr-tools.ts';
import { mapNode } from '../../sql/plan/nodes.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { optimized, planQuery } from '../../sql/plan/planner.ts';
import type { CreateSink } from '../../sql/syntax/statement-ast.ts';
import { type Catalogue, TrackingCatalog } from './catalogue.ts';
import { checkOptions } from './definitions.ts';
import { hiddenKey, TableNode } from './nodes.ts';
import { SinkNode } from './sink-node.ts';
import type { SinkTarget } from './sink-output.ts';

export interface SinkDefinition {
  readonly plan: QueryPlan;
  readonly dependsOn: readonly number[];
  readonly target: SinkTarget;
  readonly inputTopics: readonly number[];
}

/** What a CREATE SINK says, checked. Throws SQL_SEMANTIC and UNSUPPORTED with a position. */
export function defineSink(
  context: Context,
  catalogue: Catalogue,
  node: CreateSink,
): SinkDefinition {
  const { text } = context;
  const catalog = new TrackingCatalog(catalogue);
  const plan = planQuery(node.source, 'view', { catalog, text });
  const inputs = [...catalog.seen];
  const inputTopics = catalogue.topicsOf(inputs);
  const table = node.targetKind === 'topic' ? undefined : catalogue.find(node.target.name);
  if (table !== undefined) {
    checkOptions(context, node.options, []);
    const owner = catalogue.node(table.id);
    if (!(owner instanceof TableNode)) {
      throw complain(context, node.target.span, `"${table.name}" is not a table that takes rows`, {
        sqlState: '42809',
      });
    }
    const { topicId } = owner;
    refuseCycle(context, node, catalogue, inputTopics, topicId);
    const target = {
      topicId,
      table: table.name,
      hasHiddenKey: owner.relation.columns.at(-1)?.name === hiddenKey,
      layout: owner.layout,
      notNull: table.columns.flatMap(({ nullable }, index) => (nullable ? [] : [index])),
    };
    const dependsOn = [...inputs, table.id];
    return { plan: intoTable(context, node, plan, table), dependsOn, target, inputTopics };
  }
  const topic = node.targetKind === 'table' ? undefined : catalogue.topics.get(node.target.name);
  if (topic === undefined) {
    throw complain(
      context,
      node.target.span,
      `there is no ${node.targetKind ?? 'table or topic'} "${node.target.name}"`,
      {
        code: 'NOT_FOUND',
        sqlState: node.targetKind === 'topic' ? '42704' : '42P01',
        hint: didYouMean(node.target.name, [...catalogue.names(), ...catalogue.topics.keys()]),
      },
    );
  }
  checkOptions(context, node.options, ['format']);
  const option = node.options.find(({ name }) => name === 'format');
  const format = option?.value.toLowerCase() ?? 'json';
  if (format !== 'json' && format !== 'changelog') {
    throw unsupported(context, option!.span, `format '${format}'`);
  }
  if (format === 'json' && !plan.root.appendOnly) {
    throw complain(
      context,
      node.source.span,
      'the query takes rows back, for which JSON has no form',
      {
        sqlState: '0A000',
        hint: 'Use WITH (format = \'changelog\'): each message says by "op" whether its row comes or goes.',
      },
    );
  }
  refuseCycle(context, node, catalogue, inputTopics, topic.topicId);
  const target = { topicId: topic.topicId, topic: { name: topic.name, format } } as const;
  return { plan, dependsOn: inputs, target, inputTopics };
}

/** A sink's output must never come back to it, be it through other sinks. */
function refuseCycle(
  context: Context,
  node: CreateSink,
  catalogue: Catalogue,
  inputs: readonly number[],
  topicId: number,
): void {
  const sinks = [...catalogue.nodes.values()].filter((item) => item instanceof SinkNode);
  const sources = new Set(inputs);
  // A set grows while it is walked through: what feeds an input is an input too.
  for (const source of sources) {
    for (const { target, inputTopics } of sinks) {
      if (target.topicId === source) for (const input of inputTopics) sources.add(input);
    }
  }
  if (!sources.has(topicId)) return;
  throw complain(context, node.target.span, `"${node.target.name}" is an input of its own sink`, {
    sqlState: '42P17',
  });
}

/** The query's columns become the table's, in order, as in INSERT. */
function intoTable(
  context: Context,
  node: CreateSink,
  plan: QueryPlan,
  table: Relation,
): QueryPlan {
  const guarded =
    (table.checks ?? []).length > 0 ||
    (table.uniques ?? []).length > 0 ||
    table.onConflict !== undefined ||
    table.columns.some(({ generated }) => generated !== undefined);
  if (guarded) {
    throw unsupported(
      context,
      node.target.span,
      'a sink into a table with ON CONFLICT, CHECK, UNIQUE or generated columns',
    );
  }
  const { fields } = plan.root;
  if (fields.length !== table.columns.length) {
    const message = `the query has ${fields.length} columns, "${table.name}" has ${table.columns.length}`;
    throw complain(context, node.source.span, message, { sqlState: '42601' });
  }
  const outputs = table.columns.map(({ type }, index) => {
    const value = { ...columnExpr(index, fields[index]!.type), span: node.source.span };
    return coerce(context, value, type, 'assignment');
  });
  if (table.primaryKey.length === 0 && !plan.root.appendOnly) {
    throw complain(context, node.source.span, 'the query takes rows back', {
      sqlState: '0A000',
      hint: 'The table needs a PRIMARY KEY by which they are found.',
    });
  }
  if (table.primaryKey.length > 0) checkKey(context, node, plan, table, outputs);
  const names = table.columns.map(({ name }) => name);
  return { ...plan, root: optimized(mapNode(plan.root, names, outputs)) };
}

/**
 * Each row of the query has a key of its own in the table. Else the row that stands there would
 * depend on the order in which rows came, and one that goes would take another's place away.
 */
function checkKey(
  context: Context,
  node: CreateSink,
  { root }: QueryPlan,
  table: Relation,
  outputs: readonly Expr[],
): void {
  const isWithinKey = root.uniqueKey?.every(
    (column) => table.primaryKey.includes(column) && keepsApart(outputs[column]!),
  );
  if (isWithinKey === true) return;
  const names = table.primaryKey.map((column) => `"${table.columns[column]!.name}"`).join(', ');
  throw complain(
    context,
    node.source.span,
    `several rows of the query may have the same key ${names} of "${table.name}"`,
    {
      sqlState: '0A000',
      hint: 'Group by the key, or take one row of each with SELECT DISTINCT ON.',
    },
  );
}

/** A value as it is, or in a wider type. */
function keepsApart(expr: Expr): boolean {
  if (expr.kind === 'column') return true;
  if (expr.kind !== 'call' || expr.args.length !== 1) return false;
  const widths = ['smallint', 'integer', 'bigint'];
  const [from, to] = [widths.indexOf(expr.args[0]!.type.kind), widths.indexOf(expr.type.kind)];
  return from >= 0 && from < to && expr.functionId.startsWith('cast:') && keepsApart(expr.args[0]!);
}
