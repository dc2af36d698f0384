import { assert } from '../../platform/assert.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { KvPut, KvStore } from '../kv/kv-store.ts';
import { Block } from './block.ts';
import {
  appliedKey,
  blockKey,
  decodeNumber,
  encodeNumbers,
  firstOffsetOfKey,
  prefixes,
  prefixKey,
  queueOfKey,
  rangeKey,
} from './index-format.ts';
import { col, type IndexRows, indexRowWidth } from './index-rows.ts';
import { QueueRanges, queueNumber } from './queue-ranges.ts';

/**
 * The consume queues of one physical partition: from (topic, queue, offset) to the entry that
 * holds the offset.
 *
 * Rows of durable entries are taken in at once, into the newest block of their queue in memory,
 * and written to the database later, many together; one batch carries the changed blocks, the
 * ranges of their queues and the log position that it reflects. Blocks stay in memory until they
 * are written; the newest one longer, until its queue has been idle for a while. A queue that
 * wakes up begins a new block, so that taking rows in never waits for a read.
 *
 * Invariants
 * - The blocks of a queue follow each other without a gap: a block begins where the last one ends.
 * - In the database, blocks, ranges and applied position are of one instant.
 * - An offset below a queue's oldest block in memory is in the database.
 */
const writeDelayMs = 1000;
/** Rows that wait for the database before a write starts early. */
const waitingRowsMax = 16_384;
const idleMs = 60_000;
const loadPairs = 10_000;

interface ActiveQueue {
  readonly topicId: number;
  readonly queueId: number;
  /** Oldest first; all but the last are full, and not yet written. */
  blocks: Block[];
  touchedMs: number;
}

export class ConsumeQueues {
  readonly #kv: KvStore;
  readonly #clock: Clock;
  readonly #partition: number;
  readonly #ranges = new QueueRanges();
  readonly #active = new Map<number, ActiveQueue>();
  /** Queues with rows that are not in the database. */
  #dirty = new Set<ActiveQueue>();
  #waitingRows = 0;
  /** The log up to here is taken in. */
  #takenPosition = 0;
  #writtenPosition = 0;
  #writing: Promise<void> | undefined;
  #hasFailed = false;
  #isClosed = false;
  #writeTimer: Timer | undefined;
  #idleTimer: Timer | undefined;

  constructor(kv: KvStore, clock: Clock, partition: number) {
    this.#kv = kv;
    this.#clock = clock;
    this.#partition = partition;
  }

