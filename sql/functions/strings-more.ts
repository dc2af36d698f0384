import { toText } from '../columns/text.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';
import { likeMatcher } from './like.ts';

/** Functions of text that came later or are rarer (documentation 9.4). */

const text = (value: SqlValue | undefined) => value as string;
const int = (value: SqlValue | undefined) => value as number;

function overlay(source: string, part: string, start: number, count: number): string {
  if (start <= 0) throw runtimeError('negative substring length not allowed', '22011');
  const characters = [...source];
  const end = start + count - 1;
  if (end >= 2_147_483_647) throw runtimeError('integer out of range', '22003');
  return [...characters.slice(0, start - 1), part, ...characters.slice(Math.max(end, 0))].join('');
}

/** `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX`; halves of a pair must meet. */
function unistr(source: string): string {
  const result = source.replace(
    /\\(?:\\|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|)/g,
    (whole, u4?: string, u8?: string, plus?: string, bare?: string) => {
      if (whole === '\\\\') return '\\';
      const digits = u4 ?? u8 ?? plus ?? bare;
      if (digits === undefined) throw runtimeError('invalid Unicode escape', '42601');
      const code = Number.parseInt(digits, 16);
      if (code > 0x10ffff || code === 0)
        throw runtimeError(`invalid Unicode code point: ${digits}`, '22023');
      return String.fromCodePoint(code);
    },
  );
  if (/\p{Surrogate}/u.test(result)) throw runtimeError('invalid Unicode surrogate pair', '42601');
  return result;
}

/** In two's complement. */
function radix(value: SqlValue | undefined, base: number): string {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value).toString(base);
  return (int(value) >>> 0).toString(base);
}

/** As a cast to text, in which a char loses its blanks. */
function asText(type: SqlType, value: SqlValue): string {
  if (type.kind === 'boolean' || type.kind === 'char') return String(value);
  return toText(type, value);
}

const likes = (pattern: SqlValue | undefined, ignoreCase: boolean) =>
  likeMatcher(text(pattern), '\\', ignoreCase);

export const moreStrings: readonly ScalarFunction[] = [
  define('overlay(text, text, integer) text', ([a, part, start]) =>
    overlay(text(a), text(part), int(start), [...text(part)].length),
  ),
  define('overlay(text, text, integer, integer) text', ([a, part, start, count]) =>
    overlay(text(a), text(part), int(start), int(count)),
  ),
  // Anything may be joined to a text.
  define('||(anynonarray, text) text', ([a, b], _, [type]) => asText(type!, a!) + text(b)),
  define('||(text, anynonarray) text', ([a, b], _, [, type]) => text(a) + asText(type!, b!)),
  define('unistr(text) text', ([a]) => unistr(text(a))),
  define('^@(text, text) boolean', ([a, prefix]) => text(a).startsWith(text(prefix))),
  define('casefold(text) text', ([a]) => text(a).toLowerCase()),
  ...(['integer', 'bigint'] as const).flatMap((kind) => [
    define(`to_bin(${kind}) text`, ([a]) => radix(a, 2)),
    define(`to_oct(${kind}) text`, ([a]) => radix(a, 8)),
  ]),
  // The blanks that fill a char(n) count for its bytes alone.
  define('octet_length(bpchar) integer', ([a], _, [type]) => Buffer.byteLength(toText(type!, a!))),
  define('~~(text, text) boolean', ([a, pattern]) => likes(pattern, false)(text(a))),
  define('!~~(text, text) boolean', ([a, pattern]) => !likes(pattern, false)(text(a))),
  define('~~*(text, text) boolean', ([a, pattern]) => likes(pattern, true)(text(a))),
  define('!~~*(text, text) boolean', ([a, pattern]) => !likes(pattern, true)(text(a))),
];
