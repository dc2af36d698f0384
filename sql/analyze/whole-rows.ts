import { typeName } from '../columns/type-name.ts';
import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { columnExpr } from '../plan/expr-tools.ts';
import type {
  ColumnExpression,
  Expression,
  Identifier,
  Span,
  StarExpression,
} from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';
import type { ExpressionPlace } from './expressions.ts';
import { fieldAt } from './nested.ts';
import { call } from './operators.ts';
import {
  columnIfAny,
  expandStar,
  findColumn,
  findRelation,
  type ScopeRelation,
  visibleOf,
} from './scope.ts';

/** Rows as values: a relation's name as an expression, and what `*` stands for. */

/** The relation's current row; NULL where an outer join has found none. */
export function wholeRow({ fields, columns, present, alias }: ScopeRelation, span: Span): Expr {
  const shown = visibleOf({ fields, columns, alias });
  const type: SqlType = {
    kind: 'record',
    fields: shown.map(({ field }) => ({ name: field.name, type: field.type })),
  };
  const cells = shown.map(({ field, column }) => columnExpr(column, field.type));
  // Not `row`: two rows of relations compare as values, in which NULLs are equal.
  const row = call('wholeRow', cells, type, span);
  if (present === undefined) return row;
  const boolean: SqlType = { kind: 'boolean' };
  const mark = call('isNull', [columnExpr(present, boolean)], boolean, span);
  const nothing: Expr = { kind: 'constant', type, value: null };
  return { kind: 'case', branches: [{ when: mark, then: nothing }], otherwise: row, type, span };
}

/** The name, where the expression is that of a relation and not of a column. */
export function relationNamed(
  { context, scope }: ExpressionPlace,
  node: Expression,
): Identifier | undefined {
  if (node.kind !== 'column' || node.parts.length > 1) return undefined;
  const [name] = node.parts;
  if (columnIfAny(context, scope, node) !== undefined) return undefined;
  return findRelation(context, scope, name!.name) === undefined ? undefined : name;
}

/** `t.*` as one value. */
export function starValue({ context, scope }: ExpressionPlace, star: StarExpression): Expr {
  const name = star.relation.at(-1)?.name;
  const relation = name === undefined ? undefined : findRelation(context, scope, name);
  if (relation !== undefined) return wholeRow(relation, star.span);
  const message =
    name === undefined
      ? '"*" is not an expression'
      : `missing FROM-clause entry for table "${name}"`;
  throw complain(context, star.span, message, { sqlState: name === undefined ? '42601' : '42P01' });
}

/** The columns that a `*` in a list stands for; `analyze` types the operand of `(operand).*`. */
export function starColumns(
  { context, scope }: Pick<ExpressionPlace, 'context' | 'scope'>,
  star: StarExpression,
  analyze: (node: Expression) => Expr,
): readonly { readonly name: string; readonly expr: Expr }[] {
  const { operand, span } = star;
  if (operand === undefined) {
    const columns = without(context, expandStar(context, scope, star), star, (named) => {
      const { parts } = named;
      if (parts.length === 1) return ({ field }) => field.name === parts[0]!.name;
      const { index } = findColumn(context, scope, named);
      return ({ column }) => column === index;
    });
    return columns.map(({ field, column }) => ({
      name: field.name,
      expr: { ...columnExpr(column, field.type), span },
    }));
  }
  const row = analyze(operand);
  if (row.type.kind !== 'record') {
    throw complain(context, span, `type ${typeName(row.type)} is not composite`, {
      sqlState: '42809',
    });
  }
  const fields = row.type.fields.map(({ name }, index) => ({
    name,
    expr: fieldAt(context, row, index, span),
  }));
  return without(context, fields, star, ({ parts }) => {
    return ({ name }) => parts.length === 1 && name === parts[0]!.name;
  });
}

/**
 * All but what EXCEPT names. Throws SQL_SEMANTIC 42703 for what is not there, or no longer, and
 * 42702 for a name of several.
 */
function without<T>(
  context: Context,
  columns: readonly T[],
  { except = [] }: StarExpression,
  isNamed: (named: ColumnExpression) => (column: T) => boolean,
): readonly T[] {
  let left = columns;
  for (const named of except) {
    const name = named.parts.map((part) => part.name).join('.');
    const found = left.filter(isNamed(named));
    if (found.length > 1) {
      const message = `column reference "${name}" is ambiguous`;
      throw complain(context, named.span, message, { sqlState: '42702' });
    }
    if (found.length === 0) {
      const message = `column "${name}" in EXCEPT is not one of those that the star stands for`;
      throw complain(context, named.span, message, { sqlState: '42703' });
    }
    left = left.filter((column) => column !== found[0]);
  }
  return left;
}
