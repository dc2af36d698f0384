import type { Clock } from '../../platform/clock.ts';

/** Long polls by topic: an append wakes those of its topic and nobody else. */
export class Waiters {
  readonly #clock: Clock;
  readonly #byTopic = new Map<number, Set<() => void>>();

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

  wake(topicId: number): void {
    for (const waiter of [...(this.#byTopic.get(topicId) ?? [])]) waiter();
  }

  wakeAll(): void {
    for (const topicId of [...this.#byTopic.keys()]) this.wake(topicId);
  }
}
