import { assert } from '../platform/assert.ts';
import { MillraceError } from '../platform/errors.ts';
import type { AppendLane } from './append-lane.ts';
import type { KvStore } from './kv/kv-store.ts';
import type { Wanted } from './log/message-finder.ts';
import { type LogPartition, type ScannedEntry, sumOfStats } from './log/partition.ts';
import type { StoreTimes } from './log/store-times.ts';
import { OrderedRows } from './ordered-rows.ts';
import { QueueGates } from './queue-gates.ts';
import type { ConsumeQueues } from './queues/consume-queues.ts';
import type { DerivedKeyWriter } from './queues/derived-keys.ts';
import { col, type IndexRows, indexRowWidth } from './queues/index-rows.ts';
import type { LogicalQueue } from './queues/logical-queue.ts';
import {
  encodeRemap,
  mappingQueueId,
  type QueueSegment,
  type Remap,
} from './queues/queue-mapping.ts';
import type { Retention } from './retention.ts';
import {
  type Appended,
  type AppendRequest,
  type Entry,
  entryKinds,
  type FlushMode,
  type FoundMessage,
  holdsMessages,
  type NameKind,
  type QueueRange,
  type RetentionReport,
  type RetentionRules,
  type Store,
  type StoreStats,
  systemTopicId,
  tagNone,
} from './store.ts';

type RowsListener = (rows: IndexRows) => void;

export interface LogStoreParts {
  readonly serverId: string;
  /** By partition number, ascending; the home partition is there. */
  readonly lanes: ReadonlyMap<number, AppendLane>;
  readonly queues: ConsumeQueues;
  readonly derived: DerivedKeyWriter;
  readonly times: StoreTimes;
  readonly kv: KvStore;
  readonly retention: Retention;
  readonly flush: FlushMode;
  /** Messages of one partition, newest first, at most `max` (log/message-finder.ts). */
  readonly find: (
    log: LogPartition,
    wanted: Wanted,
    max: number,
  ) => Promise<readonly FoundMessage[]>;
}

