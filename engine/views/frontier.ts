import { MillraceError } from '../../platform/errors.ts';
import type { Span } from './port-client.ts';

/**
 * Per logical queue, the next offset that steps have not consumed (DESIGN section 2). One frontier
 * for the whole engine: every view reflects exactly the entries below it.
 */
export class Frontier {
  readonly #topics = new Map<number, number[]>();

  has(topicId: number): boolean {
    return this.#topics.has(topicId);
  }

  /** Next offset of each queue, by queue id. */
  of(topicId: number): readonly number[] {
    return this.#topics.get(topicId) ?? [];
  }

  start(topicId: number, offsets: readonly number[]): void {
    this.#topics.set(topicId, [...offsets]);
  }

  forget(topicId: number): void {
    this.#topics.delete(topicId);
  }

  advance(topicId: number, queueId: number, nextOffset: number): void {
    const offsets = this.#topics.get(topicId);
    if (offsets === undefined) return;
    while (offsets.length <= queueId) offsets.push(0);
    if (nextOffset > offsets[queueId]!) offsets[queueId] = nextOffset;
  }

  /** What lies between two states of a topic's offsets, queue by queue. */
  static spans(topicId: number, from: readonly number[], until: readonly number[]): Span[] {
    return until
      .map((end, queueId) => ({ topicId, queueId, from: from[queueId] ?? 0, until: end }))
      .filter((span) => span.from < span.until);
  }

  /** A copy. */
  offsets(): ReadonlyMap<number, readonly number[]> {
    return new Map([...this.#topics].map(([topicId, offsets]) => [topicId, [...offsets]]));
  }

  encode(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([...this.#topics]));
  }

  static decode(bytes: Uint8Array): Frontier {
    const frontier = new Frontier();
    try {
      const topics: readonly [number, number[]][] = JSON.parse(new TextDecoder().decode(bytes));
      for (const [topicId, offsets] of topics) frontier.start(topicId, offsets);
    } catch (cause) {
      throw new MillraceError('CORRUPTION', "the checkpoint's frontier is unreadable", { cause });
    }
    return frontier;
  }
}
