import { afterEach, expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { type Engine, openEngine } from './harness.ts';

let engine: Engine;
afterEach(() => engine.close());

const order = (id: number, item: string, price: number) => JSON.stringify({ id, item, price });
const asMessages = `CREATE SOURCE seen (op text, item text, total numeric, "offset" bigint METADATA)
  WITH (topic = 'out')`;

async function open(): Promise<void> {
  engine = await openEngine();
  await engine.run(`CREATE TOPIC orders WITH (queues = 2); CREATE TOPIC out WITH (queues = 1);
    CREATE SOURCE orders (id bigint, item text, price numeric) WITH (topic = 'orders')`);
}

test('a sink writes what is there, then every change once, into a topic and a table', async () => {
  await open();
  await engine.publish('orders', [order(1, 'x', 5), order(2, 'y', 7)]);
  await engine.run(`CREATE TABLE totals (item text PRIMARY KEY, total numeric);
    CREATE SINK changes AS SELECT item, sum(price) AS total FROM orders GROUP BY item
      INTO out WITH (format = 'changelog');
    CREATE SINK sums AS SELECT item, sum(price) AS total FROM orders GROUP BY item INTO totals`);
  await engine.run(asMessages);
  await engine.publish('orders', [order(3, 'x', 1)]);
  await engine.run('FLUSH');
  const changes = await settled(
    () => engine.run('SELECT op, item, total FROM seen ORDER BY "offset"'),
    (rows) => rows.length === 4,
  );
  expect(changes).toEqual([
    ['+', 'x', '5'],
    ['+', 'y', '7'],
    ['-', 'x', '5'],
    ['+', 'x', '6'],
  ]);
  const totals = await settled(
    () => engine.run('SELECT * FROM totals ORDER BY item'),
    (rows) => String(rows) === 'x,6,y,7',
  );
  expect(totals).toEqual([
    ['x', '6'],
    ['y', '7'],
  ]);
});

test('refusals', async () => {
  await open();
  const fails = (text: string, sqlState: string) =>
    expect(engine.run(text), text).rejects.toMatchObject({ sqlState });
  const grouped = 'SELECT item, count(*) AS n FROM orders GROUP BY item';
  await engine.run('CREATE TABLE plain (a text, b bigint)');
  await fails(`CREATE SINK s AS ${grouped} INTO out`, '0A000');
  await fails(`CREATE SINK s AS ${grouped} INTO plain`, '0A000');
  await fails('CREATE SINK s FROM orders INTO nosuch', '42P01');
  await fails('CREATE SINK s FROM orders INTO orders', '42809');
  await fails('CREATE SINK s FROM orders INTO TOPIC orders', '42P17');
  await fails('CREATE SINK s FROM plain INTO plain', '42P17');
  await fails('CREATE SINK s AS (SELECT 1 AS a) INTO plain', '42601');
  await engine.run('CREATE SINK s FROM orders INTO out');
  await fails('CREATE SINK s FROM orders INTO out', '42P07');
  await fails('SELECT * FROM s', '42P01');
  await fails('DROP TOPIC out', '2BP01');
  await fails('DROP SOURCE orders', '2BP01');
  await engine.run('DROP SINK s; DROP TOPIC out');
});

/** Adds up a changelog: what is there when each `-` has met its `+`. */
function present(changes: readonly string[][]): string[] {
  const rows = new Map<string, number>();
  for (const [op, ...cells] of changes) {
    const key = cells.join();
    const weight = (rows.get(key) ?? 0) + (op === '+' ? 1 : -1);
    expect(weight === 0 || weight === 1, `${op} ${key}`).toBe(true);
    rows.set(key, weight);
  }
  return [...rows]
    .filter(([, weight]) => weight === 1)
    .map(([key]) => key)
    .sort();
}

test('over crashes and restarts, with and without a checkpoint, nothing is lost or written twice', async () => {
  const seed = Number(process.env.SEED ?? 20261125);
  const random = new SeededRandom(seed);
  await open();
  await engine.run(
    `CREATE TABLE totals (item text PRIMARY KEY, total numeric);
    CREATE SINK changes AS SELECT item, sum(price) AS total FROM orders GROUP BY item
      INTO out WITH (format = 'changelog');
    CREATE SINK sums AS SELECT item, sum(price) AS total FROM orders GROUP BY item INTO totals;
    CREATE SINK all_orders AS SELECT item, price AS total FROM orders INTO copies`
      .replace('INTO copies', 'INTO TOPIC copied')
      .replace('CREATE SINK all', 'CREATE TOPIC copied WITH (queues = 1); CREATE SINK all'),
  );
  await engine.run(asMessages);
  await engine.run("CREATE SOURCE copies (item text, total numeric) WITH (topic = 'copied')");
  let id = 0;
  for (let round = 0; round < 12; round++) {
    const batches = 1 + random.below(3);
    for (let batch = 0; batch < batches; batch++) {
      const some = Array.from({ length: 1 + random.below(4) }, () =>
        order(id++, 'abc'[random.below(3)]!, random.below(9) - 3),
      );
      await engine.publish('orders', some);
    }
    const end = random.below(4);
    if (end === 0) await engine.checkpointed();
    if (end === 1) engine = await engine.restart();
    if (end === 2) engine = await engine.crash();
    if (end === 3)
      engine = await engine.crash(async (kv, state) => {
        const store = await kv.open(state);
        await store.deleteRange({ from: new Uint8Array(0), to: Uint8Array.of(255) });
        await store.close();
      });
    const truth = (await engine.run(
      'SELECT item, sum(price) FROM orders GROUP BY item',
    )) as string[][];
    const expected = truth.map(String).sort();
    const where = `SEED=${seed}, round ${round}, end ${end}`;
    const ofTopic = await settled(
      () => engine.run('SELECT op, item, total FROM seen ORDER BY "offset"'),
      (rows) => String(present(rows)) === String(expected),
    );
    expect(present(ofTopic), where).toEqual(expected);
    const ofTable = await settled(
      () => engine.run('SELECT item, total FROM totals'),
      (rows) => String(rows.map(String).sort()) === String(expected),
    );
    expect(ofTable.map(String).sort(), where).toEqual(expected);
    const copies = await settled(
      () => engine.run('SELECT count(*) FROM copies'),
      ([row]) => Number(row![0]) >= id,
    );
    expect(copies, where).toEqual([[String(id)]]);
  }
}, 120_000);

/** A sink's output follows its step: asks until the answer is as it should be, or for a while. */
async function settled(
  ask: () => Promise<string[][] | string>,
  isRight: (rows: string[][]) => boolean,
): Promise<string[][]> {
  for (let attempt = 0; ; attempt++) {
    const rows = (await ask()) as string[][];
    if (isRight(rows) || attempt === 200) return rows;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
