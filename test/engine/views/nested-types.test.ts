import { afterEach, expect, test } from 'vitest';
import { type Engine, openEngine } from './harness.ts';

/** jsonb, arrays, records, uuid and char in tables, messages, views and over restarts. */

let engine: Engine;
afterEach(() => engine.close());

test('tables hold them, views group by them, retractions find them, restarts keep them', async () => {
  engine = await openEngine();
  await engine.run(`
    CREATE TABLE t (id int PRIMARY KEY, j jsonb, a int[], u uuid, c char(4), r struct<x int, y text[]>);
    CREATE MATERIALIZED VIEW by_json AS SELECT j, count(*) AS n FROM t GROUP BY j;
    CREATE MATERIALIZED VIEW by_array AS SELECT a, max(c) AS c, count(*) AS n FROM t GROUP BY a;
    CREATE MATERIALIZED VIEW parts AS SELECT id, j ->> 'k' AS k, a[1] AS first, (r).y[2] AS y FROM t;
  `);
  await engine.run(`INSERT INTO t VALUES
    (1, '{"k": 1.0, "b": [1]}', '{1,2}', 'a0eebc999c0b4ef8bb6d6bb9bd380a11', 'ab', ROW(1, '{p,q}')),
    (2, '{"b": [1], "k": 1.00}', ARRAY[1, 2], NULL, 'ab  ', NULL),
    (3, '[]', '{}', NULL, 'b', ROW(NULL, ARRAY[]::text[]))`);
  const check = async () => {
    // 1.0 and 1.00 are equal in jsonb, and either may stand for the group.
    expect(await engine.run('SELECT n FROM by_json ORDER BY n')).toEqual([['1'], ['2']]);
    expect(await engine.run('SELECT * FROM by_array ORDER BY a')).toEqual([
      ['{}', 'b   ', '1'],
      ['{1,2}', 'ab  ', '2'],
    ]);
    expect(await engine.run('SELECT * FROM parts ORDER BY id')).toEqual([
      ['1', '1.0', '1', 'q'],
      ['2', '1.00', '1', 'NULL'],
      ['3', 'NULL', 'NULL', 'NULL'],
    ]);
    expect(await engine.run("SELECT id, u, r FROM t WHERE c = 'ab' ORDER BY id")).toEqual([
      ['1', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '(1,"{p,q}")'],
      ['2', 'NULL', 'NULL'],
    ]);
  };
  await check();
  engine = await engine.restart();
  await check();
  await engine.run('DELETE FROM t WHERE id = 2');
  await engine.run("UPDATE t SET a = '{7}' WHERE a = '{}'");
  expect(await engine.run('SELECT n FROM by_json')).toEqual([['1'], ['1']]);
  expect(await engine.run('SELECT a, n FROM by_array ORDER BY a')).toEqual([
    ['{1,2}', '1'],
    ['{7}', '1'],
  ]);
});

test('numbers of any length inside jsonb are equal by value', async () => {
  engine = await openEngine();
  await engine.run(`CREATE TABLE t (id int PRIMARY KEY, j jsonb);
    CREATE MATERIALIZED VIEW v AS SELECT j, count(*) AS n FROM t GROUP BY j`);
  const long = `1.${'5'.repeat(100)}`;
  const rows = [
    long,
    `${long}${'0'.repeat(10_000)}`,
    '1e300',
    `1${'0'.repeat(300)}.00`,
    '0.0',
    '-0',
  ];
  await engine.run(
    `INSERT INTO t VALUES ${rows.map((text, id) => `(${id}, '${text}')`).join(', ')}`,
  );
  expect(await engine.run('SELECT n FROM v')).toEqual([['2'], ['2'], ['2']]);
});

test('messages bring nested JSON', async () => {
  engine = await openEngine();
  await engine.run(`
    CREATE TOPIC events;
    CREATE SOURCE events (id int, data jsonb, tags text[], place struct<city text, at timestamp>)
      WITH (topic = 'events', format = 'json');
    CREATE MATERIALIZED VIEW seen AS
      SELECT id, data #>> '{user,name}' AS name, data -> 'list' ->> -1 AS last, tags, (place).city, (place).at
      FROM events;
  `);
  await engine.publish('events', [
    '{"id":1,"data":{"user":{"name":"Ada \\u00e9"},"list":[1,2.50]},"tags":["a","b c"],"place":{"city":"X","at":1000}}',
    '{"id":2,"data":"text","tags":[],"place":{"city":null,"other":1}}',
    '{"id":3,"data":null,"tags":[["a"],["b"]]}',
    '{"id":4,"tags":"no array"}',
    '{"id":5,"place":[1]}',
  ]);
  expect(await engine.run('SELECT * FROM seen ORDER BY id')).toEqual([
    ['1', 'Ada é', '2.50', '{a,"b c"}', 'X', '1970-01-01 00:00:01'],
    ['2', 'NULL', 'NULL', '{}', 'NULL', 'NULL'],
    ['3', 'NULL', 'NULL', '{{a},{b}}', 'NULL', 'NULL'],
  ]);
});

test('a statement has a clock, a view has not', async () => {
  engine = await openEngine();
  await engine.run('CREATE TABLE t (id int, at timestamptz)');
  await engine.run('INSERT INTO t VALUES (1, now()), (2, current_timestamp)');
  const same =
    'SELECT min(at) = max(at), now() = current_timestamp, current_date = now()::date FROM t';
  expect(await engine.run(same)).toEqual([['t', 't', 't']]);
  const refused = engine.run('CREATE MATERIALIZED VIEW v AS SELECT id FROM t WHERE at > now()');
  await expect(refused).rejects.toThrow('not supported in a view');
  const random = engine.run('CREATE MATERIALIZED VIEW v AS SELECT random() FROM t');
  await expect(random).rejects.toThrow('volatile');
});

test('a row on which a function fails is kept as an error, the others go on', async () => {
  engine = await openEngine();
  await engine.run(`CREATE TABLE t (id int PRIMARY KEY, pattern text, j text);
    CREATE MATERIALIZED VIEW v AS SELECT id, 'abc' ~ pattern AS m, (j::jsonb -> 'a')::int AS a FROM t`);
  await engine.run(
    `INSERT INTO t VALUES (1, 'b', '{"a": 1}'), (2, '(', '{}'), (3, 'x', 'no json'), (4, 'c$', '{"a": 4}')`,
  );
  const rows = [
    ['1', 't', '1'],
    ['4', 't', '4'],
  ];
  expect(await engine.run('SELECT * FROM v ORDER BY id')).toEqual(rows);
  await engine.run(`UPDATE t SET pattern = 'a', j = '{"a": 2}' WHERE id = 2`);
  expect(await engine.run('SELECT * FROM v ORDER BY id')).toEqual([
    rows[0],
    ['2', 't', '2'],
    rows[1],
  ]);
});
