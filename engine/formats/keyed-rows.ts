import { MillraceError } from '../../platform/errors.ts';
import type { Field, TypeKind } from '../../sql/columns/types.ts';
import type { CompactionPolicy, KeyedFormat } from '../../storage/store.ts';
import { originOf } from './sink-entry.ts';

/**
 * Rows of a table (row-block.ts) as compaction sees them: the key is that of the table, a row of
 * weight -1 deletes it. Read by the layouts alone, for the main thread does not know the types.
 *
 * Keys are compared as bytes, of which decimals and floats have one form for equal values; tables
 * whose key has another type, of which equal values may differ, have no `keyColumns`.
 *
 * A row without a hidden key gets one from its place in the entry, and keeps it in its bytes when
 * others are taken out. An entry that a sink wrote has its origin behind the columns
 * (sink-entry.ts): that counts as one more message, whose key is the sink, so that a sink's last
 * origin, by which a start knows how far it came, always stays.
 */
export const keyedRows: KeyedFormat = {
  *messages(entry, { keyColumns = [] }) {
    if (keyColumns.length === 0) return;
    const { body, baseOffset } = entry;
    const block = new RawBlock(body);
    for (let row = 0; row < block.rows; row++) {
      const parts = keyColumns.map((column) => block.keyPart(column, row, baseOffset));
      const key = Buffer.concat([Buffer.of(keyOfRow), ...parts]);
      yield { key, isTombstone: block.weight(row) < 0 };
    }
    const origin = originOf(entry);
    if (origin !== undefined) {
      const key = Buffer.concat([Buffer.of(keyOfSink), Buffer.from(String(origin.sink))]);
      yield { key, isTombstone: false };
    }
  },

  without({ body, baseOffset }, isKept, { keyColumns = [] }: CompactionPolicy) {
    return new RawBlock(body).keep(isKept, keyColumns, baseOffset);
  },
};

/** What a key is of. */
const keyOfRow = 0;
const keyOfSink = 1;

/** Types of which equal values have equal bytes, once decimals and floats have theirs. */
const exactKinds: ReadonlySet<TypeKind> = new Set([
  ...(['boolean', 'smallint', 'integer', 'bigint', 'real', 'double', 'numeric'] as const),
  ...(['text', 'varchar', 'char', 'bytea', 'uuid'] as const),
  ...(['date', 'time', 'timestamp', 'timestamptz'] as const),
]);

/** Columns of a key by which rows can be compacted; `undefined` when it has another type. */
export function exactKey(
  fields: readonly Field[],
  key: readonly number[],
): readonly number[] | undefined {
  return key.every((column) => exactKinds.has(fields[column]!.type.kind)) ? key : undefined;
}

/** Bytes of a row's value by layout code; those of `bytes` have lengths of their own. */
const widths: Readonly<Record<number, number>> = { 1: 1, 2: 4, 3: 8, 4: 8, 5: 16, 6: 4, 7: 16 };
const [i64, f64, decimal, bytes] = [3, 4, 5, 6];
const headBytes = 8;

interface RawColumn {
  readonly layout: number;
  /** Where it begins: its layout, and whether it has null marks. */
  readonly at: number;
  /** Where its null marks are; 0 without. */
  readonly nullsAt: number;
  /** Where its values, or their lengths, are. */
  readonly valuesAt: number;
  /** Of the bytes of each row, relative to the values' end; only of `bytes`. */
  readonly starts: readonly number[] | undefined;
  readonly end: number;
}

class RawBlock {
  readonly rows: number;
  readonly #bytes: Buffer;
  readonly #columns: readonly RawColumn[];

