import type { Fs } from '../../platform/fs.ts';
import type { Entry, FoundMessage, NameKind, NamesOf } from '../store.ts';
import { findInKeyFile, nameHash } from './key-file.ts';
import type { LogPartition } from './partition.ts';
import type { Segment } from './segment.ts';

/** What to look for. */
export interface Wanted {
  readonly topicId: number;
  readonly kind: NameKind;
  readonly name: string;
}

/**
 * Finds messages of one partition by id or key, newest first, at most `max`: in the key files of
 * sealed segments, and by reading the segments that have none, the last one for one.
 */
export async function findMessages(
  fs: Fs,
  log: LogPartition,
  namesOf: NamesOf,
  wanted: Wanted,
  max: number,
): Promise<readonly FoundMessage[]> {
  const found: FoundMessage[] = [];
  for (const segment of log.segments.toReversed()) {
    const inSegment =
      (await indexed(fs, log, segment, namesOf, wanted)) ??
      (await scanned(log, segment, namesOf, wanted));
    found.push(...inSegment.toReversed());
    if (found.length >= max) break;
  }
  return found.slice(0, max);
}

/** `undefined` when the segment has no key file. */
async function indexed(
  fs: Fs,
  log: LogPartition,
  segment: Segment,
  namesOf: NamesOf,
  wanted: Wanted,
): Promise<FoundMessage[] | undefined> {
  if (!segment.isSealed) return undefined;
  const hash = nameHash(wanted.topicId, wanted.kind, wanted.name);
  const places = await findInKeyFile(fs, segment.file.path, segment.header, hash);
  if (places === undefined) return undefined;
  const found: FoundMessage[] = [];
  let last: { readonly position: number; readonly entry: Entry | undefined } | undefined;
  for (const { position, index } of places) {
    if (last?.position !== position) last = { position, entry: await log.read(position) };
    const { entry } = last;
    if (entry !== undefined && matches(entry, namesOf, wanted).includes(index)) {
      found.push({ entry, index });
    }
  }
  return found;
}

async function scanned(
  log: LogPartition,
  { start, end }: Segment,
  namesOf: NamesOf,
  wanted: Wanted,
): Promise<FoundMessage[]> {
  const found: FoundMessage[] = [];
  const until = Math.min(end, log.durableEnd);
  const visit = (entry: Entry) => {
    for (const index of matches(entry, namesOf, wanted)) found.push({ entry, index });
  };
  if (start < until) await log.scan(start, visit, until);
  return found;
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
