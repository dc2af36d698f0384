import { MillraceError } from '../../platform/errors.ts';

/** What a handle from before a crash did to a message that is handed out again only later. */
export type Ahead = 'done' | { readonly stamp: number; readonly visibleAtMs: number };

/** Stamps of one base, beyond which a handle from before a crash is not trusted. */
export const stampsOfBase = 4096;

/**
 * Handles of messages that, as far as is known after a crash, were never handed out: their last
 * deliveries were forgotten, they were not. What they say holds when the message's turn comes.
 */
export class AheadHandles {
  readonly #stampBase: number;
  readonly #byOffset = new Map<number, Ahead>();

  constructor(stampBase: number) {
    this.#stampBase = stampBase;
  }

  /** What was said of the message; it is forgotten. */
  take(offset: number): Ahead | undefined {
    const ahead = this.#byOffset.get(offset);
    this.#byOffset.delete(offset);
    return ahead;
  }

  /** Whether something was said of one of the messages. */
  hasAny(offset: number, count: number): boolean {
    for (const ahead of this.#byOffset.keys()) {
      if (ahead >= offset && ahead < offset + count) return true;
    }
    return false;
  }

  /** Throws RECEIPT_HANDLE_EXPIRED. */
  finish(offset: number, stamp: number): void {
    this.#check(offset, stamp);
    this.#byOffset.set(offset, 'done');
  }

  finishTaken(offset: number): void {
    this.#byOffset.set(offset, 'done');
  }

  /** Throws RECEIPT_HANDLE_EXPIRED. */
  postpone(offset: number, stamp: number, visibleAtMs: number): void {
    this.#check(offset, stamp);
    this.#byOffset.set(offset, { stamp: stamp + 1, visibleAtMs });
  }

  /** Whether the handle may be one from before a crash: of the base, and not older than another. */
  #check(offset: number, stamp: number): void {
    const ahead = this.#byOffset.get(offset);
    const isOfBase = stamp > this.#stampBase && stamp < this.#stampBase + stampsOfBase;
    if (isOfBase && (typeof ahead !== 'object' || stamp >= ahead.stamp)) return;
    throw expired();
  }
}

export function expired(): MillraceError {
  return new MillraceError('RECEIPT_HANDLE_EXPIRED', 'receipt handle is expired');
}
