import { afterEach, beforeEach, expect, test } from 'vitest';
import { limits } from '../../../platform/limits.ts';
import { type Engine, openEngineInMemory } from './harness.ts';

/** What is too much stops its view or fails its statement, and nothing else. */
let engine: Engine;
beforeEach(async () => {
  engine = await openEngineInMemory();
});
afterEach(() => engine.close());

const endless =
  'WITH RECURSIVE r(x) AS (SELECT a FROM t UNION ALL SELECT x FROM r) SELECT x FROM r';

/** Runs with another limit. */
async function withLimit(name: keyof typeof limits, value: number, run: () => Promise<void>) {
  const changeable = limits as { -readonly [K in keyof typeof limits]: number };
  const before = changeable[name];
  changeable[name] = value;
  try {
    await run();
  } finally {
    changeable[name] = before;
  }
}

test('a recursion without end stops its view, which shows no part of it', async () => {
  await engine.run(`CREATE TABLE t (a int); CREATE MATERIALIZED VIEW v AS ${endless};
    CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM v;
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM t`);
  await withLimit('recursionLevelsMax', 50, async () => {
    await engine.run('INSERT INTO t VALUES (1)');
    for (const name of ['v', 'above']) {
      await expect(engine.run(`SELECT * FROM ${name}`)).rejects.toMatchObject({
        sqlState: '54000',
      });
    }
    await expect(engine.run(endless)).rejects.toMatchObject({ sqlState: '54000' });
    await expect(engine.run(`CREATE MATERIALIZED VIEW w AS ${endless}`)).rejects.toMatchObject({
      sqlState: '54000',
    });
  });
  expect(await engine.run('SELECT n FROM beside')).toEqual([['1']]);
  await engine.run('DELETE FROM t');
  expect(await engine.run('SELECT n FROM beside')).toEqual([['0']]);
  await engine.run('DROP MATERIALIZED VIEW v CASCADE');
});

test('the state of a recursion, and that of a view being filled, count', async () => {
  await engine.run('CREATE TABLE t (a int)');
  const numbers = `WITH RECURSIVE r(x) AS (SELECT a FROM t UNION SELECT x + 1 FROM r, t WHERE x < 200)
    SELECT max(x) AS m FROM r`;
  await engine.run(`CREATE MATERIALIZED VIEW v WITH (state_budget = '2MB') AS ${numbers}`);
  await engine.run('INSERT INTO t VALUES (1)');
  await engine.checkpointed();
  await expect(engine.run('SELECT * FROM v')).rejects.toMatchObject({ sqlState: '53200' });
  await engine.run('INSERT INTO t SELECT n FROM generate_series(1, 20000) g(n)');
  const copy = "CREATE MATERIALIZED VIEW copy WITH (state_budget = '300kB') AS SELECT a FROM t";
  await expect(engine.run(copy)).rejects.toMatchObject({ sqlState: '53200' });
});

test('what reads a stopped view is refused, and stops with it at a start', async () => {
  await engine.run(
    'CREATE TABLE t (a int); INSERT INTO t SELECT n FROM generate_series(1, 5000) g(n)',
  );
  await engine.run(`CREATE MATERIALIZED VIEW v WITH (state_budget = '3MB') AS SELECT a FROM t;
    CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM v;
    CREATE TOPIC out WITH (queues = 1); CREATE SINK s FROM above INTO out WITH (format = 'changelog');
    CREATE MATERIALIZED VIEW beside AS SELECT count(*) AS n FROM t`);
  await engine.run('INSERT INTO t SELECT n FROM generate_series(1, 65000) g(n)');
  await engine.run('INSERT INTO t SELECT n FROM generate_series(65001, 250000) g(n)');
  await engine.checkpointed();
  const refused = async (text: string) =>
    expect(engine.run(text), text).rejects.toMatchObject({ sqlState: '53200' });
  for (const start of ['no', 'again', 'from the log']) {
    await refused('SELECT * FROM v');
    await refused('SELECT * FROM above');
    await refused('CREATE MATERIALIZED VIEW over AS SELECT a FROM v');
    await refused("CREATE SINK over FROM v INTO out WITH (format = 'changelog')");
    expect(await engine.run('SELECT n FROM beside'), start).toEqual([['255000']]);
    if (start === 'from the log') break;
    engine = await engine.restart((kv, state) => {
      if (start === 'again') kv.destroy(state);
    });
  }
});

