import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  microsPerDay,
  splitTimestamp,
} from '../columns/datetime.ts';
import type { Decimal, Interval, SqlValue, TypeKind } from '../columns/types.ts';
import { runtimeError, type ScalarFunction, strict } from './function.ts';
import { timestampToChar } from './to-char.ts';

/** Date and time arithmetic and fields. The session's time zone is UTC. */

const micros = (value: SqlValue | undefined) => value as bigint;
const interval = (value: SqlValue | undefined) => value as Interval;

const negated = ({ months, days, micros: time }: Interval): Interval => ({
  months: -months,
  days: -days,
  micros: -time,
});

/** Months first, the day cut to the month's length; then days, then time. */
export function addInterval(timestamp: bigint, by: Interval): bigint {
  let { days, time } = splitTimestamp(timestamp);
  if (by.months !== 0) {
    const date = civilFromDays(days);
    const monthIndex = date.year * 12 + date.month - 1 + by.months;
    const year = Math.floor(monthIndex / 12);
    const month = monthIndex - year * 12 + 1;
    days = daysFromCivil({ year, month, day: Math.min(date.day, daysInMonth(year, month)) });
  }
  days += by.days;
  time += by.micros;
  return BigInt(days) * microsPerDay + time;
}

function difference(a: bigint, b: bigint): Interval {
  const all = a - b;
  const days = all / microsPerDay;
  return { months: 0, days: Number(days), micros: all - days * microsPerDay };
}

function scaledInterval(by: Interval, factor: number): Interval {
  const months = by.months * factor;
  const wholeMonths = Math.trunc(months);
  const days = by.days * factor + Math.round((months - wholeMonths) * 30 * 1e6) / 1e6;
  const wholeDays = Math.trunc(days);
  const rest = Math.round((days - wholeDays) * 86_400 * 1e6) + Number(by.micros) * factor;
  return { months: wholeMonths, days: wholeDays, micros: BigInt(Math.round(rest)) };
}

const timestampKinds: readonly TypeKind[] = ['timestamp', 'timestamptz'];

const additions: readonly ScalarFunction[] = [
  strict(
    '+:date:integer',
    '+',
    ['date', 'integer'],
    'date',
    ([a, b]) => (a as number) + (b as number),
  ),
  strict(
    '+:integer:date',
    '+',
    ['integer', 'date'],
    'date',
    ([a, b]) => (a as number) + (b as number),
  ),
  strict(
    '-:date:integer',
    '-',
    ['date', 'integer'],
    'date',
    ([a, b]) => (a as number) - (b as number),
  ),
  strict('-:date', '-', ['date', 'date'], 'integer', ([a, b]) => (a as number) - (b as number)),
  ...(['+', '-'] as const).flatMap((symbol) => {
    const by = (value: SqlValue | undefined) =>
      symbol === '+' ? interval(value) : negated(interval(value));
    return [
      strict(`${symbol}:date:interval`, symbol, ['date', 'interval'], 'timestamp', ([a, b]) =>
        addInterval(BigInt(a as number) * microsPerDay, by(b)),
      ),
      ...timestampKinds.map((kind) =>
        strict(`${symbol}:${kind}:interval`, symbol, [kind, 'interval'], kind, ([a, b]) =>
          addInterval(micros(a), by(b)),
        ),
      ),
      strict(`${symbol}:time:interval`, symbol, ['time', 'interval'], 'time', ([a, b]) => {
        const sum = (micros(a) + by(b).micros) % microsPerDay;
        return sum < 0n ? sum + microsPerDay : sum;
      }),
      strict(`${symbol}:interval`, symbol, ['interval', 'interval'], 'interval', ([a, b]) => {
        const x = interval(a);
        const y = by(b);
        return {
          months: x.months + y.months,
          days: x.days + y.days,
          micros: x.micros + y.micros,
        };
      }),
    ];
  }),
  ...timestampKinds.flatMap((kind) => [
    strict(`+:interval:${kind}`, '+', ['interval', kind], kind, ([a, b]) =>
      addInterval(micros(b), interval(a)),
    ),
    strict(`-:${kind}`, '-', [kind, kind], 'interval', ([a, b]) =>
      difference(micros(a), micros(b)),
    ),
  ]),
  strict('-:time', '-', ['time', 'time'], 'interval', ([a, b]) => ({
    months: 0,
    days: 0,
    micros: micros(a) - micros(b),
  })),
  strict('*:interval:double', '*', ['interval', 'double'], 'interval', ([a, b]) =>
    scaledInterval(interval(a), b as number),
  ),
  strict('*:double:interval', '*', ['double', 'interval'], 'interval', ([a, b]) =>
    scaledInterval(interval(b), a as number),
  ),
  strict('/:interval:double', '/', ['interval', 'double'], 'interval', ([a, b]) => {
    if (b === 0) throw runtimeError('division by zero', '22012');
    return scaledInterval(interval(a), 1 / (b as number));
  }),
  strict('negate:interval', 'negate', ['interval'], 'interval', ([a]) => negated(interval(a))),
];

