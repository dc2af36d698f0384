import { assert } from '../../platform/assert.ts';

const none = -1;

/**
 * Messages of one queue that a consumer group has taken and not finished, by offset, and an order
 * of those that are scheduled by the time they become visible. Typed arrays and one map: about 100
 * bytes a message, so a million in flight are affordable (issue: pop consumption).
 *
 * A message has a slot from `add` to `remove`. Times are of the monotonic clock, in ms. Messages of
 * a batch that are handed out together share a slot, until something happens to one of them.
 */
export class HeldMessages {
  /** By slot. */
  offset = new Float64Array(16);
  /** Messages from `offset` on that have the slot. */
  count = new Int32Array(16);
  visibleAtMs = new Float64Array(16);
  /** When a consumer took it; bounds how long it is renewed. */
  takenAtMs = new Float64Array(16);
  /** Deliveries so far; 0 while it waits for an earlier message of its message group. */
  attempt = new Int32Array(16);
  /** Counts deliveries and changes: the handle with the latest stamp is the valid one. */
  stamp = new Int32Array(16);
  /** Hash of the message group in a FIFO consumer group, 0 elsewhere. */
  orderKey = new Int32Array(16);
  /** Number of the client that has it and that it is renewed for, negative when not renewed; 0 for none. */
  owner = new Int32Array(16);
  /** 1 when the index database has a row of it. */
  stored = new Uint8Array(16);
  readonly #slots = new Map<number, number>();
  readonly #free: number[] = [];
  /** First offsets of slots with several messages, ascending. */
  readonly #ranges: number[] = [];
  #messages = 0;
  #used = 0;
  /** Binary min-heap of slots by `visibleAtMs`, then offset; `#place` is its inverse. */
  #heap = new Int32Array(16);
  #heapSize = 0;
  #place = new Int32Array(16).fill(none);

  /** Messages, of all slots. */
  get size(): number {
    return this.#messages;
  }

  /** The slot that begins at the offset; -1 for none. */
  slotOf(offset: number): number {
    return this.#slots.get(offset) ?? none;
  }

  /** The slot that has the offset; -1 when it is not held. */
  slotOver(offset: number): number {
    const slot = this.slotOf(offset);
    if (slot >= 0 || this.#ranges.length === 0) return slot;
    const place = this.#rangeAfter(offset) - 1;
    if (place < 0) return none;
    const range = this.slotOf(this.#ranges[place]!);
    return offset < this.offset[range]! + this.count[range]! ? range : none;
  }

  slots(): IterableIterator<number> {
    return this.#slots.values();
  }

  /** A new slot, all zero but its offset and count, not scheduled. */
  add(offset: number, count = 1): number {
    assert(!this.#slots.has(offset), 'an offset is held once');
    const slot = this.#free.pop() ?? this.#newSlot();
    this.offset[slot] = offset;
    this.count[slot] = count;
    this.#messages += count;
    if (count > 1) this.#ranges.splice(this.#rangeAfter(offset), 0, offset);
    this.visibleAtMs[slot] = 0;
    this.takenAtMs[slot] = 0;
    this.attempt[slot] = 0;
    this.stamp[slot] = 0;
    this.orderKey[slot] = 0;
    this.owner[slot] = 0;
    this.stored[slot] = 0;
    this.#place[slot] = none;
    this.#slots.set(offset, slot);
    return slot;
  }

  remove(slot: number): void {
    this.unschedule(slot);
    this.shrink(slot);
    this.#messages--;
    this.#slots.delete(this.offset[slot]!);
    this.#free.push(slot);
  }

  /** Leaves the slot its first message alone. */
  shrink(slot: number): void {
    if (this.count[slot] === 1) return;
    this.#ranges.splice(this.#rangeAfter(this.offset[slot]!) - 1, 1);
    this.#messages -= this.count[slot]! - 1;
    this.count[slot] = 1;
  }

  /** Place of the first range that begins behind the offset. */
  #rangeAfter(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The scheduled slot that is visible first, -1 for none. */
  earliest(): number {
    return this.#heapSize === 0 ? none : this.#heap[0]!;
  }

  /** Takes the slot into the order, or to its new place after `visibleAtMs` changed. */
  schedule(slot: number): void {
    let place = this.#place[slot]!;
    if (place === none) {
      place = this.#heapSize++;
      this.#put(slot, place);
    }
    this.#up(place);
    this.#down(this.#place[slot]!);
  }

  unschedule(slot: number): void {
    const place = this.#place[slot]!;
    if (place === none) return;
    this.#place[slot] = none;
    const last = this.#heap[--this.#heapSize]!;
    if (last === slot) return;
    this.#put(last, place);
    this.#up(place);
    this.#down(this.#place[last]!);
  }

  #before(a: number, b: number): boolean {
    const order = this.visibleAtMs[a]! - this.visibleAtMs[b]!;
    return order === 0 ? this.offset[a]! < this.offset[b]! : order < 0;
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#place[slot] = place;
  }

  #up(from: number): void {
    let place = from;
    const slot = this.#heap[place]!;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent]!;
      if (!this.#before(slot, above)) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(slot, place);
  }

  #down(from: number): void {
    let place = from;
    const slot = this.#heap[place]!;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#heapSize) break;
      const right = child + 1;
      if (right < this.#heapSize && this.#before(this.#heap[right]!, this.#heap[child]!)) {
        child = right;
      }
      const below = this.#heap[child]!;
      if (!this.#before(below, slot)) break;
      this.#put(below, place);
      place = child;
    }
    this.#put(slot, place);
  }

  #newSlot(): number {
    if (this.#used === this.offset.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const length = this.offset.length * 2;
    const floats = (old: Float64Array) => {
      const grown = new Float64Array(length);
      grown.set(old);
      return grown;
    };
    const ints = (old: Int32Array) => {
      const grown = new Int32Array(length);
      grown.set(old);
      return grown;
    };
    this.offset = floats(this.offset);
    this.visibleAtMs = floats(this.visibleAtMs);
    this.takenAtMs = floats(this.takenAtMs);
    this.count = ints(this.count);
    this.attempt = ints(this.attempt);
    this.stamp = ints(this.stamp);
    this.orderKey = ints(this.orderKey);
    this.owner = ints(this.owner);
    this.#heap = ints(this.#heap);
    this.#place = ints(this.#place);
    const stored = new Uint8Array(length);
    stored.set(this.stored);
    this.stored = stored;
  }
}
