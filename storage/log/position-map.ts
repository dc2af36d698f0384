import { assert } from '../../platform/assert.ts';
import { segmentHeaderBytes } from './segment-format.ts';

/**
 * Where the stream's positions lie in one segment file. In a segment as it was written they follow
 * each other without a gap; in a cleaned one (segment-cleaner.ts) entries are missing and the rest
 * has moved up, yet keeps its positions: the index never changes for it.
 *
 * A run is a stretch of entries that lie back to back both in the stream and in the file.
 *
 * Invariants: runs ascend in position and in file offset; no run is empty.
 */
export class PositionMap {
  /** Of run r: its position at 2r, its file offset at 2r + 1. */
  readonly runs: Float64Array;
  /** File offset after the last entry; Infinity for a segment that takes writes. */
  readonly endOffset: number;

  constructor(runs: Float64Array, endOffset: number) {
    this.runs = runs;
    this.endOffset = endOffset;
  }

  /** The map of a segment from which nothing was taken. */
  static whole(start: number, end = Infinity): PositionMap {
    const runs = end > start ? Float64Array.of(start, segmentHeaderBytes) : new Float64Array(0);
    return new PositionMap(runs, segmentHeaderBytes + end - start);
  }

  get runCount(): number {
    return this.runs.length / 2;
  }

  /** File offset of the entry at `position`; `undefined` when it is gone. */
  offsetOf(position: number): number | undefined {
    const run = this.#lastRunFrom(position, 0);
    if (run < 0) return undefined;
    const offset = this.runs[2 * run + 1]! + position - this.runs[2 * run]!;
    return offset < this.#endOf(run) ? offset : undefined;
  }

  /** File offset of the first entry at or after `position`; `endOffset` when there is none. */
  offsetFrom(position: number): number {
    const run = this.#lastRunFrom(position, 0);
    if (run < 0) return this.runCount === 0 ? this.endOffset : this.runs[1]!;
    const offset = this.runs[2 * run + 1]! + position - this.runs[2 * run]!;
    return Math.min(offset, this.#endOf(run));
  }

  /** Position of the entry at file offset `offset`. */
  positionOf(offset: number): number {
    const run = this.#lastRunFrom(offset, 1);
    assert(run >= 0, 'an offset lies in a run');
    return this.runs[2 * run]! + offset - this.runs[2 * run + 1]!;
  }

  #endOf(run: number): number {
    return run + 1 < this.runCount ? this.runs[2 * run + 3]! : this.endOffset;
  }

  /** The last run whose position (`side` 0) or offset (1) is at most `value`; -1 if none is. */
  #lastRunFrom(value: number, side: 0 | 1): number {
    let low = -1;
    let high = this.runCount - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.runs[2 * middle + side]! <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
