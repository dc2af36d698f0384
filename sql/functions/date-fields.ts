import { civilFromDays, daysFromCivil, microsPerDay, splitTimestamp } from '../columns/datetime.ts';
import { divideDecimals } from '../columns/decimal.ts';
import { typeName } from '../columns/type-name.ts';
import type { Decimal, Interval, TypeKind } from '../columns/types.ts';
import { addDecimals } from './arithmetic.ts';
import { runtimeError, t } from './function.ts';

/** The fields of dates and times that EXTRACT, date_part and date_trunc know, in UTC. */

/** Spellings as in PostgreSQL's table of units (datetime.c), the first being the field's name. */
const spellings = `microseconds microsecond us usec usecs useconds usecond
milliseconds millisecond ms msec msecs mseconds msecond|second seconds s sec secs
minute minutes m min mins|hour hours h hr hrs|day days d|week weeks w|month months mon mons
quarter qtr|year years y yr yrs|decade decades dec decs|century centuries c cent
millennium millennia mil mils|dow|isodow|doy|epoch|isoyear|julian jd|timezone timezone_hour
timezone_minute`
  .split(/[|\n]/)
  .map((line) => line.split(' '));
const fieldNames = new Map(spellings.flatMap((names) => names.map((name) => [name, names[0]!])));

const whole = (value: number | bigint): Decimal => ({ unscaled: BigInt(value), scale: 0 });

/** Fields that are no units: nothing can be truncated to them. */
const notUnits = new Set(['dow', 'isodow', 'doy', 'epoch', 'isoyear', 'julian']);

function refused(kind: TypeKind, unit: string, use: 'extract' | 'truncate' = 'extract') {
  const field = nameOf(unit);
  const isKnown = field !== undefined && !(use === 'truncate' && notUnits.has(field));
  const what = isKnown ? 'not supported' : 'not recognized';
  return runtimeError(
    `unit "${unit}" ${what} for type ${typeName(t(kind))}`,
    isKnown ? '0A000' : '22023',
  );
}

const nameOf = (unit: string) => fieldNames.get(unit.toLowerCase());

/** Seconds with six decimals, the others whole. `undefined` for fields that a time has not. */
function timeField(field: string | undefined, time: bigint): Decimal | undefined {
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
    default:
      return undefined;
  }
}

function dateField(field: string | undefined, days: number): Decimal | undefined {
  const { year, month, day } = civilFromDays(days);
  const weekday = (((days + 4) % 7) + 7) % 7;
  /** Centuries and the like count from year 1 onwards and from 1 BC backwards. */
  const span = (years: number) =>
    year > 0 ? Math.ceil(year / years) : -Math.ceil((1 - year) / years);
  switch (field) {
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
      return whole(span(100));
    case 'millennium':
      return whole(span(1000));
    case 'dow':
      return whole(weekday);
    case 'isodow':
      return whole(weekday === 0 ? 7 : weekday);
    case 'doy':
      return whole(days - daysFromCivil({ year, month: 1, day: 1 }) + 1);
    case 'week':
      return whole(isoWeek(days).week);
    case 'isoyear': {
      const isoYear = isoWeek(days).year;
      return whole(isoYear > 0 ? isoYear : isoYear - 1);
    }
    case 'julian':
      return whole(days + 2_440_588);
    case 'epoch':
      return whole(BigInt(days) * 86_400n);
    default:
      return undefined;
  }
}

/** ISO 8601: the week that holds the year's first Thursday is week 1. */
export function isoWeek(days: number): { year: number; week: number } {
  const thursday = days + 3 - ((((days + 3) % 7) + 7) % 7);
  const { year } = civilFromDays(thursday);
  const first = daysFromCivil({ year, month: 1, day: 1 });
  return { year, week: Math.floor((thursday - first) / 7) + 1 };
}

export function extractFromDate(unit: string, days: number): Decimal {
  const value = dateField(nameOf(unit), days);
  if (value === undefined) throw refused('date', unit);
  return value;
}

