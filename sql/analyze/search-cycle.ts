import type {
  CommonTable,
  DerivedTable,
  Expression,
  Identifier,
  Query,
  QueryBody,
  RelationTable,
  Select,
  SelectItem,
  SetOperation,
  Span,
  TableExpression,
} from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';

/**
 * SEARCH and CYCLE of a recursive query (SQL:2016, 7.18; PostgreSQL's documentation, 7.8.2.1 and
 * 7.8.2.2): columns that each row hands to those made of it. As PostgreSQL rewrites them,
 *
 *   base UNION ALL step                              becomes
 *   SELECT *, first values FROM (base)               UNION ALL
 *   SELECT *, next values FROM (step, with the columns of the row that it reads) WHERE none is met
 *
 * The step may name them, as in PostgreSQL, but its `*` does not show them.
 */
export interface Trace {
  readonly name: string;
  readonly first: Expression;
  /** `before`: the value of the row that the step has read. */
  readonly next: Expression;
  /** Where it is not true the row before has closed a cycle, and is not followed. */
  readonly goesOn?: Expression;
}

const rowAlias = ' row';

export function tracesOf(
  context: Context,
  { search, cycle }: CommonTable,
  columns: readonly string[],
): readonly Trace[] {
  const traces: Trace[] = [];
  const check = (names: readonly Identifier[], what: string) => {
    for (const [index, { name, span }] of names.entries()) {
      if (!columns.includes(name)) {
        const message = `${what} column "${name}" not in WITH query column list`;
        throw complain(context, span, message, { sqlState: '42601' });
      }
      if (names.findIndex((other) => other.name === name) === index) continue;
      const message = `${what} column "${name}" specified more than once`;
      throw complain(context, span, message, { sqlState: '42701' });
    }
  };
  const differ = (a: Identifier | undefined, b: Identifier | undefined, what: string) => {
    if (a === undefined || a.name !== b?.name) return;
    throw complain(context, b.span, `${what} are the same`, { sqlState: '42601' });
  };
  differ(cycle?.mark, cycle?.path, 'cycle mark column name and cycle path column name');
  differ(search?.set, cycle?.mark, 'search sequence column name and cycle mark column name');
  differ(search?.set, cycle?.path, 'search sequence column name and cycle path column name');
  if (search !== undefined) {
    check(search.by, 'search');
    const at = ast(search.span);
    const row = search.by.map(({ name }) => at.column(rowAlias, name));
    const before = at.column(rowAlias, search.set.name);
    const isDepth = search.order === 'depth';
    traces.push({
      name: search.set.name,
      first: isDepth ? at.path(row) : at.row([at.cast(at.integer(0), 'bigint'), ...row]),
      next: isDepth
        ? at.binary('||', before, at.path(row))
        : at.row([at.binary('+', at.field(before, 'f1'), at.integer(1)), ...row]),
    });
  }
  if (cycle !== undefined) {
    check(cycle.columns, 'cycle');
    const at = ast(cycle.span);
    const row = cycle.columns.map(({ name }) => at.column(rowAlias, name));
    const path = at.column(rowAlias, cycle.path.name);
    const met = cycle.values?.met ?? at.boolean(true);
    const otherwise = cycle.values?.otherwise ?? at.boolean(false);
    const either = (when: Expression): Expression => at.either(when, met, otherwise);
    traces.push(
      {
        name: cycle.mark.name,
        first: either(at.boolean(false)),
        next: either(at.isIn(at.row(row), path)),
        goesOn: at.binary('<>', at.column(rowAlias, cycle.mark.name), met),
      },
      {
        name: cycle.path.name,
        first: at.path(row),
        next: at.binary('||', path, at.path(row)),
      },
    );
  }
  return traces;
}

export function tracedBase(
  table: CommonTable,
  columns: readonly string[],
  traces: readonly Trace[],
): QueryBody {
  const { left } = table.query.body as SetOperation;
  const values = traces.map(({ name, first }) => ({ name, value: first }));
  return around(left, columns, columns, values, []);
}

