import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import { dateToText, timestampToText, timestamptzToText, timeToText } from './datetime.ts';
import {
  dateFromText,
  timeFromText,
  timestampFromText,
  timestamptzFromText,
} from './datetime-text.ts';
import {
  decimalFromText,
  decimalToText,
  divideRounded,
  isNotANumber,
  isSpecial,
  powerOfTen,
  rescale,
} from './decimal.ts';
import { int64Max, int64Min } from './i64.ts';
import { intervalFromText, intervalToText } from './interval.ts';
import { Json } from './json.ts';
import { arrayFromText, arrayToText, recordFromText, recordToText } from './nested-text.ts';
import { typeName } from './type-name.ts';
import type { Decimal, Interval, SqlArray, SqlRecord, SqlType, SqlValue } from './types.ts';
import { uuidFromText, uuidToText } from './uuid.ts';

/** A value as PostgreSQL prints it (DateStyle ISO, bytea_output hex). `value` is not null. */
export function toText(type: SqlType, value: SqlValue): string {
  assert(value !== null, 'NULL has no text');
  switch (type.kind) {
    case 'boolean':
      return value === true ? 't' : 'f';
    case 'smallint':
    case 'integer':
    case 'bigint':
      return String(value);
    case 'real':
      return floatToText(shortestFloat32(value as number));
    case 'double':
      return floatToText(String(value));
    case 'numeric':
      return decimalToText(value as Decimal);
    case 'text':
    case 'varchar':
    case 'unknown':
      return value as string;
    case 'char':
      return type.length === undefined ? (value as string) : padded(value as string, type.length);
    case 'uuid':
      return uuidToText(value as Uint8Array);
    case 'jsonb':
      return (value as Json).toString();
    case 'array':
      return arrayToText(type, value as SqlArray);
    case 'record':
      return recordToText(type, value as SqlRecord);
    case 'bytea':
      return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`;
    case 'date':
      return dateToText(value as number);
    case 'time':
      return timeToText(value as bigint);
    case 'timestamp':
      return timestampToText(value as bigint);
    case 'timestamptz':
      return timestamptzToText(value as bigint);
    case 'interval':
      return intervalToText(value as Interval);
  }
}

/** JavaScript's shortest round-trip digits in PostgreSQL's form: `1e+21`, `1e-07`, `NaN`. */
function floatToText(text: string): string {
  if (text === '0') return '0';
  const value = Number(text);
  if (Object.is(value, -0)) return '-0';
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  if (match === null) return text;
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match;
  // PostgreSQL switches to an exponent at 1e15 and below 1e-4, JavaScript at 1e21 and 1e-6.
  const digits = (whole + fraction).replace(/^0+/, '');
  const leadingZeros = (whole + fraction).length - digits.length;
  const exponent = whole.length - 1 - leadingZeros + Number(exponentText);
  if (exponent >= 15 || exponent < -4) {
    const mantissa = digits.replace(/0+$/, '');
    const tail = mantissa.length > 1 ? `.${mantissa.slice(1)}` : '';
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa[0]}${tail}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  if (exponentText === '0') return text;
  return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
}

function shortestFloat32(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/**
 * The value that PostgreSQL's input function reads from the text, with length and precision of
 * the type applied. Throws SQL_RUNTIME with PostgreSQL's SQLSTATE.
 */
export function fromText(type: SqlType, text: string): SqlValue {
  switch (type.kind) {
    case 'boolean':
      return booleanFromText(text);
    case 'smallint':
      return Number(integerFromText(type, text, -32_768n, 32_767n));
    case 'integer':
      return Number(integerFromText(type, text, -(2n ** 31n), 2n ** 31n - 1n));
    case 'bigint':
      return integerFromText(type, text, int64Min, int64Max);
    case 'real':
    case 'double':
      return floatFromText(type, text);
    case 'numeric': {
      const value = decimalFromText(text.trim());
      if (value === undefined) throw invalidInput(type, text);
      return fitDecimal(type, value);
    }
    case 'text':
    case 'unknown':
      return text;
    case 'varchar':
      return fitText(type, text);
    case 'char':
      return withoutBlanks(fitText(type, text));
    case 'uuid':
      return uuidFromText(text);
    case 'jsonb':
      return Json.parse(text);
    case 'array':
      return arrayFromText(type, text);
    case 'record':
      return recordFromText(type, text);
    case 'bytea':
      return byteaFromText(text);
    case 'date':
      return dateFromText(text);
    case 'time':
      return fitMicros(type, timeFromText(text));
    case 'timestamp':
      return fitMicros(type, timestampFromText(text));
    case 'timestamptz':
      return fitMicros(type, timestamptzFromText(text));
    case 'interval': {
      const value = intervalFromText(text);
      return { ...value, micros: fitMicros(type, value.micros) };
    }
  }
}

/** Applies the precision of a time: rounds half away from zero, or from 2000 for timestamps. */
export function fitMicros(
  type: SqlType & { readonly kind: 'time' | 'timestamp' | 'timestamptz' | 'interval' },
  micros: bigint,
): bigint {
  if (type.precision === undefined || type.precision >= 6) return micros;
  const unit = 10n ** BigInt(6 - type.precision);
  const origin = type.kind === 'timestamp' || type.kind === 'timestamptz' ? year2000Micros : 0n;
  return divideRounded(micros - origin, unit) * unit + origin;
}

const year2000Micros = 946_684_800_000_000n;

/** Applies numeric(p,s): rounds half away from zero, 22003 when the digits do not fit. It has NaN. */
export function fitDecimal(type: SqlType & { readonly kind: 'numeric' }, value: Decimal): Decimal {
  if (type.precision === undefined || isNotANumber(value)) return value;
  if (isSpecial(value)) {
    throw new MillraceError('SQL_RUNTIME', 'numeric field overflow', {
      sqlState: '22003',
      hint: `A field with precision ${type.precision}, scale ${type.scale ?? 0} cannot hold an infinite value.`,
    });
  }
  const fitted = rescale(value, type.scale ?? 0);
  const bound = powerOfTen(type.precision);
  if (fitted.unscaled >= bound || fitted.unscaled <= -bound) {
    throw new MillraceError('SQL_RUNTIME', 'numeric field overflow', {
      sqlState: '22003',
      hint: `A field with precision ${type.precision}, scale ${type.scale ?? 0} must round to an absolute value less than 10^${type.precision - (type.scale ?? 0)}.`,
    });
  }
  return fitted;
}

/** A char(n) as it is shown. */
function padded(text: string, length: number): string {
  let missing = length;
  for (const _ of text) missing--;
  return text + ' '.repeat(Math.max(0, missing));
}

/** A char as it is kept: its trailing blanks mean nothing. */
export function withoutBlanks(text: string): string {
  return text.endsWith(' ') ? text.replace(/ +$/, '') : text;
}

/** Applies varchar(n) and char(n) as an assignment does: only spaces may be cut. */
export function fitText(
  type: SqlType & { readonly kind: 'varchar' | 'char' },
  text: string,
): string {
  if (type.length === undefined || text.length <= type.length) return text;
  const characters = [...text];
  if (characters.length <= type.length) return text;
  if (characters.slice(type.length).some((character) => character !== ' ')) {
    throw new MillraceError('SQL_RUNTIME', `value too long for type ${typeName(type)}`, {
      sqlState: '22001',
    });
  }
  return characters.slice(0, type.length).join('');
}

function booleanFromText(text: string): boolean {
  const word = text.trim().toLowerCase();
  const isPrefix = (whole: string, least: number) => word.length >= least && whole.startsWith(word);
  if (word === '1' || word === 'on' || isPrefix('true', 1) || isPrefix('yes', 1)) return true;
  if (word === '0' || isPrefix('off', 2) || isPrefix('false', 1) || isPrefix('no', 1)) return false;
  throw invalidInput({ kind: 'boolean' }, text);
}

function integerFromText(type: SqlType, text: string, least: bigint, most: bigint): bigint {
  const trimmed = text.trim().replace(/(?<=[\da-f])_(?=[\da-f])/gi, '');
  const match = /^([+-]?)(\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.exec(trimmed);
  if (match === null) throw invalidInput(type, text);
  const size = match[2]!.length > 80 ? most + 2n : BigInt(match[2]!);
  const value = match[1] === '-' ? -size : size;
  if (value < least || value > most) {
    throw new MillraceError(
      'SQL_RUNTIME',
      `value "${text}" is out of range for type ${typeName(type)}`,
      { sqlState: '22003' },
    );
  }
  return value;
}

function floatFromText(type: SqlType, text: string): number {
  const word = text.trim();
  const special = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(word);
  if (special !== null) {
    if (special[2]!.toLowerCase() === 'nan') return Number.NaN;
    return special[1] === '-' ? -Infinity : Infinity;
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) throw invalidInput(type, text);
  const value = type.kind === 'real' ? Math.fround(Number(word)) : Number(word);
  const isZeroText = /^[+-]?[0.]*(e|$)/i.test(word);
  if (!Number.isFinite(value) || (value === 0 && !isZeroText)) {
    throw new MillraceError('SQL_RUNTIME', `"${text}" is out of range for type ${typeName(type)}`, {
      sqlState: '22003',
    });
  }
  return value;
}

function byteaFromText(text: string): Uint8Array {
  if (text.startsWith('\\x')) {
    const hex = text.slice(2).replace(/\s+/g, '');
    if (hex.length % 2 === 1 || !/^[0-9a-fA-F]*$/.test(hex)) {
      throw invalidInput({ kind: 'bytea' }, text);
    }
    return new Uint8Array(Buffer.from(hex, 'hex'));
  }
  const bytes: number[] = [];
  const source = Buffer.from(text, 'utf8');
  for (let at = 0; at < source.length; at++) {
    if (source[at] !== 92) {
      bytes.push(source[at]!);
    } else if (source[at + 1] === 92) {
      bytes.push(92);
      at++;
    } else {
      const octal = source.toString('latin1', at + 1, at + 4);
      if (!/^[0-3][0-7]{2}$/.test(octal)) throw invalidInput({ kind: 'bytea' }, text);
      bytes.push(Number.parseInt(octal, 8));
      at += 3;
    }
  }
  return Uint8Array.from(bytes);
}

function invalidInput(type: SqlType, text: string): MillraceError {
  return new MillraceError(
    'SQL_RUNTIME',
    `invalid input syntax for type ${typeName(type)}: "${text}"`,
    { sqlState: '22P02' },
  );
}
