import { MillraceError } from '../../platform/errors.ts';
import type { Identifier, QualifiedName, Span } from '../syntax/ast.ts';
import { columnNameOnly, functionOrType, reserved } from '../syntax/keywords.ts';
import type { Account } from './account.ts';
import type { Placeholders } from './placeholders.ts';
import type { DialectTraits } from './traits.ts';

/** A node of node-sql-parser. Its builds differ in details: nothing is taken for granted. */
export type Tree = Readonly<Record<string, unknown>>;

/** What a lowering has at hand. */
export interface Lowering {
  readonly traits: DialectTraits;
  readonly placeholders: Placeholders;
  readonly account: Account;
}

/** Lowered nodes have no place: the native text has, which is printed from them and read again. */
export const nowhere: Span = { start: 0, end: 0 };

export function refused(what: string): MillraceError {
  return new MillraceError('UNSUPPORTED', `${what} is not translated`, { sqlState: '0A000' });
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A part that must be there. */
export function part(tree: Tree, name: string): Tree {
  const found = tree[name];
  if (!isTree(found)) throw refused(`"${String(tree.type)}" without ${name}`);
  return found;
}

export function parts(tree: Tree, name: string): readonly Tree[] {
  const found = tree[name] ?? [];
  if (!Array.isArray(found) || !found.every(isTree)) throw refused(`a list of ${name}`);
  return found;
}

/** A word of the parser, in lower case: an operator, a keyword. */
export function word(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : '';
}

/** Keywords that a parser may take for an alias. */
const joinWords = new Set(
  'natural cross left right full inner outer join lateral using on semi anti asof straight_join'.split(
    ' ',
  ),
);

export function identifier(lowering: Lowering, value: unknown): Identifier {
  const text = textOf(value);
  const token = lowering.placeholders.token(text);
  const keepsCase = token?.kind === 'name' && lowering.traits.quotesKeepCase;
  const written = token === undefined ? text : token.text;
  const name = keepsCase ? written : written.toLowerCase();
  return { name, quoted: needsQuotes(name) || keepsCase, span: nowhere };
}

/** An alias; refused when it is a keyword of joins, which says that a join was not seen. */
export function aliasName(lowering: Lowering, value: unknown): Identifier {
  if (joinWords.has(word(value))) throw refused(`"${String(value)}" as an alias`);
  return identifier(lowering, value);
}

/** `db.table`; the database is left to the catalogue. */
export function qualifiedName(lowering: Lowering, ...given: readonly unknown[]): QualifiedName {
  const names = given.filter((value) => value !== null && value !== undefined && value !== '');
  return { parts: names.map((value) => identifier(lowering, value)), span: nowhere };
}

/** Builds wrap names as `{value}`, `{expr: {value}}`, or not at all. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isTree(value)) {
    if (typeof value.value === 'string') return value.value;
    if (isTree(value.expr)) return textOf(value.expr);
  }
  throw refused('such a name');
}

function needsQuotes(name: string): boolean {
  const isKeyword = reserved.has(name) || functionOrType.has(name) || columnNameOnly.has(name);
  return isKeyword || !/^[a-z_][a-z0-9_$]*$/.test(name);
}
