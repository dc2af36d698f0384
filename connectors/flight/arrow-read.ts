import type { RecordBatch } from 'apache-arrow/ipc/metadata/message';
import { assert } from '../../platform/assert.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { bigintAt, splitBigint } from '../../sql/columns/i64.ts';
import { layoutOf, type SqlType } from '../../sql/columns/types.ts';
import { emptyArena } from '../../sql/columns/wide-decimal.ts';
import { goesAsText } from './arrow-schema.ts';

/** Columns out of the body of a record batch: what arrow-columns.ts writes, backwards. */
export function readBatch(types: readonly SqlType[], header: RecordBatch, body: Uint8Array): Batch {
  // A copy, since a message may begin at any byte and typed arrays need a multiple of 8.
  const memory = body.buffer.slice(body.byteOffset, body.byteOffset + body.length);
  const rowCount = header.length;
  const regions = header.buffers.values();
  const next = (): Region => {
    const { value: region } = regions.next();
    assert(region !== undefined, 'a record batch has the buffers of its schema');
    return region;
  };
  const columns = types.map((type, index) => {
    const validity = next();
    const hasNull = header.nodes[index]!.nullCount > 0;
    const nulls = hasNull
      ? nullFlags(new Uint8Array(memory, validity.offset), rowCount)
      : undefined;
    return readColumn(type, nulls, memory, next, rowCount);
  });
  return { rowCount, columns, weights: new Int32Array(rowCount).fill(1) };
}

interface Region {
  readonly offset: number;
  readonly length: number;
}

function readColumn(
  type: SqlType,
  nulls: Uint8Array | undefined,
  memory: ArrayBufferLike,
  next: () => Region,
  rowCount: number,
): Column {
  // What travels as text is printed as it is.
  if (goesAsText(type)) {
    return readColumn({ kind: 'text' }, nulls, memory, next, rowCount);
  }
  const layout = layoutOf(type);
  const { offset } = next();
  const base = { type, nulls };
  switch (layout) {
    case 'bool':
      return { ...base, layout, values: bits(new Uint8Array(memory, offset), rowCount) };
    case 'i32': {
      const values =
        type.kind === 'smallint'
          ? Int32Array.from(new Int16Array(memory, offset, rowCount))
          : new Int32Array(memory, offset, rowCount);
      return { ...base, layout, values };
    }
    case 'i64':
      return { ...base, layout, words: new Int32Array(memory, offset, 2 * rowCount) };
    case 'f64': {
      const values =
        type.kind === 'real'
          ? Float64Array.from(new Float32Array(memory, offset, rowCount))
          : new Float64Array(memory, offset, rowCount);
      return { ...base, layout, values };
    }
    case 'decimal': {
      const scale = type.kind === 'numeric' ? (type.scale ?? 0) : 0;
      const words = new Int32Array(memory, offset, 4 * rowCount);
      const scales = new Uint8Array(rowCount).fill(scale);
      return { ...base, layout, words, scales, arena: emptyArena };
    }
    case 'interval': {
      const words = new Int32Array(memory, offset, 4 * rowCount);
      for (let row = 0; row < rowCount; row++) {
        splitBigint(bigintAt(words, 2 * row + 1) / 1000n, words, 2 * row + 1);
      }
      return { ...base, layout, words };
    }
    case 'bytes': {
      const data = next();
      const ends = new Int32Array(memory, offset, rowCount + 1);
      const lengths = new Int32Array(rowCount);
      for (let row = 0; row < rowCount; row++) lengths[row] = ends[row + 1]! - ends[row]!;
      const arena = new Uint8Array(memory, data.offset, data.length);
      return { ...base, layout, starts: ends, lengths, arena };
    }
  }
}

function bits(packed: Uint8Array, rowCount: number): Uint8Array {
  const flags = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row++) flags[row] = (packed[row >> 3]! >> (row & 7)) & 1;
  return flags;
}

function nullFlags(validity: Uint8Array, rowCount: number): Uint8Array {
  return bits(validity, rowCount).map((valid) => valid ^ 1);
}
