import { assert } from '../../platform/assert.ts';
import type { Batch, Column } from './batch.ts';
import { writeAscii } from './bytes-text.ts';
import { boundedNumeric } from './decimal.ts';
import { splitBigint } from './i64.ts';
import { cellBytes } from './nested.ts';
import {
  type Decimal,
  type Field,
  type Interval,
  layoutOf,
  type SqlType,
  type SqlValue,
} from './types.ts';
import { isPlain, WideArena, writePlain } from './wide-decimal.ts';

const noBytes = new Uint8Array(0);
/** Longer texts are encoded by the platform. */
const asciiMax = 128;

/**
 * Builds one column value by value, growing as needed. For rows that come as values: constants,
 * DML, results of aggregates' slow paths, tests. Hot loops write typed arrays themselves.
 */
export class ColumnBuilder {
  readonly type: SqlType;
  readonly #layout;
  #capacity = 16;
  #count = 0;
  #hasNull = false;
  #nulls = new Uint8Array(16);
  #bytes = new Uint8Array(0);
  #words = new Int32Array(0);
  #doubles = new Float64Array(0);
  #starts = new Int32Array(0);
  #lengths = new Int32Array(0);
  #arenaLength = 0;
  readonly #wide = new WideArena();

  constructor(type: SqlType) {
    this.type = type;
    this.#layout = layoutOf(type);
    this.#resize(16);
  }

  get count(): number {
    return this.#count;
  }

  /** Throws SQL_RUNTIME 22003, and adds nothing, for a numeric that PostgreSQL has not. */
  push(value: SqlValue): void {
    // What may throw comes before the row: the caller goes on with NULL in its place.
    let bytes: Uint8Array = noBytes;
    let isWide = false;
    if (value !== null && this.#layout === 'decimal') {
      isWide = !isPlain(value as Decimal);
      if (isWide) boundedNumeric((value as Decimal).unscaled, (value as Decimal).scale);
    } else if (value !== null && this.#layout === 'bytes') {
      if (typeof value === 'string' && this.#pushAscii(value)) return;
      bytes = cellBytes(this.type, value);
    }
    if (this.#count === this.#capacity) this.#resize(2 * this.#capacity);
    const row = this.#count++;
    if (value === null) {
      this.#nulls[row] = 1;
      this.#hasNull = true;
      if (this.#layout === 'bytes') this.#starts[row] = this.#arenaLength;
      return;
    }
    switch (this.#layout) {
      case 'bool':
        this.#bytes[row] = value === true ? 1 : 0;
        return;
      case 'i32':
        assert(typeof value === 'number', 'a 32-bit value is a number');
        this.#words[row] = value;
        return;
      case 'f64':
        assert(typeof value === 'number', 'a float is a number');
        this.#doubles[row] = value;
        return;
      case 'i64':
        assert(typeof value === 'bigint', 'a 64-bit value is a bigint');
        splitBigint(value, this.#words, row);
        return;
      case 'decimal':
        if (isWide) this.#wide.write(value as Decimal, this.#words, this.#bytes, row);
        else writePlain(value as Decimal, this.#words, this.#bytes, row);
        return;
      case 'interval': {
        const { months, days, micros } = value as Interval;
        this.#words[4 * row] = months;
        this.#words[4 * row + 1] = days;
        splitBigint(micros, this.#words, 2 * row + 1);
        return;
      }
      case 'bytes':
        this.#appendBytes(row, bytes);
    }
  }

  /** The builder must not be used afterwards. */
  finish(): Column {
    const base = { type: this.type, nulls: this.#hasNull ? this.#nulls : undefined };
    switch (this.#layout) {
      case 'bool':
        return { ...base, layout: 'bool', values: this.#bytes };
      case 'i32':
        return { ...base, layout: 'i32', values: this.#words };
      case 'f64':
        return { ...base, layout: 'f64', values: this.#doubles };
      case 'i64':
        return { ...base, layout: 'i64', words: this.#words };
      case 'decimal':
        return {
          ...base,
          layout: 'decimal',
          words: this.#words,
          scales: this.#bytes,
          arena: this.#wide.bytes,
        };
      case 'interval':
        return { ...base, layout: 'interval', words: this.#words };
      case 'bytes':
        return {
          ...base,
          layout: 'bytes',
          starts: this.#starts,
          lengths: this.#lengths,
          arena: this.#bytes.subarray(0, this.#arenaLength),
        };
    }
  }

  /** A text that is ASCII goes into the arena without a copy between. */
  #pushAscii(text: string): boolean {
    if (this.type.kind !== 'text' || text.length > asciiMax) return false;
    this.#reserve(text.length);
    if (!writeAscii(text, this.#bytes, this.#arenaLength)) return false;
    if (this.#count === this.#capacity) this.#resize(2 * this.#capacity);
    const row = this.#count++;
    this.#starts[row] = this.#arenaLength;
    this.#lengths[row] = text.length;
    this.#arenaLength += text.length;
    return true;
  }

  #reserve(length: number): void {
    const end = this.#arenaLength + length;
    if (end <= this.#bytes.length) return;
    this.#bytes = grown(this.#bytes, Math.max(end, 2 * this.#bytes.length, 64), Uint8Array);
  }

  #appendBytes(row: number, bytes: Uint8Array): void {
    const end = this.#arenaLength + bytes.length;
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#arenaLength);
    this.#starts[row] = this.#arenaLength;
    this.#lengths[row] = bytes.length;
    this.#arenaLength = end;
  }

  #resize(capacity: number): void {
    this.#capacity = capacity;
    this.#nulls = grown(this.#nulls, capacity, Uint8Array);
    switch (this.#layout) {
      case 'bool':
        this.#bytes = grown(this.#bytes, capacity, Uint8Array);
        return;
      case 'i32':
        this.#words = grown(this.#words, capacity, Int32Array);
        return;
      case 'f64':
        this.#doubles = grown(this.#doubles, capacity, Float64Array);
        return;
      case 'i64':
        this.#words = grown(this.#words, 2 * capacity, Int32Array);
        return;
      case 'decimal':
        this.#words = grown(this.#words, 4 * capacity, Int32Array);
        this.#bytes = grown(this.#bytes, capacity, Uint8Array);
        return;
      case 'interval':
        this.#words = grown(this.#words, 4 * capacity, Int32Array);
        return;
      case 'bytes':
        this.#starts = grown(this.#starts, capacity, Int32Array);
        this.#lengths = grown(this.#lengths, capacity, Int32Array);
    }
  }
}

/** A copy of `array` with room for `length` elements; the new ones are 0. */
export function grown<T extends Uint8Array | Int32Array | Float64Array>(
  array: T,
  length: number,
  make: new (length: number) => T,
): T {
  const larger = new make(length);
  larger.set(array.length > length ? array.subarray(0, length) : array);
  return larger;
}

/** Rows given as values; `weights` are 1 where not given. */
export function batchOf(
  fields: readonly Field[],
  rows: readonly (readonly SqlValue[])[],
  weights?: readonly number[],
): Batch {
  const builders = fields.map((field) => new ColumnBuilder(field.type));
  for (const row of rows) {
    assert(row.length === fields.length, 'a row has one value per field');
    for (const [index, builder] of builders.entries()) builder.push(row[index]!);
  }
  return {
    rowCount: rows.length,
    columns: builders.map((builder) => builder.finish()),
    weights: weights === undefined ? new Int32Array(rows.length).fill(1) : Int32Array.from(weights),
  };
}
