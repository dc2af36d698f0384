import { MillraceError } from '../../platform/errors.ts';
import type { Decimal } from './types.ts';
import { type DecimalCells, plainDigits, specialByte, wideAt, wideByte } from './wide-decimal.ts';

/**
 * Exact decimals: an unscaled integer and a scale, bounded as PostgreSQL's (`boundedNumeric`); how
 * they lie in cells is in wide-decimal.ts. The scale is PostgreSQL's display scale: kept for
 * printing, ignored by comparison.
 */
/** NaN and the infinities have this scale, and 2n, 1n or -1n in place of digits: so they sort. */
const specialScale = -1;

export const notANumber: Decimal = { unscaled: 2n, scale: specialScale };
export const infinity: Decimal = { unscaled: 1n, scale: specialScale };
export const minusInfinity: Decimal = { unscaled: -1n, scale: specialScale };

/** NaN or an infinity: there is no arithmetic with its parts. */
export function isSpecial({ scale }: Decimal): boolean {
  return scale === specialScale;
}

export function isNotANumber({ unscaled, scale }: Decimal): boolean {
  return scale === specialScale && unscaled === 2n;
}

const powers: bigint[] = [];
for (let exponent = 0; exponent <= 2 * plainDigits + 2; exponent++) {
  powers.push(10n ** BigInt(exponent));
}

export function powerOfTen(exponent: number): bigint {
  return powers[exponent] ?? 10n ** BigInt(exponent);
}

/** PostgreSQL's numeric.c: digits before and behind the point. */
export const wholeDigitsMax = 131_072;
const plainMax = powerOfTen(plainDigits);
export const displayScaleMax = 16_383;
/** Fewer hexadecimal digits than 10^131072 has. */
const wholeHexMin = 108_853;

/** Throws SQL_RUNTIME 22003 when PostgreSQL has no such numeric; gives it back otherwise. */
export function boundedNumeric(unscaled: bigint, scale: number): Decimal {
  const isShort = unscaled < plainMax && unscaled > -plainMax;
  if (scale > displayScaleMax || (!isShort && hasTooManyDigits(unscaled, scale))) throw overflow();
  return { unscaled, scale };
}

function hasTooManyDigits(unscaled: bigint, scale: number): boolean {
  const magnitude = unscaled < 0n ? -unscaled : unscaled;
  if (magnitude.toString(16).length < wholeHexMin) return false;
  return magnitude >= powerOfTen(wholeDigitsMax + scale);
}

function overflow(): MillraceError {
  return new MillraceError('SQL_RUNTIME', 'value overflows numeric format', { sqlState: '22003' });
}

/** The unscaled value of a plain cell; NaN and the infinities have their number. */
export function unscaledAt(words: Int32Array, row: number): bigint {
  const at = 4 * row;
  const low = (BigInt(words[at + 1]! >>> 0) << 32n) | BigInt(words[at]! >>> 0);
  const sign = words[at + 1]! >> 31;
  // Most values fit 64 bits: then the upper words repeat the sign.
  if (words[at + 2] === sign && words[at + 3] === sign) return BigInt.asIntN(64, low);
  const high = (BigInt(words[at + 3]!) << 32n) | BigInt(words[at + 2]! >>> 0);
  return (high << 64n) | low;
}

/** The value of a cell that is not NULL. */
export function decimalAt(cells: DecimalCells, row: number): Decimal {
  const scale = cells.scales[row]!;
  if (scale === wideByte) return wideAt(cells, row);
  return {
    unscaled: unscaledAt(cells.words, row),
    scale: scale === specialByte ? specialScale : scale,
  };
}

/** Rounds half away from zero, as PostgreSQL's numeric does; NaN and infinities stay. */
export function rescale({ unscaled, scale }: Decimal, target: number): Decimal {
  if (target === scale || scale === specialScale) return { unscaled, scale };
  if (target > scale) return { unscaled: unscaled * powerOfTen(target - scale), scale: target };
  return { unscaled: divideRounded(unscaled, powerOfTen(scale - target)), scale: target };
}

/** Quotient rounded half away from zero; `divisor` is not 0. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const left = dividend < 0n ? -dividend : dividend;
  const right = divisor < 0n ? -divisor : divisor;
  const quotient = (2n * left + right) / (2n * right);
  return negative ? -quotient : quotient;
}

/** The largest scale that a division or function chooses: numeric.c, NUMERIC_MAX_DISPLAY_SCALE. */
export const chosenScaleMax = 1000;

/**
 * PostgreSQL's scale of a quotient (numeric.c, select_div_scale): at least 16 significant digits,
 * reckoned in its base-10000 digits, and no fewer than either operand shows.
 */
export function quotientScale(dividend: Decimal, divisor: Decimal): number {
  const left = leadingDigit(dividend);
  const right = leadingDigit(divisor);
  let weight = left.weight - right.weight;
  if (left.digit <= right.digit) weight--;
  const scale = Math.max(16 - 4 * weight, dividend.scale, divisor.scale, 0);
  return Math.min(scale, chosenScaleMax);
}

