import {
  infinity,
  isNotANumber,
  isSpecial,
  minusInfinity,
  notANumber,
} from '../columns/decimal.ts';
import type { Decimal } from '../columns/types.ts';
import { runtimeError } from './function.ts';

/**
 * What PostgreSQL's numeric.c computes where an operand is NaN or an infinity: of each function
 * here at least one argument is.
 */
const zero: Decimal = { unscaled: 0n, scale: 0 };
const one: Decimal = { unscaled: 1n, scale: 0 };

const hasNaN = (a: Decimal, b: Decimal) => isNotANumber(a) || isNotANumber(b);
const infinityOf = (isPositive: boolean) => (isPositive ? infinity : minusInfinity);
const divisionByZero = () => runtimeError('division by zero', '22012');

/** Of any numeric. */
export function negated(a: Decimal): Decimal {
  return isNotANumber(a) ? a : { unscaled: -a.unscaled, scale: a.scale };
}

export function specialSum(a: Decimal, b: Decimal): Decimal {
  if (hasNaN(a, b)) return notANumber;
  if (isSpecial(a) && isSpecial(b) && a.unscaled !== b.unscaled) return notANumber;
  return isSpecial(a) ? a : b;
}

export function specialProduct(a: Decimal, b: Decimal): Decimal {
  if (hasNaN(a, b) || a.unscaled === 0n || b.unscaled === 0n) return notANumber;
  return infinityOf(a.unscaled > 0n === b.unscaled > 0n);
}

/** Throws SQL_RUNTIME 22012 for an infinity by 0. */
export function specialQuotient(a: Decimal, b: Decimal): Decimal {
  if (hasNaN(a, b) || (isSpecial(a) && isSpecial(b))) return notANumber;
  if (isSpecial(b)) return zero;
  if (b.unscaled === 0n) throw divisionByZero();
  return infinityOf(a.unscaled > 0n === b.unscaled > 0n);
}

/** Throws SQL_RUNTIME 22012 for an infinity by 0. */
export function specialRemainder(a: Decimal, b: Decimal): Decimal {
  if (hasNaN(a, b)) return notANumber;
  if (!isSpecial(a)) return a;
  if (b.unscaled === 0n) throw divisionByZero();
  return notANumber;
}

/** log(base, a), signs checked: neither is negative or 0. */
export function specialLog(base: Decimal, a: Decimal): Decimal {
  if (hasNaN(a, base) || (isSpecial(a) && isSpecial(base))) return notANumber;
  return isSpecial(a) ? a : zero;
}

export function specialExp(a: Decimal): Decimal {
  return a.unscaled < 0n ? zero : a;
}

/** What is left to PostgreSQL's errors is checked: neither 0 to a negative power nor a complex result. */
export function specialPower(
  base: Decimal,
  exponent: Decimal,
  unit: (scale: number) => bigint,
): Decimal {
  const isOne = (value: Decimal, sign: 1n | -1n) =>
    !isSpecial(value) && value.unscaled === sign * unit(value.scale);
  if (exponent.unscaled === 0n || isOne(base, 1n)) return one;
  if (hasNaN(base, exponent)) return notANumber;
  const isGrowing = exponent.unscaled > 0n;
  if (isSpecial(exponent)) {
    if (base.unscaled === 0n) return zero;
    if (isOne(base, -1n)) return one;
    const size = base.unscaled < 0n ? -base.unscaled : base.unscaled;
    const isLarge = isSpecial(base) || size > unit(base.scale);
    return isLarge === isGrowing ? infinity : zero;
  }
  if (!isGrowing) return zero;
  const isOdd = (exponent.unscaled / unit(exponent.scale)) % 2n !== 0n;
  return infinityOf(base.unscaled > 0n || !isOdd);
}
