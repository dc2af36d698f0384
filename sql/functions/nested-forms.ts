import { type Dimension, SqlArray, SqlRecord, type SqlValue } from '../columns/types.ts';
import { type Evaluate, runtimeError } from './function.ts';

/** What the analyzer makes of ARRAY[...], ROW(...), subscripts and fields (documentation 8.15, 8.16). */

/** Items, or arrays of equal dimensions that become one with a dimension more. */
const arrayOf: Evaluate = (args, _, types) => {
  if (types[0]?.kind !== 'array') return new SqlArray(args);
  const parts = args.filter((arg) => arg !== null) as SqlArray[];
  const [first] = parts;
  const isEmpty = parts.every(({ items }) => items.length === 0);
  if (first === undefined || (isEmpty && parts.length === args.length)) return new SqlArray([]);
  const same = (a: Dimension, b: Dimension | undefined) =>
    a.length === b?.length && a.lower === b.lower;
  const fits = parts.every(
    ({ dimensions }) =>
      dimensions.length === first.dimensions.length &&
      dimensions.every((dimension, i) => same(dimension, first.dimensions[i])),
  );
  if (!fits || parts.length < args.length) {
    throw runtimeError(
      'multidimensional arrays must have array expressions with matching dimensions',
      '2202E',
    );
  }
  if (first.dimensions.length >= 6) {
    throw runtimeError('number of array dimensions (7) exceeds the maximum allowed (6)', '54000');
  }
  return new SqlArray(
    parts.flatMap(({ items }) => items),
    [{ length: parts.length, lower: 1 }, ...first.dimensions],
  );
};

/** NULL outside the bounds, and when the number of subscripts is not that of dimensions. */
const subscript: Evaluate = ([array, ...indexes]) => {
  if (array === null || array === undefined || indexes.includes(null)) return null;
  const { items, dimensions } = array as SqlArray;
  if (indexes.length !== dimensions.length) return null;
  let at = 0;
  for (const [i, { length, lower }] of dimensions.entries()) {
    const offset = (indexes[i] as number) - lower;
    if (offset < 0 || offset >= length) return null;
    at = at * length + offset;
  }
  return items[at]!;
};

/** Arguments: the array, the mask of bounds left out (2 bits per dimension), the bounds. */
const slice: Evaluate = ([array, mask, ...bounds]) => {
  if (array === null || array === undefined) return null;
  const omitted = mask as number;
  const isNull = bounds.some((bound, i) => bound === null && ((omitted >> i) & 1) === 0);
  if (isNull) return null;
  const { items, dimensions } = array as SqlArray;
  if (bounds.length / 2 > dimensions.length) return new SqlArray([]);
  const ranges = dimensions.map(({ length, lower }, i) => {
    const [from, to] = [bounds[2 * i], bounds[2 * i + 1]];
    const first = typeof from === 'number' ? Math.max(from, lower) : lower;
    const last = typeof to === 'number' ? Math.min(to, lower + length - 1) : lower + length - 1;
    return { first: first - lower, length: Math.max(0, last - first + 1) };
  });
  if (ranges.some(({ length }) => length === 0)) return new SqlArray([]);
  const picked: SqlValue[] = [];
  const visit = (depth: number, at: number): void => {
    if (depth === dimensions.length) {
      picked.push(items[at]!);
      return;
    }
    const { first, length } = ranges[depth]!;
    for (let i = 0; i < length; i++) visit(depth + 1, at * dimensions[depth]!.length + first + i);
  };
  visit(0, 0);
  return new SqlArray(
    picked,
    ranges.map(({ length }) => ({ length, lower: 1 })),
  );
};

export const nestedForms: Readonly<Record<string, Evaluate>> = {
  array: arrayOf,
  row: (args) => new SqlRecord(args),
  wholeRow: (args) => new SqlRecord(args),
  field: ([record, index]) =>
    record === null ? null : (record as SqlRecord).cells[index as number]!,
  subscript,
  slice,
  rowIsNull: ([row]) => row === null || (row as SqlRecord).cells.every((cell) => cell === null),
  rowIsNotNull: ([row]) => row !== null && (row as SqlRecord).cells.every((cell) => cell !== null),
};

/** `operand operator ANY (array)` by the operator's function: true, else NULL, else false wins. */
export function quantifiedForm(
  form: 'any' | 'all',
  operator: Evaluate,
  isStrict: boolean,
): Evaluate {
  const winner = form === 'any';
  return ([operand, array], type, [left, right]) => {
    if (array === null) return null;
    const element = right!.kind === 'array' ? right!.element : right!;
    let result: SqlValue = !winner;
    for (const item of (array as SqlArray).items) {
      const isNull = isStrict && (operand === null || item === null);
      const value = isNull ? null : operator([operand!, item], type, [left!, element]);
      if (value === winner) return winner;
      if (value === null) result = null;
    }
    return result;
  };
}
