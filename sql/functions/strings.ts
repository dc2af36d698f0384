import { createHash } from 'node:crypto';
import type { SqlValue } from '../columns/types.ts';
import { runtimeError, type ScalarFunction, strict, t } from './function.ts';
import { likeMatcher } from './like.ts';

/** Functions of text. Positions and lengths count characters (code points), from 1. */

const text = (value: SqlValue | undefined) => value as string;
const int = (value: SqlValue | undefined) => value as number;

function slice(source: string, start: number, length: number | undefined): string {
  if (length !== undefined && length < 0) {
    throw runtimeError('negative substring length not allowed', '22011');
  }
  const end = length === undefined ? Infinity : start + length;
  return [...source].slice(Math.max(start, 1) - 1, Math.max(end, 1) - 1).join('');
}

/** The first n characters; a negative n leaves out the last |n|. */
function left(source: string, n: number): string {
  const characters = [...source];
  return characters.slice(0, n < 0 ? Math.max(0, characters.length + n) : n).join('');
}

function right(source: string, n: number): string {
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
  const parts = delimiter === '' ? [source] : source.split(delimiter);
  return parts[field > 0 ? field - 1 : parts.length + field] ?? '';
}

function position(source: string, part: string): number {
  const at = source.indexOf(part);
  return at < 0 ? 0 : [...source.slice(0, at)].length + 1;
}

/** Not strict: NULLs are left out. */
function concatenation(
  id: string,
  join: (args: readonly SqlValue[]) => SqlValue,
  arity: number,
): ScalarFunction {
  return {
    signature: {
      id: `${id}:${arity}`,
      name: id,
      args: Array.from({ length: arity }, () => t('text')),
      result: t('text'),
      strict: false,
      volatile: false,
      fails: false,
    },
    evaluate: join,
  };
}

const concatArityMax = 20;
const concats = Array.from({ length: concatArityMax }, (_, index) => [
  concatenation('concat', (args) => args.map((arg) => arg ?? '').join(''), index + 1),
  concatenation(
    'concat_ws',
    ([separator, ...args]) =>
      separator === null ? null : args.filter((arg) => arg !== null).join(separator as string),
    index + 1,
  ),
]).flat();

function likes(name: 'like' | 'ilike'): ScalarFunction[] {
  const ignoreCase = name === 'ilike';
  return [
    strict(`${name}:2`, name, ['text', 'text'], 'boolean', ([a, pattern]) =>
      likeMatcher(text(pattern), '\\', ignoreCase)(text(a)),
    ),
    strict(`${name}:3`, name, ['text', 'text', 'text'], 'boolean', ([a, pattern, escaped]) =>
      likeMatcher(text(pattern), text(escaped), ignoreCase)(text(a)),
    ),
  ];
}

export const strings: readonly ScalarFunction[] = [
  strict('||:text', '||', ['text', 'text'], 'text', ([a, b]) => text(a) + text(b), false),
  ...['length', 'char_length', 'character_length'].map((name) =>
    strict(name, name, ['text'], 'integer', ([a]) => [...text(a)].length, false),
  ),
  strict(
    'octet_length',
    'octet_length',
    ['text'],
    'integer',
    ([a]) => Buffer.byteLength(text(a)),
    false,
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
