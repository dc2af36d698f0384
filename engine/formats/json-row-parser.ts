import { isUtf8 } from 'node:buffer';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { splitBigint, splitNumber } from '../../sql/columns/i64.ts';
import { Json } from '../../sql/columns/json.ts';
import { valueFromJson } from '../../sql/columns/json-value.ts';
import { cellBytes } from '../../sql/columns/nested.ts';
import { fromText } from '../../sql/columns/text.ts';
import { typeName } from '../../sql/columns/type-name.ts';
import type { Decimal, Interval, SqlValue } from '../../sql/columns/types.ts';
import type { DecodedColumn } from './json-columns.ts';

const quote = 34;
const backslash = 92;
const maxDepth = limits.sqlDepthMax;

/** Why one message is not a row; its text goes to the relation's error rows. */
class BadRow extends Error {}

/**
 * Reads one JSON object (RFC 8259) into row `row` of the columns: any key order, white space,
 * escapes, unknown keys, nested values. Numbers are never rounded: integers and decimals are read
 * from their digits. The last of repeated keys wins.
 *
 * What each type takes: booleans `true|false`; numbers a JSON number, and bigint and numeric also a
 * string of digits, since many serialisers write 64-bit numbers so; text a string, or any other
 * value as its JSON text; dates and times a string in PostgreSQL's formats; timestamps also an
 * integer of milliseconds since 1970; jsonb any value; arrays an array and records an object, whose
 * parts follow the same rules. A missing key and `null` are NULL.
 */
export class JsonRowParser {
  readonly #columns: readonly DecodedColumn[];
  readonly #keys: readonly Uint8Array[];
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #at = 0;
  #end = 0;
  /** Text that had escapes, unescaped; a start of -(offset + 1) refers to it. */
  #extra = new Uint8Array(256);
  #extraLength = 0;

  constructor(columns: readonly DecodedColumn[]) {
    this.#columns = columns;
    this.#keys = columns.map((column) => new TextEncoder().encode(column.field.name));
  }

  get extra(): Uint8Array {
    return this.#extra.subarray(0, this.#extraLength);
  }

  /** Returns the reason when bytes [start, end) are not a row. */
  parse(buffer: Uint8Array, start: number, end: number, row: number): string | undefined {
    this.#buffer = buffer;
    this.#start = start;
    this.#at = start;
    this.#end = end;
    for (const column of this.#columns) setNull(column, row);
    try {
      this.#object(row);
      this.#space();
      if (this.#at !== this.#end) this.#bad('unexpected text after the object');
      for (const { field, nulls } of this.#columns) {
        if (!field.nullable && nulls[row] === 1) {
          throw new BadRow(`"${field.name}" is missing or null, but declared NOT NULL`);
        }
      }
      return undefined;
    } catch (error) {
      if (error instanceof BadRow || error instanceof MillraceError) return error.message;
      throw error;
    }
  }

  #object(row: number): void {
    this.#space();
    if (this.#at === this.#end) this.#bad('the body is empty, expected a JSON object');
    if (this.#buffer[this.#at] !== 123) this.#bad('expected a JSON object');
    this.#at++;
    this.#space();
    if (this.#peek() === 125) {
      this.#at++;
      return;
    }
    for (let expected = 0; ; ) {
      const index = this.#key(expected);
      this.#space();
      if (this.#peek() !== 58) this.#bad('expected ":"');
      this.#at++;
      this.#space();
      if (index < 0) {
        this.#skip(0);
      } else {
        this.#value(this.#columns[index]!, row);
        expected = index + 1;
      }
      this.#space();
      const next = this.#peek();
      this.#at++;
      if (next === 125) return;
      if (next !== 44) {
        this.#at--;
        this.#bad('expected "," or "}"');
      }
      this.#space();
    }
  }

  /** Reads a key; returns its column number or -1. Tries the column after the last one first. */
  #key(expected: number): number {
    const start = this.#at + 1;
    const escaped = this.#string();
    const length = this.#at - 1 - start;
    if (escaped) {
      const text = this.#unescaped(start, start + length);
      return this.#columns.findIndex((column) => column.field.name === text);
    }
    const keys = this.#keys;
    for (let tried = 0; tried < keys.length; tried++) {
      const index = (expected + tried) % keys.length;
      if (this.#matches(keys[index]!, start, length)) return index;
    }
    return -1;
  }

  #matches(key: Uint8Array, start: number, length: number): boolean {
    if (key.length !== length) return false;
    for (let i = 0; i < length; i++) if (key[i] !== this.#buffer[start + i]) return false;
    return true;
  }

  #value(column: DecodedColumn, row: number): void {
    const first = this.#peek();
    const start = this.#at;
    setNull(column, row);
    if (first === 110) {
      this.#word('null');
      return;
    }
    column.nulls[row] = 0;
    const kind = column.field.type.kind;
    if (first === quote) {
      const escaped = this.#string();
      if (isNested(column)) {
        this.#nested(column, row, start);
      } else if (isText(column)) {
        this.#text(column, row, start + 1, this.#at - 1, escaped);
      } else if (kind === 'boolean' || kind === 'smallint' || kind === 'integer') {
        this.#wrongType(column, 'a string');
      } else if (kind === 'real' || kind === 'double') {
        this.#wrongType(column, 'a string');
      } else {
        const text = this.#unescaped(start + 1, this.#at - 1);
        this.#store(column, row, this.#fromText(column, text));
      }
    } else if (first === 116 || first === 102) {
      this.#word(first === 116 ? 'true' : 'false');
      if (kind === 'boolean') (column.values as Uint8Array)[row] = first === 116 ? 1 : 0;
      else if (isText(column)) this.#text(column, row, start, this.#at, false);
      else if (isNested(column)) this.#nested(column, row, start);
      else this.#wrongType(column, 'a boolean');
    } else if (first === 123 || first === 91) {
      this.#skip(0);
      if (isText(column)) this.#text(column, row, start, this.#at, false);
      else if (isNested(column)) this.#nested(column, row, start);
      else this.#wrongType(column, first === 123 ? 'an object' : 'an array');
    } else {
      this.#number();
      if (isText(column)) this.#text(column, row, start, this.#at, false);
      else if (isNested(column)) this.#nested(column, row, start);
      else this.#numberInto(column, row, start);
    }
  }

  /** A jsonb, array or record column takes the value that ends here as a whole. */
  #nested(column: DecodedColumn, row: number, start: number): void {
    const text = this.#utf8(start, this.#at);
    try {
      const { root } = Json.parse(text);
      const value = valueFromJson(column.field.type, root, 'milliseconds');
      this.#store(column, row, value);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw new BadRow(`"${column.field.name}": ${error.message}`);
    }
  }

  #numberInto(column: DecodedColumn, row: number, start: number): void {
    const text = this.#latin1(start, this.#at);
    switch (column.field.type.kind) {
      case 'real':
      case 'double':
      case 'numeric':
        return this.#store(column, row, this.#fromText(column, text));
      case 'smallint':
      case 'integer':
      case 'bigint':
        if (!/^-?\d+$/.test(text)) this.#wrongType(column, `the number ${text}`);
        return this.#store(column, row, this.#fromText(column, text));
      case 'timestamp':
      case 'timestamptz':
        if (!/^-?\d{1,15}$/.test(text)) this.#wrongType(column, `the number ${text}`);
        return this.#store(column, row, BigInt(text) * 1000n);
      default:
        return this.#wrongType(column, 'a number');
    }
  }

  #fromText(column: DecodedColumn, text: string): SqlValue {
    try {
      return fromText(column.field.type, text);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw new BadRow(`"${column.field.name}": ${error.message}`);
    }
  }

