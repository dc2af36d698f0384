import { assert } from '../../platform/assert.ts';
import {
  dateInfinity,
  isInfiniteDate,
  isInfiniteTimestamp,
  microsPerDay,
  minusDateInfinity,
  minusTimestampInfinity,
  splitTimestamp,
  timestampInfinity,
} from '../columns/datetime.ts';
import {
  boundedNumeric,
  infinity,
  isNotANumber,
  isSpecial,
  minusInfinity,
  notANumber,
  powerOfTen,
  rescale,
} from '../columns/decimal.ts';
import { isArray, isObject, type Json, type JsonNode, JsonNumber } from '../columns/json.ts';
import {
  fitDecimal,
  fitMicros,
  fitText,
  fromText,
  toText,
  withoutBlanks,
} from '../columns/text.ts';
import { typeName } from '../columns/type-name.ts';
import {
  type Decimal,
  type Interval,
  type RecordField,
  SqlArray,
  SqlRecord,
  type SqlType,
  type SqlValue,
  type TypeKind,
} from '../columns/types.ts';
import { inBigint, roundHalfEven } from './arithmetic.ts';
import { checkedTimestamp } from './dates.ts';
import { runtimeError, type ScalarFunction, t } from './function.ts';

/**
 * Casts, with ids `cast:<from>:<to>`, `assign:<from>:varchar`, and `output:<from>:text` for what
 * the type's output function prints. What is allowed where follows pg_cast; a cast to a type with a
 * length or precision applies it.
 */
type Level = 'implicit' | 'assignment' | 'explicit';

