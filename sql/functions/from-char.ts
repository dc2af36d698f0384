import { daysFromCivil, daysInMonth, microsPerDay } from '../columns/datetime.ts';
import { findTimeZone, localToUtc, type TimeZone } from '../columns/time-zones.ts';
import { isoWeek } from './date-fields.ts';
import { runtimeError } from './function.ts';

/** to_date and to_timestamp with a template (documentation 9.8, table 9.28). */

const names =
  /^(HH24|HH12|HH|MI|SSSSS|SSSS|SS|MS|US|FF[1-6]|A\.M\.|P\.M\.|AM|PM|Y,YYY|YYYY|YYY|YY|Y|IDDD|ID|IW|IYYY|IYY|IY|I|B\.C\.|A\.D\.|BC|AD|MONTH|MON|MM|DAY|DY|DDD|DD|D|WW|W|CC|J|Q|RM|TZH|TZM|TZ|OF|FM|FX|TM|TH)/i;

const widths: Readonly<Record<string, number>> = {
  HH24: 2,
  HH12: 2,
  HH: 2,
  MI: 2,
  SS: 2,
  MS: 3,
  US: 6,
  YYYY: 4,
  YYY: 3,
  YY: 2,
  Y: 1,
  IYYY: 4,
  IYY: 3,
  IY: 2,
  I: 1,
  MM: 2,
  DD: 2,
  DDD: 3,
  IDDD: 3,
  D: 1,
  ID: 1,
  WW: 2,
  IW: 2,
  W: 1,
  CC: 2,
  Q: 1,
};

const monthNames =
  'january february march april may june july august september october november december'.split(
    ' ',
  );
const dayNames = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const romanMonths = 'viii iii vii xii iv vi ix xi ii i v x'.split(' ');
const romanNumbers = [8, 3, 7, 12, 4, 6, 9, 11, 2, 1, 5, 10];

type Item = { readonly pattern: string } | { readonly text: string };

function itemsOf(format: string): Item[] {
  const items: Item[] = [];
  for (let at = 0; at < format.length; ) {
    if (format[at] === '"') {
      const end = format.indexOf('"', at + 1);
      const text = format.slice(at + 1, end < 0 ? undefined : end);
      for (const character of text) items.push({ text: character });
      at = end < 0 ? format.length : end + 1;
      continue;
    }
    const name = names.exec(format.slice(at, at + 6))?.[0];
    if (name === undefined) items.push({ text: format[at]! });
    else items.push({ pattern: name.toUpperCase() });
    at += name?.length ?? 1;
  }
  return items.filter((item) => !('pattern' in item && /^(FM|FX|TM|TH)$/.test(item.pattern)));
}

const isSeparator = (character: string | undefined) =>
  character !== undefined && /[^A-Za-z0-9]/.test(character);

