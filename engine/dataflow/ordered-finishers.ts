import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import { applyFunction } from '../../sql/codegen/interpreter.ts';
import { Json, type JsonNode, jsonObject } from '../../sql/columns/json.ts';
import { valueToJson } from '../../sql/columns/json-value.ts';
import { toText } from '../../sql/columns/text.ts';
import { type Interval, SqlArray, type SqlType, type SqlValue } from '../../sql/columns/types.ts';
import { compareValues } from '../../sql/functions/compare.ts';
import type { AggregateCall, SortKey } from '../../sql/plan/physical.ts';

/** The rows of one group in order, not empty; arguments by position. */
export interface OrderedRows {
  /** Rows, copies counted. */
  readonly total: number;
  first(arg: number): SqlValue;
  last(arg: number): SqlValue;
  /** `place` from 0 to total - 1. */
  at(place: number, arg: number): SqlValue;
  each(visit: (value: (arg: number) => SqlValue, copies: number) => void): void;
}

/** What makes an aggregate of rows in order. */
export interface Finisher {
  /** Arguments whose NULL leaves a row out. */
  readonly skipsNulls: readonly number[];
  orderOf(call: AggregateCall): readonly SortKey[];
  /** The order is that of its own arguments, never that of a window. */
  readonly isOfValues?: true;
  /** `type`: of the result; `argTypes`: of the arguments. */
  bind(
    call: AggregateCall,
    type: SqlType,
    argTypes: readonly SqlType[],
  ): (rows: OrderedRows) => SqlValue;
}

const ascending = { descending: false, nullsFirst: false };
const byArg =
  (arg: number, key = ascending) =>
  ({ args }: AggregateCall): SortKey[] => [{ ...key, column: args[arg]! }];
/** The call's own order, or that of its first argument. */
const own = (call: AggregateCall) => (call.orderBy.length > 0 ? call.orderBy : byArg(0)(call));

const firstOf = () => (rows: OrderedRows) => rows.first(0);

export const finishers: Readonly<Record<string, Finisher>> = {
  min: { skipsNulls: [0], orderOf: byArg(0), isOfValues: true, bind: firstOf },
  max: {
    skipsNulls: [0],
    orderOf: byArg(0),
    isOfValues: true,
    bind: () => (rows) => rows.last(0),
  },
  arg_min: { skipsNulls: [1], orderOf: byArg(1), isOfValues: true, bind: firstOf },
  arg_max: {
    skipsNulls: [1],
    orderOf: byArg(1, { ...ascending, descending: true }),
    isOfValues: true,
    bind: firstOf,
  },
  first_value: { skipsNulls: [], orderOf: own, bind: firstOf },
  last_value: { skipsNulls: [], orderOf: own, bind: () => (rows) => rows.last(0) },
  string_agg: {
    skipsNulls: [0],
    orderOf: own,
    bind: (_, type) => (type.kind === 'bytea' ? joinedBytes : joinedTexts),
  },
  array_agg: {
    skipsNulls: [],
    orderOf: own,
    bind:
      (_, __, [argType]) =>
      (rows) =>
        argType!.kind === 'array' ? stacked(rows) : new SqlArray(valuesOf(rows)),
  },
  jsonb_agg: {
    skipsNulls: [],
    orderOf: own,
    bind:
      (_, __, [argType]) =>
      (rows) =>
        Json.of(valuesOf(rows).map((value) => valueToJson(argType!, value))),
  },
  // Of NULLs alone it is an empty array, and not NULL.
  jsonb_agg_strict: {
    skipsNulls: [],
    orderOf: own,
    bind:
      (_, __, [argType]) =>
      (rows) =>
        Json.of(
          valuesOf(rows)
            .filter((value) => value !== null)
            .map((value) => valueToJson(argType!, value)),
        ),
  },
  jsonb_object_agg: members({}),
  jsonb_object_agg_strict: members({ isStrict: true }),
  jsonb_object_agg_unique: members({ isUnique: true }),
  jsonb_object_agg_unique_strict: members({ isStrict: true, isUnique: true }),
  percentile_disc: {
    skipsNulls: [0],
    orderOf: own,
    bind: (call, type) => percentiles(call, type, discrete),
  },
  percentile_cont: {
    skipsNulls: [0],
    orderOf: own,
    bind: (call, type) => percentiles(call, type, interpolated),
  },
  approx_percentile: {
    skipsNulls: [0],
    orderOf: own,
    bind: ({ direct: [fraction, error] }) =>
      fraction === null || error === null
        ? () => null
        : (rows) => approximate(rows, fraction as number, error as number),
  },
  mode: {
    skipsNulls: [0],
    orderOf: own,
    bind:
      (_, __, [argType]) =>
      (rows) =>
        mode(rows, argType!),
  },
};

