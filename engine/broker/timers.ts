import type { Clock, Timer as ClockTimer } from '../../platform/clock.ts';
import { limits } from '../../platform/limits.ts';
import type { Logger } from '../../platform/logger.ts';
import type { DerivedKeys } from '../../storage/store.ts';
import { DueQueue } from './due-queue.ts';

/** The parked message at `offset` is due at a time of the wall clock. */
export interface Timer {
  readonly dueMs: number;
  readonly offset: number;
}

/** A timer, and when it is to be fired: when it is due, or later when it has failed. */
interface Attempt {
  readonly dueMs: number;
  readonly timer: Timer;
}

export interface TimersOptions {
  readonly keys: DerivedKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets due timers, earliest first; resolves with those that failed, to be tried again later. */
  readonly fire: (due: readonly Timer[]) => Promise<readonly Timer[]>;
}

/**
 * Timers by due time, a row each in the `index/` database; in memory are only those that are due
 * within limits.timerWindowMs, so a million pending ones cost no memory.
 *
 * | key                     | value |
 * |-------------------------|-------|
 * | `timer/DUE-MS/OFFSET`   | empty |
 *
 * Both numbers have 16 digits, so that keys sort as they do. Dues are compared with the wall clock
 * at every tick: set forward, it fires what has become due; set back, it waits again.
 */
export class Timers {
  readonly #options: TimersOptions;
  /** Those due before `#windowEnd`, by offset; `#order` may also have some that are gone. */
  readonly #near = new Map<number, Timer>();
  readonly #order = new DueQueue<Attempt>();
  #windowEnd = 0;
  #tick: ClockTimer | undefined;
  #tickMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  /** While rows are read; and what was removed meanwhile, which they may have still. */
  #extending: Promise<void> | undefined;
  readonly #goneMeanwhile = new Set<number>();
  #isClosed = false;

  constructor(options: TimersOptions) {
    this.#options = options;
  }

  /** Fires what became due while nothing ran. */
  open(): Promise<void> {
    return this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
  }

  add(timer: Timer): void {
    this.#options.keys.put(keyOf(timer), new Uint8Array(0));
    if (timer.dueMs >= this.#windowEnd) return;
    this.#keepNear(timer);
    this.#tickAt(timer.dueMs);
  }

  remove(timer: Timer): void {
    this.#options.keys.delete(keyOf(timer));
    this.#near.delete(timer.offset);
    if (this.#extending !== undefined) this.#goneMeanwhile.add(timer.offset);
  }

  /** True while the timer waits, false once it fires or was removed. */
  async has(timer: Timer): Promise<boolean> {
    await this.#extending;
    if (timer.dueMs < this.#windowEnd) return this.#near.get(timer.offset)?.dueMs === timer.dueMs;
    const key = keyOf(timer);
    return (await this.#options.keys.scan(key, `${key}~`)).size === 1;
  }

  #keepNear(timer: Timer, dueMs = timer.dueMs): void {
    if (this.#near.get(timer.offset)?.dueMs === timer.dueMs) return;
    this.#near.set(timer.offset, timer);
    this.#order.add({ dueMs, timer });
  }

  #tickAt(dueMs: number): void {
    if (this.#isClosed || this.#isRunning || dueMs >= this.#tickMs) return;
    const { clock } = this.#options;
    this.#tick?.cancel();
    this.#tickMs = dueMs;
    const waitMs = Math.min(Math.max(1, dueMs - clock.nowMs()), limits.timerTickMs);
    this.#tick = clock.after(waitMs, () => void this.#run(), { background: true });
  }

  async #run(): Promise<void> {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    const { clock, logger } = this.#options;
    let hasFailed = false;
    try {
      this.#extending = this.#extendWindow();
      await this.#extending;
      this.#extending = undefined;
      this.#goneMeanwhile.clear();
      await this.#fireDue();
    } catch (error) {
      hasFailed = true;
      logger.log('warn', 'the timers could not be read; tried again soon', { error });
    }
    this.#isRunning = false;
    this.#extending = undefined;
    this.#goneMeanwhile.clear();
    this.#tickMs = Number.POSITIVE_INFINITY;
    const nextMs = clock.nowMs() + limits.timerTickMs;
    this.#tickAt(hasFailed ? nextMs : Math.min(this.#order.first?.dueMs ?? nextMs, nextMs));
  }

  async #extendWindow(): Promise<void> {
    const now = this.#options.clock.nowMs();
    if (this.#windowEnd - now > limits.timerWindowMs / 2) return;
    const from = this.#windowEnd;
    // Moved first: what is added meanwhile goes to memory itself.
    this.#windowEnd = now + limits.timerWindowMs;
    const [start, end] = [from, this.#windowEnd].map((ms) => `timer/${digits(ms)}`);
    const rows = await this.#options.keys.scan(start!, end!).catch((error) => {
      this.#windowEnd = from;
      throw error;
    });
    for (const key of rows.keys()) {
      const [dueMs, offset] = key.split('/').slice(1).map(Number) as [number, number];
      if (!this.#goneMeanwhile.has(offset)) this.#keepNear({ dueMs, offset });
    }
  }

  async #fireDue(): Promise<void> {
    for (;;) {
      const due = this.#takeDue();
      if (due.length === 0 || this.#isClosed) return;
      // Those that fail wait a while, so that they hold up no others.
      for (const timer of await this.#options.fire(due)) {
        this.#keepNear(timer, this.#options.clock.nowMs() + limits.timerRetryMs);
      }
    }
  }

  #takeDue(): Timer[] {
    const now = this.#options.clock.nowMs();
    const due: Timer[] = [];
    while (due.length < limits.timersFiredMax) {
      const { first } = this.#order;
      if (first === undefined || first.dueMs > now) break;
      this.#order.shift();
      const { timer } = first;
      if (this.#near.get(timer.offset) !== timer) continue;
      this.#near.delete(timer.offset);
      due.push(timer);
    }
    return due;
  }
}

function keyOf({ dueMs, offset }: Timer): string {
  return `timer/${digits(dueMs)}/${digits(offset)}`;
}

function digits(number: number): string {
  return String(Math.trunc(number)).padStart(16, '0');
}
