import { toText } from '../columns/text.ts';
import { type Dimension, SqlArray, type SqlType, type SqlValue } from '../columns/types.ts';
import { compareNullable, compareValues } from './compare.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/** Operators and functions of arrays (documentation 9.19). */

const array = (value: SqlValue | undefined) => value as SqlArray;
const elementOf = (type: SqlType | undefined): SqlType =>
  type?.kind === 'array' ? type.element : type!;
const empty = new SqlArray([]);

function hasEqual(type: SqlType, items: readonly SqlValue[], wanted: SqlValue): boolean {
  return items.some((item) => item !== null && compareValues(type, item, wanted) === 0);
}

/** Every item of `part`, none of them NULL, occurs in `whole`. */
function contains(type: SqlType, whole: SqlArray, part: SqlArray): boolean {
  return part.items.every((item) => item !== null && hasEqual(type, whole.items, item));
}

function overlaps(type: SqlType, a: SqlArray, b: SqlArray): boolean {
  return a.items.some((item) => item !== null && hasEqual(type, b.items, item));
}

function incompatible() {
  return runtimeError('cannot concatenate incompatible arrays', '2202E');
}

/** Arrays of n dimensions, or one of n with one of n - 1 that becomes an item of it. */
function concatenated(a: SqlArray, b: SqlArray): SqlArray {
  if (a.dimensions.length === 0) return b;
  if (b.dimensions.length === 0) return a;
  const items = [...a.items, ...b.items];
  const [left, right] = [a.dimensions, b.dimensions];
  const same = (x: readonly Dimension[], y: readonly Dimension[]) =>
    x.length === y.length &&
    x.every(({ length, lower }, i) => length === y[i]!.length && lower === y[i]!.lower);
  if (left.length === right.length) {
    if (!same(left.slice(1), right.slice(1))) throw incompatible();
    const first = { length: left[0]!.length + right[0]!.length, lower: left[0]!.lower };
    return new SqlArray(items, [first, ...left.slice(1)]);
  }
  if (left.length === right.length + 1) {
    if (!same(left.slice(1), right)) throw incompatible();
    return new SqlArray(items, [{ ...left[0]!, length: left[0]!.length + 1 }, ...left.slice(1)]);
  }
  if (right.length === left.length + 1) {
    if (!same(left, right.slice(1))) throw incompatible();
    return new SqlArray(items, [{ ...right[0]!, length: right[0]!.length + 1 }, ...right.slice(1)]);
  }
  throw incompatible();
}

function oneDimension({ dimensions }: SqlArray): void {
  if (dimensions.length > 1)
    throw runtimeError('argument must be empty or one-dimensional array', '22000');
}

function appended(whole: SqlArray, item: SqlValue): SqlArray {
  oneDimension(whole);
  const [first] = whole.dimensions;
  if (first === undefined) return new SqlArray([item]);
  return new SqlArray([...whole.items, item], [{ ...first, length: first.length + 1 }]);
}

/** The new item takes the old lower bound, so that the others move up. */
function prepended(item: SqlValue, whole: SqlArray): SqlArray {
  oneDimension(whole);
  const [first] = whole.dimensions;
  if (first === undefined) return new SqlArray([item]);
  return new SqlArray([item, ...whole.items], [{ ...first, length: first.length + 1 }]);
}

function dimension(value: SqlArray, number: SqlValue): Dimension | undefined {
  return value.dimensions[(number as number) - 1];
}

const isSame = (type: SqlType, a: SqlValue, b: SqlValue) =>
  a === null || b === null ? a === b : compareValues(type, a, b) === 0;

function positions(type: SqlType, value: SqlArray, wanted: SqlValue, from: number): number[] {
  if (value.dimensions.length > 1) {
    throw runtimeError(
      'searching for elements in multidimensional arrays is not supported',
      '0A000',
    );
  }
  const lower = value.dimensions[0]?.lower ?? 1;
  return value.items.flatMap((item, i) =>
    i + lower >= from && isSame(type, item, wanted) ? [i + lower] : [],
  );
}

function removed(type: SqlType, value: SqlArray, wanted: SqlValue): SqlArray {
  if (value.dimensions.length > 1) {
    throw runtimeError('removing elements from multidimensional arrays is not supported', '0A000');
  }
  const kept = value.items.filter((item) => !isSame(type, item, wanted));
  if (kept.length === value.items.length) return value;
  if (kept.length === 0) return empty;
  return new SqlArray(kept, [{ length: kept.length, lower: value.dimensions[0]!.lower }]);
}

function joined(value: SqlArray, type: SqlType, separator: string, nulls: string | null): string {
  const shown = value.items.flatMap((item) => (item === null ? (nulls ?? []) : toText(type, item)));
  return shown.join(separator);
}

