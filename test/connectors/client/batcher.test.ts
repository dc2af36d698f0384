import { expect, test } from 'vitest';
import { Batcher } from '../../../connectors/client/batcher.ts';
import type { Acknowledged } from '../../../connectors/client/sent.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';

const target = { topic: 't', messageGroup: undefined, priority: undefined, queue: undefined };

/** A batcher whose requests end when they are told to. */
function openBatcher() {
  const underway: (() => void)[] = [];
  const batcher = new Batcher({ maxBatchMessages: 1 }, new ManualClock(), () => {
    return new Promise<Acknowledged>((resolve) => {
      underway.push(() => resolve({ id: '', offsets: [0] }));
    });
  });
  return { batcher, underway };
}

test('messages with keys go one request after the other, as their keys have an order', async () => {
  const { batcher, underway } = openBatcher();
  const places = ['1', '2', '3'].map((body) => batcher.add(target, { body, keys: ['k'] }));
  for (const [i, { fate }] of places.entries()) {
    expect(underway).toHaveLength(i + 1);
    underway[i]!();
    await fate.known;
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('messages without keys go side by side', () => {
  const { batcher, underway } = openBatcher();
  for (const body of ['1', '2', '3']) batcher.add(target, { body });
  expect(underway).toHaveLength(3);
});
