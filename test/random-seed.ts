/**
 * The seed of a file's random tests: the same one each time, so that a landing is judged by what it
 * changed and not by luck; SEED gives another (`SEED=$RANDOM npx vitest run`). Tests say it in their
 * names, so that what failed can be run again.
 */
export const seed = Number(process.env.SEED ?? 20261126);
