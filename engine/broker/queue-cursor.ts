import { AheadHandles, expired } from './ahead-handles.ts';
import type { Claim, CursorChanges, HeldRow, Renewal, Taking } from './claims.ts';
import { HeldMessages } from './held-messages.ts';

/** Unfinished messages of one message group, by offset. */
interface Lane {
  readonly offsets: number[];
  /** The pop that took all of them, if one did: it may take what follows, too. */
  takenBy: number;
}

/**
 * How far a consumer group is on one logical queue. Pure state, kept by `cursor-store.ts`.
 *
 * Invariants
 * - Offsets from `next` on were never handed out. Below it, those held are unfinished, the others
 *   are done: finishing a message and moving the group's cursor are one change.
 * - `cursor` is the smallest unfinished offset, or `next`.
 * - With order keys (FIFO groups) a message goes out only when each earlier unfinished message of
 *   its key goes out before it in the same pop. Other keys are not held up: what must wait is held
 *   with attempt 0.
 * - A message's handle is valid until the message becomes visible again.
 * - Messages of a batch may go out as one (`takeRange`), with one handle. They become single ones
 *   when something happens to one of them, or when the next client takes no batches; the handle
 *   then counts for those that it still fits. FIFO groups have no ranges.
 * - Handles outlive a crash that the latest deliveries did not: `#ahead` has what they said.
 * - Stamps begin behind `stampBase`, which is another one after the group was put elsewhere: handles
 *   from before that count for nothing.
 */
export class QueueCursor {
  readonly stampBase: number;
  /** Messages that expired before the group was done with them, since the cursor was loaded. */
  expired = 0;
  #next: number;
  #cursor: number;
  readonly #held = new HeldMessages();
  readonly #lanes = new Map<number, Lane>();
  readonly #renewal: Renewal;
  readonly #ahead: AheadHandles;
  #waiting = 0;
  #changed = new Set<number>();
  #gone: number[] = [];

  constructor(next: number, renewal: Renewal, rows: readonly HeldRow[] = [], stampBase = 0) {
    this.stampBase = stampBase;
    this.#ahead = new AheadHandles(stampBase);
    this.#next = next;
    this.#cursor = next;
    this.#renewal = renewal;
    for (const row of [...rows].sort((a, b) => a.offset - b.offset)) this.#restore(row);
  }

  get next(): number {
    return this.#next;
  }

