import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { caretLines } from '../../../sql/syntax/caret.ts';
import { parseStatement, parseStatements } from '../../../sql/syntax/parser.ts';

function failure(text: string): MillraceError {
  try {
    parseStatements(text);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error(`no error for: ${text}`);
}

describe('statements', () => {
  test.each([
    'SELECT 1',
    `CREATE SOURCE s (a int, b varchar(10) NOT NULL, WATERMARK FOR a AS a - INTERVAL '5' SECOND) WITH (topic = 't', format = 'json')`,
    'CREATE TABLE IF NOT EXISTS t (a bigint PRIMARY KEY, b numeric(10,2) DEFAULT 0, PRIMARY KEY (a)) APPEND ONLY',
    'CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FILTER (WHERE b > 1) FROM t GROUP BY a',
    'CREATE TOPIC "my-topic" WITH (queues = 4)',
    'DROP MATERIALIZED VIEW IF EXISTS a, b CASCADE',
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL) ON CONFLICT (a) DO NOTHING",
    'UPDATE t SET a = a + 1, b = DEFAULT WHERE a = 1',
    'DELETE FROM t AS x WHERE x.a IN (1, 2)',
    'EXPLAIN SELECT * FROM t',
    'SHOW MATERIALIZED VIEWS',
    'DESCRIBE TOPIC t',
    'DESCRIBE t',
    'FLUSH',
    "SET dialect = 'mysql'",
  ])('%s', (text) => {
    expect(parseStatement(text).kind).toBeTypeOf('string');
  });

  test('a script is split at semicolons, not inside strings', () => {
    expect(parseStatements(";;SELECT ';'; SELECT 2 ;").map(({ kind }) => kind)).toEqual([
      'query',
      'query',
    ]);
  });
});

describe('errors point', () => {
  test('at the token, with what was expected', () => {
    const error = failure('SELECT a,\n  FROM t');
    expect(error.code).toBe('SQL_SYNTAX');
    expect(error.position).toMatchObject({ line: 2, column: 3, length: 4 });
    expect(error.hint).toBe('Remove the comma before it.');
    expect(caretLines('SELECT a,\n  FROM t', error.position!)).toBe(
      'LINE 2:   FROM t\n          ^^^^',
    );
  });

  test('at the end of the text', () => {
    const error = failure('SELECT (1 + ');
    expect(error.message).toContain('the end of the text');
    expect(error.position!.offset).toBe(12);
  });

  test.each([
    'SELECT a < b < c',
    "SELECT 'abc",
    'SELECT 1abc',
    'SELEC 1',
    'SELECT * FROM',
    'SELECT 1 FROM t WHERE',
    'SELECT * FROM t NATURAL u',
    'CREATE TABLE t ()',
    'INSERT INTO t VALUES',
    'SELECT a b c',
    '/* open',
  ])('refuses %s', (text) => {
    expect(failure(text).code).toBe('SQL_SYNTAX');
  });

  test('deep nesting is refused, not a stack overflow', () => {
    const deep = `SELECT ${'('.repeat(5000)}1${')'.repeat(5000)}`;
    expect(failure(deep).code).toBe('RESOURCE_LIMIT');
  });
});
