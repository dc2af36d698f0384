import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import { keyFileExtension, keyFilePath, removeSegment } from './key-file.ts';
import { readFooter, readRuns, Segment } from './segment.ts';
import {
  checkSegmentOwner,
  decodeSegmentHeader,
  draftSuffix,
  parseSegmentFileName,
  type SegmentHeader,
  type SegmentName,
  segmentHeaderBytes,
} from './segment-format.ts';

/**
 * Opens the segments of a partition and checks that together they are one stream.
 *
 * A segment is created by writing its header, syncing it and syncing its name, before anything
 * else is written to it. So a file with a damaged header is a creation that was interrupted if and
 * only if it is no longer than a header; it is removed. Everything below the start of a segment,
 * even of an interrupted one, had been synced to the segments before it; what is missing there is
 * corruption.
 *
 * A segment that is followed by another has a footer, or gets one later: when it lacks it, or has
 * a damaged one, the next segment's start says where it ends. A cleaned segment cannot do without.
 * A segment that lies within a cleaned one is what an interrupted cleaning left: it is removed, as
 * are drafts of cleaned segments.
 */
export interface OpenSegments {
  /** In order of their sequence numbers, and so of their starts. The last one takes writes. */
  readonly segments: readonly Segment[];
  /** Up to here the stream had been synced before the files were closed; the least its end can be. */
  readonly syncedEnd: number;
}

export async function openSegments(
  fs: Fs,
  directory: string,
  serverId: string,
  partition: number,
): Promise<OpenSegments> {
  const segments: Segment[] = [];
  let syncedEnd = 0;
  try {
    for (const name of await segmentNames(fs, directory)) {
      const before = segments.at(-1);
      const segment = await openSegment(fs, name, serverId, partition);
      if (before !== undefined && isCovered(before, name, segment)) {
        await segment?.file.close();
        if (segment !== undefined) await removeSegment(fs, name.path);
        continue;
      }
      syncedEnd = Math.max(syncedEnd, name.start);
      if (segment !== undefined) segments.push(segment);
      await checkReaches(before, name.start);
      // After an interrupted creation the segment before it goes on taking writes.
      if (segment !== undefined && before?.isSealed === false) before.finish(name.start);
    }
    checkLast(segments.at(-1));
    // A killed process may have left names that are not durable yet.
    await fs.syncDirectory(directory);
  } catch (error) {
    for (const { file } of segments) await file.close();
    throw error;
  }
  return { segments, syncedEnd };
}

interface NamedSegment extends SegmentName {
  readonly path: string;
}

/** Removes drafts on the way, and key files whose segments were removed. */
async function segmentNames(fs: Fs, directory: string): Promise<readonly NamedSegment[]> {
  const found: NamedSegment[] = [];
  const names = await fs.list(directory);
  const keyFiles = new Set(
    names.flatMap((name) => (parseSegmentFileName(name) === undefined ? [] : [keyFilePath(name)])),
  );
  for (const name of names) {
    const path = `${directory}/${name}`;
    const parsed = parseSegmentFileName(name);
    const isOrphan = name.endsWith(keyFileExtension) && !keyFiles.has(name);
    if (parsed !== undefined) found.push({ ...parsed, path });
    else if (name.endsWith(draftSuffix) || isOrphan) await fs.unlink(path);
  }
  return found;
}

/** `undefined` for an interrupted creation, which it removes. */
async function openSegment(
  fs: Fs,
  name: NamedSegment,
  serverId: string,
  partition: number,
): Promise<Segment | undefined> {
  const file = await fs.open(name.path, 'write');
  try {
    const bytes = Buffer.alloc(segmentHeaderBytes);
    const count = await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, count), name.path);
    if (header !== undefined) {
      checkSegmentOwner(header, name.path, serverId, partition);
      if (header.start !== name.start || header.sequence !== name.sequence) {
        throw new MillraceError('CORRUPTION', `${name.path} does not have the name of its header`);
      }
      return await withFooter(header, file);
    }
    if ((await file.size()) > segmentHeaderBytes) {
      throw new MillraceError('CORRUPTION', `${name.path} has a damaged header`);
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  await fs.unlink(name.path);
  return undefined;
}

async function withFooter(header: SegmentHeader, file: FileHandle): Promise<Segment> {
  const segment = new Segment(header, file);
  const footer = await readFooter(file, header);
  if (header.generation > 0) {
    if (footer === undefined) {
      throw new MillraceError('CORRUPTION', `${file.path} has a damaged footer`);
    }
    segment.sealed(footer, await readRuns(file, footer));
  } else if (footer !== undefined) {
    segment.sealed(footer);
  }
  return segment;
}

/** Also an interrupted creation may lie there, which was made again before the cleaning. */
function isCovered(before: Segment, { start }: SegmentName, segment?: Segment): boolean {
  const isCleaned = before.header.generation > 0;
  // A footer may have been in the page cache only, and be lost.
  const isWithin = segment?.isSealed !== true || segment.end <= before.end;
  return isCleaned && start < before.end && isWithin;
}

/** The segment before one that starts at `end` holds every byte up to there. */
async function checkReaches(segment: Segment | undefined, end: number): Promise<void> {
  if (segment === undefined) return;
  const { file, header, isSealed } = segment;
  const missing = isSealed
    ? end - segment.end
    : segmentHeaderBytes + end - header.start - (await file.size());
  if (end < header.start || missing > 0) {
    throw new MillraceError(
      'CORRUPTION',
      `${file.path} does not reach position ${end}, where the next segment starts`,
    );
  }
  if (!isSealed || missing === 0) return;
  throw new MillraceError(
    'CORRUPTION',
    `${file.path} is sealed at position ${segment.end}, but the next segment starts at ${end}`,
  );
}

/** The last segment takes writes: one that is sealed was followed by another. */
function checkLast(last: Segment | undefined): void {
  if (last === undefined || !last.isSealed) return;
  throw new MillraceError(
    'CORRUPTION',
    `${last.file.path} is sealed, so a segment that starts at position ${last.end} must follow ` +
      'it, and is missing. Nothing was changed',
  );
}
