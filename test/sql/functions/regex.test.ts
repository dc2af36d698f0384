import type { PGlite } from '@electric-sql/pglite';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { Regex, regexOf } from '../../../sql/functions/regex.ts';
import { regexFlags } from '../../../sql/functions/regex-flags.ts';
import { groupsOf } from '../../../sql/functions/regex-functions.ts';
import { OnePass } from '../../../sql/functions/regex-one-pass.ts';
import { requiredText } from '../../../sql/functions/regex-program.ts';
import { parseRegex } from '../../../sql/functions/regex-syntax.ts';
import { RegexText } from '../../../sql/functions/regex-threads.ts';
import { seedOr } from '../../random-seed.ts';
import { openPostgres } from './postgres.ts';

/** Regular expressions match what PostgreSQL's match, groups included, in linear time. */
const seed = seedOr(20261125);
let postgres: PGlite;
beforeAll(async () => {
  postgres = await openPostgres();
  await postgres.exec(`CREATE FUNCTION try_match(source text, pattern text) RETURNS text[] AS $$
    BEGIN RETURN regexp_substr(source COLLATE "C", pattern COLLATE "C")
      || regexp_match(source COLLATE "C", pattern COLLATE "C");
    EXCEPTION WHEN OTHERS THEN RETURN ARRAY['!' || SQLSTATE]; END $$ LANGUAGE plpgsql`);
}, 60_000);
afterAll(() => postgres.close());

type Cells = readonly (string | null)[] | null;

async function theirs(cases: readonly (readonly [string, string])[]): Promise<Cells[]> {
  const { rows } = await postgres.query<{ m: Cells }>(
    `SELECT try_match(s, p) AS m FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c(s, p, n) ORDER BY n`,
    [cases.map(([source]) => source), cases.map(([, pattern]) => pattern)],
  );
  return rows.map(({ m }) => m);
}

function ours([source, pattern]: readonly [string, string]): Cells {
  try {
    const text = new RegexText(source);
    // At its first use threads find it, later the table where there is one.
    const regex = new Regex(pattern, regexFlags('', true));
    const match = regex.exec(text);
    expect(regex.exec(text), pattern).toEqual(match);
    if (match === undefined) return [null];
    return [text.slice(match[0]), ...(groupsOf(text, match).items as string[])];
  } catch (error) {
    if (error instanceof MillraceError) return [`!${error.sqlState}`];
    throw error;
  }
}

