import type { Entry } from '../../storage/store.ts';
import type { GroupCreated } from './catalogue-record.ts';
import type { MessageFilter } from './message-format.ts';

/** Who asks: a client, for its group. */
export interface Member {
  readonly group: string;
  readonly clientId: string;
}

export interface PopRequest extends Member {
  readonly topic: string;
  /** `undefined`: every message. */
  readonly filter: MessageFilter | undefined;
  readonly max: number;
  /** `renewed`: for as long as the client lives. */
  readonly invisibleMs: number | 'renewed';
  readonly waitMs: number;
  /** The same id again = the client did not get the earlier answer (reference 1.13). */
  readonly attemptId: string | undefined;
  readonly signal: AbortSignal;
  /** The client unpacks batches itself: the rest of one counts as one message, with one handle. */
  readonly takesBatches?: boolean;
  /** The group itself, when it is one of the server that nobody created. */
  readonly internal?: GroupCreated;
}

/** Messages handed out together: of the entry those from number `index` on. */
export interface Popped {
  readonly entry: Entry;
  readonly index: number;
  /** 1, unless the client takes batches. */
  readonly count: number;
  readonly offset: number;
  readonly attempt: number;
  readonly receiptHandle: string;
  readonly invisibleMs: number;
}
