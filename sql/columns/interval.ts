import { MillraceError } from '../../platform/errors.ts';
import { microsPerDay } from './datetime.ts';
import type { Interval } from './types.ts';

/** Months per unit, days per unit or microseconds per unit. */
type Amount = { readonly months: number } | { readonly days: number } | { readonly micros: bigint };
type Unit = Amount & { readonly name: string };

/** PostgreSQL's unit names (its table deltatktbl). */
const units: readonly (readonly [RegExp, Unit])[] = [
  [/^(us|usecs?|useconds?|microseconds?)$/, { name: 'microsecond', micros: 1n }],
  [/^(ms|msecs?|mseconds?|milliseconds?)$/, { name: 'millisecond', micros: 1000n }],
  [/^(s|secs?|seconds?)$/, { name: 'second', micros: 1_000_000n }],
  [/^(m|mins?|minutes?)$/, { name: 'minute', micros: 60_000_000n }],
  [/^(h|hrs?|hours?)$/, { name: 'hour', micros: 3_600_000_000n }],
  [/^(d|days?)$/, { name: 'day', days: 1 }],
  [/^(w|weeks?)$/, { name: 'week', days: 7 }],
  [/^(mons?|months?)$/, { name: 'month', months: 1 }],
  [/^(y|yrs?|years?)$/, { name: 'year', months: 12 }],
  [/^(decs?|decades?)$/, { name: 'decade', months: 120 }],
  [/^(c|cent|centur(y|ies))$/, { name: 'century', months: 1200 }],
  [/^(mils|millenni(um|a))$/, { name: 'millennium', months: 12_000 }],
];

function unitOf(name: string): Unit | undefined {
  return units.find(([pattern]) => pattern.test(name))?.[1];
}

