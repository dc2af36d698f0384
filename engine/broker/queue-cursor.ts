import { MillraceError } from '../../platform/errors.ts';

/** A message that a consumer holds. */
interface Held {
  visibleAtMs: number;
  attempt: number;
  /** Tells the handles of successive deliveries apart. */
  stamp: number;
}

/** A message to hand out. */
export interface Claim {
  readonly offset: number;
  readonly attempt: number;
  readonly stamp: number;
}

/**
 * How far a consumer group is on one logical queue. Pure state: offsets below `cursor` are done;
 * from there to `next` each is held by a consumer, or done already; from `next` on nobody has had
 * them. Everything durable is `cursor`: a restart may deliver again what lies above it, and loses
 * nothing.
 */
export class QueueCursor {
  #cursor: number;
  #next: number;
  readonly #held = new Map<number, Held>();
  readonly #done = new Set<number>();

  constructor(cursor: number) {
    this.#cursor = cursor;
    this.#next = cursor;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** First offset that was never handed out. */
  get next(): number {
    return this.#next;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** Messages whose time ran out, oldest first, at most `max`. */
  expired(nowMs: number, max: number): number[] {
    const offsets: number[] = [];
    for (const [offset, { visibleAtMs }] of this.#held) {
      if (visibleAtMs <= nowMs) offsets.push(offset);
    }
    return offsets.sort((a, b) => a - b).slice(0, max);
  }

  /** When the next held message becomes visible again; Infinity when none is held. */
  nextVisibleMs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { visibleAtMs } of this.#held.values()) {
      if (visibleAtMs < earliest) earliest = visibleAtMs;
    }
    return earliest;
  }

  /** Hands out an offset: one that expired, or the next new one. */
  hold(offset: number, visibleAtMs: number): Claim {
    if (offset >= this.#next) {
      // Offsets in between hold no message for this group.
      for (let skipped = this.#next; skipped < offset; skipped++) this.#done.add(skipped);
      this.#next = offset + 1;
    }
    const before = this.#held.get(offset);
    const held = {
      visibleAtMs,
      attempt: (before?.attempt ?? 0) + 1,
      stamp: (before?.stamp ?? 0) + 1,
    };
    this.#held.set(offset, held);
    return { offset, attempt: held.attempt, stamp: held.stamp };
  }

  /** Passes over messages that the group does not want. */
  skip(offset: number): void {
    if (offset >= this.#next) this.#next = offset + 1;
    this.#finish(offset);
  }

  /** Throws RECEIPT_HANDLE_EXPIRED unless the handle is that of the latest delivery. */
  acknowledge(offset: number, stamp: number): void {
    if (offset < this.#cursor || this.#done.has(offset)) return;
    this.#check(offset, stamp);
    this.#finish(offset);
  }

  /** The message is visible again at `visibleAtMs`; gives the stamp of the new handle. */
  postpone(offset: number, stamp: number, visibleAtMs: number): number {
    const held = this.#check(offset, stamp);
    held.visibleAtMs = visibleAtMs;
    held.stamp++;
    return held.stamp;
  }

  /** A handle from before a restart names a message that nobody has got since: it counts. */
  #check(offset: number, stamp: number): Held {
    const held = this.#held.get(offset);
    if (held !== undefined && held.stamp === stamp) return held;
    if (held === undefined && offset >= this.#next) {
      const restored = { visibleAtMs: 0, attempt: stamp, stamp };
      for (let between = this.#next; between < offset; between++) {
        this.#held.set(between, { visibleAtMs: 0, attempt: 0, stamp: 0 });
      }
      this.#next = offset + 1;
      this.#held.set(offset, restored);
      return restored;
    }
    throw new MillraceError('RECEIPT_HANDLE_EXPIRED', 'receipt handle is expired');
  }

  #finish(offset: number): void {
    this.#held.delete(offset);
    this.#done.add(offset);
    while (this.#done.delete(this.#cursor)) this.#cursor++;
  }
}
