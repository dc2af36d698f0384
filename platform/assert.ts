/**
 * Thrown when Millrace itself is wrong. Never caught to continue: the process or the worker stops.
 * The world's mistakes (bad SQL, full disk, unknown topic) are `MillraceError`s instead.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Checks an invariant of our own code; stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks a place that no correct program reaches; the `never` makes switches exhaustive. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
