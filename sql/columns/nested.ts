import { bytesToText, textToBytes } from './bytes-text.ts';
import { boundedNumeric, decimalFromText, decimalToText, normalized } from './decimal.ts';
import { intervalSpan } from './interval.ts';
import { isArray, isObject, Json, type JsonNode, JsonNumber, jsonObject } from './json.ts';
import {
  type Decimal,
  type Dimension,
  type Interval,
  SqlArray,
  SqlRecord,
  type SqlType,
  type SqlValue,
} from './types.ts';

/**
 * Values of layout `bytes` as bytes, in columns, checkpoints and the log. Numbers are little-endian.
 *
 * | type            | bytes                                                                     |
 * |-----------------|---------------------------------------------------------------------------|
 * | text, varchar, char, jsonb | the text in UTF-8; a char without its trailing blanks          |
 * | bytea, uuid     | as they are                                                               |
 * | array           | u8 dimensions; per dimension i32 length, i32 lower bound; then the items  |
 * | record          | u16 fields, then the cells                                                |
 *
 * An item or cell is u8 1 for NULL, or u8 0 and its value: boolean u8; smallint, integer, date i32;
 * bigint and times i64; floats f64; interval i32 months, i32 days, i64 microseconds; numeric and
 * everything of layout `bytes` u32 length and bytes (a numeric as its text).
 *
 * Equal bytes are the same value. The reverse holds but for the types of `isLoose`, of which
 * `keyBytes` gives one form per SQL equality.
 */

class Writer {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
  }
  u16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
  }
  i32(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value, true);
  }
  i64(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigInt64(at, value, true);
  }
  f64(value: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, value, true);
  }
  block(bytes: Uint8Array): void {
    this.i32(bytes.length);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Where the next bytes go. It may replace both buffers: call it before they are read. */
  #room(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The bytes of a value whose layout is `bytes`. */
export function cellBytes(type: SqlType, value: SqlValue): Uint8Array {
  return bytesOf(type, value, false);
}

/** As `cellBytes`, but equal for values that SQL calls equal. For hashing. */
export function keyBytes(type: SqlType, value: SqlValue): Uint8Array {
  return bytesOf(type, value, true);
}

/** True when values with other bytes may be equal: 1.0 and 1.00 inside jsonb, arrays, records. */
export function isLoose(type: SqlType): boolean {
  switch (type.kind) {
    case 'numeric':
    case 'real':
    case 'double':
    case 'interval':
    case 'jsonb':
      return true;
    case 'array':
      return isLoose(type.element);
    case 'record':
      return type.fields.some((field) => isLoose(field.type));
    default:
      return false;
  }
}

function bytesOf(type: SqlType, value: SqlValue, isKey: boolean): Uint8Array {
  switch (type.kind) {
    case 'array': {
      const { items, dimensions } = value as SqlArray;
      const writer = new Writer();
      writer.u8(dimensions.length);
      for (const { length, lower } of dimensions) {
        writer.i32(length);
        writer.i32(lower);
      }
      for (const item of items) writeCell(writer, type.element, item, isKey);
      return writer.bytes;
    }
    case 'record': {
      const { cells } = value as SqlRecord;
      const writer = new Writer();
      writer.u16(cells.length);
      for (const [index, cell] of cells.entries()) {
        writeCell(writer, type.fields[index]!.type, cell, isKey);
      }
      return writer.bytes;
    }
    case 'jsonb': {
      const json = value as Json;
      return textToBytes(isKey ? Json.of(normalNode(json.root)).toString() : json.toString());
    }
    default:
      return typeof value === 'string' ? textToBytes(value) : (value as Uint8Array);
  }
}

function normalNode(node: JsonNode): JsonNode {
  if (node instanceof JsonNumber) return new JsonNumber(normalized(node.value));
  if (node === null || typeof node !== 'object') return node;
  if (isArray(node)) return node.map(normalNode);
  return isObject(node)
    ? jsonObject([...node].map(([key, part]) => [key, normalNode(part)]))
    : node;
}

function writeCell(writer: Writer, type: SqlType, value: SqlValue, isKey: boolean): void {
  writer.u8(value === null ? 1 : 0);
  if (value === null) return;
  switch (type.kind) {
    case 'boolean':
      return writer.u8(value === true ? 1 : 0);
    case 'smallint':
    case 'integer':
    case 'date':
      return writer.i32(value as number);
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return writer.i64(value as bigint);
    case 'real':
    case 'double':
      return writer.f64(isKey && value === 0 ? 0 : (value as number));
    case 'interval': {
      const { months, days, micros } = value as Interval;
      if (isKey) return writer.block(textToBytes(String(intervalSpan(value as Interval))));
      writer.i32(months);
      writer.i32(days);
      return writer.i64(micros);
    }
    case 'numeric': {
      const decimal = value as Decimal;
      // What is written must be readable.
      boundedNumeric(decimal.unscaled, decimal.scale);
      return writer.block(textToBytes(decimalToText(isKey ? normalized(decimal) : decimal)));
    }
    default:
      return writer.block(bytesOf(type, value, isKey));
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#skip(8), true);
  }
  f64(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }
  block(): Uint8Array {
    const length = this.i32();
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  #skip(length: number): number {
    this.#at += length;
    return this.#at - length;
  }
}

/** The value that `cellBytes` wrote; bytes of a bytea or uuid are a view. */
export function cellValue(type: SqlType, bytes: Uint8Array): SqlValue {
  switch (type.kind) {
    case 'bytea':
    case 'uuid':
      return bytes;
    case 'jsonb':
      return Json.fromCanonical(bytesToText(bytes));
    case 'array': {
      const reader = new Reader(bytes);
      const dimensions: Dimension[] = [];
      for (let left = reader.u8(); left > 0; left--) {
        const length = reader.i32();
        dimensions.push({ length, lower: reader.i32() });
      }
      const items: SqlValue[] = [];
      const count = dimensions.reduce((product, { length }) => product * length, 1);
      if (dimensions.length > 0) {
        for (let i = 0; i < count; i++) items.push(readCell(reader, type.element));
      }
      return new SqlArray(items, dimensions);
    }
    case 'record': {
      const reader = new Reader(bytes);
      reader.u16();
      return new SqlRecord(type.fields.map((field) => readCell(reader, field.type)));
    }
    default:
      return bytesToText(bytes);
  }
}

function readCell(reader: Reader, type: SqlType): SqlValue {
  if (reader.u8() === 1) return null;
  switch (type.kind) {
    case 'boolean':
      return reader.u8() === 1;
    case 'smallint':
    case 'integer':
    case 'date':
      return reader.i32();
    case 'bigint':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return reader.i64();
    case 'real':
    case 'double':
      return reader.f64();
    case 'interval': {
      const months = reader.i32();
      const days = reader.i32();
      return { months, days, micros: reader.i64() };
    }
    case 'numeric':
      return decimalFromText(bytesToText(reader.block()))!;
    default:
      return cellValue(type, reader.block());
  }
}
