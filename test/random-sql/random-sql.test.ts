import { afterAll, beforeAll, expect, test } from 'vitest';
import { TextPostgres } from '../postgres-text.ts';
import { type CaseReport, runCase } from './case.ts';
import { RetractionCount } from './observers.ts';
import { queryProductions, valueProductions } from './productions/index.ts';

/**
 * Random schemas, queries and changes against PostgreSQL. `CASES=100000 npx vitest run --project
 * unit test/random-sql` runs as many as you like; `SEED=n CASES=1 ONLY='name'` one again.
 */
const seed = Number(process.env.SEED ?? 20261125);
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
  for (let number = 0; number < cases; number++) {
    const production = chosen[number % chosen.length]!;
    let report: CaseReport;
    try {
      report = await runCase({
        seed: seed + number,
        production,
        values: valueProductions,
        postgres,
        observe: retractions.observe,
      });
    } catch (error) {
      failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (failures.length === 5) break;
      continue;
    }
    const count = counts.get(production.name)!;
    count.cases++;
    count.rows += report.rows;
    for (const name of report.used) used.set(name, used.get(name)! + 1);
  }
  process.stdout.write(tableOf(counts, used, retractions.counts));
  expect(failures.join('\n\n')).toBe('');
  if (only !== undefined || cases < chosen.length) return;
  const empty = [...counts].filter(
    ([name, { rows }]) => rows === 0 && !name.startsWith('an error'),
  );
  const unused = [...used].filter(([, count]) => count === 0);
  const never = [...retractions.counts].filter(([, count]) => count === 0);
  expect([...empty, ...unused, ...never].map(([name]) => name)).toEqual([]);
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
