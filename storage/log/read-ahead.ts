import { checkedLength } from './entry-format.ts';
import type { Segment } from './segment.ts';

const aheadBytes = 64 * 1024;
/** Longer entries are worth a read of their own, and not worth a copy. */
const smallBytes = 4096;

/** A piece [offset, end) of a segment's file, of durable bytes alone: they do not change. */
interface Piece {
  readonly segment: Segment;
  readonly offset: number;
  readonly end: number;
  readonly bytes: Promise<Buffer>;
}

/**
 * Small entries that are read one after the other are read from the file many at a time: a read
 * costs a turn of the thread pool, far more than the bytes of an entry. One piece is kept, the last;
 * reads here and there go past it.
 */
export class ReadAhead {
  #piece: Piece | undefined;
  /** Where the entry ended that was asked for last. */
  #segment: Segment | undefined;
  #end = 0;

  /** The bytes of an entry, or fewer; durable bytes end at `until`, an offset in the file. */
  async read(segment: Segment, offset: number, length: number, until: number): Promise<Buffer> {
    const piece = length > smallBytes ? undefined : this.#pieceWith(segment, offset, length, until);
    this.#segment = segment;
    this.#end = offset + length;
    if (piece !== undefined) {
      const bytes = await piece.bytes;
      const at = offset - piece.offset;
      // A damaged one is read again: the file may have been mended since.
      if (checkedLength(bytes, at) === length) {
        const copy = Buffer.allocUnsafeSlow(length);
        // Whoever keeps an entry does not keep its neighbours.
        bytes.copy(copy, 0, at, at + length);
        return copy;
      }
    }
    return segment.read(offset, length);
  }

  #pieceWith(segment: Segment, offset: number, length: number, until: number): Piece | undefined {
    const known = this.#piece;
    if (known?.segment === segment && known.offset <= offset && known.end >= offset + length) {
      return known;
    }
    const gap = offset - this.#end;
    const isNext = this.#segment === segment && gap >= 0 && gap < aheadBytes;
    if (!isNext || until - offset <= length) return undefined;
    const end = Math.min(offset + aheadBytes, until);
    const bytes = segment.read(offset, end - offset);
    const piece = { segment, offset, end, bytes };
    this.#piece = piece;
    bytes.catch(() => {
      if (this.#piece === piece) this.#piece = undefined;
    });
    return piece;
  }
}