  /** Throws CORRUPTION. */
  constructor(body: Uint8Array) {
    this.#bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.rows = this.#bytes.readUInt32LE(4);
    const columns: RawColumn[] = [];
    let at = headBytes + 4 * this.rows;
    for (let count = this.#bytes.readUInt16LE(2); count > 0; count--) {
      const column = this.#column(at);
      if (column.end > this.#bytes.length) throw corrupt();
      columns.push(column);
      at = column.end;
    }
    this.#columns = columns;
  }

  #column(at: number): RawColumn {
    const layout = this.#bytes[at]!;
    const width = widths[layout];
    if (width === undefined) throw corrupt();
    const nullsAt = this.#bytes[at + 1] === 1 ? at + 2 : 0;
    const valuesAt = at + 2 + (nullsAt === 0 ? 0 : this.rows);
    let end = valuesAt + width * this.rows;
    if (layout === decimal) end += this.rows;
    if (layout !== bytes) return { layout, at, nullsAt, valuesAt, starts: undefined, end };
    if (end > this.#bytes.length) throw corrupt();
    const starts: number[] = [];
    for (let row = 0; row < this.rows; row++) {
      starts.push(end);
      end += this.#bytes.readUInt32LE(valuesAt + 4 * row);
    }
    return { layout, at, nullsAt, valuesAt, starts, end };
  }

  weight(row: number): number {
    return this.#bytes.readInt32LE(headBytes + 4 * row);
  }

  /** A value of the key as bytes that tell where they end. */
  keyPart(number: number, row: number, baseOffset: number): Buffer {
    const column = this.#columns[number];
    if (column === undefined) throw corrupt();
    const value = this.#value(column, row);
    if (this.#isNull(column, row)) return hiddenKey(baseOffset + row);
    if (column.layout === bytes) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return Buffer.concat([length, value]);
    }
    if (column.layout === f64) return canonicalFloat(value.readDoubleLE());
    if (column.layout !== decimal) return value;
    const scaleAt = column.valuesAt + 16 * this.rows + row;
    return canonicalDecimal(value, this.#bytes[scaleAt]!);
  }

  #isNull({ nullsAt }: RawColumn, row: number): boolean {
    return nullsAt > 0 && this.#bytes[nullsAt + row] === 1;
  }

  #value({ layout, valuesAt, starts }: RawColumn, row: number): Buffer {
    if (starts !== undefined) {
      const length = this.#bytes.readUInt32LE(valuesAt + 4 * row);
      return this.#bytes.subarray(starts[row]!, starts[row]! + length);
    }
    const width = widths[layout]!;
    return this.#bytes.subarray(valuesAt + width * row, valuesAt + width * (row + 1));
  }

  /** The block with the kept rows alone. */
  keep(isKept: Uint8Array, keyColumns: readonly number[], baseOffset: number): Buffer {
    const kept = Array.from({ length: this.rows }, (_, row) => row).filter((row) => isKept[row]);
    const head = Buffer.from(this.#bytes.subarray(0, headBytes));
    head.writeUInt32LE(kept.length, 4);
    const parts: Buffer[] = [head];
    const each = (from: number, width: number) => {
      for (const row of kept) {
        parts.push(this.#bytes.subarray(from + width * row, from + width * (row + 1)));
      }
    };
    each(headBytes, 4);
    for (const [number, column] of this.#columns.entries()) {
      const { layout, at, nullsAt, valuesAt, starts } = column;
      const isHidden = layout === i64 && keyColumns.includes(number) && nullsAt > 0;
      parts.push(isHidden ? Buffer.of(layout, 0) : this.#bytes.subarray(at, at + 2));
      if (isHidden) {
        for (const row of kept) {
          const isNull = this.#isNull(column, row);
          parts.push(isNull ? hiddenKey(baseOffset + row) : this.#value(column, row));
        }
        continue;
      }
      if (nullsAt > 0) each(nullsAt, 1);
      each(valuesAt, widths[layout]!);
      if (layout === decimal) each(valuesAt + 16 * this.rows, 1);
      if (starts !== undefined) for (const row of kept) parts.push(this.#value(column, row));
    }
    const end = this.#columns.at(-1)?.end ?? headBytes + 4 * this.rows;
    if (isKept[this.rows] !== 0) parts.push(this.#bytes.subarray(end));
    return Buffer.concat(parts);
  }
}

/** As `fillHiddenKey` gives it (engine/views/nodes.ts). */
function hiddenKey(number: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigInt64LE(BigInt(number));
  return value;
}

/** Zeros are equal, and so are NaNs. */
function canonicalFloat(number: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeDoubleLE(number === 0 ? 0 : Number.isNaN(number) ? Number.NaN : number);
  return value;
}

/** Without zeros at its end: 1.50 is 1.5. */
function canonicalDecimal(words: Buffer, scale: number): Buffer {
  let digits = words.readBigInt64LE(8) * 2n ** 64n + words.readBigUInt64LE(0);
  let places = scale;
  while (places > 0 && digits % 10n === 0n) {
    digits /= 10n;
    places--;
  }
  const value = Buffer.alloc(17);
  value.writeBigUInt64LE(BigInt.asUintN(64, digits), 0);
  value.writeBigInt64LE(digits >> 64n, 8);
  value[16] = places;
  return value;
}

function corrupt(): MillraceError {
  return new MillraceError('CORRUPTION', 'a block of rows is damaged: it has another form');
}
