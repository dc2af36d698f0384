import { expect } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { typeName } from '../../../sql/columns/type-name.ts';
import { TextPostgres, type TextResult } from '../../postgres-text.ts';
import { type Engine, openEngine } from './harness.ts';

/**
 * The engine and PostgreSQL side by side: the same statements go to both, and both must answer
 * alike. A view exists in both; here it is materialized, and its query is also asked directly.
 */
export class Twin {
  engine: Engine;
  readonly views = new Map<string, string>();
  readonly #postgres: TextPostgres;

  private constructor(engine: Engine, postgres: TextPostgres) {
    this.engine = engine;
    this.#postgres = postgres;
  }

  static async open(statements: readonly string[]): Promise<Twin> {
    const twin = new Twin(await openEngine(), await TextPostgres.open());
    for (const statement of statements) await twin.both(statement);
    return twin;
  }

  /** Runs a statement that both accept. */
  async both(statement: string): Promise<void> {
    expect(await this.#postgres.run(statement), statement).not.toHaveProperty('sqlState');
    await this.engine.run(statement);
  }

  /** Whether PostgreSQL accepts the statement, which it has then run. */
  async isAccepted(statement: string): Promise<boolean> {
    return !('sqlState' in (await this.#postgres.run(statement)));
  }

  /** True when both accept it; else both must give the same SQLSTATE. */
  async view(name: string, query: string): Promise<boolean> {
    const theirs = await this.#postgres.run(`CREATE VIEW ${name} AS ${query}`);
    let ours = 'none';
    try {
      await this.engine.run(`CREATE MATERIALIZED VIEW ${name} AS ${query}`);
    } catch (error) {
      ours = stateOf(error);
    }
    const accepted = !('sqlState' in theirs);
    expect(ours, `SQLSTATE of ${query}`).toBe(accepted ? 'none' : theirs.sqlState);
    if (!accepted) return false;
    this.views.set(name, query);
    return true;
  }

  /** Every view equals PostgreSQL's, and so does its query asked at once if `asked` says so. */
  async check(after: string, asked: 'views' | 'views and queries'): Promise<void> {
    for (const [name, query] of this.views) {
      const theirs = await this.theirs(`SELECT * FROM ${name}`);
      const where = `${name} after ${after}: ${query}`;
      expect(await this.ours(`SELECT * FROM ${name}`), `view ${where}`).toEqual(theirs);
      if (asked === 'views') continue;
      expect(await this.ours(query), `query ${where}`).toEqual(theirs);
    }
  }

  /** The types of the columns, then the rows in one order; or the SQLSTATE. */
  async theirs(query: string): Promise<string[]> {
    const result: TextResult = await this.#postgres.run(query);
    if ('sqlState' in result) return [result.sqlState];
    return [result.types.join('|'), ...result.rows.map((row) => row.join('|')).toSorted()];
  }

  async ours(query: string): Promise<string[]> {
    try {
      const types = (await this.engine.sql.describe(query)).fields ?? [];
      const rows = (await this.engine.run(query)) as string[][];
      return [
        types.map(({ type }) => typeName(type).replace(/\(.*\)/, '')).join('|'),
        ...rows.map((row) => row.join('|')).toSorted(),
      ];
    } catch (error) {
      return [stateOf(error)];
    }
  }

  /** What a statement that changes rows returns, in one order; or the SQLSTATE. */
  async change(statement: string): Promise<string[]> {
    try {
      const result = await this.engine.run(statement);
      return typeof result === 'string' ? [] : result.map((row) => row.join('|')).toSorted();
    } catch (error) {
      return [stateOf(error)];
    }
  }

  async restart(isClean: boolean): Promise<void> {
    this.engine = await (isClean ? this.engine.restart() : this.engine.crash());
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.#postgres.close();
  }
}

function stateOf(error: unknown): string {
  if (error instanceof MillraceError && error.code !== 'INTERNAL') {
    return error.sqlState ?? `${error.code}: ${error.message}`;
  }
  throw error;
}
