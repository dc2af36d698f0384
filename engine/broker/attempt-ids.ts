import type { Claim } from './claims.ts';

/** What one pop took from one queue, whose cursor has the name. */
export interface PopTrace {
  readonly name: string;
  readonly topicId: number;
  readonly claims: readonly Claim[];
}

/** The last pops by attempt id; the oldest are forgotten. */
export class AttemptIds {
  readonly #max: number;
  readonly #traces = new Map<string, PopTrace[]>();

  constructor(max: number) {
    this.#max = max;
  }

  add(attemptId: string, traces: readonly PopTrace[]): void {
    if (traces.length === 0) return;
    this.#traces.set(attemptId, [...(this.#traces.get(attemptId) ?? []), ...traces]);
    if (this.#traces.size > this.#max) this.#traces.delete(this.#traces.keys().next().value!);
  }

  /** What the attempt took; it is forgotten. */
  take(attemptId: string): readonly PopTrace[] {
    const traces = this.#traces.get(attemptId) ?? [];
    this.#traces.delete(attemptId);
    return traces;
  }
}
