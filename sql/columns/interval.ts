import { MillraceError } from '../../platform/errors.ts';
import { microsPerDay } from './datetime.ts';
import type { Interval } from './types.ts';

/** Months per unit, days per unit or microseconds per unit, by PostgreSQL's unit names. */
type Unit = { readonly months: number } | { readonly days: number } | { readonly micros: bigint };

const units: readonly (readonly [RegExp, Unit])[] = [
  [/^(microseconds?|us|usecs?)$/, { micros: 1n }],
  [/^(milliseconds?|ms|msecs?)$/, { micros: 1000n }],
  [/^(seconds?|secs?|s)$/, { micros: 1_000_000n }],
  [/^(minutes?|mins?|m)$/, { micros: 60_000_000n }],
  [/^(hours?|hrs?|h)$/, { micros: 3_600_000_000n }],
  [/^(days?|d)$/, { days: 1 }],
  [/^(weeks?|w)$/, { days: 7 }],
  [/^(months?|mons?)$/, { months: 1 }],
  [/^(years?|yrs?|y)$/, { months: 12 }],
  [/^(decades?|decs?)$/, { months: 120 }],
  [/^(centur(y|ies)|cents?)$/, { months: 1200 }],
];

function unitOf(name: string): Unit | undefined {
  return units.find(([pattern]) => pattern.test(name))?.[1];
}

/**
 * `1 day 02:03:04`, `2 hours`, `-1 month`, `1 year 2 mons ago`, `1-2`, and a bare number of
 * `defaultUnit` (`INTERVAL '3' DAY`). Throws SQL_RUNTIME 22007.
 */
export function intervalFromText(text: string, defaultUnit = 'second'): Interval {
  let months = 0;
  let days = 0;
  let micros = 0n;
  let rest = text.trim().toLowerCase().replace(/^@\s*/, '');
  const ago = /\s+ago$/.test(rest);
  if (ago) rest = rest.replace(/\s+ago$/, '');
  if (rest === '') throw badInterval(text);
  while (rest !== '') {
    const time = /^([+-]?)(\d+):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d*)?)?\s*/.exec(rest);
    const yearMonth = /^([+-]?)(\d+)-(\d+)\s*/.exec(rest);
    const amount = /^([+-]?\d*(?:\.\d*)?)\s*([a-z]*)\s*/.exec(rest);
    if (time !== null) {
      const [, sign, h, m, s = '0', f = ''] = time;
      const seconds = BigInt(h!) * 3600n + BigInt(m!) * 60n + BigInt(s);
      const value = seconds * 1_000_000n + BigInt(f.padEnd(6, '0'));
      micros += sign === '-' ? -value : value;
    } else if (yearMonth !== null) {
      const value = Number(yearMonth[2]) * 12 + Number(yearMonth[3]);
      months += yearMonth[1] === '-' ? -value : value;
    } else {
      const [, number = '', name = ''] = amount ?? [];
      const unit = unitOf(name === '' ? defaultUnit.toLowerCase() : name);
      if (unit === undefined || !/\d/.test(number)) throw badInterval(text);
      const added = scaled(Number(number), unit);
      months += added.months;
      days += added.days;
      micros += added.micros;
    }
    rest = rest.slice((time ?? yearMonth ?? amount)![0].length);
  }
  if (!isInt32(months) || !isInt32(days) || BigInt.asIntN(64, micros) !== micros) {
    throw new MillraceError('SQL_RUNTIME', `interval field value out of range: "${text}"`, {
      sqlState: '22015',
    });
  }
  return ago ? { months: -months, days: -days, micros: -micros } : { months, days, micros };
}

function isInt32(value: number): boolean {
  return (value | 0) === value;
}

/** Fractions cascade downwards: a month has 30 days, a day 24 hours (PostgreSQL). */
function scaled(count: number, unit: Unit): Interval {
  if ('micros' in unit) {
    return { months: 0, days: 0, micros: BigInt(Math.round(count * Number(unit.micros))) };
  }
  if ('days' in unit) {
    const all = count * unit.days;
    const days = Math.trunc(all);
    return { months: 0, days, micros: BigInt(Math.round((all - days) * Number(microsPerDay))) };
  }
  const all = count * unit.months;
  const months = Math.trunc(all);
  const below = scaled(Math.round((all - months) * 30 * 1e6) / 1e6, { days: 1 });
  return { ...below, months };
}

function badInterval(text: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', `invalid input syntax for type interval: "${text}"`, {
    sqlState: '22007',
  });
}

/** PostgreSQL's `postgres` style: `1 year 2 mons 3 days 04:05:06.7`. */
export function intervalToText({ months, days, micros }: Interval): string {
  const years = Math.trunc(months / 12);
  const parts: string[] = [];
  let negativeBefore = false;
  const add = (count: number, name: string) => {
    if (count === 0) return;
    const sign = negativeBefore && count > 0 ? '+' : '';
    parts.push(`${sign}${count} ${name}${count === 1 ? '' : 's'}`);
    negativeBefore = count < 0;
  };
  add(years, 'year');
  add(months - 12 * years, 'mon');
  add(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const all = micros < 0n ? -micros : micros;
    const seconds = all / 1_000_000n;
    const fraction = all % 1_000_000n;
    const two = (n: bigint) => n.toString().padStart(2, '0');
    const sign = micros < 0n ? '-' : negativeBefore ? '+' : '';
    const shown = `${sign}${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
    const tail =
      fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`;
    parts.push(shown + tail);
  }
  return parts.join(' ');
}

/** As PostgreSQL orders and equates intervals: a month is 30 days, a day 24 hours. */
export function intervalSpan({ months, days, micros }: Interval): bigint {
  return BigInt(months) * 30n * microsPerDay + BigInt(days) * microsPerDay + micros;
}
