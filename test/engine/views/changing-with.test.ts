import { expect, test } from 'vitest';
import { Twin } from './twin.ts';

/** A change of rows in WITH answers and changes what PostgreSQL's does. */

const statements = [
  `WITH x AS (INSERT INTO t VALUES (10, 'ten'), (11, NULL) RETURNING *) SELECT * FROM x`,
  `WITH x AS (INSERT INTO t (a) VALUES (12) RETURNING a * 2 AS twice, b) SELECT sum(twice) FROM x`,
  `WITH x AS (UPDATE t SET a = a + 100 WHERE a < 3 RETURNING a, b) SELECT x.a, t.a, t.b FROM x JOIN t ON t.a + 100 = x.a`,
  `WITH gone AS (DELETE FROM t WHERE a > 100 RETURNING *) SELECT count(*), (SELECT count(*) FROM t) AS before FROM gone`,
  `WITH few AS (SELECT 10 AS a UNION ALL SELECT 11), x(p, q) AS (DELETE FROM t USING few WHERE t.a = few.a RETURNING t.a, t.b), y AS (SELECT p FROM x) SELECT q, (SELECT max(p) FROM y) FROM x ORDER BY q LIMIT 5`,
  `WITH x AS (INSERT INTO t VALUES (20, 'quiet')) SELECT 1`,
  `WITH x AS (INSERT INTO k VALUES (1, 5), (9, 9) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING b) TABLE x`,
  `WITH t AS (DELETE FROM t WHERE a = 20 RETURNING a) SELECT a FROM t`,
  // Refused, and nothing changes.
  `WITH x AS (INSERT INTO t VALUES (30, 'x')) SELECT * FROM x`,
  `WITH x AS (INSERT INTO t VALUES (30, 'x') RETURNING a) SELECT 1 / (a - 30) FROM x`,
  `WITH x AS (INSERT INTO t VALUES (30, 'x') RETURNING a) SELECT nosuch FROM x`,
  `WITH x AS (INSERT INTO k VALUES (1, 1) RETURNING a) SELECT * FROM x`,
  `WITH x(a, b) AS (INSERT INTO t VALUES (30, 'x') RETURNING a) SELECT * FROM x`,
  `WITH x AS (INSERT INTO t VALUES (30, 'x') RETURNING a), x AS (SELECT 1) SELECT * FROM x`,
  `INSERT INTO t VALUES (30, 'x') RETURNING 1 / (a - 30)`,
];

test('changes in WITH', async () => {
  const twin = await Twin.open([
    'CREATE TABLE t (a int, b text)',
    'CREATE TABLE k (a int CHECK (a > 0) UNIQUE, b int)',
    `INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
    'INSERT INTO k VALUES (1, 1)',
  ]);
  await twin.view('sums', 'SELECT b, sum(a) AS a FROM t GROUP BY b');
  await twin.view('whole', 'SELECT * FROM k');
  for (const statement of statements) {
    // Described before it runs: its types are those that PostgreSQL gives.
    expect(await twin.ours(statement), statement).toEqual(await twin.theirs(statement));
    await twin.check(statement, 'views and queries');
  }
  await twin.restart(false);
  await twin.check('a crash', 'views and queries');
  await twin.close();
}, 60_000);
