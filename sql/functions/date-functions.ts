import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  isInfiniteDate,
  isInfiniteTimestamp,
  microsPerDay,
  splitTimestamp,
} from '../columns/datetime.ts';
import { localToUtc, timeZone, utcToLocal } from '../columns/time-zones.ts';
import type { Interval, SqlValue } from '../columns/types.ts';
import { roundHalfEven } from './arithmetic.ts';
import { truncateTimestamp } from './date-fields.ts';
import { addInterval, checkedDate, checkedInterval, checkedTimestamp } from './dates.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';

/** Functions of dates and times beside arithmetic and fields (documentation 9.9). */

const micros = (value: SqlValue | undefined) => value as bigint;
const int = (value: SqlValue | undefined) => value as number;
const interval = (value: SqlValue | undefined) => value as Interval;
const text = (value: SqlValue | undefined) => value as string;

const monthDays = 30;

/** Months, days and time of the way from b to a by the calendar, as PostgreSQL's timestamp_age. */
function age(a: bigint, b: bigint): Interval {
  if (isInfiniteTimestamp(a) || isInfiniteTimestamp(b)) {
    throw runtimeError('cannot subtract infinite timestamps', '22008');
  }
  const sign = a < b ? -1 : 1;
  const [late, early] = a < b ? [b, a] : [a, b];
  const [x, y] = [splitTimestamp(late), splitTimestamp(early)];
  const [to, from] = [civilFromDays(x.days), civilFromDays(y.days)];
  let time = x.time - y.time;
  let days = to.day - from.day;
  let months = (to.year - from.year) * 12 + to.month - from.month;
  if (time < 0n) {
    time += microsPerDay;
    days--;
  }
  if (days < 0) {
    // The days of the month that the earlier date of the two lies in, in the direction of time.
    const { year, month } = sign < 0 ? civilFromDays(y.days) : from;
    days += daysInMonth(year, month);
    months--;
  }
  return signed({ months, days, micros: time }, sign);
}

function signed({ months, days, micros: time }: Interval, sign: number): Interval {
  return sign > 0
    ? { months, days, micros: time }
    : { months: 0 - months, days: 0 - days, micros: -time };
}

/** Whole days out of the time. */
function justifyHours({ months, days, micros: time }: Interval): Interval {
  let all = days + Number(time / microsPerDay);
  let rest = time % microsPerDay;
  if (all > 0 && rest < 0n) {
    rest += microsPerDay;
    all--;
  } else if (all < 0 && rest > 0n) {
    rest -= microsPerDay;
    all++;
  }
  return checkedInterval({ months, days: all, micros: rest });
}

/** Months of 30 days out of the days. */
function justifyDays({ months, days, micros: time }: Interval): Interval {
  let all = months + Math.trunc(days / monthDays);
  let rest = days % monthDays;
  if (all > 0 && rest < 0) {
    rest += monthDays;
    all--;
  } else if (all < 0 && rest > 0) {
    rest -= monthDays;
    all++;
  }
  return checkedInterval({ months: all, days: rest + 0, micros: time });
}

/** Both, with all three parts of one sign. */
function justify(value: Interval): Interval {
  let { months, days, micros: time } = value;
  days += Number(time / microsPerDay);
  time %= microsPerDay;
  months += Math.trunc(days / monthDays);
  days %= monthDays;
  if (months > 0 && (days < 0 || (days === 0 && time < 0n))) {
    days += monthDays;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && time > 0n))) {
    days -= monthDays;
    months++;
  }
  if (days > 0 && time < 0n) {
    time += microsPerDay;
    days--;
  } else if (days < 0 && time > 0n) {
    time -= microsPerDay;
    days++;
  }
  return checkedInterval({ months, days: days + 0, micros: time });
}

