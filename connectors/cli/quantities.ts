import { MillraceError } from '../../platform/errors.ts';

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** `90s`, `7d` in milliseconds. Throws INVALID_ARGUMENT. */
export function parseDurationMs(text: string): number {
  return parse(text, durationUnits, 'a duration such as 90s, 15m, 24h or 7d');
}

/** `64MiB` in bytes; a number alone is bytes. Throws INVALID_ARGUMENT. */
export function parseSizeBytes(text: string): number {
  const whole = /^\d+$/.test(text) ? `${text}B` : text;
  return parse(whole, sizeUnits, 'a size such as 500MiB or 10GiB');
}

/** A quantity, or `none`. */
export function orNone(parse: (text: string) => number): (text: string) => number | 'none' {
  return (text) => (text === 'none' ? text : parse(text));
}

function parse(text: string, units: Readonly<Record<string, number>>, what: string): number {
  const match = /^(\d+)([A-Za-z]+)$/.exec(text);
  const unit = match !== null && Object.hasOwn(units, match[2]!) ? units[match[2]!]! : Number.NaN;
  const value = Number(match?.[1]) * unit;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new MillraceError('INVALID_ARGUMENT', `"${text}" is not ${what}`);
}