export function tracedStep(
  context: Context,
  table: CommonTable,
  columns: readonly string[],
  traces: readonly Trace[],
): QueryBody {
  const { right } = table.query.body as SetOperation;
  const { name } = table.name;
  const refused = (what: string, sqlState: string) =>
    complain(context, right.span, `with a SEARCH or CYCLE clause, ${what}`, { sqlState });
  if (right.kind !== 'select') {
    throw refused('the right side of the UNION must be a SELECT', '42601');
  }
  const itself = right.from.flatMap((item) => relationsOf(item, name))[0];
  if (itself === undefined) {
    throw refused(
      `the recursive reference to WITH query "${name}" must be at the top level of its right-hand SELECT`,
      '0A000',
    );
  }
  const alias = itself.alias?.name.name ?? name;
  const at = ast(itself.span);
  const before = traces.map((trace) => at.column(alias, trace.name));
  const items = right.items.map((item) => withoutTraces(item, alias, before));
  const step: Select = {
    ...right,
    items: [...items, ...before.map((column) => ({ expression: column, span: itself.span }))],
  };
  const inside = [...columns, ...traces.map((trace) => trace.name)];
  const values = traces.map((trace) => ({ name: trace.name, value: trace.next }));
  const goesOn = traces.flatMap((trace) => trace.goesOn ?? []);
  return around(step, columns, inside, values, goesOn);
}

/** `SELECT columns, values FROM (body) AS " row" (inside) WHERE ...`. */
function around(
  body: QueryBody,
  columns: readonly string[],
  inside: readonly string[],
  values: readonly { readonly name: string; readonly value: Expression }[],
  where: readonly Expression[],
): Select {
  const { span } = body;
  const at = ast(span);
  const query: Query = { kind: 'query', with: [], recursive: false, body, orderBy: [], span };
  const from: DerivedTable = {
    kind: 'derived',
    query,
    lateral: false,
    alias: { name: at.name(rowAlias), columns: inside.map(at.name), span },
    span,
  };
  return {
    kind: 'select',
    distinct: 'none',
    items: [
      ...columns.map((name) => ({ expression: at.column(rowAlias, name), span })),
      ...values.map(({ name, value }) => ({ expression: value, alias: at.name(name), span })),
    ],
    from: [from],
    ...(where.length === 0 ? {} : { where: where[0]! }),
    groupBy: [],
    span,
  };
}

/** `*` shows nothing of what is handed on. */
function withoutTraces(
  item: SelectItem,
  alias: string,
  traces: readonly Extract<Expression, { kind: 'column' }>[],
): SelectItem {
  const { expression } = item;
  if (expression.kind !== 'star' || expression.operand !== undefined) return item;
  const { relation, except = [] } = expression;
  if (relation.length > 0 && relation.at(-1)!.name !== alias) return item;
  return { ...item, expression: { ...expression, except: [...except, ...traces] } };
}

function relationsOf(table: TableExpression, name: string): RelationTable[] {
  if (table.kind === 'join') {
    return [...relationsOf(table.left, name), ...relationsOf(table.right, name)];
  }
  if (table.kind !== 'relation') return [];
  const [first, ...more] = table.name.parts;
  return more.length === 0 && first!.name === name ? [table] : [];
}

function ast(span: Span) {
  const name = (text: string): Identifier => ({ name: text, quoted: true, span });
  const row = (items: readonly Expression[]): Expression => ({ kind: 'row', items, span });
  return {
    name,
    row,
    column: (relation: string, column: string): Extract<Expression, { kind: 'column' }> => ({
      kind: 'column',
      parts: [name(relation), name(column)],
      span,
    }),
    path: (items: readonly Expression[]): Expression => ({
      kind: 'array',
      items: [row(items)],
      span,
    }),
    field: (operand: Expression, field: string): Expression => ({
      kind: 'field',
      operand,
      name: name(field),
      span,
    }),
    integer: (value: number): Expression => ({
      kind: 'literal',
      literal: { type: 'integer', text: String(value) },
      span,
    }),
    boolean: (value: boolean): Expression => ({
      kind: 'literal',
      literal: { type: 'boolean', value },
      span,
    }),
    cast: (operand: Expression, type: string): Expression => ({
      kind: 'cast',
      operand,
      typeName: { name: type, modifiers: [], arrayDepth: 0, span },
      span,
    }),
    binary: (operator: string, left: Expression, right: Expression): Expression => ({
      kind: 'binary',
      operator,
      operatorSpan: span,
      left,
      right,
      span,
    }),
    isIn: (operand: Expression, array: Expression): Expression => ({
      kind: 'quantified',
      form: 'any',
      operand,
      operator: '=',
      array,
      span,
    }),
    either: (when: Expression, then: Expression, otherwise: Expression): Expression => ({
      kind: 'case',
      branches: [{ when, then }],
      otherwise,
      span,
    }),
  };
}
