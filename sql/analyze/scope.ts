import type { Field } from '../columns/types.ts';
import type { ColumnExpr } from '../plan/expr.ts';
import type { ColumnExpression, StarExpression } from '../syntax/ast.ts';
import { type Context, complain, didYouMean } from './context.ts';

/** One relation of a FROM clause: its alias and where its columns lie in the clause's row. */
export interface ScopeRelation {
  readonly alias: string;
  readonly fields: readonly Field[];
  /** Column number in the FROM clause's row, per field. */
  readonly columns: readonly number[];
}

/**
 * The names that expressions of one SELECT see. `merged` are the columns of USING and NATURAL:
 * found by their bare name, shown once by `*`; `hidden` are the copies that this leaves out.
 */
export interface Scope {
  readonly relations: readonly ScopeRelation[];
  readonly merged: ReadonlyMap<string, number>;
  readonly hidden: ReadonlySet<number>;
}

export const emptyScope: Scope = { relations: [], merged: new Map(), hidden: new Set() };

export interface ScopeColumn {
  readonly field: Field;
  readonly column: number;
}

export function findColumn(
  context: Context,
  scope: Scope,
  { parts, span }: ColumnExpression,
): ColumnExpr & { readonly field: Field } {
  const name = parts.at(-1)!.name;
  const qualifier = parts.length > 1 ? parts.at(-2)!.name : undefined;
  if (qualifier !== undefined && !scope.relations.some(({ alias }) => alias === qualifier)) {
    const aliases = scope.relations.map(({ alias }) => alias);
    throw complain(context, span, `missing FROM-clause entry for table "${qualifier}"`, {
      sqlState: '42P01',
      hint: didYouMean(qualifier, aliases),
    });
  }
  const found = candidates(scope, name, qualifier);
  if (found.length > 1) {
    throw complain(context, span, `column reference "${name}" is ambiguous`, {
      sqlState: '42702',
      hint: 'Write the table or its alias before it.',
    });
  }
  const [match] = found;
  if (match === undefined) {
    const shown = qualifier === undefined ? `"${name}"` : `${qualifier}.${name}`;
    const known = scope.relations.flatMap(({ fields }) => fields.map((field) => field.name));
    throw complain(context, span, `column ${shown} does not exist`, {
      sqlState: '42703',
      hint: didYouMean(name, known),
    });
  }
  const { field, column } = match;
  return { kind: 'column', index: column, type: field.type, span, field };
}

function candidates(scope: Scope, name: string, qualifier: string | undefined): ScopeColumn[] {
  const merged = qualifier === undefined ? scope.merged.get(name) : undefined;
  return scope.relations.flatMap(({ alias, fields, columns }) => {
    if (qualifier !== undefined && alias !== qualifier) return [];
    return fields.flatMap((field, index): ScopeColumn[] => {
      const column = columns[index]!;
      if (field.name !== name) return [];
      if (merged !== undefined && column !== merged) return [];
      return [{ field, column }];
    });
  });
}

/** The columns that `*` or `t.*` stands for. */
export function expandStar(context: Context, scope: Scope, star: StarExpression): ScopeColumn[] {
  const qualifier = star.relation.at(-1)?.name;
  const relations = scope.relations.filter(
    ({ alias }) => qualifier === undefined || alias === qualifier,
  );
  if (relations.length === 0) {
    const message =
      qualifier === undefined
        ? 'SELECT * with no tables specified is not valid'
        : `missing FROM-clause entry for table "${qualifier}"`;
    throw complain(context, star.span, message, {
      sqlState: qualifier === undefined ? '42601' : '42P01',
    });
  }
  const all = relations.flatMap(({ fields, columns }) =>
    fields.flatMap((field, index) =>
      // The hidden key of a table without a PRIMARY KEY, which UPDATE and DELETE see.
      field.name.startsWith('$') ? [] : [{ field, column: columns[index]! }],
    ),
  );
  if (qualifier !== undefined) return all;
  const first = [...scope.merged.values()];
  const merged = first.map((column) => all.find((item) => item.column === column)!);
  return [
    ...merged,
    ...all.filter(({ column }) => !first.includes(column) && !scope.hidden.has(column)),
  ];
}
