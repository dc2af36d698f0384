import { civilFromDays, daysFromCivil, splitTimestamp } from '../columns/datetime.ts';
import type { Interval } from '../columns/types.ts';
import { isoWeek } from './date-fields.ts';
import { runtimeError } from './function.ts';

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const romans = ['I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X', 'XI', 'XII'];

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  readonly zone: string;
  /** Years and days of an interval are shown as they are. */
  readonly isInterval?: true;
}

/** What a pattern writes; `width` pads numbers with zeros unless FM stands before it. */
interface Pattern {
  readonly name: string;
  readonly width?: number;
  readonly write: (parts: Parts) => number | string;
}

const weekday = ({ days }: Parts) => (((days + 4) % 7) + 7) % 7;
const twelve = ({ hour }: Parts) => (hour % 12 === 0 ? 12 : hour % 12);
const shownYear = ({ year, isInterval }: Pick<Parts, 'year' | 'isInterval'>) =>
  year > 0 || isInterval ? year : 1 - year;
const isoYear = ({ days }: Parts) => shownYear({ year: isoWeek(days).year });
const century = (parts: Parts) => Math.ceil(shownYear(parts) / 100) * (parts.year > 0 ? 1 : -1);
const am = (dots: boolean) => (parts: Parts) => {
  const letter = parts.hour < 12 ? 'A' : 'P';
  return dots ? `${letter}.M.` : `${letter}M`;
};
const monthName = (parts: Parts) => months[parts.month - 1]!;
const dayName = (parts: Parts) => weekdays[weekday(parts)]!;

/** PostgreSQL 16, table 9.28. The longest name that fits is taken. */
const patterns: readonly Pattern[] = (
  [
    { name: 'HH24', width: 2, write: (p) => p.hour },
    { name: 'HH12', width: 2, write: twelve },
    { name: 'HH', width: 2, write: twelve },
    { name: 'MI', width: 2, write: (p) => p.minute },
    { name: 'SSSSS', write: (p) => p.hour * 3600 + p.minute * 60 + p.second },
    { name: 'SSSS', write: (p) => p.hour * 3600 + p.minute * 60 + p.second },
    { name: 'SS', width: 2, write: (p) => p.second },
    { name: 'MS', width: 3, write: (p) => Math.floor(p.micros / 1000) },
    { name: 'US', width: 6, write: (p) => p.micros },
    { name: 'FF1', width: 1, write: (p) => Math.floor(p.micros / 100_000) },
    { name: 'FF2', width: 2, write: (p) => Math.floor(p.micros / 10_000) },
    { name: 'FF3', width: 3, write: (p) => Math.floor(p.micros / 1000) },
    { name: 'FF4', width: 4, write: (p) => Math.floor(p.micros / 100) },
    { name: 'FF5', width: 5, write: (p) => Math.floor(p.micros / 10) },
    { name: 'FF6', width: 6, write: (p) => p.micros },
    { name: 'AM', write: am(false) },
    { name: 'PM', write: am(false) },
    { name: 'A.M.', write: am(true) },
    { name: 'P.M.', write: am(true) },
    { name: 'am', write: (p) => am(false)(p).toLowerCase() },
    { name: 'pm', write: (p) => am(false)(p).toLowerCase() },
    { name: 'a.m.', write: (p) => am(true)(p).toLowerCase() },
    { name: 'p.m.', write: (p) => am(true)(p).toLowerCase() },
    {
      name: 'Y,YYY',
      write: (p) =>
        `${Math.floor(shownYear(p) / 1000)},${String(shownYear(p) % 1000).padStart(3, '0')}`,
    },
    { name: 'YYYY', width: 4, write: shownYear },
    { name: 'YYY', width: 3, write: (p) => shownYear(p) % 1000 },
    { name: 'YY', width: 2, write: (p) => shownYear(p) % 100 },
    { name: 'Y', width: 1, write: (p) => shownYear(p) % 10 },
    { name: 'IYYY', width: 4, write: isoYear },
    { name: 'IYY', width: 3, write: (p) => isoYear(p) % 1000 },
    { name: 'IY', width: 2, write: (p) => isoYear(p) % 100 },
    { name: 'I', width: 1, write: (p) => isoYear(p) % 10 },
    { name: 'B.C.', write: (p) => (p.year > 0 ? 'A.D.' : 'B.C.') },
    { name: 'A.D.', write: (p) => (p.year > 0 ? 'A.D.' : 'B.C.') },
    { name: 'b.c.', write: (p) => (p.year > 0 ? 'a.d.' : 'b.c.') },
    { name: 'a.d.', write: (p) => (p.year > 0 ? 'a.d.' : 'b.c.') },
    { name: 'BC', write: (p) => (p.year > 0 ? 'AD' : 'BC') },
    { name: 'AD', write: (p) => (p.year > 0 ? 'AD' : 'BC') },
    { name: 'bc', write: (p) => (p.year > 0 ? 'ad' : 'bc') },
    { name: 'ad', write: (p) => (p.year > 0 ? 'ad' : 'bc') },
    { name: 'MONTH', width: 9, write: (p) => monthName(p).toUpperCase() },
    { name: 'Month', width: 9, write: monthName },
    { name: 'month', width: 9, write: (p) => monthName(p).toLowerCase() },
    { name: 'MON', write: (p) => monthName(p).slice(0, 3).toUpperCase() },
    { name: 'Mon', write: (p) => monthName(p).slice(0, 3) },
    { name: 'mon', write: (p) => monthName(p).slice(0, 3).toLowerCase() },
    { name: 'MM', width: 2, write: (p) => p.month },
    { name: 'DAY', width: 9, write: (p) => dayName(p).toUpperCase() },
    { name: 'Day', width: 9, write: dayName },
    { name: 'day', width: 9, write: (p) => dayName(p).toLowerCase() },
    { name: 'DY', write: (p) => dayName(p).slice(0, 3).toUpperCase() },
    { name: 'Dy', write: (p) => dayName(p).slice(0, 3) },
    { name: 'dy', write: (p) => dayName(p).slice(0, 3).toLowerCase() },
    {
      name: 'DDD',
      width: 3,
      write: (p) =>
        p.isInterval ? p.days : p.days - daysFromCivil({ year: p.year, month: 1, day: 1 }) + 1,
    },
    {
      name: 'IDDD',
      width: 3,
      write: (p) => (isoWeek(p.days).week - 1) * 7 + ((weekday(p) + 6) % 7) + 1,
    },
    { name: 'DD', width: 2, write: (p) => p.day },
    { name: 'ID', write: (p) => ((weekday(p) + 6) % 7) + 1 },
    { name: 'D', write: (p) => weekday(p) + 1 },
    {
      name: 'WW',
      width: 2,
      write: (p) =>
        Math.floor((p.days - daysFromCivil({ year: p.year, month: 1, day: 1 })) / 7) + 1,
    },
    { name: 'W', write: (p) => Math.floor((p.day - 1) / 7) + 1 },
    { name: 'IW', width: 2, write: (p) => isoWeek(p.days).week },
    { name: 'CC', width: 2, write: century },
    { name: 'J', write: (p) => p.days + 2_440_588 },
    { name: 'Q', write: (p) => Math.ceil(p.month / 3) },
    { name: 'RM', width: 4, write: (p) => romans[p.month - 1]! },
    { name: 'rm', width: 4, write: (p) => romans[p.month - 1]!.toLowerCase() },
    { name: 'TZH', write: () => '+00' },
    { name: 'TZM', write: () => '00' },
    { name: 'TZ', write: (p) => p.zone },
    { name: 'tz', write: (p) => p.zone.toLowerCase() },
    { name: 'OF', write: () => '+00' },
  ] satisfies Pattern[]
).toSorted((a, b) => b.name.length - a.name.length);

