import { MillraceError } from '../../platform/errors.ts';
import { decimalAt, normalized } from '../../sql/columns/decimal.ts';
import type { Field, TypeKind } from '../../sql/columns/types.ts';
import { emptyArena, wideByte, writeCell } from '../../sql/columns/wide-decimal.ts';
import type { KeyedFormat, Turns } from '../../storage/store.ts';
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

  without({ body, baseOffset }, isKept, { keyColumns = [] }, turns) {
    return new RawBlock(body).keep(isKept, keyColumns, baseOffset, turns);
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
  /** Where the bytes of each row are, and where the last ones end; of `bytes` and wide decimals. */
  readonly starts: Uint32Array | undefined;
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
    const scalesAt = end;
    if (layout === decimal) end += this.rows;
    if (end > this.#bytes.length) throw corrupt();
    const isWide = layout === decimal && this.#bytes.subarray(scalesAt, end).includes(wideByte);
    if (layout !== bytes && !isWide) {
      return { layout, at, nullsAt, valuesAt, starts: undefined, end };
    }
    const starts = new Uint32Array(this.rows + 1);
    for (let row = 0; row < this.rows; row++) {
      starts[row] = end;
      if (layout === bytes) end += this.#bytes.readUInt32LE(valuesAt + 4 * row);
      else if (this.#bytes[scalesAt + row] === wideByte) {
        end += this.#bytes.readUInt32LE(valuesAt + 16 * row + 4);
      }
    }
    starts[this.rows] = end;
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
    const scale = this.#bytes[column.valuesAt + 16 * this.rows + row]!;
    const { starts } = column;
    const digits = starts && this.#bytes.subarray(starts[row]!, starts[row + 1]!);
    return canonicalDecimal(value, scale, digits);
  }

  #isNull({ nullsAt }: RawColumn, row: number): boolean {
    return nullsAt > 0 && this.#bytes[nullsAt + row] === 1;
  }

  #value({ layout, valuesAt, starts }: RawColumn, row: number): Buffer {
    if (layout === bytes && starts !== undefined)
      return this.#bytes.subarray(starts[row]!, starts[row + 1]!);
    const width = widths[layout]!;
    return this.#bytes.subarray(valuesAt + width * row, valuesAt + width * (row + 1));
  }

  /** The block with the kept rows alone, which is never longer. */
  async keep(
    isKept: Uint8Array,
    keyColumns: readonly number[],
    baseOffset: number,
    turns: Turns,
  ): Promise<Buffer> {
    const source = this.#bytes;
    const runs = keptRuns(isKept, this.rows);
    const out = Buffer.allocUnsafe(source.length);
    let end = 0;
    const copy = (from: number, to: number) => {
      end += source.copy(out, end, from, to);
    };
    const eachRun = async (visit: (from: number, to: number) => void) => {
      for (let i = 0; i < runs.length; i += 2) {
        visit(runs[i]!, runs[i + 1]!);
        if (i % runsPerLook === 0 && turns.isOver) await turns.next();
      }
    };
    const fixed = (at: number, width: number) =>
      eachRun((from, to) => copy(at + width * from, at + width * to));
    copy(0, headBytes);
    await fixed(headBytes, 4);
    out.writeUInt32LE((end - headBytes) / 4, 4);
    for (const [number, column] of this.#columns.entries()) {
      const { layout, at, nullsAt, valuesAt, starts } = column;
      copy(at, at + 2);
      if (layout === i64 && keyColumns.includes(number) && nullsAt > 0) {
        out[end - 1] = 0;
        await eachRun((from, to) => {
          for (let row = from; row < to; row++) {
            if (!this.#isNull(column, row)) copy(valuesAt + 8 * row, valuesAt + 8 * (row + 1));
            else end = out.writeBigInt64LE(BigInt(baseOffset + row), end);
          }
        });
        continue;
      }
      if (nullsAt > 0) await fixed(nullsAt, 1);
      await fixed(valuesAt, widths[layout]!);
      if (layout === decimal) await fixed(valuesAt + 16 * this.rows, 1);
      if (starts !== undefined) await eachRun((from, to) => copy(starts[from]!, starts[to]!));
    }
    const columnsEnd = this.#columns.at(-1)?.end ?? headBytes + 4 * this.rows;
    if (isKept[this.rows] !== 0) copy(columnsEnd, source.length);
    return out.subarray(0, end);
  }
}

/** After so many bounds of runs the time is looked at. */
const runsPerLook = 512;

/** Where each run of kept rows begins and ends. */
function keptRuns(isKept: Uint8Array, rows: number): Uint32Array {
  const bounds = new Uint32Array(rows + 1);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (isKept[row] === (row === 0 ? 0 : isKept[row - 1])) continue;
    bounds[count++] = row;
  }
  if (count % 2 === 1) bounds[count++] = rows;
  return bounds.subarray(0, count);
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

/** Without zeros at its end, in a cell's form: 1.50 is 1.5, and so is a wide 1.500... */
function canonicalDecimal(cell: Buffer, scale: number, digits: Uint8Array = emptyArena): Buffer {
  const words = Int32Array.from({ length: 4 }, (_, word) => cell.readInt32LE(4 * word));
  const scales = Uint8Array.of(scale);
  const value = normalized(decimalAt({ words, scales, arena: digits }, 0));
  const rest = writeCell(value, words, scales, 0) ?? emptyArena;
  return Buffer.concat([Buffer.from(words.buffer), scales, rest]);
}

function corrupt(): MillraceError {
  return new MillraceError('CORRUPTION', 'a block of rows is damaged: it has another form');
}
