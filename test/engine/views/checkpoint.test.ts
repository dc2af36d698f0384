import { afterEach, expect, test } from 'vitest';
import type { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { type Engine, openEngine } from './harness.ts';

/** Restart from a checkpoint: what comes back, what is replayed, and what is refused. */

let engine: Engine | undefined;

afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

const views = `
  CREATE TABLE shops (id int PRIMARY KEY, name text, city text);
  CREATE MATERIALIZED VIEW per_city AS
    SELECT city, count(*) AS shops, min(name) AS first FROM shops GROUP BY city;
  CREATE MATERIALIZED VIEW sold AS
    SELECT s.city, sum(o.price) AS total, max(o.price) AS top, avg(o.price * 0.5) AS half
    FROM orders o JOIN shops s ON o.shop = s.id GROUP BY s.city;
  CREATE MATERIALIZED VIEW big AS SELECT city FROM sold WHERE total > 50;
  CREATE MATERIALIZED VIEW constants AS SELECT 1 AS one UNION ALL SELECT count(*) FROM orders;
  CREATE VIEW plain AS SELECT city FROM per_city`;

async function prepared(): Promise<Engine> {
  const opened = await openEngine();
  await opened.run(`CREATE TOPIC orders;
    CREATE SOURCE orders (shop int, price int) WITH (topic = 'orders', format = 'json')`);
  await opened.run(views);
  await opened.run(`INSERT INTO shops VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'y')`);
  await opened.publish('orders', orders(1, 20));
  return opened;
}

function orders(from: number, to: number): string[] {
  const bodies: string[] = [];
  for (let n = from; n <= to; n++) bodies.push(`{"shop":${1 + (n % 3)},"price":${n}}`);
  return bodies;
}

async function everything(of: Engine): Promise<unknown> {
  const names = ['shops', 'per_city', 'sold', 'big', 'constants', 'plain', 'orders$errors'];
  const rows: Record<string, unknown> = {};
  for (const name of names) rows[name] = await of.run(`SELECT * FROM "${name}" ORDER BY 1`);
  return rows;
}

/** Six relations with state: the source, the table and four views. */
const relations = 6;

test('after a clean stop everything comes from the checkpoint and nothing is replayed', async () => {
  engine = await prepared();
  const before = await everything(engine);
  engine = await engine.restart();
  expect(engine.report).toEqual({ type: 'ready', restored: relations, filled: 0, replayed: 0 });
  expect(await everything(engine)).toEqual(before);
  await engine.run(`UPDATE shops SET city = 'y' WHERE id = 1; DELETE FROM shops WHERE id = 3`);
  await engine.publish('orders', orders(21, 25));
  const changed = await everything(engine);
  expect(changed).not.toEqual(before);
  engine = await engine.restart();
  expect(await everything(engine)).toEqual(changed);
});

test('after a kill only what came since the last checkpoint is replayed', async () => {
  engine = await prepared();
  await engine.checkpointed();
  await engine.publish('orders', orders(21, 23));
  await engine.publish('orders', orders(24, 30));
  await engine.run(`DELETE FROM shops WHERE id = 2`);
  const before = await everything(engine);
  const killed = await engine.crash();
  engine = killed;
  expect(killed.report).toEqual({ type: 'ready', restored: relations, filled: 0, replayed: 3 });
  expect(await everything(killed)).toEqual(before);
});

test('without a checkpoint everything is built from the log', async () => {
  engine = await prepared();
  const before = await everything(engine);
  engine = await engine.crash((kv, state) => kv.destroy(state));
  expect(engine.report).toEqual({ type: 'ready', restored: 0, filled: relations, replayed: 0 });
  expect(await everything(engine)).toEqual(before);
});

test('state of another plan is built again, with what was made from it', async () => {
  engine = await prepared();
  const before = await everything(engine);
  engine = await engine.restart(async (kv, path) => {
    const state = await kv.open(path);
    const fingerprints = await state.scan({ from: Uint8Array.of(2), to: Uint8Array.of(3) });
    const sold = fingerprints.find(({ value }) => Buffer.from(value).includes('"join"'))!;
    await state.write([{ key: sold.key, value: Buffer.from('an older plan') }]);
    await state.close();
  });
  // `sold` and `big`, which reads it.
  expect(engine.report).toMatchObject({ restored: relations - 2, filled: 2 });
  expect(await everything(engine)).toEqual(before);
  engine = await engine.restart();
  expect(engine.report).toMatchObject({ restored: relations, filled: 0 });
  expect(await everything(engine)).toEqual(before);
});

test('a frontier beyond the end of the log is corruption, not a starting point', async () => {
  engine = await prepared();
  const tampered = engine.restart(async (kv, path) => {
    const state = await kv.open(path);
    const key = Uint8Array.of(1);
    const value = Buffer.from((await state.get(key))!).toString('latin1');
    const beyond = value.replace(/\[\[(\d+),\[\d+/, '[[$1,[999');
    expect(beyond).not.toBe(value);
    await state.write([{ key, value: Buffer.from(beyond, 'latin1') }]);
    await state.close();
  });
  engine = undefined;
  await expect(tampered).rejects.toMatchObject({
    code: 'CORRUPTION',
    message: expect.stringMatching(/ends at offset \d+, but views have consumed it up to 999/),
  });
});

test('a dropped relation leaves nothing behind', async () => {
  engine = await prepared();
  await engine.checkpointed();
  let held = new Set<number>();
  engine = await engine.restart(async (kv, path) => {
    held = await relationsIn(kv, path);
  });
  await engine.run('DROP MATERIALIZED VIEW big; DROP MATERIALIZED VIEW sold');
  engine = await engine.restart(async (kv, path) => {
    const left = await relationsIn(kv, path);
    expect([...held].filter((id) => !left.has(id))).toHaveLength(2);
  });
  expect(engine.report).toMatchObject({ restored: relations - 2, filled: 0 });
});

test('a flushed checkpoint names everything that was created: else retention would wait for it', async () => {
  engine = await prepared();
  await engine.run(`CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
    CREATE INDEX by_city ON shops (city);
    CREATE TOPIC copies;
    CREATE SINK copied AS SELECT city, shops FROM per_city INTO copies WITH (format = 'changelog')`);
  // The source, the table, four materialized views and a plain one, the function, index and sink.
  expect((await engine.sql.flushCheckpoint())?.relations.size).toBe(10);
});

test('a batch that could not be written goes out with the next one', async () => {
  engine = await prepared();
  await engine.checkpointed();
  engine.failWrites(2);
  await engine.publish('orders', orders(21, 21));
  await engine.checkpointed();
  expect(engine.writesToFail()).toBe(0);
  await engine.publish('orders', orders(22, 22));
  await engine.checkpointed();
  const before = await everything(engine);
  engine = await engine.crash();
  expect(engine.report).toMatchObject({ restored: relations, filled: 0, replayed: 0 });
  expect(await everything(engine)).toEqual(before);
  // The join's state must be whole too: every order moves with its shop.
  await engine.run(`UPDATE shops SET city = 'z'`);
  expect(await engine.run('SELECT city, total FROM sold')).toEqual([['z', '253']]);
});

async function relationsIn(kv: MemoryKv, path: string): Promise<Set<number>> {
  const state = await kv.open(path);
  const found = await state.scan({ from: Uint8Array.of(3), to: Uint8Array.of(4) });
  await state.close();
  return new Set(found.map(({ key }) => Buffer.from(key).readUInt32BE(1)));
}
