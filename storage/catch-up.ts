import { MillraceError } from '../platform/errors.ts';
import type { LogPartition } from './log/partition.ts';
import type { QueueRow } from './log/queue-table.ts';
import type { Segment } from './log/segment.ts';
import type { QueueName } from './queues/active-queues.ts';
import type { Applied, ConsumeQueues } from './queues/consume-queues.ts';
import { col, indexRow, indexRowWidth } from './queues/index-rows.ts';
import type { LogicalQueue } from './queues/logical-queue.ts';
import { PendingRows } from './queues/pending-rows.ts';
import { decodeRemap, mappingQueueId, partitionOf, type Remap } from './queues/queue-mapping.ts';
import { queueNumber, queueOfNumber } from './queues/queue-number.ts';
import { type Entry, systemTopicId } from './store.ts';

/** Log bytes of a partition that are read between two writes of the index. */
const pieceBytes = 64 * 1024 * 1024;

/**
 * Takes in the part of the log that the index lacks: all of it when the index was lost. `applied`
 * is what the index reflects, and follows what is taken in.
 *
 * The entries of a queue that has moved lie in several partitions. Each partition is read in its
 * own order; one whose next entry has an offset that others must come before, or whose queue is
 * not known to have moved there yet, waits for the others. The log was written so that this always
 * ends: an entry is written only after everything that it waits for was durable (queue-mapping.ts).
 *
 * What still waits when nothing moves are the ends of partitions, left by appends that failed with
 * an unknown fate: an entry whose queue has moved since, or entries after a move that is itself one
 * of these. Such an entry is taken in where it is the next one of its queue, else passed over.
 *
 * What was cleaned out of a segment is missing on purpose: its queue table says which offsets of a
 * queue it ever held, and where those that did not expire begin. The table's rows go in front of
 * the segment's entries, and once more after them, as rows of no length (`markStart`, `markEnd`).
 *
 * Returns the highest store time in the log, 0 when it is empty. Throws CORRUPTION, IO.
 */
export async function catchUp(
  logs: readonly LogPartition[],
  queues: ConsumeQueues,
  applied: ReadonlyMap<number, Readonly<Applied>>,
): Promise<number> {
  checkApplied(logs, applied);
  const scans = logs.map((log) => new Scan(log, applied.get(log.number)?.position ?? 0));
  for (;;) {
    let isMoving = false;
    for (const scan of scans) {
      await scan.refill(logs);
      await queues.prepare(scan.queueNames());
      if (scan.take(queues)) isMoving = true;
    }
    await queues.write();
    if (scans.every(({ isDone }) => isDone)) {
      return Math.max(...[...applied.values()].map(({ storeTimeMs }) => storeTimeMs), 0);
    }
    if (isMoving) continue;
    const stuck = scans.filter(({ isDone }) => !isDone);
    for (const scan of stuck) await queues.prepare(scan.queueNames());
    if (!stuck.some((scan) => scan.takeStray(queues))) stuck[0]!.refuse(queues);
  }
}

function checkApplied(
  logs: readonly LogPartition[],
  applied: ReadonlyMap<number, { readonly position: number }>,
): void {
  for (const [partition, { position }] of applied) {
    const log = logOf(logs, partition);
    if (position <= log.durableEnd) continue;
    throw new MillraceError(
      'CORRUPTION',
      `the index reflects the log up to position ${position}, but partition ${log.number} ` +
        `ends at ${log.durableEnd}: synced entries were lost. Nothing was changed`,
    );
  }
}

/** Throws INVALID_ARGUMENT when the operator did not name the partition's directory. */
function logOf(logs: readonly LogPartition[], partition: number): LogPartition {
  const log = logs.find(({ number }) => number === partition);
  if (log !== undefined) return log;
  throw new MillraceError(
    'INVALID_ARGUMENT',
    `partition p${partition} holds queues of this server, but its directory is not given`,
    { hint: `Start the server with --data-dir p${partition}=PATH.` },
  );
}

/** Reads one partition's log into rows, a piece at a time, and hands them to the index. */
class Scan {
  readonly #log: LogPartition;
  #position: number;
  readonly #rows = new PendingRows();
  /** The first row that was not handed over. */
  #next = 0;
  /** Up to which offset entries of a queue may be missing, by queue number. */
  readonly #covered = new Map<number, number>();
  /** The cleaned segment whose table's rows were put in front last. */
  #marked: Segment | undefined;
  /** Changes of the mapping among the rows, by offset. */
  readonly #remaps = new Map<number, Remap>();

  constructor(log: LogPartition, position: number) {
    this.#log = log;
    this.#position = position;
  }

  get isDone(): boolean {
    return this.#next === this.#rows.rowCount && this.#position >= this.#log.durableEnd;
  }

