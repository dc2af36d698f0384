import type { Draws } from './draws.ts';

/** Log-uniform from 100 to 100,000,000. */
export function drawPrice(draws: Draws): number {
  return Math.round(10 ** (draws.float() * 6) * 100);
}
