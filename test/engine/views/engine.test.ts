import { afterEach, describe, expect, test } from 'vitest';
import { type Engine, openEngine } from './harness.ts';

let engine: Engine;
afterEach(() => engine.close());

const sorted = (rows: string[][] | string) => (Array.isArray(rows) ? rows.toSorted() : rows);

describe('tables', () => {
  test('INSERT, UPDATE and DELETE go through the log and survive a restart', async () => {
    engine = await openEngine();
    await engine.run(
      'CREATE TABLE t (id int PRIMARY KEY, name text, price numeric(10,2) DEFAULT 1.5)',
    );
    expect(await engine.run("INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b'), (3, NULL)")).toBe(
      'INSERT 0 3',
    );
    expect(await engine.run("UPDATE t SET price = price * 2, name = 'z' WHERE id = 2")).toBe(
      'UPDATE 1',
    );
    expect(await engine.run('DELETE FROM t WHERE id = 1')).toBe('DELETE 1');
    const rows = [
      ['2', 'z', '3.00'],
      ['3', 'NULL', '1.50'],
    ];
    expect(await engine.run('SELECT * FROM t ORDER BY id')).toEqual(rows);
    engine = await engine.restart();
    expect(await engine.run('SELECT * FROM t ORDER BY id')).toEqual(rows);
  });

  test('without a PRIMARY KEY equal rows stay apart', async () => {
    engine = await openEngine();
    await engine.run('CREATE TABLE t (a int)');
    await engine.run('INSERT INTO t VALUES (1), (1), (2)');
    expect(await engine.run('SELECT a, count(*) FROM t GROUP BY a ORDER BY a')).toEqual([
      ['1', '2'],
      ['2', '1'],
    ]);
    await engine.run('DELETE FROM t WHERE a = 1');
    expect(await engine.run('SELECT * FROM t')).toEqual([['2']]);
  });
});

describe('materialized views', () => {
  const views = `
    CREATE TOPIC orders WITH (queues = 2);
    CREATE SOURCE orders (id bigint, item text, price bigint) WITH (topic = 'orders', format = 'json');
    CREATE TABLE items (name text PRIMARY KEY, category text);
    CREATE MATERIALIZED VIEW totals AS
      SELECT i.category, count(*) AS n, sum(o.price) AS total, avg(o.price) AS average, max(o.price) AS highest
      FROM orders o JOIN items i ON o.item = i.name GROUP BY i.category;
    CREATE MATERIALIZED VIEW big AS SELECT category FROM totals WHERE total > 100;
  `;
  const order = (id: number, item: string, price: number) => JSON.stringify({ id, item, price });

  test('follow topics and tables, before and after, over restarts', async () => {
    engine = await openEngine();
    await engine.run(views);
    await engine.run("INSERT INTO items VALUES ('x', 'A'), ('y', 'B')");
    await engine.publish('orders', [order(1, 'x', 50), order(2, 'x', 60), order(3, 'y', 7)]);
    const totals = [
      ['A', '2', '110', '55.0000000000000000', '60'],
      ['B', '1', '7', '7.0000000000000000', '7'],
    ];
    expect(await engine.run('SELECT * FROM totals ORDER BY 1')).toEqual(totals);
    expect(await engine.run('SELECT * FROM big')).toEqual([['A']]);
    await engine.run("UPDATE items SET category = 'B' WHERE name = 'x'");
    const moved = [['B', '3', '117', '39.0000000000000000', '60']];
    expect(await engine.run('SELECT * FROM totals')).toEqual(moved);
    await engine.run(
      'CREATE MATERIALIZED VIEW later AS SELECT item, sum(price) AS s FROM orders GROUP BY item',
    );
    expect(sorted(await engine.run('SELECT * FROM later'))).toEqual([
      ['x', '110'],
      ['y', '7'],
    ]);
    engine = await engine.restart();
    await engine.publish('orders', [order(4, 'y', 3)]);
    expect(await engine.run('SELECT * FROM totals')).toEqual([
      ['B', '4', '120', '30.0000000000000000', '60'],
    ]);
    expect(await engine.run("DELETE FROM items WHERE name = 'x'")).toBe('DELETE 1');
    expect(await engine.run('SELECT * FROM totals')).toEqual([
      ['B', '2', '10', '5.0000000000000000', '7'],
    ]);
    expect(await engine.run('SELECT * FROM big')).toEqual([]);
  });

  test('bodies that are not rows are counted, kept and readable', async () => {
    engine = await openEngine();
    await engine.run(views);
    await engine.publish('orders', [order(1, 'x', 5), 'no json', '{"id":"abc"}']);
    expect(await engine.run('SELECT count(*) FROM orders')).toEqual([['1']]);
    const errors = await engine.run('SELECT queue, "offset", body FROM "orders$errors" ORDER BY 2');
    expect(errors).toEqual([
      ['0', '1', 'no json'],
      ['0', '2', '{"id":"abc"}'],
    ]);
    const described = await engine.run('DESCRIBE orders');
    expect(JSON.stringify(described)).toContain('2, readable in \\"orders$errors\\"');
  });

  test('a failing row is left out of a view and stops an ad-hoc query', async () => {
    engine = await openEngine();
    await engine.run(
      'CREATE TABLE t (a int, b int); CREATE MATERIALIZED VIEW v AS SELECT a / b AS q FROM t',
    );
    await engine.run('INSERT INTO t VALUES (6, 2), (1, 0), (9, 3)');
    expect(await engine.run('SELECT q FROM v ORDER BY q')).toEqual([['3'], ['3']]);
    await expect(engine.run('SELECT a / b FROM t')).rejects.toMatchObject({ sqlState: '22012' });
  });
});