/** NULL without a separator splits into characters; an empty one does not split. */
function split(source: string, separator: string | null, nulls: string | null): SqlArray {
  if (source === '') return empty;
  const parts =
    separator === null ? [...source] : separator === '' ? [source] : source.split(separator);
  return new SqlArray(parts.map((part) => (part === nulls ? null : part)));
}

function filled(value: SqlValue, lengths: SqlArray, lowers: SqlArray | undefined): SqlArray {
  for (const bounds of [lengths, ...(lowers === undefined ? [] : [lowers])]) {
    if (bounds.dimensions.length > 1)
      throw runtimeError('wrong number of array subscripts', '2202E');
    if (bounds.items.includes(null)) throw runtimeError('dimension values cannot be null', '22004');
  }
  if (lowers !== undefined && lowers.items.length !== lengths.items.length) {
    throw runtimeError('wrong number of array subscripts', '2202E');
  }
  if (lengths.items.length > 6) {
    throw runtimeError('number of array dimensions exceeds the maximum allowed (6)', '54000');
  }
  const dimensions = lengths.items.map((length, i): Dimension => {
    const lower = (lowers?.items[i] ?? 1) as number;
    return { length: length as number, lower };
  });
  const count = dimensions.reduce((product, { length }) => product * length, 1);
  if (dimensions.some(({ length }) => length < 0) || count > filledMax) {
    throw runtimeError('array size exceeds the maximum allowed', '54000');
  }
  if (dimensions.length === 0 || count === 0) return empty;
  return new SqlArray(
    Array.from({ length: count }, () => value),
    dimensions,
  );
}

const filledMax = 16_777_216;

function trimmed(value: SqlArray, count: number): SqlArray {
  const [first, ...rest] = value.dimensions;
  const length = first?.length ?? 0;
  if (count < 0 || count > length) {
    throw runtimeError(`number of elements to trim must be between 0 and ${length}`, '2202E');
  }
  if (first === undefined || count === length) return empty;
  const width = value.items.length / length;
  return new SqlArray(value.items.slice(0, (length - count) * width), [
    { length: length - count, lower: 1 },
    ...rest.map((part) => ({ ...part, lower: 1 })),
  ]);
}

/** Slices of the first dimension. */
function slices(value: SqlArray): SqlValue[][] {
  const length = value.dimensions[0]?.length ?? 0;
  const width = length === 0 ? 0 : value.items.length / length;
  return Array.from({ length }, (_, i) => value.items.slice(i * width, (i + 1) * width));
}

function reordered(value: SqlArray, parts: readonly (readonly SqlValue[])[]): SqlArray {
  return new SqlArray(parts.flat(), value.dimensions);
}

function sorted(
  value: SqlArray,
  type: SqlType,
  descending: boolean,
  nullsFirst: boolean,
): SqlArray {
  const sign = descending ? -1 : 1;
  const compare = (a: SqlValue, b: SqlValue) => {
    if (a === null || b === null) {
      return (Number(a === null) - Number(b === null)) * (nullsFirst ? -1 : 1);
    }
    return sign * compareNullable(type, a, b);
  };
  const parts = slices(value).toSorted((a, b) => {
    for (let i = 0; i < a.length; i++) {
      const order = compare(a[i]!, b[i]!);
      if (order !== 0) return order;
    }
    return 0;
  });
  return reordered(value, parts);
}

