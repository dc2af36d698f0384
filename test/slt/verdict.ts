import type { TextPostgres } from '../postgres-text.ts';
import type { QueryRecord, Record } from './records.ts';
import { difference, multiset, type Style } from './results.ts';
import type { Failure } from './script.ts';

export type SkipReason = 'SQLite differs from PostgreSQL' | 'a catalogue internal to RisingWave';

/** Names that only RisingWave has, and what its runner makes of them. */
const internal = /\brw_\w+|\brw_catalog\b|__internal_|\$\{?\w+/i;

/**
 * Which failures are no fault of ours. That SQLite differs is not taken from a list: PostgreSQL
 * itself is asked, and must answer as we do and not as the file expects.
 */
export async function skipReasons(
  postgres: TextPostgres,
  records: readonly Record[],
  failures: readonly Failure[],
  style: Style,
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
    return reasons;
  }
  await postgres.run('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  for (const record of records) {
    if (record.kind === 'statement') await postgres.run(record.sql);
    const failure = asked.get(record);
    if (record.kind !== 'query' || failure === undefined) continue;
    if (await agrees(postgres, record, failure, style)) {
      reasons.set(record, 'SQLite differs from PostgreSQL');
    }
  }
  return reasons;
}

async function agrees(
  postgres: TextPostgres,
  record: QueryRecord,
  { outcome }: Failure,
  style: Style,
): Promise<boolean> {
  const theirs = await postgres.run(record.sql);
  if (outcome === undefined) return false;
  if ('sqlState' in theirs) return theirs.sqlState === outcome.sqlState;
  if (outcome.sqlState !== '' || difference(record, theirs.rows, style) === undefined) return false;
  return String(multiset(theirs.rows)) === String(multiset(outcome.rows));
}
