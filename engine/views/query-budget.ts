import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { sizeOf } from '../dataflow/meter.ts';
import type { Operator } from '../dataflow/operator.ts';

/** Measuring walks over the state: it is done once in so many portions. */
const portionsPerCheck = 16;

/** What one ad-hoc query may take. It is checked between portions of its input. */
export class QueryBudget {
  readonly #clock: Clock;
  readonly #endMs: number;
  readonly #timeMs: number;
  readonly #stateBytes: number;
  #portions = 0;

  constructor(
    clock: Clock,
    { timeMs = limits.queryTimeMs, stateBytes = limits.queryStateBytesMax } = {},
  ) {
    this.#clock = clock;
    this.#timeMs = timeMs;
    this.#endMs = clock.monotonicMs() + timeMs;
    this.#stateBytes = stateBytes;
  }

  /** Throws RESOURCE_LIMIT: 57014 for the time, 53200 for the memory. */
  check(operators: Operator): void {
    if (this.#clock.monotonicMs() > this.#endMs) {
      throw new MillraceError(
        'RESOURCE_LIMIT',
        `canceling statement due to statement timeout (${this.#timeMs} ms)`,
        { sqlState: '57014', hint: 'SET statement_timeout allows more; a view is kept current.' },
      );
    }
    if (this.#portions++ % portionsPerCheck !== 0) return;
    const { bytes } = sizeOf(operators);
    if (bytes <= this.#stateBytes) return;
    throw new MillraceError(
      'RESOURCE_LIMIT',
      `the query's state takes ${bytes} bytes, more than ${this.#stateBytes}`,
      { sqlState: '53200', hint: 'Filter earlier; SET query_memory allows more.' },
    );
  }
}

export function cancelled(): MillraceError {
  return new MillraceError('CANCELLED', 'the query was cancelled');
}
