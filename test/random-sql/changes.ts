import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import { fromText } from '../../sql/columns/text.ts';
import type { Field, SqlValue } from '../../sql/columns/types.ts';
import { type Generator, quoted, type Table } from './generator.ts';

/** One row put or taken away, as text. */
export interface Change {
  readonly table: Table;
  readonly weight: 1 | -1;
  readonly cells: readonly (string | null)[];
}

/** The rows of the tables while a random stream changes them. */
export class Contents {
  readonly #rows = new Map<string, Map<string, readonly (string | null)[]>>();

  /** Some changes of some tables, in order: a row that changes is taken away and put. */
  batch(g: Generator): Change[] {
    const changes: Change[] = [];
    for (let n = 3 + g.random.below(12); n > 0; n--) this.#change(g, g.table(), changes);
    return changes;
  }

  #change(g: Generator, table: Table, changes: Change[]): void {
    const rows = this.#rows.get(table.name) ?? new Map();
    this.#rows.set(table.name, rows);
    const id = String(g.random.below(12));
    const old = rows.get(id);
    if (old !== undefined) changes.push({ table, weight: -1, cells: old });
    if (old !== undefined && g.chance(50)) {
      rows.delete(id);
      return;
    }
    const cells = [id, ...table.columns.slice(1).map((column) => g.rowCell(column))];
    rows.set(id, cells);
    changes.push({ table, weight: 1, cells });
  }

  /** All rows of a table. */
  rows(table: Table): readonly (readonly (string | null)[])[] {
    return [...(this.#rows.get(table.name)?.values() ?? [])];
  }
}

export function toSql(changes: readonly Change[]): string {
  return changes
    .map(({ table, weight, cells }) => {
      const [id] = cells;
      if (weight < 0) return `DELETE FROM ${table.name} WHERE id = ${id}`;
      const values = cells.map((cell) => (cell === null ? 'NULL' : quoted(cell)));
      return `INSERT INTO ${table.name} VALUES (${values.join(', ')})`;
    })
    .join(';\n');
}

export function toBatch(
  fields: readonly Field[],
  rows: readonly { readonly cells: readonly (string | null)[]; readonly weight: number }[],
): Batch {
  const values = rows.map(({ cells }) =>
    cells.map(
      (cell, index): SqlValue => (cell === null ? null : fromText(fields[index]!.type, cell)),
    ),
  );
  return batchOf(
    fields,
    values,
    rows.map(({ weight }) => weight),
  );
}
