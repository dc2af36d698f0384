import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ByteState } from '../../../engine/dataflow/byte-state.ts';
import { DistinctRows } from '../../../engine/dataflow/distinct-rows.ts';
import { Groups } from '../../../engine/dataflow/groups.ts';
import { OrderedIndex } from '../../../engine/dataflow/ordered-index.ts';
import { OrderedRows } from '../../../engine/dataflow/ordered-rows.ts';
import { Partition } from '../../../engine/dataflow/window-partition.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seedOr } from '../../random-seed.ts';
import { RandomChanges, table } from './changes.ts';
import { type Change, DataflowRun, planView } from './dataflow-run.ts';
import { aggregateQueries, topQueries, windowQueries } from './queries.ts';

/**
 * Operators with bugs put into them: each must make some of the views of incremental.test.ts wrong
 * under its random changes, or else those would not find the bug either.
 */
const seed = seedOr(7);
const all = { ...aggregateQueries, ...topQueries, ...windowQueries };
const chosen = [
  ...['distinct', 'min and max', 'percentile_cont', 'string_agg', 'numeric variance', 'mode'],
  ...['ranks', 'relative ranks', 'running sums', 'exclude', 'lag and lead', 'over duplicates'],
  ...['row_number <= n', 'rank <= n', 'limit', 'offset alone'],
];
const queries = chosen.map((name) => all[name]!);
const plans = queries.map((query) => planView(query, [table]));

type Method = (this: unknown, ...args: never[]) => unknown;

/** A method of a class, and what it is replaced by; `real` is the right one. */
interface Fault {
  readonly name: string;
  readonly of: { readonly prototype: object };
  readonly method: string;
  readonly wrong: (
    this: never,
    real: (...args: unknown[]) => unknown,
    ...args: unknown[]
  ) => unknown;
}

const faults: readonly Fault[] = [
  {
    name: 'an order statistic is one place off',
    of: OrderedIndex,
    method: 'at',
    wrong: (real, group, at) => real(group, Math.max(0, (at as number) - 1)),
  },
  {
    name: 'the last row of a group is its first',
    of: OrderedIndex,
    method: 'last',
    wrong: function (this: OrderedIndex, _real, group) {
      return this.first(group as number);
    },
  },
  {
    name: 'copies of a row are not counted',
    of: OrderedIndex,
    method: 'addCopies',
    wrong: () => undefined,
  },
  {
    name: 'ties are left to chance',
    of: OrderedIndex,
    method: 'compare',
    wrong: (_real, a, b) => (b as number) - (a as number),
  },
  {
    name: 'a walk leaves out the first row',
    of: OrderedIndex,
    method: 'walk',
    wrong: (real, group, visit) => {
      let isFirst = true;
      real(group, (id: number) => {
        if (!isFirst) return (visit as (id: number) => boolean)(id);
        isFirst = false;
        return true;
      });
    },
  },
  {
    name: 'DISTINCT lets every row through',
    of: DistinctRows,
    method: 'changes',
    wrong: (_real, counted) => counted,
  },
  {
    name: 'all partitions are one',
    of: Groups,
    method: 'add',
    wrong: (real, batch) => (real(batch) as Int32Array).fill(0),
  },
  {
    name: 'peers end with the row itself',
    of: Partition,
    method: 'peersTo',
    wrong: (_real, place) => (place as number) + 1,
  },
  {
    name: 'peers begin with the row itself',
    of: Partition,
    method: 'peersFrom',
    wrong: (_real, place) => place,
  },
  {
    name: 'sums in bytes are forgotten',
    of: ByteState,
    method: 'store',
    wrong: () => undefined,
  },
  {
    name: 'removed rows stay in order',
    of: OrderedRows,
    method: 'remove',
    wrong: () => undefined,
  },
  {
    name: 'a restart loses the order',
    of: OrderedIndex,
    method: 'insert',
    wrong: function (this: OrderedIndex, real, group, id, copies) {
      return isRestoring ? undefined : real(group, id, copies);
    },
  },
];

let isRestoring = false;

const batchCount = 16;

/** Every view's rows after each batch of changes; an error counts as rows of its own. */
function* results(): Generator<readonly string[]> {
  const source = new RandomChanges(new SeededRandom(seed));
  const runs = plans.map((plan) => new DataflowRun(plan, [table]));
  for (let batch = 0; batch < batchCount; batch++) {
    const { changes } = source.next();
    yield runs.map((run) => {
      try {
        step(run, changes, batch);
        return run.rows().toSorted().join('\n');
      } catch (error) {
        return String(error);
      }
    });
  }
}

function step(run: DataflowRun, changes: readonly Change[], batch: number): void {
  run.step(changes);
  if (batch !== 8) return;
  run.checkpoint();
  isRestoring = true;
  try {
    run.restore();
  } finally {
    isRestoring = false;
  }
}

describe(`planted bugs are found (SEED=${seed})`, () => {
  const right = [...results()];
  /** Whether some batch shows something else: later ones need not be looked at. */
  const isFound = () => {
    let batch = 0;
    for (const views of results()) if (!isDeepStrictEqual(views, right[batch++])) return true;
    return false;
  };

  test('without one nothing changes', () => {
    expect(right.flat().filter((rows) => rows.startsWith('Error'))).toEqual([]);
    expect(isFound()).toBe(false);
  });

  test.each(faults)('$name', ({ of, method, wrong }) => {
    const prototype = of.prototype as Record<string, Method>;
    const real = prototype[method]!;
    prototype[method] = function (this: unknown, ...args: never[]) {
      return wrong.call(this as never, (...given) => real.apply(this, given as never[]), ...args);
    };
    try {
      expect(isFound()).toBe(true);
    } finally {
      prototype[method] = real;
    }
  });
});
