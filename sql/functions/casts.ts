import { assert } from '../../platform/assert.ts';
import { microsPerDay, splitTimestamp } from '../columns/datetime.ts';
import { checkedDecimal, powerOfTen, rescale } from '../columns/decimal.ts';
import { fitDecimal, fitText, fromText, toText } from '../columns/text.ts';
import { typeName } from '../columns/type-name.ts';
import type { Decimal, SqlType, SqlValue, TypeKind } from '../columns/types.ts';
import { inBigint, roundHalfEven } from './arithmetic.ts';
import { runtimeError, type ScalarFunction } from './function.ts';

/**
 * Casts, with ids `cast:<from>:<to>`, `assign:<from>:varchar`, and `output:<from>:text` for what
 * the type's output function prints. What is allowed where follows pg_cast; a cast to a type with a
 * length or precision applies it.
 */
type Level = 'implicit' | 'assignment' | 'explicit';

const numbers: readonly TypeKind[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double'];
const texts: readonly TypeKind[] = ['text', 'varchar'];

/** Least level at which pg_cast allows the cast; `undefined` when there is none. */
export function castLevel(from: TypeKind, to: TypeKind): Level | undefined {
  if (from === to || from === 'unknown') return 'implicit';
  if (texts.includes(to)) return texts.includes(from) ? 'implicit' : 'assignment';
  if (texts.includes(from)) return 'explicit';
  const a = numbers.indexOf(from);
  const b = numbers.indexOf(to);
  if (a >= 0 && b >= 0) return a < b ? 'implicit' : 'assignment';
  switch (`${from}:${to}`) {
    case 'date:timestamp':
    case 'date:timestamptz':
    case 'timestamp:timestamptz':
    case 'time:interval':
      return 'implicit';
    case 'timestamp:date':
    case 'timestamp:time':
    case 'timestamptz:date':
    case 'timestamptz:time':
    case 'timestamptz:timestamp':
    case 'interval:time':
      return 'assignment';
    case 'boolean:integer':
    case 'integer:boolean':
      return 'explicit';
    default:
      return undefined;
  }
}

const levels: readonly Level[] = ['implicit', 'assignment', 'explicit'];

/** Id of the cast; 'none' when the value is the same; `undefined` when it is not allowed here. */
export function castId(from: SqlType, to: SqlType, context: Level): string | undefined {
  const level = castLevel(from.kind, to.kind);
  if (level === undefined || levels.indexOf(level) > levels.indexOf(context)) return undefined;
  const isText = texts.includes(from.kind) && texts.includes(to.kind);
  const isPlain = typeName(to) === typeName({ kind: to.kind } as SqlType);
  if (typeName(from) === typeName(to) || ((isText || from.kind === to.kind) && isPlain)) {
    return 'none';
  }
  // Only an explicit cast cuts a text to its length; an assignment refuses it.
  const verb = to.kind === 'varchar' && context !== 'explicit' ? 'assign' : 'cast';
  return `${verb}:${from.kind}:${to.kind}`;
}

export function castFunction(id: string): ScalarFunction {
  const [verb, from, to] = id.split(':') as [string, TypeKind, TypeKind];
  const source = { kind: from } as SqlType;
  return {
    signature: {
      id,
      name: 'cast',
      args: [source],
      result: { kind: to } as SqlType,
      strict: true,
      volatile: false,
      fails: true,
    },
    evaluate: ([value], type) => {
      if (verb === 'output') return toText(source, value!);
      if (verb === 'cast' || type.kind !== 'varchar') return castValue(source, type, value!);
      return fitText(type, castValue(source, { kind: 'text' }, value!) as string);
    },
  };
}

function castValue(from: SqlType, to: SqlType, value: SqlValue): SqlValue {
  if (texts.includes(to.kind)) {
    const text = texts.includes(from.kind) ? (value as string) : textOf(from, value);
    // An explicit cast to varchar(n) cuts; the cast is written in the query.
    if (to.kind === 'varchar' && to.length !== undefined && text.length > to.length) {
      return [...text].slice(0, to.length).join('');
    }
    return text;
  }
  if (texts.includes(from.kind) || from.kind === 'unknown') return fromText(to, value as string);
  if (numbers.includes(from.kind) && numbers.includes(to.kind)) return numberTo(from, to, value);
  switch (`${from.kind}:${to.kind}`) {
    case 'boolean:integer':
      return value === true ? 1 : 0;
    case 'integer:boolean':
      return value !== 0;
    case 'date:timestamp':
    case 'date:timestamptz':
      return BigInt(value as number) * microsPerDay;
    case 'timestamp:date':
    case 'timestamptz:date':
      return splitTimestamp(value as bigint).days;
    case 'timestamp:time':
    case 'timestamptz:time':
      return splitTimestamp(value as bigint).time;
    case 'timestamp:timestamptz':
    case 'timestamptz:timestamp':
      return value;
    case 'time:interval':
      return { months: 0, days: 0, micros: value as bigint };
    case 'interval:time': {
      const { micros } = value as { micros: bigint };
      return ((micros % microsPerDay) + microsPerDay) % microsPerDay;
    }
    default:
      assert(from.kind === to.kind, `a cast from ${from.kind} to ${to.kind} exists`);
      return value;
  }
}

/** `true` as text is `true`, though it prints (and concatenates) as `t`. */
function textOf(from: SqlType, value: SqlValue): string {
  return from.kind === 'boolean' ? String(value) : toText(from, value);
}

function numberTo(from: SqlType, to: SqlType, value: SqlValue): SqlValue {
  switch (to.kind) {
    case 'smallint':
      return Number(within(to, toInteger(from, value), -32_768n, 32_767n));
    case 'integer':
      return Number(within(to, toInteger(from, value), -(2n ** 31n), 2n ** 31n - 1n));
    case 'bigint':
      return inBigint(toInteger(from, value));
    case 'numeric': {
      const { unscaled, scale } = fitDecimal(to, toDecimal(from, value));
      return checkedDecimal(unscaled, scale);
    }
    case 'real':
      return finite(to, Math.fround(toDouble(from, value)), value);
    default:
      return finite(to, toDouble(from, value), value);
  }
}

function within(to: SqlType, value: bigint, least: bigint, most: bigint): bigint {
  if (value < least || value > most) throw runtimeError(`${typeName(to)} out of range`, '22003');
  return value;
}

function toInteger(from: SqlType, value: SqlValue): bigint {
  if (typeof value === 'bigint') return value;
  if (from.kind === 'numeric') return rescale(value as Decimal, 0).unscaled;
  const number = value as number;
  if (!Number.isFinite(number)) throw runtimeError('integer out of range', '22003');
  return BigInt(from.kind === 'real' || from.kind === 'double' ? roundHalfEven(number) : number);
}

/** May have more digits than a numeric holds, which numeric(p,s) then rounds. */
function toDecimal(from: SqlType, value: SqlValue): Decimal {
  if (from.kind === 'numeric') return value as Decimal;
  if (typeof value === 'bigint') return { unscaled: value, scale: 0 };
  const number = value as number;
  if (from.kind !== 'real' && from.kind !== 'double') return { unscaled: BigInt(number), scale: 0 };
  if (!Number.isFinite(number)) throw runtimeError(`cannot convert ${number} to numeric`, '22003');
  // PostgreSQL keeps as many digits as the type surely has: 6 and 15.
  const [mantissa = '', exponent] = number.toExponential(from.kind === 'real' ? 5 : 14).split('e');
  const [whole, fraction = ''] = mantissa.split('.');
  const digits = fraction.replace(/0+$/, '');
  const unscaled = BigInt(`${whole}${digits}`);
  const scale = digits.length - Number(exponent);
  if (scale < 0) return { unscaled: unscaled * powerOfTen(-scale), scale: 0 };
  return unscaled === 0n ? { unscaled, scale: 0 } : { unscaled, scale };
}

function toDouble(from: SqlType, value: SqlValue): number {
  return from.kind === 'numeric' ? Number(toText(from, value)) : Number(value);
}

function finite(to: SqlType, value: number, from: SqlValue): number {
  const wasFinite = typeof from !== 'number' || Number.isFinite(from);
  const hasVanished = value === 0 && typeof from === 'number' && from !== 0;
  if ((wasFinite && !Number.isFinite(value)) || hasVanished) {
    throw runtimeError(`value out of range for type ${typeName(to)}`, '22003');
  }
  return value;
}