/** Names that PostgreSQL knows in any case because their output has no letters. */
const digitsOnly = ['D', 'ID', 'W', 'J', 'Q', 'SSSS', 'SSSSS', 'TZH', 'TZM', 'OF', 'Y,YYY'];
const anyCase = new Set([
  ...patterns
    .filter(({ name, width }) => width !== undefined && !/^(month|day|rm)$/i.test(name))
    .map(({ name }) => name),
  ...digitsOnly,
]);

/** Writes one part of the output. */
type Piece = (parts: Parts) => string;

/** A format read once, with the last timestamp's text: the next often falls into the same second. */
interface Format {
  readonly pieces: readonly Piece[];
  /** Microseconds within which all timestamps of the epoch's grid give the same text. */
  readonly unit: number;
  start: number;
  text: string;
}

/** Formats are most often constants: the last ones stay read. Keys begin with the zone. */
const formats = new Map<string, Format>();
const formatsMax = 64;

function formatOf(format: string, zone: string): Format {
  const key = `${zone}/${format}`;
  let known = formats.get(key);
  if (known === undefined) {
    const { pieces, unit } = read(format);
    known = { pieces, unit, start: Number.NaN, text: '' };
    if (formats.size >= formatsMax) formats.delete(formats.keys().next().value!);
    formats.set(key, known);
  }
  return known;
}

const secondMicros = 1_000_000;

/** to_char(timestamp, format), PostgreSQL 16 section 9.8. `zone` is empty without a time zone. */
export function timestampToChar(timestamp: bigint, format: string, zone: string): string | null {
  if (format === '') return null;
  const known = formatOf(format, zone);
  const micros = Number(timestamp);
  const rest = micros % known.unit;
  const start = micros - (rest < 0 ? rest + known.unit : rest);
  const isExact = Math.abs(start) <= Number.MAX_SAFE_INTEGER - known.unit;
  if (isExact && start === known.start) return known.text;
  const { days, time } = splitTimestamp(timestamp);
  const seconds = Number(time / 1_000_000n);
  const parts: Parts = {
    ...civilFromDays(days),
    days,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: Number(time % 1_000_000n),
    zone,
  };
  const text = written(known.pieces, parts);
  if (isExact) {
    known.start = start;
    known.text = text;
  }
  return text;
}

