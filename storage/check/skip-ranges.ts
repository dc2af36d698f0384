import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { KvStore } from '../kv/kv-store.ts';
import { entryHeaderBytes } from '../log/entry-format.ts';
import { PositionMap } from '../log/position-map.ts';
import { type QueueRow, QueueTable } from '../log/queue-table.ts';
import { oneTurn } from '../log/row-turns.ts';
import { readFooter, readTables } from '../log/segment.ts';
import { Output } from '../log/segment-cleaner.ts';
import { encodeSegmentTail } from '../log/segment-footer.ts';
import {
  decodeSegmentHeader,
  draftSuffix,
  encodeSegmentHeader,
  parseSegmentFileName,
  type SegmentHeader,
  type SegmentName,
  segmentFileName,
  segmentHeaderBytes,
} from '../log/segment-format.ts';
import { Block } from '../queues/block.ts';
import {
  appliedKey,
  decodeNumbers,
  firstOffsetOfKey,
  prefixes,
  prefixKey,
  queueOfKey,
} from '../queues/index-format.ts';
import { col, indexRowWidth } from '../queues/index-rows.ts';
import { type PositionRange, rangeText } from './findings.ts';
import type { OfflinePartition } from './offline.ts';
import { scanSegment } from './scan-segment.ts';

/**
 * Takes damaged ranges out of the log, on the operator's word. The segment is written anew as a
 * cleaned one (segment-cleaner.ts): its map says which positions are gone, its queue table which
 * offsets had been given, so that readers skip them and no offset is given twice. The damaged bytes
 * are kept in `skipped/` of the data directory, durable before anything is changed.
 */
export interface SkipOptions {
  readonly fs: Fs;
  /** Of the data. */
  readonly directory: string;
  readonly partition: OfflinePartition;
  readonly index: KvStore;
}

interface Target {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Where the next segment starts; `undefined` for the last one. */
  readonly nextStart: number | undefined;
  readonly ranges: readonly PositionRange[];
}

const scanPairs = 1000;
/** Entries alone do not tell that anything of their queue had gone before. */
const nothingGone = { expiredOffset: 0, compactedOffset: 0 };

/**
 * `ranges`: as found by verification, of this partition. Changes nothing. Throws UNSUPPORTED when
 * the index does not know all of what was there, INVALID_ARGUMENT when one of the segments has more
 * damage than is named.
 */
export async function checkSkippable(
  options: SkipOptions,
  ranges: readonly PositionRange[],
): Promise<void> {
  await checkIndexed(options, ranges);
  for (const target of await targetsOf(options, ranges)) {
    const file = await options.fs.open(target.path, 'read');
    try {
      await spansInFile(await sourceOf(file, target), new QueueTable(), target.ranges);
    } finally {
      await file.close();
    }
  }
}

/** Skips what was found to be skippable. Returns what was done, as sentences. */
export async function skipRanges(
  options: SkipOptions,
  ranges: readonly PositionRange[],
): Promise<string[]> {
  const done: string[] = [];
  if (ranges.length > 0) await makeDurable(options);
  for (const target of await targetsOf(options, ranges)) {
    const file = await options.fs.open(target.path, 'read');
    try {
      const source = await sourceOf(file, target);
      for (const range of target.ranges) done.push(await keepBytes(options, source, range));
      await rewrite(options, source, target);
    } finally {
      await file.close();
    }
  }
  return done;
}

/** Offsets in a range that the index has not reached would be given again. */
async function checkIndexed(
  { index, partition }: SkipOptions,
  ranges: readonly PositionRange[],
): Promise<void> {
  const value = await index.get(appliedKey(partition.number));
  const [applied = 0] = value === undefined ? [] : decodeNumbers(value);
  for (const range of ranges) {
    if (range.to <= applied) continue;
    throw new MillraceError(
      'UNSUPPORTED',
      `${rangeText(range)} cannot be skipped: the index reflects the log up to position ` +
        `${applied} only, so it does not know which offsets were given there. Nothing was changed`,
    );
  }
}

/** What a killed process left may be in the page cache only: names, and all of the last segment. */
async function makeDurable({ fs, partition }: SkipOptions): Promise<void> {
  const last = (await fs.list(partition.directory)).findLast((name) => parseSegmentFileName(name));
  if (last !== undefined) {
    const file = await fs.open(`${partition.directory}/${last}`, 'write');
    try {
      await file.fdatasync();
    } finally {
      await file.close();
    }
  }
  await fs.syncDirectory(partition.directory);
}

