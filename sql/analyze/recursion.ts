import { typeName } from '../columns/type-name.ts';
import type { Field } from '../columns/types.ts';
import { commonType } from '../functions/common-type.ts';
import { iterationNode, recursiveNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { CommonTable, QueryBody, Span } from '../syntax/ast.ts';
import { type CommonPlan, type Context, complain, newColumn } from './context.ts';
import { tracedBase, tracedStep, tracesOf } from './search-cycle.ts';
import { typed } from './set-operation.ts';

/**
 * A common table of WITH RECURSIVE: `base UNION [ALL] step`, where only the step uses the table.
 * The base gives the types (PostgreSQL's documentation 7.8.2). `undefined`: it does not use itself
 * and is a common table like any other.
 */
export function analyzeRecursive(
  context: Context,
  table: CommonTable,
  analyzeSide: (context: Context, side: QueryBody) => PlanNode,
): CommonPlan | undefined {
  const { query, columns: names, name } = table;
  const { body } = query;
  const isPlain =
    query.orderBy.length === 0 && query.limit === undefined && query.offset === undefined;
  if (body.kind !== 'set' || body.operator !== 'union' || query.with.length > 0) return undefined;
  const first = analyzeSide(context, body.left);
  if (names.length > first.fields.length) {
    throw complain(
      context,
      names[first.fields.length]!.span,
      `WITH query "${name.name}" has ${first.fields.length} columns available but ${names.length} columns specified`,
      { sqlState: '42P10' },
    );
  }
  const columns = first.fields.map((field, index) => names[index]?.name ?? field.name);
  const traces = tracesOf(context, table, columns);
  const left = traces.length === 0 ? body.left : tracedBase(table, columns, traces);
  const right = traces.length === 0 ? body.right : tracedStep(context, table, columns, traces);
  const base = traces.length === 0 ? first : analyzeSide(context, left);
  const fields = base.fields.map((field, index): Field => {
    return { ...field, name: names[index]?.name ?? field.name, nullable: true };
  });
  const id = newColumn(context);
  const uses: Span[] = [];
  const itself: CommonPlan = {
    table,
    plan: iterationNode(id, fields),
    visibleColumns: fields.length,
    onUse: (span) => uses.push(span),
  };
  const inside = { ...context, commonTables: [...context.commonTables, itself] };
  const step = analyzeSide(inside, right);
  const [, second] = uses;
  if (uses.length === 0) return undefined;
  if (second !== undefined) {
    const message = `recursive reference to query "${name.name}" must not appear more than once`;
    throw complain(context, second, message, { sqlState: '42P19' });
  }
  if (!isPlain) {
    throw complain(
      context,
      query.span,
      'ORDER BY, LIMIT or OFFSET in a recursive query is not implemented',
      {
        sqlState: '0A000',
      },
    );
  }
  if (step.fields.length !== fields.length) {
    const message = 'each UNION query must have the same number of columns';
    throw complain(context, body.right.span, message, { sqlState: '42601' });
  }
  for (const [index, { type, name: column }] of fields.entries()) {
    const common = commonType([type, step.fields[index]!.type]);
    if (common !== undefined && typeName(common) === typeName(type)) continue;
    const overall = common === undefined ? typeName(step.fields[index]!.type) : typeName(common);
    const message = `recursive query "${name.name}" column "${column}" has type ${typeName(type)} in non-recursive term but type ${overall} overall`;
    throw complain(context, body.right.span, message, {
      sqlState: '42804',
      hint: 'Cast the output of the non-recursive term to the correct type.',
    });
  }
  const plan = recursiveNode({
    id,
    base: typed(context, base, fields),
    step: typed(context, step, fields),
    all: body.all,
    fields,
  });
  return { table, plan, visibleColumns: fields.length };
}
