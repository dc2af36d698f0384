import { runOnce } from '../../engine/views/ad-hoc.ts';
import { MillraceError } from '../../platform/errors.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { systemClock } from '../../platform/system-clock.ts';
import type { Relation } from '../../sql/analyze/catalog.ts';
import { resolveType } from '../../sql/analyze/context.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { typeName } from '../../sql/columns/type-name.ts';
import type { QueryPlan } from '../../sql/plan/physical.ts';
import { newContext, planQuery } from '../../sql/plan/planner.ts';
import { parseStatement } from '../../sql/syntax/parser.ts';
import type { TextPostgres, TextResult } from '../postgres-text.ts';
import { type Change, Contents, toBatch, toSql } from './changes.ts';
import { type ChainedView, cellsOf, type Observe, ViewChain } from './dataflow-run.ts';
import {
  Generator,
  type QueryProduction,
  type QueryTexts,
  type Table,
  type ValueProduction,
} from './generator.ts';

export interface CaseOptions {
  readonly seed: number;
  readonly production: QueryProduction;
  readonly values: readonly ValueProduction[];
  readonly postgres: TextPostgres;
  readonly observe: Observe;
}

export interface CaseReport {
  /** Names of the productions that made values. */
  readonly used: ReadonlySet<string>;
  readonly rows: number;
}

const batches = 3;

/**
 * One case: a random schema, a query, and a stream of changes in batches. After each batch the
 * rows, their types or the SQLSTATE are PostgreSQL's: of the query run by itself, and of three
 * views that took the changes in different steps and were restarted on the way. Throws an Error
 * that tells all when one differs.
 */
export async function runCase(options: CaseOptions): Promise<CaseReport> {
  const { seed, production, values, postgres, observe } = options;
  const random = new SeededRandom(seed);
  const g = new Generator(random, values);
  const made = production.query(g);
  const texts: QueryTexts = typeof made === 'string' ? { ours: made, postgres: made } : made;
  const { ours: query, views = [] } = texts;
  const viewsSql = views.map(({ name, query: text }) => `CREATE VIEW ${name} AS ${text}`);
  const history: string[] = [schemaSql(g.tables), ...viewsSql];
  const fail = (what: string) =>
    new Error(`${production.name}, SEED=${seed}: ${what}\n${history.join(';\n')};\n${query}`);
  const begun = await postgres.run(
    `DROP TABLE IF EXISTS t0, t1, t2 CASCADE; ${history.join('; ')}`,
  );
  if ('sqlState' in begun) throw fail(`PostgreSQL refuses a view: ${begun.message}`);
  const tables = g.tables.map(relationOf);
  const chain = planViews(views, tables);
  const relations = [...tables, ...chain.map(({ relation }) => relation)];
  const planned = plan(query, relations);
  if ('sqlState' in planned) {
    const theirs = await postgres.run(texts.postgres);
    const isSame = 'sqlState' in theirs && theirs.sqlState === planned.sqlState;
    if (!isSame)
      throw fail(
        `planning fails (${planned.sqlState}: ${planned.message}), PostgreSQL ${brief(theirs)}`,
      );
    return { used: g.used, rows: 0 };
  }
  const { view, statement } = planned;
  const runs = [0, 1, 2].map(() => new ViewChain([...chain, { plan: view, text: query }], observe));
  const contents = new Contents();
  let rows = 0;
  const restartAt = random.below(batches);
  for (let number = 0; number < batches; number++) {
    const changes = contents.batch(g);
    history.push(toSql(changes));
    const applied = await postgres.run(history.at(-1)!);
    if ('sqlState' in applied) throw fail(`PostgreSQL refuses a change: ${applied.message}`);
    for (const [index, run] of runs.entries()) {
      stepThrough(run, tables, changes, index, random, number === restartAt);
    }
    const theirs = await postgres.run(texts.postgres);
    const rowsOf = (id: number): readonly Batch[] => {
      const table = g.tables[id - 1];
      if (table === undefined) return runs[0]!.snapshot(id);
      const cells = contents.rows(table).map((row) => ({ cells: row, weight: 1 }));
      return cells.length === 0 ? [] : [toBatch(relations[id - 1]!.columns, cells)];
    };
    const once = await runAlone(statement, query, rowsOf);
    const wrong = differs(production, statement, theirs, once, runs);
    if (wrong !== undefined) throw fail(`after batch ${number + 1} ${wrong}`);
    if ('rows' in theirs) rows += theirs.rows.length;
  }
  return { used: g.used, rows };
}

function schemaSql(tables: readonly Table[]): string {
  return tables
    .map(({ name, columns }) => {
      const items = columns.map(
        (column, index) => `${column.name} ${column.type}${index === 0 ? ' PRIMARY KEY' : ''}`,
      );
      return `CREATE TABLE ${name} (${items.join(', ')})`;
    })
    .join('; ');
}

function relationOf({ name, columns }: Table, index: number): Relation {
  const catalog = { find: () => undefined, names: () => [] };
  return {
    id: index + 1,
    name,
    kind: 'table',
    columns: columns.map((column, number) => {
      const statement = parseStatement(`CREATE TABLE x (c ${column.type})`);
      if (statement.kind !== 'create-relation') throw new Error('not a table');
      const type = resolveType(newContext({ catalog, text: '' }), statement.columns[0]!.typeName);
      return { name: column.name, type, nullable: number > 0 };
    }),
    primaryKey: [0],
    appendOnly: false,
    writable: true,
  };
}

