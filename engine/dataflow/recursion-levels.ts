import { limits } from '../../platform/limits.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import type { Field } from '../../sql/columns/types.ts';
import type { ChunkColumn } from './chunk.ts';
import { gatherStored } from './gather-stored.ts';
import { hashRows } from './hashing.ts';
import { RowIndex } from './row-index.ts';
import { RowTable } from './row-table.ts';
import type { StateSize } from './table.ts';

const mask = limits.chunkRows - 1;
const none = -1;

/**
 * Which iteration each row of a UNION recursion belongs to: the first one that derives it. Every
 * iteration that derives a row is kept with how often it does, so that a row whose first derivation
 * goes away moves to the next one. An iteration's derivations rest on the iteration before alone:
 * rows that only derive each other have no first one and go.
 */
export class RecursionLevels {
  /** Row, iteration, number of derivations; of weight 1. */
  readonly #table: RowTable;
  readonly #rows: RowIndex;
  readonly #width: number;

  constructor(fields: readonly Field[]) {
    this.#width = fields.length;
    this.#table = new RowTable([
      ...fields,
      { name: 'iteration', type: { kind: 'double' }, nullable: false },
      { name: 'derivations', type: { kind: 'double' }, nullable: false },
    ]);
    this.#rows = new RowIndex(
      this.#table,
      fields.map((_, index) => index),
      'sql',
    );
  }

  get size(): StateSize {
    const { rows, bytes } = this.#table.size;
    return { rows, bytes: bytes + this.#rows.bytes };
  }

  /** Takes a change of what iteration `level` derives; `moved` gets rows as they come and go. */
  apply(level: number, delta: Batch, moved: (level: number, rows: Batch) => void): void {
    const { rowCount, columns } = delta;
    const hashes = new Int32Array(rowCount);
    hashRows(columns, rowCount, hashes);
    const moves = new Moves();
    const emptied: number[] = [];
    for (let row = 0; row < rowCount; row++) {
      const hash = hashes[row]!;
      const before = this.#firstEntry(this.#rows.first(columns, row, hash));
      const id = this.#entryOf(delta, row, level, hash);
      const counts = this.#doubles(id, 1, 'write');
      counts[id & mask]! += delta.weights[row]!;
      if (counts[id & mask] === 0) emptied.push(id);
      const after = this.#firstEntry(this.#rows.first(columns, row, hash));
      if (before === after) continue;
      // Each iteration's own entry: it may look different where values that differ are equal.
      if (before !== none) moves.add(this.#levelOf(before), before, -1);
      if (after !== none) moves.add(this.#levelOf(after), after, 1);
    }
    for (const [at, { ids, weights }] of moves.byLevel) moved(at, this.#batch(ids, weights));
    for (const id of emptied) this.#dropEmpty(id);
  }

  /** The entry of the first iteration that derives the row, or -1. */
  #firstEntry(head: number): number {
    let first = none;
    for (let id = head; id >= 0; id = this.#rows.next(id)) {
      if (this.#doubles(id, 1)[id & mask]! <= 0) continue;
      if (first === none || this.#levelOf(id) < this.#levelOf(first)) first = id;
    }
    return first;
  }

  #levelOf(id: number): number {
    return this.#doubles(id, 0)[id & mask]!;
  }

  #entryOf(delta: Batch, row: number, level: number, hash: number): number {
    const head = this.#rows.first(delta.columns, row, hash);
    for (let id = head; id >= 0; id = this.#rows.next(id)) {
      if (this.#levelOf(id) === level) return id;
    }
    const id = this.#table.insert(delta, row, 1);
    this.#doubles(id, 0, 'write')[id & mask] = level;
    this.#doubles(id, 1, 'write')[id & mask] = 0;
    this.#rows.add(id, hash, head);
    return id;
  }

  /** The iteration (0) or the number of derivations (1) of the rows in row `id`'s chunk. */
  #doubles(id: number, column: 0 | 1, use: 'read' | 'write' = 'read'): Float64Array {
    const chunk = use === 'read' ? this.#table.chunk(id) : this.#table.writable(id);
    return (chunk.columns[this.#width + column] as Extract<ChunkColumn, { layout: 'f64' }>).values;
  }

  /** An entry that was emptied twice, or filled again, was listed too often. */
  #dropEmpty(id: number): void {
    if (this.#table.weight(id) === 0 || this.#doubles(id, 1)[id & mask] !== 0) return;
    this.#rows.remove(id);
    this.#table.remove(id);
  }

  #batch(ids: readonly number[], weights: readonly number[]): Batch {
    const rows = Int32Array.from(ids);
    const columns = Array.from({ length: this.#width }, (_, column) =>
      gatherStored(this.#table, column, rows, rows.length),
    );
    return { rowCount: rows.length, columns, weights: Int32Array.from(weights) };
  }
}

class Moves {
  readonly byLevel = new Map<number, { readonly ids: number[]; readonly weights: number[] }>();

  add(level: number, id: number, weight: number): void {
    const list = this.byLevel.get(level) ?? { ids: [], weights: [] };
    list.ids.push(id);
    list.weights.push(weight);
    this.byLevel.set(level, list);
  }
}
