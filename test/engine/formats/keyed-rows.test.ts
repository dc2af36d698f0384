import { expect, test } from 'vitest';
import { keyedRows } from '../../../engine/formats/keyed-rows.ts';
import { decodeRows, encodeRows } from '../../../engine/formats/row-block.ts';
import { originOf, tableEntry } from '../../../engine/formats/sink-entry.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import {
  compareDecimals,
  decimalFromText,
  decimalToText,
  notANumber,
} from '../../../sql/columns/decimal.ts';
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
  { name: 'number', type: { kind: 'numeric' }, nullable: true },
  { name: 'hidden', type: { kind: 'bigint' }, nullable: true },
];
const hidden = 6;
const policy = { tombstoneMs: 0, keyColumns: [hidden] };
const origin = { sink: 3, before: [], after: [[1, [5]] as const], part: 0, isLast: true };

/** In a third of the cases with digits behind the columns. */
function decimal(random: SeededRandom) {
  const size = [3, 20, 60][random.below(3)]!;
  const unscaled = 7n ** BigInt(random.below(size)) * BigInt(1 - 2 * random.below(2));
  return { unscaled, scale: random.below(size) };
}

function rowsOf(random: SeededRandom, count: number): unknown[][] {
  const some = <T>(value: T) => (random.below(4) === 0 ? null : value);
  return Array.from({ length: count }, () => [
    some(random.below(2) === 0),
    some(random.below(1000)),
    some('é'.repeat(random.below(9))),
    random.below(100) / 8,
    'y'.repeat(random.below(3)),
    some(decimal(random)),
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

test('equal decimals have one key, long or short, and no others have it', () => {
  const values = ['1', '1.0', `1.${'0'.repeat(50)}`, '1e40', `1e40`, '-1e40', '1.5e-50', `1.5e-50`];
  const numbers = values.map((text) => decimalFromText(text)!);
  numbers.push({ unscaled: 10n ** 60n, scale: 20 }, notANumber, { unscaled: 15n, scale: 52 });
  const body = encodeRows(
    batchOf(
      [{ name: 'n', type: { kind: 'numeric' }, nullable: false }],
      numbers.map((number) => [number]),
    ),
  );
  const entry = { ...entryOf([]), body };
  const messages = [...keyedRows.messages(entry, { tombstoneMs: 0, keyColumns: [0] })];
  const keys = messages.map((message) => Buffer.from(message!.key!).toString('hex'));
  for (const [i, left] of numbers.entries()) {
    for (const [j, right] of numbers.entries()) {
      const pair = `${decimalToText(left)} and ${decimalToText(right)}`;
      expect([pair, keys[i] === keys[j]]).toEqual([pair, compareDecimals(left, right) === 0]);
    }
  }
});
