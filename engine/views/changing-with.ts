import type { Relation } from '../../sql/analyze/catalog.ts';
import { type Context, complain, unsupported } from '../../sql/analyze/context.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { SqlValue } from '../../sql/columns/types.ts';
import type { ChangingWith } from '../../sql/syntax/statement-ast.ts';
import type { Catalogue } from './catalogue.ts';
import type { DmlResult } from './dml.ts';

/**
 * `WITH x AS (INSERT ... RETURNING ...) SELECT ...`: the query reads the tables as they were before
 * the change, and as x what RETURNING gives (PostgreSQL, Data-Modifying Statements in WITH). It runs
 * before the change becomes an entry, so that nothing changes when it fails.
 */

/** What the query sees: x as a relation of rows. Throws SQL_SEMANTIC. */
export function withReturned(
  context: Context,
  catalogue: Catalogue,
  { name, columns }: ChangingWith,
  returned: DmlResult['returned'],
): Pick<Catalogue, 'find' | 'names' | 'findFunction'> {
  const fields = returned?.fields ?? [];
  const surplus = returned === undefined ? undefined : columns[fields.length];
  if (surplus !== undefined) {
    const message = `WITH query "${name.name}" has ${fields.length} columns available but ${columns.length} columns specified`;
    throw complain(context, surplus.span, message, { sqlState: '42P10' });
  }
  const relation: Relation = {
    id: 0,
    name: name.name,
    kind: 'system',
    columns: fields.map((field, index) => ({ ...field, name: columns[index]?.name ?? field.name })),
    primaryKey: [],
    appendOnly: true,
    writable: false,
    rows: returned === undefined ? [] : rowsOf(returned.batch),
  };
  return {
    find: (wanted) => {
      if (wanted !== name.name) return catalogue.find(wanted);
      if (returned !== undefined) return relation;
      throw complain(
        context,
        name.span,
        `WITH query "${wanted}" does not have a RETURNING clause`,
        {
          sqlState: '0A000',
        },
      );
    },
    names: () => [...catalogue.names(), name.name],
    findFunction: (called, count) => catalogue.findFunction(called, count),
  };
}

/** Throws SQL_SEMANTIC, and UNSUPPORTED where the name would hide a relation from earlier queries. */
export function checkName(
  context: Context,
  catalogue: Catalogue,
  { name, change, query }: ChangingWith,
): void {
  if (query.with.some((table) => table.name.name === name.name)) {
    const message = `WITH query name "${name.name}" specified more than once`;
    throw complain(context, name.span, message, { sqlState: '42712' });
  }
  if (change.with !== undefined && catalogue.find(name.name) !== undefined) {
    throw unsupported(context, name.span, 'the name of a relation for a change of rows in WITH');
  }
}

function rowsOf({ columns, rowCount }: Batch): SqlValue[][] {
  return Array.from({ length: rowCount }, (_, row) => columns.map((one) => valueAt(one, row)));
}
