import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle } from '../../platform/fs.ts';
import { FilePartition, type PartitionOptions, type RecoveredLog } from './file-partition.ts';
import { type OpenSegments, openSegments } from './open-segments.ts';
import type { LogPartition } from './partition.ts';
import { recoverTail, type TrustedEntry } from './recovery.ts';
import type { Segment } from './segment.ts';
import { segmentHeaderBytes } from './segment-format.ts';

const zeroPieceBytes = 4 * 1024 * 1024;

export interface OpenPartitionOptions extends PartitionOptions {
  /** The last entry that is known to have been durable; recovery reads from there on. */
  readonly trusted?: TrustedEntry;
}

/** Opens or creates the partition; recovers its tail before it returns. Throws CORRUPTION, IO. */
export async function openPartition(options: OpenPartitionOptions): Promise<LogPartition> {
  const { fs, directory, serverId, partition } = options;
  await fs.makeDirectory(directory);
  const opened = await openSegments(fs, directory, serverId, partition);
  try {
    return await new FilePartition(options, await recover(opened, options)).ready();
  } catch (error) {
    for (const { file } of opened.segments) await file.close();
    throw error;
  }
}

async function recover(
  { segments, syncedEnd }: OpenSegments,
  options: OpenPartitionOptions,
): Promise<RecoveredLog> {
  const last = segments.at(-1);
  if (last !== undefined) return { segments, ...(await recoverLast(last, syncedEnd, options)) };
  if (syncedEnd > 0) throw lost(options, 0, syncedEnd);
  return { segments, last, first: { commit: 1, start: 0 } };
}

async function recoverLast(
  segment: Segment,
  syncedEnd: number,
  options: OpenPartitionOptions,
): Promise<Pick<RecoveredLog, 'last' | 'first'>> {
  const { header, file } = segment;
  const tail = await recoverTail(file, header, options.trusted);
  // The index had the trusted entry, so it was durable once; nothing is cut below its end.
  const knownEnd = Math.max(syncedEnd, options.trusted?.end ?? 0);
  if (tail.end < knownEnd) throw lost(options, tail.end, knownEnd);
  if (tail.isAllChecked) segment.wasChecked();
  const written = segmentHeaderBytes + tail.end - header.start;
  // What was cut must not come back after the next crash: zero it, durably, before serving.
  // What was kept may be in the page cache only, when the process and not the machine died.
  await zeroFill(file, written, tail.tornBytes);
  await file.fdatasync();
  const last = { segment, written, size: await file.size() };
  return { last, first: { commit: tail.commit + 1, start: tail.end } };
}

function lost({ directory }: OpenPartitionOptions, end: number, syncedEnd: number): MillraceError {
  return new MillraceError(
    'CORRUPTION',
    `the log ${directory} ends at position ${end}, but was synced up to ` +
      `${syncedEnd}. Nothing was changed`,
  );
}

async function zeroFill(file: FileHandle, at: number, length: number): Promise<void> {
  const piece = new Uint8Array(Math.min(length, zeroPieceBytes));
  for (let done = 0; done < length; done += piece.length) {
    await file.write(piece.subarray(0, Math.min(piece.length, length - done)), at + done);
  }
}
