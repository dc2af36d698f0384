import { loadModule, parseSync } from 'libpg-query';
import { MillraceError } from '../../../platform/errors.ts';
import { parseStatements } from '../../../sql/syntax/parser.ts';
import { printStatement } from '../../../sql/syntax/statement-printer.ts';

/**
 * PostgreSQL's own parser as the judge of ours. Two texts are the same to it when its trees are
 * equal without what is only appearance: locations, whether a call was written in the standard's
 * special form, whether the grammar or the user named the catalogue, the size of an array type,
 * hints to the planner, names of NOT NULL and DEFAULT, and ONLY: our tables inherit nothing.
 */
export const loadPostgres = loadModule;

const appearance = new Set([
  'location',
  'stmt_location',
  'stmt_len',
  'name_location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
  'funcformat',
  'row_format',
  'ctematerialized',
  'inh',
]);

function essence(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(essence);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).flatMap(([key, value]): [string, unknown][] => {
    if (appearance.has(key)) return [];
    if (key === 'fval' && typeof value === 'string') return [[key, number(value)]];
    // ASC is what an order is without a word.
    if (value === 'SORTBY_ASC') return [[key, 'SORTBY_DEFAULT']];
    // The constraints of a column come in any order; NULL is none.
    if (key === 'constraints') {
      const items = (value as unknown[]).map((item) => JSON.stringify(essence(item)));
      const meant = items.filter((item) => !item.includes('CONSTR_NULL')).sort();
      return meant.length === 0 ? [] : [[key, meant]];
    }
    if (key === 'groupClause') return [[key, (value as unknown[]).flatMap(grouping).map(essence)]];
    // FRAMEOPTION_BETWEEN: the end is the current row, written or not.
    if (key === 'frameOptions') return [[key, Number(value) & ~0x10]];
    if (key === 'arrayBounds') return [[key, (value as unknown[]).length]];
    if (key === 'conname' && /NOTNULL|DEFAULT/.test((node as { contype: string }).contype))
      return [];
    if ((key === 'names' || key === 'funcname' || key === 'name') && Array.isArray(value)) {
      const [first] = value as [{ String?: { sval?: string } }];
      const rest = first.String?.sval === 'pg_catalog' ? value.slice(1) : value;
      return [[key, rest.map(essence)]];
    }
    return [[key, essence(value)]];
  });
  return Object.fromEntries(entries);
}

/** `GROUP BY (a, b)` means a and b. */
function grouping(node: unknown): unknown[] {
  const row = (node as { RowExpr?: { args?: unknown[]; row_format: string } }).RowExpr;
  const isList = row?.row_format === 'COERCE_IMPLICIT_CAST';
  return isList ? row!.args!.flatMap(grouping) : [node];
}

/** Numbers of other bases and with underscores, as decimal digits. */
function number(value: string): string {
  const digits = value.replaceAll('_', '');
  return /^0[xob]/i.test(digits) ? BigInt(digits).toString() : digits;
}

/** PostgreSQL's reading of a script, or its complaint. */
export function postgresReads(text: string): { tree: unknown } | { complaint: string } {
  try {
    return { tree: (parseSync(text).stmts ?? []).map(({ stmt }) => essence(stmt)) };
  } catch (error) {
    return { complaint: (error as Error).message };
  }
}

/** Our tree without spans. */
export function withoutSpans(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutSpans);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(([key]) => key !== 'span' && key !== 'operatorSpan');
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutSpans(value)]));
}

export type Verdict =
  | 'same' // both accept, and mean the same
  | 'both refuse'
  | 'unsupported' // PostgreSQL accepts, we say that we do not do it
  | 'only PostgreSQL accepts'
  | 'only we accept'
  | 'read differently'
  | 'printed differently'; // the print does not parse to our own tree

export interface Comparison {
  readonly verdict: Verdict;
  readonly detail: string;
}

/** Both parsers on one script. Throws what is no MillraceError. */
export function compare(text: string): Comparison {
  const theirs = postgresReads(text);
  let statements: ReturnType<typeof parseStatements>;
  try {
    statements = parseStatements(text);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if ('complaint' in theirs) return { verdict: 'both refuse', detail: error.message };
    const declared = error.code === 'UNSUPPORTED' || error.code === 'RESOURCE_LIMIT';
    const verdict = declared ? 'unsupported' : 'only PostgreSQL accepts';
    return { verdict, detail: error.message };
  }
  if ('complaint' in theirs) return { verdict: 'only we accept', detail: theirs.complaint };
  const printed = statements.map(printStatement).join(';\n');
  const again = JSON.stringify(withoutSpans(parseStatements(printed)));
  if (again !== JSON.stringify(withoutSpans(statements))) {
    return { verdict: 'printed differently', detail: printed };
  }
  const judged = postgresReads(printed);
  const isSame = 'tree' in judged && JSON.stringify(judged.tree) === JSON.stringify(theirs.tree);
  return { verdict: isSame ? 'same' : 'read differently', detail: printed };
}
