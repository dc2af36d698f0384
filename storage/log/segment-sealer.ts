import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import { claimedLength, decodeHeader, type EntryHeader, entryHeaderBytes } from './entry-format.ts';
import { QueueTable } from './queue-table.ts';
import { RowTurns } from './row-turns.ts';
import type { Segment } from './segment.ts';
import { decodeSegmentFooter, encodeSegmentTail, segmentFooterBytes } from './segment-footer.ts';
import { segmentHeaderBytes } from './segment-format.ts';

/** Read at a time: what one turn of the event loop has to check. */
const pieceBytes = 256 * 1024;

/**
 * One entry of a segment that is read whole; `bytes` holds it from `at` on. What takes long returns
 * a promise, and the next entry comes when it has resolved.
 */
export type EntryVisitor = (
  entry: EntryHeader,
  bytes: Buffer,
  at: number,
  position: number,
) => Promise<void> | undefined | void;

/** Resolves when other work had its turn; rejects to give up, which leaves the file as it is. */
export type Pause = () => Promise<void>;

/**
 * Gives a segment that takes no more writes its footer (segment-footer.ts). It is read whole and
 * every entry is checked on the way, so that a footer vouches for what is on the disk and not for
 * what was meant to be there. Interrupted at any moment it can be done again: entries stay as they
 * are, and where they end the next segment's start tells.
 *
 * Throws CORRUPTION when an entry fails its check, IO, DISK_FULL; then the segment stays unsealed.
 */
export async function sealSegment(segment: Segment, pause: Pause): Promise<void> {
  const { header, file, map, end } = segment;
  const queues = new QueueTable();
  let lastCommit = header.firstCommit - 1;
  const entriesCrc = await readEntries(segment, pause, (entry) => {
    queues.add(entry);
    lastCommit = entry.commit;
  });
  const turns = new RowTurns(pause);
  const content = { header, end, map, queues: await queues.rows(turns), lastCommit, entriesCrc };
  const tail = await encodeSegmentTail(content, turns);
  const tables = tail.subarray(0, -segmentFooterBytes);
  const footerBytes = tail.subarray(-segmentFooterBytes);
  await file.truncate(map.endOffset);
  await file.write(tables, map.endOffset);
  // Before the footer: sectors reach the disk in any order, and a footer vouches for the tables.
  await file.fdatasync();
  await file.write(footerBytes, map.endOffset + tables.length);
  await file.fdatasync();
  const size = map.endOffset + tail.length;
  segment.sealed(decodeSegmentFooter(footerBytes, header, size)!);
}

/** Visits every entry of the segment, checked; returns the CRC-32 of header and entries. */
export async function readEntries(
  segment: Segment,
  pause: Pause,
  visit: EntryVisitor,
): Promise<number> {
  let crc = crc32(await segment.read(0, segmentHeaderBytes));
  for await (const { bytes, entries } of readPieces(segment, pause)) {
    for (const { header, at, position } of entries) {
      const waiting = visit(header, bytes, at, position);
      if (waiting !== undefined) await waiting;
    }
    crc = crc32(bytes, crc);
  }
  return crc >>> 0;
}

/** Whole entries that lie back to back in `bytes`. */
export interface SegmentPiece {
  readonly bytes: Buffer;
  readonly entries: readonly {
    readonly header: EntryHeader;
    readonly at: number;
    readonly position: number;
  }[];
}

/** The segment's entries in [from, until), checked; pauses after each piece. */
export async function* readPieces(
  segment: Segment,
  pause: Pause,
  from = segment.start,
  until = segment.end,
): AsyncGenerator<SegmentPiece> {
  const { map } = segment;
  const endOffset = until < segment.end ? map.offsetFrom(until) : map.endOffset;
  for (let offset = map.offsetFrom(from); offset < endOffset; ) {
    let bytes = await segment.read(offset, Math.min(pieceBytes, endOffset - offset));
    const claimed = claimedLength(bytes, 0);
    if (claimed > bytes.length) bytes = await segment.read(offset, claimed);
    const entries = [];
    let at = 0;
    for (; at < bytes.length; ) {
      const header = decodeHeader(bytes, at);
      if (header === undefined) break;
      entries.push({ header, at, position: map.positionOf(offset + at) });
      at += header.length;
    }
    if (at === 0 || (isWhole(bytes, at) && offset + at < endOffset)) {
      throw damaged(segment, offset + at);
    }
    offset += at;
    if (offset > endOffset) throw damaged(segment, endOffset);
    yield { bytes: bytes.subarray(0, at), entries };
    await pause();
  }
}

/** A whole entry ought to begin at `at`, and none does. */
function isWhole(bytes: Buffer, at: number): boolean {
  const rest = bytes.length - at;
  return rest >= entryHeaderBytes && Math.max(claimedLength(bytes, at), entryHeaderBytes) <= rest;
}

function damaged(segment: Segment, offset: number): MillraceError {
  const text = `${segment.file.path} is damaged at byte ${offset}`;
  return segment.foundDamaged(new MillraceError('CORRUPTION', text));
}
