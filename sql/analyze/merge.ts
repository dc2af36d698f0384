import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import { mapNode } from '../plan/nodes.ts';
import type { Expression, Select, Span, TableExpression } from '../syntax/ast.ts';
import type { Merge, MergeClause } from '../syntax/statement-ast.ts';
import type { Relation } from './catalog.ts';
import { type Context, complain, unsupported } from './context.ts';
import {
  assignedColumns,
  assignedValue,
  changeable,
  columnNumber,
  type DmlPlan,
  defaultValue,
  generatedOnly,
  isDefault,
  targetTable,
  withGenerated,
} from './dml.ts';
import { analyzeExpression } from './expressions.ts';
import { withTables } from './query.ts';
import { emptyScope } from './scope.ts';
import { analyzeSelect } from './select.ts';
import { writtenAt } from './written.ts';

/** What a clause puts into each column of the table; absent columns stay, or of a new row are the default. */
type Values = ReadonlyMap<number, Expression | 'default'>;

/**
 * MERGE (PostgreSQL 17) as a query: `SELECT the table's columns, which clause holds, its values FROM
 * the table JOIN source ON ...`, of rows for which a clause does something. Columns [0, n): the old
 * row, NULL where there is none; [n, 2n): the new one; then a boolean for each clause, of which the
 * first one that fits is true.
 */
export function analyzeMerge(outer: Context, node: Merge): DmlPlan {
  const context = node.with === undefined ? outer : withTables(outer, node.with);
  const table = changeable(context, node.table);
  const { span, clauses } = node;
  const { known, target } = targetTable(node.table, node.alias);
  const keyed = table.columns[table.primaryKey[0] ?? table.columns.length - 1]!;
  const at = writtenAt(span);
  const isThere = at.isNull(at.column(known, keyed.name), true);
  const needs = (of: MergeClause['of']) => clauses.some((clause) => clause.of === of);
  const source: Source = needs('target') ? marked(context, node.source) : { table: node.source };
  const hasSource = source.mark === undefined ? undefined : at.isNull(source.mark, true);
  const tests = clauses.map(({ of, condition }) => {
    const sides = [
      of === 'source' ? at.not(isThere) : isThere,
      ...(of === 'source' || hasSource === undefined
        ? []
        : [of === 'target' ? at.not(hasSource) : hasSource]),
    ];
    return [...sides, ...(condition === undefined ? [] : [condition])].reduce(both);
  });
  const flags = clauses.map((_, index) => firstOf(tests.slice(0, index), tests[index]!, span));
  const values = clauses.map((clause) => valuesOf(context, table, clause));
  // A literal has no type before its column gives it one.
  const computed = values.flatMap((some, clause) =>
    [...some].flatMap(([column, value]) =>
      value === 'default' || value.kind === 'literal' ? [] : [{ clause, column, value }],
    ),
  );
  for (const [clause, { of, condition }] of clauses.entries()) {
    if (of === 'both') continue;
    const own = computed.filter((item) => item.clause === clause).map(({ value }) => value);
    const read = condition === undefined ? own : [...own, condition];
    checkReads(context, read, of === 'source' ? source.table : target, span);
  }
  const acting = flags.filter((_, index) => clauses[index]!.action.kind !== 'nothing');
  const type = needs('source')
    ? needs('target')
      ? 'full'
      : 'right'
    : needs('target')
      ? 'left'
      : 'inner';
  const select: Select = {
    kind: 'select',
    distinct: 'none',
    items: [
      ...table.columns.map(({ name }) => at.column(known, name)),
      ...flags,
      ...computed.map(({ clause, value }) => onlyWhen(flags[clause]!, value)),
    ].map((expression) => ({ expression, span })),
    from: [
      { kind: 'join', type, natural: false, left: target, right: source.table, on: node.on, span },
    ],
    where: acting.reduceRight<Expression>(
      (rest, flag) => at.binary('or', flag, rest),
      at.boolean(false),
    ),
    groupBy: [],
    span,
  };
  const plan = analyzeSelect(context, select, []).root;
  const width = table.columns.length;
  const old = table.columns.map(({ type: of }, index): Expr => columnExpr(index, of));
  const holds = clauses.map((_, index): Expr => columnExpr(width + index, { kind: 'boolean' }));
  const changed = table.columns.map(({ type: of, name }, index): Expr => {
    const branches = clauses.flatMap(({ action }, clause) => {
      const value = values[clause]!.get(index);
      if (value === undefined) {
        if (action.kind !== 'insert') return [];
        return [{ when: holds[clause]!, then: defaultValue(context, table, index) }];
      }
      return [{ when: holds[clause]!, then: assigned(clause, index, value, name) }];
    });
    return branches.length === 0
      ? old[index]!
      : { kind: 'case', branches, otherwise: old[index]!, type: of };
  });
  function assigned(
    clause: number,
    index: number,
    value: Expression | 'default',
    name: string,
  ): Expr {
    const { type: of } = table.columns[index]!;
    if (value === 'default') return defaultValue(context, table, index);
    if (value.kind === 'literal') {
      const place = { context, scope: emptyScope, clause: 'MERGE' };
      return assignedValue(context, analyzeExpression(place, value), of, name);
    }
    const at = computed.findIndex((item) => item.clause === clause && item.column === index);
    const position = width + clauses.length + at;
    const expr = { ...columnExpr(position, plan.fields[position]!.type), span: value.span };
    return assignedValue(context, expr, of, name);
  }
  const names = [...table.columns, ...table.columns, ...clauses].map((item, index) =>
    'name' in item ? item.name : `$${index}`,
  );
  const root = mapNode(plan, names, [...old, ...changed, ...holds]);
  return {
    table,
    root: withGenerated(context, table, root, width),
    mergeActions: clauses.map(({ action }) => action.kind),
  };
}

