import { expect, test } from 'vitest';
import { Twin } from './twin.ts';

/** MERGE changes what PostgreSQL's does, or is refused as there, on tables with a key and without. */

const accepted = [
  `MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b, c = 'merged' WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)`,
  `MERGE INTO k AS x USING (VALUES (1, 5), (2, 6), (50, 7)) AS v(p, q) ON x.a = v.p WHEN MATCHED AND v.q > 5 THEN DELETE WHEN MATCHED THEN UPDATE SET b = x.b + v.q WHEN NOT MATCHED AND v.q = 8 THEN DO NOTHING WHEN NOT MATCHED THEN INSERT VALUES (v.p, v.q, DEFAULT)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED BY SOURCE AND k.b > 6 THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET c = 'alone'`,
  `MERGE INTO loose USING s ON loose.a = s.a WHEN MATCHED AND s.b IS NULL THEN DO NOTHING WHEN MATCHED THEN UPDATE SET b = s.b * 10 WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (s.a, s.b) WHEN NOT MATCHED BY SOURCE THEN DELETE`,
  `WITH w AS (SELECT a + 1 AS a FROM s) MERGE INTO loose USING w ON loose.a = w.a WHEN NOT MATCHED THEN INSERT (a) VALUES (w.a)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED BY SOURCE AND EXISTS (SELECT 1 FROM loose WHERE loose.a = k.a) THEN UPDATE SET b = (SELECT max(b) FROM loose WHERE loose.a = k.a)`,
  // Values of other clauses are not computed.
  `MERGE INTO loose USING s ON loose.a = s.a WHEN MATCHED AND s.a = 3 THEN UPDATE SET b = 1 / (s.a - 3 + 1) WHEN MATCHED AND s.a <> 7 THEN UPDATE SET b = 6 / (s.a - 3) WHEN NOT MATCHED THEN INSERT VALUES (s.a, 1 / s.a)`,
  `MERGE INTO k USING (SELECT max(a) AS m FROM s) AS top ON k.a = top.m WHEN MATCHED THEN UPDATE SET a = k.a + 100, b = (SELECT count(*) FROM s)`,
  `MERGE INTO made USING s ON made.a = s.a WHEN MATCHED THEN UPDATE SET a = made.a + 10 WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)`,
  `MERGE INTO k USING s ON false WHEN MATCHED THEN DELETE`,
  `MERGE INTO loose USING s ON true WHEN NOT MATCHED THEN INSERT DEFAULT VALUES`,
];

/** And nothing changes. */
const refused = [
  `MERGE INTO k USING (VALUES (1), (1)) AS v(p) ON k.a = v.p WHEN MATCHED THEN UPDATE SET b = 1`,
  `MERGE INTO k USING (VALUES (77), (77)) AS v(p) ON k.a = v.p WHEN NOT MATCHED THEN INSERT VALUES (v.p)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN UPDATE SET b = 1 / (s.a - s.a)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN UPDATE SET nosuch = 1`,
  `MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN UPDATE SET b = -5`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (k.a)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED AND k.b = 1 THEN INSERT (a) VALUES (s.a)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED BY SOURCE AND s.a = 1 THEN DELETE`,
  `MERGE INTO k USING s ON k.a = s.a WHEN NOT MATCHED BY SOURCE THEN UPDATE SET b = s.b`,
  `MERGE INTO k USING nosuch ON true WHEN MATCHED THEN DELETE`,
  `MERGE INTO made USING s ON made.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (1, 2)`,
  `MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN UPDATE SET b = 'x'`,
];

test('MERGE', async () => {
  const twin = await Twin.open([
    `CREATE TABLE k (a int PRIMARY KEY, b int CHECK (b >= 0), c text DEFAULT 'new')`,
    'CREATE TABLE loose (a int, b int)',
    'CREATE TABLE made (a int, d int GENERATED ALWAYS AS (a * 2) STORED)',
    'CREATE TABLE s (a int, b int)',
    'INSERT INTO k VALUES (1, 1), (2, 2), (8, 8), (9, 0)',
    'INSERT INTO loose VALUES (1, 1), (1, 1), (4, 4), (5, 5)',
    'INSERT INTO made VALUES (1), (20)',
    'INSERT INTO s VALUES (1, 10), (2, 20), (3, NULL), (7, 70)',
  ]);
  await twin.view('sums', 'SELECT c, sum(b) AS b FROM k GROUP BY c');
  for (const table of ['k', 'loose', 'made']) {
    await twin.view(`all_${table}`, `SELECT * FROM ${table}`);
  }
  for (const statement of accepted) {
    await twin.both(statement);
    await twin.check(statement, 'views and queries');
  }
  for (const statement of refused) {
    const theirs = await twin.theirs(statement);
    expect(theirs[0], statement).toMatch(/^[0-9A-Z]{5}$/);
    expect(await twin.change(statement), statement).toEqual(theirs);
    await twin.check(statement, 'views and queries');
  }
  await twin.restart(false);
  await twin.check('a crash after all merges', 'views and queries');
  expect(
    await twin.engine.run(`MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN DELETE`),
  ).toMatch(/^MERGE [1-9]$/);
  await twin.restart(false);
  await twin.theirs(`MERGE INTO k USING s ON k.a = s.a WHEN MATCHED THEN DELETE`);
  await twin.check('a crash', 'views and queries');
  await twin.close();
}, 60_000);
