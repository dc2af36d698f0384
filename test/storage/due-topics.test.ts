import { expect, test } from 'vitest';
import { dueTopics, type TabledSegment } from '../../storage/compaction/due-topics.ts';
import type { TopicProgress } from '../../storage/compaction/topic-progress.ts';
import { oneTurn } from '../../storage/log/row-turns.ts';
import type { RetentionRules } from '../../storage/store.ts';

const minute = 60_000;
const rules: RetentionRules = {
  policy: (topicId) => (topicId === 1 ? { compaction: { tombstoneMs: 0 } } : {}),
  floor: () => Infinity,
  segmentAgeMs: minute,
  compactionLagMs: 10 * minute,
};

/** A segment that holds `own` bytes of topic 1, which came at 0, and `others` of topic 2. */
function segment(own: number, others: number): TabledSegment {
  const row = { queueId: 0, entries: 1, messages: 1, lowTimeMs: 0 };
  const queues = [
    { ...row, topicId: 1, bytes: own },
    { ...row, topicId: 2, bytes: others },
  ];
  const shape = { log: { number: 0 }, segment: { end: 100, entryBytes: own + others }, queues };
  return shape as unknown as TabledSegment;
}

async function isDue(
  one: TabledSegment,
  afterMs: number,
  progress?: TopicProgress,
): Promise<boolean> {
  const known = new Map(progress === undefined ? [] : [[1, progress]]);
  const now = { nowMs: afterMs, monotonicMs: afterMs };
  return (await dueTopics([one], rules, known, now, oneTurn)).length === 1;
}

test('a segment is not written anew at once for a little of it', async () => {
  expect(await isDue(segment(500, 500), minute)).toBe(true);
  expect(await isDue(segment(10, 990), minute)).toBe(false);
  expect(await isDue(segment(10, 990), 10 * minute)).toBe(false);
  expect(await isDue(segment(10, 990), 90 * minute)).toBe(true);
});

test('and never waits longer than a day', async () => {
  expect(await isDue(segment(1, 1e9), 23 * 60 * minute)).toBe(false);
  expect(await isDue(segment(1, 1e9), 24 * 60 * minute)).toBe(true);
});

test('nor for tombstones alone, where most of it is other topics', async () => {
  const horizons = [{ cut: new Map([[0, 100]]), atMs: 0 }];
  const clean = { clean: new Map([[0, 100]]), horizons };
  expect(await isDue(segment(500, 500), minute, clean)).toBe(true);
  expect(await isDue(segment(10, 990), 23 * 60 * minute, clean)).toBe(false);
  expect(await isDue(segment(10, 990), 24 * 60 * minute, clean)).toBe(true);
});
