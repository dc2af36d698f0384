import { createHash } from 'node:crypto';
import { toText } from '../columns/text.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction, strict } from './function.ts';
import { likeMatcher } from './like.ts';

/** Functions of text. Positions and lengths count characters (code points), from 1. */

const text = (value: SqlValue | undefined) => value as string;
const int = (value: SqlValue | undefined) => value as number;

/** For Array.slice: SQL's positions from 1, of which some may lie before the start. */
function sliceRange(start: number, length: number | undefined): [number, number] {
  if (length !== undefined && length < 0) {
    throw runtimeError('negative substring length not allowed', '22011');
  }
  const end = length === undefined ? Infinity : start + length;
  return [Math.max(start, 1) - 1, Math.max(end, 1) - 1];
}

function slice(source: string, start: number, length: number | undefined): string {
  return [...source].slice(...sliceRange(start, length)).join('');
}

/** The first n characters; a negative n leaves out the last |n|. */
function left(source: string, n: number): string {
  const characters = [...source];
  return characters.slice(0, n < 0 ? Math.max(0, characters.length + n) : n).join('');
}

function right(source: string, n: number): string {
  // PostgreSQL's negation overflows.
  if (n === -2_147_483_648) return source;
  const characters = [...source];
  const skip = n < 0 ? -n : Math.max(0, characters.length - n);
  return characters.slice(skip).join('');
}

function pad(source: string, length: number, fill: string, atLeft: boolean): string {
  const characters = [...source];
  if (length <= characters.length || fill === '') {
    return characters.slice(0, Math.max(0, length)).join('');
  }
  checkLength(length);
  const filler = [...fill];
  const missing = length - characters.length;
  const padding = Array.from({ length: missing }, (_, index) => filler[index % filler.length]);
  return atLeft ? padding.join('') + source : source + padding.join('');
}

const textLengthMax = 16 * 1024 * 1024;

function checkLength(length: number): void {
  if (length > textLengthMax) throw runtimeError('requested length too large', '54000');
}

function trim(source: string, characters: string, atStart: boolean, atEnd: boolean): string {
  const set = new Set(characters);
  const all = [...source];
  let from = 0;
  let to = all.length;
  while (atStart && from < to && set.has(all[from]!)) from++;
  while (atEnd && to > from && set.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

function trims(name: string, atStart: boolean, atEnd: boolean): ScalarFunction[] {
  return [
    strict(`${name}:1`, name, ['text'], 'text', ([a]) => trim(text(a), ' ', atStart, atEnd), false),
    strict(
      `${name}:2`,
      name,
      ['text', 'text'],
      'text',
      ([a, b]) => trim(text(a), text(b), atStart, atEnd),
      false,
    ),
  ];
}

function splitPart(source: string, delimiter: string, field: number): string {
  if (field === 0) throw runtimeError('field position must not be zero', '22023');
  if (delimiter === '') return Math.abs(field) === 1 ? source : '';
  if (field < 0) {
    const parts = source.split(delimiter);
    return parts[parts.length + field] ?? '';
  }
  let start = 0;
  for (let skipped = 1; skipped < field; skipped++) {
    const at = source.indexOf(delimiter, start);
    if (at < 0) return '';
    start = at + delimiter.length;
  }
  const end = source.indexOf(delimiter, start);
  return source.slice(start, end < 0 ? undefined : end);
}

function position(source: string, part: string): number {
  const at = source.indexOf(part);
  return at < 0 ? 0 : [...source.slice(0, at)].length + 1;
}

/** What the type's output function prints; `undefined` for NULL. */
function output(value: SqlValue, type: SqlType): string | undefined {
  return value === null ? undefined : toText(type, value);
}

const concats = [
  define(
    'concat(VARIADIC any) text',
    (args, _, types) => args.map((arg, i) => output(arg, types[i]!) ?? '').join(''),
    { strict: false },
  ),
  define(
    'concat_ws(text, VARIADIC any) text',
    ([separator, ...args], _, [, ...types]) =>
      separator === null
        ? null
        : args.flatMap((arg, i) => output(arg, types[i]!) ?? []).join(separator as string),
    { strict: false },
  ),
];

function likes(name: 'like' | 'ilike'): ScalarFunction[] {
  const ignoreCase = name === 'ilike';
  // The pattern is most often a constant: the last one's matcher is kept.
  let last = { pattern: '', escaping: '', matches: likeMatcher('', '', ignoreCase) };
  const matches = (source: string, pattern: string, escaping: string) => {
    if (last.pattern !== pattern || last.escaping !== escaping) {
      last = { pattern, escaping, matches: likeMatcher(pattern, escaping, ignoreCase) };
    }
    return last.matches(source);
  };
  return [
    strict(`${name}:2`, name, ['text', 'text'], 'boolean', ([a, pattern]) =>
      matches(text(a), text(pattern), '\\'),
    ),
    strict(`${name}:3`, name, ['text', 'text', 'text'], 'boolean', ([a, pattern, escaping]) =>
      matches(text(a), text(pattern), text(escaping)),
    ),
  ];
}

/** The first letter of every word upper case, the others lower case. */
function initcap(source: string): string {
  return source.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => {
    const [first = '', ...rest] = word;
    return first.toUpperCase() + rest.join('');
  });
}

function characterOf(code: number): string {
  if (code === 0) throw runtimeError('null character not permitted', '54000');
  if (code < 0) throw runtimeError('character number must be positive', '22023');
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw runtimeError('requested character not valid for encoding', '54000');
  }
  return String.fromCodePoint(code);
}

