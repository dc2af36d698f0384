import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { EntryHeader } from '../log/entry-format.ts';
import { keyFileExtension } from '../log/key-file.ts';
import { PositionMap } from '../log/position-map.ts';
import type { QueueRow } from '../log/queue-table.ts';
import { recoverTail } from '../log/recovery.ts';
import { oneTurn } from '../log/row-turns.ts';
import { readFooter, readTables } from '../log/segment.ts';
import { type SegmentFooter, segmentFooterBytes } from '../log/segment-footer.ts';
import {
  decodeSegmentHeader,
  draftSuffix,
  parseSegmentFileName,
  type SegmentName,
  segmentHeaderBytes,
} from '../log/segment-format.ts';
import { FileWindow } from './file-window.ts';
import type { Finding, FindingKind } from './findings.ts';
import { lastNonZero, scanSegment } from './scan-segment.ts';

export interface WalkedEntry {
  readonly position: number;
  readonly header: EntryHeader;
  /** A view, valid until the next step is asked for. */
  readonly body: Buffer;
}

export type WalkStep =
  | { readonly kind: 'segment'; readonly segment: WalkedSegment }
  | { readonly kind: 'entries'; readonly entries: readonly WalkedEntry[] }
  | { readonly kind: 'finding'; readonly finding: Finding };

export interface WalkedSegment extends SegmentName {
  readonly path: string;
  /** Entries were taken out of it on purpose. */
  readonly isCleaned: boolean;
  /** What its footer says; `undefined` without a footer. */
  readonly footer: SegmentFooter | undefined;
  readonly queues: readonly QueueRow[] | undefined;
}

export interface WalkOptions {
  readonly fs: Fs;
  readonly directory: string;
  readonly partition: number;
  /** `undefined`: not known; segments of any server will do. */
  readonly serverId: string | undefined;
  /** The index has the log up to here: what is bad below is damage, and no torn tail. */
  readonly knownEnd?: number;
  /** Leaves segments out; `end` is where the next one starts. */
  readonly isWanted?: (name: SegmentName, end: number) => boolean;
}

interface Stored extends WalkedSegment {
  readonly size: number;
  readonly map: PositionMap;
}

/**
 * Reads a partition from its first segment to its last as recovery and readers understand it, and
 * goes on after damage. Changes nothing. Throws IO, and FORMAT_VERSION for a segment that this
 * version cannot read.
 */
export async function* walkPartition(options: WalkOptions): AsyncGenerator<WalkStep> {
  const { fs, partition, knownEnd = 0, isWanted = () => true } = options;
  const findings: Finding[] = [];
  const segments = await sortedSegments(options, findings);
  for (const finding of findings) yield { kind: 'finding', finding };
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1];
    if (!isWanted(segment, next?.start ?? Infinity)) continue;
    yield { kind: 'segment', segment };
    const file = await fs.open(segment.path, 'read');
    try {
      if (segment.footer !== undefined) yield* walkSealed(file, segment, partition, next?.start);
      else if (next === undefined) yield* walkLast(file, segment, partition, knownEnd);
      else yield* walkBounded(file, segment, partition, next.start);
    } finally {
      await file.close();
    }
  }
}

/** The segments that hold part of the stream; what is wrong with the others is a finding. */
async function sortedSegments(options: WalkOptions, findings: Finding[]): Promise<Stored[]> {
  const segments: Stored[] = [];
  for (const name of await options.fs.list(options.directory)) {
    const path = `${options.directory}/${name}`;
    const segment = await readStored(options, name, path, (kind, text) =>
      findings.push({ kind, path, text }),
    );
    if (segment === undefined) continue;
    const before = segments.at(-1);
    if (before?.isCleaned === true && segment.start < before.footer!.end) {
      const text = `lies within the cleaned segment ${before.path}`;
      findings.push({ kind: 'interrupted-segment', path, text });
    } else {
      segments.push(segment);
    }
  }
  return segments;
}

async function readStored(
  { fs, partition, serverId }: WalkOptions,
  fileName: string,
  path: string,
  add: (kind: FindingKind, text: string) => void,
): Promise<Stored | undefined> {
  const name = parseSegmentFileName(fileName);
  if (name === undefined) {
    // Derived from a segment: built again when it is lost.
    if (fileName.endsWith(keyFileExtension)) return undefined;
    if (fileName.endsWith(draftSuffix)) add('interrupted-segment', 'is an unfinished draft');
    else add('segment', 'does not have the name of a segment; the server takes no notice of it');
    return undefined;
  }
  const file = await fs.open(path, 'read');
  try {
    const size = await file.size();
    const bytes = Buffer.alloc(segmentHeaderBytes);
    const count = await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, count), path);
    if (header === undefined && size <= segmentHeaderBytes) {
      add('interrupted-segment', 'is a segment whose creation was interrupted');
      return undefined;
    }
    if (header === undefined) {
      add('segment', 'has a damaged header; its name is taken for what the header should say');
    } else if (
      header.partition !== partition ||
      (serverId !== undefined && header.serverId !== serverId)
    ) {
      add('segment', `belongs to server ${header.serverId}, partition ${header.partition}`);
      return undefined;
    } else if (header.start !== name.start || header.sequence !== name.sequence) {
      add('segment', 'does not have the name of its header');
      return undefined;
    }
    const known = header ?? { ...name, partition, firstCommit: 1, serverId: '', generation: 0 };
    const isCleaned = known.generation > 0;
    const footer = await readFooter(file, known);
    if (footer === undefined && isCleaned) add('segment', 'has a damaged footer');
    const whole = { ...name, path, size, isCleaned, queues: undefined, footer: undefined };
    const map = PositionMap.whole(name.start);
    if (footer === undefined) return { ...whole, map };
    const tables = await readTables(file, footer, oneTurn).catch(corruption);
    if (typeof tables === 'string') {
      add('segment', tables);
      return isCleaned ? undefined : { ...whole, map };
    }
    return { ...whole, footer, map: tables.map, queues: tables.queues };
  } finally {
    await file.close();
  }
}

