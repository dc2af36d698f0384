import type { SeededRandom } from '../../../platform/seeded-random.ts';

/**
 * Tables, and random statements that change them: the bullets of tables as productions. `t` has a
 * key, defaults, a check and a generated column; `u` has a unique column and no key.
 */
export const schema: readonly string[] = [
  `CREATE TABLE t (id int PRIMARY KEY, k int DEFAULT 3, g text NOT NULL DEFAULT 'a',
    n numeric(8,2) CHECK (n < 100), d int GENERATED ALWAYS AS (k * 2) STORED)`,
  'CREATE TABLE u (x int UNIQUE, w bigint, g text)',
];

/** Views in the order in which they are made; each may read those before it. */
export const views: Readonly<Record<string, string>> = {
  groups: 'SELECT g, count(*) AS c, sum(k) AS s, max(n) AS m, sum(d) AS d FROM t GROUP BY g',
  joined: 'SELECT t.id, t.n, u.w FROM t LEFT JOIN u ON u.x = t.k',
  upper: `SELECT groups.g, groups.c, (SELECT count(*) FROM joined WHERE joined.w > groups.c) AS more
    FROM groups`,
  ranked: `SELECT id, g, rank() OVER (PARTITION BY g ORDER BY n DESC NULLS LAST, id) AS r FROM t`,
  lone: 'SELECT w FROM u WHERE NOT EXISTS (SELECT FROM t WHERE t.k = u.x)',
};

export interface StatementProduction {
  readonly name: string;
  /** An INSERT that replaces the row of its key, as ours does without being told. */
  readonly upserts?: true;
  statement(g: StatementWriter): string;
}

/** What PostgreSQL must be told for that. */
export const upsert =
  ' ON CONFLICT (id) DO UPDATE SET k = excluded.k, g = excluded.g, n = excluded.n';

/** Random values for the columns of `t` and `u`. */
export class StatementWriter {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  maybeNull(value: string | number): string {
    return this.below(6) === 0 ? 'NULL' : String(value);
  }

  id(): number {
    return this.below(16);
  }

  k(): string {
    return this.maybeNull(this.below(6));
  }

  g(): string {
    return `'${this.pick(['a', 'b', 'c'])}'`;
  }

  n(): string {
    return this.maybeNull(this.pick(['0.5', '1.25', '-3', '99.99', '7']));
  }

  /** Different ids, so that a statement meets itself nowhere. */
  ids(): number[] {
    return [...new Set(Array.from({ length: 1 + this.below(4) }, () => this.id()))];
  }

  rows(): string {
    const rows = this.ids().map((id) => `(${id}, ${this.k()}, ${this.g()}, ${this.n()})`);
    return rows.join(', ');
  }
}

const columns = '(id, k, g, n)';

