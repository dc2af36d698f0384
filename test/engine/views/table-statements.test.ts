import { expect, test } from 'vitest';
import { Twin } from './twin.ts';

/** Statements that make and change tables, beside PostgreSQL. */
const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, g text, v bigint)',
  "INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'a', NULL), (4, 'c', 40)",
  'CREATE TABLE log (at int, what text)',
];

async function same(twin: Twin, ...names: string[]): Promise<void> {
  for (const name of names) {
    const query = `SELECT * FROM ${name}`;
    expect(await twin.ours(query), query).toEqual(await twin.theirs(query));
  }
}

test('CREATE TABLE AS takes the columns and rows of a query', async () => {
  const twin = await Twin.open(tables);
  await twin.both("CREATE TABLE a AS SELECT g, sum(v) AS s, 'x' AS x, NULL AS n FROM t GROUP BY g");
  await twin.both('CREATE TABLE b (k, w) AS SELECT id, v / 3.0, g FROM t WHERE id > 1');
  await twin.both('CREATE TABLE c AS SELECT * FROM t WITH NO DATA');
  await twin.both("CREATE TABLE d AS VALUES (1, ARRAY[1, 2]), (2, '{}')");
  await twin.both('CREATE TABLE IF NOT EXISTS d AS SELECT 1 AS other');
  await same(twin, 'a', 'b', 'c', 'd');
  await twin.both("INSERT INTO a (g) VALUES ('later')");
  await twin.restart(false);
  await same(twin, 'a', 'b', 'c', 'd');
  for (const wrong of [
    'CREATE TABLE a AS SELECT 1',
    'CREATE TABLE e (x, y, z) AS SELECT 1, 2',
    'CREATE TABLE e AS SELECT 1 AS x, 2 AS x',
    'CREATE TABLE e AS SELECT nothing FROM t',
  ]) {
    expect(await twin.ours(wrong), wrong).toEqual(await twin.theirs(wrong));
  }
  await twin.close();
}, 120_000);

test('CREATE TABLE AS that fails on a row leaves no table', async () => {
  const twin = await Twin.open(tables);
  const failing = 'CREATE TABLE e AS SELECT id, 1 / (id - 4) AS x FROM t';
  expect(await twin.ours(failing)).toEqual(await twin.theirs(failing));
  expect(await twin.ours('SELECT * FROM e')).toEqual(['42P01']);
  await twin.restart(true);
  await twin.both('CREATE TABLE e AS SELECT id, 1 / id AS x FROM t');
  await same(twin, 'e');
  await twin.close();
}, 120_000);

test('WITH before INSERT, UPDATE and DELETE', async () => {
  const twin = await Twin.open(tables);
  for (const statement of [
    'WITH w AS (SELECT id + 10 AS i, g FROM t) INSERT INTO t (id, g) SELECT i, g FROM w WHERE i < 13',
    `WITH w (k, n) AS (SELECT g, count(*) FROM t GROUP BY g), m AS (SELECT max(n) AS n FROM w)
      UPDATE t SET v = w.n FROM w WHERE w.k = t.g AND w.n = (SELECT n FROM m)`,
    'WITH t AS (SELECT 3 AS id) DELETE FROM t WHERE id IN (SELECT id FROM t)',
    `WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3)
      INSERT INTO log SELECT n, 'r' FROM r`,
    "WITH w AS (SELECT 1 AS a) INSERT INTO log VALUES ((SELECT a FROM w), 'values')",
  ]) {
    await twin.both(statement);
    await same(twin, 't', 'log');
  }
  await twin.close();
}, 120_000);

test('several columns are set at once', async () => {
  const twin = await Twin.open([
    ...tables,
    "CREATE TABLE u (k int PRIMARY KEY, a int, b text DEFAULT 'none', c numeric)",
    "INSERT INTO u VALUES (1, 1, 'x', 1), (2, 2, 'y', 2)",
  ]);
  for (const statement of [
    "UPDATE u SET (a, b) = (a + 1, 'new') WHERE k = 1",
    'UPDATE u SET (b, a) = ROW(DEFAULT, NULL), c = 7.5 WHERE k = 2',
    'UPDATE u SET (a, c) = (SELECT count(*), sum(v) FROM t WHERE t.id <= u.k)',
    'UPDATE u SET (a, b) = (SELECT id, g FROM t WHERE t.id = u.k + 3)',
    'UPDATE u SET (a) = (SELECT 5)',
    `INSERT INTO u VALUES (1, 3), (3, 3) ON CONFLICT (k) DO UPDATE
      SET (a, b) = (excluded.a + u.a, 'conflict')`,
  ]) {
    await twin.both(statement);
    await same(twin, 'u');
  }
  for (const wrong of [
    'UPDATE u SET (a, b) = (1, 2, 3)',
    'UPDATE u SET (a, b) = (SELECT 1)',
    'UPDATE u SET (a, b) = (SELECT 1, 2, 3)',
    'UPDATE u SET (a, a) = (1, 2)',
    'UPDATE u SET (a, b) = (SELECT id, g FROM t)',
  ]) {
    expect(await twin.ours(wrong), wrong).toEqual(await twin.theirs(wrong));
  }
  await same(twin, 'u');
  await twin.close();
}, 120_000);

