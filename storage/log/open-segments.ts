import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import {
  checkSegmentOwner,
  decodeSegmentHeader,
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
 */
export interface OpenSegment {
  readonly header: SegmentHeader;
  readonly file: FileHandle;
}

export interface OpenSegments {
  /** In order of their sequence numbers, and so of their starts. */
  readonly segments: readonly OpenSegment[];
  /** Up to here the stream had been synced before the files were closed; the least its end can be. */
  readonly syncedEnd: number;
}

export async function openSegments(
  fs: Fs,
  directory: string,
  serverId: string,
  partition: number,
): Promise<OpenSegments> {
  const segments: OpenSegment[] = [];
  let syncedEnd = 0;
  try {
    for (const name of await segmentNames(fs, directory)) {
      await checkReaches(segments.at(-1), name.start);
      const segment = await openSegment(fs, name, serverId, partition);
      syncedEnd = Math.max(syncedEnd, name.start);
      if (segment !== undefined) segments.push(segment);
    }
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

async function segmentNames(fs: Fs, directory: string): Promise<readonly NamedSegment[]> {
  const names = await fs.list(directory);
  return names.flatMap((name) => {
    const parsed = parseSegmentFileName(name);
    return parsed === undefined ? [] : [{ ...parsed, path: `${directory}/${name}` }];
  });
}

/** `undefined` for an interrupted creation, which it removes. */
async function openSegment(
  fs: Fs,
  name: NamedSegment,
  serverId: string,
  partition: number,
): Promise<OpenSegment | undefined> {
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
      return { header, file };
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

/** The segment before one that starts at `end` holds every byte up to there. */
async function checkReaches(segment: OpenSegment | undefined, end: number): Promise<void> {
  if (segment === undefined) return;
  const { file, header } = segment;
  const missing = segmentHeaderBytes + end - header.start - (await file.size());
  if (end >= header.start && missing <= 0) return;
  throw new MillraceError(
    'CORRUPTION',
    `${file.path} does not reach position ${end}, where the next segment starts`,
  );
}
