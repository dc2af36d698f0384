import type {
  ColumnExpression,
  CommonTable,
  DerivedTable,
  Expression,
  Identifier,
  QueryBody,
  RelationTable,
  Select,
  SelectItem,
  SetOperation,
  Span,
  TableExpression,
} from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';
import { writtenAt } from './written.ts';

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

function ofRow(span: Span, name: string): ColumnExpression {
  const at = writtenAt(span);
  return at.column(at.name(rowAlias), name);
}

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
    const at = writtenAt(search.span);
    const row = search.by.map(({ name }) => ofRow(search.span, name));
    const before = ofRow(search.span, search.set.name);
    const isDepth = search.order === 'depth';
    traces.push({
      name: search.set.name,
      first: isDepth ? at.array([at.row(row)]) : at.row([at.cast(at.integer(0), 'bigint'), ...row]),
      next: isDepth
        ? at.binary('||', before, at.array([at.row(row)]))
        : at.row([at.binary('+', at.field(before, 'f1'), at.integer(1)), ...row]),
    });
  }
  if (cycle !== undefined) {
    check(cycle.columns, 'cycle');
    const at = writtenAt(cycle.span);
    const row = cycle.columns.map(({ name }) => ofRow(cycle.span, name));
    const path = ofRow(cycle.span, cycle.path.name);
    const met = cycle.values?.met ?? at.boolean(true);
    const otherwise = cycle.values?.otherwise ?? at.boolean(false);
    const either = (when: Expression): Expression => at.choice([{ when, then: met }], otherwise);
    traces.push(
      {
        name: cycle.mark.name,
        first: either(at.boolean(false)),
        next: either(at.isAny(at.row(row), path)),
        goesOn: at.binary('<>', ofRow(cycle.span, cycle.mark.name), met),
      },
      {
        name: cycle.path.name,
        first: at.array([at.row(row)]),
        next: at.binary('||', path, at.array([at.row(row)])),
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
  const alias = itself.alias?.name ?? table.name;
  const at = writtenAt(itself.span);
  const before = traces.map((trace) => at.column(alias, trace.name));
  const items = right.items.map((item) => withoutTraces(item, alias.name, before));
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
  const at = writtenAt(span);
  const from: DerivedTable = {
    kind: 'derived',
    query: at.query(body),
    lateral: false,
    alias: { name: at.name(rowAlias), columns: inside.map(at.name), span },
    span,
  };
  return {
    kind: 'select',
    distinct: 'none',
    items: [
      ...columns.map((name) => ({ expression: ofRow(span, name), span })),
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
  traces: readonly ColumnExpression[],
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
