import { queueNumber } from '../queues/queue-number.ts';
import type { RetentionRules } from '../store.ts';
import type { QueueRow } from './queue-table.ts';

/** One sealed segment, as retention sees it. */
export interface RetainedSegment {
  readonly partition: number;
  /** In the order of topic and queue. */
  readonly queues: readonly QueueRow[];
}

/**
 * Decides what expires. Segments are shared by all topics, so a topic loses what one segment holds
 * of it at once, oldest first: when its newest entry there is older than the topic's retention_ms,
 * or when the sealed segments hold retention_bytes of the topic without it. So a topic keeps up to
 * one segment more than it asks for; it never keeps less.
 *
 * Nothing expires that lies at or past the floor of its queue, and nothing after it: the offsets
 * of a queue expire from its beginning on, whatever the clock did while they were written.
 *
 * `firstOffsets`, by queue number: what lies below has expired and is only not cleaned out yet.
 *
 * Returns the new first offset of each queue that loses entries, by queue number.
 */
export function planExpiry(
  segments: readonly RetainedSegment[],
  rules: RetentionRules,
  nowMs: number,
  firstOffsets: ReadonlyMap<number, number> = new Map(),
): ReadonlyMap<number, number> {
  const first = new Map<number, number>();
  for (const portions of portionsByTopic(segments).values()) {
    expireTopic(portions, rules, nowMs, firstOffsets, first);
  }
  return first;
}

/** What one segment holds of one topic. */
interface Portion {
  readonly partition: number;
  readonly topicId: number;
  readonly rows: readonly QueueRow[];
  readonly highTimeMs: number;
}

function portionsByTopic(segments: readonly RetainedSegment[]): Map<number, Portion[]> {
  const topics = new Map<number, Portion[]>();
  for (const { partition, queues } of segments) {
    for (let from = 0; from < queues.length; ) {
      const { topicId } = queues[from]!;
      let to = from;
      while (to < queues.length && queues[to]!.topicId === topicId) to++;
      const rows = queues.slice(from, to).filter(({ entries }) => entries > 0);
      from = to;
      if (rows.length === 0) continue;
      const highTimeMs = rows.reduce((high, row) => Math.max(high, row.highTimeMs), -Infinity);
      const portions = topics.get(topicId) ?? [];
      portions.push({ partition, topicId, rows, highTimeMs });
      topics.set(topicId, portions);
    }
  }
  return topics;
}

function expireTopic(
  portions: readonly Portion[],
  rules: RetentionRules,
  nowMs: number,
  firstOffsets: ReadonlyMap<number, number>,
  first: Map<number, number>,
): void {
  const { topicId } = portions[0]!;
  const policy = rules.policy(topicId);
  if (
    policy !== undefined &&
    policy.retentionMs === undefined &&
    policy.retentionBytes === undefined
  )
    return;
  const { retentionMs = Infinity, retentionBytes = Infinity } = policy ?? {};
  const queues = rowsByQueue(portions);
  const bytesOf = (rows: readonly QueueRow[]) =>
    rows.reduce((sum, { queueId, endOffset, bytes }) => {
      const isGone = endOffset <= (firstOffsets.get(queueNumber(topicId, queueId)) ?? 0);
      return isGone ? sum : sum + bytes;
    }, 0);
  let left = bytesOf(portions.flatMap(({ rows }) => rows));
  const stopped = new Set<number>();
  for (const { partition, rows, highTimeMs } of oldestFirst(portions)) {
    if (stopped.has(partition)) continue;
    const gone = newestRows(rows).flatMap((row) => upTo(row, queues.get(row.queueId)!));
    const bytes = bytesOf(gone);
    const isOver =
      policy === undefined || highTimeMs < nowMs - retentionMs || left - bytes >= retentionBytes;
    const isFree = rows.every((row) => row.endOffset <= rules.floor(topicId, row.queueId));
    if (!isOver || !isFree) {
      stopped.add(partition);
      continue;
    }
    left -= bytes;
    for (const row of gone) {
      queues.get(row.queueId)!.shift();
      first.set(queueNumber(topicId, row.queueId), row.endOffset);
    }
  }
}

/** Of each queue the last row. */
function newestRows(rows: readonly QueueRow[]): readonly QueueRow[] {
  return rows.filter(({ queueId }, i) => rows[i + 1]?.queueId !== queueId);
}

/** The rows of the queue that go when `row` goes; none when it has gone already. */
function upTo(row: QueueRow, rows: readonly QueueRow[]): readonly QueueRow[] {
  return rows.slice(0, 1 + rows.indexOf(row));
}

/**
 * The rows of each queue by offset. Those of a queue that has moved lie in several partitions, and
 * go with the last one that goes, wherever they are.
 */
function rowsByQueue(portions: readonly Portion[]): Map<number, QueueRow[]> {
  const queues = new Map<number, QueueRow[]>();
  for (const row of portions.flatMap(({ rows }) => rows)) {
    const rows = queues.get(row.queueId) ?? [];
    rows.push(row);
    queues.set(row.queueId, rows);
  }
  for (const rows of queues.values()) rows.sort((a, b) => a.endOffset - b.endOffset);
  return queues;
}

/** By age over all partitions; within one, in the order of the log. */
function oldestFirst(portions: readonly Portion[]): readonly Portion[] {
  const newest = new Map<number, number>();
  const aged = portions.map((portion) => {
    const age = Math.max(newest.get(portion.partition) ?? -Infinity, portion.highTimeMs);
    newest.set(portion.partition, age);
    return { portion, age };
  });
  return aged.sort((a, b) => a.age - b.age).map(({ portion }) => portion);
}
