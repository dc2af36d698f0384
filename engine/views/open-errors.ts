import { limits } from '../../platform/limits.ts';
import { toText } from '../../sql/columns/text.ts';
import type { RowError } from '../dataflow/linear.ts';

/**
 * Errors of a query that are not its last word: between two portions of its input an operator may
 * hold a row that the next portion takes back, and the row's error with it.
 */
export class OpenErrors {
  readonly #byRow = new Map<string, { readonly first: RowError; weight: number }>();

  add(errors: readonly RowError[]): void {
    for (const error of errors) {
      const key = keyOf(error);
      const known = this.#byRow.get(key) ?? { first: error, weight: 0 };
      known.weight += error.weight;
      if (known.weight === 0) this.#byRow.delete(key);
      else this.#byRow.set(key, known);
    }
    if (this.#byRow.size > limits.openErrorsMax) this.throwAny();
  }

  get isEmpty(): boolean {
    return this.#byRow.size === 0;
  }

  /** Throws SQL_RUNTIME of the first row that has failed for good. */
  throwAny(): void {
    for (const { first, weight } of this.#byRow.values()) if (weight > 0) throw first.error;
  }
}

function keyOf({ error, row }: RowError): string {
  const cells = row.map(({ type, value }) => (value === null ? null : toText(type, value)));
  return JSON.stringify([error.sqlState, error.message, cells]);
}