/** The Store over open partitions and an index that is up to date (open-store.ts). */
export class LogStore implements Store {
  readonly serverId: string;
  readonly derived: DerivedKeyWriter;
  readonly partitions: readonly number[];
  readonly #lanes: ReadonlyMap<number, AppendLane>;
  readonly #queues: ConsumeQueues;
  readonly #times: StoreTimes;
  readonly #kv: KvStore;
  readonly #find: LogStoreParts['find'];
  readonly #flush: FlushMode;
  readonly #retention: Retention;
  #retaining: Promise<unknown> = Promise.resolve();
  readonly #gates: QueueGates;
  readonly #orderedRows = new OrderedRows();
  /** Waiting until nothing of a queue is under way. */
  #drains: { readonly queue: LogicalQueue; readonly resolve: () => void }[] = [];
  #listeners: readonly RowsListener[] = [];
  #orderedListeners: readonly RowsListener[] = [];
  #replacedListeners: readonly (() => void)[] = [];
  #appendedMessages = 0;
  #lostAcks = 0;
  /** One change of the mapping at a time. */
  #moving: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: LogStoreParts) {
    const { serverId, lanes, queues, derived, times, kv } = parts;
    this.serverId = serverId;
    this.derived = derived;
    this.partitions = [...lanes.keys()];
    this.#lanes = lanes;
    this.#queues = queues;
    this.#times = times;
    this.#kv = kv;
    this.#find = parts.find;
    this.#flush = parts.flush;
    this.#retention = parts.retention;
    this.#gates = new QueueGates(queues.active);
    for (const lane of lanes.values()) {
      lane.log.onCommit((durableEnd) => this.#onCommit(lane, durableEnd));
      lane.log.onAbandon(() => this.#onAbandon(lane));
    }
  }

  append(request: AppendRequest): Promise<Appended> {
    const { topicId, queueId, count } = request;
    assert(count >= 1, 'an entry holds a message');
    const queue = this.#queues.active.get(topicId, queueId);
    if (queue !== undefined && !this.#gates.isClosed(topicId, queueId)) {
      return this.#place(queue, request);
    }
    if (this.#closing !== undefined) return Promise.reject(closed());
    // The queue is looked up, or moving: the append waits, in order.
    const own = { ...request, body: Uint8Array.from(request.body) };
    const { length } = own.body;
    return this.#gates.wait(topicId, queueId, length, (opened) => this.#place(opened, own));
  }

  async range(topicId: number, queueId: number): Promise<QueueRange> {
    const now = this.rangeNow(topicId, queueId);
    if (now !== undefined) return now;
    const queue = await this.#queues.active.acquire(topicId, queueId);
    this.#queues.active.release(queue);
    return rangeOf(queue);
  }

  async scan(
    partition: number,
    from: number | undefined,
    visit: (entry: ScannedEntry) => void,
  ): Promise<void> {
    const { log } = this.#lanes.get(partition)!;
    await log.scan(Math.max(from ?? log.start, log.start), visit);
  }

  async drained(topicId: number, queues: number): Promise<void> {
    for (let queueId = 0; queueId < queues; queueId++) {
      const queue = this.#queues.active.get(topicId, queueId);
      if (queue !== undefined) await this.#drained(queue);
    }
  }

  rangeNow(topicId: number, queueId: number): QueueRange | undefined {
    const queue = this.#queues.active.get(topicId, queueId);
    return queue === undefined ? undefined : rangeOf(queue);
  }

  async mapping(topicId: number, queueId: number): Promise<readonly QueueSegment[]> {
    const queue = await this.#queues.active.acquire(topicId, queueId);
    this.#queues.active.release(queue);
    return queue.segments;
  }

  async moveQueues(topicId: number, queueIds: readonly number[], partition: number): Promise<void> {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) {
      const known = this.partitions.map((number) => `p${number}`).join(', ');
      const message = `there is no partition p${partition}; there is ${known}`;
      throw new MillraceError('INVALID_ARGUMENT', message);
    }
    if (topicId === systemTopicId) {
      throw new MillraceError('INVALID_ARGUMENT', 'the system topic cannot be moved');
    }
    const move = this.#moving.then(async () => {
      if (this.#closing !== undefined) throw closed();
      // From now on an empty directory in its place is known to be the wrong one (catch-up.ts).
      await lane.log.ensureSegment();
      await this.#gates.closeWhile(topicId, queueIds, (queues) =>
        this.#remap(topicId, partition, queues),
      );
    });
    this.#moving = move.catch(() => undefined);
    return move;
  }

  indexRows(
    topicId: number,
    queueId: number,
    fromOffset: number,
    maxEntries: number,
  ): Promise<IndexRows> {
    return this.#queues.read(topicId, queueId, fromOffset, maxEntries);
  }

  offsetAtTime(topicId: number, queueId: number, timeMs: number): Promise<number> {
    return this.#queues.offsetAtTime(topicId, queueId, timeMs);
  }

  async readEntry(partition: number, position: number, length: number): Promise<Entry | undefined> {
    const lane = this.#lanes.get(partition);
    assert(lane !== undefined, 'the index names partitions that exist');
    return lane.log.read(position, length);
  }

  async find(
    topicId: number,
    kind: NameKind,
    name: string,
    max: number,
  ): Promise<readonly FoundMessage[]> {
    const wanted = { topicId, kind, name };
    const logs = [...this.#lanes.values()].map(({ log }) => log);
    const found = await Promise.all(logs.map((log) => this.#find(log, wanted, max)));
    return found.flat().sort(newestFirst).slice(0, max);
  }

  retain(rules: RetentionRules): Promise<RetentionReport> {
    const pass = this.#retaining.then(() => {
      if (this.#closing !== undefined) throw closed();
      return this.#retain(rules);
    });
    this.#retaining = pass.catch(() => undefined);
    return pass;
  }

  async #retain(rules: RetentionRules): Promise<RetentionReport> {
    let isReplacing = false;
    try {
      return await this.#retention.run(rules, () => {
        isReplacing = true;
      });
    } finally {
      // Also of a pass that failed: it may have replaced some.
      if (isReplacing) for (const listener of this.#replacedListeners) listener();
    }
  }

  onSegmentsReplaced(listener: () => void): () => void {
    this.#replacedListeners = [...this.#replacedListeners, listener];
    return () => {
      this.#replacedListeners = this.#replacedListeners.filter((other) => other !== listener);
    };
  }

  onDurable(listener: RowsListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  onOrdered(listener: RowsListener): () => void {
    this.#orderedListeners = [...this.#orderedListeners, listener];
    return () => {
      this.#orderedListeners = this.#orderedListeners.filter((other) => other !== listener);
    };
  }

  ordered(): Promise<void> | undefined {
    return this.#orderedRows.released();
  }

  stats(): StoreStats {
    const logs = [...this.#lanes.values()].map(({ log }) => log);
    return {
      ...sumOfStats(logs.map(({ stats }) => stats)),
      durableEnd: logs.reduce((sum, { durableEnd }) => sum + durableEnd, 0),
      appendedMessages: this.#appendedMessages,
      lostAcks: this.#lostAcks,
      activeQueues: this.#queues.active.size,
      undecodableEntries: this.#retention.undecodable.reduce((sum, one) => sum + one.entries, 0),
      indexLagEntries: this.#queues.waitingRows,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#moving;
    await Promise.all([...this.#lanes.values()].map(({ log }) => log.close()));
    await this.#retaining;
    try {
      await Promise.all([this.#queues.close(), this.derived.close()]);
      // Else the next start would first read again what was written since the last flush.
      await this.#kv.flush();
    } finally {
      await this.#kv.close();
    }
  }

  /**
   * All of this happens in the caller's turn, up to the commit: offsets and positions are given in
   * the order of the calls.
   */
  #place(queue: LogicalQueue, request: AppendRequest): Promise<Appended> {
    try {
      return this.#placed(queue, request);
    } catch (error) {
      // Not an async function: that would cost every append another promise.
      return Promise.reject(error);
    }
  }

  #placed(queue: LogicalQueue, request: AppendRequest): Promise<Appended> {
    this.#queues.checkAccepts();
    const { partition, nextOffset } = queue;
    const { log, pending } = this.#lanes.get(partition)!;
    // What the server itself builds on is always awaited.
    const isOfClient = holdsMessages(request.kind) && request.mustBeDurable !== true;
    const mayWait = isOfClient && (request.flush ?? this.#flush) === 'interval';
    const appended = log.append(request, nextOffset, this.#times.next(partition), mayWait);
    queue.nextOffset = nextOffset + request.count;
    pending.add(request, appended);
    const durable = log.durable(appended);
    if (!mayWait) return durable;
    durable.catch(() => this.#lostAcks++);
    return Promise.resolve(appended);
  }

  /** Appends to the queues are held back meanwhile. */
  async #remap(topicId: number, partition: number, queues: readonly LogicalQueue[]): Promise<void> {
    const moving = queues.filter((queue) => queue.partition !== partition);
    if (moving.length === 0) return;
    await Promise.all(moving.map((queue) => this.#drained(queue)));
    const remap: Remap = {
      topicId,
      partition,
      queues: moving.map(({ queueId, nextOffset }) => [queueId, nextOffset]),
    };
    const home = await this.#queues.active.acquire(systemTopicId, mappingQueueId);
    try {
      this.#queues.expect(home.nextOffset, remap);
      await this.#place(home, {
        topicId: systemTopicId,
        queueId: mappingQueueId,
        kind: entryKinds.mapping,
        count: 1,
        body: encodeRemap(remap),
        firstIdHash: 0,
        tagHash: tagNone,
      });
    } finally {
      this.#queues.active.release(home);
    }
  }

  /** Resolves when every append to the queue is durable or was taken back. */
  #drained(queue: LogicalQueue): Promise<void> {
    if (queue.nextOffset === queue.maxOffset) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push({ queue, resolve }));
  }

  #onCommit(lane: AppendLane, durableEnd: number): void {
    const rows = lane.pending.takeBelow(durableEnd);
    this.#queues.take(rows, lane.log.number, durableEnd);
    for (let row = 0; row < rows.rowCount; row++) {
      this.#appendedMessages += rows.values[row * indexRowWidth + col.count]!;
    }
    for (const listener of this.#listeners) listener(rows);
    this.#order(rows);
    this.#settleDrains();
  }

  #onAbandon(lane: AppendLane): void {
    for (const [topicId, queueId] of lane.pendingQueues()) {
      const queue = this.#queues.active.get(topicId, queueId)!;
      queue.nextOffset = queue.maxOffset;
    }
    lane.pending.clear();
    this.#order({ rowCount: 0, values: new Float64Array(0) });
    this.#settleDrains();
  }

  #order(rows: IndexRows): void {
    let released = rows;
    if (this.#lanes.size > 1) {
      this.#orderedRows.add(rows);
      const oldest = Math.min(...[...this.#lanes.values()].map((lane) => lane.oldestPendingMs));
      released = this.#orderedRows.release(oldest);
    }
    if (released.rowCount === 0) return;
    for (const listener of this.#orderedListeners) listener(released);
  }

  #settleDrains(): void {
    if (this.#drains.length === 0) return;
    const isOver = ({ queue }: { readonly queue: LogicalQueue }) =>
      queue.nextOffset === queue.maxOffset;
    const over = this.#drains.filter(isOver);
    this.#drains = this.#drains.filter((drain) => !isOver(drain));
    for (const { resolve } of over) resolve();
  }
}

function newestFirst(a: FoundMessage, b: FoundMessage): number {
  const byTime = b.entry.storeTimeMs - a.entry.storeTimeMs;
  return byTime || b.entry.position - a.entry.position || b.index - a.index;
}

function rangeOf({ minOffset, maxOffset, compactedOffset }: LogicalQueue): QueueRange {
  const range = { minOffset, maxOffset };
  return compactedOffset === 0 ? range : { ...range, compactedOffset };
}

function closed(): MillraceError {
  return new MillraceError('UNAVAILABLE', 'the log is closed');
}