test('a topic says how its messages are acknowledged, when it was told', async () => {
  engine = await openEngine();
  const flush = async () => JSON.stringify(await engine!.run('DESCRIBE TOPIC t'));
  await engine.run("CREATE TOPIC t WITH (queues = 1, flush = 'interval')");
  expect(await flush()).toContain('["flush","text","interval"]');
  await engine.run('ALTER TOPIC t SET (retention_bytes = 1000)');
  expect(await flush()).toContain('["flush","text","interval"]');
  await engine.run("ALTER TOPIC t SET (flush = 'sync')");
  expect(await flush()).toContain('["flush","text","sync"]');
  await engine.run("ALTER TOPIC t SET (flush = 'default')");
  expect(await flush()).not.toContain('flush');
  await expect(engine.run("ALTER TOPIC t SET (flush = 'never')")).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

describe('errors change nothing', () => {
  test.each([
    ['SELECT * FROM nothing', '42P01'],
    ['CREATE SOURCE s (a int)', '42P16'],
    ["CREATE SOURCE s (a int) WITH (topic = 'none')", '42704'],
    ['INSERT INTO t VALUES (NULL)', '23502'],
    ["INSERT INTO t VALUES ('x')", '22P02'],
    ['INSERT INTO t VALUES (1) ON CONFLICT (b) DO NOTHING', '42703'],
    ['DROP TABLE t', '2BP01'],
    ['CREATE TABLE t (b int)', '42P07'],
    ['DROP VIEW t', '42809'],
    ['SELEC 1', '42601'],
  ])('%s', async (text, sqlState) => {
    engine = await openEngine();
    await engine.run('CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT a FROM t');
    await expect(engine.run(text)).rejects.toMatchObject({ sqlState });
    expect(await engine.run('SELECT * FROM v')).toEqual([]);
    expect(await engine.run('SHOW RELATIONS')).toEqual([
      ['t', 'table'],
      ['v', 'view'],
    ]);
  });

  test('DROP ... CASCADE takes what depends on it', async () => {
    engine = await openEngine();
    await engine.run('CREATE TABLE t (a int PRIMARY KEY); CREATE VIEW v AS SELECT a FROM t');
    await engine.run('DROP TABLE t CASCADE');
    expect(await engine.run('SHOW RELATIONS')).toEqual([]);
    engine = await engine.restart();
    expect(await engine.run('SHOW RELATIONS')).toEqual([]);
  });
});
