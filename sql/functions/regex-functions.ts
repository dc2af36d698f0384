import { SqlArray, type SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';
import { type Match, type Regex, regexOf } from './regex.ts';
import { type Range, RegexText } from './regex-threads.ts';
import { similarPattern } from './similar.ts';

/** The functions and operators of regular expressions (documentation 9.7.2 and 9.7.3). */

const text = (value: SqlValue | undefined) => value as string;

function matches(source: SqlValue | undefined, pattern: SqlValue | undefined, flags = ''): boolean {
  return regexOf(text(pattern), flags).test(new RegexText(text(source)));
}

/** All matches from left to right; an empty one does not directly follow another match. */
export function* allMatches(regex: Regex, source: RegexText, from = 0): Generator<Match> {
  for (let at = from; at <= source.codes.length; ) {
    const match = regex.exec(source, at);
    if (match === undefined) return;
    const [{ start, end }] = match;
    yield match;
    at = end > start ? end : end + 1;
  }
}

/** The groups as texts, or the whole match when there are none. */
export function groupsOf(source: RegexText, [whole, ...groups]: Match): SqlArray {
  const ranges = groups.length === 0 ? [whole] : groups;
  return new SqlArray(ranges.map((range) => (range === undefined ? null : source.slice(range))));
}

function firstMatch(args: readonly SqlValue[]): SqlValue {
  const source = new RegexText(text(args[0]));
  const flags = text(args[2] ?? '');
  if (flags.includes('g')) {
    throw runtimeError('regexp_match() does not support the "global" option', '22023');
  }
  const match = regexOf(text(args[1]), flags).exec(source);
  return match === undefined ? null : groupsOf(source, match);
}

/** `\1` to `\9` are groups, `\&` the whole match, `\\` a backslash. */
function replacement(template: string, source: RegexText, match: Match): string {
  return template.replace(/\\([0-9&\\])/g, (_, mark: string) => {
    if (mark === '\\') return '\\';
    const range = mark === '&' ? match[0] : mark === '0' ? undefined : match[Number(mark)];
    if (mark === '0') return '\\0';
    return range === undefined ? '' : source.slice(range);
  });
}

/** `nth`: 0 replaces all matches. */
function replaced(
  source: RegexText,
  regex: Regex,
  template: string,
  from: number,
  nth: number,
): string {
  let result = '';
  let done = 0;
  let number = 0;
  for (const match of allMatches(regex, source, from)) {
    if (nth !== 0 && ++number < nth) continue;
    const [{ start, end }] = match;
    result += source.slice({ start: done, end: start }) + replacement(template, source, match);
    done = end;
    if (nth !== 0) break;
  }
  return result + source.slice({ start: done, end: source.codes.length });
}

function plainReplace([source, pattern, template, flags = '']: readonly SqlValue[]): SqlValue {
  const letters = text(flags);
  if (/^\d/.test(letters)) {
    throw runtimeError(`invalid regular expression option: "${letters[0]}"`, '22023');
  }
  const regex = regexOf(text(pattern), letters, true);
  const nth = regex.flags.global ? 0 : 1;
  return replaced(new RegexText(text(source)), regex, text(template), 0, nth);
}

function positive(value: SqlValue | undefined, name: string, least = 1): number {
  const number = (value ?? least) as number;
  if (number < least) {
    throw runtimeError(`invalid value for parameter "${name}": ${number}`, '22023');
  }
  return number;
}

function withoutGlobal(flags: SqlValue | undefined, name: string): string {
  const letters = text(flags ?? '');
  if (letters.includes('g')) {
    throw runtimeError(`${name}() does not support the "global" option`, '22023');
  }
  return letters;
}

/** The matches from a position on, for the functions after Oracle's. */
function matchesFrom(
  name: string,
  source: RegexText,
  pattern: SqlValue | undefined,
  start: number,
  flags: SqlValue | undefined,
): Match[] {
  const regex = regexOf(text(pattern), withoutGlobal(flags, name));
  return start > source.codes.length + 1 ? [] : [...allMatches(regex, source, start - 1)];
}

function count([source, pattern, start, flags]: readonly SqlValue[]): SqlValue {
  const from = positive(start, 'start');
  return matchesFrom('regexp_count', new RegexText(text(source)), pattern, from, flags).length;
}

function rangeOf(match: Match | undefined, group: number): Range | undefined {
  return match === undefined ? undefined : match[group];
}

function instr(args: readonly SqlValue[]): SqlValue {
  const [source, pattern, start, n, endOption, flags, subexpression] = args;
  const from = positive(start, 'start');
  const nth = positive(n, 'n');
  const atEnd = (endOption ?? 0) as number;
  if (atEnd !== 0 && atEnd !== 1) {
    throw runtimeError(`invalid value for parameter "endoption": ${atEnd}`, '22023');
  }
  const group = positive(subexpression, 'subexpr', 0);
  const all = matchesFrom('regexp_instr', new RegexText(text(source)), pattern, from, flags);
  const range = rangeOf(all[nth - 1], group);
  return range === undefined ? 0 : (atEnd === 1 ? range.end : range.start) + 1;
}

function substr(args: readonly SqlValue[]): SqlValue {
  const [source, pattern, start, n, flags, subexpression] = args;
  const from = positive(start, 'start');
  const nth = positive(n, 'n');
  const group = positive(subexpression, 'subexpr', 0);
  const whole = new RegexText(text(source));
  const range = rangeOf(matchesFrom('regexp_substr', whole, pattern, from, flags)[nth - 1], group);
  return range === undefined ? null : whole.slice(range);
}

/** The pieces between matches; an empty match splits nothing at the ends. */
export function splitBy(name: string, source: string, pattern: string, flags: string): string[] {
  const whole = new RegexText(source);
  const regex = regexOf(pattern, withoutGlobal(flags, name));
  const pieces: string[] = [];
  let done = 0;
  for (const [{ start, end }] of allMatches(regex, whole)) {
    if (end === start && (start === 0 || start === done || start === whole.codes.length)) {
      if (start === 0 || start === whole.codes.length || start === done) continue;
    }
    pieces.push(whole.slice({ start: done, end: start }));
    done = end;
  }
  pieces.push(whole.slice({ start: done, end: whole.codes.length }));
  return pieces;
}

/** The first group, or the whole match without groups. */
function substringOf(source: SqlValue | undefined, pattern: string): SqlValue {
  const whole = new RegexText(text(source));
  const match = regexOf(pattern).exec(whole);
  if (match === undefined) return null;
  const range = match.length > 1 ? match[1] : match[0];
  return range === undefined ? null : whole.slice(range);
}

export const regexFunctions: readonly ScalarFunction[] = [
  define('~(text, text) boolean', ([a, b]) => matches(a, b)),
  define('!~(text, text) boolean', ([a, b]) => !matches(a, b)),
  define('~*(text, text) boolean', ([a, b]) => matches(a, b, 'i')),
  define('!~*(text, text) boolean', ([a, b]) => !matches(a, b, 'i')),
  define('regexp_like(text, text) boolean', ([a, b]) => matches(a, b)),
  define('regexp_like(text, text, text) boolean', ([a, b, flags]) =>
    matches(a, b, withoutGlobal(flags, 'regexp_like')),
  ),
  define('regexp_match(text, text) text[]', firstMatch),
  define('regexp_match(text, text, text) text[]', firstMatch),
  define('regexp_replace(text, text, text) text', plainReplace),
  define('regexp_replace(text, text, text, text) text', plainReplace),
  define('regexp_replace(text, text, text, integer) text', ([source, pattern, to, start]) =>
    replaced(
      new RegexText(text(source)),
      regexOf(text(pattern)),
      text(to),
      positive(start, 'start') - 1,
      1,
    ),
  ),
  define(
    'regexp_replace(text, text, text, integer, integer) text',
    ([source, pattern, to, start, n]) =>
      replaced(
        new RegexText(text(source)),
        regexOf(text(pattern)),
        text(to),
        positive(start, 'start') - 1,
        positive(n, 'n', 0),
      ),
  ),
  define(
    'regexp_replace(text, text, text, integer, integer, text) text',
    ([source, pattern, to, start, n, flags]) =>
      replaced(
        new RegexText(text(source)),
        regexOf(text(pattern), text(flags), true),
        text(to),
        positive(start, 'start') - 1,
        positive(n, 'n', 0),
      ),
  ),
  define('regexp_count(text, text) integer', count),
  define('regexp_count(text, text, integer) integer', count),
  define('regexp_count(text, text, integer, text) integer', count),
  define('regexp_instr(text, text) integer', instr),
  define('regexp_instr(text, text, integer) integer', instr),
  define('regexp_instr(text, text, integer, integer) integer', instr),
  define('regexp_instr(text, text, integer, integer, integer) integer', instr),
  define('regexp_instr(text, text, integer, integer, integer, text) integer', instr),
  define('regexp_instr(text, text, integer, integer, integer, text, integer) integer', instr),
  define('regexp_substr(text, text) text', substr),
  define('regexp_substr(text, text, integer) text', substr),
  define('regexp_substr(text, text, integer, integer) text', substr),
  define('regexp_substr(text, text, integer, integer, text) text', substr),
  define('regexp_substr(text, text, integer, integer, text, integer) text', substr),
  define(
    'regexp_split_to_array(text, text) text[]',
    ([a, b]) => new SqlArray(splitBy('regexp_split_to_array', text(a), text(b), '')),
  ),
  define(
    'regexp_split_to_array(text, text, text) text[]',
    ([a, b, flags]) =>
      new SqlArray(splitBy('regexp_split_to_array', text(a), text(b), text(flags))),
  ),
  define('substring(text, text) text', ([a, pattern]) => substringOf(a, text(pattern))),
  define('substring(text, text, text) text', ([a, pattern, escaping]) =>
    substringOf(a, similarPattern(text(pattern), text(escaping))),
  ),
  define('similar_to_escape(text) text', ([pattern]) => similarPattern(text(pattern), '\\')),
  define('similar_to_escape(text, text) text', ([pattern, escaping]) =>
    similarPattern(text(pattern), text(escaping)),
  ),
  ...[1, 2].map((arity) =>
    define(
      `similar(text, ${'text, '.repeat(arity - 1)}text) boolean`,
      ([a, pattern, escaping = '\\']) => matches(a, similarPattern(text(pattern), text(escaping))),
    ),
  ),
];
