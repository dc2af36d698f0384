import type { Clients } from '../../engine/broker/clients.ts';
import type { RateLimits } from '../../engine/broker/rate-limits.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { Guard } from '../auth/guard.ts';
import { clientIdOf, type Identified } from './client-id.ts';

/**
 * What is asked before anything else of every call, streams too: who sends it, that the client id
 * is not that of somebody else's client, and that it is not one call too many.
 */
export class Admission {
  readonly #guard: Guard;
  readonly #rates: RateLimits;
  /** The access key of each client that lives: what it has is its own. */
  readonly #keys = new Map<string, string>();

  constructor(guard: Guard, rates: RateLimits, clients: Clients) {
    this.#guard = guard;
    this.#rates = rates;
    clients.onLost((_owner, clientId) => this.#keys.delete(clientId));
  }

  /** Gives the access key, where there are any. Throws UNAUTHENTICATED, FORBIDDEN, RESOURCE_LIMIT. */
  admit(call: Identified): string | undefined {
    const clientId = clientIdOf(call);
    const accessKey = this.#guard.identify(call.metadata);
    this.#rates.takeRequest(clientId, accessKey);
    const owner = this.#keys.get(clientId);
    if (owner !== undefined && owner !== accessKey) {
      throw new MillraceError('FORBIDDEN', `client "${clientId}" has another access key`);
    }
    return accessKey;
  }

  /** The client lives from now on, and is the access key's until it is lost. */
  claim(clientId: string, accessKey: string | undefined): void {
    if (accessKey !== undefined) this.#keys.set(clientId, accessKey);
  }
}
