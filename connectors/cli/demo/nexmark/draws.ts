import { philox4x32 } from './philox.ts';

/** What a stream of draws is for; part of the counter, so that streams never overlap. */
export type DrawDomain = 0 | 1 | 2;
export const eventDomain = 0;
export const urlDomain = 1;
export const textDomain = 2;

/**
 * The draws of one numbered thing (an event, a URL), a function of (seed, domain, number) alone.
 * Counter words: block index, number low, number high, domain. Key: seed low, seed high.
 */
export class Draws {
  readonly #seedLow: number;
  readonly #seedHigh: number;
  readonly #domain: DrawDomain;
  readonly #number: number;
  readonly #words = new Uint32Array(4);
  #blockIndex = 0;
  #used = 4;

  constructor(seed: number, domain: DrawDomain, number: number) {
    this.#seedLow = (seed % 2 ** 32) | 0;
    this.#seedHigh = Math.floor(seed / 2 ** 32);
    this.#domain = domain;
    this.#number = number;
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    if (this.#used === 4) {
      this.#words[0] = this.#blockIndex++;
      this.#words[1] = this.#number % 2 ** 32;
      this.#words[2] = Math.floor(this.#number / 2 ** 32);
      this.#words[3] = this.#domain;
      philox4x32(this.#words, this.#seedLow, this.#seedHigh);
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** Uniform integer in [0, bound), bound from 1 to 2^31. */
  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }

  /** Uniform in [0, 1) with 53 bits. */
  float(): number {
    return (this.uint32() * 2 ** 21 + (this.uint32() >>> 11)) / 2 ** 53;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** 3 to max-1 letters, one in 13 replaced by `special`; spaces at the ends are trimmed. */
  text(max: number, special = ' '): string {
    let text = '';
    for (let left = 3 + this.below(max - 3); left > 0; left--) {
      text += this.below(13) === 0 ? special : String.fromCharCode(97 + this.below(26));
    }
    return text.trim();
  }
}
