import { expect, test } from 'vitest';
import { Arrangement } from '../../../engine/dataflow/arrangement.ts';
import { buildDataflow } from '../../../engine/dataflow/build.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import type { Relation } from '../../../sql/analyze/catalog.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { rowsOf } from '../../../sql/columns/read.ts';
import type { SqlType, SqlValue } from '../../../sql/columns/types.ts';
import { planQuery } from '../../../sql/plan/planner.ts';
import { parseStatement } from '../../../sql/syntax/parser.ts';

import { seedOr } from '../../random-seed.ts';

/**
 * Windows over partitions of some hundred rows, many of them peers: what they add up to after small
 * changes anywhere is what the rows give that are left, put in at once.
 */
const seed = seedOr(20261126);

const column = (name: string, type: SqlType) => ({ name, type, nullable: true });
const relation: Relation = {
  id: 1,
  name: 't',
  kind: 'table',
  columns: [
    column('id', { kind: 'integer' }),
    column('p', { kind: 'integer' }),
    column('k', { kind: 'integer' }),
    column('v', { kind: 'bigint' }),
    column('n', { kind: 'numeric' }),
  ],
  primaryKey: [0],
  appendOnly: false,
  writable: true,
};
const catalog = { find: () => relation, names: () => ['t'] };

/** Each line is one operator. */
const windows: readonly (readonly [over: string, calls: string])[] = [
  [
    'PARTITION BY p ORDER BY k',
    'rank, dense_rank, count(*), sum(v), min(v), first_value(n), last_value(n), avg(n)',
  ],
  ['PARTITION BY p ORDER BY k DESC, id', 'row_number, lag(v), lead(v), sum(n), max(k)'],
  [
    'ORDER BY k, id ROWS BETWEEN 7 PRECEDING AND 3 FOLLOWING',
    'sum(v), avg(n), max(v), stddev(n), nth_value(id, 4)',
  ],
  ['ORDER BY k, id ROWS BETWEEN 5 FOLLOWING AND 9 FOLLOWING', 'count(*), min(v), last_value(id)'],
  ['PARTITION BY p ORDER BY k RANGE 6 PRECEDING', 'count(*), sum(v), max(n), first_value(id)'],
  ['PARTITION BY p ORDER BY k DESC GROUPS 2 PRECEDING', 'count(*), avg(v), min(id)'],
  [
    'ORDER BY v NULLS FIRST RANGE BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE TIES',
    'count(*), sum(id)',
  ],
  ['ORDER BY k, id ROWS BETWEEN 4 PRECEDING AND CURRENT ROW EXCLUDE GROUP', 'sum(v), count(n)'],
  ['PARTITION BY p ORDER BY id', 'lag(v, 5), lead(n, 3), lag(k, -2), count(v)'],
];

function queryOf([over, calls]: readonly [string, string]): string {
  const items = calls.split(/, (?![^(]*\))/).map((call, index) => {
    return `${call.includes('(') ? call : `${call}()`} OVER (${over}) AS c${index}`;
  });
  return `SELECT id, ${items.join(', ')} FROM t`;
}

class Run {
  readonly #dataflow;
  readonly #rows;

  constructor(text: string) {
    const statement = parseStatement(text);
    if (statement.kind !== 'query') throw new Error('not a query');
    const plan = planQuery(statement, 'view', { catalog, text });
    this.#dataflow = buildDataflow(plan.root, { mode: 'fail', text });
    this.#rows = new Arrangement(plan.root.fields);
  }

  step(rows: readonly (readonly SqlValue[])[], weights: readonly number[]): void {
    const batch = batchOf(relation.columns, rows, weights);
    for (const input of this.#dataflow.inputs) input.feed([batch]);
    for (const delta of this.#dataflow.root.step()) this.#rows.apply(delta);
  }

  rows(): string[] {
    const shown = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);
    return [...this.#rows.snapshot()]
      .flatMap(rowsOf)
      .map((row) => JSON.stringify(row, shown))
      .toSorted();
  }
}

test(`changes anywhere in large partitions (SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  const maybeNull = <T>(value: T) => (random.below(12) === 0 ? null : value);
  const row = (id: number): SqlValue[] => [
    id,
    random.below(2),
    random.below(60),
    maybeNull(BigInt(random.below(40))),
    maybeNull({ unscaled: BigInt(random.below(900)), scale: 1 }),
  ];
  const queries = windows.map(queryOf);
  const runs = queries.map((query) => new Run(query));
  const present = new Map<number, SqlValue[]>();
  for (let id = 0; id < 600; id++) present.set(id, row(id));
  for (const run of runs)
    run.step(
      [...present.values()],
      [...present].map(() => 1),
    );
  for (let round = 0; round < 40; round++) {
    const rows: SqlValue[][] = [];
    const weights: number[] = [];
    for (let n = 1 + random.below(4); n > 0; n--) {
      // At the end, in the middle, and again and again at one place.
      const id = random.below(3) === 0 ? 600 + round : random.below(650);
      const old = present.get(id);
      if (old !== undefined) {
        rows.push(old);
        weights.push(-1);
        present.delete(id);
      }
      if (old === undefined || random.below(2) === 0) {
        present.set(id, row(id));
        rows.push(present.get(id)!);
        weights.push(1);
      }
    }
    for (const run of runs) run.step(rows, weights);
    if (round % 4 !== 3) continue;
    for (const [index, run] of runs.entries()) {
      const anew = new Run(queries[index]!);
      anew.step(
        [...present.values()],
        [...present].map(() => 1),
      );
      expect(run.rows(), `${queries[index]} in round ${round}`).toEqual(anew.rows());
    }
  }
});
