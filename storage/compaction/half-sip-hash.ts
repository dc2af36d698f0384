/**
 * HalfSipHash-2-4 with 64 bits of output (github.com/veorq/SipHash): a hash that nobody who does
 * not know its key can make collide, of 32-bit operations alone.
 */
export class HalfSipHash {
  /** Of the last `update`. */
  low = 0;
  high = 0;
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  /** `k0` and `k1`: the key, 32 bits each. */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** Hashes the bytes; the result is in `low` and `high`. */
  update(bytes: Uint8Array): void {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1 ^ 0xee;
    this.#v2 = this.#k0 ^ 0x6c796765;
    this.#v3 = this.#k1 ^ 0x74656462;
    const whole = bytes.length & ~3;
    for (let at = 0; at < whole; at += 4) {
      const low = bytes[at]! | (bytes[at + 1]! << 8);
      this.#word(low | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    }
    let last = bytes.length << 24;
    for (let at = whole; at < bytes.length; at++) last |= bytes[at]! << (8 * (at - whole));
    this.#word(last);
    this.#v2 ^= 0xee;
    this.#rounds(4);
    this.low = this.#v1 ^ this.#v3;
    this.#v1 ^= 0xdd;
    this.#rounds(4);
    this.high = this.#v1 ^ this.#v3;
  }

  #word(word: number): void {
    this.#v3 ^= word;
    this.#rounds(2);
    this.#v0 ^= word;
  }

  #rounds(count: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
