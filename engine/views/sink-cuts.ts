import type { Cut } from '../formats/sink-entry.ts';
import type { Frontier } from './frontier.ts';
import type { Span } from './port-client.ts';

/** Cuts of a sink's inputs: steps move them forward, so that two of one sink are comparable. */

export function cutOf(frontier: Frontier, topicIds: readonly number[]): Cut {
  return topicIds.map((topicId) => [topicId, [...frontier.of(topicId)]]);
}

/** True when nothing in `cut` is beyond `bound`. */
export function isWithin(cut: Cut, bound: Cut): boolean {
  const offsets = new Map(bound);
  return cut.every(([topicId, queues]) => {
    const ends = offsets.get(topicId) ?? [];
    return queues.every((offset, queue) => offset <= (ends[queue] ?? 0));
  });
}

/** The parts of the spans below the cut, and those from it on; topics not in the cut stay whole. */
export function splitAt(spans: readonly Span[], cut: Cut): [Span[], Span[]] {
  const offsets = new Map(cut);
  const below: Span[] = [];
  const beyond: Span[] = [];
  for (const span of spans) {
    const end = offsets.get(span.topicId)?.[span.queueId] ?? span.from;
    const middle = Math.min(Math.max(end, span.from), span.until);
    if (span.from < middle) below.push({ ...span, until: middle });
    if (middle < span.until) beyond.push({ ...span, from: middle });
  }
  return [below, beyond];
}

/** Cuts in the order in which steps reached them. */
export function inStepOrder(cuts: readonly Cut[]): Cut[] {
  const total = (cut: Cut) =>
    cut.reduce((sum, [, offsets]) => offsets.reduce((part, offset) => part + offset, sum), 0);
  return cuts.toSorted((a, b) => total(a) - total(b));
}
