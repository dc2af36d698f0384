import { expect, test } from 'vitest';
import { filterOf } from '../../../connectors/rocketmq/filters.ts';
import { tagHashOf } from '../../../engine/broker/publisher.ts';
import { limits } from '../../../platform/limits.ts';

test('a tag expression knows the hashes of its tags', () => {
  expect(filterOf({ expression: ' a || b ' })!.tagHashes).toEqual(
    new Set(['a', 'b'].map(tagHashOf)),
  );
  expect(filterOf({ expression: 'a || *' })).toBeUndefined();
});

test('a tag expression has a longest length', () => {
  const longest = 'a'.repeat(limits.filterLengthMax);
  expect(filterOf({ expression: longest })!.tagHashes!.size).toBe(1);
  expect(() => filterOf({ expression: `${longest}a` })).toThrowError(
    expect.objectContaining({ code: 'ILLEGAL_FILTER' }),
  );
});
