import { expect, test } from 'vitest';
import { ProgressLine, progressText } from '../../../connectors/cli/progress.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryScreen } from './memory-screen.ts';

test('shows how far long work is, and clears its line', async () => {
  const screen = new MemoryScreen({ terminal: true });
  const clock = new ManualClock();
  const line = new ProgressLine(screen, clock);
  line.update(1, 100);
  expect(screen.errors).toBe('');
  clock.advance(1000);
  line.update(50_000, 100_000);
  line.update(50_001, 100_000);
  expect(screen.errors).toBe(
    '\r\x1b[K[##########..........] 50 %  50,000 of 100,000 rows  50,000 rows/s',
  );
  line.clear();
  line.clear();
  expect(screen.errors.endsWith('rows/s\r\x1b[K')).toBe(true);
  expect(screen.output).toBe('');
});

test('writes nothing where there is no terminal', () => {
  const screen = new MemoryScreen({ terminal: false });
  const clock = new ManualClock();
  const line = new ProgressLine(screen, clock);
  clock.advance(5000);
  line.update(1, 2);
  line.clear();
  expect(screen.errors).toBe('');
});

test('an unknown total shows the count alone', () => {
  expect(progressText(1_234_567, 0, 10)).toBe('1,234,567 rows  10 rows/s');
  expect(progressText(20, 10, 0)).toContain('100 %');
});