export function extractFromTime(unit: string, time: bigint): Decimal {
  if (nameOf(unit) === 'epoch') return { unscaled: time, scale: 6 };
  const value = timeField(nameOf(unit), time);
  if (value === undefined) throw refused('time', unit);
  return value;
}

export function extractFromTimestamp(
  kind: 'timestamp' | 'timestamptz',
  unit: string,
  timestamp: bigint,
): Decimal {
  const field = nameOf(unit);
  const { days, time } = splitTimestamp(timestamp);
  if (field === 'epoch') return { unscaled: timestamp, scale: 6 };
  if (field === 'julian') {
    const fraction = divideDecimals(whole(time), whole(microsPerDay));
    return addDecimals(dateField(field, days)!, fraction, 1n);
  }
  if (kind === 'timestamptz' && /^timezone/.test(field ?? '')) return whole(0);
  const value = timeField(field, time) ?? dateField(field, days);
  if (value === undefined) throw refused(kind, unit);
  return value;
}

/** Fields keep the interval's sign; a year of an epoch has 365.25 days, a month 30. */
export function extractFromInterval(unit: string, { months, days, micros }: Interval): Decimal {
  const years = Math.trunc(months / 12);
  const field = nameOf(unit);
  switch (field) {
    case 'day':
      return whole(days);
    case 'week':
      return whole(Math.trunc(days / 7));
    case 'month':
      return whole(months % 12);
    case 'quarter': {
      const quarter = Math.trunc((Math.abs(months) % 12) / 3) + 1;
      return whole(months < 0 ? -quarter : quarter);
    }
    case 'year':
      return whole(years);
    case 'decade':
      return whole(Math.trunc(years / 10));
    case 'century':
      return whole(Math.trunc(years / 100));
    case 'millennium':
      return whole(Math.trunc(years / 1000));
    case 'epoch': {
      const seconds = BigInt(years * 31_557_600 + (months % 12) * 2_592_000 + days * 86_400);
      return { unscaled: seconds * 1_000_000n + micros, scale: 6 };
    }
  }
  const value = timeField(field, micros);
  if (value === undefined) throw refused('interval', unit);
  return value;
}

const microsPerUnit: Readonly<Record<string, bigint>> = {
  microseconds: 1n,
  milliseconds: 1000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
};
const monthsPerUnit: Readonly<Record<string, number>> = {
  month: 1,
  quarter: 3,
  year: 12,
  decade: 120,
  century: 1200,
  millennium: 12_000,
};

export function truncateTimestamp(
  kind: 'timestamp' | 'timestamptz',
  unit: string,
  timestamp: bigint,
): bigint {
  const field = nameOf(unit) ?? '';
  const { days, time } = splitTimestamp(timestamp);
  const micros = microsPerUnit[field];
  if (micros !== undefined) return timestamp - (time % micros);
  if (field === 'day') return timestamp - time;
  if (field === 'week') return BigInt(days - ((((days + 3) % 7) + 7) % 7)) * microsPerDay;
  const months = monthsPerUnit[field];
  if (months === undefined) throw refused(kind, unit, 'truncate');
  const { year, month } = civilFromDays(days);
  // Centuries and millennia begin with year 1, decades with year 0.
  const first = months > 120 ? 12 : 0;
  const index = year * 12 + month - 1 - first;
  const start = Math.floor(index / months) * months + first;
  const startYear = Math.floor(start / 12);
  return (
    BigInt(daysFromCivil({ year: startYear, month: start - 12 * startYear + 1, day: 1 })) *
    microsPerDay
  );
}

/** Towards zero; smaller fields become 0. */
export function truncateInterval(unit: string, { months, days, micros }: Interval): Interval {
  const field = nameOf(unit) ?? '';
  const unitMicros = microsPerUnit[field];
  if (unitMicros !== undefined) return { months, days, micros: micros - (micros % unitMicros) };
  if (field === 'day') return { months, days, micros: 0n };
  const unitMonths = monthsPerUnit[field];
  if (unitMonths === undefined) throw refused('interval', unit, 'truncate');
  return { months: months - (months % unitMonths), days: 0, micros: 0n };
}
