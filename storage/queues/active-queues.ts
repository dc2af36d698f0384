import type { Clock, Timer } from '../../platform/clock.ts';
import type { KvStore } from '../kv/kv-store.ts';
import { Block } from './block.ts';
import { blockKey, decodeQueueState, firstOffsetOfKey, queueStateKey } from './index-format.ts';
import { LogicalQueue } from './logical-queue.ts';
import { homeSegments } from './queue-mapping.ts';
import { queueNumber } from './queue-number.ts';

const idleMs = 60_000;
/** Above this, queues are forgotten before they are idle; about 30 MB. */
const activeQueuesMax = 65_536;
/** Past the last key of a queue's blocks. */
const offsetEnd = 2 ** 53;

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
  #trimAbove = activeQueuesMax;
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

  touch(queue: LogicalQueue): void {
    queue.touchedMs = this.#clock.monotonicMs();
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
    const keys = [...missing.values()].map(({ topicId, queueId }) =>
      queueStateKey(topicId, queueId),
    );
    const states = isDatabaseEmpty ? [] : await this.#kv.getMany(keys);
    let i = 0;
    for (const name of missing.values()) this.#add(name, states[i++], []);
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

  #load(topicId: number, queueId: number): Promise<void> {
    const number = queueNumber(topicId, queueId);
    let loading = this.#loading.get(number);
    if (loading === undefined) {
      loading = this.#read({ topicId, queueId }).finally(() => this.#loading.delete(number));
      this.#loading.set(number, loading);
    }
    return loading;
  }

  async #read(name: QueueName): Promise<void> {
    const { topicId, queueId } = name;
    const from = blockKey(topicId, queueId, 0);
    const to = blockKey(topicId, queueId, offsetEnd);
    const [state, newest] = await Promise.all([
      this.#kv.get(queueStateKey(topicId, queueId)),
      this.#kv.scan({ from, to, reverse: true, limit: 1 }),
    ]);
    const blocks = newest.map(({ key, value }) =>
      Block.stored(topicId, queueId, firstOffsetOfKey(key), value),
    );
    this.#add(name, state, blocks);
    this.trim();
  }

  #add({ topicId, queueId }: QueueName, state: Uint8Array | undefined, blocks: Block[]): void {
    const known =
      state === undefined
        ? { minOffset: 0, maxOffset: 0, highTimeMs: 0, segments: homeSegments }
        : decodeQueueState(state);
    const queue = new LogicalQueue(topicId, queueId, { ...known, blocks });
    this.touch(queue);
    this.#queues.set(queueNumber(topicId, queueId), queue);
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

  #forgetIdle(): void {
    const before = this.#clock.monotonicMs() - idleMs;
    for (const [number, queue] of this.#queues) {
      if (queue.touchedMs <= before && this.#isForgettable(queue)) this.#queues.delete(number);
    }
  }
}
