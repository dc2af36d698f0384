import { afterEach, expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { type Engine, openEngine, openEngineInMemory } from './harness.ts';

let engine: Engine;
afterEach(() => engine.close());

import { seedOr } from '../../random-seed.ts';

const order = (id: number, item: string, price: number) => JSON.stringify({ id, item, price });
const asMessages = `CREATE SOURCE seen (op text, item text, total numeric, "offset" bigint METADATA)
  WITH (topic = 'out')`;

async function open(opened = openEngine): Promise<void> {
  engine = await opened();
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
  await engine.run('CREATE TABLE keyed (a text PRIMARY KEY, b bigint)');
  await fails('CREATE SINK s AS SELECT item, id FROM orders INTO keyed', '0A000');
  await fails(`CREATE SINK s AS SELECT item, n FROM (${grouped}, id % 2) q INTO keyed`, '0A000');
  await engine.run(`CREATE SINK k AS ${grouped} INTO keyed`);
  await fails('CREATE UNIQUE INDEX ON keyed (b)', '0A000');
  await engine.run('CREATE TABLE back (a text PRIMARY KEY, b bigint)');
  await engine.run('CREATE SINK there FROM keyed INTO back');
  await fails('CREATE SINK again FROM back INTO keyed', '42P17');
  await engine.run(`CREATE SOURCE read_out (a text) WITH (topic = 'out');
    CREATE TOPIC other; CREATE SOURCE read_other (a text) WITH (topic = 'other');
    CREATE SINK on_and FROM read_out INTO TOPIC other`);
  await fails('CREATE SINK on_and_back FROM read_other INTO out', '42P17');
  await engine.run('DROP SINK on_and; DROP SOURCE read_out');
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
  const seed = seedOr(20261125);
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

test('equal rows are as many rows in a table; NULL in a key is an error of the sink', async () => {
  await open();
  await engine.run(`CREATE TABLE plain (a text); CREATE TABLE keyed (a text PRIMARY KEY, n bigint);
    CREATE SINK s AS SELECT item FROM orders INTO plain;
    CREATE SINK k AS SELECT item, count(*) AS n FROM orders GROUP BY item INTO keyed`);
  await engine.publish('orders', ['{"item":"x"}', '{"item":"x"}', '{"item":"x"}', '{"id":1}']);
  const rows = await settled(
    () => engine.run('SELECT a, count(*) FROM plain GROUP BY a ORDER BY a'),
    (found) => found.length === 2,
  );
  expect(rows).toEqual([
    ['x', '3'],
    ['NULL', '1'],
  ]);
  const keyed = await settled(
    () => engine.run('SELECT * FROM keyed'),
    (found) => found.length === 1,
  );
  expect(keyed).toEqual([['x', '3']]);
  expect(await engine.run('SELECT sqlstate, row FROM k$errors')).toEqual([
    ['23502', 'a=NULL, n=1'],
  ]);
});

test('a row that no entry can hold stops its sink, for ever; all else goes on', async () => {
  await open();
  await engine.run(`CREATE SINK wide AS SELECT id, repeat(item, 9000000) AS a, repeat(item, 9000000) AS b,
      repeat(item, 9000000) AS c, repeat(item, 9000000) AS d FROM orders INTO out;
    CREATE TOPIC ids WITH (queues = 1); CREATE SINK ids AS SELECT id FROM orders INTO TOPIC ids;
    CREATE SOURCE copies (id bigint) WITH (topic = 'ids')`);
  const ids = (count: number) =>
    settled(
      () => engine.run('SELECT count(*) FROM copies'),
      ([row]) => Number(row![0]) >= count,
    );
  await engine.publish('orders', [order(1, '', 1), order(2, 'x', 1)]);
  expect(await ids(2)).toEqual([['2']]);
  const stopped = await settled(
    () => engine.run('DESCRIBE wide'),
    (rows) => String(rows).includes('stopped'),
  );
  expect(String(stopped)).toContain('stopped,sink "wide": an entry of 36');
  await engine.publish('orders', [order(3, '', 1)]);
  expect(await ids(3)).toEqual([['3']]);
  engine = await engine.restart();
  expect(String(await engine.run('DESCRIBE wide'))).toContain(
    'stopped,sink "wide": an entry of 36',
  );
  await engine.publish('orders', [order(4, '', 1)]);
  expect(await ids(4)).toEqual([['4']]);
  // The first row fitted. What came since was not written, and will not be.
  await engine.run(asMessages);
  expect(await engine.run('SELECT count(*) FROM seen')).toEqual([['1']]);
  await engine.run('DROP SINK wide');
});

/** Appends of sinks fail with this code from now on. */
function failing(code: 'DISK_FULL' | 'IO'): { isOn: boolean } {
  const state = { isOn: true };
  const append = engine.store.append.bind(engine.store);
  engine.store.append = async (request) => {
    const isOfSink = Buffer.from(request.body).includes('"sink":');
    if (state.isOn && isOfSink) throw new MillraceError(code, 'the disk does not want it');
    return append(request);
  };
  return state;
}

test('on a full disk a clean stop ends, and the next start writes what was not written', async () => {
  await open();
  await engine.run('CREATE SINK ids AS SELECT id FROM orders INTO TOPIC out');
  await engine.publish('orders', [order(1, 'x', 1)]);
  failing('DISK_FULL');
  await engine.publish('orders', [order(2, 'x', 1), order(3, 'x', 1)]);
  await settled(
    () => engine.run('DESCRIBE ids'),
    (rows) => String(rows).includes('the disk does not want it'),
  );
  // Retention, which may make room, does not wait for it.
  expect(await engine.sql.flushCheckpoint()).toBeUndefined();
  engine = await engine.restart();
  await engine.run("CREATE SOURCE copies (id bigint) WITH (topic = 'out')");
  const copies = await settled(
    () => engine.run('SELECT id FROM copies ORDER BY id'),
    (rows) => rows.length === 3,
  );
  expect(copies).toEqual([['1'], ['2'], ['3']]);
});

test('a sink goes on when the disk does', async () => {
  await open();
  await engine.run('CREATE SINK ids AS SELECT id FROM orders INTO TOPIC out');
  const disk = failing('IO');
  await engine.publish('orders', [order(1, 'x', 1)]);
  await settled(
    () => engine.run('DESCRIBE ids'),
    (rows) => String(rows).includes('the disk does not want it'),
  );
  disk.isOn = false;
  await engine.run("CREATE SOURCE copies (id bigint) WITH (topic = 'out')");
  const copies = await settled(
    () => {
      engine.fireTimers();
      return engine.run('SELECT id FROM copies');
    },
    (rows) => rows.length === 1,
  );
  expect(copies).toEqual([['1']]);
});

test('while a sink waits, retention goes on with the checkpoint before, and budgets hold', async () => {
  await open();
  await engine.run(`CREATE SINK ids AS SELECT id FROM orders INTO TOPIC out;
    CREATE MATERIALIZED VIEW small WITH (state_budget = '300kB') AS SELECT id, item FROM orders`);
  await engine.publish('orders', [order(1, 'x', 1)]);
  expect(await engine.sql.flushCheckpoint()).toBeDefined();
  const disk = failing('DISK_FULL');
  // One that is under way when the sink begins to wait, and one that is asked for later.
  await engine.publish('orders', [order(2, 'x', 1)]);
  await engine.run('SELECT 1');
  expect(await engine.sql.flushCheckpoint()).toBeUndefined();
  await settled(
    () => engine.run('DESCRIBE ids'),
    (rows) => String(rows).includes('the disk does not want it'),
  );
  expect(await engine.sql.flushCheckpoint()).toBeUndefined();
  await engine.run('ALTER TOPIC out SET (retention_ms = 1)');
  await engine.keeper.run();
  // Checkpoints cannot be written, but what they look after goes on.
  const wide = Array.from({ length: 3000 }, (_, id) => order(id, 'x'.repeat(200), 1));
  await engine.publish('orders', wide);
  await engine.run('SELECT 1');
  expect(await engine.sql.flushCheckpoint()).toBeUndefined();
  expect(String(await engine.run('DESCRIBE small'))).toContain('stopped');
  disk.isOn = false;
  const checkpoint = await settled(
    async () => {
      engine.fireTimers();
      return [[String((await engine.sql.flushCheckpoint()) !== undefined)]];
    },
    ([row]) => row![0] === 'true',
  );
  expect(checkpoint).toEqual([['true']]);
});

test('what a sink wrote does not expire while no checkpoint says how far it came', async () => {
  await open(() => openEngineInMemory(8192));
  await engine.run(`ALTER TOPIC out SET (retention_bytes = 1000);
    CREATE SINK ids AS SELECT id FROM orders INTO TOPIC out`);
  const begins = async () => {
    const { topicId } = engine.topics.get('out');
    return engine.store.range(topicId, 0);
  };
  for (let id = 1; id <= 100; id++) await engine.publish('orders', [order(id, 'x'.repeat(99), 1)]);
  await settled(
    async () => [[String((await begins()).maxOffset)]],
    ([row]) => row![0] === '100',
  );
  engine.failWrites(2);
  await engine.keeper.run();
  expect(engine.writesToFail()).toBe(1);
  expect((await begins()).minOffset).toBe(0);
  engine.failWrites(0);
  await engine.keeper.run();
  expect((await begins()).minOffset).toBeGreaterThan(0);
});

test('a sink above a view that is over its budget stops with it', async () => {
  await open();
  await engine.run(`CREATE MATERIALIZED VIEW small WITH (state_budget = '300kB') AS
      SELECT id, item FROM orders;
    CREATE SINK above AS SELECT id FROM small INTO out;
    CREATE SINK beside AS SELECT count(*) AS n FROM orders INTO TOPIC out
      WITH (format = 'changelog')`);
  const some = Array.from({ length: 3000 }, (_, id) => order(id, 'x'.repeat(200), 1));
  await engine.publish('orders', some);
  await engine.checkpointed();
  expect(String(await engine.run('DESCRIBE above'))).toContain(
    'stopped,materialized view "small" stopped',
  );
  expect(String(await engine.run('DESCRIBE beside'))).not.toContain('stopped');
  engine = await engine.restart();
  expect(String(await engine.run('DESCRIBE above'))).toContain(
    'stopped,materialized view "small" stopped',
  );
});

test('a sink whose state is of another plan writes only what came since', async () => {
  await open();
  await engine.run('CREATE SINK ids AS SELECT id FROM orders INTO TOPIC out');
  await engine.publish('orders', [order(1, 'x', 1), order(2, 'x', 1)]);
  await engine.run("CREATE SOURCE copies (id bigint) WITH (topic = 'out')");
  const ids = (count: number) =>
    settled(
      () => engine.run('SELECT id FROM copies ORDER BY id'),
      (rows) => rows.length >= count,
    );
  await ids(2);
  engine = await engine.restart(async (kv, state) => {
    const store = await kv.open(state);
    for (const { key, value } of await store.scan({
      from: Uint8Array.of(2),
      to: Uint8Array.of(3),
    })) {
      await store.write([{ key, value: Uint8Array.of(...value, 0) }]);
    }
    await store.close();
  });
  expect(engine.report).toMatchObject({ restored: 0 });
  await engine.publish('orders', [order(3, 'x', 1)]);
  expect(await ids(3)).toEqual([['1'], ['2'], ['3']]);
});

test('a statement and a sink that write into one table do not come in between each other', async () => {
  await open();
  await engine.run(`CREATE TABLE keyed (a text PRIMARY KEY, n bigint);
    CREATE SINK k AS SELECT item, count(*) AS n FROM orders WHERE item IS NOT NULL GROUP BY item
      INTO keyed`);
  // The sink's entry is on its way while the statement runs.
  const append = engine.store.append.bind(engine.store);
  let arrived: () => void = () => undefined;
  const arriving = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  engine.store.append = async (request) => {
    if (Buffer.from(request.body).includes('"sink":')) {
      arrived();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return append(request);
  };
  await engine.publish('orders', [order(1, 'x', 1)]);
  await arriving;
  expect(await engine.run('UPDATE keyed SET n = n + 10')).toBe('UPDATE 1');
  expect(await engine.run('SELECT * FROM keyed')).toEqual([['x', '11']]);
});

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
