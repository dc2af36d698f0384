import { isDeepStrictEqual } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { createTable, RandomChanges, table } from './changes.ts';
import { type Change, DataflowRun, planView } from './dataflow-run.ts';
import { aggregateQueries, topQueries, windowQueries } from './queries.ts';

/**
 * Every query as a view under random changes, cut into steps in three ways, with a checkpoint and a
 * restart in the middle; after each batch each of the three equals PostgreSQL's answer, and in the
 * end each has seen rows and retractions. SEED repeats a run.
 */
const seed = seedOr(20261125);
const batchCount = Number(process.env.BATCHES ?? 10);
const splittings = 3;

let postgres: PGlite;
beforeAll(async () => {
  postgres = new PGlite();
  await postgres.exec(`SET timezone = 'UTC'; ${createTable}`);
}, 60_000);
afterAll(() => postgres.close());

const queries = { ...aggregateQueries, ...prefixed(windowQueries), ...topQueries };

function prefixed(named: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(named).map(([name, query]) => [`over: ${name}`, query]));
}

test(`views equal PostgreSQL's answers (SEED=${seed})`, { timeout: 120_000 }, async () => {
  const random = new SeededRandom(seed);
  const source = new RandomChanges(random);
  const faults: string[] = [];
  const runs = Object.entries(queries).map(([name, query]) => {
    const plan = planView(query, [table]);
    const each = Array.from({ length: splittings }, () => new DataflowRun(plan, [table]));
    const text = asText(query, plan.root.fields.length);
    return { name, query, text, each, rows: 0, isFaulty: false };
  });
  for (let batch = 0; batch < batchCount; batch++) {
    const { changes, sql } = source.next();
    await postgres.exec(sql);
    const cuts = Array.from({ length: splittings }, () => cutRandomly(changes, random));
    const answers = await theirs(runs.map(({ text }) => text));
    for (const [number, run] of runs.entries()) {
      if (run.isFaulty) continue;
      const expected = answers[number]!;
      run.rows += expected.length;
      for (const [index, dataflow] of run.each.entries()) {
        const got = stepped(dataflow, cuts[index]!, batch, index);
        if (isDeepStrictEqual(got, expected)) continue;
        run.isFaulty = true;
        faults.push(
          `${run.name}, splitting ${index}, batch ${batch}: ${run.query}\n  ours:   ${difference(got, expected)}\n  theirs: ${difference(expected, got)}`,
        );
        break;
      }
    }
  }
  expect(faults.join('\n'), `SEED=${seed}`).toBe('');
  for (const { name, each, rows } of runs) {
    if (name === 'limit 0') continue;
    expect(rows, `rows of ${name}`).toBeGreaterThan(0);
    for (const dataflow of each) {
      expect(dataflow.retractions, `retractions of ${name}`).toBeGreaterThan(0);
    }
  }
});

/** The view's rows after the steps; now and then it is checkpointed and started again. */
function stepped(
  dataflow: DataflowRun,
  steps: readonly (readonly Change[])[],
  batch: number,
  index: number,
): string[] {
  try {
    for (const step of steps) dataflow.step(step);
    if (batch % 5 === 2) dataflow.checkpoint();
    if (batch % 5 === 4 && index === batch % splittings) {
      dataflow.checkpoint();
      dataflow.restore();
    }
    return dataflow.rows().map(rounded).toSorted();
  } catch (error) {
    return [String((error as Error).stack)];
  }
}

function difference(these: readonly string[], those: readonly string[]): string {
  return these.filter((row) => !those.includes(row)).join(' ; ') || '(the same rows)';
}

/** The same changes as steps of random sizes; within a step they come in any order. */
function cutRandomly(changes: readonly Change[], random: SeededRandom): Change[][] {
  const steps: Change[][] = [];
  for (let from = 0; from < changes.length; ) {
    const to = Math.min(changes.length, from + 1 + random.below(changes.length));
    const step = changes.slice(from, to);
    if (random.below(2) === 0) step.reverse();
    steps.push(step);
    from = to;
  }
  return steps;
}

/** The rows of the queries as text, all asked at once: a round trip costs more than most of them. */
async function theirs(texts: readonly string[]): Promise<string[][]> {
  const results = await postgres.exec(texts.join(';\n'), { rowMode: 'array' });
  return results.map(({ rows }) =>
    (rows as unknown as (string | null)[][])
      .map((row) => rounded(row.map((cell) => cell ?? 'NULL').join('|')))
      .toSorted(),
  );
}

/** Every column cast to text. */
function asText(query: string, width: number): string {
  const columns = Array.from({ length: width }, (_, index) => `c${index}`);
  const cells = columns.map((column) => `${column}::text`).join(', ');
  return `SELECT ${cells} FROM (${query}) AS q(${columns.join(', ')})`;
}

/** Doubles to 12 digits: PostgreSQL's sums of doubles depend on the order of rows, ours do not. */
function rounded(row: string): string {
  return row.replace(/-?\d+\.\d{13,}(?:e[+-]?\d+)?|-?\d(?:\.\d+)?e-\d+/g, (number) => {
    const value = Number(number);
    return Math.abs(value) < 1e-12 ? '0' : String(Number(value.toPrecision(12)));
  });
}
