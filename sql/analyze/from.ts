import { freeColumns } from '../plan/correlation.ts';
import type { Expr } from '../plan/expr.ts';
import { conjunctsOf } from '../plan/expr-tools.ts';
import { extended, joinSides, outerJoin, outerJoinOfPairs, type Side } from '../plan/joins.ts';
import { constantsNode, inputNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import { lateralJoin } from '../plan/subqueries.ts';
import type {
  CallExpression,
  FunctionTable,
  JoinTable,
  RelationTable,
  Span,
  TableAlias,
  TableExpression,
} from '../syntax/ast.ts';
import { asBoolean } from './coerce.ts';
import { type Context, complain, didYouMean, newColumn } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { jsonTableRows } from './json-table.ts';
import { analyzeQuery } from './query.ts';
import { checkReadSchema, checkUsable } from './schemas.ts';
import { combined, emptyScope, relationScope, type Scope, type ScopeColumn } from './scope.ts';
import { functionRows } from './table-functions.ts';
import { isTimeWindow, timeWindows } from './time-windows.ts';
import { mergeColumns } from './using.ts';

/** Plain views inside plain views, at most. */
const expansionDepthMax = 50;

/** A FROM clause, or a part: what is to be joined, on which conditions, and the names in sight. */
export interface FromClause {
  readonly sides: readonly Side[];
  readonly conditions: readonly Expr[];
  readonly scope: Scope;
}

export function analyzeFrom(context: Context, tables: readonly TableExpression[]): FromClause {
  let clause: FromClause = { sides: [], conditions: [], scope: emptyScope };
  for (const table of tables) {
    const next = analyzeTable(context, table, clause.scope);
    checkAliases(context, clause.scope, next.scope, table.span);
    const scope = combined(clause.scope, next.scope);
    clause = { ...joined(context, 'inner', clause, next, []), scope };
  }
  return clause;
}

/** SELECT without FROM: one row without columns. */
const singleRow: Side = { plan: constantsNode([], [[]]), columns: [] };

/** The clause as one side, with only the rows for which the conditions are true. */
export function joinedWith(
  { statement: { subqueries } }: Context,
  { sides, conditions }: Omit<FromClause, 'scope'>,
  more: readonly Expr[],
): Side {
  const [held, plain] = partition([...conditions, ...more], (expr) => subqueries.isIn(expr));
  return subqueries.filtered(joinSides(sides.length === 0 ? [singleRow] : sides, plain), held);
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

export function checkAliases(context: Context, left: Scope, right: Scope, span: Span): void {
  for (const { alias } of right.relations) {
    if (alias !== '' && left.relations.some((other) => other.alias === alias)) {
      throw complain(context, span, `table name "${alias}" specified more than once`, {
        sqlState: '42712',
      });
    }
  }
}

/** `left`: what stands before it in FROM, which LATERAL may name. */
function analyzeTable(context: Context, table: TableExpression, left: Scope): FromClause {
  switch (table.kind) {
    case 'relation':
      return analyzeRelation(context, table);
    case 'derived': {
      const inside = table.lateral ? within(context, left) : context;
      const { root, visibleColumns } = analyzeQuery(inside, table.query, 'derived');
      const alias = table.alias?.name.name ?? '';
      return named(context, root, visibleColumns, alias, table.alias);
    }
    case 'function':
      return analyzeFunction(context, table, left);
    case 'json-table': {
      const plan = jsonTableRows(within(context, left), table);
      const alias = table.alias?.name.name ?? 'json_table';
      return named(context, plan, plan.fields.length, alias, table.alias);
    }
    case 'join':
      return renamed(context, table, analyzeJoin(context, table, left));
  }
}

function analyzeFunction(context: Context, table: FunctionTable, left: Scope): FromClause {
  const { call, alias } = table;
  const name = call.name.parts.at(-1)!.name;
  if (isTimeWindow(name)) {
    const rows = windowedRows(context, call, left);
    const [side] = rows.sides as readonly [Side];
    const plan = timeWindows(context, call, {
      plan: side.plan,
      scope: atPositions(rows.scope, side),
    });
    const known = alias?.name.name ?? rows.scope.relations[0]!.alias;
    return named(context, plan, plan.fields.length, known, alias);
  }
  const plan = functionRows(within(context, left), table);
  const width = plan.fields.length;
  // The one column of a function has the alias's name, unless that names columns too.
  const own = width - (table.ordinality === true ? 1 : 0);
  const hasNames = table.definition !== undefined || (alias?.columns.length ?? 0) > 0;
  const isNamed = alias !== undefined && !hasNames && own === 1;
  const columns = isNamed ? [alias.name] : (alias?.columns ?? []);
  const as = alias === undefined ? undefined : { ...alias, columns };
  return named(context, plan, width, alias?.name.name ?? name, as);
}

/** The first argument of TUMBLE or HOP: the name of a relation, or a subquery. */
function windowedRows(context: Context, call: CallExpression, left: Scope): FromClause {
  const [rows] = call.args;
  if (rows?.kind === 'column') {
    const name = { parts: rows.parts, span: rows.span };
    return analyzeTable(context, { kind: 'relation', name, span: rows.span }, left);
  }
  if (rows?.kind === 'subquery' && rows.form === 'scalar') {
    const { query, span } = rows;
    return analyzeTable(context, { kind: 'derived', query, lateral: false, span }, left);
  }
  throw complain(context, call.span, 'the first argument of a time window is a table', {
    sqlState: '42601',
  });
}

/** The names with the side's column numbers for ids. */
function atPositions(scope: Scope, { columns }: Side): Scope {
  const position = (id: number) => columns.indexOf(id);
  return {
    relations: scope.relations.map((relation) => ({
      ...relation,
      columns: relation.columns.map(position),
    })),
    shown: scope.shown.map(({ field, column }) => ({ field, column: position(column) })),
  };
}

function analyzeRelation(context: Context, table: RelationTable): FromClause {
  const { parts, span } = table.name;
  const name = parts.at(-1)!.name;
  const alias = table.alias?.name.name ?? name;
  if (parts.length === 1) {
    const common = context.commonTables.findLast((item) => item.table.name.name === name);
    if (common !== undefined) {
      const { plan, visibleColumns } = common;
      common.onUse?.(span);
      return named(context, plan, visibleColumns, alias, table.alias);
    }
  }
  const isInformation = parts.length === 2 && parts[0]!.name === 'information_schema';
  checkReadSchema(context, table.name);
  const relation = context.catalog.find(isInformation ? `information_schema.${name}` : name);
  if (relation === undefined) {
    throw complain(context, span, `relation "${name}" does not exist`, {
      sqlState: '42P01',
      hint: didYouMean(name, context.catalog.names()),
    });
  }
  checkUsable(context, relation, span);
  if (relation.rows !== undefined) {
    const plan = constantsNode(relation.columns, relation.rows);
    return named(context, plan, relation.columns.length, alias, table.alias);
  }
  if (relation.view === undefined) {
    const columns = relation.columns.map((_, index) => index);
    const plan = inputNode(relation, columns);
    const from = named(context, plan, columns.length, alias, table.alias);
    return keyed(from, relation.primaryKey);
  }
  const { query, text, bound } = relation.view;
  const catalog = bound === undefined ? undefined : context.catalog.bound?.(bound);
  const inside = {
    ...deeper(context, table),
    text,
    commonTables: [],
    outerScopes: [],
    catalog: catalog ?? context.catalog,
  };
  const { root } = analyzeQuery(inside, query, 'derived');
  const fields = root.fields.map((field, index) => ({
    ...field,
    name: relation.columns[index]?.name ?? field.name,
  }));
  return named(context, { ...root, fields }, relation.columns.length, alias, table.alias);
}

function deeper(context: Context, table: RelationTable): Context {
  if (context.depth >= expansionDepthMax) {
    throw complain(context, table.span, 'views are nested too deep', {
      code: 'RESOURCE_LIMIT',
      sqlState: '54001',
    });
  }
  return { ...context, depth: context.depth + 1 };
}

function checkColumnNames(
  context: Context,
  alias: string,
  tableAlias: TableAlias | undefined,
  visible: number,
): void {
  const names = tableAlias?.columns ?? [];
  const surplus = names[visible];
  if (surplus === undefined) return;
  throw complain(
    context,
    surplus.span,
    `table "${alias}" has ${visible} columns available but ${names.length} columns specified`,
    { sqlState: '42P10' },
  );
}

/** A plan under an alias, its first `visible` columns under the alias's names. */
function named(
  context: Context,
  plan: PlanNode,
  visible: number,
  alias: string,
  tableAlias: TableAlias | undefined,
): FromClause {
  const names = tableAlias?.columns ?? [];
  checkColumnNames(context, alias, tableAlias, visible);
  const columns = plan.fields.map(() => newColumn(context));
  const fields = plan.fields
    .slice(0, visible)
    .map((field, index) => ({ ...field, name: names[index]?.name ?? field.name }));
  const scope = relationScope({ alias, fields, columns: columns.slice(0, visible) });
  return { sides: [{ plan, columns }], conditions: [], scope };
}

/** One relation, with its primary key. */
function keyed(from: FromClause, primaryKey: readonly number[]): FromClause {
  const relations = from.scope.relations.map((relation) => ({
    ...relation,
    key: primaryKey.map((column) => relation.columns[column]!),
  }));
  return { ...from, scope: { ...from.scope, relations } };
}

/** An alias of a join hides the names inside. */
function renamed(context: Context, { alias }: JoinTable, clause: FromClause): FromClause {
  if (alias === undefined) return clause;
  const { shown } = clause.scope;
  const fields = shown.map(({ field }, index) => {
    return { ...field, name: alias.columns[index]?.name ?? field.name };
  });
  checkColumnNames(context, alias.name.name, alias, fields.length);
  const columns = shown.map(({ column }) => column);
  return { ...clause, scope: relationScope({ alias: alias.name.name, fields, columns }) };
}

/** Inside a part of FROM that sees what stands before it. */
function within(context: Context, left: Scope): Context {
  const clause = 'FROM clause of their own query level';
  return { ...context, outerScopes: [{ ...left, clause }, ...context.outerScopes] };
}

function analyzeJoin(context: Context, join: JoinTable, before: Scope): FromClause {
  const given = analyzeTable(context, join.left, before);
  const second = analyzeTable(context, join.right, combined(before, given.scope));
  checkAliases(context, given.scope, second.scope, join.right.span);
  const { type } = join;
  const left = type === 'right' || type === 'full' ? nullExtended(context, given) : given;
  const right = type === 'left' || type === 'full' ? nullExtended(context, second) : second;
  if (isCorrelated(left, right) && (join.type === 'right' || join.type === 'full')) {
    throw complain(
      context,
      join.span,
      'the combining JOIN type must be INNER or LEFT for a LATERAL reference',
      {
        sqlState: '42P10',
      },
    );
  }
  if (join.on === undefined && (join.natural || join.using !== undefined)) {
    return mergeColumns(context, join, left, right, joined);
  }
  const scope = combined(left.scope, right.scope);
  if (join.on === undefined) return { ...joined(context, join.type, left, right, []), scope };
  const place = { context, scope, clause: 'JOIN/ON' };
  const on = asBoolean(context, analyzeExpression(place, join.on), 'JOIN/ON');
  return { ...joined(context, join.type, left, right, conjunctsOf(on)), scope };
}

/**
 * A part whose rows an outer join may make of NULLs: any column may be NULL then. Where its rows
 * have no column that cannot be NULL otherwise, they get one, so that such a row can be told from
 * one of the relation.
 */
function nullExtended(context: Context, { sides, conditions, scope }: FromClause): FromClause {
  const marked = [...sides];
  const nullable = ({ field, column }: ScopeColumn) => {
    return { field: { ...field, nullable: true }, column };
  };
  const relations = scope.relations.map((relation) => {
    const { fields, columns } = relation;
    const certain = columns.find((_, index) => !fields[index]!.nullable);
    const present = relation.present ?? certain ?? marks(context, marked, columns);
    const anyNull = fields.map((field) => ({ ...field, nullable: true }));
    return { ...relation, fields: anyNull, ...(present === undefined ? {} : { present }) };
  });
  return { sides: marked, conditions, scope: { relations, shown: scope.shown.map(nullable) } };
}

/** A column that is true in all rows of the side that has these columns; its id. */
function marks(context: Context, sides: Side[], columns: readonly number[]): number | undefined {
  const index = sides.findIndex((side) => columns.some((id) => side.columns.includes(id)));
  if (index < 0) return undefined;
  const id = newColumn(context);
  const expr: Expr = { kind: 'constant', type: { kind: 'boolean' }, value: true };
  sides[index] = extended(sides[index]!, [{ id, expr, name: 'present' }]);
  return id;
}

/** How two parts are joined: inner joins stay open, so that they can be ordered. */
export type Join = (
  context: Context,
  type: JoinTable['type'],
  left: FromClause,
  right: FromClause,
  on: readonly Expr[],
) => Omit<FromClause, 'scope'>;

const joined: Join = (context, type, left, right, on) => {
  const { subqueries } = context.statement;
  const isInner = type === 'inner' || type === 'cross';
  if (isCorrelated(left, right)) {
    const [first, second] = [joinedWith(context, left, []), joinedWith(context, right, [])];
    const [held, plain] = partition(on, (expr) => subqueries.isIn(expr));
    if (!isInner && held.length === 0) {
      return { sides: [lateralJoin('left', first, second, on)], conditions: [] };
    }
    const pairs = lateralJoin('inner', first, second, plain);
    if (isInner) return { sides: [pairs], conditions: held };
    const filtered = subqueries.filtered(pairs, held);
    return { sides: [outerJoinOfPairs('left', first, second, filtered)], conditions: [] };
  }
  if (isInner) {
    return {
      sides: [...left.sides, ...right.sides],
      conditions: [...left.conditions, ...right.conditions, ...on],
    };
  }
  const [first, second] = [joinedWith(context, left, []), joinedWith(context, right, [])];
  const [a, b] = type === 'right' ? [second, first] : [first, second];
  const kind = type === 'full' ? 'full' : 'left';
  const side = on.some((expr) => subqueries.isIn(expr))
    ? outerJoinOfPairs(kind, a, b, joinedWith(context, { sides: [a, b], conditions: on }, []))
    : outerJoin(kind, a, b, on);
  return { sides: [side], conditions: [] };
};

/** The right part reads columns of the left one. */
function isCorrelated(left: FromClause, right: FromClause): boolean {
  const columns = new Set(left.sides.flatMap((side) => side.columns));
  return right.sides.some(({ plan }) => [...freeColumns(plan)].some((id) => columns.has(id)));
}
