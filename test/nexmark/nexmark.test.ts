import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterEach, describe, expect, test } from 'vitest';
import { nexmarkColumns } from '../../connectors/cli/demo/nexmark/columns.ts';
import { defaultNexmarkConfig } from '../../connectors/cli/demo/nexmark/config.ts';
import { type NexmarkKind, nexmarkEvent } from '../../connectors/cli/demo/nexmark/event.ts';
import { type Engine, openEngine } from '../engine/views/harness.ts';
import { nexmarkQueries } from './queries.ts';

let engine: Engine;
afterEach(() => engine.close());

const kinds: readonly NexmarkKind[] = ['person', 'auction', 'bid'];
const views = Object.entries(nexmarkQueries)
  .map(([name, query]) => `CREATE MATERIALIZED VIEW ${name} AS ${query};`)
  .join('\n');

describe('generated events over topics, against PostgreSQL', () => {
  const events = Array.from({ length: 3000 }, (_, n) => nexmarkEvent(defaultNexmarkConfig, n));

  async function expected(): Promise<Record<string, string[]>> {
    const postgres = new PGlite();
    for (const kind of kinds) {
      await postgres.exec(`CREATE TABLE ${kind} (${nexmarkColumns[kind]})`);
      const rows = events.filter((event) => event.kind === kind).map(({ body }) => body);
      await postgres.query(
        `INSERT INTO ${kind} SELECT * FROM json_populate_recordset(NULL::${kind}, $1)`,
        [`[${rows.join(',')}]`],
      );
    }
    const results: Record<string, string[]> = {};
    for (const [name, query] of Object.entries(nexmarkQueries)) {
      const { rows } = await postgres.query<{ q: string }>(
        `SELECT row_to_json(q)::text AS q FROM (${query}) q`,
      );
      results[name] = rows
        .map(({ q }) =>
          Object.values(JSON.parse(q.replace(/:(-?[\d.]+)([,}])/g, ':"$1"$2')))
            .map(cell)
            .join('\t'),
        )
        .toSorted();
    }
    await postgres.close();
    return results;
  }

  const cell = (value: unknown) =>
    value === null ? 'NULL' : String(value).replace(/^(\d{4}-\d\d-\d\d)T/, '$1 ');

  test.each([
    ['rows first', true],
    ['views first', false],
  ])(
    '%s',
    async (_, rowsFirst) => {
      engine = await openEngine();
      for (const kind of kinds) {
        await engine.run(`CREATE TOPIC ${kind} WITH (queues = 2)`);
        await engine.run(
          `CREATE SOURCE ${kind} (${nexmarkColumns[kind]}) WITH (topic = '${kind}', format = 'json')`,
        );
      }
      if (!rowsFirst) await engine.run(views);
      for (let from = 0; from < events.length; from += 100) {
        const part = events.slice(from, from + 100);
        for (const kind of kinds) {
          const bodies = part.filter((event) => event.kind === kind).map(({ body }) => body);
          await engine.publish(kind, bodies);
        }
      }
      if (rowsFirst) await engine.run(views);
      for (const [name, rows] of Object.entries(await expected())) {
        const mine = (await engine.run(`SELECT * FROM ${name}`)) as string[][];
        expect(mine.map((row) => row.join('\t')).toSorted(), name).toEqual(rows);
      }
    },
    60_000,
  );
});

const corpus = join(import.meta.dirname, '..', '..', '..', 'shared', 'corpus', 'risingwave');

describe.skipIf(!existsSync(corpus))(
  "RisingWave's rows and expected results (skipped without the corpus)",
  () => {
    const read = (path: string) => readFileSync(join(corpus, path), 'utf8');
    /** The statements of an slt file; only `statement ok` matters here. */
    const statements = (path: string) =>
      read(path)
        .split(/^statement ok$/m)
        .slice(1)
        .map((text) => text.trim());
    const names = ['q0', 'q1', 'q2', 'q4', 'q17', 'q20'];

    test.each([
      ['rows first', true],
      ['views first', false],
    ])(
      '%s',
      async (_, rowsFirst) => {
        engine = await openEngine();
        const create = statements('nexmark/create_tables.slt.part');
        const insert = kinds.flatMap((kind) => statements(`nexmark/insert_${kind}.slt.part`));
        const view = names.flatMap((name) =>
          statements(`streaming/nexmark/views/${name}.slt.part`),
        );
        const order = rowsFirst ? [create, insert, view] : [create, view, insert];
        for (const statement of order.flat()) await engine.run(statement);
        for (const name of names) {
          const blocks = read(`streaming/nexmark/${name}.slt.part`)
            .split(/^query .*$/m)
            .slice(1);
          for (const block of blocks) {
            const [query, rows = ''] = block.split(/^----$/m);
            const wanted =
              rows.trim() === '' ? [] : rows.trim().split('\n').map(tokens).toSorted(byText);
            const mine = ((await engine.run(query!.trim())) as string[][])
              .map((row) => tokens(row.join('\t')))
              .toSorted(byText);
            expect(mine, name).toEqual(wanted);
          }
        }
      },
      60_000,
    );
  },
);

/** Numbers and times by value: RisingWave prints more digits of a quotient, and zeros of a second. */
function tokens(line: string): (string | number)[] {
  return line
    .trim()
    .split(/\s+/)
    .map((token) => {
      if (/^-?\d+(\.\d+)?$/.test(token)) return Number(Number(token).toPrecision(12));
      return token.replace(/^(\d\d:\d\d:\d\d\.\d*?)0+$/, '$1');
    });
}

function byText(a: readonly unknown[], b: readonly unknown[]): number {
  const left = a.join('\t');
  const right = b.join('\t');
  return left < right ? -1 : left > right ? 1 : 0;
}
