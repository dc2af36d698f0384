import { MillraceError } from '../../platform/errors.ts';
import {
  dateInfinity,
  daysFromCivil,
  daysInMonth,
  microsPerDay,
  minusDateInfinity,
  minusTimestampInfinity,
  timestampInfinity,
} from './datetime.ts';
import { findTimeZone, localToUtc, type TimeZone } from './time-zones.ts';

/**
 * Dates and times as PostgreSQL's input functions read them (documentation 8.5.1 and appendix B.1):
 * the text is cut to fields in any order; DateStyle is ISO, MDY. Without a zone: UTC.
 */
interface Fields {
  readonly days: number | undefined;
  readonly micros: bigint | undefined;
  readonly zone: TimeZone | undefined;
  readonly special: 'epoch' | 'infinity' | '-infinity' | undefined;
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const longMonths =
  'january february march april may june july august september october november december sept'.split(
    ' ',
  );
const weekdays =
  /^(mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun|(mon|tues|wednes|thurs|fri|satur|sun)day)$/;

function badSyntax(text: string, what: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', `invalid input syntax for type ${what}: "${text}"`, {
    sqlState: '22007',
  });
}

function outOfRange(text: string, what: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', `date/time field value out of range: "${text}"`, {
    sqlState: '22008',
    hint: `The value is not a valid ${what}.`,
  });
}

function monthOf(word: string): number | undefined {
  const short = months.indexOf(word);
  if (short >= 0) return short + 1;
  const long = longMonths.indexOf(word);
  return long < 0 ? undefined : long === 12 ? 9 : long + 1;
}

