import { expect, test } from 'vitest';
import { buildDataflow } from '../../../engine/dataflow/build.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import type { Relation } from '../../../sql/analyze/catalog.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { rowsOf } from '../../../sql/columns/read.ts';
import type { SqlValue } from '../../../sql/columns/types.ts';
import { planQuery } from '../../../sql/plan/planner.ts';
import { parseStatement } from '../../../sql/syntax/parser.ts';

import { seedOr } from '../../random-seed.ts';

/**
 * The first rows of groups, step by step, beside those of all rows put in at once: what a step
 * gives is the difference of two tops: nothing goes and comes.
 */
const seed = seedOr(20261126);

const integer = { kind: 'integer' } as const;
const columns = ['g', 'a', 'b'].map((name) => ({ name, type: integer, nullable: true }));
const ranked = (call: string, end: string) =>
  `SELECT * FROM (SELECT g, a, b, ${call} OVER (PARTITION BY g ORDER BY a) AS r FROM t) x ${end}`;
const queries = [
  'SELECT DISTINCT ON (g) g, a, b FROM t ORDER BY g, a DESC, b',
  'SELECT g, a, b FROM t ORDER BY a, b LIMIT 5 OFFSET 2',
  'SELECT g, a, b FROM t ORDER BY a, b OFFSET 7',
  ranked('row_number()', 'WHERE r <= 3'),
  ranked('rank()', 'WHERE r <= 3'),
  ranked('dense_rank()', 'WHERE r <= 2'),
  'SELECT g, a, b FROM (SELECT *, rank() OVER (PARTITION BY g ORDER BY a) AS r FROM t) x WHERE r < 4',
];

class Run {
  readonly #dataflow;
  readonly #sums = new Map<string, number>();

  constructor(text: string, appendOnly: boolean) {
    const relation: Relation = {
      id: 1,
      name: 't',
      kind: appendOnly ? 'source' : 'table',
      columns,
      primaryKey: [],
      appendOnly,
      writable: !appendOnly,
    };
    const statement = parseStatement(text);
    if (statement.kind !== 'query') throw new Error('not a query');
    const catalog = { find: () => relation, names: () => ['t'] };
    const { root, orderBy, limit, offset } = planQuery(statement, 'view', { catalog, text });
    expect([orderBy, limit, offset ?? 0]).toEqual([[], undefined, 0]);
    this.#dataflow = buildDataflow(root, { mode: 'fail', text });
  }

  step(rows: readonly (readonly SqlValue[])[], weights: readonly number[]): void {
    const { inputs, root } = this.#dataflow;
    for (const input of inputs) input.feed([batchOf(columns, rows, weights)]);
    const signs = new Map<string, number>();
    for (const batch of root.step()) {
      for (const [row, cells] of rowsOf(batch).entries()) {
        const key = cells.join('|');
        const sign = Math.sign(batch.weights[row]!);
        expect(signs.get(key) ?? sign, `${key} goes and comes in one step`).toBe(sign);
        signs.set(key, sign);
        const sum = (this.#sums.get(key) ?? 0) + batch.weights[row]!;
        if (sum === 0) this.#sums.delete(key);
        else this.#sums.set(key, sum);
      }
    }
  }

  get rows(): string[] {
    return [...this.#sums].map(([key, weight]) => `${key} ${weight}`).toSorted();
  }
}

test.each(queries)(`%s (SEED=${seed})`, (text) => {
  for (const appendOnly of [true, false]) {
    const random = new SeededRandom(seed);
    const run = new Run(text, appendOnly);
    const rows: SqlValue[][] = [];
    for (let step = 0; step < 60; step++) {
      const added = Array.from({ length: 1 + random.below(9) }, () => {
        return [random.below(3), random.below(8) === 0 ? null : random.below(6), random.below(3)];
      });
      const gone: SqlValue[][] = [];
      if (!appendOnly) {
        for (let n = random.below(8); n > 0 && rows.length > 0; n--) {
          gone.push(...rows.splice(random.below(rows.length), 1));
        }
      }
      rows.push(...added);
      run.step([...gone, ...added], [...gone.map(() => -1), ...added.map(() => 1)]);
      const anew = new Run(text, appendOnly);
      anew.step(
        rows,
        rows.map(() => 1),
      );
      expect(run.rows).toEqual(anew.rows);
    }
  }
});
