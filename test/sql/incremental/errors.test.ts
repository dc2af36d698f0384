import { expect, test } from 'vitest';
import { buildDataflow } from '../../../engine/dataflow/build.ts';
import type { RowError } from '../../../engine/dataflow/linear.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { seedOr } from '../../random-seed.ts';
import { RandomChanges, table } from './changes.ts';
import { type Change, planView } from './dataflow-run.ts';

/** Values that cannot be computed are NULL and an error, which goes when its cause goes. */
const seed = seedOr(20261126);

const queries: Readonly<Record<string, string>> = {
  windows:
    'SELECT id, nth_value(v, h) OVER (PARTITION BY g ORDER BY id), ntile(h) OVER (PARTITION BY g ORDER BY id) FROM t',
  aggregates: `SELECT g, jsonb_object_agg(CASE WHEN h = 0 THEN NULL ELSE id::text END, v) FROM t GROUP BY g`,
  frames: `SELECT id, array_agg(CASE WHEN h = 0 THEN ARRAY[]::int[] ELSE ARRAY[id] END) OVER (PARTITION BY g ORDER BY id) FROM t`,
};

class ErrorCounts {
  readonly #weights = new Map<string, number>();

  add(errors: readonly RowError[]): void {
    for (const { error, weight, row } of errors) {
      const cells = row.map(({ name, value }) => `${name}=${String(value)}`);
      const key = `${error.sqlState} ${error.message}: ${cells.join(', ')}`;
      const sum = (this.#weights.get(key) ?? 0) + weight;
      if (sum === 0) this.#weights.delete(key);
      else this.#weights.set(key, sum);
    }
  }

  sorted(): string[] {
    return [...this.#weights].map(([key, weight]) => `${weight} x ${key}`).sort();
  }
}

function newRun(query: string) {
  const errors = new ErrorCounts();
  const plan = planView(query, [table]);
  const dataflow = buildDataflow(plan.root, {
    mode: 'collect',
    onErrors: (some) => errors.add(some),
  });
  const step = (changes: readonly Change[]) => {
    const rows = changes.map(({ row }) => row);
    const weights = changes.map(({ weight }) => weight);
    for (const input of dataflow.inputs) input.feed([batchOf(table.columns, rows, weights)]);
    dataflow.root.step();
  };
  return { step, errors };
}

test.each(Object.entries(queries))(
  `errors depend on the rows alone: %s (SEED=${seed})`,
  (_, query) => {
    const source = new RandomChanges(new SeededRandom(seed));
    const run = newRun(query);
    const history: Change[] = [];
    let seen = 0;
    for (let batch = 0; batch < 30; batch++) {
      const { changes } = source.next();
      run.step(changes);
      history.push(...changes);
      const afresh = newRun(query);
      afresh.step(history);
      expect(run.errors.sorted(), `batch ${batch}`).toEqual(afresh.errors.sorted());
      seen += run.errors.sorted().length;
    }
    expect(seen).toBeGreaterThan(0);
  },
);
