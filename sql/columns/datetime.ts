import { MillraceError } from '../../platform/errors.ts';

/**
 * Calendar arithmetic in the proleptic Gregorian calendar, as PostgreSQL. Days count from
 * 1970-01-01, times in microseconds. Day numbers by Howard Hinnant's civil-date algorithms.
 */
export const microsPerDay = 86_400_000_000n;

export interface CivilDate {
  /** Astronomical: 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export function daysFromCivil({ year, month, day }: CivilDate): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function civilFromDays(days: number): CivilDate {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

const two = (n: number) => String(n).padStart(2, '0');

export function dateToText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${shown}-${two(month)}-${two(day)}${year > 0 ? '' : ' BC'}`;
}

/** `HH:MM:SS[.ffffff]`, trailing zeros of the fraction cut. */
export function timeToText(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const fraction = Number(micros % 1_000_000n);
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (fraction === 0) return text;
  return `${text}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

export function splitTimestamp(micros: bigint): { days: number; time: bigint } {
  let days = micros / microsPerDay;
  if (days * microsPerDay > micros) days -= 1n;
  return { days: Number(days), time: micros - days * microsPerDay };
}

export function timestampToText(micros: bigint): string {
  const { days, time } = splitTimestamp(micros);
  const date = dateToText(days);
  if (date.endsWith(' BC')) return `${date.slice(0, -3)} ${timeToText(time)} BC`;
  return `${date} ${timeToText(time)}`;
}

/** In UTC, the only session time zone for now. */
export function timestamptzToText(micros: bigint): string {
  const text = timestampToText(micros);
  return text.endsWith(' BC') ? `${text.slice(0, -3)}+00 BC` : `${text}+00`;
}

interface Parsed {
  readonly days: number | undefined;
  readonly micros: bigint | undefined;
  /** East of UTC. */
  readonly offsetSeconds: number | undefined;
}

const pattern =
  /^\s*(?:([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})|(\d{4,6})(\d{2})(\d{2}))?(?:[T\s]*?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,9}))?)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2}(?::\d{2})?)?)?\s*(BC|AD)?\s*$/i;

/** Throws 22007 when the text has another form, 22008 when a field is out of its range. */
function parse(text: string, what: string): Parsed {
  const match = pattern.exec(text);
  if (match === null || (match[1] ?? match[4] ?? match[7]) === undefined) {
    throw new MillraceError('SQL_RUNTIME', `invalid input syntax for type ${what}: "${text}"`, {
      sqlState: '22007',
    });
  }
  const [, y1, m1, d1, y2, m2, d2, hours, minutes, seconds = '0', fraction = ''] = match;
  const zone = match[11];
  let days: number | undefined;
  if ((y1 ?? y2) !== undefined) {
    let year = Number(y1 ?? y2);
    const month = Number(m1 ?? m2);
    const day = Number(d1 ?? d2);
    if (match[12]?.toUpperCase() === 'BC') year = 1 - year;
    else if (year < 1) throw outOfRange(text, what);
    if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
      throw outOfRange(text, what);
    }
    days = daysFromCivil({ year, month, day });
  }
  let micros: bigint | undefined;
  if (hours !== undefined) {
    const h = Number(hours);
    const m = Number(minutes);
    const s = Number(seconds);
    // 24:00:00 and a leap second's :60 are legal, as in PostgreSQL.
    if (h > 24 || m > 59 || s > 60 || (h === 24 && (m > 0 || s > 0))) throw outOfRange(text, what);
    const nanos = Number(fraction.padEnd(9, '0'));
    micros = BigInt((h * 60 + m) * 60 + s) * 1_000_000n + BigInt(Math.round(nanos / 1000));
  }
  return { days, micros, offsetSeconds: zone === undefined ? undefined : zoneSeconds(zone) };
}

function zoneSeconds(zone: string): number {
  const match = /^([+-])(\d{1,2}):?(\d{2})?(?::(\d{2}))?$/.exec(zone);
  if (match === null) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -seconds : seconds;
}

function outOfRange(text: string, what: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', `date/time field value out of range: "${text}"`, {
    sqlState: '22008',
    hint: `The value is not a valid ${what}.`,
  });
}

export function dateFromText(text: string): number {
  const { days } = parse(text, 'date');
  if (days === undefined) throw outOfRange(text, 'date');
  return days;
}

export function timeFromText(text: string): bigint {
  const { micros } = parse(text, 'time');
  return micros ?? 0n;
}

export function timestampFromText(text: string): bigint {
  return timestampOf(parse(text, 'timestamp'), text, 'timestamp');
}

/** Without a zone in the text: UTC. */
export function timestamptzFromText(text: string): bigint {
  const parsed = parse(text, 'timestamp with time zone');
  const local = timestampOf(parsed, text, 'timestamp with time zone');
  return local - BigInt(parsed.offsetSeconds ?? 0) * 1_000_000n;
}

function timestampOf({ days, micros }: Parsed, text: string, what: string): bigint {
  if (days === undefined) {
    throw new MillraceError('SQL_RUNTIME', `invalid input syntax for type ${what}: "${text}"`, {
      sqlState: '22007',
    });
  }
  return BigInt(days) * microsPerDay + (micros ?? 0n);
}