/** The segments that the ranges lie in. */
async function targetsOf(
  { fs, partition }: SkipOptions,
  ranges: readonly PositionRange[],
): Promise<Target[]> {
  const segments: (SegmentName & { path: string; header: SegmentHeader | undefined })[] = [];
  for (const file of await fs.list(partition.directory)) {
    const name = parseSegmentFileName(file);
    if (name === undefined) continue;
    const path = `${partition.directory}/${file}`;
    const { header, isInterrupted } = await readHeader(fs, path);
    if (!isInterrupted) segments.push({ ...name, path, header });
  }
  const targets: Target[] = [];
  for (const [i, { path, start, header }] of segments.entries()) {
    const nextStart = segments[i + 1]?.start;
    const own = ranges.filter(({ from }) => from >= start && from < (nextStart ?? Infinity));
    if (own.length === 0) continue;
    if (header === undefined) {
      throw new MillraceError('UNSUPPORTED', `${path} has a damaged header: nothing was skipped`);
    }
    targets.push({ path, header, nextStart, ranges: own });
  }
  return targets;
}

/** Without a header, and no longer than one, it is a creation that was interrupted: no segment. */
async function readHeader(
  fs: Fs,
  path: string,
): Promise<{ readonly header: SegmentHeader | undefined; readonly isInterrupted: boolean }> {
  const file = await fs.open(path, 'read');
  try {
    const bytes = Buffer.alloc(segmentHeaderBytes);
    const count = await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, count), path);
    const isShort = (await file.size()) <= segmentHeaderBytes;
    return { header, isInterrupted: header === undefined && isShort };
  } finally {
    await file.close();
  }
}

/** Copies what the file has of the range to a file of its own, under a name that is new. */
async function keepBytes(
  { fs, directory }: SkipOptions,
  { file, map, end }: Source,
  range: PositionRange,
): Promise<string> {
  const at = map.offsetFrom(range.from);
  const bytes = Buffer.alloc(Math.max(0, Math.min(map.offsetFrom(range.to), end) - at));
  const text = `skipped ${rangeText(range)} of ${file.path}`;
  if (bytes.length === 0) return `${text}; the file had no bytes of it`;
  await file.read(bytes, at);
  const folder = `${directory}/skipped`;
  await fs.makeDirectory(folder);
  await fs.syncDirectory(directory);
  const base = `${folder}/${rangeText(range).replace(':', '-')}`;
  let target = `${base}.bytes`;
  for (let n = 2; await fs.exists(target); n++) target = `${base}.${n}.bytes`;
  const copy = await fs.open(target, 'create');
  try {
    await copy.write(bytes, 0);
    await copy.fdatasync();
  } finally {
    await copy.close();
  }
  await fs.syncDirectory(folder);
  return `${text}; its bytes are kept in ${target}`;
}

async function rewrite(options: SkipOptions, source: Source, target: Target): Promise<void> {
  const { fs, partition } = options;
  const { path, nextStart } = target;
  // The offsets of each queue that lie, or lay, in the segment.
  const spans = new QueueTable();
  for (const row of source.queues) spans.cover(row);
  for (const range of target.ranges) await spansInIndex(options, range, spans);
  const last = await spansInFile(source, spans, target.ranges);
  const end = nextStart ?? Math.max(last.end, ...target.ranges.map(({ to }) => to));
  if (nextStart === undefined) await createNext(options, target.header, end, last.commit + 1);
  const header = { ...target.header, generation: target.header.generation + 1 };
  const draft = path + draftSuffix;
  if (await fs.exists(draft)) await fs.unlink(draft);
  const written = await fs.open(draft, 'create');
  try {
    const output = new Output(written, encodeSegmentHeader(header));
    for (const span of await spans.rows(oneTurn)) output.queues.cover(span);
    await copyEntries(source, output);
    const content = { header, end, lastCommit: last.commit, ...(await output.finish(oneTurn)) };
    await written.write(await encodeSegmentTail(content, oneTurn), content.map.endOffset);
    await written.fdatasync();
  } finally {
    await written.close();
  }
  await fs.rename(draft, path);
  await fs.syncDirectory(partition.directory);
}

