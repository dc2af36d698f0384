import { expect, test } from 'vitest';
import { indexingProgress } from '../../connectors/indexing-progress.ts';
import { ManualClock } from '../../platform/manual-clock.ts';

test('a long index rebuild is told now and then, a short one not at all', () => {
  const lines: unknown[] = [];
  const clock = new ManualClock();
  const logger = {
    log: (_level: string, _text: string, details: object = {}) => void lines.push(details),
  };
  const progress = indexingProgress(logger, clock);
  const MiB = 2 ** 20;
  progress(1 * MiB, 100 * MiB);
  expect(lines).toEqual([]);
  clock.advance(2000);
  progress(20 * MiB, 100 * MiB);
  progress(30 * MiB, 100 * MiB);
  clock.advance(6000);
  progress(50 * MiB, 100 * MiB);
  expect(lines).toEqual([
    { percent: 20, doneMiB: 20, totalMiB: 100, leftSeconds: 8 },
    { percent: 50, doneMiB: 50, totalMiB: 100, leftSeconds: 8 },
  ]);
});
