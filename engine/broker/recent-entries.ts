import { limits } from '../../platform/limits.ts';

/** Where an entry of messages begins, and what tells it from others. */
export interface RecentEntry {
  readonly topicId: number;
  readonly queueId: number;
  readonly baseOffset: number;
  readonly count: number;
  /** Hash of the first message's id, as in the entry's header. */
  readonly idHash: number;
  readonly storeTimeMs: number;
}

const none = -1;

/**
 * The last entries by (topic, hash of the first message id, count): a ring of slots in typed arrays
 * with a chained hash table over it, 36 bytes an entry. The oldest make room; hashes may collide,
 * so what is found is only a candidate. Ids are the clients' to choose: a salt keeps them from
 * filling one bucket, and of a full one only the newest entries are looked at.
 *
 * A chain goes from newer to older entries. One that is dropped stays linked: its slot is then free
 * or has a newer entry, and there the chain ends.
 */
export class RecentEntries {
  readonly #max: number;
  readonly #salt: number;
  #capacity: number;
  #topicId: Int32Array;
  #queueId: Int32Array;
  #baseOffset: Float64Array;
  #count: Int32Array;
  #idHash: Int32Array;
  #storeTimeMs: Float64Array;
  /** Next slot of the same bucket, older. */
  #older: Int32Array;
  #heads: Int32Array;
  /** Slot of the oldest entry, and how many there are. */
  #first = 0;
  #size = 0;

  constructor(max: number, salt: number) {
    this.#max = max;
    this.#salt = salt;
    this.#capacity = Math.min(1024, max);
    this.#topicId = new Int32Array(this.#capacity);
    this.#queueId = new Int32Array(this.#capacity);
    this.#baseOffset = new Float64Array(this.#capacity);
    this.#count = new Int32Array(this.#capacity);
    this.#idHash = new Int32Array(this.#capacity);
    this.#storeTimeMs = new Float64Array(this.#capacity);
    this.#older = new Int32Array(this.#capacity);
    this.#heads = new Int32Array(2 * this.#capacity).fill(none);
  }

  get size(): number {
    return this.#size;
  }

  /** Store time of the oldest entry; `undefined` when there is none. */
  get oldestMs(): number | undefined {
    return this.#size === 0 ? undefined : this.#storeTimeMs[this.#first];
  }

  add(entry: RecentEntry): void {
    if (this.#size === this.#capacity) {
      if (this.#capacity < this.#max) this.#grow();
      else this.#dropOldest();
    }
    const slot = this.#slotAt(this.#size++);
    this.#topicId[slot] = entry.topicId;
    this.#queueId[slot] = entry.queueId;
    this.#baseOffset[slot] = entry.baseOffset;
    this.#count[slot] = entry.count;
    this.#idHash[slot] = entry.idHash;
    this.#storeTimeMs[slot] = entry.storeTimeMs;
    this.#link(slot);
  }

  /** Forgets what was stored before `timeMs`. */
  dropBefore(timeMs: number): void {
    while (this.#size > 0 && this.#storeTimeMs[this.#first]! < timeMs) this.#dropOldest();
  }

  /** Entries that may be this one, newest first; limits.duplicateCandidatesMax of them. */
  find(topicId: number, idHash: number, count: number): RecentEntry[] {
    const found: RecentEntry[] = [];
    const hash = idHash | 0;
    let slot = this.#heads[this.#bucket(topicId, hash, count)]!;
    let newer = this.#size;
    for (let walked = 0; walked < limits.duplicateBucketMax && slot !== none; walked++) {
      const place = this.#placeOf(slot);
      if (place >= newer || found.length === limits.duplicateCandidatesMax) break;
      newer = place;
      const isSame =
        this.#topicId[slot] === topicId &&
        this.#idHash[slot] === hash &&
        this.#count[slot] === count;
      if (isSame) found.push(this.#entry(slot));
      slot = this.#older[slot]!;
    }
    return found;
  }

  #entry(slot: number): RecentEntry {
    return {
      topicId: this.#topicId[slot]!,
      queueId: this.#queueId[slot]!,
      baseOffset: this.#baseOffset[slot]!,
      count: this.#count[slot]!,
      idHash: this.#idHash[slot]!,
      storeTimeMs: this.#storeTimeMs[slot]!,
    };
  }

  #bucket(topicId: number, idHash: number, count: number): number {
    const mixed = Math.imul(idHash ^ Math.imul(topicId, 0x9e3779b1), 0x85ebca6b) ^ count;
    const salted = Math.imul(mixed ^ (mixed >>> 15) ^ this.#salt, 0xc2b2ae35);
    return ((salted ^ (salted >>> 13)) >>> 0) % this.#heads.length;
  }

  #bucketOf(slot: number): number {
    return this.#bucket(this.#topicId[slot]!, this.#idHash[slot]!, this.#count[slot]!);
  }

  #link(slot: number): void {
    const bucket = this.#bucketOf(slot);
    this.#older[slot] = this.#heads[bucket]!;
    this.#heads[bucket] = slot;
  }

  #dropOldest(): void {
    this.#first = this.#slotAt(1);
    this.#size--;
  }

  /** Slot of the entry that has so many older ones. */
  #slotAt(place: number): number {
    return (this.#first + place) % this.#capacity;
  }

  /** How many entries are older than the slot's; `#size` or more when it has none. */
  #placeOf(slot: number): number {
    return (slot - this.#first + this.#capacity) % this.#capacity;
  }

  /** Twice the slots, in order from 0. */
  #grow(): void {
    const capacity = Math.min(2 * this.#capacity, this.#max);
    const moved = <T extends Int32Array | Float64Array>(from: T, to: T): T => {
      to.set(from.subarray(this.#first));
      to.set(from.subarray(0, this.#first), from.length - this.#first);
      return to;
    };
    this.#topicId = moved(this.#topicId, new Int32Array(capacity));
    this.#queueId = moved(this.#queueId, new Int32Array(capacity));
    this.#baseOffset = moved(this.#baseOffset, new Float64Array(capacity));
    this.#count = moved(this.#count, new Int32Array(capacity));
    this.#idHash = moved(this.#idHash, new Int32Array(capacity));
    this.#storeTimeMs = moved(this.#storeTimeMs, new Float64Array(capacity));
    this.#older = new Int32Array(capacity);
    this.#heads = new Int32Array(2 * capacity).fill(none);
    this.#capacity = capacity;
    this.#first = 0;
    for (let slot = 0; slot < this.#size; slot++) this.#link(slot);
  }
}
