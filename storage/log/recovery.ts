import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle } from '../../platform/fs.ts';
import {
  claimedLength,
  decodeHeader,
  type EntryHeader,
  entryHeaderBytes,
  entryMagic,
} from './entry-format.ts';
import { type SegmentHeader, segmentHeaderBytes } from './segment-format.ts';

/**
 * Finds where the last segment's whole entries end.
 *
 * The bytes after them are either a torn tail or damage. Group commit n+1 is written only after
 * commit n was synced, so a crash can tear only the last commit, and every whole entry that
 * survives beyond the tear is of that same commit: the commit began at or before the tear. An
 * entry beyond, whose commit began *after* the bad bytes, proves that those bytes had been synced:
 * corruption. Then nothing is cut; the error names file and offset.
 *
 * What lies below a trusted entry need not be read again: it had been synced, and readers check
 * what they read. The trusted entry itself must be whole, else the segment is read from its start.
 */
export interface RecoveredTail {
  /** Position after the last whole entry. */
  readonly end: number;
  /** Highest group-commit number used so far. */
  readonly commit: number;
  /** Bytes after `end` that are not zero: what the crash tore. */
  readonly tornBytes: number;
  /** Every entry of the segment was read, none was trusted. */
  readonly isAllChecked: boolean;
}

/** An entry that was durable at an earlier time: where it begins and ends in the stream. */
export interface TrustedEntry {
  readonly position: number;
  readonly end: number;
}

const readAheadBytes = 4 * 1024 * 1024;

export async function recoverTail(
  file: FileHandle,
  header: SegmentHeader,
  trusted?: TrustedEntry,
): Promise<RecoveredTail> {
  const size = await file.size();
  const known = trusted && (await readTrusted(file, header, trusted));
  let at = segmentHeaderBytes + (known === undefined ? 0 : trusted!.end - header.start);
  let commit = known?.commit ?? header.firstCommit - 1;
  let bytes = await readAt(file, at, Math.min(readAheadBytes, size - at));
  let bytesStart = at;
  for (;;) {
    const local = at - bytesStart;
    const claimed = claimedLength(bytes, local);
    const missing =
      bytes.length - local < Math.max(entryHeaderBytes, claimed) &&
      bytesStart + bytes.length < size;
    if (missing) {
      bytes = await readAt(file, at, Math.min(Math.max(readAheadBytes, claimed), size - at));
      bytesStart = at;
      continue;
    }
    const entry = decodeHeader(bytes, local);
    if (entry === undefined) break;
    at += entry.length;
    commit = entry.commit;
  }
  const tornBytes = await examineRest(file, at, size);
  const end = header.start + (at - segmentHeaderBytes);
  return { end, commit, tornBytes, isAllChecked: known === undefined };
}

/** `undefined` when the entry is not there as it was. */
async function readTrusted(
  file: FileHandle,
  header: SegmentHeader,
  { position, end }: TrustedEntry,
): Promise<EntryHeader | undefined> {
  if (position < header.start) return undefined;
  const bytes = await readAt(file, segmentHeaderBytes + position - header.start, end - position);
  const entry = decodeHeader(bytes, 0);
  return entry?.length === end - position ? entry : undefined;
}

/** Looks at everything after the whole entries; throws CORRUPTION as explained above. */
async function examineRest(file: FileHandle, from: number, size: number): Promise<number> {
  let lastNonZero = from - 1;
  const zeros = Buffer.alloc(Math.min(readAheadBytes, size - from));
  let bytes: Buffer;
  for (let at = from; at < size; at += Math.max(1, bytes.length)) {
    bytes = await readAt(file, at, Math.min(readAheadBytes, size - at));
    if (bytes.length === 0) break;
    // What was written ahead, as a rule: one comparison instead of a loop.
    if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
    for (let i = bytes.length - 1; i >= 0; i--) {
      if (bytes[i] !== 0) {
        lastNonZero = at + i;
        break;
      }
    }
    let found = bytes.indexOf(entryMagic);
    for (; found >= 0; found = bytes.indexOf(entryMagic, found + 1)) {
      await refuseIfSyncedBefore(file, from, at + found);
    }
    // A magic may lie across two reads.
    if (bytes.length > 8 && at + bytes.length < size) bytes = bytes.subarray(0, -4);
  }
  return lastNonZero - from + 1;
}

async function refuseIfSyncedBefore(
  file: FileHandle,
  bad: number,
  candidate: number,
): Promise<void> {
  const head = await readAt(file, candidate, entryHeaderBytes);
  const length = claimedLength(head, 0);
  if (length === 0) return;
  const entry = decodeHeader(await readAt(file, candidate, length), 0);
  if (entry === undefined || candidate - entry.commitDistance <= bad) return;
  throw new MillraceError(
    'CORRUPTION',
    `${file.path} is damaged at byte ${bad}: synced entries follow at byte ${candidate}. ` +
      'Nothing was changed',
    { hint: 'Restore the file from a copy; the log is kept as it is.' },
  );
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = await file.read(bytes.subarray(done), at + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
