import { expect, test } from 'vitest';
import { FlatMapOperator } from '../../../engine/dataflow/flat-map.ts';
import type { Operator } from '../../../engine/dataflow/operator.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { rowsOf } from '../../../sql/columns/read.ts';
import type { SqlValue } from '../../../sql/columns/types.ts';
import type { Expr } from '../../../sql/plan/expr.ts';
import { constantsNode, flatMapNode } from '../../../sql/plan/nodes.ts';

import { seedOr } from '../../random-seed.ts';

const seed = seedOr(20261126);
const timestamp = { kind: 'timestamp' } as const;
const fields = [
  { name: 'at', type: timestamp, nullable: true },
  { name: 'n', type: { kind: 'integer' } as const, nullable: false },
];

/** What HOP gives over one delta; behind COALESCE its column is no plain one, and goes row by row. */
function windows(lengths: readonly bigint[], isPlain: boolean, delta: ReturnType<typeof batchOf>) {
  const column: Expr = { kind: 'column', index: 0, type: timestamp };
  const time: Expr = isPlain
    ? column
    : { kind: 'call', functionId: 'coalesce', args: [column], type: timestamp };
  const constants = lengths.map((value): Expr => {
    return { kind: 'constant', type: { kind: 'bigint' }, value };
  });
  const ends = ['window_start', 'window_end'].map((name) => {
    return { name, type: timestamp, nullable: false };
  });
  const call = { functionId: 'hop', args: [time, ...constants], fields: ends };
  const input: Operator = { step: () => [delta], stateTables: () => [] };
  const fail = () => expect.unreachable();
  const node = flatMapNode(constantsNode(fields, []), [call]);
  return new FlatMapOperator(node, input, fail, undefined).step().flatMap((batch) => {
    return rowsOf(batch).map((row, index) => [...row, batch.weights[index]!]);
  });
}

test(`HOP over whole deltas gives what it gives row by row (SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  const bases = [
    0n,
    -1n,
    1_700_000_000_000_000n,
    -(2n ** 40n),
    2n ** 53n - 20n,
    -(2n ** 60n),
    2n ** 62n,
  ];
  const shapes = [
    [2n, 10n, 0n],
    [3n, 10n, 1n],
    [7n, 7n, -5n],
    [5n, 2n, 0n],
    [1_000_000n, 3_500_000n, 250_000n],
    [2n ** 40n, 2n ** 42n + 1n, 3n],
    [1n, 900n, 0n],
  ];
  for (const shape of shapes) {
    for (const base of bases) {
      const rows = Array.from({ length: 40 }, (_, n): SqlValue[] => {
        const shift = BigInt(random.below(1 << 30)) * (random.below(2) === 0 ? shape[0]! : 1n);
        return [random.below(9) === 0 ? null : base + (shift % 2n ** 40n), n];
      });
      const weights = rows.map((_, n) => (n % 3 === 0 ? -2 : 1));
      const delta = batchOf(fields, rows, weights);
      const plain = windows(shape, true, delta);
      expect(plain).toEqual(windows(shape, false, delta));
      expect(plain.length > 0 || shape[1]! < shape[0]!).toBe(true);
    }
  }
});
