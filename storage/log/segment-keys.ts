import type { NamesOf } from '../store.ts';
import { entryOf } from './entry-format.ts';
import { nameHash } from './key-file.ts';
import { KeyFileBuilder, type KeyFileOptions } from './key-file-builder.ts';
import { hasKeyFile } from './key-file-search.ts';
import type { Segment } from './segment.ts';
import { readEntries } from './segment-sealer.ts';

/**
 * Builds the key file of a sealed segment, unless it is there. Throws CORRUPTION, IO, DISK_FULL;
 * then there is none, and the segment is scanned when something is looked for.
 */
export async function indexSegment(
  segment: Segment,
  namesOf: NamesOf,
  options: KeyFileOptions,
): Promise<void> {
  const { header, file } = segment;
  if (await hasKeyFile(options.fs, file.path, header)) return;
  const builder = new KeyFileBuilder({ ...options, segmentPath: file.path, header });
  try {
    await readEntries(segment, options.pause, (entryHeader, bytes, at, position) => {
      const entry = entryOf(entryHeader, bytes, at, header.partition, position);
      for (const [index, { id, keys }] of namesOf(entry).entries()) {
        if (id !== '') builder.add(nameHash(entry.topicId, 'id', id), position, index);
        for (const key of keys) builder.add(nameHash(entry.topicId, 'key', key), position, index);
      }
      return builder.isFull ? builder.spill() : undefined;
    });
    await builder.write();
  } finally {
    await builder.close();
  }
}
