import type { LogPartition } from '../log/partition.ts';
import type { QueueRow } from '../log/queue-table.ts';
import type { Segment } from '../log/segment.ts';
import type { CompactionPolicy, RetentionRules } from '../store.ts';
import { dueHorizon, type Moment, noProgress, type TopicProgress } from './topic-progress.ts';

/** A sealed segment with its queue table. */
export interface TabledSegment {
  readonly log: LogPartition;
  readonly segment: Segment;
  readonly partition: number;
  readonly queues: readonly QueueRow[];
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
  dirtyBytes: number;
  dirtyMessages: number;
  oldestDirtyMs: number;
}

/** A topic waits one more lag for every time that what is clean is so often what is not. */
const sharePerLag = 16;

/**
 * Topics of which as much has come since the last time as was left then, so that what is read
 * again is paid for; or of which something has waited for long, a message or a tombstone.
 */
export function dueTopics(
  segments: readonly TabledSegment[],
  rules: RetentionRules,
  progress: ReadonlyMap<number, TopicProgress>,
  now: Moment,
): DueTopic[] {
  const due: DueTopic[] = [];
  for (const [topicId, tally] of tallies(segments, rules, progress)) {
    const { policy, cleanBytes, dirtyBytes, dirtyMessages, oldestDirtyMs } = tally;
    const before = progress.get(topicId) ?? noProgress;
    const isMuch = dirtyBytes > 0 && dirtyBytes >= cleanBytes;
    const lagMs = rules.compactionLagMs * (1 + cleanBytes / dirtyBytes / sharePerLag);
    const isLate = dirtyBytes > 0 && oldestDirtyMs <= now.nowMs - lagMs;
    const hasWaited = dueHorizon(before, policy.tombstoneMs, now) !== undefined;
    if (isMuch || isLate || hasWaited) due.push({ topicId, policy, messages: dirtyMessages });
  }
  return due;
}

function tallies(
  segments: readonly TabledSegment[],
  rules: RetentionRules,
  progress: ReadonlyMap<number, TopicProgress>,
): ReadonlyMap<number, Tally> {
  const topics = new Map<number, Tally>();
  for (const { log, segment, queues } of segments) {
    for (const { topicId, entries, bytes, messages, lowTimeMs } of queues) {
      if (entries === 0) continue;
      let tally = topics.get(topicId);
      if (tally === undefined) {
        const policy = rules.policy(topicId)?.compaction;
        if (policy === undefined) continue;
        const nothing = { cleanBytes: 0, dirtyBytes: 0, dirtyMessages: 0 };
        tally = { policy, ...nothing, oldestDirtyMs: Infinity };
        topics.set(topicId, tally);
      }
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
