import { limits } from '../../platform/limits.ts';

/**
 * In which order a client meant its wishes for the lite topics of one topic, whatever order they come
 * in (reference rocketmq-v2, 1.20: `version` is monotonic). A wish says something of each lite topic
 * that it names, a complete one of all; what it says counts unless a later wish has said something of
 * the same one.
 */
export class LiteVersions {
  #complete = Number.NEGATIVE_INFINITY;
  /** Of the last partial wish after that, by lite topic; least lately said first. */
  readonly #partial = new Map<string, number>();

  /** Whether what a wish of the version says of the lite topic counts. */
  counts(version: number, lite: string): boolean {
    return version >= this.#complete && version >= (this.#partial.get(lite) ?? version);
  }

  completed(version: number): void {
    if (version < this.#complete) return;
    this.#complete = version;
    for (const [lite, partial] of this.#partial) {
      if (partial <= version) this.#partial.delete(lite);
    }
  }

  /** Remembers so many; a client says all again every 30 s. */
  said(version: number, lites: readonly string[]): void {
    for (const lite of lites) {
      this.#partial.delete(lite);
      this.#partial.set(lite, version);
      if (this.#partial.size <= limits.liteSubscriptionsMax) continue;
      const [oldest] = this.#partial.keys();
      this.#partial.delete(oldest!);
    }
  }
}
