import { expect, test } from 'vitest';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { Twin } from '../engine/views/twin.ts';
import { seedOr } from '../random-seed.ts';
import {
  StatementWriter,
  schema,
  statementProductions,
  upsert,
  views,
} from './productions/statements.ts';

/**
 * Random statements on tables with every kind of constraint: RETURNING or the SQLSTATE of each, and
 * the tables and the views on views after each few, are PostgreSQL's, through restarts and kills. A
 * table that a sink fills follows the view that it is filled from. `STATEMENTS=100000` runs more.
 */
const seed = seedOr(20261127);
const statements = Number(process.env.STATEMENTS ?? 400);

test(`random statements agree with PostgreSQL (SEED=${seed})`, async () => {
  const random = new SeededRandom(seed);
  const twin = await Twin.open(schema);
  for (const [name, query] of Object.entries(views)) await twin.view(name, query);
  await twin.engine.run('CREATE TABLE copy (g text PRIMARY KEY, c bigint)');
  await twin.engine.run('CREATE SINK filled AS SELECT g, c FROM groups INTO TABLE copy');
  const counts = new Map(statementProductions.map(({ name }) => [name, { rows: 0, refused: 0 }]));
  const writer = new StatementWriter(random);
  const history: string[] = [];
  for (let number = 0; number < statements; number++) {
    // Empty tables teach little: TRUNCATE comes seldom.
    const usual = statementProductions.filter(({ name }) => name !== 'TRUNCATE');
    const production = random.below(60) === 0 ? statementProductions.at(-1)! : writer.pick(usual);
    const text = production.statement(writer);
    history.push(text);
    const where = `${history.slice(-30).join(';\n')}\nSEED=${seed}, statement ${number}`;
    const [before, theirs] = [
      await changes(twin),
      await twin.theirs(production.upserts === true ? `${text}${upsert}` : text),
    ];
    expect(await twin.change(text), where).toEqual(theirs.slice(isState(theirs) ? 0 : 1));
    const count = counts.get(production.name)!;
    if (isState(theirs)) count.refused++;
    else count.rows += Math.abs((await changes(twin)) - before) + theirs.length - 1;
    if (number % 5 !== 4) continue;
    await twin.check(where, 'views and queries');
    for (const table of ['t', 'u']) {
      const query = `SELECT * FROM ${table}`;
      expect(await twin.ours(query), where).toEqual(await twin.theirs(query));
    }
    await expect
      .poll(() => twin.ours('SELECT * FROM copy'), { message: where })
      .toEqual(await twin.theirs('SELECT g, c FROM groups'));
    if (number % 25 === 24) await twin.restart(random.below(2) === 0);
  }
  process.stdout.write(`\n${[...counts].map(shown).join('\n')}\n`);
  await twin.close();
  if (statements < 400) return;
  const never = [...counts].filter(([, { rows, refused }]) => rows + refused === 0);
  expect(never.map(([name]) => name)).toEqual([]);
}, 86_400_000);

function isState(answer: readonly string[]): boolean {
  return answer.length === 1 && /^[0-9A-Z]{5}$/.test(answer[0]!);
}

/** How many rows both tables have. */
async function changes(twin: Twin): Promise<number> {
  const [, rows] = await twin.theirs('SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM u)');
  return Number(rows);
}

function shown([name, { rows, refused }]: [string, { rows: number; refused: number }]): string {
  return `${name}: ${rows} rows, ${refused} refused`;
}