test('a join by inequality keeps what matches alone, and has a bound', async () => {
  await engine.run(`CREATE TABLE l (a int PRIMARY KEY); CREATE TABLE r (b int PRIMARY KEY)`);
  const less = 'SELECT a, b FROM l JOIN r ON a < b';
  await engine.run(`CREATE MATERIALIZED VIEW less AS ${less};
    CREATE MATERIALIZED VIEW failing AS SELECT a, b FROM l, r WHERE 10 / (a - b) > 4`);
  await engine.run('INSERT INTO l VALUES (1), (2), (3); INSERT INTO r VALUES (1), (2), (3)');
  const pairs = [
    ['1', '2'],
    ['1', '3'],
    ['2', '3'],
  ];
  expect(await engine.run('SELECT * FROM less ORDER BY a, b')).toEqual(pairs);
  expect(await engine.run(`${less} ORDER BY a, b`)).toEqual(pairs);
  expect(await engine.run('SELECT * FROM failing ORDER BY a, b')).toEqual([
    ['2', '1'],
    ['3', '1'],
    ['3', '2'],
  ]);
  expect(await engine.run('SELECT row FROM failing$errors ORDER BY row')).toHaveLength(3);
  await engine.run('DELETE FROM l WHERE a = 2');
  expect(await engine.run('SELECT * FROM less')).toEqual(
    [
      ['1', '2'],
      ['1', '3'],
    ].slice(0, 2),
  );
  expect(await engine.run('SELECT row FROM failing$errors')).toHaveLength(2);
  await withLimit('stepPairsMax', 100, async () => {
    await engine.run('INSERT INTO l SELECT n FROM generate_series(10, 60) g(n)');
  });
  await expect(engine.run('SELECT * FROM less')).rejects.toMatchObject({ sqlState: '54000' });
});

test('errors are kept up to a bound, and counted beyond it', async () => {
  await engine.run(`CREATE TABLE t (a int PRIMARY KEY);
    CREATE MATERIALIZED VIEW v AS SELECT a, 1 / (a - a) AS q FROM t`);
  const described = async () => String(await engine.run('DESCRIBE v'));
  const count = () => engine.run('SELECT count(*) FROM v$errors');
  await engine.run('INSERT INTO t SELECT n FROM generate_series(1, 10050) g(n)');
  expect(await described()).toContain('failed rows,10000, readable in "v$errors", and 50 more');
  expect(await count()).toEqual([['10000']]);
  engine = await engine.restart();
  expect(await described()).toContain('failed rows,10000, readable in "v$errors", and 50 more');
  await engine.run('DELETE FROM t WHERE a > 10000');
  await engine.run('DELETE FROM t WHERE a <= 5000');
  expect(await described()).toMatch(/failed rows,5000, readable in "v\$errors"$/);
  await engine.run('DELETE FROM t');
  expect(await described()).toMatch(/failed rows,0$/);
  expect(await count()).toEqual([['0']]);
});

test('each message that is no row stays readable, however many there are', async () => {
  await engine.run(`CREATE TOPIC t; CREATE SOURCE s (a int) WITH (topic = 't', format = 'json')`);
  await engine.publish(
    't',
    Array.from({ length: limits.errorRowsMax + 5 }, () => 'no json'),
  );
  const total = String(limits.errorRowsMax + 5);
  expect(await engine.run('SELECT count(*), count(DISTINCT "offset") FROM s$errors')).toEqual([
    [total, total],
  ]);
});

test('a statement that changes rows has the bounds of a query, and one entry for its rows', async () => {
  await engine.run(
    'CREATE TABLE t (a int); INSERT INTO t SELECT n FROM generate_series(1, 2000) g(n)',
  );
  const crossed = 'SELECT a.a FROM t a, t b, t c WHERE a.a + b.a + c.a < 0';
  const refused = (text: string, sqlState: string) =>
    expect(engine.run(text), text).rejects.toMatchObject({ sqlState });
  await refused(`SET statement_timeout = '20ms'; INSERT INTO t ${crossed}`, '57014');
  await refused(`SET statement_timeout = '20ms'; DELETE FROM t WHERE a IN (${crossed})`, '57014');
  expect(await engine.run('SELECT count(*) FROM t')).toEqual([['2000']]);
  await engine.run('CREATE TABLE wide (a text)');
  const wide = "INSERT INTO wide SELECT repeat('x', 1000000) FROM generate_series(1, 40)";
  await refused(wide, '54000');
  expect(await engine.run('SELECT count(*) FROM wide')).toEqual([['0']]);
  expect(await engine.run('INSERT INTO t SELECT n FROM generate_series(1, 70000) g(n)')).toBe(
    'INSERT 0 70000',
  );
});

test('a result of many rows is sorted and sent in pieces', async () => {
  await engine.run(
    'CREATE TABLE t (a int); INSERT INTO t SELECT n FROM generate_series(1, 40000) g(n)',
  );
  const rows = (await engine.run(
    'SELECT (a * 7919) % 40009 AS k FROM t ORDER BY k DESC LIMIT 30000 OFFSET 100',
  )) as string[][];
  const sorted = Array.from({ length: 40_000 }, (_, n) => ((n + 1) * 7919) % 40_009);
  sorted.sort((a, b) => b - a);
  expect(rows.map(([k]) => Number(k))).toEqual(sorted.slice(100, 30_100));
});
