import {
  type Data,
  makeData,
  RecordBatch,
  type Schema,
  Struct,
  Table,
  tableFromIPC,
} from 'apache-arrow';
import { type RecordBatch as BatchHeader, Message } from 'apache-arrow/ipc/metadata/message';
import { VectorLoader } from 'apache-arrow/visitor/vectorloader';
import { describe, expect, test } from 'vitest';
import { wireColumn } from '../../../connectors/flight/arrow-columns.ts';
import {
  arrowSchema,
  encapsulatedSchema,
  schemaHeader,
} from '../../../connectors/flight/arrow-schema.ts';
import { batchMessages } from '../../../connectors/flight/flight-data.ts';
import { flightData } from '../../../connectors/flight/messages.ts';
import { MillraceError } from '../../../platform/errors.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import { infinity, minusInfinity, notANumber } from '../../../sql/columns/decimal.ts';
import { gather } from '../../../sql/columns/gather.ts';
import { Json } from '../../../sql/columns/json.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import { typeFromName, typeName } from '../../../sql/columns/type-name.ts';
import {
  type Field,
  SqlArray,
  SqlRecord,
  type SqlType,
  type SqlValue,
} from '../../../sql/columns/types.ts';

/** Reads our messages with apache-arrow alone: protobuf fields, flatbuffers, bodies. */
function decoded(fields: readonly Field[], messages: Iterable<Buffer>): Table {
  const schema = Message.decode(schemaHeader(arrowSchema(fields))).header() as Schema;
  const batches = [...messages].map((message) => {
    const { dataHeader, dataBody } = flightData.decode(message);
    const header = Message.decode(dataHeader);
    expect(header.bodyLength).toBe(dataBody.length);
    const { nodes, buffers, length } = header.header() as BatchHeader;
    const body = new Uint8Array(dataBody);
    const loader = new VectorLoader(body, nodes, buffers, new Map());
    const children = loader.visitMany(schema.fields.map(({ type }) => type)) as Data[];
    const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children });
    return new RecordBatch(schema, data);
  });
  return new Table(schema, batches);
}

function columnOf(type: SqlType, values: readonly SqlValue[]) {
  const fields: Field[] = [{ name: 'c', type, nullable: true }];
  const batch = batchOf(
    fields,
    values.map((value) => [value]),
  );
  return decoded(fields, batchMessages(batch)).getChildAt(0)!;
}

test.each([
  'numeric(10,2)',
  'character varying(20)[]',
  'timestamp(3) without time zone',
  'struct<a integer, "B c" struct<d text[]>, e interval(2)>[]',
  'character(3)',
  'double precision',
])('a client reads the name of a type back: %s', (name) => {
  expect(typeName(typeFromName(name)!)).toBe(name);
});