const written: readonly (readonly [string, string])[] = [
  ['abc', 'a|ab|abc'],
  ['abcd', '(a|ab)(c|bcd)'],
  ['XY1234Z', 'Y*([0-9]{1,3})'],
  ['XY1234Z', 'Y*?([0-9]{1,3})'],
  ['foobarbequebaz', '(bar)(beque)'],
  ['foobarbequebaz', 'bar.*que'],
  ['abc01234xyz', '(.*)(\\d+)(.*)'],
  ['abc01234xyz', '(.*?)(\\d+)(.*)'],
  ['abc01234xyz', '(?:(.*?)(\\d+)(.*)){1,1}'],
  ['aaa', '(a*)*'],
  ['b', '(a*)*'],
  ['b', '(a*)+'],
  ['aab', '(a|b)*?b'],
  ['xay', '(?<=x)a(?=y)'],
  ['xaz', 'a(?!y)'],
  ['yaz', '(?<!x)a'],
  ['foo bar', '\\mbar\\M'],
  ['foo bar', '\\yfoo\\y'],
  ['foo bar', '[[:<:]]b'],
  ['a\nb', '^b'],
  ['a\nb', '(?n)^b'],
  ['a\nb', '(?w)a.b'],
  ['a\nb', '(?p)a.b'],
  ['AbC', '(?i)abc'],
  ['a.b', '***=a.b'],
  ['axb', '***:a.b'],
  ['a b', '(?x) a \\s b # comment'],
  ['a]b', '[]a]+'],
  ['a-b', '[a-]+'],
  ['^', '[a^]'],
  ['tab\t', '\\t'],
  ['é', '\\u00e9'],
  ['a1_', '\\w+'],
  ['a1_ ', '[\\w\\s]+$'],
  ['abc', '[^[:alpha:]]'],
  ['ab12', '[[:digit:]]+'],
  ['aaaa', 'a{2}'],
  ['aaaa', 'a{2,}'],
  ['aaaa', 'a{1,3}?'],
  ['aaaa', '(a{1,2}){2}'],
  ['', ''],
  ['abc', ''],
  ['abc', 'x*'],
  ['abc', '('],
  ['abc', ')'],
  ['abc', '['],
  ['abc', '*a'],
  ['abc', 'a**'],
  ['abc', 'a{3,1}'],
  ['abc', 'a{256}'],
  ['abc', '[b-a]'],
  ['abc', '[[:nosuch:]]'],
  ['abc', 'a\\'],
  ['abc', '(?z)a'],
  ['a{', 'a{'],
  ['a{x', 'a{x'],
  ['abc', 'a|*'],
  ['abc', '^*'],
  ['abc', '()b'],
  ['ab', '(|a)b'],
  ['ababab', '(ab)*'],
  ['abcabd', '(ab(c|d))+'],
  // Texts that every match holds, or seems to.
  ['c', '(ab)*c'],
  ['c', '(?:ab){0}c'],
  ['xABx', '(?i)ab'],
  ['ac', 'a(?!bc)c'],
  ['cd', 'ab|cd'],
  ['ac', 'ab?c'],
  ['x\u{1f600}y', '\u{1f600}(y)'],
  ['a=1&id=27&b', '(&|^)id=([^&]*)'],
  ['id=27&b', '(&|^)id=([^&]*)'],
  ['a=1&xid=27', '(&|^)id=([^&]*)'],
  ['ca', 'c|(d|)'],
  ['cd', 'c(d(e|)|)'],
  ['c1d', '(c(1(2|))?|d)'],
  ['ca', 'c(a|$)|(b|)'],
  // The first part has one end or several.
  ['aab', '(a|aa)(ab|b)'],
  ['aab', '(a|aa)??(ab|b)'],
  ['xxy', '(x*)(x|y)(y?)'],
];

test.each(written)('%j ~ %j', async (source, pattern) => {
  expect(ours([source, pattern])).toEqual((await theirs([[source, pattern]]))[0]);
});

const character = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '\\d', 'c');
const quantifier = fc.constantFrom(
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '{2}',
  '{1,2}',
  '{0,2}?',
  '{2,}',
);
const patternsOf = (character: fc.Arbitrary<string>) =>
  fc.letrec<{ pattern: string; branch: string; piece: string; atom: string }>((tie) => ({
    pattern: fc.oneof(
      { weight: 3, arbitrary: tie('branch') },
      fc.tuple(tie('branch'), tie('branch')).map((parts) => parts.join('|')),
    ),
    branch: fc.array(tie('piece'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
    piece: fc.oneof(
      tie('atom'),
      fc.tuple(tie('atom'), quantifier).map((parts) => parts.join('')),
      { weight: 1, arbitrary: fc.constantFrom('^', '$', '\\m', '\\M', '(?=a)', '(?!b)', '(?<=a)') },
    ),
    atom: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      character,
      tie('pattern').map((inner) => `(${inner})`),
      tie('pattern').map((inner) => `(?:${inner})`),
    ),
  })).pattern;
const texts = (...units: string[]) => fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });

