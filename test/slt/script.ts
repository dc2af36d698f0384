import { MillraceError } from '../../platform/errors.ts';
import type { Engine } from '../engine/views/harness.ts';
import { concerns, type QueryRecord, type Record } from './records.ts';
import { difference, multiset, type Style } from './results.ts';

/** Why a record is not what it should be. */
export interface Failure {
  readonly record: Record;
  /** As written, top down; or as a view made before the rows came. */
  readonly as: 'query' | 'view';
  readonly reason: string;
  /** What it gave, when run as written. */
  readonly outcome?: Ran;
}

export interface Ran {
  readonly rows: readonly string[][];
  /** Empty when there was no error. */
  readonly sqlState: string;
  readonly message: string | undefined;
}

/** Views at a time: each has state. */
const viewsAtOnce = 200;

/** Runs a script top down, as it is written. */
export async function runAsWritten(
  engine: Engine,
  records: readonly Record[],
  style: Style,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const record of records) {
    if (!concerns(record, 'postgresql', 'query') || record.kind === 'system') continue;
    const outcome = await run(engine, record);
    const reason = verdict(record, outcome, style);
    if (reason !== undefined) failures.push({ record, as: 'query', reason, outcome });
  }
  return failures;
}

async function run(engine: Engine, record: Record, sql = record.sql): Promise<Ran> {
  try {
    if (record.kind === 'publish') {
      await engine.publish(record.topic, sql.split('\n'));
      return { rows: [], sqlState: '', message: undefined };
    }
    const result = await engine.run(sql);
    return { rows: Array.isArray(result) ? result : [], sqlState: '', message: undefined };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { rows: [], sqlState: error.sqlState ?? '', message: error.message };
  }
}

function verdict(record: Record, { rows, sqlState, message }: Ran, style: Style) {
  const error = record.kind === 'statement' || record.kind === 'query' ? record.error : undefined;
  if (error !== undefined) {
    if (message === undefined) return 'no error';
    // RisingWave's messages are not ours: only SQLSTATEs are compared.
    const isState = /^[0-9A-Z]{5}$/.test(error);
    return isState && error !== sqlState
      ? `SQLSTATE ${sqlState}, not ${error}: ${message}`
      : undefined;
  }
  if (message !== undefined) return message;
  return record.kind === 'query' ? difference(record, rows, style) : undefined;
}

// ---- as views ------------------------------------------------------------------------------------

/** Queries that see the same relations, and all that made these and their rows. */
interface Epoch {
  readonly definitions: readonly Record[];
  /** In the order of the script: changes of rows, and queries to be checked in between. */
  readonly events: readonly Record[];
}

/**
 * Runs each query as a materialized view that exists before the first row: for each set of
 * relations that queries see, makes the relations and the views, then replays the changes, and
 * looks at each view where the script has the query. The view must have the rows of the query.
 */
export async function runAsViews(
  engine: Engine,
  records: readonly Record[],
  style: Style,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const { definitions, events } of epochs(records)) {
    const queries = events.filter(isViewable);
    for (let from = 0; from < queries.length; from += viewsAtOnce) {
      const some = new Set(queries.slice(from, from + viewsAtOnce));
      failures.push(...(await runEpoch(engine, definitions, events, some, style)));
    }
  }
  return failures;
}

async function runEpoch(
  engine: Engine,
  definitions: readonly Record[],
  events: readonly Record[],
  queries: ReadonlySet<Record>,
  style: Style,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const views = new Map<Record, string>();
  for (const record of definitions) await run(engine, record);
  for (const record of queries) {
    const name = `as_view_${views.size}`;
    const query = record.sql.trim().replace(/;$/, '');
    const columns = await columnNames(engine, query, record as QueryRecord);
    const { message } = await run(
      engine,
      record,
      `CREATE MATERIALIZED VIEW ${name} (${columns}) AS ${query}`,
    );
    if (message === undefined) views.set(record, name);
    else failures.push({ record, as: 'view', reason: message });
  }
  for (const record of events) {
    if (!isViewable(record)) {
      await run(engine, record);
      continue;
    }
    const name = views.get(record);
    if (name === undefined) continue;
    const kept = await run(engine, record, `SELECT * FROM ${name}`);
    const reason = kept.message ?? (await viewDifference(engine, record, kept.rows, style));
    if (reason !== undefined) failures.push({ record, as: 'view', reason });
  }
  await dropAll(engine);
  return failures;
}

