import type { SeededRandom } from '../../platform/seeded-random.ts';

/** Types that columns are made of, by PostgreSQL's names. */
export const columnTypes = [
  'integer',
  'bigint',
  'text',
  'numeric(8,2)',
  'boolean',
  'date',
  'timestamp without time zone',
  'double precision',
  'smallint',
  'uuid',
  'bytea',
  'time without time zone',
  'timestamp with time zone',
  'interval',
  'jsonb',
  'integer[]',
] as const;
export type ColumnType = (typeof columnTypes)[number];

export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** Every table has `id int PRIMARY KEY`, `k int` and `g text` of few values, and more. */
export interface Table {
  readonly name: string;
  readonly columns: readonly TableColumn[];
}

/** A column in sight of an expression: `t0.a`. */
export interface ScopeColumn {
  readonly text: string;
  readonly type: ColumnType;
}

/** A query in our words and in PostgreSQL's, where they are not the same. */
export interface QueryTexts {
  readonly ours: string;
  readonly postgres: string;
  /** Views that it reads, each of which may read those before it; the same in both. */
  readonly views?: readonly { readonly name: string; readonly query: string }[];
}

/** One way to write a query; `name` is a bullet of what a user can do. */
export interface QueryProduction {
  readonly name: string;
  /** The rows have one order: the query run by itself must give them in it. */
  readonly ordered?: boolean;
  query(g: Generator): string | QueryTexts;
}

/** One way to write a value of a type from columns in sight. */
export interface ValueProduction {
  readonly name: string;
  readonly type: ColumnType;
  value(g: Generator, scope: readonly ScopeColumn[], depth: number): string;
}

/** A random schema, and random pieces of SQL over it. Everything follows from the seed. */
export class Generator {
  readonly random: SeededRandom;
  readonly tables: readonly Table[];
  /** Names of the productions that were used. */
  readonly used = new Set<string>();
  readonly #values: readonly ValueProduction[];
  #aliases = 0;

  constructor(random: SeededRandom, values: readonly ValueProduction[]) {
    this.random = random;
    this.#values = values;
    this.tables = Array.from({ length: 3 }, (_, index) => this.#table(`t${index}`));
  }

  #table(name: string): Table {
    const more = Array.from({ length: 2 + this.random.below(3) }, (_, index) => ({
      name: 'abcd'[index]!,
      type: this.pick(columnTypes),
    }));
    return {
      name,
      columns: [
        { name: 'id', type: 'integer' },
        { name: 'k', type: 'integer' },
        { name: 'g', type: 'text' },
        ...more,
      ],
    };
  }

  pick<T>(items: readonly T[]): T {
    return items[this.random.below(items.length)]!;
  }

  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  table(): Table {
    return this.pick(this.tables);
  }

  /** A new name, for a table's alias or a column. */
  alias(): string {
    return `x${this.#aliases++}`;
  }

  /** The table under an alias, as it stands in FROM, and its columns. */
  from(table = this.table()): {
    readonly sql: string;
    readonly scope: readonly ScopeColumn[];
    readonly alias: string;
  } {
    const alias = this.alias();
    const scope = table.columns.map(({ name, type }) => ({ text: `${alias}.${name}`, type }));
    return { sql: `${table.name} AS ${alias}`, scope, alias };
  }

  column(scope: readonly ScopeColumn[], type?: ColumnType): ScopeColumn | undefined {
    const found = scope.filter((column) => type === undefined || column.type === type);
    return found.length === 0 ? undefined : this.pick(found);
  }

  /** A value of the type: a column, a literal, or what a production makes of others. */
  value(scope: readonly ScopeColumn[], type: ColumnType, depth = 2): string {
    const makers = depth === 0 ? [] : this.#values.filter((production) => production.type === type);
    if (makers.length > 0 && this.chance(45)) {
      const production = this.pick(makers);
      this.used.add(production.name);
      return `(${production.value(this, scope, depth - 1)})`;
    }
    const column = this.column(scope, type);
    return column !== undefined && this.chance(80) ? column.text : this.literal(type);
  }

  condition(scope: readonly ScopeColumn[]): string {
    return this.value(scope, 'boolean', 3);
  }

  /** Two or three values with names, as a select list. */
  list(scope: readonly ScopeColumn[]): string {
    const items = Array.from({ length: 2 + this.random.below(2) }, (_, index) => {
      const type = this.pick(columnTypes);
      return `${this.value(scope, type)} AS c${index}`;
    });
    return items.join(', ');
  }

  literal(type: ColumnType): string {
    return this.chance(8) ? `NULL::${type}` : `${quoted(this.cell(type))}::${type}`;
  }

  /** The text of a value; few different ones, so that they meet. */
  cell(type: ColumnType): string {
    const n = this.random.below(7);
    switch (type) {
      case 'integer':
      case 'bigint':
        return String(n - 2);
      case 'text':
        return this.pick(['', 'a', 'b', 'ab', 'B', 'é', 'abc']);
      case 'numeric(8,2)':
        return this.pick(['0.00', '1.00', '-1.50', '2.25', '10.10', '99.99', '0.01']);
      case 'boolean':
        return n < 3 ? 'f' : 't';
      case 'date':
        return `2024-02-${String(26 + (n % 4)).padStart(2, '0')}`;
      case 'timestamp without time zone':
        return `2024-02-2${7 + (n % 3)} 1${n % 3}:30:00`;
      case 'double precision':
        return this.pick(['0', '1', '-1.5', '2.25', '1e10', '0.1', '-0.25']);
      case 'smallint':
        return String(n * 3 - 4);
      case 'uuid':
        return `a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1${n % 4}`;
      case 'bytea':
        return this.pick(['\\x', '\\x00', '\\x61', '\\x6162', '\\xff00']);
      case 'time without time zone':
        return `${String(n % 4).padStart(2, '0')}:30:00`;
      case 'timestamp with time zone':
        return `2024-03-31 0${n % 3}:30:00+0${n % 2}`;
      case 'interval':
        // Equal intervals are written alike: which of two a group shows is anybody's choice.
        return this.pick(['1 day', '1 day 01:00:00', '1 mon', '-02:30:00', '11 mons 27 days']);
      case 'jsonb':
        return this.pick([
          '1',
          '"a"',
          'null',
          '{"a": 1}',
          '{"a": {"b": [1, 2]}}',
          '[1, "a"]',
          '{}',
        ]);
      case 'integer[]':
        return this.pick(['{}', '{1}', '{1,2}', '{2,1}', '{NULL,3}', '{{1,2},{3,4}}']);
    }
  }

  /** A cell of a row: a NULL now and then. */
  rowCell({ name, type }: TableColumn): string | null {
    if (name === 'g') return this.chance(15) ? null : this.pick(['a', 'b', 'c']);
    if (name === 'k') return this.chance(15) ? null : String(this.random.below(5));
    return this.chance(15) ? null : this.cell(type);
  }
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
