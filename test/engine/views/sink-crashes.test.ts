import { expect, test } from 'vitest';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { seedOr } from '../../random-seed.ts';
import { type Engine, openEngine } from './harness.ts';

/** A server that is killed: its disk and its databases at that moment. */
interface Killed {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
}

const directory = '/data';
/** Eight rows of these fill a part of an output: a step's output has several. */
const big = 'x'.repeat(120_000);

const setup = `CREATE TOPIC orders WITH (queues = 2); CREATE TOPIC prices WITH (queues = 2);
  CREATE TOPIC out_items WITH (queues = 1); CREATE TOPIC out_prices WITH (queues = 1);
  CREATE TOPIC out_both WITH (queues = 1); CREATE TOPIC copied WITH (queues = 1);
  CREATE SOURCE orders (id bigint, item text) WITH (topic = 'orders');
  CREATE SOURCE prices (item text, price bigint) WITH (topic = 'prices');
  CREATE TABLE totals (item text PRIMARY KEY, price bigint);
  CREATE SOURCE seen_items (op text, item text, n bigint, "offset" bigint METADATA)
    WITH (topic = 'out_items');
  CREATE SOURCE seen_prices (op text, item text, n bigint, "offset" bigint METADATA)
    WITH (topic = 'out_prices');
  CREATE SOURCE seen_both (op text, item text, n bigint, "offset" bigint METADATA)
    WITH (topic = 'out_both');
  CREATE SOURCE copies (id bigint) WITH (topic = 'copied')`;

const byItem = 'SELECT item, count(*) AS n FROM orders GROUP BY item';
const byPrice = 'SELECT item, max(price) AS n FROM prices GROUP BY item';
const both = `SELECT item, sum(n) AS n FROM (${byItem} UNION ALL ${byPrice}) u GROUP BY item`;

const sinks = [
  `CREATE SINK items AS SELECT item, n, repeat('x', 120000) AS filler FROM (${byItem}) q
    INTO out_items WITH (format = 'changelog')`,
  `CREATE SINK prices_s AS ${byPrice} INTO out_prices WITH (format = 'changelog')`,
  `CREATE SINK both_s AS SELECT item, n, repeat('y', 120000) AS filler FROM (${both}) q
    INTO out_both WITH (format = 'changelog')`,
  `CREATE SINK totals_s AS ${byPrice} INTO totals`,
  `CREATE SINK copies_s AS SELECT id, '${big}' AS filler FROM orders INTO TOPIC copied`,
];

/** Opens the engine and, of every entry that becomes durable, the disk as a kill then leaves it. */
async function opened({ fs, kv }: Killed): Promise<{ engine: Engine; moments: Killed[] }> {
  const engine = await openEngine({ fs, kv, directory });
  const moments: Killed[] = [];
  const append = engine.store.append.bind(engine.store);
  engine.store.append = async (request) => {
    const placed = await append(request);
    moments.push({ fs: fs.killClone(), kv: kv.clone() });
    return placed;
  };
  return { engine, moments };
}

/** Adds up a changelog: what is there when each `-` has met its `+`. */
function present(changes: readonly string[][]): string[] {
  const rows = new Map<string, number>();
  for (const [op, ...cells] of changes) {
    const key = cells.join();
    const weight = (rows.get(key) ?? 0) + (op === '+' ? 1 : -1);
    expect([0, 1], `${op} ${key}`).toContain(weight);
    rows.set(key, weight);
  }
  return [...rows].flatMap(([key, weight]) => (weight === 1 ? [key] : [])).sort();
}

/** What the sinks' targets hold beside what they should, once they hold it or after a while. */
async function compare(engine: Engine, where: string): Promise<void> {
  const rows = async (text: string) => (await engine.run(text)) as string[][];
  const settled = async (wanted: string, read: () => Promise<readonly string[]>) => {
    const truth = (await rows(wanted)).map(String).sort();
    let found: readonly string[] = [];
    for (let attempt = 0; attempt < 400; attempt++) {
      found = await read();
      if (String(found) === String(truth)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(found, `${where}: ${wanted}`).toEqual(truth);
  };
  const changelog = (source: string) => async () =>
    present(await rows(`SELECT op, item, n FROM ${source} ORDER BY "offset"`));
  await settled(byItem, changelog('seen_items'));
  await settled(byPrice, changelog('seen_prices'));
  await settled(both, changelog('seen_both'));
  const sorted = async (text: string) => (await rows(text)).map(String).sort();
  await settled(byPrice, () => sorted('SELECT item, price FROM totals'));
  await settled('SELECT id FROM orders', () => sorted('SELECT id FROM copies'));
}

test('killed after any entry, with sinks over two topics, nothing is lost or written twice', async () => {
  const seed = seedOr(20261126);
  const random = new SeededRandom(seed);
  const { engine, moments } = await opened({ fs: new MemoryFs(), kv: new MemoryKv() });
  let id = 0;
  const publish = async () => {
    const items = Array.from({ length: 1 + random.below(6) }, () => 'abcdefgh'[random.below(8)]!);
    if (random.below(3) > 0) {
      await engine.publish(
        'orders',
        items.map((item) => JSON.stringify({ id: id++, item })),
      );
    }
    if (random.below(3) > 0) {
      await engine.publish(
        'prices',
        items.map((item) => JSON.stringify({ item, price: random.below(100) })),
      );
    }
  };
  await engine.run(setup);
  for (let n = 0; n < 4; n++) await publish();
  for (const [index, sink] of sinks.entries()) {
    await engine.run(sink);
    if (index === 2) await engine.checkpointed();
    await publish();
  }
  for (let round = 0; round < 6; round++) {
    await publish();
    if (random.below(3) === 0) await engine.checkpointed();
  }
  await compare(engine, `SEED=${seed}, no kill`);
  await engine.close();
  // Sinks come into being one by one: only moments at which all of them exist can be compared.
  const all = moments.filter((_, index) => index % 3 === seed % 3 || index > moments.length - 6);
  let compared = 0;
  for (const [index, moment] of all.entries()) {
    const where = `SEED=${seed}, moment ${index}`;
    // Now and then the state is lost too, and everything is built from the log.
    if (index % 3 === 0) moment.kv.destroy(`${directory}/state`);
    const again = await opened(moment);
    const existing = String(await again.engine.run('SHOW SINKS'));
    if (sinks.every((sink) => existing.includes(sink.split(' ')[2]!))) {
      await compare(again.engine, where);
      compared++;
      // Killed while it was coming back.
      const second = again.moments[random.below(again.moments.length)];
      await again.engine.close();
      if (second === undefined) continue;
      const third = await opened(second);
      await compare(third.engine, `${where}, then again`);
      await third.engine.close();
    } else {
      await again.engine.close();
    }
  }
  expect(compared).toBeGreaterThan(10);
}, 120_000);
