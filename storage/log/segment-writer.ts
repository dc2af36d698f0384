import type { Clock } from '../../platform/clock.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, Fs } from '../../platform/fs.ts';
import type { Histogram } from '../histogram.ts';
import {
  encodeSegmentHeader,
  type SegmentHeader,
  segmentFileName,
  segmentHeaderBytes,
} from './segment-format.ts';

/** Zeros are written ahead in pieces of this size; a commit waits for one piece at most. */
const zeroPieceBytes = 1024 * 1024;
const zeros = new Uint8Array(zeroPieceBytes);
/** After a commit of this size nothing is zeroed: the disk would write twice what it takes anyway. */
const largeCommitBytes = 256 * 1024;

export interface SegmentWriterOptions {
  readonly strideBytes: number;
  readonly segmentBytes: number;
  readonly clock: Clock;
  /** Takes in how long each commit took to be written and synced, ms. */
  readonly syncMs: Histogram;
}

/**
 * The segment that takes writes. Keeps the file zero-written ahead of the tail, so that fdatasync
 * of a commit need not also commit a new file size (half the cost at small sizes: reference
 * node-craft B.5; Node has no fallocate).
 *
 * Invariant: zeros are only ever written at or past `#written`, one piece at a time, and a commit
 * that reaches into a piece being zeroed waits for it.
 */
export class SegmentWriter {
  readonly header: SegmentHeader;
  readonly #file: FileHandle;
  readonly #strideBytes: number;
  readonly #limitBytes: number;
  readonly #clock: Clock;
  readonly #syncMs: Histogram;
  /** File offset up to which bytes are entries. */
  #written: number;
  /** File offset up to which the file is at least zero. */
  #zeroed: number;
  /** The last commit was large. */
  #isLarge = false;
  /** A commit failed, and not for want of space: so perhaps in its sync. */
  #maySyncFailed = false;
  #zeroing: Promise<void> | undefined;
  /** The piece being zeroed now. */
  #piece: { readonly start: number; readonly done: Promise<void> } | undefined;

  constructor(
    file: FileHandle,
    header: SegmentHeader,
    written: number,
    size: number,
    options: SegmentWriterOptions,
  ) {
    this.#file = file;
    this.header = header;
    this.#written = written;
    this.#zeroed = Math.max(size, written);
    this.#strideBytes = options.strideBytes;
    this.#limitBytes = options.segmentBytes;
    this.#clock = options.clock;
    this.#syncMs = options.syncMs;
  }

  /** Creates the file with a durable header and a durable name. */
  static async create(
    fs: Fs,
    directory: string,
    header: SegmentHeader,
    options: SegmentWriterOptions,
  ): Promise<SegmentWriter> {
    const path = `${directory}/${segmentFileName(header)}`;
    const file = await fs.open(path, 'create');
    try {
      await file.write(encodeSegmentHeader(header), 0);
      await file.fdatasync();
      await fs.syncDirectory(directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      // Should it stay behind, recovery knows it for what it is: a header and nothing else.
      await fs.unlink(path).catch(() => undefined);
      throw error;
    }
    return new SegmentWriter(file, header, segmentHeaderBytes, segmentHeaderBytes, options);
  }

  get file(): FileHandle {
    return this.#file;
  }

  get isEmpty(): boolean {
    return this.#written === segmentHeaderBytes;
  }

  /** Whether `bytes` more fit; the first commit of a segment always does. */
  hasRoom(bytes: number): boolean {
    return this.isEmpty || this.#written + bytes <= this.#limitBytes;
  }

  /** Writes one group commit at `position` of the stream and syncs it. */
  async commit(bytes: Uint8Array, position: number): Promise<void> {
    const at = segmentHeaderBytes + position - this.header.start;
    const end = at + bytes.length;
    // First of all, so that the next piece of zeros begins past this commit.
    this.#zeroed = Math.max(this.#zeroed, end);
    if (this.#piece !== undefined && this.#piece.start < end) await this.#piece.done;
    const startMs = this.#clock.monotonicMs();
    try {
      await this.#file.writeSynced(bytes, at);
    } catch (error) {
      this.#maySyncFailed = !(error instanceof MillraceError && error.code === 'DISK_FULL');
      throw error;
    }
    this.#syncMs.record(this.#clock.monotonicMs() - startMs);
    this.#written = end;
    this.#isLarge = bytes.length >= largeCommitBytes;
  }

  /**
   * Durably removes what a commit left behind for which there was no space. Says whether that is
   * certain: after a failed sync it never is, for nothing that this file answers can be relied upon.
   */
  async cutBack(): Promise<boolean> {
    if (this.#maySyncFailed) return false;
    try {
      await this.#zeroing;
      await this.#file.truncate(this.#written);
      await this.#file.fdatasync();
      return true;
    } catch {
      return false;
    }
  }

  /** Starts writing zeros ahead in the background, if it is time. Never rejects. */
  prepareAhead(): void {
    if (this.#zeroing !== undefined || this.#isLarge) return;
    if (this.#zeroed - this.#written > this.#strideBytes / 2) return;
    const target = Math.min(this.#written + this.#strideBytes, this.#limitBytes);
    this.#zeroing = this.#zeroTo(target).finally(() => {
      this.#zeroing = undefined;
    });
  }

  /** Resolves when no zeros are being written. */
  async idle(): Promise<void> {
    await this.#zeroing;
  }

  async #zeroTo(target: number): Promise<void> {
    while (this.#zeroed < target) {
      const at = this.#zeroed;
      const length = Math.min(zeroPieceBytes, target - at);
      this.#zeroed = at + length;
      let failed = false;
      const write = this.#file.write(zeros.subarray(0, length), at).catch(() => {
        // Only a head start was lost: a commit that needs the space meets the error itself.
        failed = true;
      });
      this.#piece = { start: at, done: write };
      await write;
      this.#piece = undefined;
      if (failed) return;
    }
  }
}