/** Names for the view's columns, which in the query may have none, or one twice. */
async function columnNames(engine: Engine, query: string, { types }: QueryRecord): Promise<string> {
  const described = await engine.sql.describe(query).catch(() => undefined);
  const count = described?.fields?.length ?? types.length;
  return Array.from({ length: count }, (_, index) => `c${index}`).join(', ');
}

/** A view has no order: it is held against the query's rows, whose order is another matter. */
async function viewDifference(
  engine: Engine,
  record: QueryRecord,
  rows: readonly string[][],
  style: Style,
): Promise<string | undefined> {
  if (record.sort !== 'nosort') return difference(record, rows, style);
  const asked = await run(engine, record);
  const [ours, theirs] = [multiset(rows), multiset(asked.rows)];
  return String(ours) === String(theirs) ? undefined : `view has ${ours}, query gives ${theirs}`;
}

export async function dropAll(engine: Engine): Promise<void> {
  for (const [kind, drop] of [
    ['materialized views', 'MATERIALIZED VIEW'],
    ['views', 'VIEW'],
    ['tables', 'TABLE'],
    ['sources', 'SOURCE'],
    ['topics', 'TOPIC'],
  ] as const) {
    const rows = (await engine.run(`SHOW ${kind}`)) as string[][];
    if (rows.length === 0) continue;
    await engine.run(
      `DROP ${drop} ${rows.map(([name]) => `"${name}"`).join(', ')} ${drop === 'TOPIC' ? '' : 'CASCADE'}`,
    );
  }
}

function isViewable(record: Record): record is QueryRecord {
  return (
    record.kind === 'query' &&
    record.error === undefined &&
    concerns(record, 'postgresql', 'view') &&
    /^\s*(select|with|values|\(|table)\b|^\s*\(/i.test(record.sql)
  );
}

const created =
  /^\s*create\s+(?:or\s+replace\s+)?(?:materialized\s+view|(?:recursive\s+)?view|table|source|sink|(?:unique\s+)?index|topic|function)\s+(?:if\s+not\s+exists\s+)?("?[\w.]+"?)/i;
const dropped =
  /^\s*drop\s+(?:materialized\s+view|view|table|source|sink|index|topic)\s+(?:if\s+exists\s+)?([^;]*?)(?:\s+(?:cascade|restrict))?\s*;?\s*$/i;
const changed = /^\s*(?:insert\s+into|update|delete\s+from)\s+("?[\w.]+"?)/i;

function* epochs(records: readonly Record[]): Generator<Epoch> {
  let live: { readonly name: string; readonly record: Record }[] = [];
  let changes: { readonly name: string; readonly record: Record }[] = [];
  let events: Record[] = [];
  const close = function* () {
    if (events.some(isViewable)) yield { definitions: live.map(({ record }) => record), events };
    events = changes.map(({ record }) => record);
  };
  for (const record of records) {
    if (!concerns(record, 'postgresql', 'view') || record.kind === 'system') continue;
    if (record.kind === 'statement' && record.error !== undefined) continue;
    const { sql } = record;
    const make = created.exec(sql);
    const drop = dropped.exec(sql);
    const change = record.kind === 'publish' ? ['', record.topic] : changed.exec(sql);
    if (make !== null) {
      yield* close();
      live.push({ name: folded(make[1]!), record });
    } else if (drop !== null) {
      yield* close();
      const names = drop[1]!.split(',').map(folded);
      live = live.filter(({ name }) => !names.includes(name));
      changes = changes.filter(({ name }) => !names.includes(name));
      events = changes.map(({ record: kept }) => kept);
    } else if (change !== null) {
      changes.push({ name: folded(change[1]!), record });
      events.push(record);
    } else if (isViewable(record)) {
      events.push(record);
    } else if (/^\s*set\b/i.test(sql)) {
      live.push({ name: '', record });
    }
  }
  yield* close();
}

function folded(name: string): string {
  return name.trim().replaceAll('"', '').toLowerCase();
}
