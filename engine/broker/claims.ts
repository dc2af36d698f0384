/** Messages handed out together, and what tells their handle from those before. */
export interface Claim {
  readonly offset: number;
  /** Messages from `offset` on; 1 but for those of a batch. */
  readonly count: number;
  readonly attempt: number;
  readonly stamp: number;
}

/** What a pop gives to the messages that it takes. */
export interface Taking {
  readonly nowMs: number;
  readonly visibleAtMs: number;
  /** Client that the server renews them for; 0: nobody, they expire. */
  readonly owner: number;
  /** Tells pops apart: messages of one message group may go out together in one pop. */
  readonly popId: number;
  /** Messages that have a slot together go out together. */
  readonly ranges?: boolean;
}

/** Whose messages the server keeps invisible for as long as the client lives. */
export interface Renewal {
  /** True when the client `owner` lives and has had the message for less than the maximum. */
  keeps(owner: number, takenAtMs: number, nowMs: number): boolean;
  readonly renewMs: number;
}

/** Held messages that share a slot, as they are stored. */
export interface HeldRow {
  readonly offset: number;
  readonly count: number;
  readonly visibleAtMs: number;
  readonly attempt: number;
  readonly stamp: number;
  readonly orderKey: number;
}

/** What changed since the last call of `changes`. */
export interface CursorChanges {
  readonly next: number;
  readonly held: readonly HeldRow[];
  readonly gone: readonly number[];
}
