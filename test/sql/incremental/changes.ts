import type { SeededRandom } from '../../../platform/seeded-random.ts';
import type { Relation } from '../../../sql/analyze/catalog.ts';
import { toText } from '../../../sql/columns/text.ts';
import type { SqlType, SqlValue } from '../../../sql/columns/types.ts';
import type { Change } from './dataflow-run.ts';

const column = (name: string, type: SqlType) => ({ name, type, nullable: true });

/** A table with ties, NULLs and duplicates in every column but its key. */
export const table: Relation = {
  id: 1,
  name: 't',
  kind: 'table',
  columns: [
    column('id', { kind: 'integer' }),
    column('g', { kind: 'text' }),
    column('h', { kind: 'integer' }),
    column('v', { kind: 'bigint' }),
    column('n', { kind: 'numeric' }),
    column('d', { kind: 'double' }),
    column('at', { kind: 'timestamp' }),
    column('b', { kind: 'boolean' }),
    column('p', { kind: 'numeric', precision: 12, scale: 2 }),
  ],
  primaryKey: [0],
  appendOnly: false,
  writable: true,
};

export const createTable =
  'CREATE TABLE t (id int PRIMARY KEY, g text, h int, v bigint, n numeric, d float8, at timestamp, b boolean, p numeric(12, 2))';

/** The same changes for our dataflow and, as SQL, for PostgreSQL. */
export interface Changes {
  readonly changes: readonly Change[];
  readonly sql: string;
}

/** Random inserts, updates and deletes of the table; some batches clear a group or everything. */
export class RandomChanges {
  readonly #random: SeededRandom;
  readonly #rows = new Map<number, readonly SqlValue[]>();
  #nextId = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  next(): Changes {
    const random = this.#random;
    const changes: Change[] = [];
    const sql: string[] = [];
    const remove = (id: number) => {
      changes.push({ relation: table.id, row: this.#rows.get(id)!, weight: -1 });
      sql.push(`DELETE FROM t WHERE id = ${id}`);
      this.#rows.delete(id);
    };
    const insert = (id: number) => {
      const row = this.#row(id);
      this.#rows.set(id, row);
      changes.push({ relation: table.id, row, weight: 1 });
      sql.push(`INSERT INTO t VALUES (${row.map(literal).join(', ')})`);
    };
    const clear = random.below(12);
    if (clear === 0) for (const id of [...this.#rows.keys()]) remove(id);
    if (clear === 1) {
      const group = this.#group();
      for (const [id, row] of [...this.#rows]) if (row[1] === group) remove(id);
    }
    for (let count = random.below(9); count > 0; count--) {
      const ids = [...this.#rows.keys()];
      const some = ids[random.below(Math.max(1, ids.length))];
      const kind = random.below(5);
      if (some === undefined || kind < 2) insert(this.#nextId++);
      else {
        remove(some);
        if (kind > 2) insert(some);
      }
    }
    return { changes, sql: sql.join(';\n') };
  }

  #group(): SqlValue {
    return ['a', 'b', 'c', null][this.#random.below(4)]!;
  }

  #row(id: number): SqlValue[] {
    const random = this.#random;
    const maybe = (value: SqlValue) => (random.below(5) === 0 ? null : value);
    const scale = random.below(3);
    return [
      id,
      this.#group(),
      maybe(random.below(4)),
      maybe(BigInt(random.below(10) - 3)),
      maybe({ unscaled: BigInt(random.below(60) - 20), scale }),
      maybe((random.below(40) - 15) / 8 + (random.below(3) === 0 ? 0.1 : 0)),
      maybe(BigInt(random.below(6)) * 43_200_000_000n),
      maybe(random.below(2) === 0),
      maybe({ unscaled: BigInt(random.below(3) * 4_000_000_000 - random.below(500)), scale: 2 }),
    ];
  }
}

function literal(value: SqlValue, index: number): string {
  return value === null ? 'NULL' : `'${toText(table.columns[index]!.type, value)}'`;
}
