import { grown } from '../../sql/columns/builder.ts';
import {
  type DecimalCells,
  moveWide,
  wideByte,
  wideLength,
} from '../../sql/columns/wide-decimal.ts';
import type { DecimalColumn } from './chunk.ts';

/** Copies a numeric cell over another one, where either is wide (sql/columns/wide-decimal.ts). */
export function storeWide(
  target: DecimalColumn,
  at: number,
  source: DecimalCells,
  row: number,
): void {
  forgetWide(target, at);
  target.words.set(source.words.subarray(4 * row, 4 * row + 4), 4 * at);
  const byte = source.scales[row]!;
  if (byte === wideByte) {
    const start = source.words[4 * row]!;
    append(target, at, source.arena.subarray(start, start + source.words[4 * row + 1]!));
  }
  target.scales[at] = byte;
}

/** Makes a cell 0; its digits, if it is wide, are garbage from now on. */
export function forgetWide(column: DecimalColumn, at: number): void {
  if (column.scales[at] === wideByte) usageOf(column).garbage += column.words[4 * at + 1]!;
  column.words.fill(0, 4 * at, 4 * at + 4);
  column.scales[at] = 0;
}

/** How much of a column's arena was ever written, and how much of that no cell points to. */
interface Usage {
  length: number;
  garbage: number;
}

/** Of columns that were changed here; of others, such as copies, it is found anew. */
const usages = new WeakMap<DecimalColumn, Usage>();

function usageOf(column: DecimalColumn): Usage {
  let usage = usages.get(column);
  if (usage === undefined) {
    const { words, scales } = column;
    let length = 0;
    for (let row = 0; row < scales.length; row++) {
      if (scales[row] === wideByte) {
        length = Math.max(length, words[4 * row]! + words[4 * row + 1]!);
      }
    }
    usage = { length, garbage: length - wideLength(words, scales, scales.length) };
    usages.set(column, usage);
  }
  return usage;
}

function append(column: DecimalColumn, at: number, digits: Uint8Array): void {
  const usage = usageOf(column);
  if (usage.length + digits.length > column.arena.length) {
    if (usage.garbage > usage.length / 2) compact(column, usage);
    const end = usage.length + digits.length;
    if (end > column.arena.length) {
      column.arena = grown(column.arena, Math.max(1024, end, 2 * column.arena.length), Uint8Array);
    }
  }
  column.arena.set(digits, usage.length);
  column.words[4 * at] = usage.length;
  usage.length += digits.length;
}

/** Moves the living digits together. The arena is a new one: batches may share the old one. */
function compact(column: DecimalColumn, usage: Usage): void {
  const { words, scales, arena } = column;
  column.arena = new Uint8Array(arena.length);
  usage.length = moveWide(words, scales, 0, scales.length, arena, column.arena, 0);
  usage.garbage = 0;
}
