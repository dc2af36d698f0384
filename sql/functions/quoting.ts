import { toText } from '../columns/text.ts';
import { SqlArray, type SqlType, type SqlValue } from '../columns/types.ts';
import { columnNameOnly, functionOrType, reserved } from '../syntax/keywords.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/** quote_ident, quote_literal, format, parse_ident (documentation 9.4). */

const text = (value: SqlValue | undefined) => value as string;

export function quoteIdent(name: string): string {
  const isWord = /^[a-z_][a-z0-9_$]*$/.test(name);
  const isKeyword = reserved.has(name) || functionOrType.has(name) || columnNameOnly.has(name);
  return isWord && !isKeyword ? name : `"${name.replaceAll('"', '""')}"`;
}

/** With an E before it when there is a backslash. */
export function quoteLiteral(value: string): string {
  const quoted = value.replaceAll("'", "''").replaceAll('\\', '\\\\');
  return value.includes('\\') ? `E'${quoted}'` : `'${quoted}'`;
}

const shown = (type: SqlType, value: SqlValue): string => toText(type, value);

/** What `quote_literal(anyelement)` prints: the value cast to text. */
const cast = (type: SqlType, value: SqlValue): string =>
  type.kind === 'boolean' ? String(value) : toText(type, value);

const specifier = /%(?:(\d+)\$)?(-*)(?:(\d+)|\*(?:(\d+)\$)?)?(.)?/gs;

/** printf for SQL: %s, %I, %L, with positions, widths and a flag to the left. */
function format([pattern, ...args]: readonly SqlValue[], types: readonly SqlType[]): string {
  let next = 0;
  const take = (position: string | undefined): number => {
    const index = position === undefined ? next : Number(position) - 1;
    if (index < 0)
      throw runtimeError('format specifies argument 0, but arguments are numbered from 1', '22023');
    if (index >= args.length) throw runtimeError('too few arguments for format()', '22023');
    next = index + 1;
    return index;
  };
  return text(pattern).replace(
    specifier,
    (whole, position, minus: string, digits, starPosition, letter: string | undefined) => {
      if (whole === '%%') return '%';
      if (letter === undefined) throw runtimeError('unterminated format() type specifier', '22023');
      let width = digits === undefined ? 0 : Number(digits);
      let toLeft = minus !== '';
      const hasStar = /^%(?:\d+\$)?-*\*/.test(whole);
      if (hasStar) {
        const index = take(starPosition);
        const value = args[index];
        width = value === null ? 0 : Number(shown(types[index]!, value!));
        if (!Number.isInteger(width)) throw runtimeError('invalid width', '22P02');
        if (width < 0) {
          toLeft = true;
          width = -width;
        }
      }
      if (!/^[sIL]$/.test(letter)) {
        if (letter === '%') return '%';
        throw runtimeError(`unrecognized format() type specifier "${letter}"`, '22023');
      }
      const index = take(position);
      const piece = formatted(letter, args[index]!, types[index]!);
      const missing = Math.max(0, width - [...piece].length);
      return toLeft ? piece + ' '.repeat(missing) : ' '.repeat(missing) + piece;
    },
  );
}

function formatted(letter: string, value: SqlValue, type: SqlType): string {
  if (value === null) {
    if (letter === 's') return '';
    if (letter === 'L') return 'NULL';
    throw runtimeError('null values cannot be formatted as an SQL identifier', '22004');
  }
  const piece = shown(type, value);
  if (letter === 's') return piece;
  return letter === 'I' ? quoteIdent(piece) : quoteLiteral(piece);
}

/** `a."B".c` in its parts. */
function parseIdent(source: string, strict: boolean): SqlArray {
  const bad = () => runtimeError(`string is not a valid identifier: "${source}"`, '22023');
  const parts: string[] = [];
  const pattern =
    /\s*(?:"((?:[^"]|"")*)"|([A-Za-z_\u{80}-\u{10ffff}][\w$\u{80}-\u{10ffff}]*))\s*(\.)?/uy;
  for (;;) {
    const match = pattern.exec(source);
    if (match === null) throw bad();
    const [, quoted, plain, dot] = match;
    if (quoted === '') throw bad();
    parts.push(
      quoted === undefined
        ? plain!.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
        : quoted.replaceAll('""', '"'),
    );
    if (dot !== undefined) continue;
    if (pattern.lastIndex < source.length && strict) throw bad();
    return new SqlArray(parts);
  }
}

export const quoting: readonly ScalarFunction[] = [
  define('quote_ident(text) text', ([a]) => quoteIdent(text(a))),
  define('quote_literal(text) text', ([a]) => quoteLiteral(text(a))),
  define('quote_literal(anyelement) text', ([a], _, [type]) => quoteLiteral(cast(type!, a!))),
  define('quote_nullable(text) text', ([a]) => (a === null ? 'NULL' : quoteLiteral(text(a))), {
    strict: false,
  }),
  define(
    'quote_nullable(anyelement) text',
    ([a], _, [type]) => (a === null ? 'NULL' : quoteLiteral(cast(type!, a!))),
    { strict: false },
  ),
  define('format(text) text', (args) => (args[0] === null ? null : format(args, [])), {
    strict: false,
  }),
  define(
    'format(text, VARIADIC any) text',
    (args, _, [, ...types]) => (args[0] === null ? null : format(args, types)),
    { strict: false },
  ),
  define('parse_ident(text) text[]', ([a]) => parseIdent(text(a), true)),
  define('parse_ident(text, boolean) text[]', ([a, strict]) =>
    parseIdent(text(a), strict === true),
  ),
];
