import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  isInfiniteDate,
  isInfiniteTimestamp,
  microsPerDay,
  splitTimestamp,
} from '../columns/datetime.ts';
import { decimalToText } from '../columns/decimal.ts';
import { int64Max, int64Min } from '../columns/i64.ts';
import type { Decimal, Interval, SqlValue } from '../columns/types.ts';
import { roundHalfEven } from './arithmetic.ts';
import {
  extractFromDate,
  extractFromInterval,
  extractFromTime,
  extractFromTimestamp,
  truncateInterval,
  truncateTimestamp,
} from './date-fields.ts';
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

/** Julian day 0 to the end of 5874897, as PostgreSQL's. */
export function checkedDate(days: number): number {
  if (days < -2_440_588 || days > 2_145_031_948) throw runtimeError('date out of range', '22008');
  return days;
}

/** From Julian day 0 on; int64 from 1970 ends in 294247, PostgreSQL's from 2000 in 294276. */
export function checkedTimestamp(timestamp: bigint): bigint {
  if (timestamp < timestampMin || timestamp > int64Max) {
    throw runtimeError('timestamp out of range', '22008');
  }
  return timestamp;
}

const timestampMin = -2_440_588n * microsPerDay;
const int32Max = 2_147_483_647;

export function checkedInterval(interval: Interval): Interval {
  const { months, days, micros: time } = interval;
  const isWord = (value: number) => value >= -int32Max - 1 && value <= int32Max;
  if (!isWord(months) || !isWord(days) || time < int64Min || time > int64Max) {
    throw runtimeError('interval out of range', '22008');
  }
  return interval;
}

/** Months first, the day cut to the month's length; then days, then time. */
export function addInterval(timestamp: bigint, by: Interval): bigint {
  if (isInfiniteTimestamp(timestamp)) return timestamp;
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
  return checkedTimestamp(BigInt(days) * microsPerDay + time);
}

function difference(a: bigint, b: bigint): Interval {
  if (isInfiniteTimestamp(a) || isInfiniteTimestamp(b)) {
    throw runtimeError('cannot subtract infinite timestamps', '22008');
  }
  const all = a - b;
  const days = all / microsPerDay;
  return { months: 0, days: Number(days), micros: all - days * microsPerDay };
}

/** To whole microseconds, in seconds: hides the noise of a double's last digits. */
const rounded = (seconds: number) => roundHalfEven(seconds * 1e6) / 1e6;

/** Fractions of months go to days (30 a month), of days to time, as PostgreSQL's interval_mul. */
function scaledInterval(by: Interval, scale: (part: number) => number): Interval {
  const parts = [by.months, by.days, Number(by.micros)].map(scale) as [number, number, number];
  if (!parts.every(Number.isFinite)) throw runtimeError('interval out of range', '22008');
  const months = Math.trunc(parts[0]);
  let days = Math.trunc(parts[1]);
  const daysOfMonths = rounded((parts[0] - months) * 30);
  const wholeDays = Math.trunc(daysOfMonths);
  let seconds = rounded((parts[1] - days + daysOfMonths - wholeDays) * 86_400);
  if (Math.abs(seconds) >= 86_400) {
    days += Math.trunc(seconds / 86_400);
    seconds -= Math.trunc(seconds / 86_400) * 86_400;
  }
  days += wholeDays;
  const micros = BigInt(roundHalfEven(parts[2] + seconds * 1e6));
  return checkedInterval({ months: months + 0, days: days + 0, micros });
}

function moved(days: number, by: number): number {
  return isInfiniteDate(days) ? days : checkedDate(days + by);
}

const timestampKinds = ['timestamp', 'timestamptz'] as const;

function timeOfDay(value: bigint): bigint {
  const rest = value % microsPerDay;
  return rest < 0n ? rest + microsPerDay : rest;
}

