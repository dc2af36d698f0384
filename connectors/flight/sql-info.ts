import {
  Bool,
  type Data,
  DenseUnion,
  Field,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Uint32,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { version } from '../cli/version.ts';

/**
 * GetSqlInfo: one row per property, the value in a dense union whose child depends on the property
 * (reference flight-sql, 1.7; the code of the JDBC and ODBC drivers decides which).
 */
type Value =
  | { readonly child: 0; readonly value: string }
  | { readonly child: 1; readonly value: boolean }
  | { readonly child: 2; readonly value: bigint }
  | { readonly child: 3; readonly value: number };

const text = (value: string): Value => ({ child: 0, value });
const flag = (value: boolean): Value => ({ child: 1, value });
const long = (value: bigint): Value => ({ child: 2, value });
const int = (value: number): Value => ({ child: 3, value });

/** By the numbers of SqlInfo in FlightSql.proto. What is not here has no row. */
const known: ReadonlyMap<number, Value> = new Map([
  [0, text('Millrace')], // server name
  [1, text(version)], // server version
  [2, text('21.2.0')], // Arrow version
  [3, flag(false)], // read only
  [4, flag(true)], // SQL
  [5, flag(false)], // Substrait
  [8, int(0)], // transactions: none
  [9, flag(true)], // cancel
  [10, flag(false)], // bulk ingestion
  [500, flag(false)], // DDL of catalogs
  [501, flag(false)], // DDL of schemas
  [502, flag(true)], // DDL of tables
  [503, long(3n)], // identifiers without quotes become lower case
  [504, text('"')], // identifier quote
  [507, long(0n)], // NULLs sort high
  [513, text('\\')], // search string escape
  [514, text('')], // extra name characters
  [529, text('schema')],
  [531, text('catalog')],
  [563, flag(false)], // transactions
]);

const entries = new Struct([
  new Field('key', new Int32(), false),
  new Field('value', new List(new Field('item', new Int32(), true)), true),
]);
const childFields = [
  new Field('string_value', new Utf8(), true),
  new Field('bool_value', new Bool(), true),
  new Field('bigint_value', new Int64(), true),
  new Field('int32_bitmask', new Int32(), true),
  new Field('string_list', new List(new Field('item', new Utf8(), true)), true),
  new Field('int32_to_int32_list_map', new Map_(new Field('entries', entries, false)), true),
];
const unionType = new DenseUnion([0, 1, 2, 3, 4, 5], childFields);

export const sqlInfoSchema = new Schema([
  new Field('info_name', new Uint32(), false),
  new Field('value', unionType, false),
]);

/** Rows for the asked properties that we know; none asked means all. */
export function sqlInfoBatch(asked: readonly number[]): RecordBatch {
  const names = (asked.length === 0 ? [...known.keys()] : asked).filter((name) => known.has(name));
  const values = names.map((name) => known.get(name)!);
  const byChild: (string | boolean | bigint | number)[][] = childFields.map(() => []);
  const valueOffsets = values.map(({ child, value }) => byChild[child]!.push(value) - 1);
  const union = makeData({
    type: unionType,
    length: values.length,
    typeIds: Int8Array.from(values, ({ child }) => child),
    valueOffsets: Int32Array.from(valueOffsets),
    children: childFields.map((field, index) => childData(field, byChild[index]!)),
  });
  const infoName = makeData({ type: new Uint32(), data: Uint32Array.from(names) });
  return new RecordBatch(
    sqlInfoSchema,
    makeData({
      type: new Struct(sqlInfoSchema.fields),
      length: names.length,
      nullCount: 0,
      children: [infoName, union],
    }),
  );
}

function childData(field: Field, values: readonly unknown[]): Data {
  return vectorFromArray([...values], field.type).data[0]!;
}
