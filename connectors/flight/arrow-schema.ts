import {
  Decimal as ArrowDecimal,
  Field as ArrowField,
  Binary,
  Bool,
  type DataType,
  DateDay,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  IntervalMonthDayNano,
  Schema,
  TimeMicrosecond,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import { Message } from 'apache-arrow/ipc/metadata/message';
import { typeFromName, typeName } from '../../sql/columns/type-name.ts';
import type { Field, SqlType } from '../../sql/columns/types.ts';

/** Field metadata of Flight SQL that names the database's own type (FlightSql.proto). */
const typeNameKey = 'ARROW:FLIGHT:SQL:TYPE_NAME';

/** Of Decimal128. Decimal256 is not used: several drivers do not read it, all read text. */
const arrowDigitsMax = 38;

/**
 * Types that travel as PostgreSQL's text, in Utf8. A numeric without precision: every value has its
 * own scale and Decimal128 has one for the column; one whose declared digits Decimal128 has not. So a
 * numeric of any length that a column may hold is sent whole. Arrays: a PostgreSQL array may have any
 * number of dimensions and bounds, a List has one. char, uuid, jsonb and records: as drivers of PostgreSQL show.
 */
export function goesAsText(type: SqlType): boolean {
  switch (type.kind) {
    case 'numeric':
      return type.precision === undefined || type.precision > arrowDigitsMax;
    case 'char':
    case 'uuid':
    case 'jsonb':
    case 'array':
    case 'record':
      return true;
    default:
      return false;
  }
}

/** The Arrow type of each SQL type. */
export function arrowType(type: SqlType): DataType {
  switch (type.kind) {
    case 'boolean':
      return new Bool();
    case 'smallint':
      return new Int16();
    case 'integer':
      return new Int32();
    case 'bigint':
      return new Int64();
    case 'real':
      return new Float32();
    case 'double':
      return new Float64();
    case 'numeric':
      return goesAsText(type) || type.precision === undefined
        ? new Utf8()
        : new ArrowDecimal(type.scale ?? 0, type.precision, 128);
    case 'text':
    case 'varchar':
    case 'char':
    case 'uuid':
    case 'jsonb':
    case 'array':
    case 'record':
    case 'unknown':
      return new Utf8();
    case 'bytea':
      return new Binary();
    case 'date':
      return new DateDay();
    case 'time':
      return new TimeMicrosecond();
    case 'timestamp':
      return new TimestampMicrosecond();
    case 'timestamptz':
      return new TimestampMicrosecond('UTC');
    case 'interval':
      return new IntervalMonthDayNano();
  }
}

/** With the SQL type's name on every field: drivers show it, and our client reads it back. */
export function arrowSchema(fields: readonly Field[]): Schema {
  return schemaOf(
    fields,
    (field) =>
      new ArrowField(
        field.name,
        arrowType(field.type),
        field.nullable,
        new Map([[typeNameKey, typeName(field.type)]]),
      ),
  );
}

/** Without metadata: drivers compare the schemas of catalogue answers exactly (reference, 1.8). */
export function plainArrowSchema(fields: readonly Field[]): Schema {
  return schemaOf(
    fields,
    (field) => new ArrowField(field.name, arrowType(field.type), field.nullable),
  );
}

function schemaOf(fields: readonly Field[], make: (field: Field) => ArrowField): Schema {
  return new Schema(fields.map(make));
}

/** The bare Message flatbuffer of a schema: FlightData.data_header. */
export function schemaHeader(schema: Schema): Uint8Array {
  return Message.encode(Message.from(schema));
}

/**
 * The schema where a bytes field holds it (FlightInfo, SchemaResult, table_schema):
 *
 * | bytes | content                                   |
 * |-------|-------------------------------------------|
 * | 4     | FF FF FF FF, continuation                 |
 * | 4     | int32 LE, length of the rest              |
 * | n     | Message flatbuffer, zero-padded to 8      |
 */
export function encapsulatedSchema(schema: Schema): Buffer {
  const header = schemaHeader(schema);
  const length = Math.ceil(header.length / 8) * 8;
  const bytes = Buffer.alloc(8 + length);
  bytes.writeInt32LE(-1, 0);
  bytes.writeInt32LE(length, 4);
  bytes.set(header, 8);
  return bytes;
}

/** The SQL type that a server of ours meant by a field. */
export function sqlTypeOf(field: ArrowField): SqlType {
  return typeFromName(field.metadata.get(typeNameKey) ?? '') ?? { kind: 'text' };
}