/** What the reader has found so far. */
class FieldReader {
  readonly #text: string;
  readonly #what: string;
  #rest: string;
  #year: number | undefined;
  #month: number | undefined;
  #day: number | undefined;
  #dayOfYear: number | undefined;
  #days: number | undefined;
  /** Bare numbers, until it is clear what they are. */
  readonly #numbers: string[] = [];
  #micros: bigint | undefined;
  #isPm: boolean | undefined;
  #isBc = false;
  #hasEra = false;
  #zone: TimeZone | undefined;
  #special: Fields['special'];
  #isShortYear = false;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
    this.#rest = text.trim().toLowerCase();
  }

  read(): Fields {
    if (this.#rest === '') throw badSyntax(this.#text, this.#what);
    while (this.#rest !== '') {
      this.#rest = this.#rest.replace(/^[\s,]+/, '');
      if (this.#rest === '') break;
      this.#field();
    }
    return {
      days: this.#date(),
      micros: this.#time(),
      zone: this.#zone,
      special: this.#special,
    };
  }

  #field(): void {
    const time = this.#take(/^(?:t(?=\d))?(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:\.(\d*))?/);
    if (time !== undefined) return this.#setTime(time);
    const iso = this.#take(/^(\d{1,7})-(\d{1,2}|[a-z]{3,9})-(\d{1,2})(?=$|[\s,t+z-])/);
    if (iso !== undefined) return this.#setYmd(iso[1]!, iso[2]!, iso[3]!);
    const mixed = this.#take(
      /^(\d{1,2}|[a-z]{3,9})[-/.](\d{1,2}|[a-z]{3,9})[-/.](\d{1,7})(?![\d:])/,
    );
    if (mixed !== undefined) return this.#setMixed(mixed[1]!, mixed[2]!, mixed[3]!);
    const slashed = this.#take(/^(\d{3,7})[/.](\d{1,2}|[a-z]{3,9})[/.](\d{1,2})(?!\d)/);
    if (slashed !== undefined) return this.#setYmd(slashed[1]!, slashed[2]!, slashed[3]!);
    const julian = this.#take(/^(?:j|julian\s*)(\d+)(?=$|\s)/);
    if (julian !== undefined) return this.#setDays(Number(julian[1]) - 2_440_588);
    const ordinal = this.#take(/^(\d{4})[.-](\d{3})(?=$|[\s,t])/);
    if (ordinal !== undefined) return this.#setOrdinal(ordinal[1]!, ordinal[2]!);
    const offset = this.#take(/^([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?(?![\d:])/);
    if (offset !== undefined) return this.#setOffset(offset);
    const compact = this.#take(/^t?(\d{4,6})(?:\.(\d+))?(?![\w.])/);
    if (compact !== undefined && (this.#hasDate() || compact[0]!.startsWith('t'))) {
      return this.#setCompactTime(compact[1]!, compact[2] ?? '');
    }
    if (compact !== undefined) this.#rest = compact[0] + this.#rest;
    const digits = this.#take(/^(\d+)(?:st|nd|rd|th)?(?![\w.])|^(\d{8})(?=t)/);
    if (digits !== undefined) return this.#setNumber((digits[1] ?? digits[2])!);
    const word = this.#take(/^[a-z][a-z_]*(?:\/[a-z0-9_+-]+)*(?:[+-]\d+(?::\d+)?)?|^-infinity/);
    if (word === undefined) throw badSyntax(this.#text, this.#what);
    this.#setWord(word[0]!);
  }

  #setWord(word: string): void {
    const month = monthOf(word);
    if (month !== undefined) {
      if (this.#month !== undefined) {
        // `1 Jan 2000` where a number was taken for the month.
        throw badSyntax(this.#text, this.#what);
      }
      this.#month = month;
    } else if (word === 'am' || word === 'pm') this.#isPm = word === 'pm';
    else if (word === 'bc' || word === 'ad') {
      this.#isBc = word === 'bc';
      this.#hasEra = true;
    } else if (word === 'epoch' || word === 'infinity' || word === '-infinity')
      this.#special = word;
    else if (word === 'allballs') this.#micros = 0n;
    else if (word === 't' || word === 'at' || word === 'on' || weekdays.test(word)) return;
    else {
      const zone = findTimeZone(word);
      if (zone === undefined || this.#zone !== undefined) {
        if (/\//.test(word)) {
          throw new MillraceError('SQL_RUNTIME', `time zone "${word}" not recognized`, {
            sqlState: '22023',
          });
        }
        throw badSyntax(this.#text, this.#what);
      }
      this.#zone = zone;
    }
  }

  #setYmd(year: string, month: string, day: string): void {
    const number = /^\d/.test(month) ? Number(month) : monthOf(month);
    if (number === undefined || this.#hasDate()) throw badSyntax(this.#text, this.#what);
    // `01-02-03` is month, day, year.
    if (year.length <= 2 && /^\d/.test(month)) return this.#setMixed(year, month, day);
    if (year.length <= 2) return this.#setMixed(year, month, day);
    this.#year = Number(year);
    this.#month = number;
    this.#day = Number(day);
  }

  /** Month, day, year; a month by name may stand first or second. */
  #setMixed(first: string, second: string, year: string): void {
    if (this.#hasDate()) throw badSyntax(this.#text, this.#what);
    const named = [first, second].findIndex((part) => !/^\d/.test(part));
    const month = named < 0 ? Number(first) : monthOf(named === 0 ? first : second);
    if (month === undefined) throw badSyntax(this.#text, this.#what);
    this.#month = month;
    this.#day = Number(named === 1 ? first : second);
    if (named < 0) this.#day = Number(second);
    this.#setYear(year);
  }

  #setYear(digits: string): void {
    this.#year = Number(digits);
    this.#isShortYear = digits.length <= 2;
  }

  #setOrdinal(year: string, day: string): void {
    this.#year = Number(year);
    this.#dayOfYear = Number(day);
  }

  #setDays(days: number): void {
    this.#days = days;
  }

  /** A run of digits: a whole date, or a day or year of a date in words. */
  #setNumber(digits: string): void {
    if (digits.length === 8 && !this.#hasDate()) {
      this.#year = Number(digits.slice(0, 4));
      this.#month = Number(digits.slice(4, 6));
      this.#day = Number(digits.slice(6));
    } else if (digits.length === 6 && !this.#hasDate() && this.#numbers.length === 0) {
      this.#setYear(digits.slice(0, 2));
      this.#month = Number(digits.slice(2, 4));
      this.#day = Number(digits.slice(4));
    } else if (digits.length >= 7 && !this.#hasDate()) {
      this.#year = Number(digits.slice(0, -4));
      this.#month = Number(digits.slice(-4, -2));
      this.#day = Number(digits.slice(-2));
    } else this.#numbers.push(digits);
  }

  #setTime([, hours, minutes, seconds = '0', fraction = '']: RegExpExecArray): void {
    if (this.#micros !== undefined) throw badSyntax(this.#text, this.#what);
    const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
    const nanos = Number(`0.${fraction === '' ? '0' : fraction}`) * 1e6;
    const micros = BigInt(Math.round(nanos));
    // 24:00:00 and a leap second's :60 are legal, as in PostgreSQL.
    const isPastDay = h > 24 || (h === 24 && (m > 0 || s > 0 || micros > 0n));
    if (isPastDay || m > 59 || s > 60) throw outOfRange(this.#text, this.#what);
    this.#micros = BigInt((h * 60 + m) * 60 + s) * 1_000_000n + micros;
  }

  #setCompactTime(digits: string, fraction: string): void {
    const padded = digits.length === 4 ? `${digits}00` : digits.padStart(6, '0');
    const parts = [padded, padded.slice(0, 2), padded.slice(2, 4), padded.slice(4, 6), fraction];
    this.#setTime(parts as unknown as RegExpExecArray);
  }

  #setOffset([, sign, hours, minutes = '0', seconds = '0']: RegExpExecArray): void {
    if (this.#zone !== undefined && sign === undefined) throw badSyntax(this.#text, this.#what);
    const [h, m] = [Number(hours), Number(minutes)];
    if (h > 15 || m > 59 || Number(seconds) > 59) {
      throw new MillraceError(
        'SQL_RUNTIME',
        `time zone displacement out of range: "${this.#text}"`,
        { sqlState: '22009' },
      );
    }
    const offset = h * 3600 + m * 60 + Number(seconds);
    this.#zone = { offsetAt: () => (sign === '-' ? -offset : offset) };
  }

  #hasDate(): boolean {
    return this.#year !== undefined || this.#days !== undefined;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.#rest);
    if (match === null) return undefined;
    this.#rest = this.#rest.slice(match[0].length);
    return match;
  }

  #date(): number | undefined {
    if (this.#days !== undefined) return this.#days;
    this.#placeNumbers();
    if (this.#year === undefined && this.#month === undefined && this.#day === undefined) {
      return undefined;
    }
    if (this.#year === undefined) throw badSyntax(this.#text, this.#what);
    let year = this.#year;
    if (this.#isShortYear && !this.#hasEra) year += year < 70 ? 2000 : 1900;
    if (this.#isBc) year = 1 - year;
    else if (year < 1) throw outOfRange(this.#text, this.#what);
    if (this.#isBc && this.#year === 0) throw outOfRange(this.#text, this.#what);
    if (this.#dayOfYear !== undefined) {
      return daysFromCivil({ year, month: 1, day: 1 }) + this.#dayOfYear - 1;
    }
    const [month, day] = [this.#month, this.#day];
    if (month === undefined || day === undefined) throw badSyntax(this.#text, this.#what);
    if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
      throw outOfRange(this.#text, this.#what);
    }
    return daysFromCivil({ year, month, day });
  }

  /** With a month by name the numbers are day and year, in this order unless one is long. */
  #placeNumbers(): void {
    const numbers = this.#numbers;
    if (numbers.length === 0) return;
    if (this.#month === undefined || numbers.length > 2) throw badSyntax(this.#text, this.#what);
    for (const number of numbers) {
      if (this.#day === undefined && number.length <= 2) this.#day = Number(number);
      else if (this.#year === undefined) this.#setYear(number);
      else if (this.#day === undefined) this.#day = Number(number);
      else throw badSyntax(this.#text, this.#what);
    }
  }

  #time(): bigint | undefined {
    if (this.#micros === undefined || this.#isPm === undefined) return this.#micros;
    const twelve = 43_200_000_000n;
    if (this.#micros >= twelve + 3_600_000_000n) throw outOfRange(this.#text, this.#what);
    const isTwelve = this.#micros >= twelve;
    if (this.#isPm) return isTwelve ? this.#micros : this.#micros + twelve;
    return isTwelve ? this.#micros - twelve : this.#micros;
  }
}

/** Throws SQL_RUNTIME 22007 when the text has another form, 22008 when a field is out of range. */
export function dateFromText(text: string): number {
  const { days, special } = new FieldReader(text, 'date').read();
  if (special !== undefined) {
    return special === 'epoch' ? 0 : special === 'infinity' ? dateInfinity : minusDateInfinity;
  }
  if (days === undefined) throw badSyntax(text, 'date');
  if (days < -2_440_588 || days > 2_145_031_948) {
    throw new MillraceError('SQL_RUNTIME', `date out of range: "${text}"`, { sqlState: '22008' });
  }
  return days;
}

export function timeFromText(text: string): bigint {
  const { micros } = new FieldReader(text, 'time').read();
  if (micros === undefined) throw badSyntax(text, 'time');
  return micros;
}

export function timestampFromText(text: string): bigint {
  const what = 'timestamp';
  return moment(new FieldReader(text, what).read(), text, what, false);
}

/** Without a zone in the text: UTC. */
export function timestamptzFromText(text: string): bigint {
  const what = 'timestamp with time zone';
  return moment(new FieldReader(text, what).read(), text, what, true);
}

function moment(fields: Fields, text: string, what: string, zoned: boolean): bigint {
  const { days, micros, zone, special } = fields;
  if (special !== undefined) {
    if (special === 'epoch') return 0n;
    return special === 'infinity' ? timestampInfinity : minusTimestampInfinity;
  }
  if (days === undefined) throw badSyntax(text, what);
  const local = BigInt(days) * microsPerDay + (micros ?? 0n);
  const value = zoned && zone !== undefined ? localToUtc(zone, local) : local;
  if (value < -2_440_588n * microsPerDay || value >= timestampInfinity) {
    throw new MillraceError('SQL_RUNTIME', `${what} out of range: "${text}"`, {
      sqlState: '22008',
    });
  }
  return value;
}
