import { expect, test } from 'vitest';
import { addFloat, floatSum, floatSumBytes } from '../../../engine/dataflow/float-sum.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';

const empty = () => new Int32Array(floatSumBytes / 4);

test('one value comes back as it was, at every magnitude', () => {
  for (const value of [1.7976931348623157e308, -5e-324, -1.7e-320, 3.3, 1e22, 0.1, -2.5e-308]) {
    const sum = empty();
    addFloat(sum, value, 1);
    expect(floatSum(sum)).toBe(value);
    addFloat(sum, value, -2);
    expect(floatSum(sum)).toBe(-value);
  }
});

test('is exact where rounding at each addition is not', () => {
  const sum = empty();
  for (const value of [1e308, 0.1, 1e308, 0.2, -1e308, -1e308]) addFloat(sum, value, 1);
  expect(floatSum(sum)).toBe(0.30000000000000004);
  addFloat(sum, 0.2, -1);
  expect(floatSum(sum)).toBe(0.1);
});

test('what goes in and out in another order leaves nothing', () => {
  const random = new SeededRandom(7);
  const values = Array.from(
    { length: 2000 },
    () => (random.float() - 0.5) * 2 ** (random.below(2000) - 1000),
  );
  const sum = empty();
  for (const value of values) addFloat(sum, value, 3);
  for (const value of values.toSorted()) addFloat(sum, value, -3);
  expect(sum.every((word) => word === 0)).toBe(true);
});

test('NaN and infinities are counted apart and can be taken back', () => {
  const sum = empty();
  addFloat(sum, 1.5, 1);
  addFloat(sum, Infinity, 1);
  expect(floatSum(sum)).toBe(Infinity);
  addFloat(sum, -Infinity, 1);
  expect(floatSum(sum)).toBeNaN();
  addFloat(sum, Infinity, -1);
  expect(floatSum(sum)).toBe(-Infinity);
  addFloat(sum, -Infinity, -1);
  addFloat(sum, Number.NaN, 1);
  expect(floatSum(sum)).toBeNaN();
  addFloat(sum, Number.NaN, -1);
  expect(floatSum(sum)).toBe(1.5);
});

test('halfway cases round to even', () => {
  const sum = empty();
  addFloat(sum, 2 ** 53, 1);
  addFloat(sum, 1, 1);
  expect(floatSum(sum)).toBe(2 ** 53);
  addFloat(sum, 5e-324, 1);
  expect(floatSum(sum)).toBe(2 ** 53 + 2);
});
