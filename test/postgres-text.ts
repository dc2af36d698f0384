import { PGlite } from '@electric-sql/pglite';

/** What a query gives in PostgreSQL: cells as it prints them and `NULL`, or its SQLSTATE. */
export type TextResult =
  | { readonly rows: readonly string[][]; readonly types: readonly string[] }
  | { readonly sqlState: string; readonly message: string };

/** PostgreSQL with every value as text and our collation (by bytes), in UTC. */
export class TextPostgres {
  readonly postgres: PGlite;
  readonly #names = new Map<number, string>();
  readonly #parsers: { [oid: number]: (value: string) => string } = {};

  private constructor(postgres: PGlite) {
    this.postgres = postgres;
  }

  static async open(): Promise<TextPostgres> {
    const postgres = new PGlite();
    const opened = new TextPostgres(postgres);
    await postgres.exec("SET timezone = 'UTC'");
    const { rows } = await postgres.query<{ oid: number; name: string }>(
      'SELECT oid, format_type(oid, NULL) AS name FROM pg_type',
    );
    for (const { oid, name } of rows) {
      opened.#names.set(oid, name);
      opened.#parsers[oid] = (value) => value;
    }
    return opened;
  }

  async run(sql: string): Promise<TextResult> {
    try {
      const options = { rowMode: 'array', parsers: this.#parsers } as const;
      const results = await this.postgres.exec(sql, options);
      const last = results.at(-1);
      const rows = (last?.rows ?? []) as unknown as (string | null)[][];
      return {
        rows: rows.map((row) => row.map((cell) => cell ?? 'NULL')),
        types: (last?.fields ?? []).map(({ dataTypeID }) => this.#names.get(dataTypeID) ?? ''),
      };
    } catch (error) {
      const { code = '', message = '' } = error as { code?: string; message?: string };
      return { sqlState: code, message };
    }
  }

  close(): Promise<void> {
    return this.postgres.close();
  }
}
