import { assert } from '../../platform/assert.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { KvPair, KvPut, KvStore } from '../kv/kv-store.ts';
import type { Pause } from '../log/segment-sealer.ts';
import { type QueueRange, systemTopicId } from '../store.ts';
import { ActiveQueues, type QueueName } from './active-queues.ts';
import { Block } from './block.ts';
import {
  appliedKey,
  blockKey,
  decodeNumbers,
  decodeQueueState,
  encodeNumbers,
  encodeQueueState,
  firstOffsetOfKey,
  partitionOfKey,
  prefixes,
  prefixKey,
  queueStateKey,
} from './index-format.ts';
import { col, type IndexRows, indexRowWidth } from './index-rows.ts';
import type { LogicalQueue } from './logical-queue.ts';
import { mappingQueueId, partitionOf, type Remap, withSegment } from './queue-mapping.ts';
import { queueNumber, queueOfNumber } from './queue-number.ts';
import { RowsBuilder } from './rows-builder.ts';
import { type IsGone, thinBlocks } from './thin-blocks.ts';

/**
 * The consume queues: from (topic, queue, offset) to the entry that holds the offset, over all
 * physical partitions.
 *
 * Rows of durable entries are taken in at once, into the newest block of their queue in memory,
 * and written to the database later, many together; one batch carries the changed blocks, the
 * states of their queues and the log position of each partition that it reflects. Blocks stay in
 * memory until they are written; the newest one longer, until its queue has been idle for a while.
 *
 * Invariants
 * - The blocks of a queue follow each other without a gap: a block begins where the last one ends,
 *   or says that what was between them was cleaned out of the log. All entries of a block are in
 *   one partition.
 * - In the database, blocks, queues' states and applied positions are of one instant.
 * - An offset below a queue's oldest block in memory is in the database.
 */
const writeDelayMs = 1000;
/** Rows that wait for the database before a write starts early. */
const waitingRowsMax = 16_384;
/** Queues that are read, or held in memory, together. */
const queuesAtOnce = 256;
/** Stored blocks that are kept for the next read; 16 KiB each. */
const blocksKeptMax = 256;
const nothing: QueueRange = { minOffset: 0, maxOffset: 0 };

/** How far a partition's log is in the index. */
export interface Applied {
  position: number;
  /** Highest store time below the position. */
  storeTimeMs: number;
  /** Position of the last entry below, and the position after it; 0 when there is none. */
  entryStart: number;
  entryEnd: number;
}

export class ConsumeQueues {
  readonly active: ActiveQueues;
  readonly #kv: KvStore;
  readonly #clock: Clock;
  readonly #waitingMax: number;
  /** The log up to here is taken in, by partition. */
  readonly #taken = new Map<number, Applied>();
  /** Changes of the mapping whose entries are not durable yet, by their offsets. */
  readonly #remaps = new Map<number, Remap>();
  /** Queues of which the database does not have everything. */
  #dirty = new Set<LogicalQueue>();
  #waitingRows = 0;
  /**
   * The stored block last read of each queue, by its number: consumers that take a message at a
   * time read the same one again. A stored block changes only where `thin` takes rows out of it.
   */
  readonly #lastRead = new Map<number, Block>();
  /** Something was taken in since the last write. */
  #isBehind = false;
  #isEmpty = false;
  #writing: Promise<void> | undefined;
  /** Of the last write. */
  #failure: unknown;
  #isClosed = false;
  #writeTimer: Timer | undefined;

  constructor(kv: KvStore, clock: Clock, waitingMax: number = limits.waitingIndexRowsMax) {
    this.#kv = kv;
    this.#clock = clock;
    this.#waitingMax = waitingMax;
    this.active = new ActiveQueues(
      kv,
      clock,
      (queue) => this.#writing === undefined && !this.#dirty.has(queue),
    );
  }

