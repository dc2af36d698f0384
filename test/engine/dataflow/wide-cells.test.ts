import { expect, test } from 'vitest';
import { gatherStored } from '../../../engine/dataflow/gather-stored.ts';
import { cellsEqual, hashRows } from '../../../engine/dataflow/hashing.ts';
import { compareCells, compareExact } from '../../../engine/dataflow/ordering.ts';
import { RowTable } from '../../../engine/dataflow/row-table.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import type { Batch } from '../../../sql/columns/batch.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { compareDecimals, decimalToText } from '../../../sql/columns/decimal.ts';
import { compacted, concatenated, gatherBatch, sliceBatch } from '../../../sql/columns/gather.ts';
import { rowsOf, valueAt } from '../../../sql/columns/read.ts';
import type { Decimal, Field, SqlType } from '../../../sql/columns/types.ts';
import { isPlain } from '../../../sql/columns/wide-decimal.ts';
import { seedOr } from '../../random-seed.ts';

const seed = seedOr(20261128);
const type: SqlType = { kind: 'numeric' };
const fields: readonly Field[] = [{ name: 'n', type, nullable: true }];

/** Wide as often as plain; some are equal but for zeros behind the point. */
function value(random: SeededRandom): Decimal | null {
  if (random.below(12) === 0) return null;
  const unscaled = BigInt(random.below(9) - 4) * 10n ** BigInt(random.below(45));
  const zeros = [0, 1, 30, 50, 200][random.below(5)]!;
  const scale = random.below(6);
  return { unscaled: unscaled * 10n ** BigInt(zeros), scale: scale + zeros };
}

const texts = (rows: readonly (readonly unknown[])[]) =>
  rows.map(([cell]) => (cell === null ? 'NULL' : decimalToText(cell as Decimal)));

test(`a table of wide and plain numerics, its snapshots and its checkpoints (SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  const table = new RowTable(fields);
  const copy = new RowTable(fields);
  const model = new Map<number, string>();
  const live = () => [...model.values()].sort();
  for (let round = 0; round < 8; round++) {
    // More than one chunk, and over and over in the same rows.
    const rows = Array.from({ length: 6000 }, () => [value(random)]);
    const batch = batchOf(fields, rows);
    const shown = texts(rows);
    for (const [row, text] of shown.entries()) model.set(table.insert(batch, row, 1), text);
    const before = live();
    const snapshot = table.snapshot();
    const ids = Int32Array.from([...model.keys()].filter(() => random.below(3) === 0));
    const gathered = gatherStored(table, 0, ids, ids.length);
    expect([...ids].map((_, i) => texts([[valueAt(gathered, i)]])[0])).toEqual(
      [...ids].map((id) => model.get(id)),
    );
    for (const id of [...model.keys()]) {
      if (random.below(8) === 0) continue;
      table.remove(id);
      model.delete(id);
      if (random.below(2) === 0) model.set(table.insert(batch, 0, 1), shown[0]!);
    }
    expect([...snapshot].flatMap((part) => texts(rowsOf(part))).sort()).toEqual(before);
    for (const { chunk, delta, encode } of table.checkpoint()) {
      copy.restore({ chunk, delta, bytes: encode() });
    }
    copy.restored();
    const kept = [...copy.snapshot()].flatMap((part) => texts(rowsOf(part)));
    expect(kept.sort()).toEqual(live());
  }
});

test('what rewritten cells leave behind is used again', () => {
  const table = new RowTable(fields);
  const batch = batchOf(fields, [
    [{ unscaled: 3n ** 5000n, scale: 7 }],
    [{ unscaled: 1n, scale: 0 }],
  ]);
  const sizes = Array.from({ length: 1000 }, (_, round) => {
    table.remove(table.insert(batch, round % 3 === 0 ? 1 : 0, 1));
    return table.size.bytes;
  });
  expect(sizes[999]).toBe(sizes[20]);
});

test(`cells of any form are equal, hashed and ordered by value (SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  const values = Array.from({ length: 150 }, () => value(random) ?? { unscaled: 7n, scale: 60 });
  expect(values.some(isPlain) && !values.every(isPlain)).toBe(true);
  const { columns } = batchOf(
    fields,
    values.map((number) => [number]),
  );
  const column = columns[0]!;
  const hashes = new Int32Array(values.length);
  hashRows(columns, values.length, hashes);
  const [sql, exact] = [cellsEqual(type, 'sql'), cellsEqual(type, 'exact')];
  const [order, total] = [compareCells(type), compareExact(type)];
  for (const [i, a] of values.entries()) {
    for (const [j, b] of values.entries()) {
      const expected = Math.sign(compareDecimals(a, b));
      const pair = `${decimalToText(a)} and ${decimalToText(b)}`;
      const isSame = decimalToText(a) === decimalToText(b);
      expect([pair, Math.sign(order(column, i, column, j))]).toEqual([pair, expected]);
      expect([pair, sql(column, i, column, j)]).toEqual([pair, expected === 0]);
      expect([pair, exact(column, i, column, j)]).toEqual([pair, isSame]);
      const scales = Math.sign(a.scale - b.scale);
      expect([pair, Math.sign(total(column, i, column, j))]).toEqual([pair, expected || scales]);
      if (expected === 0) expect([pair, hashes[i]]).toEqual([pair, hashes[j]]);
    }
  }
});

test(`parts of batches, put together, are what they were (SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 50; round++) {
    const rows = Array.from({ length: 1 + random.below(40) }, () => [value(random)]);
    const whole = batchOf(fields, rows);
    const at = random.below(rows.length);
    const head = compacted(sliceBatch(whole, 0, at));
    const tail = sliceBatch(whole, at, rows.length - at);
    const indices = Int32Array.from(rows, () => random.below(rows.length));
    const joined = concatenated([head, tail, gatherBatch(whole, indices, rows.length)]);
    const expected = [...rows, ...[...indices].map((index) => rows[index]!)];
    expect(texts(rowsOf(joined))).toEqual(texts(expected));
  }
});

test('digits that only an older snapshot still has are not overwritten', () => {
  const table = new RowTable(fields);
  const wide = (digit: bigint): Decimal => ({ unscaled: digit * (10n ** 60n + 1n), scale: 0 });
  const plain: Decimal = { unscaled: 7n, scale: 0 };
  const values = [wide(1n), wide(2n), plain, wide(3n)];
  const rows = batchOf(
    fields,
    values.map((item) => [item]),
  );
  const shown = (snapshot: Iterable<Batch>) => [...snapshot].flatMap((part) => texts(rowsOf(part)));
  const some = (...indexes: readonly number[]) => texts(indexes.map((index) => [values[index]]));
  table.insert(rows, 0, 1);
  const gone = table.insert(rows, 1, 1);
  const oldest = table.snapshot();
  table.remove(gone);
  expect(table.insert(rows, 2, 1)).toBe(gone);
  const older = table.snapshot();
  // A copy of a copy knows only where the last digits end that it has itself.
  table.insert(rows, 3, 1);
  expect(shown(oldest)).toEqual(some(0, 1));
  expect(shown(older)).toEqual(some(0, 2));
  expect(shown(table.snapshot())).toEqual(some(0, 2, 3));
});
