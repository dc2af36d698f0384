import { afterAll, beforeAll, expect, test } from 'vitest';
import { Twin } from './twin.ts';

/** NaN and the infinities of numeric in tables and views: what PostgreSQL says after every change. */

const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, g int, n numeric, p numeric(10, 2), w numeric(25, 2))',
  'CREATE TABLE u (n numeric, name text)',
];

let twin: Twin;
beforeAll(async () => {
  twin = await Twin.open(tables);
}, 60_000);
afterAll(() => twin.close());

const queries: Readonly<Record<string, string>> = {
  stored: 'SELECT id, n, p, w FROM t',
  groups: 'SELECT n, count(*) AS c FROM t GROUP BY n',
  distincts: 'SELECT DISTINCT p FROM t',
  sums: `SELECT g, sum(n) AS s, avg(n) AS a, sum(p) AS sp, avg(p) AS ap, sum(w) AS sw,
    min(n) AS lo, max(n) AS hi, min(p) AS lp, max(p) AS hp FROM t GROUP BY g`,
  spreads: 'SELECT g, var_pop(n) AS v, stddev_samp(n) AS d, variance(p) AS q FROM t GROUP BY g',
  joined: 'SELECT t.id, u.name FROM t JOIN u ON t.n = u.n',
  outer_joined: 'SELECT t.id, u.name FROM t LEFT JOIN u ON t.p = u.n',
  members: 'SELECT id FROM t WHERE n IN (SELECT n FROM u)',
  computed: `SELECT id, n + 1 AS a, n - n AS b, n * 2 AS c, -n AS d, abs(n) AS e, p * 3 AS f, n * n AS g,
    round(n, 1) AS h, p + w AS i, n / 2 AS j, n::float8 AS k, p::numeric(12, 1) AS l FROM t`,
  tests: `SELECT id, n > 1 AS a, n = 'NaN' AS b, n < 'Infinity' AS c, p >= 'NaN' AS d, n <> p AS e,
    CASE WHEN n > 0 THEN n ELSE -n END AS f, coalesce(n, p) AS g FROM t`,
  filtered: "SELECT id FROM t WHERE n >= 2 AND p < 'NaN'",
  ordered: 'SELECT id, n FROM t ORDER BY n DESC NULLS LAST, id LIMIT 4',
  ranked: 'SELECT id, rank() OVER (ORDER BY n) AS r, lag(n) OVER (ORDER BY n, id) AS l FROM t',
  framed: `SELECT id, count(*) OVER (ORDER BY n RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS c,
    sum(n) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM t`,
  endless: `SELECT id, count(*) OVER (ORDER BY n RANGE BETWEEN 'Infinity' PRECEDING AND 'Infinity' FOLLOWING) AS c FROM t`,
  listed:
    'SELECT g, array_agg(n ORDER BY n, id) AS ns, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS m FROM t GROUP BY g',
  as_json: 'SELECT id, to_jsonb(n) AS j, n::text AS s FROM t',
};

const changes = [
  `INSERT INTO u VALUES ('NaN', 'nan'), ('Infinity', 'above'), ('-inf', 'below'), (1.50, 'some')`,
  `INSERT INTO t VALUES (1, 1, 1.5, 1.5, 2), (2, 1, 'NaN', 'nan', 'NaN'), (3, 2, 'Infinity', 7, 1.25),
    (4, 2, '-Infinity', NULL, NULL), (5, 3, 2.25, 'NaN', 3)`,
  `INSERT INTO t VALUES (6, 2, 'inf', 1, 1), (7, 1, 'nan', 2, 2), (8, 3, NULL, 1.5, 'NaN'), (9, 4, '-inf', 1, 1)`,
  `UPDATE t SET n = n + 1, p = p + 1 WHERE g < 3`,
  `DELETE FROM t WHERE n = 'NaN'`,
  `DELETE FROM t WHERE id = 4`,
  `UPDATE t SET n = 3, p = 4.25, w = 5 WHERE n = 'Infinity' OR p = 'NaN'`,
  `INSERT INTO t VALUES (2, 1, '-Infinity', 'NaN', 1), (4, 2, 'NaN', 1, 2)`,
  `DELETE FROM t WHERE n < 0`,
];