const token =
  /\s*(?:([+-]?\d+):(\d{1,2})(?::(\d{1,2}))?(?:\.(\d*))?|([+-]?)(\d+)-(\d+)|([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([a-z]+))\s*/y;

/**
 * `1 day 02:03:04`, `2 hours`, `-1 month`, `1 year 2 mons ago`, `1-2`, `3 4:05`, `P1Y2M3DT4H`.
 * `fields` are those after a literal (`DAY TO SECOND`): they say what a bare number counts, and what
 * is finer than they are is cut. Throws SQL_RUNTIME 22007 and 22008.
 */
export function intervalFromText(text: string, fields = ''): Interval {
  const source = text.trim().toLowerCase().replace(/^@\s*/, '');
  const interval = source.startsWith('p')
    ? isoInterval(text, source)
    : plainInterval(text, source, fields);
  const { months, days, micros } = cutTo(interval, fields);
  if (!isInt32(months) || !isInt32(days) || BigInt.asIntN(64, micros) !== micros) {
    throw new MillraceError('SQL_RUNTIME', `interval field value out of range: "${text}"`, {
      sqlState: '22008',
    });
  }
  return { months: months + 0, days: days + 0, micros };
}

const none: Interval = { months: 0, days: 0, micros: 0n };

function added(a: Interval, b: Interval): Interval {
  return { months: a.months + b.months, days: a.days + b.days, micros: a.micros + b.micros };
}

/** From right to left, since a unit stands after its number. */
function plainInterval(text: string, source: string, fields: string): Interval {
  const tokens: RegExpExecArray[] = [];
  token.lastIndex = 0;
  for (let match = token.exec(source); match !== null; match = token.exec(source)) {
    tokens.push(match);
    if (token.lastIndex === source.length) break;
  }
  const end = tokens.at(-1);
  if (end === undefined || end.index + end[0].length !== source.length) throw badInterval(text);
  const seen = new Set<string>();
  const see = (...names: readonly string[]) => {
    if (names.some((name) => seen.has(name))) throw badInterval(text);
    for (const name of names) seen.add(name);
  };
  let unit: Unit | undefined = unitOf(fields.split(' ').at(-1)!.toLowerCase());
  let waits = false;
  let isAgo = false;
  let total = none;
  for (const match of tokens.toReversed()) {
    const [, hours, minutes, seconds, fraction, sign, years, months, number, word] = match;
    if (word !== undefined) {
      if (waits) throw badInterval(text);
      if (word === 'ago' && seen.size === 0) {
        isAgo = true;
        continue;
      }
      unit = unitOf(word);
      if (unit === undefined) throw badInterval(text);
      waits = true;
    } else if (number !== undefined) {
      unit ??= unitOf('second')!;
      see(unit.name);
      total = added(total, scaled(Number(number), unit));
      waits = false;
    } else if (years !== undefined) {
      if (waits) throw badInterval(text);
      see('year', 'month');
      const value = Number(years) * 12 + Number(months);
      total = added(total, { ...none, months: sign === '-' ? -value : value });
    } else {
      if (waits) throw badInterval(text);
      see('hour', 'minute', 'second');
      total = added(total, clock(hours!, minutes!, seconds, fraction, fields));
      unit = unitOf('day');
    }
  }
  if (waits || seen.size === 0) throw badInterval(text);
  if (!isAgo) return total;
  return { months: -total.months, days: -total.days, micros: -total.micros };
}

/** Two parts are hours and minutes, in MINUTE TO SECOND or with a fraction minutes and seconds. */
function clock(
  first: string,
  second: string,
  third: string | undefined,
  fraction: string | undefined,
  fields: string,
): Interval {
  const isShort = third === undefined && (fields === 'MINUTE TO SECOND' || fraction !== undefined);
  const parts = isShort
    ? ['0', first.replace(/^[+-]/, ''), second]
    : [first.replace(/^[+-]/, ''), second, third ?? '0'];
  const [hours, minutes, seconds] = parts.map(BigInt) as [bigint, bigint, bigint];
  const micros = BigInt(Math.round(Number(`0.${fraction ?? ''}0`) * 1e6));
  const value = ((hours * 60n + minutes) * 60n + seconds) * 1_000_000n + micros;
  return { ...none, micros: first.startsWith('-') ? -value : value };
}

/** ISO 8601: with designators, or `P0001-02-03T04:05:06`. */
function isoInterval(text: string, source: string): Interval {
  const long = /^p([+-]?\d+)-(\d+)-(\d+)(?:t(\d+):(\d+):(\d+(?:\.\d*)?))?$/.exec(source);
  if (long !== null) {
    const [, years, months, days, hours = '0', minutes = '0', seconds = '0'] = long;
    const time = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
    return {
      months: Number(years) * 12 + Number(months),
      days: Number(days),
      micros: BigInt(Math.round(time * 1e6)),
    };
  }
  const [date, time, ...more] = source.slice(1).split('t');
  const pattern = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)[a-z])*$/;
  const isFilled = source.length > 1 && (time === undefined || time !== '');
  if (more.length > 0 || !isFilled || !pattern.test(date!) || !pattern.test(time ?? '')) {
    throw badInterval(text);
  }
  let total = none;
  for (const [part, letters] of [
    [date!, dateLetters],
    [time ?? '', timeLetters],
  ] as const) {
    for (const [, number, letter] of part.matchAll(/([+-]?[\d.]+)([a-z])/g)) {
      const unit = unitOf(letters[letter!] ?? '');
      if (unit === undefined) throw badInterval(text);
      total = added(total, scaled(Number(number), unit));
    }
  }
  return total;
}

const dateLetters: Readonly<Record<string, string>> = {
  y: 'year',
  m: 'month',
  w: 'week',
  d: 'day',
};
const timeLetters: Readonly<Record<string, string>> = { h: 'hour', m: 'minute', s: 'second' };

const finest: Readonly<Record<string, bigint>> = { HOUR: 3_600_000_000n, MINUTE: 60_000_000n };

/** What is finer than the last field goes. */
function cutTo({ months, days, micros }: Interval, fields: string): Interval {
  const last = fields.split(' ').at(-1)!;
  switch (last) {
    case 'YEAR':
      return { months: months - (months % 12), days: 0, micros: 0n };
    case 'MONTH':
      return { months, days: 0, micros: 0n };
    case 'DAY':
      return { months, days, micros: 0n };
    case 'HOUR':
    case 'MINUTE':
      return { months, days, micros: micros - (micros % finest[last]!) };
    default:
      return { months, days, micros };
  }
}

function isInt32(value: number): boolean {
  return (value | 0) === value;
}

/** Fractions cascade downwards: a month has 30 days, a day 24 hours (PostgreSQL). */
function scaled(count: number, unit: Amount): Interval {
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
