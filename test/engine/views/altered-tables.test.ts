import { afterEach, expect, test } from 'vitest';
import { Twin } from './twin.ts';

/** ALTER TABLE ADD and DROP of columns, against PostgreSQL, over restarts and with dependent views. */

let twin: Twin | undefined;

afterEach(async () => {
  await twin?.close();
  twin = undefined;
});

const made = [
  `CREATE TABLE keyed (a int, id int PRIMARY KEY, b text UNIQUE, c int CHECK (c > a))`,
  `CREATE TABLE loose (a int, b text NOT NULL)`,
  `INSERT INTO keyed VALUES (1, 10, 'x', 2), (3, 30, 'y', 4)`,
  `INSERT INTO loose VALUES (1, 'p'), (1, 'p'), (2, 'q')`,
];

const tables = ['keyed', 'loose'];

async function check(of: Twin, after: string): Promise<void> {
  await of.check(after, 'views');
  for (const table of tables) {
    const query = `SELECT * FROM ${table}`;
    expect(await of.ours(query), `${table} after ${after}`).toEqual(await of.theirs(query));
  }
}

async function throughRestarts(of: Twin, after: string): Promise<void> {
  await check(of, after);
  await of.restart(false);
  await check(of, `${after} and a crash`);
  await of.restart(true);
  await check(of, `${after} and a stop`);
}

test('a column is added: rows, constraints, views before and after it, restarts', async () => {
  twin = await Twin.open(made);
  await twin.view('sums', 'SELECT b, sum(a) AS total FROM loose GROUP BY b');
  await twin.view('wholes', 'SELECT * FROM keyed');
  await twin.both(`ALTER TABLE keyed ADD COLUMN d numeric(8, 2) NOT NULL DEFAULT 1.5, ADD e text`);
  await twin.both(`ALTER TABLE loose ADD d timestamp DEFAULT '2020-01-02 03:04:05'`);
  await throughRestarts(twin, 'ADD COLUMN');
  await twin.view('later', 'SELECT d, count(*) AS n, max(e) AS e FROM keyed GROUP BY d');
  await twin.both(`INSERT INTO keyed VALUES (5, 50, 'z', 6, 7.25, 'new')`);
  await twin.both(`INSERT INTO keyed (a, id) VALUES (7, 70)`);
  await twin.both(`UPDATE keyed SET e = 'old', d = d + 1 WHERE id = 10`);
  await twin.both(`INSERT INTO loose VALUES (9, 'r', NULL)`);
  await twin.both(`UPDATE loose SET a = a + 1 WHERE b = 'p'`);
  await twin.both(`DELETE FROM loose WHERE d IS NULL`);
  await throughRestarts(twin, 'changes');
  await twin.both(`ALTER TABLE loose ADD COLUMN e int`);
  await twin.both(`ALTER TABLE keyed ADD COLUMN IF NOT EXISTS e int`);
  await twin.both(`UPDATE loose SET e = a`);
  await throughRestarts(twin, 'a second ADD COLUMN');
  for (const wrong of [
    `ALTER TABLE keyed ADD COLUMN e int`,
    `ALTER TABLE keyed ADD COLUMN f int NOT NULL`,
    `ALTER TABLE nosuch ADD COLUMN f int`,
    `ALTER TABLE keyed ADD COLUMN f int DEFAULT 'x'`,
    `INSERT INTO keyed VALUES (5, 60, 'z', 6)`,
    `INSERT INTO keyed VALUES (5, 60, 'w', 6, NULL)`,
    `INSERT INTO keyed VALUES (9, 60, 'w', 6)`,
  ]) {
    const [state] = await twin.theirs(wrong);
    expect(await twin.ours(wrong), wrong).toEqual([state]);
  }
});

test('a column is dropped: keys, constraints and indexes move, old entries lose it', async () => {
  twin = await Twin.open(made);
  await twin.both(`CREATE INDEX by_c ON keyed (c)`);
  await twin.both(`CREATE UNIQUE INDEX by_two ON keyed (b, id)`);
  await twin.both(`ALTER TABLE keyed DROP COLUMN a`);
  await twin.both(`ALTER TABLE loose DROP a, ADD a text DEFAULT 'back'`);
  await throughRestarts(twin, 'DROP COLUMN');
  await twin.view('counts', 'SELECT a, count(*) AS n FROM loose GROUP BY a');
  await twin.both(`INSERT INTO keyed VALUES (70, 'w', 0)`);
  await twin.both(`INSERT INTO keyed VALUES (10, 'v', 1) ON CONFLICT (id) DO UPDATE SET c = 9`);
  await twin.both(`UPDATE loose SET a = 'changed' WHERE b = 'q'`);
  await twin.both(`DELETE FROM loose WHERE a = 'back'`);
  await twin.both(`INSERT INTO loose VALUES ('r')`);
  await throughRestarts(twin, 'changes');
  expect(await twin.engine.run('SELECT id FROM keyed WHERE c = 9')).toEqual([['10']]);
  for (const wrong of [
    `INSERT INTO keyed VALUES (71, 'w', 0)`,
    `SELECT a FROM keyed`,
    `ALTER TABLE keyed DROP COLUMN a`,
  ]) {
    const [state] = await twin.theirs(wrong);
    expect(await twin.ours(wrong), wrong).toEqual([state]);
  }
  await twin.both(`ALTER TABLE keyed DROP COLUMN IF EXISTS a, DROP COLUMN b`);
  await throughRestarts(twin, 'DROP COLUMN of a UNIQUE column');
  expect(await twin.engine.run('SHOW INDEXES')).toEqual([['by_c', 'keyed', 'c', 'no']]);
});

