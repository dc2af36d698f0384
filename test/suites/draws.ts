import { SeededRandom } from '../../platform/seeded-random.ts';

/** A cell of a row to insert; texts, dates and timestamps as text. */
export type Cell = string | number;

/** Rows of one table, in the order of its columns. */
export interface TableRows {
  readonly table: string;
  readonly rows: readonly (readonly Cell[])[];
}

/** Draws of a data generator; everything follows from the seed. */
export class Draws {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** Between `low` and `high`, both included. */
  int(low: number, high: number): number {
    return low + this.#random.below(high - low + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  /** With two decimals, between two whole numbers. */
  money(low: number, high: number): string {
    return (this.int(low * 100, high * 100) / 100).toFixed(2);
  }

  /** A day that many days after 1 January of the year. */
  day(year: number, days: number): string {
    return new Date(Date.UTC(year, 0, 1 + days)).toISOString().slice(0, 10);
  }

  /** Each of `count` numbers from `from` on, made a row. */
  rows(count: number, from: number, row: (id: number) => readonly Cell[]): (readonly Cell[])[] {
    return Array.from({ length: count }, (_, index) => row(from + index));
  }
}

export function insertOf({ table, rows }: TableRows): string {
  const text = rows.map((row) => `(${row.map(literal).join(', ')})`).join(',\n');
  return `INSERT INTO ${table} VALUES ${text}`;
}

function literal(cell: Cell): string {
  return typeof cell === 'number' ? String(cell) : `'${cell.replaceAll("'", "''")}'`;
}