  #store(column: DecodedColumn, row: number, value: SqlValue): void {
    switch (column.layout) {
      case 'bool':
      case 'i32':
      case 'f64':
        column.values[row] = Number(value);
        return;
      case 'i64':
        if (typeof value === 'number') splitNumber(value, column.words, row);
        else splitBigint(value as bigint, column.words, row);
        return;
      case 'decimal':
        column.wide.write(value as Decimal, column.words, column.scales, row);
        return;
      case 'interval': {
        const { months, days, micros } = value as Interval;
        column.words[4 * row] = months;
        column.words[4 * row + 1] = days;
        splitBigint(micros, column.words, 2 * row + 1);
        return;
      }
      case 'bytes':
        return this.#keep(column, row, cellBytes(column.field.type, value));
    }
  }

  #text(column: DecodedColumn, row: number, start: number, end: number, escaped: boolean): void {
    const length = column.field.type.kind === 'varchar' ? column.field.type.length : undefined;
    if (escaped || length !== undefined) {
      const text = escaped ? this.#unescaped(start, end) : this.#utf8(start, end);
      if (length !== undefined && [...text].length > length) {
        throw new BadRow(
          `"${column.field.name}": value too long for ${typeName(column.field.type)}`,
        );
      }
      if (escaped) return this.#keep(column, row, new TextEncoder().encode(text));
    }
    if (!isUtf8(this.#buffer.subarray(start, end))) this.#bad('invalid UTF-8');
    column.starts[row] = start;
    column.lengths[row] = end - start;
  }

  #keep(column: DecodedColumn, row: number, bytes: Uint8Array): void {
    if (this.#extraLength + bytes.length > this.#extra.length) {
      const grown = new Uint8Array(
        Math.max(2 * this.#extra.length, this.#extraLength + bytes.length),
      );
      grown.set(this.#extra);
      this.#extra = grown;
    }
    this.#extra.set(bytes, this.#extraLength);
    column.starts[row] = -(this.#extraLength + 1);
    column.lengths[row] = bytes.length;
    this.#extraLength += bytes.length;
  }

  /** Passes over a string; says whether it holds escapes. Ends after the closing quote. */
  #string(): boolean {
    if (this.#peek() !== quote) this.#bad('expected a string');
    const buffer = this.#buffer;
    let escaped = false;
    for (let at = this.#at + 1; at < this.#end; at++) {
      const byte = buffer[at]!;
      if (byte === quote) {
        this.#at = at + 1;
        return escaped;
      }
      if (byte === backslash) {
        escaped = true;
        at++;
      } else if (byte < 32) {
        this.#at = at;
        this.#bad('control character in a string');
      }
    }
    this.#bad('unterminated string');
  }

  /** Bytes [start, end) between quotes, with their escapes resolved. */
  #unescaped(start: number, end: number): string {
    try {
      return JSON.parse(`"${this.#utf8(start, end)}"`);
    } catch {
      this.#bad('invalid escape in a string');
    }
  }

  #utf8(start: number, end: number): string {
    const bytes = this.#buffer.subarray(start, end);
    if (!isUtf8(bytes)) this.#bad('invalid UTF-8');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  #latin1(start: number, end: number): string {
    const { buffer, byteOffset } = this.#buffer;
    return Buffer.from(buffer, byteOffset + start, end - start).toString('latin1');
  }

  /** RFC 8259 section 6. */
  #number(): void {
    const start = this.#at;
    if (this.#peek() === 45) this.#at++;
    const first = this.#at;
    this.#digits();
    if (this.#buffer[first] === 48 && this.#at - first > 1) this.#bad('a number begins with 0');
    if (this.#peek() === 46) {
      this.#at++;
      this.#digits();
    }
    if (this.#peek() === 101 || this.#peek() === 69) {
      this.#at++;
      if (this.#peek() === 43 || this.#peek() === 45) this.#at++;
      this.#digits();
    }
    if (this.#at === start) this.#bad('expected a value');
  }

  #digits(): void {
    const start = this.#at;
    while (this.#at < this.#end && isDigit(this.#buffer[this.#at]!)) this.#at++;
    if (this.#at === start) this.#bad('expected a value');
  }

  #word(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#peek() !== word.charCodeAt(i)) this.#bad('expected a value');
      this.#at++;
    }
  }

  /** Passes over any value. */
  #skip(depth: number): void {
    if (depth > maxDepth) this.#bad(`nested more than ${maxDepth} deep`);
    this.#space();
    const first = this.#peek();
    if (first === quote) this.#string();
    else if (first === 116) this.#word('true');
    else if (first === 102) this.#word('false');
    else if (first === 110) this.#word('null');
    else if (first === 123 || first === 91) this.#skipContainer(first, depth);
    else this.#number();
  }

  #skipContainer(open: number, depth: number): void {
    const close = open + 2;
    this.#at++;
    this.#space();
    if (this.#peek() === close) {
      this.#at++;
      return;
    }
    for (;;) {
      if (open === 123) {
        this.#space();
        this.#string();
        this.#space();
        if (this.#peek() !== 58) this.#bad('expected ":"');
        this.#at++;
      }
      this.#skip(depth + 1);
      this.#space();
      const next = this.#peek();
      if (next !== 44 && next !== close)
        this.#bad(`expected "," or "${String.fromCharCode(close)}"`);
      this.#at++;
      if (next === close) return;
    }
  }

  #space(): void {
    const buffer = this.#buffer;
    while (this.#at < this.#end) {
      const byte = buffer[this.#at]!;
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) return;
      this.#at++;
    }
  }

  /** The byte at the cursor, -1 at the end. */
  #peek(): number {
    return this.#at < this.#end ? this.#buffer[this.#at]! : -1;
  }

  #wrongType(column: DecodedColumn, found: string): never {
    throw new BadRow(
      `"${column.field.name}" is declared ${typeName(column.field.type)}, found ${found}`,
    );
  }

  #bad(what: string): never {
    throw new BadRow(`not valid JSON at byte ${this.#at - this.#start}: ${what}`);
  }
}

function isText({ field }: DecodedColumn): boolean {
  return field.type.kind === 'text' || field.type.kind === 'varchar';
}

function isNested({ field }: DecodedColumn): boolean {
  const { kind } = field.type;
  return kind === 'jsonb' || kind === 'array' || kind === 'record';
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** NULL with a zeroed value, as batches demand. */
function setNull(column: DecodedColumn, row: number): void {
  column.nulls[row] = 1;
  switch (column.layout) {
    case 'bool':
    case 'i32':
    case 'f64':
      column.values[row] = 0;
      return;
    case 'i64':
      column.words[2 * row] = 0;
      column.words[2 * row + 1] = 0;
      return;
    case 'decimal':
      column.scales[row] = 0;
      column.words.fill(0, 4 * row, 4 * row + 4);
      return;
    case 'interval':
      column.words.fill(0, 4 * row, 4 * row + 4);
      return;
    case 'bytes':
      column.starts[row] = 0;
      column.lengths[row] = 0;
      return;
  }
}