test('views and queries over NaN and infinities, under changes and over restarts', async () => {
  for (const [name, query] of Object.entries(queries)) {
    expect(await twin.view(name, query), query).toBe(true);
  }
  for (const [number, change] of changes.entries()) {
    await twin.both(change);
    await twin.check(change, 'views and queries');
    if (number % 3 !== 2) continue;
    await twin.restart(true);
    expect(twin.engine.report).toMatchObject({ type: 'ready', filled: 0, replayed: 0 });
    await twin.check(`a restart after ${change}`, 'views and queries');
  }
}, 120_000);

test.each([
  "SELECT 'Infinity'::numeric(10, 2)",
  "SELECT 'NaN'::numeric::int",
  "SELECT '-Infinity'::numeric::bigint",
  "SELECT 'Infinity'::numeric / 0",
  "SELECT 'NaN'::numeric / 0",
  "SELECT 5 % 'Infinity'::numeric",
  "SELECT 'Infinity'::numeric % 0",
  "SELECT 5 / '-Infinity'::numeric",
  "SELECT '+NaN'::numeric",
  "SELECT '+inf'::numeric, 'INFINITY'::numeric, ' -Inf '::numeric",
  "SELECT 'infin'::numeric",
  "SELECT 'Infinity'::numeric * 0, 'Infinity'::numeric + '-Infinity'",
  "SELECT floor('NaN'::numeric), ceil('Infinity'::numeric), trunc('-Infinity'::numeric, 2), sign('-Infinity'::numeric), sign('NaN'::numeric)",
  "SELECT sqrt('Infinity'::numeric), ln('Infinity'::numeric), exp('-Infinity'::numeric), exp('NaN'::numeric)",
  "SELECT sqrt('-Infinity'::numeric)",
  "SELECT ln('-Infinity'::numeric)",
  "SELECT log('Infinity'::numeric), log(2, 'Infinity'::numeric), log('Infinity'::numeric, 2), log('NaN'::numeric, -1)",
  "SELECT power('Infinity'::numeric, 0), power(1, 'NaN'::numeric), power(2, '-Infinity'::numeric), power(0.5, 'Infinity'::numeric), power(-1, 'Infinity'::numeric)",
  "SELECT power('-Infinity'::numeric, 3), power('-Infinity'::numeric, 2), power('-Infinity'::numeric, -3), power('NaN'::numeric, 2), power(-2, 'NaN'::numeric)",
  "SELECT power('-Infinity'::numeric, 0.5)",
  "SELECT power(0, '-Infinity'::numeric)",
  "SELECT div('Infinity'::numeric, 2), gcd('NaN'::numeric, 2), lcm('Infinity'::numeric, 2), scale('NaN'::numeric), min_scale('Infinity'::numeric), trim_scale('Infinity'::numeric)",
  "SELECT width_bucket('Infinity'::numeric, 0, 10, 5), width_bucket('-Infinity'::numeric, 0, 10, 5)",
  "SELECT width_bucket('NaN'::numeric, 0, 10, 5)",
  "SELECT width_bucket(1, 0, 'Infinity'::numeric, 5)",
  "SELECT 'Infinity'::float8::numeric, 'NaN'::float4::numeric, 'Infinity'::numeric::float4, '-Infinity'::numeric::float8",
  "SELECT * FROM generate_series(1, 'Infinity'::numeric)",
  "SELECT * FROM generate_series(1, 2, 'NaN'::numeric)",
  "SELECT greatest(1, 'NaN'::numeric), least('-Infinity'::numeric, 1), 'NaN'::numeric = 'nan', 'NaN'::numeric > 'Infinity'",
  "SELECT ARRAY[1, 'NaN', 'Infinity']::numeric[], ARRAY['NaN'::numeric] = ARRAY['NaN'::numeric]",
  "SELECT to_char('NaN'::numeric, '999'), to_char('Infinity'::numeric, '9.99EEEE'), to_char('-Infinity'::numeric, '999999999')",
])('%s', async (query) => {
  expect(await twin.ours(query)).toEqual(await twin.theirs(query));
});
