import { decimalFromText } from '../columns/decimal.ts';
import type { Decimal, Interval, SqlValue } from '../columns/types.ts';
import { checkedDate, checkedTimestamp } from './dates.ts';
import { dateFromChar, timestampFromChar } from './from-char.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';
import { decimalToChar, doubleToChar, numberFromChar } from './number-format.ts';
import { intervalToChar } from './to-char.ts';

/** to_char of numbers and intervals, to_number, to_date, to_timestamp (documentation 9.8). */

const text = (value: SqlValue | undefined) => value as string;

function ofInteger(value: SqlValue | undefined): Decimal {
  return { unscaled: BigInt(value as number | bigint), scale: 0 };
}

function toNumber(source: string, format: string): SqlValue {
  if (format === '') return null;
  const value = decimalFromText(numberFromChar(source, format) ?? '');
  if (value === undefined) {
    throw runtimeError(`invalid input syntax for type numeric: "${source}"`, '22P02');
  }
  return value;
}

export const formats: readonly ScalarFunction[] = [
  ...['integer', 'bigint'].map((kind) =>
    define(`to_char(${kind}, text) text`, ([a, format]) =>
      format === '' ? '' : decimalToChar(ofInteger(a), text(format)),
    ),
  ),
  define('to_char(numeric, text) text', ([a, format]) =>
    format === '' ? '' : decimalToChar(a as Decimal, text(format)),
  ),
  define('to_char(double precision, text) text', ([a, format]) =>
    format === '' ? '' : doubleToChar(a as number, text(format)),
  ),
  define('to_char(real, text) text', ([a, format]) =>
    format === '' ? '' : doubleToChar(a as number, text(format), 6),
  ),
  define('to_char(interval, text) text', ([a, format]) =>
    intervalToChar(a as Interval, text(format)),
  ),
  define('to_number(text, text) numeric', ([a, format]) => toNumber(text(a), text(format))),
  define('to_date(text, text) date', ([a, format]) =>
    checkedDate(dateFromChar(text(a), text(format))),
  ),
  define('to_timestamp(text, text) timestamp with time zone', ([a, format]) =>
    checkedTimestamp(timestampFromChar(text(a), text(format))),
  ),
];
