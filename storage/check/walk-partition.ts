import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { EntryHeader } from '../log/entry-format.ts';
import { recoverTail } from '../log/recovery.ts';
import {
  decodeSegmentHeader,
  parseSegmentFileName,
  type SegmentName,
  segmentHeaderBytes,
} from '../log/segment-format.ts';
import type { Finding } from './findings.ts';
import { lastNonZero, scanSegment } from './scan-segment.ts';

export interface WalkedEntry {
  readonly position: number;
  readonly header: EntryHeader;
  /** A view, valid until the next step is asked for. */
  readonly body: Buffer;
}

export type WalkStep =
  | { readonly kind: 'segment'; readonly path: string; readonly name: SegmentName }
  | { readonly kind: 'entries'; readonly entries: readonly WalkedEntry[] }
  | { readonly kind: 'finding'; readonly finding: Finding };

export interface WalkOptions {
  readonly fs: Fs;
  readonly directory: string;
  readonly partition: number;
  /** `undefined`: not known; segments of any server will do. */
  readonly serverId: string | undefined;
  /** Leaves segments out; `end` is where the next one starts. */
  readonly isWanted?: (name: SegmentName, end: number) => boolean;
}

interface Segment extends SegmentName {
  readonly path: string;
  readonly size: number;
}

/**
 * Reads a partition from its first segment to its last as recovery and readers understand it, and
 * goes on after damage. Changes nothing. Throws IO, and FORMAT_VERSION for a segment that this
 * version cannot read.
 */
export async function* walkPartition(options: WalkOptions): AsyncGenerator<WalkStep> {
  const { fs, partition, isWanted = () => true } = options;
  const findings: Finding[] = [];
  const segments = await sortedSegments(options, findings);
  for (const finding of findings) yield { kind: 'finding', finding };
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1];
    if (!isWanted(segment, next?.start ?? Infinity)) continue;
    yield { kind: 'segment', path: segment.path, name: segment };
    const file = await fs.open(segment.path, 'read');
    try {
      yield* next === undefined
        ? walkLast(file, segment, partition)
        : walkBounded(file, segment, partition, next.start);
    } finally {
      await file.close();
    }
  }
}

/** The segments that hold part of the stream; what is wrong with the others is a finding. */
async function sortedSegments(
  { fs, directory, partition, serverId }: WalkOptions,
  findings: Finding[],
): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const file of await fs.list(directory)) {
    const path = `${directory}/${file}`;
    const add = (kind: Finding['kind'], text: string) => findings.push({ kind, path, text });
    const name = parseSegmentFileName(file);
    if (name === undefined) {
      add('segment', 'does not have the name of a segment; the server takes no notice of it');
      continue;
    }
    const { bytes, size } = await readHead(fs, path);
    const header = decodeSegmentHeader(bytes, path);
    if (header === undefined && size <= segmentHeaderBytes) {
      add('interrupted-segment', 'is a segment whose creation was interrupted');
      continue;
    }
    if (header === undefined) {
      add('segment', 'has a damaged header; its name is taken for what the header should say');
    } else if (
      header.partition !== partition ||
      (serverId !== undefined && header.serverId !== serverId)
    ) {
      add('segment', `belongs to server ${header.serverId}, partition ${header.partition}`);
      continue;
    } else if (header.start !== name.start || header.sequence !== name.sequence) {
      add('segment', 'does not have the name of its header');
      continue;
    }
    segments.push({ ...name, path, size });
  }
  return segments;
}

async function readHead(fs: Fs, path: string): Promise<{ bytes: Buffer; size: number }> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.alloc(segmentHeaderBytes);
    const count = await file.read(bytes, 0);
    return { bytes: bytes.subarray(0, count), size: await file.size() };
  } finally {
    await file.close();
  }
}

/** A segment with a successor: it must hold every byte up to where that one starts. */
async function* walkBounded(
  file: FileHandle,
  segment: Segment,
  partition: number,
  nextStart: number,
): AsyncGenerator<WalkStep> {
  const end = segmentHeaderBytes + nextStart - segment.start;
  const present = Math.min(segment.size, end);
  yield* walkPieces(file, segment, partition, present);
  if (present >= end) return;
  const from = positionOf(segment, present);
  const text = `ends at byte ${segment.size}, before position ${nextStart}, where the next segment starts`;
  const range = { partition, from, to: nextStart };
  yield { kind: 'finding', finding: { kind: 'missing', path: segment.path, text, range } };
}

/** The last segment: what recovery would keep, and what it would say of the rest. */
async function* walkLast(
  file: FileHandle,
  segment: Segment,
  partition: number,
): AsyncGenerator<WalkStep> {
  const { path, size } = segment;
  let end: number;
  try {
    // Of the header, only the first commit's number matters here, and that only to the next commit.
    const header = { ...segment, partition, firstCommit: 1, serverId: '' };
    const tail = await recoverTail(file, header);
    end = segmentHeaderBytes + tail.end - segment.start;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'CORRUPTION') throw error;
    end = size;
  }
  yield* walkPieces(file, segment, partition, end, true);
  const torn = (await lastNonZero(file, end, size)) - end;
  if (torn > 0) yield tornTail(path, partition, end, torn, positionOf(segment, end));
}

async function* walkPieces(
  file: FileHandle,
  segment: Segment,
  partition: number,
  end: number,
  isLast = false,
): AsyncGenerator<WalkStep> {
  for await (const piece of scanSegment(file, end)) {
    if (piece.kind === 'entries') {
      const entries = piece.entries.map(({ at, header, body }) => ({
        position: positionOf(segment, at),
        header,
        body,
      }));
      yield { kind: 'entries', entries };
      continue;
    }
    const { from, to } = piece;
    if (isLast && to === end) {
      const torn = (await lastNonZero(file, from, to)) - from;
      if (torn > 0) yield tornTail(segment.path, partition, from, torn, positionOf(segment, from));
      continue;
    }
    const range = { partition, from: positionOf(segment, from), to: positionOf(segment, to) };
    const text = `is damaged from byte ${from} to ${to} (${to - from} bytes)`;
    yield { kind: 'finding', finding: { kind: 'entries', path: segment.path, text, range } };
  }
}

function tornTail(
  path: string,
  partition: number,
  at: number,
  bytes: number,
  position: number,
): WalkStep {
  const text = `has a torn tail of ${bytes} bytes at byte ${at}: a commit that a crash interrupted, not acknowledged`;
  const range = { partition, from: position, to: position + bytes };
  return { kind: 'finding', finding: { kind: 'torn-tail', path, text, range } };
}

/** The stream position of byte `at` of the segment's file. */
function positionOf(segment: SegmentName, at: number): number {
  return segment.start + at - segmentHeaderBytes;
}
