import type { Clock } from '../../platform/clock.ts';

/**
 * Long polls by topic: an append wakes those of its topic and nobody else. Who looks before it
 * waits reads `wakes` first: when that moved, it looks again instead, or it misses what came
 * between.
 */
export class Waiters {
  readonly #clock: Clock;
  readonly #byTopic = new Map<number, Set<() => void>>();
  readonly #wakes = new Map<number, number>();
  #wakesOfAll = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the topic is woken, after `timeMs`, or at an abort. */
  wait(topicId: number, timeMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#byTopic.get(topicId) ?? new Set<() => void>();
      this.#byTopic.set(topicId, waiters);
      const finish = () => {
        waiters.delete(finish);
        if (waiters.size === 0) this.#byTopic.delete(topicId);
        timer.cancel();
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = this.#clock.after(Math.max(1, timeMs), finish, { background: true });
      waiters.add(finish);
      signal.addEventListener('abort', finish, { once: true });
      if (signal.aborted) finish();
    });
  }

  /** How often the topic was woken; never goes back. */
  wakes(topicId: number): number {
    return this.#wakesOfAll + (this.#wakes.get(topicId) ?? 0);
  }

  wake(topicId: number): void {
    this.#wakes.set(topicId, (this.#wakes.get(topicId) ?? 0) + 1);
    for (const waiter of [...(this.#byTopic.get(topicId) ?? [])]) waiter();
  }

  wakeAll(): void {
    this.#wakesOfAll++;
    for (const topicId of [...this.#byTopic.keys()]) this.wake(topicId);
  }

  /** The topic was dropped: who waits for it looks once more. */
  forget(topicId: number): void {
    this.wake(topicId);
    this.#wakesOfAll += this.#wakes.get(topicId)!;
    this.#wakes.delete(topicId);
  }
}
