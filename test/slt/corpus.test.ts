import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEngineInMemory } from '../engine/views/harness.ts';
import { TextPostgres } from '../postgres-text.ts';
import { outOfScope, whole } from './corpus.ts';
import { concerns, type Record, readScript } from './records.ts';
import type { Style } from './results.ts';
import { dropAll, type Failure, runAsViews, runAsWritten } from './script.ts';
import { skipReasons } from './verdict.ts';

/**
 * Foreign scripts, each query as it is written and as a view made before the rows. The suite takes
 * a fixed sample of SQLite's large files; `SLT=whole npx vitest run --project unit
 * test/slt/corpus.test.ts` takes every record, `SLT=FILE` the whole of the files of that name.
 */
const corpus = join(import.meta.dirname, '../../../shared/corpus');
const wanted = process.env.SLT ?? '';
const sampleSize = 60;
const skippedAtMost = 0.02;

const files = existsSync(corpus)
  ? [
      ...filesOf('sqllogictest', '.test'),
      ...filesOf('risingwave', '.slt'),
      ...filesOf('risingwave/streaming/join', '.part'),
    ].filter((file) => !(file in outOfScope))
  : [];

function filesOf(folder: string, suffix: string): string[] {
  const paths = readdirSync(join(corpus, folder), { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => path.endsWith(suffix)).map((path) => join(folder, path));
}

describe.skipIf(files.length === 0)('foreign scripts', () => {
  const report: string[] = [];
  let postgres: TextPostgres;
  beforeAll(async () => {
    postgres = await TextPostgres.open();
  }, 60_000);
  afterAll(async () => {
    for (const [file, reason] of Object.entries(outOfScope))
      report.push(`${file}: not run, ${reason}`);
    process.stdout.write(`\n${report.join('\n')}\n`);
    await postgres.close();
  });

  test.each(files.filter((file) => wanted === 'whole' || file.includes(wanted)))(
    '%s',
    async (file) => {
      const style = file.startsWith('sqllogictest') ? 'sqlite' : 'risingwave';
      const all = readScript(join(corpus, file));
      const records = wanted === '' && style === 'sqlite' ? sample(all) : all;
      const failures = await runBoth(records, style);
      const skips = await skipReasons(postgres, records, failures, style);
      const left = failures.filter(({ record }) => !skips.has(record));
      const relevant = records.filter((record) => concerns(record, 'postgresql'));
      const failed = new Set(left.map(({ record }) => record)).size;
      report.push(
        `${file}: ${relevant.length - failed - skips.size} of ${relevant.length} records pass, ${skips.size} skipped, ${failed} fail`,
        ...summary(left),
      );
      if (!whole.includes(file)) return;
      expect(left.map(lineOf)).toEqual([]);
      const unable = records.filter(({ kind }) => kind === 'system').length;
      // One record of a short file is more than its share.
      const allowed = Math.max(1, skippedAtMost * relevant.length);
      expect(skips.size - unable).toBeLessThanOrEqual(allowed);
    },
    3_600_000,
  );
});

test.runIf(files.length === 0)(
  'foreign scripts are absent: ../shared/corpus is not there',
  () => {},
);

async function runBoth(records: readonly Record[], style: Style): Promise<Failure[]> {
  const engine = await openEngineInMemory();
  try {
    const asWritten = await runAsWritten(engine, records, style);
    await dropAll(engine);
    return [...asWritten, ...(await runAsViews(engine, records, style))];
  } finally {
    await engine.close();
  }
}

/** Every statement, and queries evenly from the whole file. */
function sample(records: readonly Record[]): Record[] {
  const queries = records.filter(
    (record) => record.kind === 'query' && concerns(record, 'postgresql'),
  );
  const stride = Math.max(1, Math.floor(queries.length / sampleSize));
  const taken = new Set(queries.filter((_, index) => index % stride === 0));
  return records.filter((record) => record.kind !== 'query' || taken.has(record));
}

/** Failures by reason, the most frequent first. */
function summary(failures: readonly Failure[]): string[] {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) {
    const key = `${failure.as}: ${failure.reason.replaceAll(/as_view_\d+/g, 'as_view')}`.slice(
      0,
      110,
    );
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, 12)
    .map(([key, some]) => `    ${some.length} x ${key} (${place(some[0]!)})`);
}

function lineOf(failure: Failure): string {
  return `${place(failure)} as ${failure.as}: ${failure.reason}`;
}

function place({ record }: Failure): string {
  return `${relative(corpus, record.file)}:${record.line}`;
}