function valuesOf(context: Context, table: Relation, { action, span }: MergeClause): Values {
  if (action.kind === 'update') return assignedColumns(context, table, action.assignments);
  if (action.kind !== 'insert' || action.values === undefined) return new Map();
  const visible = table.columns.flatMap(({ name }, index) => (name.startsWith('$') ? [] : [index]));
  const targets =
    action.columns.length === 0
      ? visible
      : action.columns.map((column) => columnNumber(context, table, column));
  const twice = targets.findIndex((target, index) => targets.indexOf(target) !== index);
  if (twice >= 0) {
    const { name, span: at } = action.columns[twice]!;
    throw complain(context, at, `column "${name}" specified more than once`, { sqlState: '42701' });
  }
  const count = action.values.length;
  if (count > targets.length || (count < targets.length && action.columns.length > 0)) {
    const more = count > targets.length;
    const what = more ? 'expressions than target columns' : 'target columns than expressions';
    throw complain(context, span, `INSERT has more ${what}`, { sqlState: '42601' });
  }
  return new Map(
    action.values.map((value, index): [number, Expression | 'default'] => {
      const { generated, name } = table.columns[targets[index]!]!;
      if (isDefault(value)) return [targets[index]!, 'default'];
      if (generated !== undefined) throw generatedOnly(context, name, value.span);
      return [targets[index]!, value];
    }),
  );
}

/** Throws SQL_SEMANTIC where a clause for rows of one side reads the other. */
function checkReads(
  context: Context,
  expressions: readonly Expression[],
  side: TableExpression,
  span: Span,
): void {
  if (expressions.length === 0) return;
  const items = expressions.map((expression) => ({ expression, span }));
  const select = {
    kind: 'select',
    distinct: 'none',
    items,
    from: [side],
    groupBy: [],
    span,
  } as const;
  analyzeSelect(context, select, []);
}

const markName = '$source';

interface Source {
  readonly table: TableExpression;
  /** Absent where each row has a row of the source. */
  readonly mark?: Expression;
}

/** The source with one more column, which is NULL where a join has no row of it. */
function marked(context: Context, table: TableExpression): Source {
  const { span } = table;
  const name =
    table.alias?.name ?? (table.kind === 'relation' ? table.name.parts.at(-1) : undefined);
  if (name === undefined) throw unsupported(context, span, 'a source of MERGE without a name');
  const star: Expression = { kind: 'star', relation: [], span };
  const at = writtenAt(span);
  const body: Select = {
    kind: 'select',
    distinct: 'none',
    items: [
      { expression: star, span },
      { expression: at.boolean(true), alias: at.name(markName), span },
    ],
    from: [table],
    groupBy: [],
    span,
  };
  const query = at.query(body);
  return {
    table: { kind: 'derived', query, lateral: false, alias: { name, columns: [], span }, span },
    mark: at.column(name, markName),
  };
}

/** True where the test holds and none of those before it does. */
function firstOf(before: readonly Expression[], test: Expression, span: Span): Expression {
  const at = writtenAt(span);
  const others = before.map((when) => ({ when, then: at.boolean(false) }));
  return at.choice([...others, { when: test, then: at.boolean(true) }], at.boolean(false));
}

function both(left: Expression, right: Expression): Expression {
  return writtenAt(right.span).binary('and', left, right);
}

/** Other rows do not compute it: it may fail there. */
function onlyWhen(when: Expression, then: Expression): Expression {
  return writtenAt(then.span).choice([{ when, then }]);
}