  get cursor(): number {
    while (this.#cursor < this.#next && this.#held.slotOf(this.#cursor) < 0) this.#cursor++;
    return this.#cursor;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** Messages that wait for an earlier one of their message group. */
  get waitingCount(): number {
    return this.#waiting;
  }

  /** When the next held message becomes visible; Infinity when none will. */
  nextVisibleMs(): number {
    const slot = this.#held.earliest();
    return slot < 0 ? Number.POSITIVE_INFINITY : this.#held.visibleAtMs[slot]!;
  }

  /**
   * Its messages that were taken before `beforeMs` are not renewed any more; the client may still
   * finish them in their time.
   */
  release(owner: number, beforeMs = Infinity): void {
    for (const slot of this.#held.slots()) {
      if (this.#held.takenAtMs[slot]! >= beforeMs) continue;
      if (this.#held.owner[slot] === owner) this.#held.owner[slot] = -owner;
    }
  }

  /** Its messages are nobody's any more and visible at `visibleAtMs`, or earlier; false if it had none. */
  disown(owner: number, visibleAtMs: number): boolean {
    let isChanged = false;
    for (const slot of this.#held.slots()) {
      if (Math.abs(this.#held.owner[slot]!) !== owner) continue;
      isChanged = true;
      this.#held.owner[slot] = 0;
      if (this.#held.visibleAtMs[slot]! <= visibleAtMs) continue;
      this.#changed.add(this.#held.offset[slot]!);
      this.#held.visibleAtMs[slot] = visibleAtMs;
      if (this.#isScheduled(slot)) this.#held.schedule(slot);
    }
    return isChanged;
  }

  /** Takes up to `max` messages that were held and are visible now. */
  takeVisible(taking: Taking, max: number): Claim[] {
    const claims: Claim[] = [];
    while (claims.length < max) {
      const slot = this.#held.earliest();
      if (slot < 0 || !this.#isVisible(slot, taking.nowMs)) {
        if (slot < 0 || this.#held.visibleAtMs[slot]! > taking.nowMs) break;
        this.#renew(slot, taking.nowMs);
        continue;
      }
      const lane = this.#lanes.get(this.#held.orderKey[slot]!);
      if (this.#held.count[slot]! > 1 && taking.ranges !== true) this.#split(slot);
      else if (lane === undefined) claims.push(this.#retake(slot, taking));
      else this.#takeLane(lane, taking, max, claims);
    }
    return claims;
  }

  #takeLane(lane: Lane, taking: Taking, max: number, claims: Claim[]): void {
    let taken = 0;
    for (const offset of lane.offsets) {
      const slot = this.#held.slotOf(offset);
      if (claims.length === max || !this.#isVisible(slot, taking.nowMs)) break;
      claims.push(this.#retake(slot, taking));
      taken++;
    }
    lane.takenBy = taken === lane.offsets.length ? taking.popId : 0;
  }

  /**
   * Takes the message at `offset`, from `next` on, or holds it for later (`undefined`): behind its
   * message group, or because an older handle postponed it. Offsets between hold no message.
   */
  takeNext(offset: number, orderKey: number, taking: Taking): Claim | undefined {
    this.skipTo(offset + 1);
    const ahead = this.#ahead.take(offset);
    if (ahead === 'done') return undefined;
    const slot = this.#held.add(offset);
    this.#held.stamp[slot] = this.stampBase;
    const canTake = ahead === undefined;
    if (this.#enterLane(slot, orderKey, canTake ? taking.popId : 0) && canTake) {
      return this.#claim(slot, taking);
    }
    if (ahead !== undefined) {
      this.#held.attempt[slot] = ahead.stamp - this.stampBase;
      this.#held.stamp[slot] = ahead.stamp;
      this.#held.visibleAtMs[slot] = ahead.visibleAtMs;
    } else {
      this.#waiting++;
    }
    if (this.#isScheduled(slot)) this.#held.schedule(slot);
    this.#changed.add(offset);
    return undefined;
  }

  /**
   * Takes `count` messages from `offset` on, from `next` on; they have no order keys. `undefined`
   * when an older handle did something to one of them: then they are to be taken one by one.
   */
  takeRange(offset: number, count: number, taking: Taking): Claim | undefined {
    if (this.#ahead.hasAny(offset, count)) return undefined;
    this.skipTo(offset + count);
    const slot = this.#held.add(offset, count);
    this.#held.stamp[slot] = this.stampBase;
    return this.#claim(slot, taking);
  }

  /** Messages that share the slot get one each. */
  #split(slot: number): void {
    const row = this.#row(slot);
    this.#held.shrink(slot);
    this.#changed.add(row.offset);
    for (let i = 1; i < row.count; i++) {
      const single = this.#held.add(row.offset + i);
      this.#held.visibleAtMs[single] = row.visibleAtMs;
      this.#held.takenAtMs[single] = this.#held.takenAtMs[slot]!;
      this.#held.attempt[single] = row.attempt;
      this.#held.stamp[single] = row.stamp;
      this.#held.owner[single] = this.#held.owner[slot]!;
      this.#held.schedule(single);
      this.#changed.add(row.offset + i);
    }
  }

  /** True when nothing of the message group is in front, but what the pop itself has taken. */
  #enterLane(slot: number, orderKey: number, popId: number): boolean {
    if (orderKey === 0) return true;
    this.#held.orderKey[slot] = orderKey;
    const lane = this.#laneOf(orderKey);
    const isFree = lane.offsets.length === 0 || (popId !== 0 && lane.takenBy === popId);
    lane.offsets.push(this.#held.offset[slot]!);
    lane.takenBy = isFree ? popId : 0;
    return isFree;
  }

  /** Offsets below hold no message for this group, except those held. */
  skipTo(next: number): void {
    if (next > this.#next) this.#next = next;
  }

  /**
   * The messages are done. True when another one became visible by it. Finishing twice is no error.
   * Throws RECEIPT_HANDLE_EXPIRED unless the handle is that of the latest delivery, in its time, of
   * at least one of them.
   */
  finish(offset: number, stamp: number, nowMs: number, count = 1): boolean {
    const isAhead = (at: number) => this.#ahead.finish(at, stamp);
    let hasFreed = false;
    const finishSlot = (slot: number) => {
      hasFreed = this.#remove(slot) || hasFreed;
    };
    this.#each({ offset, count, stamp }, nowMs, isAhead, finishSlot);
    return hasFreed;
  }

  /** The same for messages that were taken here, whatever their handle. */
  finishTaken({ offset, count, stamp }: Claim): boolean {
    const whole = this.#held.slotOf(offset);
    if (whole >= 0 && this.#held.count[whole] === count) {
      return this.#held.stamp[whole] === stamp && this.#remove(whole);
    }
    let hasFreed = false;
    for (let at = offset; at < offset + count; at++) {
      if (at >= this.#next) this.#ahead.finishTaken(at);
      const slot = this.#held.slotOver(at);
      if (slot < 0 || this.#held.stamp[slot] !== stamp) continue;
      if (this.#held.count[slot]! > 1) this.#split(slot);
      hasFreed = this.#remove(this.#held.slotOf(at)) || hasFreed;
    }
    return hasFreed;
  }

  /**
   * The messages are visible again at `visibleAtMs`; gives the stamp of the new handle. `suspend`
   * takes the delivery back from the count of attempts.
   */
  postpone(
    offset: number,
    stamp: number,
    nowMs: number,
    visibleAtMs: number,
    suspend = false,
    count = 1,
  ): number {
    const isAhead = (at: number) => this.#ahead.postpone(at, stamp, visibleAtMs);
    let isHeld = offset >= this.#next;
    this.#each({ offset, count, stamp }, nowMs, isAhead, (slot) => {
      this.#postponeSlot(slot, visibleAtMs, suspend);
      isHeld = true;
    });
    if (!isHeld) throw expired();
    return stamp + 1;
  }

  #postponeSlot(slot: number, visibleAtMs: number, suspend: boolean): void {
    const { attempt, count, offset } = this.#held;
    this.#held.visibleAtMs[slot] = visibleAtMs;
    this.#held.owner[slot] = 0;
    if (suspend && attempt[slot]! > 0 && --attempt[slot]! === 0) this.#waiting += count[slot]!;
    if (this.#isScheduled(slot)) this.#held.schedule(slot);
    this.#changed.add(offset[slot]!);
    this.#held.stamp[slot]!++;
  }

  /**
   * Visits the slots of what a handle is for and still fits: of a whole range at once, of a part of
   * one by itself. Offsets that are handed out only later go to `isAhead`; what is done is left
   * out. Throws RECEIPT_HANDLE_EXPIRED when there is something and the handle fits nothing.
   */
  #each(
    { offset, count, stamp }: Omit<Claim, 'attempt'>,
    nowMs: number,
    isAhead: (offset: number) => void,
    visit: (slot: number) => void,
  ): void {
    let fits = 0;
    let expiredOnes = 0;
    for (let at = offset; at < offset + count; at++) {
      if (at >= this.#next) {
        isAhead(at);
        fits++;
        continue;
      }
      const slot = this.#held.slotOver(at);
      if (slot < 0) continue;
      if (this.#held.stamp[slot] !== stamp || this.#isVisible(slot, nowMs)) {
        expiredOnes++;
        continue;
      }
      fits++;
      const size = this.#held.count[slot]!;
      if (this.#held.offset[slot] === at && at + size <= offset + count) {
        visit(slot);
        at += size - 1;
        continue;
      }
      this.#split(slot);
      visit(this.#held.slotOf(at));
    }
    if (fits === 0 && expiredOnes > 0) throw expired();
  }

  /** True when the message was handed out and is done. */
  isFinished(offset: number): boolean {
    return offset < this.#next && this.#held.slotOver(offset) < 0;
  }

  /** Takes back what `postpone` did to the handle: the one before it is valid again. */
  restamp(offset: number, stamp: number, before: number): void {
    if (offset >= this.#next) {
      this.#ahead.take(offset);
      return;
    }
    const slot = this.#held.slotOf(offset);
    if (slot < 0 || this.#held.stamp[slot] !== stamp) return;
    this.#held.stamp[slot] = before;
    this.#changed.add(offset);
  }

  /** The pop did not reach its client: the messages are as they were before it. */
  untake(claims: readonly Claim[], nowMs: number): void {
    for (const claim of claims) {
      this.#eachOf(claim, (slot) => this.#postponeSlot(slot, nowMs, true));
    }
  }

  /** Nobody else gets what was taken here before that time. Gives the claim that counts then. */
  keep(claim: Claim, visibleAtMs: number): Claim {
    this.#eachOf(claim, (slot) => this.#postponeSlot(slot, visibleAtMs, false));
    return { ...claim, stamp: claim.stamp + 1 };
  }

  /** Whether the claim is still the latest of anything that it claims. */
  holds(claim: Claim): boolean {
    let isHeld = false;
    this.#eachOf(claim, () => {
      isHeld = true;
    });
    return isHeld;
  }

  /** Visits the slots of a claim that is still the latest of them. */
  #eachOf({ offset, count, stamp }: Claim, visit: (slot: number) => void): void {
    for (let at = offset; at < offset + count; at++) {
      const slot = this.#held.slotOf(at);
      if (slot < 0 || this.#held.stamp[slot] !== stamp) continue;
      at += this.#held.count[slot]! - 1;
      visit(slot);
    }
  }

  /** What the database lacks; it has it from now on. */
  changes(): CursorChanges {
    const held: HeldRow[] = [];
    for (const offset of this.#changed) {
      const slot = this.#held.slotOf(offset);
      this.#held.stored[slot] = 1;
      held.push(this.#row(slot));
    }
    const changes = { next: this.#next, held, gone: this.#gone };
    this.#changed = new Set();
    this.#gone = [];
    return changes;
  }

  /** Those that the database has a row of, or is about to lose it. */
  storedOffsets(): number[] {
    const slots = [...this.#held.slots()].filter((slot) => this.#held.stored[slot] === 1);
    return [...slots.map((slot) => this.#held.offset[slot]!), ...this.#gone];
  }

  #row(slot: number): HeldRow {
    const { offset, count, visibleAtMs, attempt, stamp, orderKey } = this.#held;
    return {
      offset: offset[slot]!,
      count: count[slot]!,
      visibleAtMs: visibleAtMs[slot]!,
      attempt: attempt[slot]!,
      stamp: stamp[slot]!,
      orderKey: orderKey[slot]!,
    };
  }

  #restore(row: HeldRow): void {
    const slot = this.#held.add(row.offset, row.count);
    this.#held.visibleAtMs[slot] = row.visibleAtMs;
    this.#held.attempt[slot] = row.attempt;
    this.#held.stamp[slot] = row.stamp;
    this.#held.orderKey[slot] = row.orderKey;
    this.#held.stored[slot] = 1;
    this.#cursor = Math.min(this.#cursor, row.offset);
    if (row.attempt === 0) this.#waiting += row.count;
    if (row.orderKey !== 0) this.#laneOf(row.orderKey).offsets.push(row.offset);
    if (this.#isScheduled(slot)) this.#held.schedule(slot);
  }

  #retake(slot: number, taking: Taking): Claim {
    if (this.#held.attempt[slot] === 0) this.#waiting -= this.#held.count[slot]!;
    return this.#claim(slot, taking);
  }

  #claim(slot: number, { nowMs, visibleAtMs, owner }: Taking): Claim {
    const { offset, count, attempt, stamp } = this.#held;
    attempt[slot]!++;
    stamp[slot]!++;
    this.#held.owner[slot] = owner;
    this.#held.visibleAtMs[slot] = visibleAtMs;
    this.#held.takenAtMs[slot] = nowMs;
    if (this.#isScheduled(slot)) this.#held.schedule(slot);
    this.#changed.add(offset[slot]!);
    return {
      offset: offset[slot]!,
      count: count[slot]!,
      attempt: attempt[slot]!,
      stamp: stamp[slot]!,
    };
  }

  /** Of a message group only the first unfinished message is in the order of times. */
  #isScheduled(slot: number): boolean {
    const lane = this.#lanes.get(this.#held.orderKey[slot]!);
    return lane === undefined || lane.offsets[0] === this.#held.offset[slot];
  }

  #laneOf(orderKey: number): Lane {
    let lane = this.#lanes.get(orderKey);
    if (lane === undefined) {
      lane = { offsets: [], takenBy: 0 };
      this.#lanes.set(orderKey, lane);
    }
    return lane;
  }

  #remove(slot: number): boolean {
    const offset = this.#held.offset[slot]!;
    const orderKey = this.#held.orderKey[slot]!;
    if (this.#held.stored[slot] === 1) this.#gone.push(offset);
    if (this.#held.attempt[slot] === 0) this.#waiting -= this.#held.count[slot]!;
    this.#changed.delete(offset);
    this.#held.remove(slot);
    const lane = this.#lanes.get(orderKey);
    if (lane === undefined) return false;
    const place = lane.offsets.indexOf(offset);
    lane.offsets.splice(place, 1);
    if (lane.offsets.length === 0) this.#lanes.delete(orderKey);
    else if (place === 0) this.#held.schedule(this.#held.slotOf(lane.offsets[0]!));
    return place === 0 && lane.offsets.length > 0;
  }

  #isVisible(slot: number, nowMs: number): boolean {
    const { visibleAtMs, owner, takenAtMs } = this.#held;
    if (visibleAtMs[slot]! > nowMs) return false;
    return owner[slot]! <= 0 || !this.#renewal.keeps(owner[slot]!, takenAtMs[slot]!, nowMs);
  }

  /** The owner lives: its message stays invisible, under the same handle. */
  #renew(slot: number, nowMs: number): void {
    this.#held.visibleAtMs[slot] = nowMs + this.#renewal.renewMs;
    this.#held.schedule(slot);
    this.#changed.add(this.#held.offset[slot]!);
  }
}