/** The views as relations behind the tables, with their plans. */
function planViews(
  views: NonNullable<QueryTexts['views']>,
  tables: readonly Relation[],
): ChainedView[] {
  const chain: ChainedView[] = [];
  for (const { name, query } of views) {
    const known = [...tables, ...chain.map(({ relation }) => relation)];
    const planned = plan(query, known);
    if ('sqlState' in planned) throw new Error(`${planned.message} in ${query}`);
    const { view } = planned;
    const relation: Relation = {
      id: known.length + 1,
      name,
      kind: 'materialized view',
      columns: view.root.fields.slice(0, view.visibleColumns),
      primaryKey: [],
      appendOnly: false,
      writable: false,
    };
    chain.push({ relation, plan: view, text: query });
  }
  return chain;
}

interface Plans {
  readonly view: QueryPlan;
  readonly statement: QueryPlan;
}

function plan(
  query: string,
  relations: readonly Relation[],
): Plans | { readonly sqlState: string; readonly message: string } {
  const catalogOf = (appendOnly: boolean) => ({
    find: (name: string) => {
      const found = relations.find((relation) => relation.name === name);
      return found === undefined ? undefined : { ...found, appendOnly };
    },
    names: () => relations.map(({ name }) => name),
  });
  try {
    const statement = parseStatement(query);
    if (statement.kind !== 'query') throw new Error('not a query');
    return {
      view: planQuery(statement, 'view', { catalog: catalogOf(false), text: query }),
      statement: planQuery(statement, 'statement', { catalog: catalogOf(true), text: query }),
    };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { sqlState: error.sqlState ?? error.code, message: error.message };
  }
}

/** All changes in one step, each in its own, or some at a time; perhaps with a restart between. */
function stepThrough(
  run: ViewChain,
  relations: readonly Relation[],
  changes: readonly Change[],
  splitting: number,
  random: SeededRandom,
  restarts: boolean,
): void {
  const restartAfter = restarts ? random.below(changes.length) : changes.length;
  for (let from = 0; from < changes.length; ) {
    const size = [changes.length, 1, 1 + random.below(5)][splitting]!;
    const some = changes.slice(from, from + size);
    run.step((id) => {
      const relation = relations[id - 1]!;
      const own = some.filter(({ table }) => table.name === relation.name);
      return own.length === 0 ? [] : [toBatch(relation.columns, own)];
    });
    if (from <= restartAfter && restartAfter < from + size) run.restart();
    from += size;
  }
}

type Alone = { readonly rows: readonly string[][] } | { readonly sqlState: string };

async function runAlone(
  plan: QueryPlan,
  text: string,
  rowsOf: (relationId: number) => readonly Batch[],
): Promise<Alone> {
  const reader = {
    pinned: () =>
      async function* (id: number): AsyncGenerator<Batch> {
        yield* rowsOf(id);
      },
  };
  try {
    const batches = await runOnce(plan, { reader, clock: systemClock, text });
    return {
      rows: batches.flatMap((batch) =>
        Array.from({ length: batch.rowCount }, (_, row) =>
          cellsOf(batch, row, plan.visibleColumns),
        ),
      ),
    };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { sqlState: error.sqlState ?? error.code };
  }
}

function differs(
  production: QueryProduction,
  plan: QueryPlan,
  theirs: TextResult,
  once: Alone,
  runs: readonly ViewChain[],
): string | undefined {
  if ('sqlState' in theirs) {
    if (!('sqlState' in once)) return `the query gives rows, PostgreSQL ${brief(theirs)}`;
    if (once.sqlState !== theirs.sqlState)
      return `the query fails with ${once.sqlState}, PostgreSQL ${brief(theirs)}`;
    const quiet = runs.findIndex((run) => !run.errors().includes(theirs.sqlState));
    return quiet < 0 ? undefined : `view ${quiet} notes no error ${theirs.sqlState}`;
  }
  if ('sqlState' in once)
    return `the query fails with ${once.sqlState}, PostgreSQL ${brief(theirs)}`;
  const types = plan.root.fields
    .slice(0, plan.visibleColumns)
    .map(({ type }) => typeName(type).replace(/\(.*\)/, ''));
  if (String(types) !== String(theirs.types)) return `types are ${types}, not ${theirs.types}`;
  const order = production.ordered === true ? (rows: readonly string[][]) => rows : sorted;
  const wrong = unequal(order(once.rows), order(theirs.rows), types);
  if (wrong !== undefined) return `the query ${wrong}`;
  for (const [index, run] of runs.entries()) {
    if (run.errors().length > 0) return `view ${index} has errors ${run.errors()}`;
    const different = unequal(sorted(run.rows()), sorted(theirs.rows), types);
    if (different !== undefined) return `view ${index} ${different}`;
  }
  return undefined;
}

function sorted(rows: readonly string[][]): readonly string[][] {
  return rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function unequal(
  ours: readonly string[][],
  theirs: readonly string[][],
  types: readonly string[],
): string | undefined {
  const isSame =
    ours.length === theirs.length &&
    ours.every((row, at) =>
      row.every((cell, column) => isEqual(cell, theirs[at]![column]!, types[column]!)),
    );
  return isSame ? undefined : `has\n  ${rowsText(ours)}\nnot\n  ${rowsText(theirs)}`;
}

/** PostgreSQL rounds sums of doubles at each step, we once: the last digits are not compared. */
function isEqual(ours: string, theirs: string, type: string): boolean {
  if (ours === theirs) return true;
  if (type !== 'double precision' && type !== 'real') return false;
  const [a, b] = [Number(ours), Number(theirs)];
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}

function rowsText(rows: readonly string[][]): string {
  return rows
    .slice(0, 20)
    .map((row) => row.join(' | '))
    .join('\n  ');
}

function brief(result: TextResult): string {
  return 'sqlState' in result
    ? `says ${result.sqlState}: ${result.message}`
    : `gives ${result.rows.length} rows`;
}
