import type { Expr } from '../plan/expr.ts';
import { conjunctsOf } from '../plan/expr-tools.ts';
import { joinSides, outerJoin, type Side } from '../plan/joins.ts';
import { inputNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type { JoinTable, RelationTable, TableAlias, TableExpression } from '../syntax/ast.ts';
import { asBoolean } from './coerce.ts';
import { type Context, complain, didYouMean, newColumn, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeQuery } from './query.ts';
import { combined, emptyScope, relationScope, type Scope } from './scope.ts';
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
    const next = analyzeTable(context, table);
    checkAliases(context, clause.scope, next.scope, table);
    clause = crossed(clause, next);
  }
  return clause;
}

function crossed(left: FromClause, right: FromClause): FromClause {
  return {
    sides: [...left.sides, ...right.sides],
    conditions: [...left.conditions, ...right.conditions],
    scope: combined(left.scope, right.scope),
  };
}

function checkAliases(context: Context, left: Scope, right: Scope, table: TableExpression): void {
  for (const { alias } of right.relations) {
    if (alias !== '' && left.relations.some((other) => other.alias === alias)) {
      throw complain(context, table.span, `table name "${alias}" specified more than once`, {
        sqlState: '42712',
      });
    }
  }
}

function analyzeTable(context: Context, table: TableExpression): FromClause {
  switch (table.kind) {
    case 'relation':
      return analyzeRelation(context, table);
    case 'derived': {
      if (table.lateral) throw unsupported(context, table.span, 'LATERAL');
      const { root, visibleColumns } = analyzeQuery(context, table.query, 'derived');
      const alias = table.alias?.name.name ?? '';
      return named(context, root, visibleColumns, alias, table.alias);
    }
    case 'function':
      throw unsupported(context, table.span, 'a function in FROM');
    case 'join':
      return analyzeJoin(context, table);
  }
}

function analyzeRelation(context: Context, table: RelationTable): FromClause {
  const { parts, span } = table.name;
  const name = parts.at(-1)!.name;
  const alias = table.alias?.name.name ?? name;
  if (parts.length === 1) {
    const common = context.commonTables.findLast((item) => item.table.name.name === name);
    if (common !== undefined) {
      const { plan, visibleColumns } = common;
      return named(context, plan, visibleColumns, alias, table.alias);
    }
  }
  if (parts.length > 2 || (parts.length === 2 && parts[0]!.name !== 'public')) {
    throw complain(context, span, `schema "${parts.at(-2)!.name}" does not exist`, {
      sqlState: '3F000',
      hint: 'All relations are in the schema "public".',
    });
  }
  const relation = context.catalog.find(name);
  if (relation === undefined) {
    throw complain(context, span, `relation "${name}" does not exist`, {
      sqlState: '42P01',
      hint: didYouMean(name, context.catalog.names()),
    });
  }
  if (relation.view === undefined) {
    const columns = relation.columns.map((_, index) => index);
    const plan = inputNode(relation, columns);
    return named(context, plan, columns.length, alias, table.alias);
  }
  const { query, text } = relation.view;
  const inside = { ...deeper(context, table), text, commonTables: [], outerScopes: [] };
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

/** A plan under an alias, its first `visible` columns under the alias's names. */
function named(
  context: Context,
  plan: PlanNode,
  visible: number,
  alias: string,
  tableAlias: TableAlias | undefined,
): FromClause {
  const names = tableAlias?.columns ?? [];
  if (names.length > visible) {
    throw complain(
      context,
      names[visible]!.span,
      `table "${alias}" has ${visible} columns available but ${names.length} columns specified`,
      { sqlState: '42P10' },
    );
  }
  const columns = plan.fields.map(() => newColumn(context));
  const fields = plan.fields
    .slice(0, visible)
    .map((field, index) => ({ ...field, name: names[index]?.name ?? field.name }));
  const scope = relationScope({ alias, fields, columns: columns.slice(0, visible) });
  return { sides: [{ plan, columns }], conditions: [], scope };
}

function analyzeJoin(context: Context, join: JoinTable): FromClause {
  const left = analyzeTable(context, join.left);
  const right = analyzeTable(context, join.right);
  checkAliases(context, left.scope, right.scope, join.right);
  if (join.on === undefined && (join.natural || join.using !== undefined)) {
    return mergeColumns(context, join, left, right, joined);
  }
  const scope = combined(left.scope, right.scope);
  const on =
    join.on === undefined
      ? []
      : conjunctsOf(
          asBoolean(
            context,
            analyzeExpression({ context, scope, clause: 'JOIN/ON' }, join.on),
            'JOIN/ON',
          ),
        );
  return { ...joined(join.type, left, right, on), scope };
}

/** How two parts are joined: inner joins stay open, so that they can be ordered. */
export type Join = (
  type: JoinTable['type'],
  left: FromClause,
  right: FromClause,
  on: readonly Expr[],
) => Omit<FromClause, 'scope'>;

const joined: Join = (type, left, right, on) => {
  if (type === 'inner' || type === 'cross') {
    const { sides, conditions } = crossed(left, right);
    return { sides, conditions: [...conditions, ...on] };
  }
  const [first, second] = [left, right].map(({ sides, conditions }) =>
    joinSides(sides, conditions),
  ) as [Side, Side];
  const side =
    type === 'right' ? outerJoin('left', second, first, on) : outerJoin(type, first, second, on);
  return { sides: [side], conditions: [] };
};
