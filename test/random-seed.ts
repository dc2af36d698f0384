/**
 * The seed of a file's random tests: another one each time, unless SEED gives it. Tests say it in
 * their names, so that what failed can be run again.
 */
export const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
