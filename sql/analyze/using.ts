import type { Field } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { extended } from '../plan/joins.ts';
import type { ColumnExpression, Identifier, JoinTable } from '../syntax/ast.ts';
import { coerceAll } from './coerce.ts';
import { type Context, complain, newColumn } from './context.ts';
import { checkAliases, type FromClause, type Join, joinedWith } from './from.ts';
import { operator } from './operators.ts';
import {
  combined,
  findColumn,
  relationScope,
  type Scope,
  type ScopeColumn,
  type ScopeRelation,
} from './scope.ts';

/**
 * USING and NATURAL: columns of one name are compared and shown as one, before all others. It is
 * the left one, the right one for a RIGHT JOIN, for a FULL JOIN the one that is not NULL; of the
 * common type of both (SQL:2016, 7.10).
 */
export function mergeColumns(
  context: Context,
  join: JoinTable,
  left: FromClause,
  right: FromClause,
  joined: Join,
): FromClause {
  const names = join.using ?? commonNames(left.scope, right.scope, join);
  const pairs = names.map((name) => columnPair(context, left.scope, right.scope, name));
  const on = pairs.map(({ args, name }) => operator(context, '=', args, name.span, name.span));
  const parts = joined(context, join.type, left, right, on);
  const merged: ScopeColumn[] = [];
  const computed: { id: number; expr: Expr; name: string }[] = [];
  for (const { name, args, fields } of pairs) {
    const [a, b] = args;
    const expr: Expr =
      join.type === 'full'
        ? { kind: 'call', functionId: 'coalesce', args: [a, b], type: a.type }
        : join.type === 'right'
          ? b
          : a;
    const nullable =
      join.type === 'full' || (join.type === 'right' ? fields[1] : fields[0]).nullable;
    const field: Field = { name: name.name, type: expr.type, nullable };
    if (expr.kind === 'column') {
      merged.push({ field, column: expr.index });
      continue;
    }
    const id = newColumn(context);
    computed.push({ id, expr, name: name.name });
    merged.push({ field, column: id });
  }
  const used = new Set(names.map(({ name }) => name));
  const others = [...left.scope.shown, ...right.scope.shown].filter(
    ({ field }) => !used.has(field.name),
  );
  const scope = {
    relations: [
      ...left.scope.relations,
      ...right.scope.relations,
      ...usingRelation(context, join, left.scope, right.scope, merged),
    ],
    shown: [...merged, ...others],
  };
  if (computed.length === 0) return { ...parts, scope };
  const side = extended(joinedWith(context, parts, []), computed);
  return { sides: [side], conditions: [], scope };
}

/** `USING (...) AS x`: a relation of the merged columns alone. */
function usingRelation(
  context: Context,
  { usingAlias }: JoinTable,
  left: Scope,
  right: Scope,
  merged: readonly ScopeColumn[],
): ScopeRelation[] {
  if (usingAlias === undefined) return [];
  const alias = usingAlias.name;
  const columns = merged.map(({ column }) => column);
  const relation = { alias, fields: merged.map(({ field }) => field), columns };
  checkAliases(context, combined(left, right), relationScope(relation), usingAlias.span);
  return [relation];
}

/** NATURAL: every name that both sides have, as the left one orders them. */
function commonNames(left: Scope, right: Scope, { span }: JoinTable): Identifier[] {
  const rights = new Set(right.shown.map(({ field }) => field.name));
  const names = new Set(left.shown.map(({ field }) => field.name));
  return [...names]
    .filter((name) => rights.has(name))
    .map((name) => ({ name, quoted: true, span }));
}

function columnPair(context: Context, left: Scope, right: Scope, name: Identifier) {
  const { span } = name;
  const column: ColumnExpression = { kind: 'column', parts: [name], span };
  const found = [left, right].map((side, index) => {
    const isThere = side.shown.some(({ field }) => field.name === name.name);
    if (isThere) return findColumn({ ...context, outerScopes: [] }, side, column);
    const where = index === 0 ? 'left' : 'right';
    const message = `column "${name.name}" specified in USING clause does not exist in ${where} table`;
    throw complain(context, span, message, { sqlState: '42703' });
  });
  const args = coerceAll(
    context,
    found.map(({ field: _, ...expr }) => expr),
    'JOIN/USING',
  ) as [Expr, Expr];
  return { name, args, fields: found.map(({ field }) => field) as [Field, Field] };
}
