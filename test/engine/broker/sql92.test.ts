import { describe, expect, test } from 'vitest';
import { compileFilter } from '../../../engine/broker/sql92.ts';

const properties: Record<string, string> = { a: '5', price: '12.5', name: "o'Neil", flag: 'true' };
const passes = (text: string) => compileFilter(text)((name) => properties[name]);

describe('what passes', () => {
  test.each([
    ['a = 5', true],
    ['a > 4 AND price BETWEEN 12 AND 13', true],
    ['a between 6 and 9 or price >= 12.5', true],
    ['NOT a = 5', false],
    ["name = 'o''Neil'", true],
    ["name IN ('x', 'o''Neil')", true],
    ["name NOT IN ('x')", true],
    ["name STARTSWITH 'o' and name endswith 'eil' and name contains 'Ne'", true],
    ["name NOT CONTAINS 'Ne'", false],
    ['missing IS NULL', true],
    ['a IS NOT NULL', true],
    // Unknown is not true, nor is its negation.
    ['missing > 1', false],
    ['NOT missing > 1', false],
    ['missing > 1 OR a = 5', true],
    ["missing NOT IN ('x')", false],
    ['name > 5', false],
    ['flag', true],
    ['flag = TRUE', true],
    ['a <> -5 AND -a = -5', true],
    ['a = 5 -- a comment', true],
    ['/* one */ a = 5L', true],
    ['(a = 1 OR a = 5) AND (price < 13)', true],
    ['NULL IS NULL', true],
  ])('%s', (text, expected) => {
    expect(passes(text)).toBe(expected);
  });
});

test.each([
  '',
  'a =',
  'a = 5 AND',
  'a IN (5)',
  'a IN ()',
  "a LIKE 'x'",
  'a + 1 = 2',
  "a = 'open",
  'AND a',
  'a BETWEEN 1',
  '(a = 1',
  'a = 1)',
  'a NOT 5',
  'a ; b',
])('%s is refused', (text) => {
  expect(() => compileFilter(text)).toThrowError(
    expect.objectContaining({ code: 'ILLEGAL_FILTER' }),
  );
});

test('depth is bounded', () => {
  expect(() => compileFilter(`${'('.repeat(5000)}a${')'.repeat(5000)}`)).toThrow('too deep');
  expect(() => compileFilter(`${'NOT '.repeat(4000)}a`)).toThrow('too deep');
});
