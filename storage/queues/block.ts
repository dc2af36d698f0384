import { blockBytesMax, blockEntryBytes, blockHeaderBytes, bufferOf } from './index-format.ts';
import { col, indexRowWidth } from './index-rows.ts';

const entriesAtFirst = 4;

/**
 * A block of the consume-queue index in its stored form (index-format.ts). A new block is appended
 * to in memory; a stored one is only read. Bytes below `bytes.length` never change, so a view of
 * them may be handed out while the block grows.
 */
export class Block {
  readonly topicId: number;
  readonly queueId: number;
  readonly firstOffset: number;
  #buffer: Buffer;
  #view: DataView;
  #length: number;

  private constructor(
    topicId: number,
    queueId: number,
    firstOffset: number,
    buffer: Buffer,
    length: number,
  ) {
    this.topicId = topicId;
    this.queueId = queueId;
    this.firstOffset = firstOffset;
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
    this.#length = length;
  }

  static create(
    topicId: number,
    queueId: number,
    firstOffset: number,
    partition: number,
    highTimeBeforeMs: number,
    followsGap: boolean,
  ): Block {
    const buffer = Buffer.alloc(blockHeaderBytes + entriesAtFirst * blockEntryBytes);
    buffer.writeUInt16LE(partition, 0);
    buffer[2] = followsGap ? 1 : 0;
    buffer.writeDoubleLE(highTimeBeforeMs, 8);
    return new Block(topicId, queueId, firstOffset, buffer, blockHeaderBytes);
  }

  static stored(topicId: number, queueId: number, firstOffset: number, value: Uint8Array): Block {
    return new Block(topicId, queueId, firstOffset, bufferOf(value), value.length);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get entryCount(): number {
    return (this.#length - blockHeaderBytes) / blockEntryBytes;
  }

  get partition(): number {
    return this.#buffer.readUInt16LE(0);
  }

  get isFull(): boolean {
    return this.#length === blockBytesMax;
  }

  /** Offsets before it were cleaned out of the log. */
  get followsGap(): boolean {
    return this.#buffer[2] === 1;
  }

  /** Highest store time of the queue's entries before this block. */
  get highTimeBeforeMs(): number {
    return this.#buffer.readDoubleLE(8);
  }

  /** One past the last offset. */
  get end(): number {
    const last = this.entryCount - 1;
    return last < 0 ? this.firstOffset : this.offsetOf(last) + this.countOf(last);
  }

  /** First offset of entry `i`. */
  offsetOf(i: number): number {
    return this.firstOffset + this.#buffer.readUInt32LE(entryAt(i) + 16);
  }

  countOf(i: number): number {
    return this.#buffer.readUInt32LE(entryAt(i) + 20);
  }

  positionOf(i: number): number {
    return this.#buffer.readDoubleLE(entryAt(i));
  }

  storeTimeOf(i: number): number {
    return this.#buffer.readDoubleLE(entryAt(i) + 8);
  }

  /** Appends row `row` of index rows. */
  append(values: Float64Array, row: number): void {
    if (this.#length === this.#buffer.length) this.#grow();
    const from = row * indexRowWidth;
    const at = this.#length;
    const view = this.#view;
    view.setFloat64(at, values[from + col.position]!, true);
    view.setFloat64(at + 8, values[from + col.storeTimeMs]!, true);
    view.setUint32(at + 16, values[from + col.baseOffset]! - this.firstOffset, true);
    view.setUint32(at + 20, values[from + col.count]!, true);
    view.setUint32(at + 24, values[from + col.length]!, true);
    view.setUint32(at + 28, values[from + col.tagHash]!, true);
    this.#length += blockEntryBytes;
  }

  /** Number of the entry that holds `offset`, or the first after it; `entryCount` if none does. */
  find(offset: number): number {
    let low = 0;
    let high = this.entryCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.offsetOf(middle) + this.countOf(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Writes entry `i` as row `row` of index rows. */
  copyRow(i: number, values: Float64Array, row: number): void {
    const buffer = this.#buffer;
    const at = entryAt(i);
    const to = row * indexRowWidth;
    values[to + col.topicId] = this.topicId;
    values[to + col.queueId] = this.queueId;
    values[to + col.baseOffset] = this.offsetOf(i);
    values[to + col.count] = this.countOf(i);
    values[to + col.partition] = this.partition;
    values[to + col.position] = buffer.readDoubleLE(at);
    values[to + col.length] = buffer.readUInt32LE(at + 24);
    values[to + col.storeTimeMs] = buffer.readDoubleLE(at + 8);
    values[to + col.tagHash] = buffer.readUInt32LE(at + 28);
  }

  #grow(): void {
    const entries = 2 * (this.#buffer.length - blockHeaderBytes);
    const grown = Buffer.alloc(Math.min(blockHeaderBytes + entries, blockBytesMax));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

function entryAt(i: number): number {
  return blockHeaderBytes + i * blockEntryBytes;
}