test('a column AS an expression is a generated one; a table has one primary key', async () => {
  const twin = await Twin.open([]);
  await twin.engine.run('CREATE TABLE g (a int PRIMARY KEY, b int AS a * 2, c text)');
  await twin.engine.run("INSERT INTO g (a, c) VALUES (1, 'x'), (2, 'y')");
  expect(await twin.engine.run('SELECT a, b, c FROM g ORDER BY a')).toEqual([
    ['1', '2', 'x'],
    ['2', '4', 'y'],
  ]);
  expect(await twin.ours('INSERT INTO g VALUES (3, 7)')).toEqual(['428C9']);
  for (const wrong of [
    'CREATE TABLE h (a int PRIMARY KEY, b int PRIMARY KEY)',
    'CREATE TABLE h (a int PRIMARY KEY, b int, PRIMARY KEY (b))',
  ]) {
    expect(await twin.ours(wrong), wrong).toEqual(await twin.theirs(wrong));
  }
  await twin.both('CREATE TABLE h (a int, b int, PRIMARY KEY (a, b))');
  await twin.close();
}, 120_000);

test('RETURNING sees the tables of FROM and USING', async () => {
  const twin = await Twin.open([
    ...tables,
    'CREATE TABLE u (x int, w int)',
    'INSERT INTO u VALUES (1, 10), (2, 20), (9, 90)',
    'CREATE TABLE keyless (a int, b text)',
    "INSERT INTO keyless VALUES (1, 'x'), (2, 'y'), (2, 'z')",
  ]);
  for (const statement of [
    'UPDATE t SET v = u.w FROM u WHERE u.x = t.id RETURNING t.id, u.w, v',
    'UPDATE t SET v = u.w + 1 FROM u WHERE u.x = t.id RETURNING *',
    `UPDATE t AS z SET v = u.w FROM u JOIN keyless n ON n.a = u.x AND n.b <> 'z' WHERE u.x = z.id
      RETURNING z.v, n.b, u.*, n.*`,
    'UPDATE keyless SET b = b || w FROM u WHERE x = a RETURNING *',
    `UPDATE keyless SET b = 'q' FROM (SELECT 2 AS z, 'zz' AS y) s WHERE s.z = a RETURNING s.y, keyless.b`,
    'DELETE FROM keyless USING u, t WHERE u.x = a AND t.id = a AND a = 1 RETURNING keyless.*, w, t.g, g || b',
    'DELETE FROM t USING u WHERE u.x = t.id RETURNING *',
    'DELETE FROM t RETURNING *, id + 1 AS n',
  ]) {
    expect(await twin.change(statement), statement).toEqual(
      (await twin.theirs(statement)).slice(1),
    );
  }
  await same(twin, 't', 'keyless');
  const wrong = 'UPDATE t SET v = 1 FROM u WHERE u.x = t.id RETURNING nothing.w';
  expect(await twin.change(wrong)).toEqual(await twin.theirs(wrong));
  await twin.close();
}, 120_000);

test('TRUNCATE takes all rows, also from the views', async () => {
  const twin = await Twin.open(tables);
  await twin.view('sums', 'SELECT g, count(*) AS n FROM t GROUP BY g');
  await twin.both("INSERT INTO log VALUES (1, 'x')");
  await twin.both('TRUNCATE t, log');
  await twin.check('TRUNCATE', 'views and queries');
  await same(twin, 't', 'log');
  await twin.both("INSERT INTO t VALUES (1, 'a', 10)");
  await twin.check('an INSERT', 'views and queries');
  await twin.restart(false);
  await twin.check('a restart', 'views and queries');
  const wrong = 'TRUNCATE log, sums_of_nothing';
  expect(await twin.ours(wrong)).toEqual(await twin.theirs(wrong));
  await twin.close();
}, 120_000);

test('the clock of a DEFAULT is that of the statement which makes the row', async () => {
  const twin = await Twin.open([]);
  const { engine } = twin;
  await engine.run(
    'CREATE TABLE d (id int PRIMARY KEY, at timestamptz DEFAULT now(), day date DEFAULT current_date)',
  );
  await engine.run('INSERT INTO d (id) VALUES (1), (2)');
  const check = `SELECT count(*), count(DISTINCT at), bool_and(at <= now()
    AND at > now() - interval '1 hour' AND day >= current_date - 1) FROM d`;
  expect(await engine.run(check)).toEqual([['2', '1', 't']]);
  const before = await engine.run('SELECT * FROM d ORDER BY id');
  await twin.restart(false);
  expect(await twin.engine.run('SELECT * FROM d ORDER BY id')).toEqual(before);
  await twin.close();
}, 120_000);