export const arrays: readonly ScalarFunction[] = [
  define('@>(anyarray, anyarray) boolean', ([a, b], _, [type]) =>
    contains(elementOf(type), array(a), array(b)),
  ),
  define('<@(anyarray, anyarray) boolean', ([a, b], _, [type]) =>
    contains(elementOf(type), array(b), array(a)),
  ),
  define('&&(anyarray, anyarray) boolean', ([a, b], _, [type]) =>
    overlaps(elementOf(type), array(a), array(b)),
  ),
  ...['||', 'array_cat'].map((name) =>
    define(
      `${name}(anycompatiblearray, anycompatiblearray) anycompatiblearray`,
      ([a, b]) => (a === null ? b! : b === null ? a! : concatenated(array(a), array(b))),
      { strict: false },
    ),
  ),
  ...['||', 'array_append'].map((name) =>
    define(
      `${name}(anycompatiblearray, anycompatible) anycompatiblearray`,
      ([a, item]) => appended(a === null ? empty : array(a), item!),
      { strict: false },
    ),
  ),
  ...['||', 'array_prepend'].map((name) =>
    define(
      `${name}(anycompatible, anycompatiblearray) anycompatiblearray`,
      ([item, a]) => prepended(item!, a === null ? empty : array(a)),
      { strict: false },
    ),
  ),
  define('array_ndims(anyarray) integer', ([a]) => array(a).dimensions.length || null),
  define('array_dims(anyarray) text', ([a]) => {
    const { dimensions } = array(a);
    if (dimensions.length === 0) return null;
    return dimensions.map(({ lower, length }) => `[${lower}:${lower + length - 1}]`).join('');
  }),
  define(
    'array_length(anyarray, integer) integer',
    ([a, n]) => dimension(array(a), n!)?.length ?? null,
  ),
  define(
    'array_lower(anyarray, integer) integer',
    ([a, n]) => dimension(array(a), n!)?.lower ?? null,
  ),
  define('array_upper(anyarray, integer) integer', ([a, n]) => {
    const found = dimension(array(a), n!);
    return found === undefined ? null : found.lower + found.length - 1;
  }),
  define('cardinality(anyarray) integer', ([a]) => array(a).items.length),
  define(
    'array_position(anycompatiblearray, anycompatible) integer',
    ([a, item], _, [type]) =>
      a === null ? null : (positions(elementOf(type), array(a), item!, -Infinity)[0] ?? null),
    { strict: false },
  ),
  define(
    'array_position(anycompatiblearray, anycompatible, integer) integer',
    ([a, item, from], _, [type]) => {
      if (a === null) return null;
      if (array(a).items.length === 0) return null;
      const all = positions(elementOf(type), array(a), item!, -Infinity);
      if (item === null && !array(a).items.includes(null)) return null;
      if (from === null) throw runtimeError('initial position must not be null', '22004');
      return all.find((at) => at >= (from as number)) ?? null;
    },
    { strict: false },
  ),
  define(
    'array_positions(anycompatiblearray, anycompatible) integer[]',
    ([a, item], _, [type]) =>
      a === null ? null : new SqlArray(positions(elementOf(type), array(a), item!, -Infinity)),
    { strict: false },
  ),
  define(
    'array_remove(anycompatiblearray, anycompatible) anycompatiblearray',
    ([a, item], _, [type]) => (a === null ? null : removed(elementOf(type), array(a), item!)),
    { strict: false },
  ),
  define(
    'array_replace(anycompatiblearray, anycompatible, anycompatible) anycompatiblearray',
    ([a, from, to], _, [type]) => {
      if (a === null) return null;
      const { items, dimensions } = array(a);
      const element = elementOf(type);
      return new SqlArray(
        items.map((item) => (isSame(element, item, from!) ? to! : item)),
        dimensions,
      );
    },
    { strict: false },
  ),
  define('array_to_string(anyarray, text) text', ([a, separator], _, [type]) =>
    joined(array(a), elementOf(type), separator as string, null),
  ),
  define(
    'array_to_string(anyarray, text, text) text',
    ([a, separator, nulls], _, [type]) =>
      a === null || separator === null
        ? null
        : joined(array(a), elementOf(type), separator as string, nulls as string | null),
    { strict: false },
  ),
  ...(['string_to_array'] as const).flatMap((name) => [
    define(
      `${name}(text, text) text[]`,
      ([source, separator]) =>
        source === null ? null : split(source as string, separator as string | null, null),
      { strict: false },
    ),
    define(
      `${name}(text, text, text) text[]`,
      ([source, separator, nulls]) =>
        source === null
          ? null
          : split(source as string, separator as string | null, nulls as string | null),
      { strict: false },
    ),
  ]),
  define(
    'array_fill(anyelement, integer[]) anyarray',
    ([value, lengths]) => {
      if (lengths === null)
        throw runtimeError('dimension array or low bound array cannot be null', '22004');
      return filled(value!, array(lengths), undefined);
    },
    { strict: false },
  ),
  define(
    'array_fill(anyelement, integer[], integer[]) anyarray',
    ([value, lengths, lowers]) => {
      if (lengths === null || lowers === null) {
        throw runtimeError('dimension array or low bound array cannot be null', '22004');
      }
      return filled(value!, array(lengths), array(lowers));
    },
    { strict: false },
  ),
  define('trim_array(anyarray, integer) anyarray', ([a, count]) =>
    trimmed(array(a), count as number),
  ),
  define('array_reverse(anyarray) anyarray', ([a]) =>
    reordered(array(a), slices(array(a)).reverse()),
  ),
  define('array_sort(anyarray) anyarray', ([a], _, [type]) =>
    sorted(array(a), elementOf(type), false, false),
  ),
  define('array_sort(anyarray, boolean) anyarray', ([a, descending], _, [type]) =>
    sorted(array(a), elementOf(type), descending === true, descending === true),
  ),
  define(
    'array_sort(anyarray, boolean, boolean) anyarray',
    ([a, descending, nullsFirst], _, [type]) =>
      sorted(array(a), elementOf(type), descending === true, nullsFirst === true),
  ),
];
