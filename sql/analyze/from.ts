import type { Expr } from '../plan/expr.ts';
import { conjunctsOf } from '../plan/expr-tools.ts';
import { inputNode } from '../plan/nodes.ts';
import type { PlanNode } from '../plan/physical.ts';
import type {
  Identifier,
  JoinTable,
  RelationTable,
  TableAlias,
  TableExpression,
} from '../syntax/ast.ts';
import { asBoolean, coerceAll } from './coerce.ts';
import { type Context, complain, didYouMean, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { analyzeQuery } from './query.ts';
import { emptyScope, type Scope, type ScopeRelation } from './scope.ts';

/** Plain views inside plain views, and common tables inside each other, at most. */
const expansionDepthMax = 50;

/** A FROM clause: its relations, the conditions of its joins, and the names in sight. */
export interface FromClause {
  readonly relations: readonly PlanNode[];
  readonly conditions: readonly Expr[];
  readonly scope: Scope;
}

export function analyzeFrom(context: Context, tables: readonly TableExpression[]): FromClause {
  const clause: Building = { relations: [], conditions: [], width: 0 };
  let scope = emptyScope;
  for (const table of tables) {
    const next = analyzeTable(context, clause, table);
    checkAliases(context, scope, next, table);
    scope = combined(scope, next);
  }
  return { relations: clause.relations, conditions: clause.conditions, scope };
}

interface Building {
  readonly relations: PlanNode[];
  readonly conditions: Expr[];
  /** Columns so far. */
  width: number;
}

function combined(left: Scope, right: Scope): Scope {
  return {
    relations: [...left.relations, ...right.relations],
    merged: new Map([...left.merged, ...right.merged]),
    hidden: new Set([...left.hidden, ...right.hidden]),
  };
}

function checkAliases(context: Context, left: Scope, right: Scope, table: TableExpression): void {
  for (const { alias } of right.relations) {
    if (left.relations.some((other) => other.alias === alias)) {
      throw complain(context, table.span, `table name "${alias}" specified more than once`, {
        sqlState: '42712',
      });
    }
  }
}

function analyzeTable(context: Context, clause: Building, table: TableExpression): Scope {
  switch (table.kind) {
    case 'relation':
      return analyzeRelation(context, clause, table);
    case 'derived': {
      if (table.lateral) throw unsupported(context, table.span, 'LATERAL');
      const { root, visibleColumns } = analyzeQuery(context, table.query, 'derived');
      const alias = table.alias?.name.name ?? `derived${clause.relations.length}`;
      return addRelation(context, clause, root, visibleColumns, alias, table.alias);
    }
    case 'function':
      throw unsupported(context, table.span, 'a function in FROM');
    case 'join':
      return analyzeJoin(context, clause, table);
  }
}

function analyzeRelation(context: Context, clause: Building, table: RelationTable): Scope {
  const { parts, span } = table.name;
  const name = parts.at(-1)!.name;
  const alias = table.alias?.name.name ?? name;
  if (parts.length === 1) {
    const common = context.commonTables.findLast((item) => item.table.name.name === name);
    if (common !== undefined) {
      const { root, visibleColumns } = analyzeQuery(
        deeper(common.context, table),
        common.table.query,
        'derived',
      );
      const named = { name: common.table.name, columns: common.table.columns, span };
      const outer = table.alias === undefined || table.alias.columns.length === 0;
      return addRelation(context, clause, root, visibleColumns, alias, outer ? named : table.alias);
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
    return addRelation(context, clause, plan, columns.length, alias, table.alias);
  }
  const inside = deeper({ ...context, text: relation.view.text, commonTables: [] }, table);
  const { root } = analyzeQuery(inside, relation.view.query, 'derived');
  const fields = root.fields.map((field, index) => ({
    ...field,
    name: relation.columns[index]?.name ?? field.name,
  }));
  const plan = { ...root, fields };
  return addRelation(context, clause, plan, relation.columns.length, alias, table.alias);
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

function addRelation(
  context: Context,
  clause: Building,
  plan: PlanNode,
  visible: number,
  alias: string,
  tableAlias: TableAlias | undefined,
): Scope {
  const names = tableAlias?.columns ?? [];
  if (names.length > visible) {
    throw complain(
      context,
      names[visible]!.span,
      `table "${alias}" has ${visible} columns available but ${names.length} columns specified`,
      { sqlState: '42P10' },
    );
  }
  const start = clause.width;
  const relation: ScopeRelation = {
    alias,
    fields: plan.fields
      .slice(0, visible)
      .map((field, index) => ({ ...field, name: names[index]?.name ?? field.name })),
    columns: Array.from({ length: visible }, (_, index) => start + index),
  };
  clause.relations.push(plan);
  clause.width += plan.fields.length;
  return { ...emptyScope, relations: [relation] };
}

function analyzeJoin(context: Context, clause: Building, join: JoinTable): Scope {
  if (join.type !== 'inner' && join.type !== 'cross') {
    throw unsupported(context, join.span, `${join.type.toUpperCase()} JOIN`);
  }
  const left = analyzeTable(context, clause, join.left);
  const right = analyzeTable(context, clause, join.right);
  checkAliases(context, left, right, join.right);
  const scope = combined(left, right);
  if (join.on !== undefined) {
    const condition = analyzeExpression({ context, scope, clause: 'JOIN/ON' }, join.on);
    clause.conditions.push(...conjunctsOf(asBoolean(context, condition, 'JOIN/ON')));
    return scope;
  }
  const names = join.natural ? commonNames(left, right, join) : (join.using ?? []);
  return mergeColumns(context, clause, scope, left, right, names);
}

/** NATURAL: every name that both sides have. */
function commonNames(left: Scope, right: Scope, { span }: JoinTable): Identifier[] {
  const namesOf = (scope: Scope) =>
    new Set(scope.relations.flatMap(({ fields }) => fields.map(({ name }) => name)));
  const rights = namesOf(right);
  return [...namesOf(left)]
    .filter((name) => rights.has(name))
    .map((name) => ({ name, quoted: true, span }));
}

function mergeColumns(
  context: Context,
  clause: Building,
  scope: Scope,
  left: Scope,
  right: Scope,
  names: readonly Identifier[],
): Scope {
  const merged = new Map(scope.merged);
  const hidden = new Set(scope.hidden);
  for (const { name, quoted, span } of names) {
    const column = { kind: 'column', parts: [{ name, quoted, span }], span } as const;
    const sides = [left, right].map((side) =>
      analyzeExpression({ context, scope: side, clause: 'JOIN/USING' }, column),
    );
    const [a, b] = sides as [Expr, Expr];
    const args = coerceAll(context, sides, 'JOIN/USING');
    const boolean = { kind: 'boolean' } as const;
    clause.conditions.push({ kind: 'call', functionId: '=', args, type: boolean, span });
    if (a.kind === 'column' && b.kind === 'column') {
      merged.set(name, a.index);
      hidden.add(b.index);
    }
  }
  return { relations: scope.relations, merged, hidden };
}
