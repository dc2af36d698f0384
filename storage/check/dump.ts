import type { SegmentName } from '../log/segment-format.ts';
import type { Finding } from './findings.ts';
import { type OfflineOptions, openOffline } from './offline.ts';
import { type WalkedEntry, walkPartition } from './walk-partition.ts';

/** Which entries to dump; what is absent excludes nothing. Upper bounds are exclusive. */
export interface DumpFilter {
  readonly partition?: number;
  /** Sequence number of the segment. */
  readonly segment?: number;
  readonly fromPosition?: number;
  readonly toPosition?: number;
  readonly topicId?: number;
  readonly queueId?: number;
  readonly fromOffset?: number;
  readonly toOffset?: number;
}

export type DumpItem =
  | {
      readonly kind: 'entry';
      readonly partition: number;
      /** Sequence number of its segment. */
      readonly segment: number;
      readonly entry: WalkedEntry;
    }
  | { readonly kind: 'finding'; readonly finding: Finding };

/**
 * The entries of the log in the order of the log, and what damage lies between them. An entry's
 * body is a view, valid until the next item. Throws as `openOffline`, and IO.
 */
export async function* dumpLog(
  options: OfflineOptions,
  filter: DumpFilter,
): AsyncGenerator<DumpItem> {
  const { fromPosition = 0, toPosition = Infinity } = filter;
  const isWanted = ({ sequence, start }: SegmentName, end: number) =>
    (filter.segment ?? sequence) === sequence && end > fromPosition && start < toPosition;
  const { serverId, partitions, index } = await openOffline(options);
  try {
    for (const { number, directory: path } of partitions) {
      if ((filter.partition ?? number) !== number) continue;
      const walk = { fs: options.fs, directory: path, partition: number, serverId, isWanted };
      let segment = 0;
      for await (const step of walkPartition(walk)) {
        if (step.kind === 'segment') segment = step.segment.sequence;
        if (step.kind === 'finding' && touches(step.finding, filter)) yield step;
        if (step.kind !== 'entries') continue;
        for (const entry of step.entries) {
          if (matches(entry, filter)) yield { kind: 'entry', partition: number, segment, entry };
        }
      }
    }
  } finally {
    await index?.close();
  }
}

function matches({ position, header }: WalkedEntry, filter: DumpFilter): boolean {
  const { topicId, queueId, baseOffset, count, length } = header;
  return (
    position + length > (filter.fromPosition ?? 0) &&
    position < (filter.toPosition ?? Infinity) &&
    (filter.topicId ?? topicId) === topicId &&
    (filter.queueId ?? queueId) === queueId &&
    baseOffset + count > (filter.fromOffset ?? 0) &&
    baseOffset < (filter.toOffset ?? Infinity)
  );
}

function touches({ range }: Finding, filter: DumpFilter): boolean {
  if (range === undefined) return true;
  return range.to > (filter.fromPosition ?? 0) && range.from < (filter.toPosition ?? Infinity);
}
