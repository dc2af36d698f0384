import { expect, test } from 'vitest';
import { Histogram, quantile } from '../../storage/histogram.ts';

test('quantiles are upper bounds, within a factor of two', () => {
  const histogram = new Histogram();
  expect(quantile(histogram.snapshot(), 0.5)).toBe(0);
  for (let value = 1; value <= 1000; value++) histogram.record(value);
  const snapshot = histogram.snapshot();
  expect(snapshot).toMatchObject({ count: 1000, sum: 500_500, max: 1000 });
  for (const q of [0.01, 0.5, 0.9, 0.99, 1]) {
    const bound = quantile(snapshot, q);
    expect(bound).toBeGreaterThanOrEqual(1000 * q);
    expect(bound).toBeLessThanOrEqual(2 * 1000 * q);
  }
});

test('takes what no duration should be', () => {
  const histogram = new Histogram();
  for (const value of [0, -5, 1e300, 1 / 64]) histogram.record(value);
  expect(histogram.snapshot()).toMatchObject({ count: 4, max: 1e300 });
  expect(quantile(histogram.snapshot(), 0.75)).toBe(1 / 64);
});
