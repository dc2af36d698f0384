import type { Decimal, SqlType, SqlValue } from '../../sql/columns/types.ts';
import { addDecimals, inBigint } from '../../sql/functions/arithmetic.ts';
import { compareValues } from '../../sql/functions/compare.ts';
import type { FrameBound, WindowCall, WindowFrame } from '../../sql/plan/physical.ts';

/**
 * How far a change at one place of a partition reaches, in rows. Those further away keep their
 * values, and need not be looked at.
 */
export interface Reach {
  /** Rows before the change whose values it may change. */
  readonly back: number;
  /** The peers of the row before the change too, whose frames end with their last peer. */
  readonly peers: boolean;
  /** Rows behind it whose values it may change; Infinity for all. */
  readonly ahead: number;
  /** Rows before one that its value is made of; a base is the value of the row next before. */
  readonly context: number;
  /** Rows behind one that its value is made of. */
  readonly forward: number;
  /** Frames that go back as far as the values of the ORDER BY say; how far is seen in the rows. */
  readonly distances: readonly WindowFrame[];
}

/** The columns of a window's input. */
export interface WindowInput {
  typeOf(column: number): SqlType;
  /** The value that all rows have there; `undefined` where that is not known. */
  constantOf(column: number): SqlValue | undefined;
}

/** The reach of all the calls of a window together; `undefined`: the whole partition. */
export function reachOf(calls: readonly WindowCall[], input: WindowInput): Reach | undefined {
  let all: Reach = { ...none, context: 1 };
  for (const call of calls) {
    const reach = reachOfCall(call, input);
    if (reach === undefined) return undefined;
    all = {
      back: Math.max(all.back, reach.back),
      peers: all.peers || reach.peers,
      ahead: Math.max(all.ahead, reach.ahead),
      context: Math.max(all.context, reach.context),
      forward: Math.max(all.forward, reach.forward),
      distances: [...all.distances, ...reach.distances],
    };
  }
  return all;
}

const none: Reach = { back: 0, peers: false, ahead: 0, context: 0, forward: 0, distances: [] };

function reachOfCall(call: WindowCall, input: WindowInput): Reach | undefined {
  const { functionId, args, frame } = call;
  switch (functionId) {
    case 'row_number':
    case 'rank':
    case 'dense_rank':
      return { ...none, ahead: Number.POSITIVE_INFINITY, context: 1 };
    case 'lag':
    case 'lead': {
      const offset = args[1] === undefined ? 1 : input.constantOf(args[1]);
      if (typeof offset !== 'number') return undefined;
      return ofShift(functionId === 'lag' ? -offset : offset);
    }
    case 'percent_rank':
    case 'cume_dist':
    case 'ntile':
      return undefined;
    default:
      if (isPrefix(frame)) {
        const types = args.map((arg) => input.typeOf(arg));
        const isKnown = functionId === 'last_value' || combination(functionId, types) !== undefined;
        return isKnown ? ofPrefix(frame, []) : undefined;
      }
      // The distance is told from the rows before; those behind the last peer are not looked for.
      if (frame.mode !== 'rows' && frame.start.kind === 'preceding') {
        return frame.end.kind === 'current row' ? ofPrefix(frame, [frame]) : undefined;
      }
      return ofRows(frame);
  }
}

/** A value so many rows behind, or before if that is negative. */
function ofShift(by: number): Reach {
  const before = Math.max(0, -by);
  const behind = Math.max(0, by);
  return { ...none, back: behind, ahead: before, context: before, forward: behind };
}

/** A frame that ends with the current row or its last peer, and begins anywhere before. */
function ofPrefix({ mode }: WindowFrame, distances: readonly WindowFrame[]): Reach {
  const ahead = Number.POSITIVE_INFINITY;
  return { ...none, peers: mode !== 'rows', ahead, context: 1, distances };
}

/** A frame of so many rows before and behind. */
function ofRows({ mode, start, end }: WindowFrame): Reach | undefined {
  const before = -offsetOf(start);
  const behind = offsetOf(end);
  if (mode !== 'rows' || !Number.isFinite(before) || !Number.isFinite(behind)) return undefined;
  const context = Math.max(0, before);
  const forward = Math.max(0, behind);
  return { ...none, back: forward, ahead: context, context, forward };
}

/** How many rows behind the current one a bound lies. */
function offsetOf({ kind, offset }: FrameBound): number {
  switch (kind) {
    case 'unbounded preceding':
      return Number.NEGATIVE_INFINITY;
    case 'unbounded following':
      return Number.POSITIVE_INFINITY;
    case 'current row':
      return 0;
    case 'preceding':
      return -(offset!.value as number);
    case 'following':
      return offset!.value as number;
  }
}

/** All rows up to the current one, or to its last peer. */
export function isPrefix({ start, end, exclude }: WindowFrame): boolean {
  const isOpen = start.kind === 'unbounded preceding' && end.kind === 'current row';
  return isOpen && exclude === 'none';
}

/**
 * How the value of a prefix and that of the rows behind it make the value of both; `undefined`
 * where they do not say it, or not exactly: avg, sums of doubles, the least of equal values that
 * print differently.
 */
export function combination(
  functionId: string,
  [type]: readonly SqlType[],
): ((before: SqlValue, behind: SqlValue) => SqlValue) | undefined {
  switch (functionId) {
    case 'count':
    case 'count_star':
      return (a, b) => (a as bigint) + (b as bigint);
    case 'first_value':
      return (a) => a;
    case 'sum:smallint':
    case 'sum:integer':
      return unlessNull((a, b) => inBigint((a as bigint) + (b as bigint)));
    case 'sum:bigint':
    case 'sum:numeric':
      return unlessNull((a, b) => addDecimals(a as Decimal, b as Decimal, 1n));
    case 'bool_and':
      return unlessNull((a, b) => a === true && b === true);
    case 'bool_or':
      return unlessNull((a, b) => a === true || b === true);
    case 'min':
    case 'max': {
      if (type === undefined || !printsAlike.has(type.kind)) return undefined;
      const sign = functionId === 'min' ? 1 : -1;
      return unlessNull((a, b) => (sign * compareValues(type, a!, b!) <= 0 ? a : b));
    }
    default:
      return undefined;
  }
}

/** Types whose equal values are the same. */
const printsAlike: ReadonlySet<string> = new Set(
  'smallint integer bigint text varchar boolean date time timestamp timestamptz uuid bytea'.split(
    ' ',
  ),
);

function unlessNull(combine: (a: SqlValue, b: SqlValue) => SqlValue) {
  return (a: SqlValue, b: SqlValue) => (a === null ? b : b === null ? a : combine(a, b));
}