/** A segment file that is read up to `end`. */
interface Source {
  readonly file: FileHandle;
  readonly map: PositionMap;
  readonly end: number;
  /** Its queue table; empty when it has none. */
  readonly queues: readonly QueueRow[];
}

async function sourceOf(file: FileHandle, { header, nextStart }: Target): Promise<Source> {
  const footer = await readFooter(file, header);
  const tables = footer === undefined ? undefined : await readTables(file, footer, oneTurn);
  const map = tables?.map ?? PositionMap.whole(header.start, nextStart);
  const end = Math.min(await file.size(), map.endOffset);
  return { file, map, end, queues: tables?.queues ?? [] };
}

async function copyEntries({ file, map, end }: Source, output: Output): Promise<void> {
  for await (const piece of scanSegment(file, end)) {
    if (piece.kind === 'bad') continue;
    for (const { at, header, body } of piece.entries) {
      const start = body.byteOffset - entryHeaderBytes;
      const whole = Buffer.from(body.buffer.slice(start, start + header.length));
      output.keep(map.positionOf(at), header, whole);
    }
    await output.flush();
  }
}

/**
 * Also returns where the last entry ends in the stream, and its commit. Throws INVALID_ARGUMENT for
 * damage that is not to be skipped: a segment is written anew with all of its damage out, or not.
 */
async function spansInFile(
  { file, map, end }: Source,
  spans: QueueTable,
  skipped: readonly PositionRange[],
): Promise<{ readonly end: number; readonly commit: number }> {
  let last = { end: 0, commit: 0 };
  for await (const piece of scanSegment(file, end)) {
    if (piece.kind === 'bad') {
      const from = map.positionOf(piece.from);
      if (piece.to === end || skipped.some((range) => range.from === from)) continue;
      throw new MillraceError(
        'INVALID_ARGUMENT',
        `${file.path} is damaged at byte ${piece.from}, too: all of its ranges must be named`,
      );
    }
    for (const { at, header } of piece.entries) {
      const { topicId, queueId, baseOffset: firstOffset, count, length, commit } = header;
      const endOffset = firstOffset + count;
      spans.cover({ topicId, queueId, firstOffset, endOffset, ...nothingGone });
      last = { end: map.positionOf(at) + length, commit };
    }
  }
  return last;
}

/** What the index knows of the entries in the range. */
async function spansInIndex(
  { index }: SkipOptions,
  { partition, from, to }: PositionRange,
  spans: QueueTable,
): Promise<void> {
  const values = new Float64Array(indexRowWidth);
  let next: Uint8Array = prefixKey(prefixes.block);
  const end = prefixKey(prefixes.block + 1);
  for (;;) {
    const pairs = await index.scan({ from: next, to: end, limit: scanPairs });
    for (const { key, value } of pairs) {
      const { topicId, queueId } = queueOfKey(key);
      const block = Block.stored(topicId, queueId, firstOffsetOfKey(key), value);
      if (block.partition !== partition) continue;
      for (let i = 0; i < block.entryCount; i++) {
        block.copyRow(i, values, 0);
        const position = values[col.position]!;
        if (position < from || position >= to) continue;
        const firstOffset = values[col.baseOffset]!;
        const endOffset = firstOffset + values[col.count]!;
        spans.cover({ topicId, queueId, firstOffset, endOffset, ...nothingGone });
      }
    }
    const last = pairs.at(-1);
    if (last === undefined || pairs.length < scanPairs) return;
    next = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

/** A cleaned segment takes no writes: an empty one follows it. */
async function createNext(
  { fs, partition }: SkipOptions,
  before: SegmentHeader,
  start: number,
  firstCommit: number,
): Promise<void> {
  const sequence = before.sequence + 1;
  const header = { ...before, sequence, start, firstCommit, generation: 0 };
  const path = `${partition.directory}/${segmentFileName(header)}`;
  // An earlier attempt may have been interrupted.
  if (await fs.exists(path)) await fs.unlink(path);
  const file = await fs.open(path, 'create');
  try {
    await file.write(encodeSegmentHeader(header), 0);
    await file.fdatasync();
  } finally {
    await file.close();
  }
  await fs.syncDirectory(partition.directory);
}
