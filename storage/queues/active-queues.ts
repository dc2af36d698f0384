import type { Clock, Timer } from '../../platform/clock.ts';
import type { KvStore } from '../kv/kv-store.ts';
import { Block } from './block.ts';
import { blockKey, decodeQueueState, queueStateKey } from './index-format.ts';
import { LogicalQueue } from './logical-queue.ts';
import { homeSegments } from './queue-mapping.ts';
import { queueNumber } from './queue-number.ts';

const idleMs = 60_000;
/** Above this, queues are forgotten before they are idle; about 30 MB. */
const activeQueuesMax = 65_536;
const newQueue = {
  minOffset: 0,
  maxOffset: 0,
  highTimeMs: 0,
  newestBlock: 0,
  hasGap: false,
  compactedOffset: 0,
  segments: homeSegments,
};

export interface QueueName {
  readonly topicId: number;
  readonly queueId: number;
}

/**
 * The logical queues that are in memory: those in use, and those used lately. All others are in
 * the database alone, and are looked up when they are wanted: a million idle queues take no memory
 * and no time at start.
 *
 * Invariant: a queue that is forgotten is in the database as it was in memory.
 */
export class ActiveQueues {
  readonly #kv: KvStore;
  readonly #clock: Clock;
  readonly #isWritten: (queue: LogicalQueue) => boolean;
  readonly #queues = new Map<number, LogicalQueue>();
  readonly #loading = new Map<number, Promise<void>>();
  #wanted: QueueName[] = [];
  /** The read that will bring what is wanted. */
  #next: Promise<void> | undefined;
  #trimAbove = activeQueuesMax;
  /** Counts the times that idle queues were forgotten. */
  #round = 0;
  #idleTimer: Timer | undefined;
  #isClosed = false;

  /** `isWritten` says that the database has all of a queue. */
  constructor(kv: KvStore, clock: Clock, isWritten: (queue: LogicalQueue) => boolean) {
    this.#kv = kv;
    this.#clock = clock;
    this.#isWritten = isWritten;
  }

  get size(): number {
    return this.#queues.size;
  }

  get(topicId: number, queueId: number): LogicalQueue | undefined {
    return this.#queues.get(queueNumber(topicId, queueId));
  }

  /** No look at the clock: this runs for every entry. */
  touch(queue: LogicalQueue): void {
    queue.touchedRound = this.#round;
  }

  /** The queue, which stays in memory until it is released. */
  async acquire(topicId: number, queueId: number): Promise<LogicalQueue> {
    let queue = this.get(topicId, queueId);
    while (queue === undefined) {
      await this.#load(topicId, queueId);
      queue = this.get(topicId, queueId);
    }
    queue.pins++;
    this.touch(queue);
    return queue;
  }

  release(queue: LogicalQueue): void {
    queue.pins--;
  }

  /** Brings many queues into memory with one read, without their newest blocks; forgets none. */
  async loadAll(names: readonly QueueName[], isDatabaseEmpty: boolean): Promise<void> {
    const missing = new Map<number, QueueName>();
    for (const { topicId, queueId } of names) {
      const number = queueNumber(topicId, queueId);
      if (!this.#queues.has(number)) missing.set(number, { topicId, queueId });
    }
    for (const queue of await this.#read([...missing.values()], isDatabaseEmpty)) this.#add(queue);
  }

  /** Forgets queues that are written, down to the bound; the ones that came first go first. */
  trim(): void {
    if (this.#queues.size <= this.#trimAbove) return;
    for (const [number, queue] of this.#queues) {
      if (this.#queues.size <= 0.9 * activeQueuesMax) break;
      if (this.#isForgettable(queue)) this.#queues.delete(number);
    }
    // Where none could go, the next attempt waits until there are a good many more.
    this.#trimAbove = Math.max(activeQueuesMax, 1.1 * this.#queues.size);
  }

  close(): void {
    this.#isClosed = true;
    this.#idleTimer?.cancel();
  }

  /** Queues that are wanted in one turn are read together. */
  #load(topicId: number, queueId: number): Promise<void> {
    const number = queueNumber(topicId, queueId);
    let loading = this.#loading.get(number);
    if (loading === undefined) {
      this.#wanted.push({ topicId, queueId });
      this.#next ??= Promise.resolve().then(() => this.#loadWanted());
      loading = this.#next.finally(() => this.#loading.delete(number));
      this.#loading.set(number, loading);
    }
    return loading;
  }

  async #loadWanted(): Promise<void> {
    const names = this.#wanted;
    this.#wanted = [];
    this.#next = undefined;
    const queues = await this.#read(names, false);
    const filled = queues.filter(({ maxOffset }) => maxOffset > 0);
    const keys = filled.map((queue) => blockKey(queue.topicId, queue.queueId, queue.newestBlock));
    const values = filled.length === 0 ? [] : await this.#kv.getMany(keys);
    for (const [i, queue] of filled.entries()) {
      const value = values[i];
      // Retention may have taken it away.
      if (value === undefined) continue;
      const { topicId, queueId, newestBlock } = queue;
      queue.blocks.push(Block.stored(topicId, queueId, newestBlock, value));
    }
    for (const queue of queues) this.#add(queue);
    this.trim();
  }

  async #read(names: readonly QueueName[], isDatabaseEmpty: boolean): Promise<LogicalQueue[]> {
    const keys = names.map(({ topicId, queueId }) => queueStateKey(topicId, queueId));
    const states = isDatabaseEmpty || keys.length === 0 ? [] : await this.#kv.getMany(keys);
    return names.map(({ topicId, queueId }, i) => {
      const value = states[i];
      const state = value === undefined ? newQueue : decodeQueueState(value);
      return new LogicalQueue(topicId, queueId, state);
    });
  }

  #add(queue: LogicalQueue): void {
    this.touch(queue);
    this.#queues.set(queueNumber(queue.topicId, queue.queueId), queue);
    this.#forgetIdleLater();
  }

  #isForgettable(queue: LogicalQueue): boolean {
    return !queue.isInUse && this.#isWritten(queue);
  }

  #forgetIdleLater(): void {
    if (this.#isClosed) return;
    this.#idleTimer ??= this.#clock.after(
      idleMs,
      () => {
        this.#idleTimer = undefined;
        this.#forgetIdle();
        if (this.#queues.size > 0) this.#forgetIdleLater();
      },
      { background: true },
    );
  }

  /** Those that nobody touched since the last time. */
  #forgetIdle(): void {
    for (const [number, queue] of this.#queues) {
      const isIdle = queue.touchedRound < this.#round;
      if (isIdle && this.#isForgettable(queue)) this.#queues.delete(number);
    }
    this.#round++;
  }
}
