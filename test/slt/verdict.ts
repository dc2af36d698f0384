import type { TextPostgres, TextResult } from '../postgres-text.ts';
import type { QueryRecord, Record, StatementRecord } from './records.ts';
import { difference, multiset, type Style } from './results.ts';
import type { Failure } from './script.ts';

export type SkipReason =
  | 'SQLite differs from PostgreSQL'
  | 'RisingWave differs from PostgreSQL'
  | 'a catalogue internal to RisingWave';

/** Names that only RisingWave has, and what its runner makes of them. */
const internal = /\brw_\w+|\brw_catalog\b|__internal_|\$\{?\w+/i;

const differing: { readonly [S in Exclude<Style, 'ours'>]: SkipReason } = {
  sqlite: 'SQLite differs from PostgreSQL',
  risingwave: 'RisingWave differs from PostgreSQL',
};

/**
 * Which failures are no fault of ours. That the other one differs is not taken from a list:
 * PostgreSQL itself is asked, and must answer as we do and not as the file expects.
 */
export async function skipReasons(
  postgres: TextPostgres,
  records: readonly Record[],
  failures: readonly Failure[],
  style: Exclude<Style, 'ours'>,
): Promise<ReadonlyMap<Record, SkipReason>> {
  const reasons = new Map<Record, SkipReason>();
  const asked = new Map(failures.toReversed().map((failure) => [failure.record, failure]));
  if (style !== 'sqlite') {
    for (const record of records) {
      const isInternal = asked.has(record) && internal.test(record.sql);
      if (record.kind === 'system' || isInternal) {
        reasons.set(record, 'a catalogue internal to RisingWave');
      }
    }
  }
  await postgres.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  for (const record of records) {
    if (record.kind !== 'statement' && record.kind !== 'query') continue;
    const failure = asked.get(record);
    if (record.kind === 'query' && failure === undefined) continue;
    // There views are not kept current: plain ones are.
    const theirs = await postgres.run(record.sql.replace(/\bmaterialized\s+view\b/i, 'view'));
    if (failure === undefined || reasons.has(record)) continue;
    if (agrees(theirs, record, failure, style)) reasons.set(record, differing[style]);
  }
  return reasons;
}

function agrees(
  theirs: TextResult,
  record: QueryRecord | StatementRecord,
  { outcome }: Failure,
  style: Style,
): boolean {
  if (outcome === undefined) return false;
  if ('sqlState' in theirs) return theirs.sqlState === outcome.sqlState;
  if (record.kind === 'statement') return outcome.sqlState === '' && record.error !== undefined;
  if (outcome.sqlState !== '' || difference(record, theirs.rows, style) === undefined) return false;
  return String(multiset(theirs.rows)) === String(multiset(outcome.rows));
}
