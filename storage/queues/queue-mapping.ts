import { MillraceError } from '../../platform/errors.ts';

/**
 * Where a logical queue has lived: an ordered list of segments. Offsets from a segment's first one
 * up to the next segment's are in its partition. A queue that nobody placed lives on partition 0.
 *
 * A change of it is an entry of the system topic's queue `mappingQueueId` (kind `mapping`), whose
 * body is a `Remap` as UTF-8 JSON. The change is made so that offsets stay dense wherever a crash
 * comes:
 *   1. appends to the queues are held back, and those under way end: durable, or taken back;
 *   2. the record, which names the next offset of each queue, becomes durable;
 *   3. the appends held back go to the new partition.
 * So every entry below the first offset was durable before the record was written, and every entry
 * from there on was written after the record was durable.
 */
export interface QueueSegment {
  readonly partition: number;
  readonly firstOffset: number;
}

export interface Remap {
  readonly topicId: number;
  /** The partition that takes the queues' entries from now on. */
  readonly partition: number;
  /** Queue ids, each with the first offset that is in the partition. */
  readonly queues: readonly (readonly [number, number])[];
}

/** Queue of the system topic. */
export const mappingQueueId = 1;
/** Has the system topic, and every queue that was never placed elsewhere. */
export const homePartition = 0;
export const homeSegments: readonly QueueSegment[] = [{ partition: homePartition, firstOffset: 0 }];

/** The list with one more segment; one that would hold no offset is left out. */
export function withSegment(
  segments: readonly QueueSegment[],
  segment: QueueSegment,
): readonly QueueSegment[] {
  return [...segments.filter(({ firstOffset }) => firstOffset < segment.firstOffset), segment];
}

/** The partition that has the entry at `offset`, or will have it. */
export function partitionOf(segments: readonly QueueSegment[], offset: number): number {
  return segments.findLast(({ firstOffset }) => firstOffset <= offset)!.partition;
}

export function encodeRemap(remap: Remap): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(remap));
}

export function decodeRemap(body: Uint8Array, baseOffset: number): Remap {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new MillraceError(
      'CORRUPTION',
      `entry ${baseOffset} of the system topic's queue ${mappingQueueId} is no change of a mapping`,
      { cause },
    );
  }
}
