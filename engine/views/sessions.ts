import { limits } from '../../platform/limits.ts';
import { Session } from './session.ts';

/**
 * What clients have set, by the id that each sends with its statements. A session begins with its
 * first statement and ends when it is closed, or forgotten for limits.sessionsMax later ones.
 */
export class Sessions {
  /** The least recently used first. */
  readonly #sessions = new Map<string, Session>();

  /** Without an id: one that nobody finds again. */
  get(id: string | undefined): Session {
    if (id === undefined) return new Session();
    const session = this.#sessions.get(id) ?? new Session();
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    if (this.#sessions.size > limits.sessionsMax) {
      this.#sessions.delete(this.#sessions.keys().next().value!);
    }
    return session;
  }

  close(id: string): void {
    this.#sessions.delete(id);
  }
}
