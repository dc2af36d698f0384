import { queueNumber } from '../queues/queue-number.ts';
import type { RetentionRules, TopicPolicy } from '../store.ts';
import type { QueueRow } from './queue-table.ts';
import type { RowTurns } from './row-turns.ts';

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
 * It runs in turns of the event loop. Segments and their tables do not change meanwhile, being
 * sealed, and neither do `firstOffsets`; what may change between two turns is the rules:
 *
 * - The policy of a topic is asked once, so that all of the topic is measured by one.
 * - A floor may fall after it was asked, when somebody begins to read. So what is planned is a wish:
 *   whoever carries it out asks the floor of each queue once more, in the turn in which the queue's
 *   first offset moves (ConsumeQueues.expire).
 * - What is written meanwhile is in no sealed segment, or in one that the next pass sees.
 *
 * Returns the new first offset of each queue that loses entries, by queue number.
 */
export async function planExpiry(
  segments: readonly RetainedSegment[],
  rules: RetentionRules,
  nowMs: number,
  turns: RowTurns,
  firstOffsets: ReadonlyMap<number, number> = new Map(),
): Promise<ReadonlyMap<number, number>> {
  const first = new Map<number, number>();
  for (const topic of await limitedTopics(segments, rules, turns)) {
    await new TopicExpiry(topic, firstOffsets, turns).plan(rules, nowMs, first);
  }
  return first;
}

/** What one segment holds of one topic. */
interface Portion {
  readonly partition: number;
  readonly rows: readonly QueueRow[];
  readonly highTimeMs: number;
}

/** A topic that loses something some time. */
interface LimitedTopic {
  readonly topicId: number;
  /** `undefined`: it was dropped. */
  readonly policy: TopicPolicy | undefined;
  readonly portions: Portion[];
}

async function limitedTopics(
  segments: readonly RetainedSegment[],
  rules: RetentionRules,
  turns: RowTurns,
): Promise<Iterable<LimitedTopic>> {
  const topics = new Map<number, LimitedTopic>();
  const unlimited = new Set<number>();
  for (const { partition, queues } of segments) {
    for (let from = 0; from < queues.length; ) {
      const { topicId } = queues[from]!;
      let to = from;
      while (to < queues.length && queues[to]!.topicId === topicId) to++;
      const waiting = turns.after(to - from);
      if (waiting !== undefined) await waiting;
      const all = { from, to };
      from = to;
      if (unlimited.has(topicId)) continue;
      let topic = topics.get(topicId);
      if (topic === undefined) {
        const policy = rules.policy(topicId);
        if (policy !== undefined && (policy.retentionMs ?? policy.retentionBytes) === undefined) {
          unlimited.add(topicId);
          continue;
        }
        topic = { topicId, policy, portions: [] };
        topics.set(topicId, topic);
      }
      const rows = queues.slice(all.from, all.to).filter(({ entries }) => entries > 0);
      if (rows.length === 0) continue;
      const highTimeMs = rows.reduce((high, row) => Math.max(high, row.highTimeMs), -Infinity);
      topic.portions.push({ partition, rows, highTimeMs });
    }
  }
  return topics.values();
}

/** Decides for one topic. */
class TopicExpiry {
  readonly #topic: LimitedTopic;
  readonly #firstOffsets: ReadonlyMap<number, number>;
  readonly #turns: RowTurns;

  constructor(topic: LimitedTopic, firstOffsets: ReadonlyMap<number, number>, turns: RowTurns) {
    this.#topic = topic;
    this.#firstOffsets = firstOffsets;
    this.#turns = turns;
  }

  /** Notes the new first offsets in `first`. */
  async plan(rules: RetentionRules, nowMs: number, first: Map<number, number>): Promise<void> {
    const { topicId, policy, portions } = this.#topic;
    const { retentionMs = Infinity, retentionBytes = Infinity } = policy ?? {};
    const queues = await this.#rowsByQueue();
    let left = 0;
    for (const { rows } of portions) {
      left += this.#bytesOf(rows);
      await this.#turn(rows);
    }
    const stopped = new Set<number>();
    for (const { partition, rows, highTimeMs } of oldestFirst(portions)) {
      if (stopped.has(partition)) continue;
      await this.#turn(rows);
      const gone = newestRows(rows).flatMap((row) => upTo(row, queues.get(row.queueId)!));
      const bytes = this.#bytesOf(gone);
      const isOver =
        policy === undefined || highTimeMs < nowMs - retentionMs || left - bytes >= retentionBytes;
      const isFree = () => rows.every((row) => row.endOffset <= rules.floor(topicId, row.queueId));
      if (!isOver || !isFree()) {
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

  async #turn({ length }: readonly QueueRow[]): Promise<void> {
    const waiting = this.#turns.after(length);
    if (waiting !== undefined) await waiting;
  }

  #bytesOf(rows: readonly QueueRow[]): number {
    const { topicId } = this.#topic;
    return rows.reduce((sum, { queueId, endOffset, bytes }) => {
      const isGone = endOffset <= (this.#firstOffsets.get(queueNumber(topicId, queueId)) ?? 0);
      return isGone ? sum : sum + bytes;
    }, 0);
  }

  /**
   * The rows of each queue by offset. Those of a queue that has moved lie in several partitions, and
   * go with the last one that goes, wherever they are.
   */
  async #rowsByQueue(): Promise<ReadonlyMap<number, QueueRow[]>> {
    const queues = new Map<number, QueueRow[]>();
    for (const { rows: portion } of this.#topic.portions) {
      for (const row of portion) {
        const rows = queues.get(row.queueId) ?? [];
        rows.push(row);
        queues.set(row.queueId, rows);
      }
      await this.#turn(portion);
    }
    for (const rows of queues.values()) rows.sort((a, b) => a.endOffset - b.endOffset);
    return queues;
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