/** Characters of `from` become those of `to`; those without a counterpart go. */
function translate(source: string, from: string, to: string): string {
  const targets = [...to];
  const map = new Map<string, string>();
  for (const [index, character] of [...from].entries()) {
    if (!map.has(character)) map.set(character, targets[index] ?? '');
  }
  return Array.from(source, (character) => map.get(character) ?? character).join('');
}

const blob = (value: SqlValue | undefined) => value as Uint8Array;

/** The same for bytea, counting bytes. */
const bytes: readonly ScalarFunction[] = [
  strict('||:bytea', '||', ['bytea', 'bytea'], 'bytea', ([a, b]) =>
    Uint8Array.from([...blob(a), ...blob(b)]),
  ),
  strict('length:bytea', 'length', ['bytea'], 'integer', ([a]) => blob(a).length, false),
  strict(
    'octet_length:bytea',
    'octet_length',
    ['bytea'],
    'integer',
    ([a]) => blob(a).length,
    false,
  ),
  strict('md5:bytea', 'md5', ['bytea'], 'text', ([a]) =>
    createHash('md5').update(blob(a)).digest('hex'),
  ),
  ...['substring', 'substr'].flatMap((name) => [
    strict(`${name}:bytea:2`, name, ['bytea', 'integer'], 'bytea', ([a, b]) =>
      blob(a).slice(...sliceRange(int(b), undefined)),
    ),
    strict(`${name}:bytea:3`, name, ['bytea', 'integer', 'integer'], 'bytea', ([a, b, c]) =>
      blob(a).slice(...sliceRange(int(b), int(c))),
    ),
  ]),
];

export const strings: readonly ScalarFunction[] = [
  strict('||:text', '||', ['text', 'text'], 'text', ([a, b]) => text(a) + text(b), false),
  ...['length', 'char_length', 'character_length'].map((name) =>
    strict(name, name, ['text'], 'integer', ([a]) => [...text(a)].length, false),
  ),
  strict(
    'octet_length:text',
    'octet_length',
    ['text'],
    'integer',
    ([a]) => Buffer.byteLength(text(a)),
    false,
  ),
  ...bytes,
  strict('initcap', 'initcap', ['text'], 'text', ([a]) => initcap(text(a)), false),
  strict('ascii', 'ascii', ['text'], 'integer', ([a]) => text(a).codePointAt(0) ?? 0, false),
  strict('chr', 'chr', ['integer'], 'text', ([a]) => characterOf(int(a))),
  strict('translate', 'translate', ['text', 'text', 'text'], 'text', ([a, b, c]) =>
    translate(text(a), text(b), text(c)),
  ),
  strict('to_hex:integer', 'to_hex', ['integer'], 'text', ([a]) => (int(a) >>> 0).toString(16)),
  strict('to_hex:bigint', 'to_hex', ['bigint'], 'text', ([a]) =>
    BigInt.asUintN(64, a as bigint).toString(16),
  ),
  strict('lower', 'lower', ['text'], 'text', ([a]) => text(a).toLowerCase(), false),
  strict('upper', 'upper', ['text'], 'text', ([a]) => text(a).toUpperCase(), false),
  ...['substring', 'substr'].flatMap((name) => [
    strict(`${name}:2`, name, ['text', 'integer'], 'text', ([a, b]) =>
      slice(text(a), int(b), undefined),
    ),
    strict(`${name}:3`, name, ['text', 'integer', 'integer'], 'text', ([a, b, c]) =>
      slice(text(a), int(b), int(c)),
    ),
  ]),
  ...['position', 'strpos'].map((name) =>
    strict(name, name, ['text', 'text'], 'integer', ([a, b]) => position(text(a), text(b)), false),
  ),
  ...trims('btrim', true, true),
  ...trims('ltrim', true, false),
  ...trims('rtrim', false, true),
  strict('replace', 'replace', ['text', 'text', 'text'], 'text', ([a, b, c]) =>
    b === '' ? text(a) : text(a).replaceAll(text(b), () => text(c)),
  ),
  strict('split_part', 'split_part', ['text', 'text', 'integer'], 'text', ([a, b, c]) =>
    splitPart(text(a), text(b), int(c)),
  ),
  strict('left', 'left', ['text', 'integer'], 'text', ([a, b]) => left(text(a), int(b)), false),
  strict('right', 'right', ['text', 'integer'], 'text', ([a, b]) => right(text(a), int(b)), false),
  ...(['lpad', 'rpad'] as const).flatMap((name) => [
    strict(`${name}:2`, name, ['text', 'integer'], 'text', ([a, b]) =>
      pad(text(a), int(b), ' ', name === 'lpad'),
    ),
    strict(`${name}:3`, name, ['text', 'integer', 'text'], 'text', ([a, b, c]) =>
      pad(text(a), int(b), text(c), name === 'lpad'),
    ),
  ]),
  strict('repeat', 'repeat', ['text', 'integer'], 'text', ([a, b]) => {
    checkLength(text(a).length * int(b));
    return text(a).repeat(Math.max(0, int(b)));
  }),
  strict('reverse', 'reverse', ['text'], 'text', ([a]) => [...text(a)].reverse().join(''), false),
  strict('starts_with', 'starts_with', ['text', 'text'], 'boolean', ([a, b]) =>
    text(a).startsWith(text(b)),
  ),
  strict('md5', 'md5', ['text'], 'text', ([a]) => createHash('md5').update(text(a)).digest('hex')),
  ...concats,
  ...likes('like'),
  ...likes('ilike'),
];