  /** Reads the next piece when the last one was taken. */
  async refill(logs: readonly LogPartition[]): Promise<void> {
    if (this.#next < this.#rows.rowCount || this.isDone) return;
    this.#rows.clear();
    this.#next = 0;
    const segment = this.#log.segmentAt(this.#position);
    const isCleaned = segment.header.generation > 0;
    if (isCleaned && segment !== this.#marked) {
      for (const row of await segment.queues()) this.#rows.push(markStart(row, this.#position));
      this.#marked = segment;
    }
    const until = Math.min(this.#position + pieceBytes, segment.end);
    const first = this.#rows.rowCount;
    this.#position = await this.#log.scanRows(this.#position, this.#rows, until);
    await this.#readRemaps(first, logs);
    if (isCleaned && this.#position >= segment.end) {
      for (const row of await segment.queues()) this.#rows.push(markEnd(row, segment.end));
    }
  }

  /** Reads the changes of the mapping among the rows from `first` on. */
  async #readRemaps(first: number, logs: readonly LogPartition[]): Promise<void> {
    for (let row = first; row < this.#rows.rowCount; row++) {
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
    for (let row = this.#next; row < this.#rows.rowCount; row++) {
      numbers.add(queueNumber(this.#at(row, col.topicId), this.#at(row, col.queueId)));
    }
    const names: QueueName[] = Array.from(numbers, queueOfNumber);
    for (const { topicId, queues } of this.#remaps.values()) {
      for (const [queueId] of queues) names.push({ topicId, queueId });
    }
    return names;
  }

  /** Hands over rows up to the first that must wait; says whether there were any. */
  take(queues: ConsumeQueues): boolean {
    const first = this.#next;
    while (this.#next < this.#rows.rowCount && this.#takeNext(queues)) this.#next++;
    if (this.#next === first) return false;
    const isOver = this.#next === this.#rows.rowCount;
    queues.reached(this.#log.number, isOver ? this.#position : this.#at(this.#next, col.position));
    return true;
  }

  /** False when the row must wait for other partitions. */
  #takeNext(queues: ConsumeQueues): boolean {
    const queue = this.#queue(queues);
    const baseOffset = this.#at(this.#next, col.baseOffset);
    if (!this.#isAtHome(queue) || queue.maxOffset < this.#tenureStart(queue)) return false;
    if (this.#at(this.#next, col.length) === 0) return this.#takeMark(queues, queue);
    if (baseOffset > queue.maxOffset && !this.#isCovered(queue)) return false;
    if (baseOffset < queue.maxOffset) this.refuse(queues);
    if (isMappingQueue(queue)) {
      queues.expect(baseOffset, this.#remaps.get(baseOffset)!);
      this.#remaps.delete(baseOffset);
    }
    queues.takeRow(this.#rows.values, this.#next);
    return true;
  }

  #takeMark(queues: ConsumeQueues, queue: LogicalQueue): boolean {
    const end = this.#lastOffset() + 1;
    if (this.#at(this.#next, col.tagHash) === startMark) {
      this.#covered.set(queueNumber(queue.topicId, queue.queueId), end);
    } else {
      queues.cover(queue, this.#at(this.#next, col.storeTimeMs), end);
    }
    return true;
  }

  /** The entries between the queue's last one and the next row were cleaned out. */
  #isCovered({ topicId, queueId }: LogicalQueue): boolean {
    const end = this.#at(this.#next, col.baseOffset) + this.#at(this.#next, col.count);
    return end <= (this.#covered.get(queueNumber(topicId, queueId)) ?? 0);
  }

  /** First offset that the queue has in this partition without having been elsewhere since. */
  #tenureStart({ segments }: LogicalQueue): number {
    if (segments.length === 1) return segments[0]!.firstOffset;
    const offset = this.#lastOffset();
    return segments.findLast(({ firstOffset }) => firstOffset <= offset)?.firstOffset ?? 0;
  }

  /** The last offset that the next row is about. */
  #lastOffset(): number {
    return this.#at(this.#next, col.baseOffset) + this.#at(this.#next, col.count) - 1;
  }

  /** Disposes of the next row if its queue does not live here now; says whether it did. */
  takeStray(queues: ConsumeQueues): boolean {
    if (this.#next === this.#rows.rowCount) return false;
    const queue = this.#queue(queues);
    if (this.#isAtHome(queue)) return false;
    const isEntry = this.#at(this.#next, col.length) > 0;
    if (isEntry && this.#at(this.#next, col.baseOffset) === queue.maxOffset) {
      queues.takeStray(this.#rows.values, this.#next);
    }
    this.#next++;
    return true;
  }

  /** The next row fits nowhere. */
  refuse(queues: ConsumeQueues): never {
    const { topicId, queueId, maxOffset } = this.#queue(queues);
    throw new MillraceError(
      'CORRUPTION',
      `the entry at position ${this.#at(this.#next, col.position)} of partition ` +
        `${this.#log.number} has offset ${this.#at(this.#next, col.baseOffset)} of topic ` +
        `${topicId}, queue ${queueId}, where ${maxOffset} follows`,
    );
  }

  /** As far as changes of the mapping are known, the next row is where its queue has it. */
  #isAtHome({ segments }: LogicalQueue): boolean {
    return partitionOf(segments, this.#lastOffset()) === this.#log.number;
  }

  #queue(queues: ConsumeQueues): LogicalQueue {
    const topicId = this.#at(this.#next, col.topicId);
    return queues.active.get(topicId, this.#at(this.#next, col.queueId))!;
  }

  #at(row: number, column: number): number {
    return this.#rows.values[row * indexRowWidth + column]!;
  }
}

function isMappingQueue({ topicId, queueId }: QueueName): boolean {
  return topicId === systemTopicId && queueId === mappingQueueId;
}

const startMark = 1;
const endMark = 2;

/** Before the entries of a cleaned segment: offsets of the queue that it held. */
function markStart(row: QueueRow, position: number): readonly number[] {
  return markOf(row, position, startMark);
}

/** After them: what has not come by now will not come. The expired offset is in place of a time. */
function markEnd(row: QueueRow, position: number): readonly number[] {
  return markOf(row, position, endMark);
}

function markOf(row: QueueRow, position: number, kind: number): readonly number[] {
  const { topicId, queueId, firstOffset, endOffset, expiredOffset } = row;
  const range = { topicId, queueId, baseOffset: firstOffset, count: endOffset - firstOffset };
  const place = { partition: 0, position, length: 0, storeTimeMs: expiredOffset };
  return indexRow({ ...range, ...place, tagHash: kind });
}