  /** Reads what part of each partition's log the database reflects. */
  async load(): Promise<ReadonlyMap<number, Readonly<Applied>>> {
    const range = { from: prefixKey(prefixes.applied), to: prefixKey(prefixes.applied + 1) };
    for (const { key, value } of await this.#kv.scan(range)) {
      const [position = 0, storeTimeMs = 0, entryStart = 0, entryEnd = 0] = decodeNumbers(value);
      this.#taken.set(partitionOfKey(key), { position, storeTimeMs, entryStart, entryEnd });
    }
    this.#isEmpty = this.#taken.size === 0;
    if (this.#isEmpty) {
      await this.#kv.deleteRange({
        from: prefixKey(prefixes.queue),
        to: prefixKey(prefixes.block + 1),
      });
    }
    return this.#taken;
  }

  /** Rows that are taken in and not yet in the database. */
  get waitingRows(): number {
    return this.#waitingRows;
  }

  /**
   * Throws while so many rows wait that memory would not hold more: DISK_FULL when the database has
   * no space, RESOURCE_LIMIT when it is too slow, or refuses writes otherwise. It is tried again all
   * the time.
   */
  checkAccepts(): void {
    if (this.#waitingRows < this.#waitingMax) return;
    const isFull = this.#failure instanceof MillraceError && this.#failure.code === 'DISK_FULL';
    throw new MillraceError(
      isFull ? 'DISK_FULL' : 'RESOURCE_LIMIT',
      `${this.#waitingRows} entries wait to be written to the index; publishing is refused, ` +
        'consuming goes on',
      { cause: this.#failure },
    );
  }

  /** Brings queues into memory, so that their rows can be taken in. */
  prepare(names: readonly QueueName[]): Promise<void> {
    return this.active.loadAll(names, this.#isEmpty);
  }

  /** The mapping will change when the entry at `offset` of the mapping queue is taken in. */
  expect(offset: number, remap: Remap): void {
    this.#remaps.set(offset, remap);
  }

  /**
   * Takes in the rows of durable entries of one partition, in log order; the partition's log below
   * `position` is then in. Their queues are in memory.
   */
  take(rows: IndexRows, partition: number, position: number): void {
    for (let row = 0; row < rows.rowCount; row++) this.takeRow(rows.values, row);
    this.reached(partition, position);
  }

  takeRow(values: Float64Array, row: number): void {
    const from = row * indexRowWidth;
    const queue = this.active.get(values[from + col.topicId]!, values[from + col.queueId]!);
    const baseOffset = values[from + col.baseOffset]!;
    const partition = values[from + col.partition]!;
    const storeTimeMs = values[from + col.storeTimeMs]!;
    assert(queue !== undefined, 'a queue in use is in memory');
    assert(baseOffset >= queue.maxOffset, 'offsets ascend');
    const followsGap = queue.hasGap || baseOffset > queue.maxOffset;
    queue.hasGap = false;
    let block = queue.blocks.at(-1);
    if (block === undefined || block.isFull || block.partition !== partition) {
      const { topicId, queueId, highTimeMs } = queue;
      block = Block.create(topicId, queueId, baseOffset, partition, highTimeMs, followsGap);
      queue.blocks.push(block);
      queue.newestBlock = baseOffset;
    }
    block.append(values, row);
    queue.maxOffset = baseOffset + values[from + col.count]!;
    queue.nextOffset = Math.max(queue.nextOffset, queue.maxOffset);
    queue.highTimeMs = Math.max(queue.highTimeMs, storeTimeMs);
    this.active.touch(queue);
    this.#dirty.add(queue);
    this.#waitingRows++;
    const position = values[from + col.position]!;
    const taken = this.#takenOf(partition);
    taken.position = position + values[from + col.length]!;
    taken.storeTimeMs = storeTimeMs;
    taken.entryStart = position;
    taken.entryEnd = taken.position;
    if (queue.topicId === systemTopicId && queue.queueId === mappingQueueId) {
      this.#remap(baseOffset);
    }
  }

  /**
   * Of the queue's offsets below `end` no more will come: what is missing was cleaned out of the
   * log, what is below `expired` because it had expired, below `compacted` because its key came
   * again.
   */
  cover(queue: LogicalQueue, expired: number, compacted: number, end: number): void {
    queue.minOffset = Math.max(queue.minOffset, expired);
    queue.compactedOffset = Math.max(queue.compactedOffset, compacted);
    if (end > queue.maxOffset) {
      queue.hasGap = true;
      queue.maxOffset = end;
    }
    queue.nextOffset = Math.max(queue.nextOffset, queue.maxOffset);
    this.#dirty.add(queue);
  }

  /**
   * Moves the beginning of queues, by queue number, to the offsets `planned`; a queue of which
   * something below is needed in the moment, `mayExpire` says, stays as it is. Index rows below are
   * deleted then; nobody asks for them any more. Returns the queues that begin later, durably: what
   * is below can be taken out of the log.
   */
  async expire(
    planned: ReadonlyMap<number, number>,
    mayExpire: (queue: QueueName, first: number) => boolean,
  ): Promise<ReadonlyMap<number, number>> {
    const expired = new Map<number, number>();
    const numbers = [...planned.keys()];
    // Not all at once: they stay in memory meanwhile.
    for (let from = 0; from < numbers.length; from += queuesAtOnce) {
      const names = numbers.slice(from, from + queuesAtOnce).map(queueOfNumber);
      await this.#expireSome(names, planned, mayExpire, expired);
    }
    // A database that is older than the log would have them begin with what is gone.
    if (expired.size > 0) await this.#kv.flush();
    return expired;
  }

  async #expireSome(
    names: readonly QueueName[],
    planned: ReadonlyMap<number, number>,
    mayExpire: (queue: QueueName, first: number) => boolean,
    expired: Map<number, number>,
  ): Promise<void> {
    const acquire = ({ topicId, queueId }: QueueName) => this.active.acquire(topicId, queueId);
    const queues = await Promise.all(names.map(acquire));
    try {
      // From here to the write in one turn: who asks meanwhile sees all of it, or nothing.
      for (const queue of queues) {
        const number = queueNumber(queue.topicId, queue.queueId);
        const first = planned.get(number)!;
        if (!mayExpire(queue, first)) continue;
        expired.set(number, first);
        if (first <= queue.minOffset) continue;
        queue.minOffset = Math.min(first, queue.maxOffset);
        this.#dirty.add(queue);
        this.#isBehind = true;
      }
      await this.write();
      for (const queue of queues) await this.#deleteBlocks(queue);
    } finally {
      for (const queue of queues) this.active.release(queue);
    }
  }

  /**
   * What is retained of each queue, by queue number, appends under way included; none of them is
   * brought into memory.
   */
  async ranges(numbers: readonly number[]): Promise<readonly QueueRange[]> {
    const ranges: QueueRange[] = [];
    for (let from = 0; from < numbers.length; from += queuesAtOnce) {
      const names = numbers.slice(from, from + queuesAtOnce).map(queueOfNumber);
      const keys = names.map(({ topicId, queueId }) => queueStateKey(topicId, queueId));
      const stored = await this.#kv.getMany(keys);
      for (const [i, { topicId, queueId }] of names.entries()) {
        const value = stored[i];
        const inDatabase = value === undefined ? nothing : decodeQueueState(value);
        const queue = this.active.get(topicId, queueId);
        const { minOffset } = queue ?? inDatabase;
        ranges.push({ minOffset, maxOffset: queue?.nextOffset ?? inDatabase.maxOffset });
      }
    }
    return ranges;
  }

  /**
   * Notes up to where queues are compacted, by queue number, as `endsOf` answers for some of them in
   * the moment. It is durable before the promise resolves, and so before anything goes.
   */
  async compacted(
    numbers: readonly number[],
    endsOf: (queues: readonly QueueName[]) => readonly number[],
  ): Promise<void> {
    for (let from = 0; from < numbers.length; from += queuesAtOnce) {
      await this.#compactedSome(
        numbers.slice(from, from + queuesAtOnce).map(queueOfNumber),
        endsOf,
      );
    }
    await this.#kv.flush();
  }

  async #compactedSome(
    names: readonly QueueName[],
    endsOf: (queues: readonly QueueName[]) => readonly number[],
  ): Promise<void> {
    const acquire = ({ topicId, queueId }: QueueName) => this.active.acquire(topicId, queueId);
    const queues = await Promise.all(names.map(acquire));
    try {
      for (const [i, end] of endsOf(names).entries()) {
        const queue = queues[i]!;
        if (end <= queue.compactedOffset) continue;
        queue.compactedOffset = end;
        this.#dirty.add(queue);
        this.#isBehind = true;
      }
      await this.write();
    } finally {
      for (const queue of queues) this.active.release(queue);
    }
  }

  /** Takes rows of entries that are gone out of the database (thin-blocks.ts), by queue number. */
  async thin(ends: ReadonlyMap<number, number>, isGone: IsGone, pause: Pause): Promise<void> {
    for (const [number, end] of ends) {
      const { topicId, queueId } = queueOfNumber(number);
      const queue = await this.active.acquire(topicId, queueId);
      try {
        await thinBlocks(this.#kv, queue, end, isGone, pause);
      } finally {
        this.#lastRead.delete(number);
        this.active.release(queue);
      }
    }
  }

  /** Deletes the blocks that end below the queue's first offset. */
  async #deleteBlocks({ topicId, queueId, minOffset, blocks }: LogicalQueue): Promise<void> {
    const from = blockKey(topicId, queueId, 0);
    const to = blockKey(topicId, queueId, minOffset + 1);
    const [first] = await this.#kv.scan({ from, to, reverse: true, limit: 1 });
    const inMemory = blocks[0] && blockKey(topicId, queueId, blocks[0].firstOffset);
    const end = first?.key ?? inMemory;
    if (end === undefined) return;
    const isInMemory = inMemory !== undefined && Buffer.compare(inMemory, end) < 0;
    await this.#kv.deleteRange({ from, to: isInMemory ? inMemory : end });
  }

  /** Takes in a row beside its queue's mapping, and mends that: what comes next goes where it did. */
  takeStray(values: Float64Array, row: number): void {
    const from = row * indexRowWidth;
    const queue = this.active.get(values[from + col.topicId]!, values[from + col.queueId]!)!;
    const { segments, maxOffset: firstOffset } = queue;
    const partition = values[from + col.partition]!;
    this.takeRow(values, row);
    const next = partitionOf(segments, queue.maxOffset);
    const later = segments.filter((segment) => segment.firstOffset > queue.maxOffset);
    const mended = withSegment(segments, { partition, firstOffset });
    const goesOn = { partition: next, firstOffset: queue.maxOffset };
    queue.segments = [...withSegment(mended, goesOn), ...later];
  }

  /** Every row below `position` was taken in or passed over. */
  reached(partition: number, position: number): void {
    this.#takenOf(partition).position = position;
    this.#isBehind = true;
    if (this.#waitingRows >= waitingRowsMax && this.#failure === undefined) this.#writeSoon();
    else this.#writeLater();
  }

  #takenOf(partition: number): Applied {
    let taken = this.#taken.get(partition);
    if (taken === undefined) {
      taken = { position: 0, storeTimeMs: 0, entryStart: 0, entryEnd: 0 };
      this.#taken.set(partition, taken);
    }
    return taken;
  }

  #remap(offset: number): void {
    const remap = this.#remaps.get(offset);
    assert(remap !== undefined, 'a change of the mapping is announced');
    this.#remaps.delete(offset);
    const { topicId, partition } = remap;
    for (const [queueId, firstOffset] of remap.queues) {
      const queue = this.active.get(topicId, queueId);
      assert(queue !== undefined, 'a queue that moves is in memory');
      queue.segments = withSegment(queue.segments, { partition, firstOffset });
      this.#dirty.add(queue);
    }
  }

  /** As Store.indexRows. */
  async read(
    topicId: number,
    queueId: number,
    fromOffset: number,
    maxEntries: number,
  ): Promise<IndexRows> {
    const queue = await this.active.acquire(topicId, queueId);
    try {
      const rows = new RowsBuilder(maxEntries);
      const { minOffset, maxOffset } = queue;
      let next = Math.max(minOffset, fromOffset);
      while (next < maxOffset && !rows.isFull) {
        const blocks = await this.#blocksFrom(queue, next, maxOffset, rows.room);
        if (blocks.length === 0) break;
        for (const block of blocks) next = rows.takeFrom(block, next, maxOffset);
      }
      return rows.finish();
    } finally {
      this.active.release(queue);
    }
  }

  /** As Store.offsetAtTime. */
  async offsetAtTime(topicId: number, queueId: number, timeMs: number): Promise<number> {
    const queue = await this.active.acquire(topicId, queueId);
    try {
      return await this.#offsetAtTime(queue, timeMs);
    } finally {
      this.active.release(queue);
    }
  }

  /**
   * Blocks whose `highTimeBeforeMs` is below the time come first; the last of these has the entry,
   * if there is one. Found by halving the offsets.
   */
  async #offsetAtTime(queue: LogicalQueue, timeMs: number): Promise<number> {
    const { minOffset, maxOffset } = queue;
    let low = minOffset;
    let high = maxOffset;
    let [found] = low < high ? await this.#blocksFrom(queue, low, maxOffset, 1) : [];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [block] = await this.#blocksFrom(queue, middle, maxOffset, 1);
      if (block !== undefined && block.firstOffset < high && block.highTimeBeforeMs < timeMs) {
        found = block;
        low = Math.max(block.end, middle + 1);
      } else {
        high = Math.min(middle, block?.firstOffset ?? middle);
      }
    }
    for (let i = 0; found !== undefined && i < found.entryCount; i++) {
      const isExpired = found.offsetOf(i) + found.countOf(i) <= minOffset;
      if (isExpired || found.storeTimeOf(i) < timeMs) continue;
      return Math.min(Math.max(found.offsetOf(i), minOffset), maxOffset);
    }
    return maxOffset;
  }

  /** Writes what waits; rejects with the database's error, after which it may be tried again. */
  async write(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => undefined);
    if (!this.#isBehind) return;
    this.#writing = this.#writeBatch().finally(() => {
      this.#writing = undefined;
      this.active.trim();
    });
    await this.#writing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.active.close();
    this.#writeTimer?.cancel();
    await this.write();
  }

  /**
   * Blocks from the one that holds `offset` on, or the next one if that is gone, enough for
   * `entries` where there are as many; none when nothing follows.
   */
  async #blocksFrom(
    queue: LogicalQueue,
    offset: number,
    maxOffset: number,
    entries: number,
  ): Promise<readonly Block[]> {
    const { topicId, queueId, blocks: inMemory } = queue;
    const memoryStart = inMemory[0]?.firstOffset ?? maxOffset;
    const isAfter = ({ end }: Block) => end > offset;
    if (offset >= memoryStart) return inMemory.filter(isAfter);
    const number = queueNumber(topicId, queueId);
    const last = this.#lastRead.get(number);
    if (last !== undefined && last.firstOffset <= offset && isAfter(last)) return [last];
    const from = blockKey(topicId, queueId, 0);
    const own = { from, to: blockKey(topicId, queueId, offset + 1), reverse: true, limit: 1 };
    const after = blockKey(topicId, queueId, offset + 1);
    const later = { from: after, to: blockKey(topicId, queueId, memoryStart) };
    const limit = Math.ceil(entries / limits.consumeQueueBlockEntries);
    const [first, rest] = await Promise.all([
      this.#kv.scan(own),
      limit < 2 ? [] : this.#kv.scan({ ...later, limit }),
    ]);
    const stored = ({ key, value }: KvPair) =>
      Block.stored(topicId, queueId, firstOffsetOfKey(key), value);
    const found = [...first, ...rest].map(stored).filter(isAfter);
    if (found[0] !== undefined && found[0].firstOffset <= offset) {
      this.#keepLastRead(number, found.at(-1)!);
      return found;
    }
    const next = found[0] ?? (await this.#kv.scan({ ...later, limit: 1 })).map(stored)[0];
    const following = next ?? inMemory[0];
    if (following?.followsGap === false && following.firstOffset > offset) {
      throw lacksOffset(queue, offset);
    }
    if (found.length > 0) return found;
    return next === undefined ? inMemory : [next];
  }

  #keepLastRead(number: number, block: Block): void {
    this.#lastRead.delete(number);
    this.#lastRead.set(number, block);
    if (this.#lastRead.size <= blocksKeptMax) return;
    for (const oldest of this.#lastRead.keys()) return void this.#lastRead.delete(oldest);
  }

  async #writeBatch(): Promise<void> {
    const queues = this.#dirty;
    const rows = this.#waitingRows;
    const written: (readonly [LogicalQueue, Block])[] = [];
    const puts: KvPut[] = [];
    for (const [partition, { position, storeTimeMs, entryStart, entryEnd }] of this.#taken) {
      const value = encodeNumbers(position, storeTimeMs, entryStart, entryEnd);
      puts.push({ key: appliedKey(partition), value });
    }
    for (const queue of queues) {
      const { topicId, queueId } = queue;
      for (const block of queue.blocks) {
        puts.push({ key: blockKey(topicId, queueId, block.firstOffset), value: block.bytes });
      }
      puts.push({ key: queueStateKey(topicId, queueId), value: encodeQueueState(queue) });
      const newest = queue.blocks.at(-1);
      if (newest !== undefined) written.push([queue, newest]);
    }
    this.#dirty = new Set();
    this.#waitingRows = 0;
    this.#isBehind = false;
    try {
      await this.#kv.write(puts);
    } catch (error) {
      for (const queue of queues) this.#dirty.add(queue);
      this.#waitingRows += rows;
      this.#isBehind = true;
      this.#failure = error;
      throw error;
    }
    this.#failure = undefined;
    this.#isEmpty = false;
    for (const [queue, block] of written) queue.blocks.splice(0, queue.blocks.indexOf(block));
  }

  #writeLater(): void {
    if (this.#isClosed) return;
    this.#writeTimer ??= this.#clock.after(
      writeDelayMs,
      () => {
        this.#writeTimer = undefined;
        this.#writeSoon();
      },
      { background: true },
    );
  }

  /** A write that fails is tried again after the delay; until then its rows stay in memory. */
  #writeSoon(): void {
    if (this.#writing !== undefined) return;
    this.write().catch(() => this.#writeLater());
  }
}

function lacksOffset({ topicId, queueId }: LogicalQueue, offset: number): MillraceError {
  return new MillraceError(
    'CORRUPTION',
    `the index lacks offset ${offset} of topic ${topicId}, queue ${queueId}`,
    { hint: 'Remove the directory `index`: it is rebuilt from the log.' },
  );
}