/** What the text says; fields that it does not name are `undefined`. */
class CharReader {
  readonly #source: string;
  #at = 0;
  readonly fields = new Map<string, number>();
  isPm: boolean | undefined;
  isBc = false;
  zone: TimeZone | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  read(format: string): void {
    const items = itemsOf(format);
    this.#blanks();
    for (const [index, item] of items.entries()) {
      if ('text' in item) {
        this.#separator(item.text);
        continue;
      }
      if (this.#at >= this.#source.length) return;
      const next = items[index + 1];
      // A number may be longer than its pattern where something other than a digit follows.
      const isLast = next === undefined || 'text' in next;
      this.#pattern(item.pattern, isLast);
    }
  }

  #blanks(): void {
    while (/\s/.test(this.#source[this.#at] ?? '')) this.#at++;
  }

  /** Any separator stands for any other; a letter skips one character. */
  #separator(text: string): void {
    if (this.#at >= this.#source.length) return;
    if (/\s/.test(text) || isSeparator(text)) {
      if (isSeparator(this.#source[this.#at])) this.#at++;
      this.#blanks();
    } else this.#at++;
  }

  #pattern(pattern: string, isLast: boolean): void {
    const source = this.#source;
    this.#blanks();
    switch (pattern) {
      case 'AM':
      case 'PM':
      case 'A.M.':
      case 'P.M.':
        this.isPm = /^p/i.test(this.#word(/^[ap]\.?m\.?/i, pattern));
        return;
      case 'BC':
      case 'AD':
      case 'B.C.':
      case 'A.D.':
        this.isBc = /^b/i.test(this.#word(/^(b\.?c\.?|a\.?d\.?)/i, pattern));
        return;
      case 'MONTH':
      case 'MON': {
        const word = this.#word(/^[a-z]+/i, pattern).toLowerCase();
        const index = monthNames.findIndex((name) => name.slice(0, 3) === word.slice(0, 3));
        if (index < 0) throw this.#bad(word, pattern);
        const isLong = word.startsWith(monthNames[index]!) && pattern === 'MONTH';
        this.#at -= word.length - (isLong ? monthNames[index]!.length : Math.min(3, word.length));
        if (pattern === 'MONTH' && !isLong) {
          if (word.length > 3) throw this.#bad(word, pattern);
        }
        this.fields.set('MM', index + 1);
        return;
      }
      case 'DAY':
      case 'DY': {
        const word = this.#word(/^[a-z]+/i, pattern).toLowerCase();
        const index = dayNames.findIndex((name) => name.slice(0, 3) === word.slice(0, 3));
        if (index < 0) throw this.#bad(word, pattern);
        if (pattern === 'DY') this.#at -= Math.max(0, word.length - 3);
        return;
      }
      case 'RM': {
        const rest = source.slice(this.#at).toLowerCase();
        const index = romanMonths.findIndex((name) => rest.startsWith(name));
        if (index < 0) throw this.#bad(rest, pattern);
        this.#at += romanMonths[index]!.length;
        this.fields.set('MM', romanNumbers[index]!);
        return;
      }
      case 'TZ':
      case 'OF':
      case 'TZH': {
        const word = this.#word(/^([+-]?\d{1,2}(:\d{2})?|[a-z_/]+)/i, pattern);
        this.zone = /^[a-z]/i.test(word) ? findTimeZone(word) : offset(word);
        if (this.zone === undefined) throw this.#bad(word, pattern);
        return;
      }
      case 'TZM': {
        const minutes = Number(this.#word(/^\d{1,2}/, pattern));
        const before = this.zone?.offsetAt(0n) ?? 0;
        this.zone = { offsetAt: () => before + (before < 0 ? -60 : 60) * minutes };
        return;
      }
      case 'Y,YYY': {
        const [thousands, rest] = this.#word(/^\d+,\d{3}/, pattern).split(',');
        this.fields.set('YYYY', Number(thousands) * 1000 + Number(rest));
        return;
      }
      default:
        this.#number(pattern, isLast);
    }
  }

  #number(pattern: string, isLast: boolean): void {
    const fraction = /^FF([1-6])$/.exec(pattern);
    const width = fraction === null ? widths[pattern] : Number(fraction[1]);
    const digits = isLast || width === undefined ? '\\d+' : `\\d{1,${width}}`;
    const isSigned = /^(YYYY|IYYY|CC|J)$/.test(pattern) ? '[+-]?' : '[+]?';
    const text = this.#word(new RegExp(`^${isSigned}${digits}`), pattern);
    const value = Number(text);
    if (value > 2_147_483_647) {
      throw runtimeError(`value for "${pattern}" in source string is out of range`, '22008');
    }
    if (pattern === 'MS' || pattern === 'US' || fraction !== null) {
      const places = pattern === 'MS' ? 3 : pattern === 'US' ? 6 : width!;
      if (text.length > 6) throw runtimeError(`value for "${pattern}" is out of range`, '22008');
      this.#set('US', Math.round(Number(`0.${text.padEnd(places, '0')}`) * 1e6));
      if (pattern === 'MS' && text.length <= 3) {
        // `.5` in MS is 500 milliseconds.
        this.fields.set('US', Number(text.padEnd(3, '0')) * 1000);
      }
      return;
    }
    const name = pattern === 'SSSSS' ? 'SSSS' : pattern === 'HH12' ? 'HH' : pattern;
    if (/^I?Y{1,3}$/.test(pattern) || pattern === 'I') {
      this.#set(pattern.startsWith('I') ? 'IYYY' : 'YYYY', fullYear(value, text.length));
      if (pattern.startsWith('Y') && text.length >= 4) this.fields.set('YYYY', value);
      return;
    }
    this.#set(name, value);
  }

  /** A field twice with two values is an error. */
  #set(name: string, value: number): void {
    const known = this.fields.get(name);
    if (known !== undefined && known !== value) {
      throw runtimeError(`conflicting values for "${name}" field in formatting string`, '22007');
    }
    this.fields.set(name, value);
  }

  #word(expected: RegExp, pattern: string): string {
    const match = expected.exec(this.#source.slice(this.#at));
    if (match === null) throw this.#bad(this.#source.slice(this.#at), pattern);
    this.#at += match[0].length;
    return match[0];
  }

  #bad(found: string, pattern: string): Error {
    return runtimeError(`invalid value "${found.slice(0, 20)}" for "${pattern}"`, '22007');
  }
}

function offset(word: string): TimeZone {
  const [hours, minutes = '0'] = word.split(':') as [string, string?];
  const sign = word.startsWith('-') ? -1 : 1;
  const seconds = sign * (Math.abs(Number(hours)) * 3600 + Number(minutes) * 60);
  return { offsetAt: () => seconds };
}

/** Years of fewer than four digits lie around 2020. */
function fullYear(value: number, digits: number): number {
  if (digits >= 4) return value;
  if (value < 70) return value + 2000;
  if (value < 100) return value + 1900;
  if (value < 520) return value + 2000;
  return value < 1000 ? value + 1000 : value;
}

function outOfRange(source: string): Error {
  return runtimeError(`date/time field value out of range: "${source}"`, '22008');
}

function daysOf(reader: CharReader, source: string): number {
  const { fields, isBc } = reader;
  const get = (name: string) => fields.get(name);
  const julian = get('J');
  if (julian !== undefined) return julian - 2_440_588;
  const isoYear = get('IYYY');
  if (isoYear !== undefined || get('IW') !== undefined) {
    const year = isoYear ?? 1;
    const start = daysFromCivil({ year, month: 1, day: 4 });
    const monday = start - ((((start + 3) % 7) + 7) % 7);
    if (get('IDDD') !== undefined) return monday + get('IDDD')! - 1;
    const day = get('ID') ?? 1;
    const days = monday + ((get('IW') ?? 1) - 1) * 7 + day - 1;
    if ((get('IW') ?? 1) > 53 || isoWeek(monday).year !== year) throw outOfRange(source);
    return days;
  }
  let year = get('YYYY') ?? 0;
  const century = get('CC');
  if (century !== undefined && get('YYYY') === undefined) year = (century - 1) * 100 + 1;
  if (isBc) year = year > 0 ? 1 - year : year;
  const dayOfYear = get('DDD');
  if (dayOfYear !== undefined && get('MM') === undefined) {
    if (dayOfYear < 1 || dayOfYear > 366) throw outOfRange(source);
    return daysFromCivil({ year, month: 1, day: 1 }) + dayOfYear - 1;
  }
  if (get('WW') !== undefined && get('MM') === undefined) {
    return daysFromCivil({ year, month: 1, day: 1 }) + (get('WW')! - 1) * 7;
  }
  const month = get('MM') ?? 1;
  const day = get('DD') ?? (get('W') === undefined ? 1 : (get('W')! - 1) * 7 + 1);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    throw outOfRange(source);
  }
  return daysFromCivil({ year, month, day });
}

function timeOf({ fields, isPm }: CharReader, source: string): bigint {
  const ofDay = fields.get('SSSS');
  const micros = BigInt(fields.get('US') ?? 0);
  if (ofDay !== undefined) return BigInt(ofDay) * 1_000_000n + micros;
  let hour = fields.get('HH24') ?? fields.get('HH') ?? 0;
  const minute = fields.get('MI') ?? 0;
  const second = fields.get('SS') ?? 0;
  const isTwelve = fields.get('HH') !== undefined && fields.get('HH24') === undefined;
  if (isTwelve) {
    if (hour < 1 || hour > 12) {
      throw runtimeError(`hour "${hour}" is invalid for the 12-hour clock`, '22007');
    }
    if (isPm === true && hour < 12) hour += 12;
    else if (isPm !== true && isPm !== undefined && hour === 12) hour = 0;
  }
  if (hour > 24 || minute > 59 || second > 59 || (hour === 24 && minute + second > 0)) {
    throw outOfRange(source);
  }
  return BigInt((hour * 60 + minute) * 60 + second) * 1_000_000n + micros;
}

/** Throws SQL_RUNTIME 22007 or 22008. */
export function dateFromChar(source: string, format: string): number {
  const reader = new CharReader(source);
  reader.read(format);
  return daysOf(reader, source);
}

/** Without a zone in the text: UTC. */
export function timestampFromChar(source: string, format: string): bigint {
  const reader = new CharReader(source);
  reader.read(format);
  const local = BigInt(daysOf(reader, source)) * microsPerDay + timeOf(reader, source);
  return reader.zone === undefined ? local : localToUtc(reader.zone, local);
}