/** First nonzero base-10000 digit and its power of 10000. */
export function leadingDigit({ unscaled, scale }: Decimal): { weight: number; digit: number } {
  if (unscaled === 0n) return { weight: 0, digit: 0 };
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const exponent = digits.length - scale - 1;
  const weight = Math.floor(exponent / 4);
  const shown = exponent - 4 * weight + 1;
  return { weight, digit: Number(digits.slice(0, shown).padEnd(shown, '0')) };
}

/** `divisor` is not 0. Throws 22003 when PostgreSQL has no such numeric. */
export function divideDecimals(dividend: Decimal, divisor: Decimal): Decimal {
  const scale = quotientScale(dividend, divisor);
  const shift = scale + divisor.scale - dividend.scale;
  const unscaled =
    shift >= 0
      ? divideRounded(dividend.unscaled * powerOfTen(shift), divisor.unscaled)
      : divideRounded(dividend.unscaled, divisor.unscaled * powerOfTen(-shift));
  return boundedNumeric(unscaled, scale);
}

/** PostgreSQL's order: NaN is equal to itself and above Infinity. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  if (isSpecial(left) || isSpecial(right)) return specialRank(left) - specialRank(right);
  let a = left.unscaled;
  let b = right.unscaled;
  if (left.scale < right.scale) a *= powerOfTen(right.scale - left.scale);
  else if (right.scale < left.scale) b *= powerOfTen(left.scale - right.scale);
  return a < b ? -1 : a > b ? 1 : 0;
}

const specialRank = (value: Decimal) => (isSpecial(value) ? Number(value.unscaled) : 0);

const zeroDigit = 48;

/** Without trailing zeros: equal numbers have one form. For hashing and keys. */
export function normalized({ unscaled, scale }: Decimal): Decimal {
  if (unscaled === 0n) return { unscaled, scale: 0 };
  // Digit by digit would be quadratic in the long numbers that jsonb may hold.
  if (scale > plainDigits) {
    const digits = unscaled.toString();
    let zeros = 0;
    while (zeros < scale && digits.charCodeAt(digits.length - 1 - zeros) === zeroDigit) zeros++;
    return { unscaled: unscaled / powerOfTen(zeros), scale: scale - zeros };
  }
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return { unscaled, scale };
}

export function decimalToText({ unscaled, scale }: Decimal): string {
  if (scale === specialScale) {
    return unscaled === 2n ? 'NaN' : unscaled === 1n ? 'Infinity' : '-Infinity';
  }
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`;
  return negative ? `-${text}` : text;
}

/** Digits, sign, point and exponent. */
const jsonTextMax = wholeDigitsMax + displayScaleMax + 16;

/** A number of a JSON text. Throws 22003 when PostgreSQL has no such number. */
export function decimalFromJson(text: string): Decimal {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  if (scale > displayScaleMax || scale < -wholeDigitsMax || text.length > jsonTextMax) {
    throw overflow();
  }
  const unscaled = BigInt(whole + fraction);
  if (scale >= 0) return boundedNumeric(unscaled, scale);
  return boundedNumeric(unscaled * powerOfTen(-scale), 0);
}

const numberPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/**
 * A number written in a query without a sign. `undefined` when the text is not a number. Throws
 * 22003 when PostgreSQL has no such numeric.
 */
export function decimalFromLiteral(text: string): Decimal | undefined {
  const match = numberPattern.exec(text);
  return match === null ? undefined : decimalOf(match);
}

function decimalOf([, sign, whole = '', fraction = '', exponent]: RegExpExecArray): Decimal {
  const digits = (whole + fraction).replace(/^0+/, '');
  const scale = exponent === undefined ? fraction.length : fraction.length - Number(exponent);
  const isTooLarge = digits !== '' && digits.length - scale > wholeDigitsMax;
  if (isTooLarge || scale > displayScaleMax) throw overflow();
  if (digits === '') return { unscaled: 0n, scale: Math.max(0, scale) };
  const magnitude = BigInt(digits);
  const unscaled = sign === '-' ? -magnitude : magnitude;
  return scale < 0 ? { unscaled: unscaled * powerOfTen(-scale), scale: 0 } : { unscaled, scale };
}

const infinityPattern = /^([+-]?)inf(?:inity)?$/i;

function specialFromText(text: string): Decimal | undefined {
  if (/^nan$/i.test(text)) return notANumber;
  const match = infinityPattern.exec(text);
  return match === null ? undefined : match[1] === '-' ? minusInfinity : infinity;
}

/**
 * Also NaN and infinities. `undefined` when the text is not a number. Throws 22003 when PostgreSQL
 * has no such numeric.
 */
export function decimalFromText(text: string): Decimal | undefined {
  const match = numberPattern.exec(text);
  if (match === null) return specialFromText(text);
  return match[2] === '' && (match[3] ?? '') === '' ? undefined : decimalOf(match);
}
