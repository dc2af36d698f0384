import type { Clock } from '../../platform/clock.ts';
import { clientIdOf } from './client-id.ts';
import { type Duration, millisOf } from './codec.ts';
import type { StreamCall } from './service.ts';

const pollMsMax = 20_000;
/** Left of the client's deadline for the answer's way back. */
const reserveMs = 200;

/** Long polls under way, by client: when a client goes, its polls end at once (reference 1.22). */
export class Polls {
  readonly #clock: Clock;
  readonly #byClient = new Map<string, Set<AbortController>>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Aborted when the client cancels, hangs up or says that it goes, and at the close. One signal a
   * poll: a long-lived one that is made part of each would keep a trace of all (Node 20).
   */
  open(call: StreamCall): AbortSignal {
    const left = new AbortController();
    if (this.#isClosed) left.abort();
    const clientId = clientIdOf(call);
    const polls = this.#byClient.get(clientId) ?? new Set();
    polls.add(left);
    this.#byClient.set(clientId, polls);
    call.on('cancelled', () => left.abort());
    call.on('close', () => {
      left.abort();
      polls.delete(left);
      if (polls.size === 0) this.#byClient.delete(clientId);
    });
    return left.signal;
  }

  /** The client is going. */
  endOf(clientId: string): void {
    for (const poll of this.#byClient.get(clientId) ?? []) poll.abort();
  }

  /** Ends the long polls, and at once those that still come. */
  close(): void {
    this.#isClosed = true;
    for (const clientId of this.#byClient.keys()) this.endOf(clientId);
  }

  /** How long a poll may wait: as asked, and not beyond the call's deadline. */
  waitMs(call: StreamCall, asked: Duration | undefined, otherwiseMs = pollMsMax): number {
    const askedMs = Math.min(millisOf(asked) ?? otherwiseMs, pollMsMax);
    const deadline = call.getDeadline();
    const deadlineMs = typeof deadline === 'number' ? deadline : deadline.getTime();
    if (!Number.isFinite(deadlineMs)) return askedMs;
    return Math.max(0, Math.min(askedMs, deadlineMs - this.#clock.nowMs() - reserveMs));
  }
}
