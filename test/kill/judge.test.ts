import { describe, expect, test } from 'vitest';
import { judge, type SentMessage, type StoredMessage } from './judge.ts';

const idOf = (body: string) => body.split(' ')[0]!;

/** Two senders of ten messages each; every third was not acknowledged. */
function sound(): { sent: SentMessage[]; stored: StoredMessage[] } {
  const sent = Array.from({ length: 20 }, (_, i) => {
    const sender = `s${i % 2}`;
    const id = `${sender}-${i}`;
    return { id, sender, body: `${id} payload ${i}`, acked: i % 3 !== 0 };
  });
  const stored = sent.map(({ body }, offset) => ({ offset, body }));
  return { sent, stored };
}

const nothing = { lost: [], duplicated: [], reordered: [], corrupted: [] };

describe('the checker of kill loops', () => {
  test('finds nothing where nothing is wrong, with and without what was not acknowledged', () => {
    const { sent, stored } = sound();
    expect(judge(sent, stored, idOf)).toEqual(nothing);
    const acked = stored.filter((_, i) => sent[i]!.acked);
    expect(judge(sent, acked, idOf)).toEqual(nothing);
  });

  test('finds a planted loss', () => {
    const { sent, stored } = sound();
    expect(judge(sent, stored.toSpliced(4, 1), idOf)).toEqual({ ...nothing, lost: ['s0-4'] });
  });

  test('finds a planted duplicate', () => {
    const { sent, stored } = sound();
    const twice = stored.toSpliced(5, 0, stored[4]!);
    expect(judge(sent, twice, idOf)).toEqual({ ...nothing, duplicated: ['s0-4'] });
  });

  test('finds a planted change of order within a sender, and lets senders mix', () => {
    const { sent, stored } = sound();
    const swapped = stored.toSpliced(4, 3, stored[6]!, stored[5]!, stored[4]!);
    expect(judge(sent, swapped, idOf)).toEqual({ ...nothing, reordered: ['s0-4'] });
    const mixed = stored.toSpliced(4, 2, stored[5]!, stored[4]!);
    expect(judge(sent, mixed, idOf)).toEqual(nothing);
  });

  test('finds a planted corruption, which is a loss, too', () => {
    const { sent, stored } = sound();
    const changed = stored.with(4, { offset: 4, body: 's0-4 payload 5' });
    expect(judge(sent, changed, idOf)).toEqual({
      ...nothing,
      lost: ['s0-4'],
      corrupted: ['offset 4: s0-4 payload 5'],
    });
  });
});
