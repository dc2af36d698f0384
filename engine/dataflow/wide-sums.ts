import { limits } from '../../platform/limits.ts';
import { decimalAt, powerOfTen } from '../../sql/columns/decimal.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { DecimalCells } from '../../sql/columns/wide-decimal.ts';
import { cell } from './accumulators.ts';
import { storeBytes, type TextColumn } from './chunk.ts';
import type { RowTable } from './row-table.ts';

const mask = limits.chunkRows - 1;

/**
 * What the wide numerics of a group add up to (sql/columns/wide-decimal.ts): the part of a sum that
 * numeric-sums.ts, which is for the many short ones, has no room for. State is text in a bytea cell,
 * empty where there are none:
 *
 *   scale ' ' sum ' ' squares (' ' scale ':' number of values)*
 *
 * in hexadecimal. Scale: the largest that was ever added, of sum; twice that of squares. Numbers of
 * 0 are left out.
 */
export const wideField: Field = { name: 'wide', type: { kind: 'bytea' }, nullable: false };

export interface WideSum {
  scale: number;
  sum: bigint;
  /** Of the squares; 0 where they are not needed. */
  squares: bigint;
  /** How many values have each scale; those of 0 may be missing. */
  readonly counts: Map<number, number>;
}

/** Of a group; `undefined` where it has no wide value. */
export function wideSumAt(table: RowTable, column: number, id: number): WideSum | undefined {
  const { starts, lengths, arena } = cell(table, id, column) as TextColumn;
  const length = lengths[id & mask]!;
  if (length === 0) return undefined;
  const start = starts[id & mask]!;
  const text = Buffer.from(arena.buffer, arena.byteOffset + start, length).toString('latin1');
  const [scale = '', sum = '', squares = '', ...counts] = text.split(' ');
  return {
    scale: Number.parseInt(scale, 16),
    sum: fromHex(sum),
    squares: fromHex(squares),
    counts: new Map(
      counts.map((entry) => {
        const [key = '', count = ''] = entry.split(':');
        return [Number.parseInt(key, 16), Number.parseInt(count, 16)];
      }),
    ),
  };
}

function fromHex(text: string): bigint {
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

/** The wide sums of the groups of one batch: read once and written once, for they may be long. */
export class WideSums {
  readonly #table: RowTable;
  readonly #column: number;
  readonly #withSquares: boolean;
  readonly #groups = new Map<number, WideSum>();

  constructor(table: RowTable, column: number, withSquares: boolean) {
    this.#table = table;
    this.#column = column;
    this.#withSquares = withSquares;
  }

  /** Adds a wide cell `weight` times. */
  add(id: number, cells: DecimalCells, row: number, weight: number): void {
    let total = this.#groups.get(id);
    if (total === undefined) {
      total = wideSumAt(this.#table, this.#column, id) ?? newSum();
      this.#groups.set(id, total);
    }
    const { unscaled, scale } = decimalAt(cells, row);
    if (scale > total.scale) raise(total, scale);
    const value = unscaled * powerOfTen(total.scale - scale);
    total.sum += value * BigInt(weight);
    if (this.#withSquares) total.squares += value * value * BigInt(weight);
    total.counts.set(scale, (total.counts.get(scale) ?? 0) + weight);
  }

  /** The groups' chunks are writable already. */
  store(): void {
    for (const [id, { scale, sum, squares, counts }] of this.#groups) {
      const entries = [...counts].filter(([, count]) => count !== 0);
      const isEmpty = entries.length === 0 && sum === 0n && squares === 0n;
      const parts = [scale, sum, squares].map((part) => part.toString(16));
      for (const [key, count] of entries) parts.push(`${key.toString(16)}:${count.toString(16)}`);
      const bytes = Buffer.from(isEmpty ? '' : parts.join(' '), 'latin1');
      const column = cell(this.#table, id, this.#column) as TextColumn;
      storeBytes(column, id & mask, bytes, 0, bytes.length);
    }
  }
}

export function newSum(): WideSum {
  return { scale: 0, sum: 0n, squares: 0n, counts: new Map() };
}

function raise(total: WideSum, scale: number): void {
  const factor = powerOfTen(scale - total.scale);
  total.sum *= factor;
  total.squares *= factor * factor;
  total.scale = scale;
}

/** Adds what numeric-sums.ts has: a sum and squares at `scale`. */
export function addShort(total: WideSum, scale: number, sum: bigint, squares: bigint): void {
  if (scale > total.scale) raise(total, scale);
  const factor = powerOfTen(total.scale - scale);
  total.sum += sum * factor;
  total.squares += squares * factor * factor;
}
