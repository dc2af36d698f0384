import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import { type DecodedColumn, newColumns, toColumn } from './json-columns.ts';
import { compileFastPath, type FastPath } from './json-fast-path.ts';
import { JsonRowParser } from './json-row-parser.ts';

/** A message that is not a row of the declared columns. */
export interface UndecodableMessage {
  /** Its number among the messages given. */
  readonly index: number;
  readonly reason: string;
}

export interface DecodedMessages {
  /** One row of weight 1 per decodable message, in order. */
  readonly batch: Batch;
  readonly undecodable: readonly UndecodableMessage[];
  /** Messages that needed the row parser: a rate near 1 means the fast path is useless. */
  readonly slowRows: number;
}

/**
 * JSON message bodies to columns. Text columns point into the messages' own bytes where no escape
 * forbids it, so decoding copies no strings.
 */
export class JsonDecoder {
  readonly #fields: readonly Field[];
  readonly #fastPath: FastPath | undefined;

  constructor(fields: readonly Field[], options: { readonly fastPath?: boolean } = {}) {
    this.#fields = fields;
    this.#fastPath = options.fastPath === false ? undefined : compileFastPath(fields);
  }

  /** Message i is `lengths[i]` bytes of `buffer` from `starts[i]` on. `buffer` must not change. */
  decode(
    buffer: Uint8Array,
    starts: Int32Array,
    lengths: Int32Array,
    count: number,
  ): DecodedMessages {
    const columns = newColumns(this.#fields, count);
    const parser = new JsonRowParser(columns);
    const undecodable: UndecodableMessage[] = [];
    const fastPath = this.#fastPath;
    let slowRows = 0;
    let row = 0;
    for (let index = 0; index < count; index++) {
      if (fastPath !== undefined) {
        const done = fastPath(buffer, starts, lengths, index, count, row, columns);
        row += done - index;
        index = done;
        if (index === count) break;
      }
      slowRows++;
      const start = starts[index]!;
      const reason = parser.parse(buffer, start, start + lengths[index]!, row);
      if (reason === undefined) {
        row++;
      } else {
        undecodable.push({ index, reason });
        // The next message takes this row; the fast path writes no null marks.
        for (const column of columns) column.nulls[row] = 0;
      }
    }
    const arena = joinArena(buffer, parser.extra, columns, row);
    return {
      batch: {
        rowCount: row,
        columns: columns.map((column) => toColumn(column, row, arena)),
        weights: new Int32Array(row).fill(1),
      },
      undecodable,
      slowRows,
    };
  }
}

/** Appends the unescaped texts to the messages' bytes, where there are any, and points to them. */
function joinArena(
  buffer: Uint8Array,
  extra: Uint8Array,
  columns: readonly DecodedColumn[],
  rowCount: number,
): Uint8Array {
  if (extra.length === 0) return buffer;
  const arena = new Uint8Array(buffer.length + extra.length);
  arena.set(buffer);
  arena.set(extra, buffer.length);
  for (const { layout, starts } of columns) {
    if (layout !== 'bytes') continue;
    for (let row = 0; row < rowCount; row++) {
      if (starts[row]! < 0) starts[row] = buffer.length - starts[row]! - 1;
    }
  }
  return arena;
}