/** The message of a CORRUPTION error; others are thrown again. */
function corruption(error: unknown): string {
  if (error instanceof MillraceError && error.code === 'CORRUPTION') return error.message;
  throw error;
}

/** A segment that vouches for itself: its entries, and a CRC over everything before the footer. */
async function* walkSealed(
  file: FileHandle,
  segment: Stored,
  partition: number,
  nextStart: number | undefined,
): AsyncGenerator<WalkStep> {
  const { path, footer } = segment;
  const { end, entriesEnd, contentCrc } = footer!;
  const found = (kind: FindingKind, text: string): WalkStep => ({
    kind: 'finding',
    finding: { kind, path, text },
  });
  let isDamaged = false;
  let entries = 0;
  for await (const step of walkPieces(file, segment, partition, entriesEnd)) {
    if (step.kind === 'finding') isDamaged = true;
    if (step.kind === 'entries') entries += step.entries.length;
    yield step;
  }
  if (!isDamaged && entries !== footer!.entries) {
    yield found('segment', `has ${entries} entries, where its footer says ${footer!.entries}`);
  } else if (
    !isDamaged &&
    (await checksum(file, segment.size - segmentFooterBytes)) !== contentCrc
  ) {
    yield found('segment', 'does not have the content that its footer vouches for');
  }
  if (nextStart === undefined) {
    yield found('missing', `is sealed, so a segment that starts at position ${end} must follow it`);
  } else if (nextStart > end) {
    const range = { partition, from: end, to: nextStart };
    const text = `is sealed at position ${end}, but the next segment starts at ${nextStart}`;
    yield { kind: 'finding', finding: { kind: 'missing', path, text, range } };
  } else if (nextStart < end) {
    yield found('segment', `ends at position ${end}, after the next segment's start ${nextStart}`);
  }
}

/** CRC-32 of the file's first `length` bytes. */
async function checksum(file: FileHandle, length: number): Promise<number> {
  const window = new FileWindow(file, length);
  let crc = 0;
  for (let at = 0; at < length; ) {
    const bytes = await window.from(at, 1);
    if (bytes.length === 0) break;
    crc = crc32(bytes, crc);
    at += bytes.length;
  }
  return crc >>> 0;
}

/** A segment with a successor and without a footer: it holds every byte up to where that starts. */
async function* walkBounded(
  file: FileHandle,
  segment: Stored,
  partition: number,
  nextStart: number,
): AsyncGenerator<WalkStep> {
  const end = segmentHeaderBytes + nextStart - segment.start;
  const present = Math.min(segment.size, end);
  yield* walkPieces(file, segment, partition, present);
  if (present >= end) {
    const text = 'has no valid footer';
    yield { kind: 'finding', finding: { kind: 'unsealed', path: segment.path, text } };
    return;
  }
  const from = segment.map.positionOf(present);
  const text = `ends at byte ${segment.size}, before position ${nextStart}, where the next segment starts`;
  const range = { partition, from, to: nextStart };
  yield { kind: 'finding', finding: { kind: 'missing', path: segment.path, text, range } };
}

/** The last segment: what recovery would keep, and what it would say of the rest. */
async function* walkLast(
  file: FileHandle,
  segment: Stored,
  partition: number,
  knownEnd: number,
): AsyncGenerator<WalkStep> {
  const { path, size } = segment;
  const known = Math.min(size, segmentHeaderBytes + knownEnd - segment.start);
  let end: number;
  try {
    // Of the header, only the first commit's number matters here, and that only to the next commit.
    const header = { ...segment, partition, firstCommit: 1, serverId: '', generation: 0 };
    const tail = await recoverTail(file, header);
    end = segmentHeaderBytes + tail.end - segment.start;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'CORRUPTION') throw error;
    end = size;
  }
  // As a start would refuse it: what follows may have been acknowledged, too.
  if (end < known) end = size;
  yield* walkPieces(file, segment, partition, end, knownEnd);
  const torn = (await lastNonZero(file, end, size)) - end;
  if (torn > 0) yield tornTail(path, partition, end, torn, segment.map.positionOf(end));
}

async function* walkPieces(
  file: FileHandle,
  segment: Stored,
  partition: number,
  end: number,
  /** Of the last segment: bad bytes at its end, from here on, are a torn tail. */
  knownEnd = Infinity,
): AsyncGenerator<WalkStep> {
  for await (const piece of scanSegment(file, end)) {
    if (piece.kind === 'entries') {
      const entries = piece.entries.map(({ at, header, body }) => ({
        position: segment.map.positionOf(at),
        header,
        body,
      }));
      yield { kind: 'entries', entries };
      continue;
    }
    const { from } = piece;
    const position = segment.map.positionOf(from);
    const isAtEnd = piece.to === end && knownEnd !== Infinity;
    if (isAtEnd && position >= knownEnd) {
      const torn = (await lastNonZero(file, from, end)) - from;
      if (torn > 0) yield tornTail(segment.path, partition, from, torn, position);
      continue;
    }
    // Behind what is known lies what was written ahead, or torn.
    const to = isAtEnd ? segmentHeaderBytes + knownEnd - segment.start : piece.to;
    const range = { partition, from: position, to: position + to - from };
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
