import { expect, test } from 'vitest';
import { keyedRows } from '../../../engine/formats/keyed-rows.ts';
import { decodeRows } from '../../../engine/formats/row-block.ts';
import { originOf, tableEntry } from '../../../engine/formats/sink-entry.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import type { Field } from '../../../sql/columns/types.ts';
import { type Entry, entryKinds } from '../../../storage/store.ts';

import { seedOr } from '../../random-seed.ts';

const seed = seedOr(20261126);

const fields: readonly Field[] = [
  { name: 'flag', type: { kind: 'boolean' }, nullable: true },
  { name: 'small', type: { kind: 'integer' }, nullable: true },
  { name: 'text', type: { kind: 'text' }, nullable: true },
  { name: 'ratio', type: { kind: 'double' }, nullable: false },
  { name: 'more', type: { kind: 'text' }, nullable: false },
  { name: 'hidden', type: { kind: 'bigint' }, nullable: true },
];
const hidden = 5;
const policy = { tombstoneMs: 0, keyColumns: [hidden] };
const origin = { sink: 3, before: [], after: [[1, [5]] as const], part: 0, isLast: true };

function rowsOf(random: SeededRandom, count: number): unknown[][] {
  const some = <T>(value: T) => (random.below(4) === 0 ? null : value);
  return Array.from({ length: count }, () => [
    some(random.below(2) === 0),
    some(random.below(1000)),
    some('é'.repeat(random.below(9))),
    random.below(100) / 8,
    'y'.repeat(random.below(3)),
    some(BigInt(random.below(50))),
  ]);
}

function entryOf(rows: readonly unknown[][]): Entry {
  const body = tableEntry(batchOf(fields, rows as never), origin);
  return {
    ...{ kind: entryKinds.rows, topicId: 1, queueId: 0, baseOffset: 70, count: rows.length },
    ...{ storeTimeMs: 0, partition: 0, position: 0, length: body.length, isThinned: false, body },
  };
}

test(`of the rows that are kept every value stays, and hidden keys are theirs (seed ${seed})`, async () => {
  const random = new SeededRandom(seed);
  const turns = { isOver: false, next: () => Promise.resolve() };
  for (let round = 0; round < 60; round++) {
    const rows = rowsOf(random, random.below(40));
    // Runs of several lengths; the last one stands for the origin.
    const share = 1 + random.below(6);
    const isKept = Uint8Array.from([...rows, 0], () => (random.below(share) === 0 ? 0 : 1));
    const entry = entryOf(rows);
    const body = await keyedRows.without(entry, isKept, policy, turns);
    expect(originOf({ ...entry, body })).toEqual(isKept[rows.length] === 1 ? origin : undefined);
    const left = decodeRows(body, fields);
    const expected = rows.flatMap((row, i) =>
      isKept[i] === 1 ? [[...row.slice(0, hidden), row[hidden] ?? BigInt(70 + i)]] : [],
    );
    const found = expected.map((_, row) => left.columns.map((column) => valueAt(column, row)));
    expect(left.rowCount).toBe(expected.length);
    expect(found).toEqual(expected);
  }
});

test('an entry of many rows gives way to others while it is thinned', async () => {
  const rows = rowsOf(new SeededRandom(seed), 5000);
  let given = 0;
  const turns = {
    isOver: true,
    async next() {
      given++;
    },
  };
  const isKept = Uint8Array.from([...rows, 0], (_, row) => row % 2);
  const body = await keyedRows.without(entryOf(rows), isKept, policy, turns);
  expect(decodeRows(body, fields).rowCount).toBe(2500);
  expect(given).toBeGreaterThan(5 * fields.length);
});
