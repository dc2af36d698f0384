import { MillraceError } from '../../platform/errors.ts';
import type { Random } from '../../platform/random.ts';
import { openStore } from '../open-store.ts';
import { prefixes, prefixKey } from '../queues/index-format.ts';
import { type Finding, isDamage, type PositionRange, rangeText } from './findings.ts';
import { type OfflineOptions, openOffline } from './offline.ts';
import { checkSkippable, skipRanges } from './skip-ranges.ts';
import { type CheckOptions, type VerifyReport, verifyLog } from './verify.ts';

export interface RepairOptions extends CheckOptions {
  readonly random: Random;
  /** Builds the index from the log again even when nothing is wrong with it. */
  readonly rebuildIndex: boolean;
  /** Damaged ranges to take out of the log (skip-ranges.ts); each as verification names it. */
  readonly skip: readonly PositionRange[];
}

export interface RepairReport {
  readonly before: VerifyReport;
  /** What was done, as sentences; empty when there was nothing to do, or nothing could be done. */
  readonly actions: readonly string[];
  /** The directory as it is now. */
  readonly after: VerifyReport;
}

/**
 * Mends what can be mended without losing anything: cuts a torn tail, removes an interrupted
 * segment, brings the index up to date or builds it again. Damage of the log itself stays as it
 * is, unless it is told to skip it; then nothing else is touched. Throws as `verifyLog`, and
 * INVALID_ARGUMENT for a range to skip that is not damaged.
 */
export async function repairLog(options: RepairOptions): Promise<RepairReport> {
  const before = await verifyLog(options);
  if (options.skip.length === 0) return mend(options, before);
  const skipped = await skip(options, before);
  const { actions, after } = await mend(options, await verifyLog(options));
  return { before, actions: [...skipped, ...actions], after };
}

async function skip(options: RepairOptions, before: VerifyReport): Promise<string[]> {
  const { fs, directory } = options;
  const damaged = before.findings.flatMap(({ kind, range }) =>
    range !== undefined && (kind === 'entries' || kind === 'missing') ? [rangeText(range)] : [],
  );
  for (const range of options.skip) {
    if (damaged.includes(rangeText(range))) continue;
    throw new MillraceError(
      'INVALID_ARGUMENT',
      `${rangeText(range)} is no damaged range; these are: ${damaged.join(', ') || 'none'}`,
    );
  }
  const { partitions, index } = await openOffline(options);
  if (index === undefined) {
    throw new MillraceError('UNSUPPORTED', 'skipping needs an index that can be read');
  }
  try {
    const tasks = partitions.map((partition) => ({
      place: { fs, directory, partition, index },
      ranges: options.skip.filter((range) => range.partition === partition.number),
    }));
    // All of them first: what is refused has changed nothing anywhere.
    for (const { place, ranges } of tasks) await checkSkippable(place, ranges);
    const actions: string[] = [];
    for (const { place, ranges } of tasks) actions.push(...(await skipRanges(place, ranges)));
    return actions;
  } finally {
    await index.close();
  }
}

async function mend(options: RepairOptions, before: VerifyReport): Promise<RepairReport> {
  const damage = before.findings.filter(isDamage);
  if (damage.some(({ kind }) => kind !== 'index')) return { before, actions: [], after: before };
  const actions = before.findings.flatMap(curedByOpening);
  if (options.rebuildIndex || damage.length > 0) {
    await forgetIndex(options);
    actions.push('built the index from the log again');
  }
  if (actions.length === 0) return { before, actions, after: before };
  // Recovery and catching up are what every start of the server does.
  const { onProgress } = options;
  const store = await openStore({
    ...options,
    ...(onProgress === undefined ? {} : { onIndexing: onProgress }),
  });
  await store.close();
  return { before, actions, after: await verifyLog(options) };
}

function curedByOpening({ kind, path, range }: Finding): string[] {
  switch (kind) {
    case 'torn-tail':
      return [`cut ${range!.to - range!.from} bytes off ${path}`];
    case 'interrupted-segment':
      return [`removed ${path}`];
    case 'index-behind':
      return ['brought the index up to date'];
    default:
      return [];
  }
}

/** The index's rows are derived from the log; without an applied position they do not count. */
async function forgetIndex(options: OfflineOptions): Promise<void> {
  const { index } = await openOffline(options);
  try {
    await index?.deleteRange({
      from: prefixKey(prefixes.applied),
      to: prefixKey(prefixes.applied + 1),
    });
  } finally {
    await index?.close();
  }
}
