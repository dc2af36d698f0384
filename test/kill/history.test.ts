import { expect, test } from 'vitest';
import { type HistoryEvent, judgeHistory } from './history.ts';

const second = 1_000_000_000n;
const sent = (at: number, key: string, acked = true): HistoryEvent => ({
  what: 'sent',
  atNs: BigInt(at) * second,
  key,
  acked,
});
const event = (
  what: 'got' | 'handled' | 'done',
  at: number,
  key: string,
  group = 'g',
): HistoryEvent => ({
  what,
  atNs: BigInt(at) * second,
  group,
  key,
});
const kill = (at: number): HistoryEvent => ({ what: 'server killed', atNs: BigInt(at) * second });

const clean = [
  ...['a#0', 'a#1', 'b#0'].map((key, i) => sent(i, key)),
  sent(3, 'a#2', false),
  event('got', 10, 'a#0'),
  event('handled', 11, 'a#0'),
  event('done', 11, 'a#0'),
  event('got', 12, 'a#1'),
  event('got', 13, 'b#0'),
  event('handled', 14, 'b#0'),
  event('done', 14, 'b#0'),
  // Not acknowledged in its time: it came again.
  event('got', 20, 'a#1'),
  event('handled', 21, 'a#1'),
  event('done', 21, 'a#1'),
];
const faults = (events: readonly HistoryEvent[]) => {
  const { lost, unknown, duplicated, reordered } = judgeHistory(events, 'g', true);
  return { lost, unknown, duplicated, reordered };
};
const none = { lost: [], unknown: [], duplicated: [], reordered: [] };

test('a history in which all is well', () => {
  expect(faults(clean)).toEqual(none);
  expect(judgeHistory(clean, 'g', true).counts).toMatchObject({ deliveries: 4, redeliveries: 1 });
  // Another group has its own.
  expect(judgeHistory(clean, 'other', true).lost).toEqual(['a#0', 'a#1', 'b#0']);
});

test('a planted loss', () => {
  const events = clean.filter(
    (one) => !('group' in one && one.what !== 'got' && one.key === 'b#0'),
  );
  expect(faults(events)).toEqual({ ...none, lost: ['b#0'] });
});

test('a planted duplicate; one that a kill explains is none', () => {
  const again = event('got', 30, 'b#0');
  expect(faults([...clean, again])).toEqual({ ...none, duplicated: ['b#0'] });
  expect(faults([...clean, again, kill(15)])).toEqual(none);
  expect(faults([...clean, again, kill(25)])).toEqual({ ...none, duplicated: ['b#0'] });
  expect(faults([...clean, again, kill(31)])).toEqual({ ...none, duplicated: ['b#0'] });
});

test('a planted reorder; only a FIFO group has an order', () => {
  const events = clean.map((one): HistoryEvent => {
    if ('group' in one && one.key === 'a#0') return { ...one, atNs: one.atNs + 5n * second };
    return one;
  });
  expect(faults(events)).toEqual({ ...none, reordered: ['a#1'] });
  expect(judgeHistory(events, 'g', false).reordered).toEqual([]);
});

test('what nobody sent', () => {
  expect(faults([...clean, event('got', 40, 'z#9')])).toEqual({ ...none, unknown: ['z#9'] });
});
