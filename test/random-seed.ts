/**
 * The seed of a file's random tests: another one each time, unless SEED gives it. Tests say it in
 * their names, so that what failed can be run again. What a test expects must not depend on the draw.
 */
export const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