const numbers: readonly TypeKind[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double'];
const texts: readonly TypeKind[] = ['text', 'varchar', 'char'];

/** Least level at which pg_cast allows the cast; `undefined` when there is none. */
export function castLevel(from: SqlType, to: SqlType): Level | undefined {
  if (from.kind === 'array' && to.kind === 'array') return castLevel(from.element, to.element);
  if (from.kind === 'record' && to.kind === 'record') return recordLevel(from.fields, to.fields);
  if (from.kind === to.kind || from.kind === 'unknown') return 'implicit';
  if (texts.includes(to.kind)) return texts.includes(from.kind) ? 'implicit' : 'assignment';
  if (texts.includes(from.kind)) return 'explicit';
  const a = numbers.indexOf(from.kind);
  const b = numbers.indexOf(to.kind);
  if (a >= 0 && b >= 0) return a < b ? 'implicit' : 'assignment';
  if (from.kind === 'jsonb') return b >= 0 || to.kind === 'boolean' ? 'explicit' : undefined;
  return otherLevels[`${from.kind}:${to.kind}`];
}

const otherLevels: Readonly<Record<string, Level>> = {
  'date:timestamp': 'implicit',
  'date:timestamptz': 'implicit',
  'timestamp:timestamptz': 'implicit',
  'time:interval': 'implicit',
  'timestamp:date': 'assignment',
  'timestamp:time': 'assignment',
  'timestamptz:date': 'assignment',
  'timestamptz:time': 'assignment',
  'timestamptz:timestamp': 'assignment',
  'interval:time': 'assignment',
  'boolean:integer': 'explicit',
  'integer:boolean': 'explicit',
};

/** As strict as the strictest field. */
function recordLevel(from: readonly RecordField[], to: readonly RecordField[]): Level | undefined {
  if (from.length !== to.length) return undefined;
  const all = from.map(({ type }, index) => castLevel(type, to[index]!.type));
  if (all.includes(undefined)) return undefined;
  return levels[Math.max(0, ...all.map((level) => levels.indexOf(level!)))];
}

const levels: readonly Level[] = ['implicit', 'assignment', 'explicit'];

/** Id of the cast; 'none' when the value is the same; `undefined` when it is not allowed here. */
export function castId(from: SqlType, to: SqlType, context: Level): string | undefined {
  const level = castLevel(from, to);
  if (level === undefined || levels.indexOf(level) > levels.indexOf(context)) return undefined;
  if (typeName(from) === typeName(to)) return 'none';
  const isText = from.kind !== 'char' && texts.includes(from.kind) && texts.includes(to.kind);
  const isPlain =
    typeName(to) === typeName({ kind: to.kind, element: t('text'), fields: [] } as never);
  if (isPlain && to.kind !== 'char' && (isText || from.kind === to.kind)) return 'none';
  // Only an explicit cast cuts a text to its length; an assignment refuses it.
  const verb = context !== 'explicit' && hasLength(to) ? 'assign' : 'cast';
  return `${verb}:${from.kind}:${to.kind}`;
}

function hasLength(type: SqlType): boolean {
  return type.kind === 'array'
    ? hasLength(type.element)
    : type.kind === 'varchar' || type.kind === 'char';
}

export function castFunction(id: string): ScalarFunction {
  const [verb, from, to] = id.split(':') as [string, TypeKind, TypeKind];
  return {
    signature: {
      id,
      name: 'cast',
      args: [t(from)],
      result: t(to),
      strict: true,
      volatile: false,
      fails: true,
    },
    evaluate: ([value], type, [source]) =>
      verb === 'output'
        ? toText(source!, value!)
        : castValue(source!, type, value!, verb === 'assign'),
  };
}

/** `isAssignment`: a text that is too long is an error and not cut. */
function castValue(from: SqlType, to: SqlType, value: SqlValue, isAssignment: boolean): SqlValue {
  if (texts.includes(to.kind)) {
    const text = texts.includes(from.kind) ? (value as string) : textOf(from, value);
    return fittedText(to, text, isAssignment);
  }
  if (texts.includes(from.kind) || from.kind === 'unknown') return fromText(to, value as string);
  if (numbers.includes(from.kind) && numbers.includes(to.kind)) return numberTo(from, to, value);
  if (from.kind === 'jsonb' && to.kind !== 'jsonb') return jsonTo(to, (value as Json).root);
  if (from.kind === 'array' && to.kind === 'array') {
    const { items, dimensions } = value as SqlArray;
    const cast = items.map((item) =>
      item === null ? null : castValue(from.element, to.element, item, isAssignment),
    );
    return new SqlArray(cast, dimensions);
  }
  if (from.kind === 'record' && to.kind === 'record') {
    const { cells } = value as SqlRecord;
    return new SqlRecord(
      cells.map((cell, index) => {
        if (cell === null) return null;
        return castValue(from.fields[index]!.type, to.fields[index]!.type, cell, isAssignment);
      }),
    );
  }
  return fitTime(to, convert(from, to, value));
}

/** Rounds to the precision of the type. */
function fitTime(to: SqlType, value: SqlValue): SqlValue {
  switch (to.kind) {
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return fitMicros(to, value as bigint);
    case 'interval': {
      const interval = value as Interval;
      return { ...interval, micros: fitMicros(to, interval.micros) };
    }
    default:
      return value;
  }
}

function convert(from: SqlType, to: SqlType, value: SqlValue): SqlValue {
  switch (`${from.kind}:${to.kind}`) {
    case 'boolean:integer':
      return value === true ? 1 : 0;
    case 'integer:boolean':
      return value !== 0;
    case 'date:timestamp':
    case 'date:timestamptz':
      return dateToTimestamp(value as number);
    case 'timestamp:date':
    case 'timestamptz:date':
      return timestampToDate(value as bigint);
    case 'timestamp:time':
    case 'timestamptz:time':
      // An infinity has no time of day.
      return isInfiniteTimestamp(value as bigint) ? null : splitTimestamp(value as bigint).time;
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

/** The infinities stay what they are. Throws 22008 beyond the last timestamp. */
function dateToTimestamp(days: number): bigint {
  if (isInfiniteDate(days)) return days > 0 ? timestampInfinity : minusTimestampInfinity;
  return checkedTimestamp(BigInt(days) * microsPerDay);
}

function timestampToDate(micros: bigint): number {
  if (isInfiniteTimestamp(micros)) return micros > 0n ? dateInfinity : minusDateInfinity;
  return splitTimestamp(micros).days;
}

/** An explicit cast to varchar(n) or char(n) cuts; the cast is written in the query. */
function fittedText(to: SqlType, text: string, isAssignment: boolean): string {
  if (to.kind !== 'varchar' && to.kind !== 'char') return text;
  let fitted = text;
  if (isAssignment) fitted = fitText(to, text);
  else if (to.length !== undefined && text.length > to.length) {
    fitted = [...text].slice(0, to.length).join('');
  }
  return to.kind === 'char' ? withoutBlanks(fitted) : fitted;
}

/** Only scalars of the wanted kind; null is NULL. */
function jsonTo(to: SqlType, node: JsonNode): SqlValue {
  if (node === null) return null;
  if (to.kind === 'boolean' && typeof node === 'boolean') return node;
  if (to.kind !== 'boolean' && node instanceof JsonNumber) {
    return numberTo({ kind: 'numeric' }, to, node.value);
  }
  const what = isObject(node)
    ? 'object'
    : isArray(node)
      ? 'array'
      : typeof node === 'string'
        ? 'string'
        : typeof node === 'boolean'
          ? 'boolean'
          : 'numeric';
  throw runtimeError(`cannot cast jsonb ${what} to type ${typeName(to)}`, '22023');
}

/** `true` as text is `true`, though it prints (and concatenates) as `t`. */
function textOf(from: SqlType, value: SqlValue): string {
  return from.kind === 'boolean' ? String(value) : toText(from, value);
}

function numberTo(from: SqlType, to: SqlType, value: SqlValue): SqlValue {
  switch (to.kind) {
    case 'smallint':
      return Number(within(to, toInteger(from, to, value), -32_768n, 32_767n));
    case 'integer':
      return Number(within(to, toInteger(from, to, value), -(2n ** 31n), 2n ** 31n - 1n));
    case 'bigint':
      return inBigint(toInteger(from, to, value));
    case 'numeric': {
      const { unscaled, scale } = fitDecimal(to, toDecimal(from, value));
      return boundedNumeric(unscaled, scale);
    }
    case 'real':
      return finite(to, Math.fround(toDouble(from, value)), from, value);
    default:
      return finite(to, toDouble(from, value), from, value);
  }
}

function within(to: SqlType, value: bigint, least: bigint, most: bigint): bigint {
  if (value < least || value > most) throw runtimeError(`${typeName(to)} out of range`, '22003');
  return value;
}

function toInteger(from: SqlType, to: SqlType, value: SqlValue): bigint {
  if (typeof value === 'bigint') return value;
  if (from.kind === 'numeric') {
    if (isSpecial(value as Decimal)) {
      const what = isNotANumber(value as Decimal) ? 'NaN' : 'infinity';
      throw runtimeError(`cannot convert ${what} to ${typeName(to)}`, '0A000');
    }
    return rescale(value as Decimal, 0).unscaled;
  }
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
  if (Number.isNaN(number)) return notANumber;
  if (!Number.isFinite(number)) return number > 0 ? infinity : minusInfinity;
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

function isZero(value: SqlValue): boolean {
  return typeof value === 'object' ? (value as Decimal).unscaled === 0n : Number(value) === 0;
}

function finite(to: SqlType, value: number, from: SqlType, before: SqlValue): number {
  if (from.kind === 'numeric' && isSpecial(before as Decimal)) return value;
  const wasFinite = typeof before !== 'number' || Number.isFinite(before);
  const hasVanished = value === 0 && !isZero(before);
  if ((wasFinite && !Number.isFinite(value)) || hasVanished) {
    throw runtimeError(`value out of range for type ${typeName(to)}`, '22003');
  }
  return value;
}
