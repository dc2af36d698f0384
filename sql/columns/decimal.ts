import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Decimal } from './types.ts';

/**
 * Exact decimals: an unscaled integer and a scale. A cell holds limits.numericDigitsMax digits in 128
 * bits (`checkedDecimal`); + - * / and literals give what PostgreSQL gives (`boundedNumeric`).
 * The scale is PostgreSQL's display scale: kept for printing, ignored by comparison.
 */
/** NaN and the infinities have this scale, and 2n, 1n or -1n in place of digits: so they sort. */
const specialScale = -1;
/** `specialScale` in a cell's scales. */
export const specialByte = 255;

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
for (let exponent = 0; exponent <= 2 * limits.numericDigitsMax + 2; exponent++) {
  powers.push(10n ** BigInt(exponent));
}

export function powerOfTen(exponent: number): bigint {
  return powers[exponent] ?? 10n ** BigInt(exponent);
}

const unscaledMax = powerOfTen(limits.numericDigitsMax);

/** Throws SQL_RUNTIME 22003 when the value has too many digits; gives it back otherwise. */
export function checkedDecimal(unscaled: bigint, scale: number): Decimal {
  if (unscaled >= unscaledMax || unscaled <= -unscaledMax || scale > limits.numericDigitsMax) {
    throw new MillraceError(
      'SQL_RUNTIME',
      `numeric value has more than ${limits.numericDigitsMax} digits`,
      { sqlState: '22003' },
    );
  }
  return { unscaled, scale };
}

/** PostgreSQL's numeric.c: digits before and behind the point. */
const wholeDigitsMax = 131_072;
export const displayScaleMax = 16_383;
/** Fewer hexadecimal digits than 10^131072 has. */
const wholeHexMin = 108_853;

/**
 * What an expression computes on its way to a cell: bounded as PostgreSQL's numeric, not as our
 * cells. Throws SQL_RUNTIME 22003 beyond.
 */
export function boundedNumeric(unscaled: bigint, scale: number): Decimal {
  const isPlain = unscaled < unscaledMax && unscaled > -unscaledMax;
  if (scale > displayScaleMax || (!isPlain && hasTooManyDigits(unscaled, scale))) throw overflow();
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

/** Writes a cell, unchecked: the caller knows that the value fits 128 bits. */
export function writeDecimal(unscaled: bigint, words: Int32Array, row: number): void {
  const at = 4 * row;
  words[at] = Number(BigInt.asIntN(32, unscaled));
  words[at + 1] = Number(BigInt.asIntN(32, unscaled >> 32n));
  words[at + 2] = Number(BigInt.asIntN(32, unscaled >> 64n));
  words[at + 3] = Number(BigInt.asIntN(32, unscaled >> 96n));
}

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
export function decimalAt(
  { words, scales }: { readonly words: Int32Array; readonly scales: Uint8Array },
  row: number,
): Decimal {
  const scale = scales[row]!;
  return { unscaled: unscaledAt(words, row), scale: scale === specialByte ? specialScale : scale };
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

/** numeric.c, NUMERIC_MAX_DISPLAY_SCALE. */
const quotientScaleMax = 1000;

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
  return Math.min(scale, quotientScaleMax);
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
  if (scale > limits.numericDigitsMax) {
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

/**
 * A number of a JSON text, which may have more digits than a numeric column holds. Throws 22003
 * when even PostgreSQL has no such number.
 */
export function decimalFromJson(text: string): Decimal {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  if (Math.abs(scale) > wholeDigitsMax || text.length > wholeDigitsMax) {
    throw overflow();
  }
  const unscaled = BigInt(whole + fraction);
  return scale < 0 ? { unscaled: unscaled * powerOfTen(-scale), scale: 0 } : { unscaled, scale };
}

const numberPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/**
 * A number written in a query without a sign. It may have more digits than a column holds, for it
 * may be meant as a double; whoever writes a cell checks. `undefined` when the text is not a number.
 * Throws 22003 when even PostgreSQL has no such numeric.
 */
export function decimalFromLiteral(text: string): Decimal | undefined {
  const match = numberPattern.exec(text);
  if (match === null) return undefined;
  const [, , whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const scale = fraction.length - Number(exponent);
  const isTooLarge = digits !== '' && digits.length - scale > wholeDigitsMax;
  if (isTooLarge || scale > displayScaleMax) {
    throw overflow();
  }
  if (digits === '') return { unscaled: 0n, scale: Math.max(0, scale) };
  const unscaled = BigInt(digits);
  return scale < 0 ? { unscaled: unscaled * powerOfTen(-scale), scale: 0 } : { unscaled, scale };
}

const infinityPattern = /^([+-]?)inf(?:inity)?$/i;

function specialFromText(text: string): Decimal | undefined {
  if (/^nan$/i.test(text)) return notANumber;
  const match = infinityPattern.exec(text);
  return match === null ? undefined : match[1] === '-' ? minusInfinity : infinity;
}

/**
 * Also NaN and infinities. `undefined` when the text is not a number. Throws 22003 when it has too
 * many digits.
 */
export function decimalFromText(text: string): Decimal | undefined {
  const match = numberPattern.exec(text);
  if (match === null) return specialFromText(text);
  const [, sign, whole = '', fraction = '', exponentText] = match;
  if (whole === '' && fraction === '') return undefined;
  const exponent = exponentText === undefined ? 0 : Number(exponentText);
  const scale = fraction.length - exponent;
  if (scale < -limits.numericDigitsMax) {
    if (/^0*$/.test(whole + fraction)) return { unscaled: 0n, scale: 0 };
    return checkedDecimal(unscaledMax, 0);
  }
  let unscaled = BigInt(whole + fraction);
  if (sign === '-') unscaled = -unscaled;
  if (scale < 0) return checkedDecimal(unscaled * powerOfTen(-scale), 0);
  return checkedDecimal(unscaled, scale);
}