  /** Reads what the database holds; returns the log position that it reflects. */
  async load(): Promise<number> {
    const applied = await this.#kv.get(appliedKey(this.#partition));
    if (applied === undefined) {
      await this.#kv.deleteRange({
        from: prefixKey(prefixes.range),
        to: prefixKey(prefixes.block + 1),
      });
      return 0;
    }
    await this.#loadRanges();
    this.#takenPosition = decodeNumber(applied, 0);
    this.#writtenPosition = this.#takenPosition;
    return this.#takenPosition;
  }

  maxOffset(topicId: number, queueId: number): number {
    return this.#ranges.maxOffset(topicId, queueId);
  }

  /** Takes in the rows of durable entries, in log order; the log below `position` is then in. */
  take(rows: IndexRows, position: number): void {
    for (let row = 0; row < rows.rowCount; row++) this.#takeRow(rows.values, row);
    this.#waitingRows += rows.rowCount;
    this.#takenPosition = position;
    if (this.#waitingRows >= waitingRowsMax && !this.#hasFailed) this.#writeSoon();
    else this.#writeLater();
  }

  /** As Store.indexRows. */
  async read(
    topicId: number,
    queueId: number,
    fromOffset: number,
    maxEntries: number,
  ): Promise<IndexRows> {
    const rows = new RowsBuilder(maxEntries);
    const maxOffset = this.#ranges.maxOffset(topicId, queueId);
    let next = Math.max(0, fromOffset);
    while (next < maxOffset && !rows.isFull) {
      const blocks = await this.#blocksFrom(topicId, queueId, next, maxOffset, rows.room);
      for (const block of blocks) next = rows.takeFrom(block, next, maxOffset);
    }
    return rows.finish();
  }

  /** As Store.offsetAtTime. */
  async offsetAtTime(topicId: number, queueId: number, timeMs: number): Promise<number> {
    // Blocks whose `highTimeBeforeMs` is below the time come first; the last of these has the
    // entry, if there is one. Found by halving the offsets.
    const maxOffset = this.#ranges.maxOffset(topicId, queueId);
    let low = 0;
    let high = maxOffset;
    let found: Block | undefined;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [block] = await this.#blocksFrom(topicId, queueId, middle, maxOffset, 1);
      if (block!.highTimeBeforeMs < timeMs || block!.firstOffset === 0) {
        found = block;
        low = block!.end;
      } else {
        high = block!.firstOffset;
      }
    }
    for (let i = 0; found !== undefined && i < found.entryCount; i++) {
      if (found.storeTimeOf(i) >= timeMs) return Math.min(found.offsetOf(i), maxOffset);
    }
    return maxOffset;
  }

  /** Writes what waits; rejects with the database's error, after which it may be tried again. */
  async write(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => undefined);
    if (this.#takenPosition === this.#writtenPosition) return;
    this.#writing = this.#writeBatch().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#idleTimer?.cancel();
    this.#writeTimer?.cancel();
    await this.write();
  }

  #takeRow(values: Float64Array, row: number): void {
    const from = row * indexRowWidth;
    const topicId = values[from + col.topicId]!;
    const queueId = values[from + col.queueId]!;
    const baseOffset = values[from + col.baseOffset]!;
    const highTimeMs = this.#ranges.highTimeMs(topicId, queueId);
    assert(baseOffset === this.#ranges.maxOffset(topicId, queueId), 'offsets are dense');
    const queue = this.#activeQueue(topicId, queueId);
    let block = queue.blocks.at(-1);
    if (block === undefined || block.isFull) {
      block = Block.create(topicId, queueId, baseOffset, this.#partition, highTimeMs);
      queue.blocks.push(block);
    }
    block.append(values, row);
    this.#dirty.add(queue);
    this.#ranges.set(
      topicId,
      queueId,
      baseOffset + values[from + col.count]!,
      Math.max(highTimeMs, values[from + col.storeTimeMs]!),
    );
  }

  #activeQueue(topicId: number, queueId: number): ActiveQueue {
    const number = queueNumber(topicId, queueId);
    let queue = this.#active.get(number);
    if (queue === undefined) {
      queue = { topicId, queueId, blocks: [], touchedMs: 0 };
      this.#active.set(number, queue);
      this.#forgetIdleLater();
    }
    queue.touchedMs = this.#clock.monotonicMs();
    return queue;
  }

  /** Blocks from the one that holds `offset` on, enough for `entries` where there are as many. */
  async #blocksFrom(
    topicId: number,
    queueId: number,
    offset: number,
    maxOffset: number,
    entries: number,
  ): Promise<readonly Block[]> {
    const inMemory = this.#active.get(queueNumber(topicId, queueId))?.blocks ?? [];
    const memoryStart = inMemory[0]?.firstOffset ?? maxOffset;
    if (offset >= memoryStart) return inMemory.slice(inMemory.findIndex((b) => b.end > offset));
    const from = blockKey(topicId, queueId, 0);
    const own = { from, to: blockKey(topicId, queueId, offset + 1), reverse: true, limit: 1 };
    const after = blockKey(topicId, queueId, offset + 1);
    const limit = Math.ceil(entries / limits.consumeQueueBlockEntries);
    const [first, rest] = await Promise.all([
      this.#kv.scan(own),
      limit < 2
        ? []
        : this.#kv.scan({ from: after, to: blockKey(topicId, queueId, memoryStart), limit }),
    ]);
    const blocks = [...first, ...rest].map(({ key, value }) =>
      Block.stored(topicId, queueId, firstOffsetOfKey(key), value),
    );
    if (blocks[0] !== undefined && blocks[0].end > offset) return blocks;
    throw new MillraceError(
      'CORRUPTION',
      `the index lacks offset ${offset} of topic ${topicId}, queue ${queueId}`,
      { hint: 'Remove the directory `index`: it is rebuilt from the log.' },
    );
  }

  async #loadRanges(): Promise<void> {
    const to = prefixKey(prefixes.range + 1);
    let from: Uint8Array = prefixKey(prefixes.range);
    for (;;) {
      const pairs = await this.#kv.scan({ from, to, limit: loadPairs });
      for (const { key, value } of pairs) {
        const { topicId, queueId } = queueOfKey(key);
        this.#ranges.set(topicId, queueId, decodeNumber(value, 0), decodeNumber(value, 8));
      }
      const last = pairs.at(-1);
      if (last === undefined || pairs.length < loadPairs) return;
      from = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  async #writeBatch(): Promise<void> {
    const position = this.#takenPosition;
    const queues = this.#dirty;
    const rows = this.#waitingRows;
    const written: (readonly [ActiveQueue, Block])[] = [];
    const puts: KvPut[] = [{ key: appliedKey(this.#partition), value: encodeNumbers(position) }];
    for (const queue of queues) {
      const { topicId, queueId } = queue;
      for (const block of queue.blocks) {
        puts.push({ key: blockKey(topicId, queueId, block.firstOffset), value: block.bytes });
      }
      const end = this.#ranges.maxOffset(topicId, queueId);
      const highTimeMs = this.#ranges.highTimeMs(topicId, queueId);
      puts.push({ key: rangeKey(topicId, queueId), value: encodeNumbers(end, highTimeMs) });
      written.push([queue, queue.blocks.at(-1)!]);
    }
    this.#dirty = new Set();
    this.#waitingRows = 0;
    try {
      await this.#kv.write(puts);
    } catch (error) {
      for (const queue of queues) this.#dirty.add(queue);
      this.#waitingRows += rows;
      this.#hasFailed = true;
      throw error;
    }
    this.#hasFailed = false;
    this.#writtenPosition = position;
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

  #forgetIdleLater(): void {
    this.#idleTimer ??= this.#clock.after(
      idleMs,
      () => {
        this.#idleTimer = undefined;
        this.#forgetIdle();
        if (this.#active.size > 0) this.#forgetIdleLater();
      },
      { background: true },
    );
  }

  #forgetIdle(): void {
    if (this.#writing !== undefined) return;
    const before = this.#clock.monotonicMs() - idleMs;
    for (const [number, queue] of this.#active) {
      if (queue.touchedMs <= before && !this.#dirty.has(queue)) this.#active.delete(number);
    }
  }
}

/** Collects up to `capacity` rows. */
class RowsBuilder {
  readonly #capacity: number;
  #values: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#values = new Float64Array(Math.min(capacity, 64) * indexRowWidth);
  }

  get isFull(): boolean {
    return this.#count >= this.#capacity;
  }

  get room(): number {
    return this.#capacity - this.#count;
  }

  /** Copies rows from the one with `offset` on, below `end`; returns the offset after the last. */
  takeFrom(block: Block, offset: number, end: number): number {
    let next = offset;
    for (let i = block.find(offset); i < block.entryCount && next < end && !this.isFull; i++) {
      if ((this.#count + 1) * indexRowWidth > this.#values.length) this.#grow();
      block.copyRow(i, this.#values, this.#count++);
      next = block.offsetOf(i) + block.countOf(i);
    }
    return next;
  }

  finish(): IndexRows {
    return { rowCount: this.#count, values: this.#values.slice(0, this.#count * indexRowWidth) };
  }

  #grow(): void {
    const values = new Float64Array(2 * this.#values.length);
    values.set(this.#values);
    this.#values = values;
  }
}