function written(pieces: readonly Piece[], parts: Parts): string {
  let text = '';
  for (const piece of pieces) text += piece(parts);
  return text;
}

/** For how many microseconds a pattern writes the same. */
function unitOf({ name }: Pattern): number {
  if (/^(MS|US|FF\d)$/.test(name)) return 1;
  if (/^S+$/.test(name)) return secondMicros;
  if (name === 'MI') return 60 * secondMicros;
  if (/^(HH|[AP]\.?M)/i.test(name)) return 3600 * secondMicros;
  return 86_400 * secondMicros;
}

/** The fields of an interval as they are; it has no names of days and months. */
export function intervalToChar(value: Interval, format: string): string | null {
  if (format === '') return null;
  const { pieces } = formatOf(format, '');
  if (/(?:^|[^\w])(day|dy|month|mon|iw|iyyy|rm|tz)/i.test(format.replace(/"[^"]*"/g, ''))) {
    throw runtimeError('invalid format specification for an interval value', '22007');
  }
  const years = Math.trunc(value.months / 12);
  const months = value.months - 12 * years;
  const seconds = value.micros / 1_000_000n;
  const parts: Parts = {
    year: years,
    month: months,
    day: value.days,
    days: (years * 12 + months) * 30 + value.days,
    hour: Number(seconds / 3600n),
    minute: Number((seconds / 60n) % 60n),
    second: Number(seconds % 60n),
    micros: Number(value.micros % 1_000_000n),
    zone: '',
    isInterval: true,
  };
  return written(pieces, parts);
}

function read(format: string): Pick<Format, 'pieces' | 'unit'> {
  const pieces: Piece[] = [];
  let unit = 86_400 * secondMicros;
  for (let at = 0; at < format.length; ) {
    if (format[at] === '"') {
      const end = closingQuote(format, at);
      const quoted = format.slice(at + 1, end).replaceAll('\\"', '"');
      pieces.push(() => quoted);
      at = end + 1;
      continue;
    }
    if (format[at] === '\\' && format[at + 1] === '"') {
      pieces.push(() => '"');
      at += 2;
      continue;
    }
    // FM and TM, which writes names in the locale's language, take away the padding.
    let start = at;
    while (/^(FM|fm|TM|tm)/.test(format.slice(start, start + 2))) start += 2;
    const pattern = patternAt(format, start);
    if (pattern === undefined) {
      const character = format[at]!;
      // FM before no pattern changes nothing and writes nothing.
      if (start === at) pieces.push(() => character);
      at = start > at ? start : at + 1;
      continue;
    }
    const isFilled = start === at;
    at = start + pattern.name.length;
    const suffix = /^(TH|th)/.exec(format.slice(at, at + 2))?.[0];
    if (suffix !== undefined) at += 2;
    unit = Math.min(unit, unitOf(pattern));
    pieces.push((parts) => patternText(pattern, parts, isFilled, suffix));
  }
  return { pieces, unit };
}

function patternText(pattern: Pattern, parts: Parts, isFilled: boolean, suffix?: string): string {
  const value = pattern.write(parts);
  const text = filled(value, pattern, isFilled);
  if (suffix === undefined || typeof value === 'string') return text;
  return text + (suffix === 'TH' ? ordinal(value).toUpperCase() : ordinal(value));
}

function closingQuote(format: string, open: number): number {
  for (let at = open + 1; at < format.length; at++) {
    if (format[at] === '\\') at++;
    else if (format[at] === '"') return at;
  }
  return format.length;
}

function patternAt(format: string, at: number): Pattern | undefined {
  const rest = format.slice(at, at + 6);
  const upper = rest.toUpperCase();
  return patterns.find(
    ({ name }) => rest.startsWith(name) || (anyCase.has(name) && upper.startsWith(name)),
  );
}

/** Months and days, which only an interval has below 0, count the sign as a digit. */
const narrow = /^(MM|DD|DDD)$/;

function filled(value: number | string, { name, width }: Pattern, fill: boolean): string {
  if (!fill || width === undefined) return String(value);
  if (typeof value === 'string') return value.padEnd(width);
  const digits = value < 0 && narrow.test(name) ? width - 1 : width;
  return (value < 0 ? '-' : '') + String(Math.abs(value)).padStart(digits, '0');
}

function ordinal(value: number): string {
  if (value % 100 >= 11 && value % 100 <= 13) return 'th';
  return ['th', 'st', 'nd', 'rd'][value % 10] ?? 'th';
}
