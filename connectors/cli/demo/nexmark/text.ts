import { Draws, textDomain } from './draws.ts';

/** Letters that `extra` columns are cut from, so that a long filler costs one draw. */
const poolLetters = 64 * 1024;
let pool: string | undefined;

function letters(): string {
  if (pool === undefined) {
    const draws = new Draws(0, textDomain, 0);
    const bytes = Uint8Array.from({ length: poolLetters }, () => 97 + draws.below(26));
    pool = new TextDecoder().decode(bytes);
  }
  return pool;
}

/**
 * Filler that brings a record of `currentBytes` to `averageBytes`, give or take a fifth of what
 * is missing; empty when nothing is.
 */
export function extraText(draws: Draws, currentBytes: number, averageBytes: number): string {
  if (currentBytes > averageBytes) return '';
  const missing = averageBytes - currentBytes;
  const delta = Math.round(missing * 0.2);
  const size = missing - delta + (delta === 0 ? 0 : draws.below(2 * delta));
  const start = draws.below(poolLetters - size);
  return letters().slice(start, start + size);
}

/** `YYYY-MM-DD HH:MM:SS.mmm` in UTC, for years 0 to 9999. */
export function timestampText(timeMs: number): string {
  const iso = new Date(timeMs).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
}
