import type { Block } from './block.ts';
import type { QueueState } from './index-format.ts';
import type { QueueSegment } from './queue-mapping.ts';

/** What is in memory of a logical queue in use; an idle one takes no memory at all. */
export class LogicalQueue {
  readonly topicId: number;
  readonly queueId: number;
  /** Never empty. */
  segments: readonly QueueSegment[];
  /** First offset that did not expire. */
  minOffset: number;
  /** One past the last durable offset. */
  maxOffset: number;
  /** Next offset to be given: above `maxOffset` while appends are under way. */
  nextOffset: number;
  /** Highest store time of the queue's entries; 0 when there are none. */
  highTimeMs: number;
  /** First offset of the newest block, here or in the database, when there is one. */
  newestBlock: number;
  /** Oldest first; all but the last take no more entries, and are not yet written. */
  readonly blocks: Block[] = [];
  /** When it was last used, in rounds of ActiveQueues. */
  touchedRound = 0;
  /** Entries before the next one were cleaned out of the log, and are not in the index. */
  hasGap: boolean;
  /** Below it messages may be missing whose keys came again. */
  compactedOffset: number;
  /** While above 0 the queue stays in memory. */
  pins = 0;

  constructor(topicId: number, queueId: number, state: QueueState) {
    this.topicId = topicId;
    this.queueId = queueId;
    this.segments = state.segments;
    this.minOffset = state.minOffset;
    this.maxOffset = state.maxOffset;
    this.nextOffset = state.maxOffset;
    this.highTimeMs = state.highTimeMs;
    this.newestBlock = state.newestBlock;
    this.hasGap = state.hasGap;
    this.compactedOffset = state.compactedOffset;
  }

  /** The partition that new entries go to. */
  get partition(): number {
    return this.segments.at(-1)!.partition;
  }

  get isInUse(): boolean {
    return this.pins > 0 || this.nextOffset !== this.maxOffset;
  }
}
