import type { Fs } from '../../platform/fs.ts';
import type { Entry, FoundMessage, NameKind, NamesOf } from '../store.ts';
import { entryOf } from './entry-format.ts';
import { nameHash } from './key-file.ts';
import { KeyFile } from './key-file-search.ts';
import type { LogPartition } from './partition.ts';
import type { Segment } from './segment.ts';
import { readPieces } from './segment-sealer.ts';

/** What to look for. */
export interface Wanted {
  readonly topicId: number;
  readonly kind: NameKind;
  readonly name: string;
}

interface Search {
  readonly fs: Fs;
  readonly log: LogPartition;
  readonly namesOf: NamesOf;
  readonly wanted: Wanted;
  readonly max: number;
}

/**
 * Finds messages of one partition by id or key, newest first, at most `max`: in the key files of
 * sealed segments, and by reading the segments that have none, from their ends. Nothing is read
 * beyond what `max` needs but for the rest of one part of a segment. Throws CORRUPTION, IO, and
 * UNAVAILABLE when the log is closed meanwhile.
 */
export async function findMessages(
  fs: Fs,
  log: LogPartition,
  namesOf: NamesOf,
  wanted: Wanted,
  max: number,
): Promise<readonly FoundMessage[]> {
  const found: FoundMessage[] = [];
  for (let end = log.durableEnd; end > log.start && found.length < max; ) {
    const segment = log.segmentAt(end - 1);
    const until = end;
    const search = { fs, log, namesOf, wanted, max: max - found.length };
    found.push(
      ...(await segment.pinned(
        async () => (await indexed(search, segment)) ?? (await scanned(search, segment, until)),
      )),
    );
    end = segment.start;
  }
  return found;
}

/** `undefined` when the segment has no key file that can be trusted. */
async function indexed(
  { fs, log, namesOf, wanted, max }: Search,
  segment: Segment,
): Promise<FoundMessage[] | undefined> {
  if (!segment.isSealed) return undefined;
  const keys = await KeyFile.open(fs, segment.file.path, segment.header);
  if (keys === undefined) return undefined;
  const found: FoundMessage[] = [];
  let last: { readonly position: number; readonly entry: Entry | undefined } | undefined;
  try {
    for await (const { position, index } of keys.newestFirst(hashOf(wanted))) {
      if (last?.position !== position) last = { position, entry: await log.read(position) };
      const { entry } = last;
      if (entry === undefined || !matches(entry, namesOf, wanted).includes(index)) continue;
      found.push({ entry, index });
      if (found.length === max) break;
    }
    return found;
  } catch (error) {
    if (!keys.isDamaged) throw error;
    return undefined;
  } finally {
    await keys.close();
  }
}

async function scanned(
  { log, namesOf, wanted, max }: Search,
  segment: Segment,
  end: number,
): Promise<FoundMessage[]> {
  const found: FoundMessage[] = [];
  for (const { from, to } of segment.partsBelow(end)) {
    // Of one part the last ones: their entries are copied, for they lie in large pieces.
    const inPart: FoundMessage[] = [];
    for await (const { bytes, entries } of readPieces(segment, log.pause, from, to)) {
      for (const { header, at, position } of entries) {
        if (header.topicId !== wanted.topicId) continue;
        const entry = entryOf(header, bytes, at, log.number, position);
        const indexes = matches(entry, namesOf, wanted);
        if (indexes.length === 0) continue;
        const own = { ...entry, body: Uint8Array.from(entry.body) };
        inPart.push(...indexes.map((index) => ({ entry: own, index })));
        if (inPart.length > 2 * max) inPart.splice(0, inPart.length - max);
      }
    }
    found.push(...inPart.toReversed());
    if (found.length >= max) return found.slice(0, max);
  }
  return found;
}

function hashOf({ topicId, kind, name }: Wanted): number {
  return nameHash(topicId, kind, name);
}

/** Numbers of the entry's messages that have the name. */
function matches(entry: Entry, namesOf: NamesOf, { topicId, kind, name }: Wanted): number[] {
  if (entry.topicId !== topicId) return [];
  const found: number[] = [];
  for (const [index, { id, keys }] of namesOf(entry).entries()) {
    if (kind === 'id' ? id === name : keys.includes(name)) found.push(index);
  }
  return found;
}
