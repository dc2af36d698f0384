import type { KvPut, KvStore } from '../kv/kv-store.ts';
import type { Pause } from '../log/segment-sealer.ts';
import { Block } from './block.ts';
import { blockEntryBytes, blockHeaderBytes, blockKey, firstOffsetOfKey } from './index-format.ts';
import type { LogicalQueue } from './logical-queue.ts';

/** The entry was taken out of the log. */
export type IsGone = (partition: number, position: number) => boolean;

/** Blocks that are looked at in one turn. */
const blocksAtOnce = 8;

/**
 * Takes the rows of entries that are gone out of a queue's blocks in the database, below an offset;
 * the queue stays in memory meanwhile. The last row of a block stays, so that blocks go on to follow
 * each other without a gap. Readers would skip the rows; they are spared that.
 */
export async function thinBlocks(
  kv: KvStore,
  { topicId, queueId, blocks }: LogicalQueue,
  below: number,
  isGone: IsGone,
  pause: Pause,
): Promise<void> {
  const end = Math.min(below, blocks[0]?.firstOffset ?? below);
  for (let from = 0; from < end; ) {
    const range = { from: blockKey(topicId, queueId, from), to: blockKey(topicId, queueId, end) };
    const pairs = await kv.scan({ ...range, limit: blocksAtOnce });
    const puts: KvPut[] = [];
    for (const { key, value } of pairs) {
      const block = Block.stored(topicId, queueId, firstOffsetOfKey(key), value);
      const thinned = thinnedBlock(block, isGone);
      if (thinned !== undefined) puts.push({ key, value: thinned });
      from = block.firstOffset + 1;
    }
    if (puts.length > 0) await kv.write(puts);
    if (pairs.length < blocksAtOnce) return;
    await pause();
  }
}

/** `undefined` when nothing goes. */
function thinnedBlock(block: Block, isGone: IsGone): Buffer | undefined {
  const { bytes, entryCount, partition } = block;
  const parts: Buffer[] = [bytes.subarray(0, blockHeaderBytes)];
  for (let i = 0; i < entryCount; i++) {
    if (i < entryCount - 1 && isGone(partition, block.positionOf(i))) continue;
    const at = blockHeaderBytes + i * blockEntryBytes;
    parts.push(bytes.subarray(at, at + blockEntryBytes));
  }
  return parts.length === entryCount + 1 ? undefined : Buffer.concat(parts);
}