describe('apache-arrow reads every type', () => {
  const day = 86_400_000_000n;
  const decimal = { kind: 'numeric', precision: 20, scale: 3 } as const;

  test.each<[SqlType, string, SqlValue[], unknown[]]>([
    [{ kind: 'boolean' }, 'Bool', [true, false, true], [true, false, true]],
    [{ kind: 'smallint' }, 'Int16', [-32768, 5], [-32768, 5]],
    [{ kind: 'integer' }, 'Int32', [-2147483648, 5], [-2147483648, 5]],
    [{ kind: 'bigint' }, 'Int64', [-(2n ** 63n), 2n ** 53n + 1n], [-(2n ** 63n), 2n ** 53n + 1n]],
    [{ kind: 'real' }, 'Float32', [0.5, -Infinity], [0.5, -Infinity]],
    [{ kind: 'double' }, 'Float64', [0.1, Number.NaN, -0], [0.1, Number.NaN, -0]],
    [
      { kind: 'numeric' },
      'Utf8',
      [
        { unscaled: -10n, scale: 3 },
        { unscaled: -(10n ** 45n), scale: 2 },
      ],
      ['-0.010', `-1${'0'.repeat(43)}.00`],
    ],
    [{ kind: 'text' }, 'Utf8', ['', 'naïve 😀', 'a\0b'], ['', 'naïve 😀', 'a\0b']],
    [{ kind: 'varchar', length: 5 }, 'Utf8', ['ß'], ['ß']],
    [{ kind: 'unknown' }, 'Utf8', ['x'], ['x']],
    [{ kind: 'bytea' }, 'Binary', [Uint8Array.of(0, 255)], [Uint8Array.of(0, 255)]],
    [{ kind: 'date' }, 'Date32<DAY>', [-1, 19782], [-86_400_000, 19782 * 86_400_000]],
    [{ kind: 'time' }, 'Time64<MICROSECOND>', [0n, day - 1n], [0n, day - 1n]],
    [{ kind: 'timestamp' }, 'Timestamp<MICROSECOND>', [-1000n, 5000n], [-1, 5]],
    [{ kind: 'timestamptz' }, 'Timestamp<MICROSECOND, UTC>', [7000n], [7]],
    [{ kind: 'char', length: 4 }, 'Utf8', ['ab'], ['ab  ']],
    [{ kind: 'uuid' }, 'Utf8', [new Uint8Array(16)], ['00000000-0000-0000-0000-000000000000']],
    [{ kind: 'jsonb' }, 'Utf8', [Json.parse('{"b":1.0,"a":[]}')], ['{"a": [], "b": 1.0}']],
    [
      { kind: 'array', element: { kind: 'text' } },
      'Utf8',
      [new SqlArray(['a', null])],
      ['{a,NULL}'],
    ],
    [
      { kind: 'record', fields: [{ name: 'x', type: { kind: 'integer' } }] },
      'Utf8',
      [new SqlRecord([7])],
      ['(7)'],
    ],
    [
      { kind: 'numeric', precision: 50, scale: 1 },
      'Utf8',
      [
        { unscaled: 5n, scale: 1 },
        { unscaled: 10n ** 50n - 1n, scale: 1 },
      ],
      ['0.5', `${'9'.repeat(49)}.9`],
    ],
  ])('%o', (type, arrowName, values, expected) => {
    const column = columnOf(type, [...values, null, ...values]);
    expect(String(column.type)).toBe(arrowName);
    expect([...column]).toEqual([...expected, null, ...expected]);
    expect(column.nullCount).toBe(1);
    expect([...columnOf(type, values)]).toEqual(expected);
    expect(columnOf(type, values).nullCount).toBe(0);
    expect([...columnOf(type, [])]).toEqual([]);
    expect([...columnOf(type, new Array(9).fill(null))]).toEqual(new Array(9).fill(null));
  });

  test('decimals are brought to the scale of their type', () => {
    const unscaled = [-12345n, 10n ** 19n, 0n];
    const values = unscaled.map((value, index) => ({
      unscaled: value,
      scale: index === 0 ? 3 : 1,
    }));
    const column = columnOf(decimal, [...values.slice(0, 1), null, ...values.slice(2)]);
    expect(column.type).toMatchObject({ precision: 20, scale: 3, bitWidth: 128 });
    expect(BigInt.asIntN(128, wordsToBigint(column.get(0) as Uint32Array))).toBe(-12345n);
    expect(column.get(1)).toBeNull();
    const scaled = columnOf(decimal, [{ unscaled: -5n, scale: 1 }]).get(0) as Uint32Array;
    expect(BigInt.asIntN(128, wordsToBigint(scaled))).toBe(-500n);
  });

  test('NaN, which Decimal128 has not, is an error there and text where there is no precision', () => {
    expect(() => columnOf(decimal, [notANumber])).toThrow('Decimal128 has no NaN');
    const field: Field = { name: 'c', type: { kind: 'numeric' }, nullable: true };
    const { columns } = batchOf([field], [[notANumber], [infinity], [minusInfinity]]);
    const column = wireColumn(columns[0]!, 3);
    expect([0, 1, 2].map((row) => valueAt(column, row))).toEqual(['NaN', 'Infinity', '-Infinity']);
  });

  test('an interval has months, days and nanoseconds', () => {
    const column = columnOf({ kind: 'interval' }, [
      { months: -1, days: 2, micros: -3_000_000_000n },
      null,
    ]);
    const words = new Int32Array(
      column.data[0]!.values.buffer,
      column.data[0]!.values.byteOffset,
      4,
    );
    expect([words[0], words[1]]).toEqual([-1, 2]);
    expect((BigInt(words[3]!) << 32n) | BigInt(words[2]! >>> 0)).toBe(-3_000_000_000_000n);
    const tooLong = { months: 0, days: 0, micros: 10n ** 16n };
    expect(() => columnOf({ kind: 'interval' }, [tooLong])).toThrow(MillraceError);
  });
});

test('names, nullability and SQL types are in the schema', () => {
  const fields: Field[] = [
    { name: 'größe', type: { kind: 'numeric' }, nullable: false },
    { name: 'n', type: { kind: 'varchar', length: 3 }, nullable: true },
  ];
  const { schema } = tableFromIPC(encapsulatedSchema(arrowSchema(fields)));
  expect(schema.fields.map(({ name, nullable }) => [name, nullable])).toEqual([
    ['größe', false],
    ['n', true],
  ]);
  const key = 'ARROW:FLIGHT:SQL:TYPE_NAME';
  expect(schema.fields.map(({ metadata }) => metadata.get(key))).toEqual([
    'numeric',
    'character varying(3)',
  ]);
});

test('no row, no column', () => {
  const fields: Field[] = [{ name: 'c', type: { kind: 'text' }, nullable: true }];
  expect(decoded(fields, batchMessages(batchOf(fields, []))).numRows).toBe(0);
  expect(decoded([], batchMessages(batchOf([], [[], []]))).batches[0]!.numRows).toBe(2);
});

test('large rows are split into messages below 4 MiB; rows of many sources keep their order', () => {
  const fields: Field[] = [
    { name: 'id', type: { kind: 'integer' }, nullable: true },
    { name: 'body', type: { kind: 'text' }, nullable: true },
  ];
  const rows = Array.from({ length: 3000 }, (_, id): SqlValue[] => [
    id % 5 === 0 ? null : id,
    id % 3 === 0 ? null : String.fromCodePoint(97 + (id % 26)).repeat(id),
  ]);
  const backwards = Int32Array.from(rows, (_, index) => rows.length - 1 - index);
  const source = batchOf(fields, rows);
  const batch = {
    ...source,
    columns: source.columns.map((c) => gather(c, backwards, rows.length)),
  };
  const messages = [...batchMessages(batch)];
  expect(messages.length).toBeGreaterThan(1);
  for (const message of messages) expect(message.length).toBeLessThan(4 * 1024 * 1024);
  const read = decoded(fields, messages);
  expect([...read].map((row) => Object.values(row.toJSON()))).toEqual(rows.toReversed());
});

function wordsToBigint(words: Uint32Array): bigint {
  return words.reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
}
