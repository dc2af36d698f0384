import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { limits } from '../../../platform/limits.ts';
import { caretLines } from '../../../sql/syntax/caret.ts';
import { parseExpression, parseStatement, parseStatements } from '../../../sql/syntax/parser.ts';
import { positionAt } from '../../../sql/syntax/position.ts';
import { printExpression } from '../../../sql/syntax/printer.ts';
import { printStatement } from '../../../sql/syntax/statement-printer.ts';
import { withoutSpans } from './postgres.ts';

function failure(text: string): MillraceError {
  try {
    parseStatements(text);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error(`no error for: ${text}`);
}

/** The text under the caret, what was expected, the hint. */
function told(text: string): string[] {
  const { message, position, hint } = failure(text);
  const { offset, length } = position!;
  return [text.slice(offset, offset + length), message, hint ?? ''];
}

describe('an error tells', () => {
  test.each([
    ['SELECT a, FROM t', 'FROM', 'expected an expression', 'Remove the comma'],
    ['CREATE TABLE t (a int,)', ')', 'expected a column name', 'Remove the comma'],
    ['SELECT a, b c d FROM t', 'd', 'expected ";"', 'comma'],
    ['INSERT INTO t (a b) VALUES (1)', 'b', 'expected ")"', 'comma'],
    ['SELECT a FROM user', 'user', '', ''],
    ['CREATE TABLE order (a int)', 'order', 'expected a table name', 'double quotes'],
    ['CREATE TABLE t (table int)', 'table', 'expected a column name', 'double quotes'],
    ['SELECT 1 == 2', '==', 'no such operator', 'Use ='],
    ['SELECT a < b < c', '<', 'chained', 'a < b AND b < c'],
    ['SELECT 1 LIMIT 2, 3', ',', 'LIMIT takes one number', 'OFFSET'],
    ['SELECT\u00a01', 'SELECT\u00a01', 'expected a statement', 'plain space'],
    ["SELECT 1 'x", "'", 'unterminated', ''],
  ])('%j', (text, token, expected, hint) => {
    if (text === 'SELECT a FROM user') return expect(parseStatement(text).kind).toBe('query');
    const [shown, message, advice] = told(text);
    expect(shown).toBe(token);
    expect(message).toContain(expected);
    expect(advice).toContain(hint);
  });
});

describe('limits', () => {
  const deep = (open: string, close: string, middle = '1') =>
    `SELECT ${open.repeat(3000)}${middle}${close.repeat(3000)}`;

  test.each([
    deep('(', ')'),
    deep('(SELECT ', ')'),
    deep('NOT ', ''),
    deep('- ', ''),
    deep('CASE WHEN ', ' THEN 1 END'),
    deep('f(', ')'),
    deep('ARRAY[', ']'),
    deep('1 IN (', ')'),
    deep('CAST(', ' AS int)'),
    `SELECT 1${' + 1'.repeat(3000)}`,
    `SELECT 1${'::int'.repeat(3000)}`,
    `SELECT 1${' UNION SELECT 1'.repeat(3000)}`,
    `SELECT 1 FROM t${' JOIN t'.repeat(3000)}`,
    `SELECT 1 FROM t${' CROSS JOIN t'.repeat(3000)}`,
    `SELECT 1 FROM ${'('.repeat(3000)}t`,
    `SELECT 1 FROM ${'('.repeat(3000)}SELECT 1${')'.repeat(3000)}`,
    `${'('.repeat(3000)}SELECT 1${')'.repeat(3000)}`,
    `${'WITH a AS ('.repeat(3000)}SELECT 1`,
  ])('nesting: %.60s', (text) => {
    expect(failure(text).code).toBe('RESOURCE_LIMIT');
  });

  test('what is wide and not deep is fine', () => {
    expect(parseStatement(`SELECT 1 IN (${'1, '.repeat(50_000)}1)`).kind).toBe('query');
    expect(parseStatement(`VALUES ${'(1), '.repeat(50_000)}(1)`).kind).toBe('query');
    expect(parseStatements('SELECT 1;'.repeat(10_000))).toHaveLength(10_000);
  });

  test('the length of the text', () => {
    expect(failure(`SELECT '${'x'.repeat(limits.sqlTextBytesMax)}'`).code).toBe('RESOURCE_LIMIT');
    expect(failure('SELECT EXPLAIN '.repeat(100)).code).toBe('SQL_SYNTAX');
    expect(failure('EXPLAIN '.repeat(100_000)).code).toBe('SQL_SYNTAX');
  });
});

describe('positions', () => {
  test('count lines and columns from 1, in UTF-16 units', () => {
    expect(positionAt('ab\n😀cd', 5, 7)).toEqual({ offset: 5, line: 2, column: 3, length: 2 });
    expect(positionAt('ab', 9, 9)).toEqual({ offset: 2, line: 1, column: 3, length: 1 });
    expect(positionAt('', 0, 0)).toEqual({ offset: 0, line: 1, column: 1, length: 1 });
  });

  test.each([
    ['SELECT a b c', 'c', ['LINE 1: SELECT a b c', '                   ^']],
    ['\nSELECT x', 'x', ['LINE 2: SELECT x', '               ^']],
    ['\tSELECT x\r\n1', 'x', ['LINE 1: \tSELECT x', '        \t       ^']],
    ["SELECT '日本' 語", '語', ["LINE 1: SELECT '日本' 語", '                      ^^']],
    ['e\u0301 = x', 'x', ['LINE 1: e\u0301 = x', '            ^']],
    ['a "b\nc" d', '"b\nc"', ['LINE 1: a "b', '          ^^']],
  ])('the caret stands under the token: %j', (text, token, lines) => {
    const start = text.indexOf(token);
    expect(caretLines(text, positionAt(text, start, start + token.length))).toBe(lines.join('\n'));
  });

  test('the caret stands after the text, and at an empty line', () => {
    expect(caretLines('SELECT', positionAt('SELECT', 6, 6))).toBe(
      'LINE 1: SELECT\n              ^',
    );
    expect(caretLines('\nx', positionAt('\nx', 0, 0))).toBe('LINE 1: \n        ^');
    expect(caretLines('x\n', positionAt('x\n', 2, 2))).toBe('LINE 2: \n        ^');
  });

  test('every node lies in the text that it came from', () => {
    const text = 'SELECT a + b FROM t WHERE c IN (1, 2)';
    expect(parseStatement(text)).toMatchObject({
      span: { start: 0, end: text.length },
      body: {
        items: [
          { expression: { span: { start: 7, end: 12 }, operatorSpan: { start: 9, end: 10 } } },
        ],
        where: { span: { start: 26, end: text.length } },
      },
    });
  });
});

describe('our own statements print and parse to the same tree', () => {
  test.each([
    `CREATE SOURCE IF NOT EXISTS s (a int, b varchar(10) NOT NULL DEFAULT 'x', WATERMARK FOR a AS a - INTERVAL '5' SECOND) WITH (topic = 't', "format" = json, a.b = 4, c = -1.5, d = true)`,
    'CREATE TABLE t (a bigint PRIMARY KEY, b numeric(10,2), PRIMARY KEY (a)) APPEND ONLY WITH (x = 1)',
    'CREATE MATERIALIZED VIEW IF NOT EXISTS s.v (a, "B") WITH (background = true) AS SELECT 1, 2',
    'CREATE TOPIC IF NOT EXISTS "my-topic" WITH (queues = 4)',
    "CREATE TOPIC 'my topic'",
    'DROP TOPIC IF EXISTS a, "b c" CASCADE',
    'DROP SOURCE s RESTRICT',
    'INSERT OR REPLACE INTO t (a) VALUES (1)',
    'INSERT INTO t (a) VALUES (DEFAULT) ON CONFLICT (a) DO UPDATE',
    'EXPLAIN ANALYZE CREATE VIEW v AS SELECT 1',
    'SHOW MATERIALIZED VIEWS',
    'SHOW "Odd name"',
    'DESCRIBE TOPIC t',
    "DESCRIBE TOPIC 'my topic'",
    'DESCRIBE MATERIALIZED VIEW s.v',
    'DESCRIBE topic',
    'DESCRIBE source',
    'FLUSH',
    'SET a.b TO on',
    "SET dialect = 'mysql'",
    'SELECT `a``b`, `select` FROM `t`',
    'SELECT * FROM t LIMIT ALL',
  ])('%s', (text) => {
    const statement = parseStatement(text);
    const printed = parseStatement(printStatement(statement));
    expect(withoutSpans(printed)).toEqual(withoutSpans(statement));
  });

  test('expressions alone', () => {
    const expression = parseExpression('a + b * -c');
    expect(printExpression(expression)).toBe('(a + (b * (- c)))');
    expect(() => parseExpression('a b')).toThrow('the end of the expression');
    expect(() => parseStatement('SELECT 1; SELECT 2')).toThrow('the end of the statement');
    expect(() => parseStatement(' -- nothing\n')).toThrow('expected a statement');
    expect(parseStatements(' ; -- nothing\n ;')).toEqual([]);
  });

  test('replacing and keeping', () => {
    const conflict = (text: string) => parseStatement(`INSERT ${text}`);
    expect(conflict('OR REPLACE INTO t VALUES (1)')).toMatchObject({ onConflict: 'replace' });
    expect(conflict('INTO t VALUES (1) ON CONFLICT DO UPDATE')).toMatchObject({
      onConflict: 'replace',
    });
    expect(conflict('INTO t VALUES (1) ON CONFLICT (a) DO NOTHING')).toMatchObject({
      onConflict: 'nothing',
      conflictKey: [{ name: 'a' }],
    });
  });
});