function timeOf(hours: number, minutes: number, seconds: number): bigint {
  const refuse = () =>
    runtimeError(`time field value out of range: ${hours}:${minutes}:${seconds}`, '22008');
  const isWhole = hours === 24 && minutes === 0 && seconds === 0;
  const isInside = hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
  if (!(isWhole || isInside) || !(seconds >= 0 && seconds <= 60)) throw refuse();
  const rounded = BigInt(roundHalfEven(seconds * 1e6));
  const value = BigInt(hours * 60 + minutes) * 60_000_000n + rounded;
  if (value > microsPerDay) throw refuse();
  return value;
}

function dateOf(year: number, month: number, day: number): number {
  const civil = { year: year < 0 ? year + 1 : year, month, day };
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(civil.year, month)) {
    throw runtimeError('date field value out of range', '22008');
  }
  return checkedDate(daysFromCivil(civil));
}

function timestampOf([year, month, day, hours, minutes, seconds]: readonly SqlValue[]): bigint {
  const days = dateOf(int(year), int(month), int(day));
  const time = timeOf(int(hours), int(minutes), int(seconds));
  return checkedTimestamp(BigInt(days) * microsPerDay + time);
}

/** Years, months, weeks, days, hours, minutes, seconds; those left out are 0. */
function intervalOf(args: readonly SqlValue[]): Interval {
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] =
    args as readonly number[];
  if (!Number.isFinite(seconds * 1e6)) throw runtimeError('interval out of range', '22008');
  const time = BigInt(hours * 60 + minutes) * 60_000_000n;
  const fraction = BigInt(roundHalfEven(seconds * 1e6));
  return checkedInterval({
    months: years * 12 + months,
    days: weeks * 7 + days,
    micros: time + fraction,
  });
}

/** Adds in the zone's clock time. */
function addInZone(moment: bigint, by: Interval, zone: string): bigint {
  const place = timeZone(zone);
  if (isInfiniteTimestamp(moment)) return moment;
  // Months and days by the calendar there, time as it passes.
  const local = addInterval(utcToLocal(place, moment), { ...by, micros: 0n });
  const moved = by.months === 0 && by.days === 0 ? moment : localToUtc(place, local);
  return checkedTimestamp(moved + by.micros);
}

const opposite = (by: Interval): Interval => ({
  months: -by.months,
  days: -by.days,
  micros: -by.micros,
});

/** Half-open periods by two ends, in any order; NULL where NULLs leave it open. */
function overlap(args: readonly SqlValue[]): SqlValue {
  let [s1, e1, s2, e2] = args as readonly (bigint | number | null)[];
  const order = (s: typeof s1, e: typeof s1): [typeof s1, typeof s1] => {
    if (s === null) return [e, null];
    return e !== null && e! < s! ? [e, s] : [s, e];
  };
  [s1, e1] = order(s1, e1);
  [s2, e2] = order(s2, e2);
  if (s1 === null || s2 === null) return null;
  if (s1! > s2!) return e2 === null ? null : s1! < e2! ? true : e1 === null ? null : false;
  if (s1! < s2!) return e1 === null ? null : s2! < e1! ? true : e2 === null ? null : false;
  return e1 === null || e2 === null ? null : true;
}

const zoned = 'timestamp with time zone';
const plain = 'timestamp without time zone';
const time = 'time without time zone';

/** Offset of `AT TIME ZONE INTERVAL '...'` in microseconds; whole seconds count. */
function zoneInterval({ months, days, micros: offset }: Interval): bigint {
  if (months !== 0 || days !== 0) {
    throw runtimeError('interval time zone must not include months or days', '22023');
  }
  return (offset / 1_000_000n) * 1_000_000n;
}

