import { MillraceError } from '../../platform/errors.ts';

/** Weights are 32-bit integers; the lowest one is left out, so that each has its opposite. */
const weightMax = 2 ** 31 - 1;

/**
 * A sum or product of weights as a weight. Throws RESOURCE_LIMIT when it has no place in one: a
 * count that wrapped round would be wrong without a word.
 */
export function weightOf(value: number): number {
  if (value <= weightMax && value >= -weightMax) return value;
  throw new MillraceError('RESOURCE_LIMIT', `more than ${weightMax} copies of one row`, {
    sqlState: '54000',
    hint: 'Aggregate or take DISTINCT rows before the join.',
  });
}
