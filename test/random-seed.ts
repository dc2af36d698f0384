/**
 * The seed of a file's random tests: the usual one, so that a run says of a change and not of a
 * draw; `SEED=7` gives another, and `SEED=random` (`npm run test:soak`) draws one. Tests say it in
 * their names, so that what failed can be run again. What a test expects must not depend on it.
 */
export function seedOr(usual: number): number {
  const { SEED } = process.env;
  if (SEED === 'random') return Date.now() % 1_000_000;
  return Number(SEED ?? usual);
}

export const seed = seedOr(20261127);
