import type { FileHandle } from '../../platform/fs.ts';
import {
  claimedLength,
  decodeHeader,
  type EntryHeader,
  entryHeaderBytes,
  entryMagic,
} from '../log/entry-format.ts';
import { segmentHeaderBytes } from '../log/segment-format.ts';
import { FileWindow } from './file-window.ts';

export interface LocatedEntry {
  /** Byte of the file at which its header begins. */
  readonly at: number;
  readonly header: EntryHeader;
  /** A view, valid until the next piece is asked for. */
  readonly body: Buffer;
}

/** Entries back to back, or bytes of the file that are no entry: [from, to). */
export type Piece =
  | { readonly kind: 'entries'; readonly entries: readonly LocatedEntry[] }
  | { readonly kind: 'bad'; readonly from: number; readonly to: number };

/**
 * Everything in a segment file between its header and `end`, in order. Unlike recovery it goes on
 * after bad bytes, at the next whole entry whose check fits. A bad piece that reaches `end` may be
 * what is written ahead or a torn tail: the caller knows which bytes must be there.
 */
export async function* scanSegment(file: FileHandle, end: number): AsyncGenerator<Piece> {
  const window = new FileWindow(file, end);
  for (let at = segmentHeaderBytes; at < end; ) {
    const entries = await entriesAt(window, at);
    if (entries.length > 0) {
      yield { kind: 'entries', entries };
      const last = entries.at(-1)!;
      at = last.at + last.header.length;
    } else {
      const to = await nextEntry(window, at + 1, end);
      yield { kind: 'bad', from: at, to };
      at = to;
    }
  }
}

/** The whole entries that one block of the file brings; none when there is none at `at`. */
async function entriesAt(window: FileWindow, at: number): Promise<LocatedEntry[]> {
  let bytes = await window.from(at, entryHeaderBytes);
  const claimed = claimedLength(bytes, 0);
  if (claimed > bytes.length) bytes = await window.from(at, claimed);
  const entries: LocatedEntry[] = [];
  let local = 0;
  let header = decodeHeader(bytes, 0);
  while (header !== undefined) {
    const end = local + header.length;
    entries.push({ at: at + local, header, body: bytes.subarray(local + entryHeaderBytes, end) });
    local = end;
    header = decodeHeader(bytes, local);
  }
  return entries;
}

/** Where the next whole entry begins, from `from` on; `end` when there is none. */
async function nextEntry(window: FileWindow, from: number, end: number): Promise<number> {
  for (let at = from; at < end; ) {
    const bytes = await window.from(at, entryHeaderBytes);
    if (bytes.length < entryHeaderBytes) return end;
    const found = bytes.indexOf(entryMagic);
    if (found < 0) {
      // A magic may lie across two blocks.
      at += bytes.length - (entryMagic.length - 1);
      continue;
    }
    at += found;
    const whole = await window.from(at, claimedLength(await window.from(at, entryHeaderBytes), 0));
    if (decodeHeader(whole, 0) !== undefined) return at;
    at++;
  }
  return end;
}

/** One past the last byte of [from, end) that is not zero; `from` when all are. */
export async function lastNonZero(file: FileHandle, from: number, end: number): Promise<number> {
  const window = new FileWindow(file, end);
  let last = from;
  for (let at = from; at < end; ) {
    const bytes = await window.from(at, 1);
    if (bytes.length === 0) break;
    for (let i = bytes.length - 1; i >= 0; i--) {
      if (bytes[i] === 0) continue;
      last = at + i + 1;
      break;
    }
    at += bytes.length;
  }
  return last;
}