test.each([
  ['', patternsOf(character), texts('a', 'b', 'c', '1', ' ')],
  // Most of these decide by the next character: the table of regex-one-pass.ts.
  [
    ' of characters that differ',
    patternsOf(fc.constantFrom('a', 'b', 'c', '[d1]', '€', '[^abcd1€]')),
    texts('a', 'b', 'c', 'd', '1', '€', '→', '\u{1f600}'),
  ],
])(`random expressions%s (SEED=${seed})`, async (_, pattern, source) => {
  const cases = fc.sample(fc.tuple(source, pattern), { numRuns: 1500, seed });
  const expected = await theirs(cases);
  const differing = (part: (cells: Cells) => Cells) =>
    cases.flatMap((item, index) => {
      const mine = JSON.stringify(part(ours(item)));
      const wanted = JSON.stringify(part(expected[index]!));
      return mine === wanted ? [] : [`${JSON.stringify(item)}: ${mine} for ${wanted}`];
    });
  expect(differing((cells) => cells!.slice(0, 1))).toEqual([]);
  // Which of several empty repetitions a group keeps is an accident of PostgreSQL's engine.
  expect(differing((cells) => cells).length).toBeLessThan(cases.length / 50);
});

test('time is linear where backtracking explodes', () => {
  const text = new RegexText('a'.repeat(20_000));
  // [bc] is not one character: with b, the text would be seen to lack it.
  for (const evil of [
    '(a+)+[bc]',
    '(a|a)*[bc]',
    '(.*)(.*)(.*)[bc]',
    '(a*)*[bc]',
    '^(([a-z])+.)+[A-Z]$',
    // One way to go on at each character, but as far from each start.
    '[ab]*[cd]',
    'a(a)*[cd]',
  ]) {
    const regex = new Regex(evil, regexFlags('', true));
    for (let use = 0; use < 2; use++) expect(regex.exec(text)).toBeUndefined();
  }
});

test.each([
  ['(&|^)channel_id=([^&]*)', 'channel_id=', 1],
  ['a(bcd)e', 'bcd', 1],
  ['ab+cde*', 'cd', Number.POSITIVE_INFINITY],
  ['(?:abc){2,3}', 'abc', 0],
  ['(?:abc)?d', 'd', 3],
  ['(?:a|bc){0,2}xyz', 'xyz', 4],
  ['(?:a*){0}xyz', 'xyz', 0],
  ['ab[cd]efg', 'efg', 3],
  ['abc|abd', '', 0],
  ['[^a](?=bcd)', '', 0],
  ['a\\mbc', 'bc', 1],
])('every match of %s holds %j at most %d characters after its start', (pattern, text, lead) => {
  expect(requiredText(parseRegex(pattern, regexFlags('', false)).root)).toEqual({ text, lead });
});

test('a text is looked through only where what every match holds is near, and by threads only where a table does not do', () => {
  for (const pattern of ['(x*)(x|y)id=', '(&|^)id=([^&]*)']) {
    regexOf(pattern).test(new RegexText('id=1'));
  }
  const codes = vi.spyOn(RegexText.prototype, 'codes', 'get');
  const run = vi.spyOn(OnePass.prototype, 'run');
  try {
    expect(regexOf('(x*)(x|y)id=').exec(new RegexText('a=1&b=2'))).toBeUndefined();
    expect(regexOf('(&|^)id=([^&]*)').exec(new RegexText('a=1&b=2'))).toBeUndefined();
    expect(run).not.toHaveBeenCalled();
    const source = 'https://a.example/?a=1&c=3&id=2';
    const found = regexOf('(&|^)id=([^&]*)').exec(new RegexText(source));
    expect(found?.[2]).toEqual({ start: source.length - 1, end: source.length });
    expect(run.mock.calls.map(([, start]) => start)).toEqual([source.indexOf('&id')]);
    expect(codes).not.toHaveBeenCalled();
    expect(regexOf('(x*)(x|y)id=').exec(new RegexText('xxid='))?.[1]).toEqual({ start: 0, end: 1 });
    expect(codes).toHaveBeenCalled();
  } finally {
    codes.mockRestore();
    run.mockRestore();
  }
});

test('one pattern with other flags, and others in turn, are told apart', () => {
  const matches = (pattern: string, letters: string) =>
    regexOf(pattern, letters).test(new RegexText('AB'));
  const asked = [
    ['ab', 'i'],
    ['ab', ''],
    ['AB', ''],
    ['ab', 'i'],
  ] as const;
  expect(asked.map(([pattern, letters]) => matches(pattern, letters))).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
