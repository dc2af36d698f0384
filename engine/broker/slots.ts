import { crc32 } from 'node:zlib';
import { limits } from '../../platform/limits.ts';
import type { TopicAltered, TopicCreated } from './catalogue-record.ts';

/**
 * Message groups and keys hash into a fixed number of slots, and a topic's slot table says which
 * queue each slot is on: so a topic can grow, and only the slots that move change their queue.
 *
 * Every version of the table is kept, with the offset at which each old queue ended for the slots
 * that left it: a group gets a new queue's messages only after it has finished the old queues up
 * to there (`sourcesOf`). So what shares a message group or a key goes out in one order.
 */
export const slotCount = limits.topicQueuesMax;

/** Where messages of one message group or one key go, whatever the number of queues. */
export function slotOf(text: string): number {
  return (crc32(text) >>> 0) % slotCount;
}

const first = new Map<number, readonly number[]>();

/** The table of a new topic: slots go round. Topics share it, as long as they do not grow. */
export function firstSlots(queues: number): readonly number[] {
  let slots = first.get(queues);
  if (slots === undefined) {
    slots = Array.from({ length: slotCount }, (_, slot) => slot % queues);
    first.set(queues, slots);
  }
  return slots;
}

/**
 * The table for more queues: each new one gets its even share, from those that have more than
 * theirs. No slot moves between old queues, and none comes back.
 */
export function grownSlots(slots: readonly number[], queues: number): readonly number[] {
  const share = Math.floor(slotCount / queues);
  const counts = new Array<number>(queues).fill(0);
  for (const queue of slots) counts[queue]!++;
  const grown = [...slots];
  let to = counts.indexOf(0);
  for (let slot = 0; slot < slotCount && to >= 0 && to < queues; slot++) {
    const from = slots[slot]!;
    if (counts[from]! <= share) continue;
    grown[slot] = to;
    counts[from]!--;
    if (++counts[to]! === share) to++;
  }
  return grown;
}

/** A queue that slots came from, and its end at that time. */
export interface SlotSource {
  readonly queueId: number;
  readonly endOffset: number;
}

/** A topic as it is now: how it was created, and every change since. */
export class TopicState {
  readonly created: TopicCreated;
  readonly queues: number;
  readonly slots: readonly number[];
  readonly #sources: ReadonlyMap<number, readonly SlotSource[]>;

  private constructor(
    created: TopicCreated,
    queues: number,
    slots: readonly number[],
    sources: ReadonlyMap<number, readonly SlotSource[]>,
  ) {
    this.created = created;
    this.queues = queues;
    this.slots = slots;
    this.#sources = sources;
  }

  static of(created: TopicCreated): TopicState {
    return new TopicState(created, created.queues, firstSlots(created.queues), new Map());
  }

  altered({ queues, slots, ends }: TopicAltered): TopicState {
    const sources = new Map(this.#sources);
    for (const [slot, queueId] of this.slots.entries()) {
      const to = slots[slot]!;
      if (to === queueId) continue;
      const known = sources.get(to) ?? [];
      if (known.some((source) => source.queueId === queueId)) continue;
      sources.set(to, [...known, { queueId, endOffset: ends[queueId]! }]);
    }
    return new TopicState({ ...this.created, queues }, queues, slots, sources);
  }

  /** Where the queue ended when slots left it, change by change. */
  endsOf(queueId: number): readonly number[] {
    const all = [...this.#sources.values()].flat();
    return all.filter((source) => source.queueId === queueId).map(({ endOffset }) => endOffset);
  }

  withSettings(settings: TopicCreated): TopicState {
    const created = { ...settings, queues: this.queues };
    return new TopicState(created, this.queues, this.slots, this.#sources);
  }

  /** The queues that slots of this one came from. */
  sourcesOf(queueId: number): readonly SlotSource[] {
    return this.#sources.get(queueId) ?? [];
  }
}
