import type { LogPartition } from '../log/partition.ts';
import type { QueueRow } from '../log/queue-table.ts';
import type { RowTurns } from '../log/row-turns.ts';
import type { Segment } from '../log/segment.ts';
import type { CompactionPolicy, RetentionRules } from '../store.ts';
import { dueHorizon, type Moment, noProgress, type TopicProgress } from './topic-progress.ts';

/** A sealed segment with its queue table. */
export interface TabledSegment {
  readonly log: LogPartition;
  readonly segment: Segment;
  readonly partition: number;
  readonly queues: readonly QueueRow[];
  /** Of which it has entries. */
  readonly topics: ReadonlySet<number>;
}

/** A topic that is to be compacted. */
export interface DueTopic {
  readonly topicId: number;
  readonly policy: CompactionPolicy;
  /** Messages that may have come since the last time, at most. */
  readonly messages: number;
}

interface Tally {
  readonly policy: CompactionPolicy;
  cleanBytes: number;
  /** Of all topics, in the segments that hold this one: what may have to be written anew. */
  segmentBytes: number;
  dirtyBytes: number;
  dirtyMessages: number;
  oldestDirtyMs: number;
}

/** A topic waits one more lag for every time that its segments are so often what has come. */
const sharePerLag = 16;
/** What has come does not wait longer than so many lags, however little it is. */
const lagsMax = 144;
/** At once, only when its segments, which all topics share, are at most so often what has come. */
const segmentsMax = 8;

/**
 * Topics of which as much has come since the last time as was left then, and a worthwhile part of
 * the segments that it lies in, so that what is read and written again is paid for; or of which
 * something has waited for long, a message or a tombstone.
 */
export async function dueTopics(
  segments: readonly TabledSegment[],
  rules: RetentionRules,
  progress: ReadonlyMap<number, TopicProgress>,
  now: Moment,
  turns: RowTurns,
): Promise<DueTopic[]> {
  const due: DueTopic[] = [];
  for (const [topicId, tally] of await tallies(segments, rules, progress, turns)) {
    const { policy, cleanBytes, segmentBytes, dirtyBytes, dirtyMessages, oldestDirtyMs } = tally;
    const before = progress.get(topicId) ?? noProgress;
    const isWorth = dirtyBytes * segmentsMax >= segmentBytes;
    const isMuch = dirtyBytes > 0 && dirtyBytes >= cleanBytes && isWorth;
    const lags = Math.min(1 + segmentBytes / dirtyBytes / sharePerLag, lagsMax);
    const isLate = dirtyBytes > 0 && oldestDirtyMs <= now.nowMs - rules.compactionLagMs * lags;
    // Tombstones are few bytes of segments that are mostly others': they go with the next pass.
    const isOwn = (cleanBytes + dirtyBytes) * segmentsMax >= segmentBytes;
    const longerMs = isOwn ? 0 : rules.compactionLagMs * lagsMax;
    const hasWaited = dueHorizon(before, policy.tombstoneMs + longerMs, now) !== undefined;
    if (isMuch || isLate || hasWaited) due.push({ topicId, policy, messages: dirtyMessages });
  }
  return due;
}

async function tallies(
  segments: readonly TabledSegment[],
  rules: RetentionRules,
  progress: ReadonlyMap<number, TopicProgress>,
  turns: RowTurns,
): Promise<ReadonlyMap<number, Tally>> {
  const topics = new Map<number, Tally>();
  /** The segment in which the topic was seen last. */
  const last = new Map<number, Segment>();
  for (const { log, segment, queues } of segments) {
    for (const { topicId, entries, bytes, messages, lowTimeMs } of queues) {
      const waiting = turns.after(1);
      if (waiting !== undefined) await waiting;
      if (entries === 0) continue;
      let tally = topics.get(topicId);
      if (tally === undefined) {
        const policy = rules.policy(topicId)?.compaction;
        if (policy === undefined) continue;
        const nothing = { cleanBytes: 0, segmentBytes: 0, dirtyBytes: 0, dirtyMessages: 0 };
        tally = { policy, ...nothing, oldestDirtyMs: Infinity };
        topics.set(topicId, tally);
      }
      if (last.get(topicId) !== segment) tally.segmentBytes += segment.entryBytes;
      last.set(topicId, segment);
      if (segment.end <= (progress.get(topicId)?.clean.get(log.number) ?? 0)) {
        tally.cleanBytes += bytes;
        continue;
      }
      tally.dirtyBytes += bytes;
      tally.dirtyMessages += messages;
      tally.oldestDirtyMs = Math.min(tally.oldestDirtyMs, lowTimeMs);
    }
  }
  return topics;
}
