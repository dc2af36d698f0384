import { plainDigits } from '../columns/wide-decimal.ts';
import type { Emitted, Emitter } from './emit.ts';

/**
 * Decimals as two locals: the unscaled value in a double, exact below 2^53, and the scale. `P` is
 * the table of powers of ten in doubles. A result that is not exact goes to the interpreter.
 */
const exactMax = Number.MAX_SAFE_INTEGER;
/** 10^22 is the largest power of ten that a double holds exactly. */
export const powersOfTen: readonly number[] = Array.from({ length: 40 }, (_, n) =>
  Number(`1e${n}`),
);

const isExact = (value: string) => `${value} <= ${exactMax} && ${value} >= ${-exactMax}`;

export function multiplyDecimals(emitter: Emitter, a: Emitted, b: Emitted): Emitted {
  const scale = emitter.local(`${a.scale} + ${b.scale}`);
  const product = emitter.checked(
    `${a.isNull} || ${b.isNull}`,
    `${a.value} * ${b.value}`,
    (value) => `${isExact(value)} && ${scale} <= ${plainDigits}`,
  );
  return { ...product, form: 'decimal', scale };
}

export function addDecimals(emitter: Emitter, a: Emitted, b: Emitted, sign: '+' | '-'): Emitted {
  const { left, right, scale } = aligned(emitter, a, b);
  const sum = emitter.checked(`${a.isNull} || ${b.isNull}`, `${left} ${sign} ${right}`, isExact);
  return { ...sum, form: 'decimal', scale };
}

export function compareDecimals(emitter: Emitter, a: Emitted, b: Emitted, symbol: string): Emitted {
  const { left, right } = aligned(emitter, a, b);
  return emitter.result('boolean', `${a.isNull} || ${b.isNull}`, `${left} ${symbol} ${right}`);
}

/** Both at the larger scale; rows on which that is not exact are left to the interpreter. */
function aligned(
  emitter: Emitter,
  a: Emitted,
  b: Emitted,
): { left: string; right: string; scale: string } {
  if (a.scale === b.scale) return { left: a.value, right: b.value, scale: a.scale! };
  const scale = emitter.local(`${a.scale} > ${b.scale} ? ${a.scale} : ${b.scale}`);
  const [left, right] = [a, b].map((side) => {
    const isNull = `${a.isNull} || ${b.isNull} || ${side.scale} === ${scale}`;
    const raised = emitter.checked(isNull, `${side.value} * P[${scale} - ${side.scale}]`, isExact);
    return emitter.local(`${side.scale} === ${scale} ? ${side.value} : ${raised.value}`);
  }) as [string, string];
  return { left, right, scale };
}

/** Rounded half away from zero to a scale; beyond ±max the interpreter decides. */
export function roundDecimal(emitter: Emitter, a: Emitted, scale: number, max: number): Emitted {
  const magnitude = emitter.local(`Math.abs(${a.value})`);
  const power = emitter.local(`P[Math.abs(${a.scale} - ${scale})]`);
  const down = `(${magnitude} - ${magnitude} % ${power}) / ${power} + (2 * (${magnitude} % ${power}) >= ${power} ? 1 : 0)`;
  const rounded = emitter.local(`${a.scale} > ${scale} ? ${down} : ${magnitude} * ${power}`);
  const signed = `${a.value} < 0 ? 0 - ${rounded} : ${rounded}`;
  // Beyond 10^22 the power itself is not exact.
  const value = emitter.checked(a.isNull, signed, () => `${rounded} <= ${max} && ${power} <= 1e22`);
  return { ...value, form: 'decimal', scale: String(scale) };
}
