import { afterAll, beforeAll, expect, test } from 'vitest';
import { TextPostgres } from '../postgres-text.ts';
import { seedOr } from '../random-seed.ts';
import { runCase } from './case.ts';
import type { QueryProduction } from './generator.ts';
import { RetractionCount } from './observers.ts';
import { queryProductions, valueProductions } from './productions/index.ts';

/**
 * Random schemas, queries and changes against PostgreSQL. `CASES=100000 npx vitest run --project
 * unit test/random-sql` runs as many as you like; `SEED=n CASES=1 ONLY='name'` one again.
 */
const seed = seedOr(20261125);
const cases = Number(process.env.CASES ?? 500);
const only = process.env.ONLY;

let postgres: TextPostgres;
beforeAll(async () => {
  postgres = await TextPostgres.open();
}, 60_000);
afterAll(() => postgres.close());

test(`queries and views agree with PostgreSQL (SEED=${seed})`, async () => {
  const chosen = queryProductions.filter(({ name }) => only === undefined || name === only);
  const counts = new Map(chosen.map(({ name }) => [name, { cases: 0, rows: 0 }]));
  const used = new Map(valueProductions.map(({ name }) => [name, 0]));
  const retractions = new RetractionCount();
  const failures: string[] = [];
  const run = async (number: number, production: QueryProduction): Promise<void> => {
    const count = counts.get(production.name)!;
    try {
      const report = await runCase({
        seed: seed + number,
        production,
        values: valueProductions,
        postgres,
        observe: retractions.observe,
      });
      count.cases++;
      count.rows += report.rows;
      for (const name of report.used) used.set(name, used.get(name)! + 1);
    } catch (error) {
      failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  };
  const goOn = () => failures.length < 5;
  for (let number = 0; number < cases && goOn(); number++) {
    await run(number, chosen[number % chosen.length]!);
  }
  // By chance all cases of a production may have been empty: it gets as many again, twice.
  const isEmpty = ({ name }: QueryProduction) =>
    counts.get(name)!.rows === 0 && !name.startsWith('an error');
  const hasEnough = only === undefined && cases >= chosen.length;
  for (let number = cases; hasEnough && number < 3 * cases && goOn(); number++) {
    const production = chosen[number % chosen.length]!;
    if (isEmpty(production)) await run(number, production);
  }
  process.stdout.write(tableOf(counts, used, retractions.counts));
  expect(failures.join('\n\n')).toBe('');
  if (!hasEnough) return;
  const empty = chosen.filter(isEmpty).map(({ name }) => name);
  const unused = [...used].filter(([, count]) => count === 0);
  const never = [...retractions.counts].filter(([, count]) => count === 0);
  expect([...empty, ...[...unused, ...never].map(([name]) => name)]).toEqual([]);
}, 86_400_000);

function tableOf(
  counts: ReadonlyMap<string, { readonly cases: number; readonly rows: number }>,
  used: ReadonlyMap<string, number>,
  retractions: ReadonlyMap<string, number>,
): string {
  const lines = [
    ...[...counts].map(([name, { cases: n, rows }]) => `${name}: ${n} cases, ${rows} rows`),
    ...[...used].map(([name, n]) => `${name}: in ${n} cases`),
    ...[...retractions].map(([name, n]) => `operator ${name}: ${n} retractions`),
  ];
  return `\n${lines.join('\n')}\n`;
}