const additions: readonly ScalarFunction[] = [
  strict('+:date:integer', '+', ['date', 'integer'], 'date', ([a, b]) =>
    moved(a as number, b as number),
  ),
  strict('+:integer:date', '+', ['integer', 'date'], 'date', ([a, b]) =>
    moved(b as number, a as number),
  ),
  strict('-:date:integer', '-', ['date', 'integer'], 'date', ([a, b]) =>
    moved(a as number, -(b as number)),
  ),
  strict('-:date', '-', ['date', 'date'], 'integer', ([a, b]) => {
    if (isInfiniteDate(a as number) || isInfiniteDate(b as number)) {
      throw runtimeError('cannot subtract infinite dates', '22008');
    }
    return (a as number) - (b as number);
  }),
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
      strict(`${symbol}:time:interval`, symbol, ['time', 'interval'], 'time', ([a, b]) =>
        timeOfDay(micros(a) + by(b).micros),
      ),
      strict(`${symbol}:interval`, symbol, ['interval', 'interval'], 'interval', ([a, b]) => {
        const x = interval(a);
        const y = by(b);
        return checkedInterval({
          months: x.months + y.months,
          days: x.days + y.days,
          micros: x.micros + y.micros,
        });
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
  strict('+:interval:date', '+', ['interval', 'date'], 'timestamp', ([a, b]) =>
    addInterval(BigInt(b as number) * microsPerDay, interval(a)),
  ),
  strict('+:interval:time', '+', ['interval', 'time'], 'time', ([a, b]) =>
    timeOfDay(micros(b) + interval(a).micros),
  ),
  strict('+:date:time', '+', ['date', 'time'], 'timestamp', ([a, b]) =>
    checkedTimestamp(BigInt(a as number) * microsPerDay + micros(b)),
  ),
  strict('+:time:date', '+', ['time', 'date'], 'timestamp', ([a, b]) =>
    checkedTimestamp(BigInt(b as number) * microsPerDay + micros(a)),
  ),
  strict('-:time', '-', ['time', 'time'], 'interval', ([a, b]) => ({
    months: 0,
    days: 0,
    micros: micros(a) - micros(b),
  })),
  strict('*:interval:double', '*', ['interval', 'double'], 'interval', ([a, b]) =>
    scaledInterval(interval(a), (part) => part * (b as number)),
  ),
  strict('*:double:interval', '*', ['double', 'interval'], 'interval', ([a, b]) =>
    scaledInterval(interval(b), (part) => part * (a as number)),
  ),
  strict('/:interval:double', '/', ['interval', 'double'], 'interval', ([a, b]) => {
    if (b === 0) throw runtimeError('division by zero', '22012');
    return scaledInterval(interval(a), (part) => part / (b as number));
  }),
  strict('negate:interval', 'negate', ['interval'], 'interval', ([a]) =>
    checkedInterval(negated(interval(a))),
  ),
];

const toNumber = (value: Decimal) => Number(decimalToText(value));
const unitOf = (value: SqlValue | undefined) => value as string;

type FieldKind = 'date' | 'time' | 'timestamp' | 'timestamptz' | 'interval';

const extractors: Readonly<
  Record<FieldKind, (unit: string, value: SqlValue | undefined) => Decimal>
> = {
  date: (unit, value) => extractFromDate(unit, value as number),
  time: (unit, value) => extractFromTime(unit, micros(value)),
  timestamp: (unit, value) => extractFromTimestamp('timestamp', unit, micros(value)),
  timestamptz: (unit, value) => extractFromTimestamp('timestamptz', unit, micros(value)),
  interval: (unit, value) => extractFromInterval(unit, interval(value)),
};

const fields: readonly ScalarFunction[] = Object.entries(extractors).flatMap(([name, extract]) => {
  const kind = name as FieldKind;
  // date_part takes a date for a timestamp, and so knows its hours; EXTRACT does not.
  const part: typeof extract =
    kind === 'date'
      ? (unit, value) => extractors.timestamp(unit, BigInt(value as number) * microsPerDay)
      : extract;
  return [
    strict(`extract:${kind}`, 'extract', ['text', kind], 'numeric', ([unit, value]) =>
      extract(unitOf(unit), value),
    ),
    strict(`date_part:${kind}`, 'date_part', ['text', kind], 'double', ([unit, value]) =>
      toNumber(part(unitOf(unit), value)),
    ),
  ];
});

/** The start of the stride that the timestamp lies in, counted from the origin. */
function bin({ months, days, micros: time }: Interval, timestamp: bigint, origin: bigint): bigint {
  if (months !== 0) {
    throw runtimeError(
      'timestamps cannot be binned into intervals containing months or years',
      '0A000',
    );
  }
  const stride = BigInt(days) * microsPerDay + time;
  if (stride <= 0n) throw runtimeError('stride must be greater than zero', '22008');
  const rest = (timestamp - origin) % stride;
  return checkedTimestamp(timestamp - rest - (rest < 0n ? stride : 0n));
}

export const dates: readonly ScalarFunction[] = [
  ...additions,
  ...fields,
  ...timestampKinds.flatMap((kind) => [
    strict(`date_trunc:${kind}`, 'date_trunc', ['text', kind], kind, ([unit, value]) =>
      truncateTimestamp(kind, unitOf(unit), micros(value)),
    ),
    strict(`date_bin:${kind}`, 'date_bin', ['interval', kind, kind], kind, ([stride, a, b]) =>
      bin(interval(stride), micros(a), micros(b)),
    ),
    strict(`to_char:${kind}`, 'to_char', [kind, 'text'], 'text', ([value, format]) =>
      timestampToChar(micros(value), format as string, kind === 'timestamptz' ? 'UTC' : ''),
    ),
  ]),
  strict('date_trunc:interval', 'date_trunc', ['text', 'interval'], 'interval', ([unit, value]) =>
    truncateInterval(unitOf(unit), interval(value)),
  ),
  strict('to_timestamp', 'to_timestamp', ['double'], 'timestamptz', ([seconds]) => {
    const value = (seconds as number) * 1e6;
    if (!Number.isFinite(value)) throw runtimeError('timestamp out of range', '22008');
    return checkedTimestamp(BigInt(roundHalfEven(value)));
  }),
  strict('make_date', 'make_date', ['integer', 'integer', 'integer'], 'date', ([a, b, c]) => {
    const [year, month, day] = [a, b, c] as [number, number, number];
    const civil = { year: year < 0 ? year + 1 : year, month, day };
    if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(civil.year, month)) {
      throw runtimeError('date field value out of range', '22008');
    }
    return checkedDate(daysFromCivil(civil));
  }),
];
