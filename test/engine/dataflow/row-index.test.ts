import { expect, test } from 'vitest';
import { Arrangement } from '../../../engine/dataflow/arrangement.ts';
import { hashRows } from '../../../engine/dataflow/hashing.ts';
import { Side } from '../../../engine/dataflow/join-side.ts';
import type { Operator } from '../../../engine/dataflow/operator.ts';
import { RowIndex } from '../../../engine/dataflow/row-index.ts';
import { RowTable } from '../../../engine/dataflow/row-table.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import type { Field, SqlValue } from '../../../sql/columns/types.ts';

import { seedOr } from '../../random-seed.ts';

const seed = seedOr(20261126);

/** Numbers of a linear congruential generator, below `end`. */
function numbers(start: number): (end: number) => number {
  let state = start >>> 0;
  return (end) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
}

const fields: readonly Field[] = [
  { name: 'k', type: { kind: 'bigint' }, nullable: true },
  { name: 'i', type: { kind: 'integer' }, nullable: true },
  { name: 't', type: { kind: 'text' }, nullable: true },
];
type Row = readonly SqlValue[];
const keyOf = (row: Row) => row.map((value) => String(value)).join('|');

/** Rows that are put in, taken out and put in again, many times in one delta. */
function changes(next: (end: number) => number, kept: Map<string, number>) {
  const rows: Row[] = [];
  const weights: number[] = [];
  for (let i = 0; i < 1 + next(200); i++) {
    const row: Row = [
      next(10) === 0 ? null : BigInt(next(12)),
      next(6) === 0 ? null : next(3),
      next(6) === 0 ? null : 'x'.repeat(next(3)),
    ];
    const key = keyOf(row);
    const weight = (kept.get(key) ?? 0) > 0 && next(2) === 0 ? -1 : 1;
    kept.set(key, (kept.get(key) ?? 0) + weight);
    rows.push(row);
    weights.push(weight);
  }
  return batchOf(fields, rows, weights);
}

function contents(batches: Iterable<ReturnType<typeof batchOf>>): string[] {
  const lines: string[] = [];
  for (const { columns, rowCount, weights } of batches) {
    for (let row = 0; row < rowCount; row++) {
      lines.push(`${keyOf(columns.map((column) => valueAt(column, row)))} ${weights[row]}`);
    }
  }
  return lines.toSorted();
}

const expected = (kept: Map<string, number>) =>
  [...kept].filter(([, weight]) => weight !== 0).map(([key, weight]) => `${key} ${weight}`);

test(`an arrangement holds the sum of deltas that touch a row often (SEED=${seed})`, () => {
  const next = numbers(seed);
  const kept = new Map<string, number>();
  const arrangement = new Arrangement(fields);
  for (let delta = 0; delta < 300; delta++) {
    arrangement.apply(changes(next, kept));
    expect(contents(arrangement.snapshot())).toEqual(expected(kept).toSorted());
  }
});

test(`a side of a join finds exactly its rows of a key (SEED=${seed})`, () => {
  const next = numbers(seed);
  const kept = new Map<string, number>();
  const input: Operator = { step: () => [], stateTables: () => [] };
  const node = { fields, appendOnly: false } as ConstructorParameters<typeof Side>[1];
  const side = new Side(input, node, [0], [true]);
  const keys = Array.from({ length: 20 }, (_, k) => [k === 19 ? null : BigInt(k)]);
  const probe = side.probeOf(
    batchOf(
      fields,
      keys.map(([k]) => [k!, null, null]),
    ),
  );
  for (let delta = 0; delta < 300; delta++) {
    side.apply(side.probeOf(changes(next, kept)));
    const heads = new Int32Array(keys.length);
    side.index.find(probe.keys, probe.hashes, keys.length, heads);
    const lines: string[] = [];
    for (const [row, [k]] of keys.entries()) {
      for (let id = heads[row]!; id >= 0; id = side.index.next(id)) {
        const cells = side.table.chunk(id).columns.map((column) => valueAt(column, id));
        expect(cells[0]).toBe(k);
        lines.push(`${keyOf(cells)} ${side.table.weight(id)}`);
      }
    }
    expect(lines.toSorted()).toEqual(expected(kept).toSorted());
  }
});

test('keys of one hash are told apart, many at once', () => {
  const count = 300_000;
  const numbered = batchOf(
    [fields[0]!],
    Array.from({ length: count }, (_, i) => [BigInt.asIntN(64, BigInt(i) * 0x9e3779b97f4a7c15n)]),
  );
  const hashes = new Int32Array(count);
  hashRows(numbered.columns, count, hashes);
  const table = new RowTable([fields[0]!]);
  const index = new RowIndex(table, [0], 'sql');
  const collisions: number[] = [];
  const seen = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const other = seen.get(hashes[row]!);
    if (other === undefined) seen.set(hashes[row]!, row);
    else collisions.push(other, row);
  }
  expect(collisions.length).toBeGreaterThan(4);
  const at = new Map<number, number>();
  for (const row of collisions) {
    expect(index.first(numbered.columns, row, hashes[row]!)).toBe(-1);
    const id = table.insert(numbered, row, 1);
    index.add(id, hashes[row]!, -1);
    at.set(row, id);
  }
  const found = new Int32Array(count);
  index.find(numbered.columns, hashes, count, found);
  for (let row = 0; row < count; row++) {
    if (found[row] !== (at.get(row) ?? -1)) throw new Error(`row ${row} is found at ${found[row]}`);
  }
});