export const dateFunctions: readonly ScalarFunction[] = [
  define(`age(${plain}, ${plain}) interval`, ([a, b]) => age(micros(a), micros(b))),
  define(`age(${zoned}, ${zoned}) interval`, ([a, b]) => age(micros(a), micros(b))),
  define('justify_hours(interval) interval', ([a]) => justifyHours(interval(a))),
  define('justify_days(interval) interval', ([a]) => justifyDays(interval(a))),
  define('justify_interval(interval) interval', ([a]) => justify(interval(a))),
  define('isfinite(date) boolean', ([a]) => !isInfiniteDate(int(a))),
  define(`isfinite(${plain}) boolean`, ([a]) => !isInfiniteTimestamp(micros(a))),
  define(`isfinite(${zoned}) boolean`, ([a]) => !isInfiniteTimestamp(micros(a))),
  define('isfinite(interval) boolean', () => true),
  define(`make_time(integer, integer, double precision) ${time}`, ([a, b, c]) =>
    timeOf(int(a), int(b), int(c)),
  ),
  define(
    `make_timestamp(integer, integer, integer, integer, integer, double precision) ${plain}`,
    timestampOf,
  ),
  define(
    `make_timestamptz(integer, integer, integer, integer, integer, double precision) ${zoned}`,
    timestampOf,
  ),
  define(
    `make_timestamptz(integer, integer, integer, integer, integer, double precision, text) ${zoned}`,
    (args) => localToUtc(timeZone(text(args[6])), timestampOf(args)),
  ),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((arity) => {
    const types = Array.from({ length: arity }, (_, i) =>
      i === 6 ? 'double precision' : 'integer',
    );
    return define(`make_interval(${types.join(', ')}) interval`, intervalOf);
  }),
  define(`date_add(${zoned}, interval) ${zoned}`, ([a, by]) =>
    addInterval(micros(a), interval(by)),
  ),
  define(`date_add(${zoned}, interval, text) ${zoned}`, ([a, by, zone]) =>
    addInZone(micros(a), interval(by), text(zone)),
  ),
  define(`date_subtract(${zoned}, interval) ${zoned}`, ([a, by]) =>
    addInterval(micros(a), opposite(interval(by))),
  ),
  define(`date_subtract(${zoned}, interval, text) ${zoned}`, ([a, by, zone]) =>
    addInZone(micros(a), opposite(interval(by)), text(zone)),
  ),
  define(`date_trunc(text, ${zoned}, text) ${zoned}`, ([unit, a, zone]) => {
    const place = timeZone(text(zone));
    if (isInfiniteTimestamp(micros(a))) return a!;
    const local = truncateTimestamp('timestamptz', text(unit), utcToLocal(place, micros(a)));
    return localToUtc(place, local);
  }),
  define(`timezone(text, ${plain}) ${zoned}`, ([zone, a]) => {
    const place = timeZone(text(zone));
    return isInfiniteTimestamp(micros(a)) ? a! : checkedTimestamp(localToUtc(place, micros(a)));
  }),
  define(`timezone(text, ${zoned}) ${plain}`, ([zone, a]) => {
    const place = timeZone(text(zone));
    return isInfiniteTimestamp(micros(a)) ? a! : checkedTimestamp(utcToLocal(place, micros(a)));
  }),
  define(`timezone(interval, ${plain}) ${zoned}`, ([zone, a]) =>
    checkedTimestamp(micros(a) - zoneInterval(interval(zone))),
  ),
  define(`timezone(interval, ${zoned}) ${plain}`, ([zone, a]) =>
    checkedTimestamp(micros(a) + zoneInterval(interval(zone))),
  ),
  ...[plain, zoned, time, 'date'].map((type) =>
    define(`overlaps(${[type, type, type, type].join(', ')}) boolean`, overlap, { strict: false }),
  ),
  ...[plain, zoned].flatMap((type) =>
    [
      [type, 'interval', type, 'interval'],
      [type, 'interval', type, type],
      [type, type, type, 'interval'],
    ].map((types) =>
      define(
        `overlaps(${types.join(', ')}) boolean`,
        ([a, x, b, y]) => {
          const end = (start: SqlValue | undefined, end: SqlValue | undefined, kind: string) => {
            if (kind !== 'interval' || end === null) return end!;
            return start === null ? null : addInterval(micros(start), interval(end));
          };
          return overlap([a!, end(a, x, types[1]!), b!, end(b, y, types[3]!)]);
        },
        { strict: false },
      ),
    ),
  ),
];