/** The first argument of every row. */
function valuesOf(rows: OrderedRows): SqlValue[] {
  const values: SqlValue[] = [];
  rows.each((value, copies) => {
    for (let n = 0; n < copies; n++) values.push(value(0));
  });
  return values;
}

/** array_agg of arrays: one dimension more. */
function stacked(rows: OrderedRows): SqlValue {
  const arrays = valuesOf(rows) as (SqlArray | null)[];
  const [first] = arrays;
  const lengths = (array: SqlArray) => array.dimensions.map(({ length }) => length).join();
  for (const array of arrays) {
    if (array === null) throw failure('cannot accumulate null arrays', '22004');
    if (array.items.length === 0) throw failure('cannot accumulate empty arrays', '2202E');
    if (lengths(array) !== lengths(first!)) {
      throw failure('cannot accumulate arrays of different dimensionality', '2202E');
    }
  }
  const items = arrays.flatMap((array) => array!.items);
  const inner = first!.dimensions.map(({ length }) => ({ length, lower: 1 }));
  return new SqlArray(items, [{ length: arrays.length, lower: 1 }, ...inner]);
}

function failure(message: string, sqlState: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', message, { sqlState });
}

function isScalar({ kind }: SqlType): boolean {
  return kind !== 'array' && kind !== 'record' && kind !== 'jsonb';
}

interface MemberRules {
  /** Members whose value is NULL, also JSON's, are left out, once their keys have been checked. */
  readonly isStrict?: boolean;
  /** Equal keys are an error; else the last one in order stays. */
  readonly isUnique?: boolean;
}

function members(rules: MemberRules): Finisher {
  return {
    skipsNulls: [],
    orderOf: own,
    bind: (_, __, argTypes) => (rows) => jsonObjectOf(rows, argTypes, rules),
  };
}

function jsonObjectOf(
  rows: OrderedRows,
  [keyType, valueType]: readonly SqlType[],
  { isStrict = false, isUnique = false }: MemberRules,
): SqlValue {
  const entries: [string, JsonNode][] = [];
  rows.each((value, copies) => {
    const key = value(0);
    if (!isScalar(keyType!)) {
      throw failure('key value must be scalar, not array, composite, or json', '22023');
    }
    if (key === null) throw failure('field name must not be null', '22023');
    if (isUnique && copies > 1) throw failure('duplicate JSON object key value', '22030');
    entries.push([toText(keyType!, key), valueToJson(valueType!, value(1))]);
  });
  const object = jsonObject(entries);
  if (isUnique && object.size < entries.length) {
    throw failure('duplicate JSON object key value', '22030');
  }
  if (!isStrict) return Json.of(object);
  // Of equal keys the last one whose value is not NULL stays.
  return Json.of(jsonObject(entries.filter(([, value]) => value !== null)));
}

/** Each text after the first one has its own delimiter before it; NULL is none. */
function joinedTexts(rows: OrderedRows): SqlValue {
  const parts: string[] = [];
  rows.each((value, copies) => {
    for (let n = 0; n < copies; n++) {
      if (parts.length > 0) parts.push((value(1) as string | null) ?? '');
      parts.push(value(0) as string);
    }
  });
  return parts.join('');
}

