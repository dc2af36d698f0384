import { afterEach, expect, test } from 'vitest';
import { type Engine, openEngine } from './harness.ts';

/** Queries, fills and steps run beside each other; each sees the data at one frontier. */

let engine: Engine | undefined;

afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

const batch = 500;
const source = `CREATE TOPIC numbers;
  CREATE SOURCE numbers (n bigint, half bigint) WITH (topic = 'numbers', format = 'json')`;

function numbers(round: number): string[] {
  return Array.from({ length: batch }, (_, i) => {
    const n = round * batch + i;
    return `{"n":${n},"half":${Math.floor(n / 2)}}`;
  });
}

test('a query over several relations sees them at one frontier while messages stream in', async () => {
  engine = await openEngine();
  const { run, publish } = engine;
  await run(source);
  await run(`CREATE MATERIALIZED VIEW total AS SELECT count(*) AS c, sum(n) AS s FROM numbers;
    CREATE MATERIALIZED VIEW halves AS SELECT half, count(*) AS c FROM numbers GROUP BY half`);
  let isPublishing = true;
  const publishing = (async () => {
    for (let round = 0; round < 40; round++) await publish('numbers', numbers(round));
    isPublishing = false;
  })();
  let queries = 0;
  const counts = new Set<string>();
  while (isPublishing) {
    const [row] = (await run(`SELECT a.c, b.c, c.c FROM total a,
      (SELECT sum(c) AS c FROM halves) b, (SELECT count(*) AS c FROM numbers) c`)) as string[][];
    const [total, halves, messages] = row!.map((cell) => (cell === 'NULL' ? '0' : cell));
    expect([halves, messages]).toEqual([total, total]);
    counts.add(total!);
    queries++;
  }
  await publishing;
  expect(queries).toBeGreaterThan(3);
  expect(counts.size).toBeGreaterThan(1);
});

test('relations created while messages stream in miss nothing and count nothing twice', async () => {
  engine = await openEngine();
  const { run, publish } = engine;
  await run(source);
  for (let round = 0; round < 10; round++) await publish('numbers', numbers(round));
  const publishing = (async () => {
    for (let round = 10; round < 40; round++) await publish('numbers', numbers(round));
  })();
  await run(
    'CREATE MATERIALIZED VIEW early AS SELECT half, count(*) AS c FROM numbers GROUP BY half',
  );
  await run('CREATE MATERIALIZED VIEW later AS SELECT c, count(*) AS halves FROM early GROUP BY c');
  await run(`CREATE TABLE latest (half bigint PRIMARY KEY, n bigint)
    WITH (topic = 'numbers', format = 'json')`);
  await run(`CREATE MATERIALIZED VIEW joined AS SELECT count(*) AS c
    FROM latest l JOIN early e ON l.half = e.half`);
  await publishing;
  const count = 40 * batch;
  expect(await run('SELECT sum(c), count(*) FROM early')).toEqual([[`${count}`, `${count / 2}`]]);
  expect(await run('SELECT * FROM later')).toEqual([['2', `${count / 2}`]]);
  expect(await run('SELECT count(*), sum(n - 2 * half) FROM latest')).toEqual([
    [`${count / 2}`, `${count / 2}`],
  ]);
  expect(await run('SELECT * FROM joined')).toEqual([[`${count / 2}`]]);
});

test('a short query is answered while a long one runs, and steps go on', async () => {
  engine = await openEngine();
  const { run, publish } = engine;
  await run(source);
  for (let round = 0; round < 20; round++) await publish('numbers', numbers(round));
  await run('CREATE MATERIALIZED VIEW total AS SELECT count(*) AS c FROM numbers');
  const done: string[] = [];
  const long = run('SELECT count(*) FROM numbers a, numbers b WHERE a.half <> b.n').then(
    () => done.push('long'),
    () => done.push('long, cancelled'),
  );
  await publish('numbers', numbers(20));
  const short = await run('SELECT c FROM total');
  done.push('short');
  expect(short).toEqual([[`${21 * batch}`]]);
  expect(done).toEqual(['short']);
  await engine.close();
  engine = undefined;
  await long;
  expect(done).toEqual(['short', 'long, cancelled']);
});

test('rows on which an expression fails are kept, and leave with their row', async () => {
  engine = await openEngine();
  const { run } = engine;
  await run('CREATE TABLE t (id int PRIMARY KEY, a int, b int)');
  await run('CREATE MATERIALIZED VIEW v AS SELECT id, a / b AS q FROM t');
  await run('CREATE MATERIALIZED VIEW failures AS SELECT count(*) AS c FROM "v$errors"');
  await run('INSERT INTO t VALUES (1, 10, 2), (2, 10, 0), (3, 7, 0)');
  expect(await run('SELECT * FROM v')).toEqual([['1', '5']]);
  expect(await run('SELECT * FROM "v$errors" ORDER BY "row"')).toEqual([
    ['22012', 'division by zero', 'id=2, a=10, b=0'],
    ['22012', 'division by zero', 'id=3, a=7, b=0'],
  ]);
  expect(await run('SELECT c FROM failures')).toEqual([['2']]);
  const described = (await run('DESCRIBE v')) as string[][];
  expect(described).toContainEqual(['', 'failed rows', '2, readable in "v$errors"']);
  await run('UPDATE t SET b = 5 WHERE id = 2');
  expect(await run('SELECT * FROM v ORDER BY id')).toEqual([
    ['1', '5'],
    ['2', '2'],
  ]);
  expect(await run('SELECT count(*) FROM "v$errors"')).toEqual([['1']]);
  engine = await engine.restart();
  expect(await engine.run('SELECT c FROM failures')).toEqual([['1']]);
  await engine.run('DELETE FROM t');
  expect(await engine.run('SELECT c FROM failures')).toEqual([['0']]);
});