test('a column that others read stays', async () => {
  twin = await Twin.open(made);
  await twin.view('readers', 'SELECT b FROM loose');
  await twin.both(`CREATE TABLE made (a int, b int GENERATED ALWAYS AS (a + 1) STORED)`);
  for (const wrong of [
    `ALTER TABLE loose DROP COLUMN b`,
    `ALTER TABLE made DROP COLUMN a`,
    `ALTER TABLE readers DROP COLUMN b`,
  ]) {
    const [state] = await twin.theirs(wrong);
    expect(await twin.ours(wrong), wrong).toEqual([state]);
  }
  await throughRestarts(twin, 'refusals');
});

test('a checkpoint that was written before the columns changed is not that of the table after', async () => {
  twin = await Twin.open(made);
  await twin.view('sums', 'SELECT b, sum(a) AS total FROM loose GROUP BY b');
  await twin.engine.checkpointed();
  await twin.both(`ALTER TABLE loose ADD COLUMN d int DEFAULT 4`);
  await throughRestarts(twin, 'a checkpoint before');
  await twin.both(`ALTER TABLE loose ADD COLUMN e int DEFAULT 5`);
  await twin.engine.checkpointed();
  await twin.restart(false);
  expect(twin.engine.report).toMatchObject({ filled: 0, replayed: 0 });
  await throughRestarts(twin, 'a checkpoint after');
});

test('a sink writes on into a table that got a column', async () => {
  twin = await Twin.open([]);
  const { engine } = twin;
  await engine.run(`CREATE TABLE source (a int, b int);
    CREATE TABLE target (x int, y int PRIMARY KEY);
    CREATE SINK flow AS SELECT sum(a) AS x, b FROM source GROUP BY b INTO TABLE target;
    INSERT INTO source VALUES (1, 1), (2, 2);
    ALTER TABLE target ADD COLUMN z text DEFAULT 'z'`);
  await expect(engine.run('ALTER TABLE target DROP COLUMN x')).rejects.toMatchObject({
    sqlState: '2BP01',
  });
  await engine.run(`INSERT INTO source VALUES (3, 1)`);
  await engine.run(`UPDATE source SET a = 5 WHERE b = 2`);
  const rows = [
    ['4', '1', 'z'],
    ['5', '2', 'z'],
  ];
  const query = 'SELECT * FROM target ORDER BY y';
  await expect.poll(() => twin!.engine.run(query)).toEqual(rows);
  await twin.restart(false);
  await twin.engine.run(`INSERT INTO source VALUES (10, 3)`);
  await expect.poll(() => twin!.engine.run(query)).toEqual([...rows, ['10', '3', 'z']]);
  await twin.restart(true);
  expect(await twin.engine.run(query)).toEqual([...rows, ['10', '3', 'z']]);
});

test('a plain view, a renamed column and a unique index go through alterations', async () => {
  twin = await Twin.open(made);
  for (const statement of [
    'CREATE VIEW plain AS SELECT * FROM keyed',
    'CREATE UNIQUE INDEX by_a ON keyed (a)',
    'ALTER TABLE keyed RENAME COLUMN c TO cc',
    'ALTER TABLE keyed ADD COLUMN d int DEFAULT 1',
    'ALTER TABLE keyed RENAME TO other',
    'ALTER TABLE other RENAME COLUMN d TO dd',
    `ALTER TABLE other ADD COLUMN e text DEFAULT 'e'`,
    `INSERT INTO other VALUES (1, 99, 'w', 7, 8, 'f') ON CONFLICT (a) DO UPDATE SET dd = excluded.dd`,
  ]) {
    await twin.both(statement);
  }
  const queries = [
    'SELECT * FROM plain',
    'SELECT * FROM plain WHERE id = 10',
    'SELECT * FROM other WHERE a = 1',
    'SELECT cc, dd, e FROM other',
    `INSERT INTO other VALUES (1, 98, 'v', 7, 8, 'f')`,
    `INSERT INTO other VALUES (5, 97, 'u', 2)`,
  ];
  for (const isClean of [false, true, false]) {
    for (const query of queries) {
      expect(await twin.ours(query), query).toEqual(await twin.theirs(query));
    }
    await twin.restart(isClean);
  }
});

test('SHOW CREATE TABLE and information_schema tell of the columns as they are', async () => {
  twin = await Twin.open(made);
  const { engine } = twin;
  await engine.run(`ALTER TABLE keyed RENAME COLUMN c TO cc;
    ALTER TABLE keyed ADD COLUMN d int DEFAULT 1 + 2, DROP COLUMN b;
    ALTER TABLE keyed RENAME TO renamed`);
  const shown = (await engine.run('SHOW CREATE TABLE renamed')) as string[][];
  expect(shown[0]![1]).toMatch(/"id" integer NOT NULL.*"d" integer DEFAULT .*PRIMARY KEY.*CHECK/);
  await twin.restart(true);
  const columns = `SELECT column_name, column_default FROM information_schema.columns
    WHERE table_name = 'renamed' ORDER BY ordinal_position`;
  const found = (await twin.engine.run(columns)) as string[][];
  expect(found.map(([name]) => name)).toEqual(['a', 'id', 'cc', 'd']);
  expect(found[3]![1]).toMatch(/1.*\+.*2/);
});
