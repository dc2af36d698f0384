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
 * so what is found is only a candidate.
 */
export class RecentEntries {
  readonly #max: number;
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

  constructor(max: number) {
    this.#max = max;
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
    const slot = (this.#first + this.#size++) % this.#capacity;
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

  /** Entries that may be this one, newest first. */
  find(topicId: number, idHash: number, count: number): RecentEntry[] {
    const found: RecentEntry[] = [];
    const hash = idHash | 0;
    for (
      let slot = this.#heads[this.#bucket(topicId, hash, count)]!;
      slot !== none;
      slot = this.#older[slot]!
    ) {
      const isSame =
        this.#topicId[slot] === topicId &&
        this.#idHash[slot] === hash &&
        this.#count[slot] === count;
      if (isSame) found.push(this.#entry(slot));
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
    return ((mixed ^ (mixed >>> 15)) >>> 0) % this.#heads.length;
  }

  #bucketOf(slot: number): number {
    return this.#bucket(this.#topicId[slot]!, this.#idHash[slot]!, this.#count[slot]!);
  }

  #link(slot: number): void {
    const bucket = this.#bucketOf(slot);
    this.#older[slot] = this.#heads[bucket]!;
    this.#heads[bucket] = slot;
  }

  /** The oldest entry is the last one of its chain. */
  #dropOldest(): void {
    const oldest = this.#first;
    const bucket = this.#bucketOf(oldest);
    let slot = this.#heads[bucket]!;
    if (slot === oldest) {
      this.#heads[bucket] = none;
    } else {
      while (this.#older[slot] !== oldest) slot = this.#older[slot]!;
      this.#older[slot] = none;
    }
    this.#first = (oldest + 1) % this.#capacity;
    this.#size--;
  }

  /** Twice the slots, in order from 0. */
  #grow(): void {
    const entries = Array.from({ length: this.#size }, (_, i) =>
      this.#entry((this.#first + i) % this.#capacity),
    );
    this.#capacity = Math.min(2 * this.#capacity, this.#max);
    this.#topicId = new Int32Array(this.#capacity);
    this.#queueId = new Int32Array(this.#capacity);
    this.#baseOffset = new Float64Array(this.#capacity);
    this.#count = new Int32Array(this.#capacity);
    this.#idHash = new Int32Array(this.#capacity);
    this.#storeTimeMs = new Float64Array(this.#capacity);
    this.#older = new Int32Array(this.#capacity);
    this.#heads = new Int32Array(2 * this.#capacity).fill(none);
    this.#first = 0;
    this.#size = 0;
    for (const entry of entries) this.add(entry);
  }
}
