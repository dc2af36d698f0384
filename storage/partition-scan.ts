import { MillraceError } from '../platform/errors.ts';
import { CleanedOffsets } from './cleaned-offsets.ts';
import type { LogPartition } from './log/partition.ts';
import { RowTurns } from './log/row-turns.ts';
import type { Segment } from './log/segment.ts';
import type { QueueName } from './queues/active-queues.ts';
import type { ConsumeQueues } from './queues/consume-queues.ts';
import { col, indexRowWidth } from './queues/index-rows.ts';
import type { LogicalQueue } from './queues/logical-queue.ts';
import { PendingRows } from './queues/pending-rows.ts';
import { decodeRemap, mappingQueueId, partitionOf, type Remap } from './queues/queue-mapping.ts';
import { queueNumber, queueOfNumber } from './queues/queue-number.ts';
import { type Entry, systemTopicId } from './store.ts';

/**
 * Reads one partition's log into rows, a piece at a time, and hands them to the index in their
 * order (catch-up.ts says which must wait). The next segment is not begun before what a cleaned one
 * lacks was covered.
 */
export class PartitionScan {
  readonly #log: LogPartition;
  /** Log bytes that are read between two writes of the index. */
  readonly #pieceBytes: number;
  /** The log below is in the rows, or was taken. */
  #position: number;
  readonly #rows = new PendingRows();
  /** The first row that was not handed over. */
  #next = 0;
  /** The segment that is read, when it is a cleaned one. */
  #segment: Segment | undefined;
  /** What that lacks. */
  #cleaned = new CleanedOffsets();
  /** Changes of the mapping among the rows, by offset. */
  readonly #remaps = new Map<number, Remap>();

  constructor(log: LogPartition, position: number, pieceBytes: number) {
    this.#log = log;
    this.#position = position;
    this.#pieceBytes = pieceBytes;
  }

  get isDone(): boolean {
    return this.#isTaken && this.#cleaned.isCovered && this.#position >= this.#log.durableEnd;
  }

