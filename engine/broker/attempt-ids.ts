import type { Claim } from './queue-cursor.ts';

/** What one pop took from one queue. */
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

  add(attemptId: string, trace: PopTrace): void {
    if (trace.claims.length === 0) return;
    const traces = this.#traces.get(attemptId);
    if (traces !== undefined) {
      traces.push(trace);
      return;
    }
    this.#traces.set(attemptId, [trace]);
    if (this.#traces.size > this.#max) this.#traces.delete(this.#traces.keys().next().value!);
  }

  /** What the attempt took; it is forgotten. */
  take(attemptId: string): readonly PopTrace[] {
    const traces = this.#traces.get(attemptId) ?? [];
    this.#traces.delete(attemptId);
    return traces;
  }
}
