import { MillraceError } from '../../platform/errors.ts';
import type { Column } from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import { concatenated, gather } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { WindowCall } from '../../sql/plan/physical.ts';
import { framesOf, partsOf } from './window-frames.ts';
import type { Partition } from './window-partition.ts';
import { isPrefix } from './window-reach.ts';

/** A window call's values by place, and the errors of the places that have none. */
export interface WindowValues {
  readonly column: Column;
  readonly errors?: ReadonlyMap<number, MillraceError>;
}

/**
 * The functions that are no aggregates; `undefined` for those that are. `column`: of the table, the
 * call's last values.
 */
export function windowFunction(
  call: WindowCall,
  type: SqlType,
  column: number,
): ((partition: Partition) => WindowValues) | undefined {
  switch (call.functionId) {
    case 'row_number':
      return ranked(type, ({ rowsBefore }, place) => BigInt(rowsBefore + place + 1));
    case 'rank':
      return ranked(type, (partition, place) => {
        const { rowsBefore, start } = partition;
        const from = partition.peersFrom(place);
        if (start > 0 && from < start) return partition.storedBefore(column);
        return BigInt(rowsBefore + from + 1);
      });
    case 'dense_rank':
      return ranked(type, (partition, place) => {
        const { peerGroup, start } = partition;
        if (start === 0) return BigInt(peerGroup[place]! + 1);
        const groups = BigInt(peerGroup[place]! - peerGroup[start - 1]!);
        return groups + (partition.storedBefore(column) as bigint);
      });
    case 'percent_rank':
      return ranked(type, (partition, place) =>
        partition.rowCount === 1 ? 0 : partition.peersFrom(place) / (partition.rowCount - 1),
      );
    case 'cume_dist':
      return ranked(type, (partition, place) => partition.peersTo(place) / partition.rowCount);
    case 'ntile':
      return (partition) => ntile(partition, call, type);
    case 'lag':
      return (partition) => shifted(partition, call, -1);
    case 'lead':
      return (partition) => shifted(partition, call, 1);
    case 'first_value':
    case 'last_value':
    case 'nth_value':
      return (partition) => valueInFrame(partition, call, column);
    default:
      return undefined;
  }
}

function ranked(type: SqlType, value: (partition: Partition, place: number) => SqlValue) {
  return (partition: Partition): WindowValues => {
    const builder = new ColumnBuilder(type);
    for (let place = 0; place < partition.rowCount; place++) {
      const isAsked = place >= partition.start && place < partition.end;
      builder.push(isAsked ? value(partition, place) : null);
    }
    return { column: builder.finish() };
  };
}

/** The number of buckets is that of the partition's first row; the first buckets are larger. */
function ntile(partition: Partition, { args }: WindowCall, type: SqlType): WindowValues {
  const { rowCount } = partition;
  const buckets = valueAt(partition.column(args[0]!), 0) as number | null;
  const builder = new ColumnBuilder(type);
  const errors = new Map<number, MillraceError>();
  const size = buckets === null ? 0 : Math.floor(rowCount / buckets);
  const larger = buckets === null ? 0 : rowCount % buckets;
  for (let place = 0; place < rowCount; place++) {
    if (buckets === null || buckets <= 0) {
      if (buckets !== null) errors.set(place, notPositive('ntile', '22014'));
      builder.push(null);
      continue;
    }
    const inLarger = larger * (size + 1);
    builder.push(
      1 +
        (place < inLarger
          ? Math.floor(place / (size + 1))
          : larger + Math.floor((place - inLarger) / size)),
    );
  }
  return { column: builder.finish(), errors };
}

function notPositive(name: string, sqlState: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', `argument of ${name} must be greater than zero`, {
    sqlState,
  });
}

/** lag and lead: the value so many rows before or after, else the default of this row. */
function shifted(partition: Partition, { args }: WindowCall, direction: 1 | -1): WindowValues {
  const { rowCount } = partition;
  const value = partition.column(args[0]!);
  const offset = args[1] === undefined ? undefined : partition.column(args[1]);
  const fallback = args[2] === undefined ? undefined : partition.column(args[2]);
  const places = new Int32Array(rowCount);
  for (let place = 0; place < rowCount; place++) {
    const by = offset === undefined ? 1 : (valueAt(offset, place) as number | null);
    const target = by === null ? -1 : place + direction * by;
    const isInside = by !== null && target >= 0 && target < rowCount;
    // Defaults lie behind the values.
    const other = by === null || fallback === undefined ? -1 : rowCount + place;
    places[place] = isInside ? target : other;
  }
  const source = fallback === undefined ? value : joined(value, fallback, rowCount);
  return { column: picked(source, places) };
}

function joined(first: Column, second: Column, rowCount: number): Column {
  const weights = new Int32Array(rowCount);
  const parts = [first, second].map((column) => ({ rowCount, columns: [column], weights }));
  return concatenated(parts).columns[0]!;
}

/** The values at the places; NULL for -1. */
function picked(column: Column, places: Int32Array): Column {
  const count = places.length;
  const nulls = new Uint8Array(count);
  const indices = places.map((place, at) => {
    if (place >= 0) return place;
    nulls[at] = 1;
    return 0;
  });
  const values = gather(column, indices, count);
  if (!nulls.includes(1)) return values;
  const builder = new ColumnBuilder(column.type);
  for (let at = 0; at < count; at++) builder.push(nulls[at] === 1 ? null : valueAt(values, at));
  return builder.finish();
}

/** first_value, last_value, nth_value: of the rows of the frame. */
function valueInFrame(
  partition: Partition,
  { functionId, args, frame }: WindowCall,
  column: number,
): WindowValues {
  const { rowCount, start } = partition;
  if (functionId === 'first_value' && start > 0 && isPrefix(frame)) {
    // The first row of the partition is none of these.
    const builder = new ColumnBuilder(partition.column(args[0]!).type);
    const value = partition.storedBefore(column);
    for (let place = 0; place < rowCount; place++) builder.push(value);
    return { column: builder.finish() };
  }
  const frames = framesOf(partition, frame);
  const numbers = args[1] === undefined ? undefined : partition.column(args[1]);
  const errors = new Map<number, MillraceError>();
  const places = new Int32Array(rowCount).fill(-1);
  for (let place = 0; place < rowCount; place++) {
    if (place < start || place >= partition.end) continue;
    const parts = partsOf(partition, frames, frame.exclude, place);
    if (functionId === 'last_value') {
      places[place] = (parts.at(-1)?.[1] ?? 0) - 1;
      continue;
    }
    const number = numbers === undefined ? 1 : (valueAt(numbers, place) as number | null);
    if (number !== null && number <= 0) errors.set(place, notPositive('nth_value', '22016'));
    else if (number !== null) places[place] = nth(parts, number);
  }
  return { column: picked(partition.column(args[0]!), places), errors };
}

function nth(parts: readonly (readonly [number, number])[], number: number): number {
  let left = number - 1;
  for (const [from, to] of parts) {
    if (left < to - from) return from + left;
    left -= to - from;
  }
  return -1;
}
