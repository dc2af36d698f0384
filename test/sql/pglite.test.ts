import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Arrangement } from '../../engine/dataflow/arrangement.ts';
import { buildDataflow } from '../../engine/dataflow/build.ts';
import { orderedRows } from '../../engine/dataflow/sort.ts';
import { MillraceError } from '../../platform/errors.ts';
import { rowsOf } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import { planQuery } from '../../sql/plan/planner.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import { aggregateStatements } from './incremental/statements.ts';
import { jsonConstructorStatements } from './json-constructor-statements.ts';
import { jsonPathStatements } from './json-path-statements.ts';
import { jsonQueryStatements } from './json-query-statements.ts';
import { jsonTableStatements } from './json-table-statements.ts';

/** Expressions and queries without tables, compared with PostgreSQL itself. */
let postgres: PGlite;
beforeAll(async () => {
  postgres = new PGlite();
  await postgres.exec("SET timezone = 'UTC'");
}, 60_000);
afterAll(() => postgres.close());

const catalog = { find: () => undefined, names: () => [] };

/** Cells as text, or the SQLSTATE. */
function ours(text: string): string[][] | string {
  try {
    const statement = parseStatement(text);
    if (statement.kind !== 'query') throw new Error('not a query');
    const plan = planQuery(statement, 'statement', { catalog, text });
    const { root } = buildDataflow(plan.root, { mode: 'fail', text });
    const result = new Arrangement(plan.root.fields);
    for (const batch of root.step()) result.apply(batch);
    const ending = orderedRows(plan, [...result.snapshot()]);
    let end = ending.next();
    while (end.done !== true) end = ending.next();
    return end.value
      .flatMap(rowsOf)
      .map((row) =>
        row.map((value, column) =>
          value === null ? 'NULL' : toText(plan.root.fields[column]!.type, value),
        ),
      );
  } catch (error) {
    if (error instanceof MillraceError) return error.sqlState ?? error.code;
    throw error;
  }
}

