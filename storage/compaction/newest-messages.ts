import type { Random } from '../../platform/random.ts';
import { HalfSipHash } from './half-sip-hash.ts';

/** Where a message stands among all of its topic: by store time, then position, then index. */
export interface MessagePlace {
  readonly storeTimeMs: number;
  /** Of its entry; tells entries of one time apart, which are all of one partition. */
  readonly position: number;
  /** Of the message in its entry. */
  readonly index: number;
}

/** A digest of four words, the time and the position as floats, the index. */
const slotBytes = 4 * 4 + 8 + 8 + 4;
/** Probing stays short below this share of used slots. */
const loadMax = 0.75;

/**
 * The newest message of each key that was added: a hash table in typed arrays, of a fixed size. As
 * in Kafka's cleaner, a key is known by a digest of 128 bits alone; it depends on a secret of this
 * table, so that nobody can choose keys that agree, and that two agree by chance does not happen.
 */
export class NewestMessages {
  readonly #hashes: readonly [HalfSipHash, HalfSipHash];
  readonly #digest = new Int32Array(4);
  #input = Buffer.alloc(256);
  readonly #digests: Int32Array;
  readonly #times: Float64Array;
  /** Position of the entry plus 1; 0 in a free slot. */
  readonly #positions: Float64Array;
  readonly #indexes: Uint32Array;
  #used = 0;

  /** For `keys` keys, or as many as have room in `budgetBytes`. */
  constructor(keys: number, budgetBytes: number, random: Random) {
    const hash = () => new HalfSipHash(random.uint32(), random.uint32());
    this.#hashes = [hash(), hash()];
    const wanted = Math.ceil(Math.log2(Math.max(2, keys) / loadMax));
    const affordable = Math.floor(Math.log2(budgetBytes / slotBytes));
    const slots = 2 ** Math.min(wanted, affordable);
    this.#digests = new Int32Array(4 * slots);
    this.#times = new Float64Array(slots);
    this.#positions = new Float64Array(slots);
    this.#indexes = new Uint32Array(slots);
  }

  /** False when there is no room for one more key. */
  add(topicId: number, key: Uint8Array, place: MessagePlace): boolean {
    this.#read(topicId, key);
    const slot = this.#find();
    if (this.#positions[slot] === 0) {
      if (this.#used >= loadMax * this.#times.length) return false;
      this.#used++;
      this.#digests.set(this.#digest, 4 * slot);
    } else if (this.#compare(slot, place) >= 0) {
      return true;
    }
    this.#times[slot] = place.storeTimeMs;
    this.#positions[slot] = place.position + 1;
    this.#indexes[slot] = place.index;
    return true;
  }

  /** A message with the same key was added that is newer. */
  isSuperseded(topicId: number, key: Uint8Array, place: MessagePlace): boolean {
    this.#read(topicId, key);
    const slot = this.#find();
    return this.#positions[slot] !== 0 && this.#compare(slot, place) > 0;
  }

  /** Puts the digest of the key into `#digest`. */
  #read(topicId: number, key: Uint8Array): void {
    const length = 4 + key.length;
    if (this.#input.length < length) this.#input = Buffer.alloc(2 * length);
    this.#input.writeUInt32LE(topicId);
    this.#input.set(key, 4);
    const input = this.#input.subarray(0, length);
    for (const [i, hash] of this.#hashes.entries()) {
      hash.update(input);
      this.#digest[2 * i] = hash.low;
      this.#digest[2 * i + 1] = hash.high;
    }
  }

  /** The slot of `#digest`, or the free one where it belongs. */
  #find(): number {
    const mask = this.#times.length - 1;
    const digests = this.#digests;
    const digest = this.#digest;
    for (let slot = digest[0]! & mask; ; slot = (slot + 1) & mask) {
      if (this.#positions[slot] === 0) return slot;
      const isSame =
        digests[4 * slot] === digest[0] &&
        digests[4 * slot + 1] === digest[1] &&
        digests[4 * slot + 2] === digest[2] &&
        digests[4 * slot + 3] === digest[3];
      if (isSame) return slot;
    }
  }

  /** Above 0 when the message of the slot is newer than the other one. */
  #compare(slot: number, { storeTimeMs, position, index }: MessagePlace): number {
    const byTime = this.#times[slot]! - storeTimeMs;
    const byPosition = this.#positions[slot]! - (position + 1);
    return byTime || byPosition || this.#indexes[slot]! - index;
  }
}
