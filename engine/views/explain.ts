import { type Context, complain, unsupported } from '../../sql/analyze/context.ts';
import { mapCode } from '../../sql/codegen/source.ts';
import type { Field } from '../../sql/columns/types.ts';
import { explainPlan } from '../../sql/plan/explain.ts';
import type { PlanNode, QueryPlan } from '../../sql/plan/physical.ts';
import { logicalPlan } from '../../sql/plan/planner.ts';
import type { QualifiedName } from '../../sql/syntax/ast.ts';
import type { Explain } from '../../sql/syntax/statement-ast.ts';
import { inputsOf, Meters, type OperatorReport } from '../dataflow/meter.ts';
import { runOnce } from './ad-hoc.ts';
import { planAdHoc } from './ad-hoc-plan.ts';
import { TrackingCatalog } from './catalogue.ts';
import { defineView } from './definitions.ts';
import { planDml } from './dml.ts';
import { lookupsOf } from './lookups.ts';
import { ViewNode } from './nodes.ts';
import type { Answer } from './result-streams.ts';
import { noRelation } from './show.ts';
import type { SqlEngine } from './sql-engine.ts';

export const explainFields: readonly Field[] = [
  { name: 'plan', type: { kind: 'text' }, nullable: false },
];

/**
 * EXPLAIN of a query, of the query of a CREATE VIEW or CREATE TABLE AS, of the rows that a DML
 * statement finds, or of a materialized view by its name. ANALYZE measures: a query is run; a view
 * tells what its operators did since it was made or restored.
 */
export async function explain(
  engine: SqlEngine,
  { statement, analyze, form, span }: Explain,
  context: Context,
  answer: Answer,
): Promise<string[]> {
  const { catalogue } = engine;
  switch (statement.kind) {
    case 'query': {
      if (form === 'logical') {
        const catalog = new TrackingCatalog(catalogue);
        return explainPlan(logicalPlan(statement, 'statement', { catalog, text: context.text }));
      }
      const plan = planAdHoc(catalogue, statement, context.text);
      if (form === 'code') return code(plan);
      if (!analyze) return [...explainPlan(plan), ...lookups(engine, plan)];
      return measured(engine, plan, context.text, answer);
    }
    case 'create-view': {
      if (analyze) throw unsupported(context, span, 'EXPLAIN ANALYZE of CREATE VIEW');
      if (form === 'logical') {
        const catalog = new TrackingCatalog(catalogue);
        return explainPlan(logicalPlan(statement.query, 'view', { catalog, text: context.text }));
      }
      const { plan } = defineView(catalogue, context.text, statement);
      return form === 'code' ? code(plan) : explainPlan(plan);
    }
    case 'create-table-as':
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge': {
      const what = statement.kind === 'create-table-as' ? 'CREATE TABLE AS' : statement.kind;
      if (analyze) throw unsupported(context, span, `EXPLAIN ANALYZE of ${what.toUpperCase()}`);
      const plan =
        statement.kind === 'create-table-as'
          ? planAdHoc(catalogue, statement.query, context.text)
          : planDml(catalogue, statement, context.text);
      return form === 'code' ? code(plan) : [...explainPlan(plan), ...lookups(engine, plan)];
    }
    case 'view-name': {
      const node = viewNode(engine, statement.name, context);
      if (form === 'code') return code(node.plan);
      if (!analyze) return explainPlan(node.plan);
      const size = node.stateSize;
      const total = `Total: ${node.rowCount} rows of the view, state ${size.rows} rows, ${size.bytes} bytes`;
      return [...explainPlan(node.plan, (item) => note(node.meters.report(item))), total];
    }
    default:
      throw unsupported(context, span, 'EXPLAIN of this statement');
  }
}

function viewNode(engine: SqlEngine, { parts, span }: QualifiedName, context: Context): ViewNode {
  const { name } = parts.at(-1)!;
  const relation = engine.catalogue.find(name);
  if (relation === undefined) throw noRelation(context, name, span, engine.catalogue);
  const node = engine.catalogue.node(relation.id);
  if (relation.id > 0 && node instanceof ViewNode) return node;
  throw complain(context, span, `"${name}" is not a materialized view`, { sqlState: '42809' });
}

async function measured(
  engine: SqlEngine,
  plan: QueryPlan,
  text: string,
  answer: Answer,
): Promise<string[]> {
  const { reader, clock } = engine;
  const meters = new Meters(() => clock.monotonicMs());
  const startMs = clock.monotonicMs();
  const isCancelled = () => answer.isCancelled;
  await runOnce(plan, { reader, clock, text, isCancelled, observe: meters.observe });
  const tookMs = clock.monotonicMs() - startMs;
  return [
    ...explainPlan(plan, (node) => note(meters.report(node))),
    ...lookups(engine, plan),
    `Total: ${tookMs.toFixed(3)} ms`,
  ];
}

function note(report: OperatorReport | undefined): string {
  if (report === undefined) return '';
  const { rows, retractions, weight, selfMs, state } = report;
  const held = state.bytes === 0 ? '' : `; state ${state.rows} rows, ${state.bytes} bytes`;
  return ` {rows ${rows}, of them ${retractions} back, weight ${weight}; ${selfMs.toFixed(3)} ms${held}}`;
}

function lookups(engine: SqlEngine, plan: QueryPlan): string[] {
  return [...lookupsOf(plan.root, engine.catalogue)].map(([id, { columns }]) => {
    const { relation } = engine.catalogue.node(id)!;
    const names = columns.map((column) => relation.columns[column]!.name);
    return `Lookup: ${relation.name} by ${names.join(', ')}`;
  });
}

/** The generated functions, operator by operator, from the root down. */
function code(plan: QueryPlan): string[] {
  const lines: string[] = [];
  const seen = new Set<PlanNode>();
  const visit = (node: PlanNode) => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === 'map') lines.push(...mapCode(node));
    for (const input of inputsOf(node)) visit(input);
  };
  visit(plan.root);
  return lines.length === 0 ? ['nothing is computed: columns are passed on'] : lines;
}