export const statementProductions: readonly StatementProduction[] = [
  {
    name: 'INSERT, also over a key',
    upserts: true,
    statement: (g) => `INSERT INTO t ${columns} VALUES ${g.rows()}`,
  },
  {
    name: 'INSERT with DEFAULT and left out columns',
    upserts: true,
    statement: (g) =>
      g.pick([
        `INSERT INTO t ${columns} VALUES (${g.id()}, DEFAULT, DEFAULT, ${g.n()})`,
        `INSERT INTO t (n, id) VALUES (${g.n()}, ${g.id()})`,
        `INSERT INTO t VALUES (${g.id()})`,
      ]),
  },
  {
    name: 'DEFAULT VALUES',
    statement: () => 'INSERT INTO u DEFAULT VALUES',
  },
  {
    name: 'ON CONFLICT DO NOTHING',
    statement: (g) =>
      `INSERT INTO t ${columns} VALUES ${g.rows()} ON CONFLICT ${g.pick(['', '(id) '])}DO NOTHING`,
  },
  {
    name: 'upserts by the PRIMARY KEY',
    statement: (g) =>
      `INSERT INTO t ${columns} VALUES ${g.rows()} ON CONFLICT (id) DO UPDATE
        SET ${g.pick(['k = excluded.k', 'n = t.n + 1, g = excluded.g', '(k, g) = (t.k + 1, DEFAULT)'])}
        ${g.pick(['', 'WHERE t.k > 1', 'WHERE excluded.n IS NOT NULL'])} RETURNING id, k, g, n, d`,
  },
  {
    name: 'a UNIQUE constraint',
    statement: (g) =>
      g.pick([
        `INSERT INTO u VALUES (${g.k()}, ${g.below(9)}, ${g.g()})`,
        `INSERT INTO u VALUES (${g.k()}, ${g.below(9)}, ${g.g()}) ON CONFLICT (x) DO UPDATE SET w = u.w + excluded.w`,
        `INSERT INTO u VALUES (${g.k()}, ${g.below(9)}, ${g.g()}) ON CONFLICT DO NOTHING RETURNING *`,
      ]),
  },
  {
    name: 'NOT NULL',
    statement: (g) =>
      g.pick([
        `INSERT INTO t ${columns} VALUES (${20 + g.id()}, 1, NULL, 1)`,
        `UPDATE t SET g = NULL WHERE id = ${g.id()}`,
        'INSERT INTO t (k) VALUES (1)',
      ]),
  },
  {
    name: 'CHECK',
    statement: (g) =>
      g.pick([
        `INSERT INTO t ${columns} VALUES (${20 + g.id()}, 1, 'a', 100)`,
        `UPDATE t SET n = n + 1 WHERE id <= ${g.id()}`,
      ]),
  },
  {
    name: 'generated columns',
    statement: (g) =>
      g.pick([
        `UPDATE t SET k = k + 1 WHERE d < ${g.below(12)} RETURNING id, d`,
        `INSERT INTO t (id, d) VALUES (${g.id()}, 1)`,
        `UPDATE t SET d = 1 WHERE id = ${g.id()}`,
        `UPDATE t SET d = DEFAULT WHERE id = ${g.id()}`,
      ]),
  },
  {
    name: 'INSERT INTO table SELECT',
    statement: (g) =>
      g.pick([
        `INSERT INTO t ${columns} SELECT x + 30, w, coalesce(g, 'c'), w FROM u WHERE x IS NOT NULL ON CONFLICT (id) DO NOTHING`,
        `INSERT INTO u SELECT NULL, count(*), g FROM t GROUP BY g`,
        `INSERT INTO u (w) SELECT c FROM groups WHERE c > ${g.below(3)}`,
      ]),
  },
  {
    name: 'UPDATE',
    statement: (g) =>
      g.pick([
        `UPDATE t SET k = ${g.k()}, g = ${g.g()} WHERE id % 4 = ${g.below(4)}`,
        `UPDATE u SET w = w + 1 WHERE g = ${g.g()} RETURNING w`,
        `UPDATE t SET id = id + 40 WHERE id = ${g.id()}`,
        `UPDATE t SET n = (SELECT max(w) FROM u WHERE u.g = t.g) WHERE k > ${g.below(6)}`,
      ]),
  },
  {
    name: 'UPDATE FROM',
    statement: (g) =>
      `UPDATE t SET k = u.w, n = NULL FROM u WHERE u.x = t.id AND u.w < ${g.below(9)}
        RETURNING ${g.pick(['t.id, u.w', '*', 'u.*, t.k'])}`,
  },
  {
    name: 'DELETE',
    statement: (g) =>
      g.pick([
        `DELETE FROM t WHERE id BETWEEN ${g.id()} AND ${g.id()} RETURNING *`,
        `DELETE FROM t USING u WHERE t.k = u.x AND u.w > ${g.below(9)} RETURNING *`,
        `DELETE FROM u WHERE x IN (SELECT k FROM t WHERE g = ${g.g()})`,
        `DELETE FROM u WHERE w = ${g.below(9)} RETURNING w, g`,
      ]),
  },
  {
    name: 'WITH before a change',
    statement: (g) =>
      g.pick([
        `WITH m AS (SELECT max(id) AS id FROM t) DELETE FROM t USING m WHERE t.id = m.id`,
        `WITH s AS (SELECT g, sum(w) AS w FROM u GROUP BY g) UPDATE t SET k = s.w FROM s WHERE s.g = t.g AND s.w < 1000`,
      ]),
  },
  {
    name: 'TRUNCATE',
    statement: (g) => g.pick(['TRUNCATE u', 'TRUNCATE t']),
  },
];
