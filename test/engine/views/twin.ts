import { PGlite } from '@electric-sql/pglite';
import { expect } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { type Engine, openEngine } from './harness.ts';

/**
 * The engine and PostgreSQL side by side: the same statements go to both, and both must answer
 * alike. A view exists in both; here it is materialized, and its query is also asked directly.
 */
export class Twin {
  readonly postgres = new PGlite();
  engine!: Engine;
  readonly views = new Map<string, string>();

  static async open(statements: readonly string[]): Promise<Twin> {
    const twin = new Twin();
    twin.engine = await openEngine();
    for (const statement of statements) await twin.both(statement);
    return twin;
  }

  async both(statement: string): Promise<void> {
    await this.postgres.exec(statement);
    await this.engine.run(statement);
  }

  /** True when both accept it; one that both refuse must have one SQLSTATE. */
  async view(name: string, query: string): Promise<boolean> {
    const theirs = await stateOf(() => this.postgres.exec(`CREATE VIEW ${name} AS ${query}`));
    const ours = await stateOf(() =>
      this.engine.run(`CREATE MATERIALIZED VIEW ${name} AS ${query}`),
    );
    expect(ours, `SQLSTATE of ${query}`).toBe(theirs);
    if (theirs === 'none') this.views.set(name, query);
    return theirs === 'none';
  }

  /** Every view, and its query asked once, equals PostgreSQL's answer. */
  async check(after: string): Promise<void> {
    for (const [name, query] of this.views) {
      const theirs = await this.theirs(`SELECT * FROM ${name}`);
      const view = await this.ours(`SELECT * FROM ${name}`);
      expect(view, `view ${name} after ${after}: ${query}`).toEqual(theirs);
      expect(await this.ours(query), `query ${name} after ${after}: ${query}`).toEqual(theirs);
    }
  }

  /** Rows in one order as text, or the SQLSTATE. */
  async theirs(query: string): Promise<string[]> {
    const rows: unknown[][] = [];
    const state = await stateOf(async () => {
      const result = await this.postgres.query<unknown[]>(query, [], {
        rowMode: 'array',
        parsers: textParsers,
      });
      rows.push(...result.rows);
    });
    if (state !== 'none') return [state];
    return rows.map((row) => row.map((cell) => String(cell ?? 'NULL')).join('|')).toSorted();
  }

  async ours(query: string): Promise<string[]> {
    let rows: string[][] | string = [];
    const state = await stateOf(async () => {
      rows = await this.engine.run(query);
    });
    if (state !== 'none') return [state];
    return (rows as string[][]).map((row) => row.join('|')).toSorted();
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.postgres.close();
  }
}

async function stateOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    if (error instanceof MillraceError)
      return `${error.sqlState ?? `${error.code}: ${error.message}`}`;
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

/** Values as PostgreSQL prints them, but booleans in words. */
const textParsers = {
  ...Object.fromEntries(
    [20, 21, 23, 25, 1043, 1700, 700, 701, 1082, 1114, 1184].map((oid) => [
      oid,
      (value: string) => value,
    ]),
  ),
  16: (value: string) => (value === 't' ? 'true' : 'false'),
};