/** EXTRACT's answer is numeric: seconds and epoch with six decimals, the others whole. */
function extractField(field: string, timestamp: bigint): Decimal {
  const { days, time } = splitTimestamp(timestamp);
  const { year, month, day } = civilFromDays(days);
  const whole = (value: number | bigint): Decimal => ({ unscaled: BigInt(value), scale: 0 });
  const weekday = (((days + 4) % 7) + 7) % 7;
  switch (field) {
    case 'microseconds':
      return whole(time % 60_000_000n);
    case 'milliseconds':
      return { unscaled: time % 60_000_000n, scale: 3 };
    case 'second':
      return { unscaled: time % 60_000_000n, scale: 6 };
    case 'minute':
      return whole((time / 60_000_000n) % 60n);
    case 'hour':
      return whole(time / 3_600_000_000n);
    case 'day':
      return whole(day);
    case 'month':
      return whole(month);
    case 'quarter':
      return whole(Math.ceil(month / 3));
    case 'year':
      return whole(year > 0 ? year : year - 1);
    case 'decade':
      return whole(Math.floor(year / 10));
    case 'century':
      return whole(year > 0 ? Math.ceil(year / 100) : -Math.ceil((1 - year) / 100));
    case 'dow':
      return whole(weekday);
    case 'isodow':
      return whole(weekday === 0 ? 7 : weekday);
    case 'doy':
      return whole(days - daysFromCivil({ year, month: 1, day: 1 }) + 1);
    case 'week':
      return whole(isoWeek(days).week);
    case 'isoyear':
      return whole(isoWeek(days).year);
    case 'epoch':
      return { unscaled: timestamp, scale: 6 };
    default:
      throw runtimeError(`unit "${field}" not recognized for type timestamp`, '22023');
  }
}

/** ISO 8601: the week that holds the year's first Thursday is week 1. */
export function isoWeek(days: number): { year: number; week: number } {
  const thursday = days + 3 - ((((days + 3) % 7) + 7) % 7);
  const { year } = civilFromDays(thursday);
  const first = daysFromCivil({ year, month: 1, day: 1 });
  return { year, week: Math.floor((thursday - first) / 7) + 1 };
}

function truncate(field: string, timestamp: bigint): bigint {
  const { days, time } = splitTimestamp(timestamp);
  const { year, month } = civilFromDays(days);
  const atDay = (day: number) => BigInt(day) * microsPerDay;
  const unit = {
    microseconds: 1n,
    milliseconds: 1000n,
    second: 1_000_000n,
    minute: 60_000_000n,
    hour: 3_600_000_000n,
  }[field];
  if (unit !== undefined) return atDay(days) + time - (time % unit);
  switch (field) {
    case 'day':
      return atDay(days);
    case 'week':
      return atDay(days - ((((days + 3) % 7) + 7) % 7));
    case 'month':
      return atDay(daysFromCivil({ year, month, day: 1 }));
    case 'quarter':
      return atDay(daysFromCivil({ year, month: month - ((month - 1) % 3), day: 1 }));
    case 'year':
      return atDay(daysFromCivil({ year, month: 1, day: 1 }));
    case 'decade':
      return atDay(daysFromCivil({ year: year - (((year % 10) + 10) % 10), month: 1, day: 1 }));
    default:
      throw runtimeError(`unit "${field}" not recognized for type timestamp`, '22023');
  }
}

const toNumber = ({ unscaled, scale }: Decimal) => Number(unscaled) / 10 ** scale;
const fieldName = (value: SqlValue | undefined) =>
  (value as string).toLowerCase().replace(/s$/, '');
/** Only these fields end in s. */
const unitName = (value: SqlValue | undefined) => {
  const name = fieldName(value);
  return name === 'microsecond' || name === 'millisecond' ? `${name}s` : name;
};

const fields: readonly ScalarFunction[] = [...timestampKinds, 'date' as const].flatMap((kind) => {
  const at = (value: SqlValue | undefined) =>
    kind === 'date' ? BigInt(value as number) * microsPerDay : micros(value);
  return [
    strict(`extract:${kind}`, 'extract', ['text', kind], 'numeric', ([field, value]) =>
      extractField(unitName(field), at(value)),
    ),
    strict(`date_part:${kind}`, 'date_part', ['text', kind], 'double', ([field, value]) =>
      toNumber(extractField(unitName(field), at(value))),
    ),
  ];
});

export const dates: readonly ScalarFunction[] = [
  ...additions,
  ...fields,
  ...timestampKinds.flatMap((kind) => [
    strict(`date_trunc:${kind}`, 'date_trunc', ['text', kind], kind, ([field, value]) =>
      truncate(unitName(field), micros(value)),
    ),
    strict(`to_char:${kind}`, 'to_char', [kind, 'text'], 'text', ([value, format]) =>
      timestampToChar(micros(value), format as string),
    ),
  ]),
];