function joinedBytes(rows: OrderedRows): SqlValue {
  const parts: Uint8Array[] = [];
  rows.each((value, copies) => {
    for (let n = 0; n < copies; n++) {
      const delimiter = value(1) as Uint8Array | null;
      if (parts.length > 0 && delimiter !== null) parts.push(delimiter);
      parts.push(value(0) as Uint8Array);
    }
  });
  return Buffer.concat(parts);
}

/** One percentile, or an array of them of the same shape as the array of fractions. */
function percentiles(
  { direct }: AggregateCall,
  type: SqlType,
  one: (rows: OrderedRows, fraction: number, type: SqlType) => SqlValue,
): (rows: OrderedRows) => SqlValue {
  const [fractions] = direct;
  if (fractions === null) return () => null;
  if (!(fractions instanceof SqlArray)) return (rows) => one(rows, fractions as number, type);
  const element = type.kind === 'array' ? type.element : type;
  return (rows) => {
    const items = fractions.items.map((fraction) =>
      fraction === null ? null : one(rows, fraction as number, element),
    );
    return new SqlArray(items, fractions.dimensions);
  };
}

function discrete(rows: OrderedRows, fraction: number): SqlValue {
  return rows.at(Math.max(1, Math.ceil(fraction * rows.total)) - 1, 0);
}

/** PostgreSQL's percentile_cont: between the two rows around fraction * (n - 1). */
function interpolated(rows: OrderedRows, fraction: number, type: SqlType): SqlValue {
  const place = fraction * (rows.total - 1);
  const below = Math.floor(place);
  const low = rows.at(below, 0);
  if (Math.ceil(place) === below) return low;
  const high = rows.at(below + 1, 0);
  const share = place - below;
  if (type.kind === 'interval') return between(low as Interval, high as Interval, share);
  assert(typeof low === 'number' && typeof high === 'number', 'a percentile is of doubles');
  return low + share * (high - low);
}

/**
 * RisingWave's approx_percentile, a DDSketch (Masson et al., VLDB 2019): the middle of the bucket
 * that the row's value is in, of buckets whose bounds are powers of (1 + error) / (1 - error).
 * Buckets keep the order of values, so that of the row is the row of the bucket.
 */
function approximate(rows: OrderedRows, fraction: number, error: number): SqlValue {
  const place = Math.min(Math.floor(fraction * rows.total), rows.total - 1);
  const value = rows.at(place, 0) as number;
  if (value === 0 || !Number.isFinite(value)) return value;
  const base = (1 + error) / (1 - error);
  const bucket = Math.ceil(Math.log(Math.abs(value)) / Math.log(base));
  return Math.sign(value) * base ** bucket * (2 / (base + 1));
}

const interval: SqlType = { kind: 'interval' };
const double: SqlType = { kind: 'double' };

function between(low: Interval, high: Interval, share: number): SqlValue {
  const difference = applyFunction('-:interval', [high, low], [interval, interval], interval);
  const part = applyFunction(
    '*:interval:double',
    [difference, share],
    [interval, double],
    interval,
  );
  return applyFunction('+:interval', [low, part], [interval, interval], interval);
}

/** The value that most rows have; of several the first one in order. */
function mode(rows: OrderedRows, type: SqlType): SqlValue {
  let best: SqlValue = null;
  let bestCopies = 0;
  let current: SqlValue = null;
  let currentCopies = 0;
  rows.each((value, copies) => {
    const next = value(0);
    const isSame = currentCopies > 0 && compareValues(type, next!, current!) === 0;
    if (!isSame) {
      current = next;
      currentCopies = 0;
    }
    currentCopies += copies;
    if (currentCopies > bestCopies) {
      best = current;
      bestCopies = currentCopies;
    }
  });
  return best;
}
