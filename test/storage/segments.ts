import type { MemoryFs } from '../../platform/memory-fs.ts';
import { entryHeaderBytes } from '../../storage/log/entry-format.ts';
import { segmentHeaderBytes } from '../../storage/log/segment-format.ts';

/** Helpers that look at and damage the segment files of a store in a MemoryFs. */
export const logDirectory = '/data/log/p0';

export async function segmentPaths(fs: MemoryFs, directory = logDirectory): Promise<string[]> {
  return (await fs.list(directory)).map((name) => `${directory}/${name}`);
}

export async function readFile(fs: MemoryFs, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  return bytes;
}

export async function writeFile(
  fs: MemoryFs,
  path: string,
  bytes: Uint8Array,
  at = 0,
): Promise<void> {
  const file = await fs.open(path, (await fs.exists(path)) ? 'write' : 'create');
  await file.write(bytes, at);
  await file.fdatasync();
}

/** Changes one bit of a file. */
export async function flip(fs: MemoryFs, path: string, at: number): Promise<void> {
  const bytes = await readFile(fs, path);
  await writeFile(fs, path, Uint8Array.of(bytes[at]! ^ 0x10), at);
}

/** File offset of entry `i`, where every entry has a body of `bodyBytes`. */
export function entryAt(i: number, bodyBytes: number): number {
  return segmentHeaderBytes + i * (entryHeaderBytes + bodyBytes);
}
