import type { Batch } from '../../../sql/columns/batch.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { fromText } from '../../../sql/columns/text.ts';
import { typeFromName } from '../../../sql/columns/type-name.ts';
import type { Field } from '../../../sql/columns/types.ts';

/** Edge values per type, as PostgreSQL's input functions read them; `null` is NULL. */
const samples: readonly (readonly [string, string, readonly (string | null)[]])[] = [
  ['boolean', 'b', ['true', 'false', null]],
  ['smallint', 's', ['0', '1', '-1', '7', '-7', '32767', '-32768', null]],
  ['integer', 'i', ['0', '1', '-1', '2', '-7', '2147483647', '-2147483648', '65536', null]],
  [
    'bigint',
    'l',
    [
      '0',
      '1',
      '-1',
      '-10',
      '9007199254740992',
      '-9007199254740993',
      '9223372036854775807',
      '-9223372036854775808',
      '4294967296',
      null,
    ],
  ],
  ['real', 'r', ['0', '-0', '1.5', '-2.5', '3.4e38', '1e-40', 'NaN', '-Infinity', '0.1', null]],
  [
    'double precision',
    'd',
    [
      '0',
      '-0',
      '0.5',
      '-2.5',
      '1e308',
      '5e-324',
      'NaN',
      'Infinity',
      '-Infinity',
      '9007199254740993',
      '0.1',
      null,
    ],
  ],
  [
    'numeric',
    'n',
    [
      '0',
      '0.000',
      '1',
      '-1.50',
      '2.5',
      '123456789012345.6789',
      '-0.00000001',
      '9007199254740993',
      '99999999999999999999',
      '3',
      'NaN',
      'Infinity',
      '-Infinity',
      null,
    ],
  ],
  ['text', 't', ['', 'a', 'A', 'ab', 'é', '𝄞x', '%', 'a_b', '12', ' 7 ', null]],
  ['varchar', 'c', ['', 'a', 'B', 'zz', null]],
  ['bytea', 'y', ['\\x', '\\x00', '\\x00ff', '\\xff', null]],
  ['date', 'a', ['1970-01-01', '2020-02-29', '1969-12-31', '0001-01-01', '9999-12-31', null]],
  ['time', 'e', ['00:00:00', '23:59:59.999999', '12:30:00.5', null]],
  [
    'timestamp',
    'm',
    [
      '1970-01-01 00:00:00',
      '2020-02-29 23:59:59.999999',
      '1969-12-31 23:59:59.5',
      '2021-01-31 12:00:00',
      '0044-03-15 09:00:00 BC',
      null,
    ],
  ],
  ['timestamptz', 'z', ['1970-01-01 00:00:00+00', '2024-12-31 22:00:00-03', null]],
  [
    'interval',
    'v',
    ['0', '1 month', '30 days', '-1 day', '1 year 2 mons 3 days 04:05:06.7', '-00:00:00.5', null],
  ],
  ['character(3)', 'h', ['', 'a', 'a b', 'abc', null]],
  [
    'uuid',
    'u',
    [
      '00000000-0000-0000-0000-000000000000',
      'a0eebc99-9c0b-1ef8-bb6d-6bb9bd380a11',
      '019535d9-3df7-79fb-b466-fa907fa17f9e',
      null,
    ],
  ],
  [
    'jsonb',
    'j',
    [
      'null',
      'true',
      '1.0',
      '1.00',
      '"a"',
      '[]',
      '{}',
      '[1, "a", null, [2]]',
      '{"a": 1, "bb": {"a": [true, null]}, "é": "x\\ny"}',
      '{"a": null, "12": [1.5e3, -0]}',
      '["a", "ab", "12"]',
      null,
    ],
  ],
  [
    'integer[]',
    'p',
    ['{}', '{1}', '{2,1,NULL}', '{{1,2},{3,4}}', '[0:1]={7,-1}', '{NULL}', '{1,1,2}', null],
  ],
  ['text[]', 'q', ['{}', '{a}', '{a,NULL,"b c"}', '{{a,b}}', '{"","12","NULL"}', '{bb,a}', null]],
];

/** Columns `i1`, `i2` and so on: two per type, in the order of `samples`, after `id`. */
export const fields: readonly Field[] = [
  { name: 'id', type: { kind: 'integer' }, nullable: false },
  ...samples.flatMap(([name, letter]) =>
    [1, 2].map((number) => ({
      name: `${letter}${number}`,
      type: typeFromName(name)!,
      nullable: true,
    })),
  ),
];

const longest = Math.max(...samples.map(([, , values]) => values.length));

/** Every pair of values of one type stands in some row. */
export const rows: readonly (readonly (string | null)[])[] = Array.from(
  { length: longest * longest },
  (_, row) => [
    String(row),
    ...samples.flatMap(([, , values]) => [
      values[row % values.length]!,
      values[Math.floor(row / values.length) % values.length]!,
    ]),
  ],
);

export const batch: Batch = batchOf(
  fields,
  rows.map((row) =>
    row.map((cell, column) => (cell === null ? null : fromText(fields[column]!.type, cell))),
  ),
);
