import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, openEngineInMemory } from '../engine/views/harness.ts';
import { TextPostgres } from '../postgres-text.ts';
import { seedOr } from '../random-seed.ts';
import { chChanges, chRows } from './ch.ts';
import { insertOf, type TableRows } from './draws.ts';
import { tpchChanges, tpchRows } from './tpch.ts';

/**
 * Queries that everyone knows, against PostgreSQL: each is a materialized view that is there before
 * the rows, and is asked again after them; then rows change and go.
 */
const seed = seedOr(1);

interface Suite {
  readonly name: string;
  readonly rows: readonly TableRows[];
  readonly changes: readonly string[];
}

const suites: readonly Suite[] = [
  { name: 'tpch', rows: tpchRows(seed), changes: tpchChanges },
  { name: 'ch', rows: chRows(seed), changes: chChanges },
];

let postgres: TextPostgres;
beforeAll(async () => {
  postgres = await TextPostgres.open();
}, 60_000);
afterAll(() => postgres.close());

test.each(suites)(
  `$name has PostgreSQL's answers (SEED=${seed})`,
  async ({ name, rows, changes }) => {
    const { schema, queries } = read(name);
    expect(queries).toHaveLength(22);
    await postgres.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    const engine = await openEngineInMemory();
    try {
      const both = async (sql: string) => {
        expect(await postgres.run(sql), sql.slice(0, 200)).toHaveProperty('rows');
        await engine.run(sql);
      };
      for (const statement of schema) await both(statement);
      for (const [index, query] of queries.entries()) {
        await engine.run(`CREATE MATERIALIZED VIEW view_${index} AS ${query}`);
      }
      for (const table of rows) await both(insertOf(table));
      await compare(engine, queries, 'rows');
      for (const [index, change] of changes.entries()) {
        await both(change);
        if (index % 4 === 3) await compare(engine, queries, change);
      }
    } finally {
      await engine.close();
    }
  },
  600_000,
);

/** Statements up to the first query, and the queries. */
function read(name: string) {
  const text = readFileSync(join(import.meta.dirname, `${name}.sql`), 'utf8');
  const statements = text
    .replaceAll(/^--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
  const isQuery = (statement: string) => /^(select|with)/i.test(statement);
  return {
    schema: statements.filter((statement) => !isQuery(statement)),
    queries: statements.filter(isQuery),
  };
}

async function compare(engine: Engine, queries: readonly string[], after: string): Promise<void> {
  for (const [index, query] of queries.entries()) {
    const where = `q${index + 1} after ${after.slice(0, 60)}`;
    const theirs = await postgres.run(query);
    if (!('rows' in theirs)) throw new Error(`${where}: PostgreSQL says ${theirs.message}`);
    // Nothing against nothing proves nothing.
    if (after === 'rows')
      expect(
        theirs.rows.flat().filter((cell) => cell !== 'NULL'),
        where,
      ).not.toEqual([]);
    expect(sorted(await engine.run(query)), where).toEqual(sorted(theirs.rows));
    expect(sorted(await engine.run(`SELECT * FROM view_${index}`)), where).toEqual(
      sorted(theirs.rows),
    );
  }
}

function sorted(rows: string[][] | readonly string[][] | string): string[] {
  if (typeof rows === 'string') throw new Error(rows);
  return rows.map((row) => row.join(' | ')).sort();
}