async function theirs(text: string): Promise<string[][] | string> {
  const width = (await postgres.query(text).catch(() => undefined))?.fields.length ?? 1;
  const columns = Array.from({ length: width }, (_, index) => `c${index}`);
  const query = `SELECT ${columns.map((c) => `coalesce(${c}::text, 'NULL')`).join(', ')} FROM (${text}) AS q(${columns.join(', ')})`;
  try {
    const { rows } = await postgres.query<string[]>(query, [], { rowMode: 'array' });
    return rows.map((row) =>
      row.map((cell) => (cell === 'true' ? 't' : cell === 'false' ? 'f' : cell)),
    );
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const expressions = `
1 + 2 * 3 | -7 / 2 | -7 % 3 | 7 / 0 | 2147483647 + 1 | 2147483648 | -2147483648 | 9223372036854775807 + 1
9223372036854775807 * 2 | 1::smallint + 1::smallint | 32767::smallint + 1::smallint | 1.5 + 2 | 1.10 * 2.0 | 1 / 3.0 | 10 / 4.0 | 2.0 / 3
1e10 / 3 | 0.908 * 12345 | 100::numeric / 7 | 1000000000000.5 / 3 | 0.0001 / 7 | 5 % 2.5 | -1.5 % 1 | 1.5::int | 2.5::int | -2.5::int
2.5::float8::int | 3.5::float8::int | 1::float8 / 3 | 1e300::float8 * 1e300 | 0.1::float8 + 0.2::float8 | 1::real / 3 | 1.5::real + 1 | 'NaN'::float8 = 'NaN'::float8 | 'NaN'::float8 > 1e30 | 1e20::float8 | 1e15::float8 | 123456789012345::float8 | 0.0001::float8 | 0.00001::float8
'abc' || 'def' | 1 || 'x' | 'a' = 'A' | 'a' < 'B' | 'abc' LIKE 'a%' | 'abc' LIKE '_b_' | 'abc' NOT LIKE '%z%' | 'a%c' LIKE 'a\\%c' | 'ABC' ILIKE 'abc' | 'aXbX' LIKE '%X%X' | '' LIKE '%'
NULL IS NULL | NULL = 1 | NULL AND false | NULL OR true | NOT NULL::boolean | 1 IN (1, 2) | 3 IN (1, NULL) | 3 NOT IN (1, 2) | 1 BETWEEN 0 AND 2 | 5 BETWEEN SYMMETRIC 9 AND 1 | 1 IS DISTINCT FROM NULL | NULL IS DISTINCT FROM NULL | (1 = 1) IS TRUE | NULL::boolean IS UNKNOWN
CASE WHEN 1 = 2 THEN 'a' WHEN true THEN 'b' END | CASE 3 WHEN 1 THEN 'x' ELSE 'y' END | CASE WHEN false THEN 1 END | CASE WHEN true THEN 1 ELSE 1/0 END | coalesce(NULL, 2) | coalesce(NULL, NULL, 'z') | nullif(1, 1) | nullif(1, 2) | greatest(1, 5, NULL, 3) | least('b', 'a')
'12'::int | ' 12 '::int | 'x'::int | '99999999999'::int | '1.5'::numeric | '1e3'::numeric | 'abc'::date | '2020-02-30'::date | '2020-02-29'::date | 'true'::boolean | 'yes'::boolean | 'maybe'::boolean | 12::text | true::text = 'true' | 1.50::text | 123.456::numeric(5,2) | 1234.5::numeric(5,2) | 'abcdef'::varchar(3)
timestamp '2020-01-31 10:00:00' + interval '1 month' | timestamp '2020-03-01' - timestamp '2020-02-01 12:00' | date '2020-01-01' + 5 | date '2020-03-01' - date '2020-02-01' | interval '1 day' * 2.5 | interval '1' day | interval '1 year 2 months 3 days 04:05:06.7' | interval '-1 month' + interval '1 day' | timestamp '2020-01-01 00:00:00' < timestamp '2020-01-02' | interval '1 month' = interval '30 days'
extract(year from timestamp '2020-05-06 07:08:09.123456') | extract(second from timestamp '2020-05-06 07:08:09.123456') | extract(epoch from timestamp '2020-05-06 07:08:09.5') | extract(dow from timestamp '2020-05-06') | extract(week from timestamp '2021-01-03') | extract(doy from date '2020-12-31') | date_part('hour', timestamp '2020-05-06 07:08:09') | date_trunc('hour', timestamp '2020-05-06 07:08:09') | date_trunc('week', timestamp '2020-05-06') | date_trunc('month', timestamp '2020-05-06')
to_char(timestamp '2020-05-06 07:08:09.123456', 'YYYY-MM-DD HH24:MI:SS.US') | to_char(timestamp '2020-05-06 17:08:09', 'HH12:MI am') | to_char(timestamp '2020-05-06', 'Day, DD Month YYYY') | to_char(timestamp '2020-05-06', 'FMDay, FMDD FMMonth YYYY') | to_char(timestamp '2020-01-01', 'IYYY-IW-ID DDD Q') | to_char(timestamp '2020-05-06', 'YY-MM "text" Dy MON DDth') | to_char(timestamp '2020-05-06 07:08:09', 'yyyy-mm-dd hh:mi:ss')
length('héllo') | upper('abc') | substring('hello' from 2 for 3) | substring('hello', 0, 3) | substring('hello' from -1) | position('l' in 'hello') | trim('  x ') | trim(both 'x' from 'xxaxx') | ltrim('xxa', 'x') | replace('aaa', 'a', 'b') | split_part('a,b,c', ',', 2) | split_part('a,b,c', ',', -1) | left('abc', -1) | right('abc', 2) | lpad('7', 3, '0') | rpad('ab', 5, 'xy') | repeat('ab', 3) | reverse('abc') | concat('a', NULL, 'b') | concat_ws('-', 'a', NULL, 'b') | md5('x') | starts_with('abc', 'ab')
abs(-5) | abs(-1.5) | round(2.5) | round(-2.5) | round(1.2345, 2) | round(12345, -2) | floor(-1.5) | ceil(1.2) | trunc(-1.7) | trunc(1.999, 2) | sign(-3.2) | sqrt(2::float8) | power(2::float8, 10::float8) | 2 ^ 3 | mod(7, 3) | round(2.5::float8) | sqrt(-1::float8) | - (5) | 5 & 3 | 5 | 3
1 = '1' | 1 < '2' | 1 = 'x' | '2020-01-01' < timestamp '2020-01-02' | 1 + '2' | 'a' + 1 | true + 1 | 1 = true | nosuch(1) | length(5) | date '2020-01-01' = '2020-01-01' | 1.0 = 1 | 1::bigint = 1.00
99999999999999999999.99 * 99999999999999999999.99 / 99999999999999999999.99 | 1e30 * 1e30 - 1e60 + 1 | (1e60 / 3)::text | (1e-60 / 7)::text | (1e50 * 1.5)::float8 | 12345678901234567890123456789012345678 * 1000 % 777 | 1e100000 * 1e100000 | (1e65536 * 1e65535 > 1) | 1e131071 + 9e131071 > 0 | (1e-10000 * 1e-10000)::text = '0.' || repeat('0', 16383) | (1e-1200 / 3)::text
1e200::float8 | -1.2345678901234e+200::float8 | 1e-200::float8 | 1e400::float8 | 1e200 > 1 | 1e-200 = 0 | -1e200 < 1e-200::float8 | abs(-1e300)::float8 | 1e131072::float8 | 1e1000000 | 0e1000000 | '1e1000000'::numeric | 1e-16384::float8 | 1e39::real | (1e39)::text = '1' || repeat('0', 39)
1 < 2 AND 2 < 3 OR false | NOT 1 = 2 | - 2 ^ 2 | 2 + 3 || 'x' | 1 + 1 = 2 IS TRUE | 'a' || 'b' LIKE 'ab'
`
  .trim()
  .split(/\n| \| /)
  .map((line) => line.trim())
  .filter((line) => line !== '');

describe('expressions', () => {
  test.each(expressions)('%s', async (expression) => {
    const text = `SELECT ${expression}`;
    expect(ours(text)).toEqual(await theirs(text));
  });
});

const queries = [
  'SELECT a * a * a / (a * a) FROM (VALUES (12345678901234567890.5), (-2.00), (99999999999999999999999999)) t(a)',
  'SELECT a * a * a * 1e-60 > 1 FROM (VALUES (12345678901234567890.5), (99999999999999999999999999)) t(a)',
  'SELECT (a * a)::text, (a * a)::float8 FROM (VALUES (12345678901234567890.5), (0.0000000000000000000000000001)) t(a)',
  'SELECT a, b FROM (VALUES (1, 2), (3, 4)) AS t(a, b) ORDER BY a DESC',
  'SELECT sum(a), count(*), avg(a), min(a), max(a) FROM (VALUES (1), (2), (NULL)) AS t(a)',
  'SELECT sum(a), count(*), avg(a), min(a), max(a) FROM (VALUES (1)) AS t(a) WHERE a > 5',
  "SELECT b, sum(a), count(a) FILTER (WHERE a > 1) FROM (VALUES (1, 'x'), (2, 'y'), (3, 'x')) t(a, b) GROUP BY b ORDER BY b",
  'SELECT avg(a), sum(a) FROM (VALUES (1.5), (2.25), (3)) t(a)',
  'SELECT avg(a), sum(a), min(a) FROM (VALUES (1.5::float8), (2.25), (3)) t(a)',
  'SELECT sum(a), avg(a) FROM (VALUES (9223372036854775807), (9223372036854775807)) t(a)',
  'SELECT DISTINCT a FROM (VALUES (1), (2), (1)) t(a) ORDER BY a',
  'SELECT a.x, b.y FROM (VALUES (1), (2)) a(x), (VALUES (1, 10), (2, 20), (2, 21)) b(x, y) WHERE a.x = b.x ORDER BY 2',
  'SELECT * FROM (VALUES (1), (2)) a(x) JOIN (VALUES (1, 10), (2, 20)) b(x, y) USING (x) ORDER BY x',
  'SELECT * FROM (VALUES (1), (2)) a(x) NATURAL JOIN (VALUES (1, 10), (2, 20)) b(x, y) ORDER BY x',
  'SELECT count(*) FROM (VALUES (1), (2)) a(x) CROSS JOIN (VALUES (1), (2), (3)) b(y)',
  'SELECT a + 1 AS c, count(*) FROM (VALUES (1), (1), (2)) t(a) GROUP BY a + 1 HAVING count(*) > 1',
  'SELECT 1 UNION ALL SELECT 1 UNION ALL SELECT 2',
  'SELECT 1 UNION SELECT 1',
  'WITH x AS (SELECT 1 AS a), y AS (SELECT a + 1 AS b FROM x) SELECT a, b FROM x, y',
  'SELECT a FROM (VALUES (3), (1), (NULL), (2)) t(a) ORDER BY a DESC NULLS LAST LIMIT 2 OFFSET 1',
  'SELECT a FROM (VALUES (1)) t(a) GROUP BY b',
  'SELECT a FROM (VALUES (1, 2)) t(a, b) GROUP BY b',
  'SELECT sum(sum(a)) FROM (VALUES (1)) t(a)',
  'SELECT a FROM (VALUES (1)) t(a) WHERE count(*) > 1',
  'SELECT x.a FROM (VALUES (1)) t(a)',
  'SELECT a FROM (VALUES (1)) t(a), (VALUES (1)) u(a)',
  "SELECT 1 WHERE 'x'",
  "SELECT max(a), min(a) FROM (VALUES ('b'), ('a'), ('C')) t(a)",
  "SELECT max(a) - min(a) FROM (VALUES (timestamp '2020-01-01'), ('2020-01-05 12:00')) t(a)",
  'SELECT a, count(*) FROM (VALUES (NULL), (NULL), (1)) t(a) GROUP BY a ORDER BY a',
  'SELECT count(*) FROM (VALUES (NULL::int), (1)) a(x), (VALUES (NULL::int), (1)) b(x) WHERE a.x = b.x',
  'SELECT a * 2 AS a2 FROM (VALUES (2), (1)) t(a) ORDER BY a',
  'SELECT bool_and(a), bool_or(a) FROM (VALUES (true), (NULL), (false)) t(a)',
];

describe('queries', () => {
  test.each([...queries, ...aggregateStatements])('%s', async (text) => {
    const mine = ours(text);
    const expected = await theirs(text);
    if (Array.isArray(mine) && Array.isArray(expected) && !/ORDER BY/.test(text)) {
      expect(mine.toSorted()).toEqual(expected.toSorted());
    } else {
      expect(mine).toEqual(expected);
    }
  });
});

describe('JSON paths', () => {
  // `theirs` shortens what a boolean prints; a jsonb prints it in full.
  const shortened = (cell: string) => (cell === 'true' ? 't' : cell === 'false' ? 'f' : cell);

  test.each(jsonPathStatements)('%s', async (text) => {
    const mine = ours(text);
    const expected = await theirs(text);
    if (!Array.isArray(mine) || !Array.isArray(expected)) return expect(mine).toEqual(expected);
    expect(mine.map((row) => row.map(shortened)).toSorted()).toEqual(expected.toSorted());
  });
});

describe('SQL/JSON', () => {
  test.each([...jsonQueryStatements, ...jsonConstructorStatements])('%s', async (text) => {
    expect(ours(text)).toEqual(await theirs(text));
  });

  test.each(jsonTableStatements)('%s', async (text) => {
    const sorted = (rows: string[][] | string) => {
      if (!Array.isArray(rows)) return rows;
      const shown = rows.map((row) => row.join(' | '));
      return shown.map((row) => row.replace(/\b(t|f)(?:rue|alse)\b/g, '$1')).toSorted();
    };
    expect(sorted(ours(text))).toEqual(sorted(await theirs(text)));
  });
});

/** ROW_TYPE is a struct here and a named type there. */
const populating = [
  `SELECT * FROM jsonb_populate_recordset(NULL::ROW_TYPE, '[{"a":1,"b":"x"},{"a":2}]')`,
  `SELECT * FROM jsonb_populate_recordset(ROW(9,'d')::ROW_TYPE, '[{"a":1},{"b":"y"},{"a":null}]')`,
  `SELECT * FROM json_populate_recordset(NULL::ROW_TYPE, '[{"a": 1, "c": 5}]')`,
  `SELECT * FROM jsonb_populate_record(ROW(9,'d')::ROW_TYPE, '{"a":1}')`,
  `SELECT * FROM jsonb_populate_record(ROW(9,'d')::ROW_TYPE, NULL)`,
  'SELECT * FROM jsonb_populate_record(NULL::ROW_TYPE, NULL)',
  'SELECT * FROM jsonb_populate_recordset(NULL::ROW_TYPE, NULL)',
  `SELECT * FROM jsonb_populate_recordset(NULL::ROW_TYPE, '{"a":1}')`,
  `SELECT * FROM jsonb_populate_recordset(NULL::ROW_TYPE, '[1]')`,
  `SELECT * FROM jsonb_populate_recordset(NULL::ROW_TYPE, '[{"a":"x"}]')`,
  `SELECT jsonb_populate_record(ROW(9,'d')::ROW_TYPE, '{"a":1}')`,
  `SELECT (json_populate_record(ROW(9,'d')::ROW_TYPE, '{"b":"z"}')).b`,
  `SELECT * FROM jsonb_populate_record(NULL::ROW_TYPE, 'null')`,
  `SELECT * FROM jsonb_populate_record(NULL, '{"a":1}')`,
  `SELECT t.v, r.* FROM (VALUES (1, '[{"a":1},{"a":2}]'::jsonb), (2, '[]')) t(v, j), jsonb_populate_recordset(ROW(t.v, 'd')::ROW_TYPE, t.j) r`,
];

describe('populating rows', () => {
  beforeAll(() => postgres.exec('CREATE TYPE pair AS (a int, b text)'));

  test.each(populating)('%s', async (text) => {
    const mine = ours(text.replaceAll('ROW_TYPE', 'struct<a int, b text>'));
    const expected = await theirs(text.replaceAll('ROW_TYPE', 'pair'));
    if (!Array.isArray(mine) || !Array.isArray(expected)) return expect(mine).toEqual(expected);
    expect(mine.map(String).toSorted()).toEqual(expected.map(String).toSorted());
  });
});
