import type { Fs } from '../../platform/fs.ts';
import type { NamesOf } from '../store.ts';
import { entryOf } from './entry-format.ts';
import { hasKeyFile, KeyFileBuilder, nameHash } from './key-file.ts';
import type { Segment } from './segment.ts';
import { type Pause, readEntries } from './segment-sealer.ts';

/**
 * Builds the key file of a sealed segment, unless it is there. Throws CORRUPTION, IO, DISK_FULL;
 * then there is none, and the segment is scanned when something is looked for.
 */
export async function indexSegment(
  fs: Fs,
  segment: Segment,
  namesOf: NamesOf,
  pause: Pause,
): Promise<void> {
  const { header, file } = segment;
  if (await hasKeyFile(fs, file.path, header)) return;
  const builder = new KeyFileBuilder();
  await readEntries(segment, pause, (entryHeader, bytes, at, position) => {
    const entry = entryOf(entryHeader, bytes, at, header.partition, position);
    for (const [index, { id, keys }] of namesOf(entry).entries()) {
      if (id !== '') builder.add(nameHash(entry.topicId, 'id', id), position, index);
      for (const key of keys) builder.add(nameHash(entry.topicId, 'key', key), position, index);
    }
  });
  await builder.write(fs, file.path, header, pause);
}