  /** The log below is in the index; the log up to `end` is to be. */
  get progress(): { readonly position: number; readonly end: number } {
    return { position: this.#reached, end: this.#log.durableEnd };
  }

  /** Reads the next piece when the last one was taken; says whether it did. */
  async refill(logs: readonly LogPartition[]): Promise<boolean> {
    const isOver = this.#position >= this.#log.durableEnd;
    if (!this.#isTaken || this.#waitsForCover || isOver) return false;
    this.#rows.clear();
    this.#next = 0;
    const segment = this.#log.segmentAt(this.#position);
    if (segment.header.generation > 0 && segment !== this.#segment) await this.#enter(segment);
    const until = Math.min(this.#position + this.#pieceBytes, segment.end);
    this.#position = await this.#log.scanRows(this.#position, this.#rows, until);
    await this.#readRemaps(logs);
    return true;
  }

  /**
   * Begins a cleaned segment. Where the index has a part of it, the entries there were met before;
   * the position that it reached may lie within the last of them (`#reached`).
   */
  async #enter(segment: Segment): Promise<void> {
    const cleaned = new CleanedOffsets(await segment.queues(new RowTurns(this.#log.pause)));
    const reached = this.#position;
    for (let at = segment.start; at < reached; ) {
      const rows = new PendingRows();
      at = await this.#log.scanRows(at, rows, Math.min(at + this.#pieceBytes, reached));
      for (let row = 0; row < rows.rowCount; row++) {
        const from = row * indexRowWidth;
        const position = rows.values[from + col.position]!;
        if (position >= reached) break;
        const { topicId, queueId, baseOffset, length } = col;
        const queue = queueNumber(rows.values[from + topicId]!, rows.values[from + queueId]!);
        cleaned.met(queue, rows.values[from + baseOffset]!);
        this.#position = Math.max(this.#position, position + rows.values[from + length]!);
      }
    }
    this.#segment = segment;
    this.#cleaned = cleaned;
  }

  /** Reads the changes of the mapping among the rows. */
  async #readRemaps(logs: readonly LogPartition[]): Promise<void> {
    for (let row = 0; row < this.#rows.rowCount; row++) {
      const topicId = this.#at(row, col.topicId);
      if (topicId !== systemTopicId) continue;
      if (!isMappingQueue({ topicId, queueId: this.#at(row, col.queueId) })) continue;
      const entry = await this.#log.read(this.#at(row, col.position), this.#at(row, col.length));
      if (entry !== undefined) this.#readRemap(entry, logs);
    }
  }

  #readRemap({ body, baseOffset }: Entry, logs: readonly LogPartition[]): void {
    const remap = decodeRemap(body, baseOffset);
    if (logOf(logs, remap.partition).isEmpty) {
      throw new MillraceError(
        'CORRUPTION',
        `queues were placed on partition p${remap.partition}, but its directory holds no log`,
        { hint: 'Was another disk mounted there? Nothing was changed.' },
      );
    }
    this.#remaps.set(baseOffset, remap);
  }

  /** The queues of all rows that wait. */
  queueNames(): readonly QueueName[] {
    const numbers = new Set<number>();
    for (let row = this.#next; row < this.#rows.rowCount; row++) numbers.add(this.#number(row));
    const names: QueueName[] = Array.from(numbers, queueOfNumber);
    for (const { topicId, queues } of this.#remaps.values()) {
      for (const [queueId] of queues) names.push({ topicId, queueId });
    }
    return names;
  }

  /** The queues of which the cleaned segment may lack something. */
  cleanedNames(): readonly QueueName[] {
    return this.#cleaned.queueNames;
  }

  /** Hands over rows up to the first that must wait; says whether there were any. */
  take(queues: ConsumeQueues): boolean {
    const first = this.#next;
    while (!this.#isTaken && this.#takeNext(queues)) this.#next++;
    if (this.#next === first) return false;
    queues.reached(this.#log.number, this.#reached);
    return true;
  }

  /** Passes over what is missing on purpose; says whether there was something. */
  cover(queues: ConsumeQueues): boolean {
    const hasMoved = this.#cleaned.cover(queues, this.#log.number);
    if (hasMoved) queues.reached(this.#log.number, this.#reached);
    return hasMoved;
  }

  /** Store time of the next row if its queue does not live here now; else Infinity. */
  strayTimeMs(queues: ConsumeQueues): number {
    if (this.#isTaken || this.#isAtHome(this.#queue(queues))) return Infinity;
    return this.#at(this.#next, col.storeTimeMs);
  }

  /** Disposes of the next row if its queue does not live here now; says whether it did. */
  takeStray(queues: ConsumeQueues): boolean {
    if (this.strayTimeMs(queues) === Infinity) return false;
    const baseOffset = this.#at(this.#next, col.baseOffset);
    this.#cleaned.met(this.#number(this.#next), baseOffset);
    const { maxOffset } = this.#queue(queues);
    if (baseOffset === maxOffset) queues.takeStray(this.#rows.values, this.#next);
    this.#next++;
    queues.reached(this.#log.number, this.#reached);
    return true;
  }

  /** Gives up offsets that were cleaned out and are elsewhere; says whether there were any. */
  dropStrays(queues: ConsumeQueues): boolean {
    if (!this.#isTaken || !this.#cleaned.dropStrays(queues, this.#log.number)) return false;
    queues.reached(this.#log.number, this.#reached);
    return true;
  }

  /** What is next fits nowhere. */
  refuse(queues: ConsumeQueues): never {
    if (this.#isTaken) {
      const [{ topicId, queueId } = { topicId: 0, queueId: 0 }] = this.cleanedNames();
      throw new MillraceError(
        'CORRUPTION',
        `offsets of topic ${topicId}, queue ${queueId} are missing before those that were cleaned ` +
          `out of ${this.#segment!.file.path}`,
      );
    }
    const { topicId, queueId, maxOffset } = this.#queue(queues);
    throw new MillraceError(
      'CORRUPTION',
      `the entry at position ${this.#at(this.#next, col.position)} of partition ` +
        `${this.#log.number} has offset ${this.#at(this.#next, col.baseOffset)} of topic ` +
        `${topicId}, queue ${queueId}, where ${maxOffset} follows`,
    );
  }

  get #isTaken(): boolean {
    return this.#next === this.#rows.rowCount;
  }

  get #waitsForCover(): boolean {
    return !this.#cleaned.isCovered && this.#position >= this.#segment!.end;
  }

  /**
   * Everything below was taken in. It stays within a cleaned segment, if need be within its last
   * entry, until that is covered: else a start after a kill would pass over what it lacks.
   */
  get #reached(): number {
    if (!this.#isTaken) return this.#at(this.#next, col.position);
    return this.#waitsForCover ? this.#segment!.end - 1 : this.#position;
  }

  /** False when the row must wait for other partitions. */
  #takeNext(queues: ConsumeQueues): boolean {
    const queue = this.#queue(queues);
    const number = this.#number(this.#next);
    const baseOffset = this.#at(this.#next, col.baseOffset);
    const { maxOffset } = queue;
    if (!this.#isAtHome(queue)) return false;
    if (baseOffset < maxOffset) this.refuse(queues);
    const hasAll =
      baseOffset === maxOffset || this.#cleaned.areMissing(number, maxOffset, baseOffset);
    if (!hasAll) return false;
    if (isMappingQueue(queue)) {
      queues.expect(baseOffset, this.#remaps.get(baseOffset)!);
      this.#remaps.delete(baseOffset);
    }
    this.#cleaned.met(number, baseOffset);
    queues.takeRow(this.#rows.values, this.#next);
    return true;
  }

  /** As far as changes of the mapping are known, the next row is where its queue has it. */
  #isAtHome({ segments }: LogicalQueue): boolean {
    const last = this.#at(this.#next, col.baseOffset) + this.#at(this.#next, col.count) - 1;
    return partitionOf(segments, last) === this.#log.number;
  }

  #queue(queues: ConsumeQueues): LogicalQueue {
    const topicId = this.#at(this.#next, col.topicId);
    return queues.active.get(topicId, this.#at(this.#next, col.queueId))!;
  }

  #number(row: number): number {
    return queueNumber(this.#at(row, col.topicId), this.#at(row, col.queueId));
  }

  #at(row: number, column: number): number {
    return this.#rows.values[row * indexRowWidth + column]!;
  }
}

/** Throws INVALID_ARGUMENT when the operator did not name the partition's directory. */
export function logOf(logs: readonly LogPartition[], partition: number): LogPartition {
  const log = logs.find(({ number }) => number === partition);
  if (log !== undefined) return log;
  throw new MillraceError(
    'INVALID_ARGUMENT',
    `partition p${partition} holds queues of this server, but its directory is not given`,
    { hint: `Start the server with --data-dir p${partition}=PATH.` },
  );
}

function isMappingQueue({ topicId, queueId }: QueueName): boolean {
  return topicId === systemTopicId && queueId === mappingQueueId;
}
