/** Tells the application what went wrong. What it throws is ignored: nobody else could be told. */
export function tellError(onError: ((error: unknown) => void) | undefined, error: unknown): void {
  try {
    onError?.(error);
  } catch {
    // What is under way goes on.
  }
}
