import type { Field } from '../columns/types.ts';
import type { ColumnExpr } from '../plan/expr.ts';
import type { ColumnExpression, StarExpression } from '../syntax/ast.ts';
import { type Context, complain, didYouMean } from './context.ts';

/** One column in sight: its name there, and its column id (plan/joins.ts). */
export interface ScopeColumn {
  readonly field: Field;
  readonly column: number;
}

/** One relation of a FROM clause: its alias and the ids of its columns. */
export interface ScopeRelation {
  readonly alias: string;
  readonly fields: readonly Field[];
  /** Column id, per field. */
  readonly columns: readonly number[];
  /** Ids of the columns of a table's PRIMARY KEY. */
  readonly key?: readonly number[];
  /** Id of a column that is NULL just in the rows that an outer join has made of NULLs. */
  readonly present?: number;
}

/**
 * The names that expressions of one SELECT see. `relations` are for qualified names; `shown` are
 * the columns as the joins show them, for bare names and `*`: USING and NATURAL merge two into one,
 * which comes first.
 */
export interface Scope {
  readonly relations: readonly ScopeRelation[];
  readonly shown: readonly ScopeColumn[];
}

export const emptyScope: Scope = { relations: [], shown: [] };

export function relationScope(relation: ScopeRelation): Scope {
  return { relations: [relation], shown: visibleOf(relation) };
}

export function combined(left: Scope, right: Scope): Scope {
  return {
    relations: [...left.relations, ...right.relations],
    shown: [...left.shown, ...right.shown],
  };
}

export function columnsIn({ relations, shown }: Scope): ReadonlySet<number> {
  return new Set([
    ...relations.flatMap(({ columns }) => columns),
    ...shown.map(({ column }) => column),
  ]);
}

/** Without the hidden key of a table that has no PRIMARY KEY, which UPDATE and DELETE see. */
export function visibleOf(relation: ScopeRelation): ScopeColumn[] {
  return columnsOfRelation(relation).filter(({ field }) => !field.name.startsWith('$'));
}

function columnsOfRelation({ fields, columns }: ScopeRelation): ScopeColumn[] {
  return fields.map((field, index) => ({ field, column: columns[index]! }));
}

export type FoundColumn = ColumnExpr & { readonly field: Field };

/** Names of the enclosing queries are in sight where the inner ones do not have them. */
export function findColumn(
  context: Context,
  scope: Scope,
  expression: ColumnExpression,
): FoundColumn {
  const found = columnIfAny(context, scope, expression);
  if (found === undefined) throw noColumn(context, scope, expression);
  return found;
}

export function columnIfAny(
  context: Context,
  scope: Scope,
  expression: ColumnExpression,
): FoundColumn | undefined {
  const { parts, span } = expression;
  for (const candidate of [scope, ...context.outerScopes]) {
    const found = candidates(candidate, parts.at(-1)!.name, parts.at(-2)?.name);
    if (found.length > 1) {
      throw complain(context, span, `column reference "${parts.at(-1)!.name}" is ambiguous`, {
        sqlState: '42702',
        hint: 'Write the table or its alias before it.',
      });
    }
    const [match] = found;
    if (match === undefined) {
      if (parts.length > 1 && hasRelation(candidate, parts.at(-2)!.name)) break;
      continue;
    }
    const { field, column } = match;
    return { kind: 'column', index: column, type: field.type, span, field };
  }
  return undefined;
}

/** The relation that a name which is no column's stands for: its row. */
export function findRelation(
  context: Context,
  scope: Scope,
  name: string,
): ScopeRelation | undefined {
  return [scope, ...context.outerScopes]
    .flatMap(({ relations }) => relations)
    .find(({ alias }) => alias === name);
}

function hasRelation(scope: Scope, name: string): boolean {
  return scope.relations.some(({ alias }) => alias === name);
}

function candidates(scope: Scope, name: string, qualifier: string | undefined): ScopeColumn[] {
  const columns =
    qualifier === undefined
      ? scope.shown
      : scope.relations.filter(({ alias }) => alias === qualifier).flatMap(columnsOfRelation);
  return columns.filter(({ field }) => field.name === name);
}

function noColumn(context: Context, scope: Scope, { parts, span }: ColumnExpression) {
  const { name } = parts.at(-1)!;
  const qualifier = parts.at(-2)?.name;
  const scopes = [scope, ...context.outerScopes];
  if (qualifier !== undefined && !scopes.some((other) => hasRelation(other, qualifier))) {
    const aliases = scopes.flatMap(({ relations }) => relations.map(({ alias }) => alias));
    return complain(context, span, `missing FROM-clause entry for table "${qualifier}"`, {
      sqlState: '42P01',
      hint: didYouMean(qualifier, aliases),
    });
  }
  const shown = qualifier === undefined ? `"${name}"` : `${qualifier}.${name}`;
  const known = scopes.flatMap(({ relations }) => relations.flatMap(({ fields }) => fields));
  return complain(context, span, `column ${shown} does not exist`, {
    sqlState: '42703',
    hint: didYouMean(
      name,
      known.map((field) => field.name),
    ),
  });
}

/** The columns that `*` or `t.*` stands for. */
export function expandStar(
  context: Context,
  scope: Scope,
  star: StarExpression,
): readonly ScopeColumn[] {
  const qualifier = star.relation.at(-1)?.name;
  if (qualifier === undefined) {
    if (scope.relations.length > 0) return scope.shown;
    const message = 'SELECT * with no tables specified is not valid';
    throw complain(context, star.span, message, { sqlState: '42601' });
  }
  const relation = findRelation(context, scope, qualifier);
  if (relation !== undefined) return visibleOf(relation);
  const message = `missing FROM-clause entry for table "${qualifier}"`;
  throw complain(context, star.span, message, { sqlState: '42P01' });
}
