import type { Cut } from '../formats/sink-entry.ts';
import type { Frontier } from './frontier.ts';
import type { Span } from './port-client.ts';

/**
 * Cuts of sinks' inputs. Those of one sink are comparable: steps move them forward. So are those of
 * all sinks on the topics that two of them share, for one step after the other moved them.
 */

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

/** What none of the cuts lies before, queue by queue. */
export function lowest(cuts: readonly Cut[]): Cut {
  const least = new Map<number, readonly number[]>();
  for (const [topicId, offsets] of cuts.flat()) {
    const known = least.get(topicId);
    const length = known === undefined ? offsets.length : Math.min(known.length, offsets.length);
    const lower = offsets.slice(0, length);
    least.set(
      topicId,
      lower.map((offset, queue) => Math.min(offset, known?.[queue] ?? offset)),
    );
  }
  return [...least];
}

/**
 * The cuts in an order in which a replay can stop at each of them exactly: none comes after one that
 * is beyond it on a topic of both. Where two share no topic their order does not matter.
 */
export function inStepOrder(cuts: readonly Cut[]): Cut[] {
  const rest = [...cuts];
  const ordered: Cut[] = [];
  while (rest.length > 0) {
    const first = rest.findIndex((cut) => !rest.some((other) => isBehind(other, cut)));
    // Cuts of steps have an order. Should these have none, their sinks notice that they were missed.
    ordered.push(...rest.splice(Math.max(first, 0), 1));
  }
  return ordered;
}

/** Whether `a` is before `b` in a queue of a topic that both have. */
function isBehind(a: Cut, b: Cut): boolean {
  const theirs = new Map(b);
  return a.some(([topicId, offsets]) =>
    theirs.get(topicId)?.some((offset, queue) => (offsets[queue] ?? 0) < offset),
  );
}
