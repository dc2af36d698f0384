import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Clients } from './clients.ts';
import type { Groups } from './groups.ts';
import type { Member } from './pop-request.ts';

/** A client's wish (reference rocketmq-v2, 1.20). */
export type LiteAction = 'PARTIAL_ADD' | 'PARTIAL_REMOVE' | 'COMPLETE_ADD' | 'COMPLETE_REMOVE';

export interface LiteSync extends Member {
  /** The topic that the lite topics are of. */
  readonly topic: string;
  readonly action: LiteAction;
  readonly lites: readonly string[];
}

/** Tells a client that it has lost a lite topic to another one. */
export type NotifyEvicted = (clientId: string, lite: string) => void;

/**
 * Which lite topics each client has subscribed to. In memory alone: clients say all of it again
 * every 30 s, and when they connect. In an exclusive group a lite topic is one client's, the one
 * that asked last.
 */
export class LiteSubscriptions {
  readonly #groups: Groups;
  /** By client, group and topic. */
  readonly #byClient = new Map<string, Set<string>>();
  /** In exclusive groups: by group, topic and lite topic, whose it is. */
  readonly #owners = new Map<string, string>();
  #notify: NotifyEvicted = () => undefined;

  constructor(groups: Groups, clients: Clients) {
    this.#groups = groups;
    clients.onLost((_owner, clientId) => this.#forget(clientId));
  }

  /** How clients are told; the connector sets it. */
  set notifyEvicted(notify: NotifyEvicted) {
    this.#notify = notify;
  }

  /** The lite topics that the client has on the topic now. */
  of(member: Member, topic: string): Iterable<string> {
    return this.#byClient.get(keyOf(member, topic)) ?? [];
  }

  /** Gives those that are new. Throws LITE_SUBSCRIPTION_QUOTA_EXCEEDED; nothing changes then. */
  sync({ topic, action, lites, ...member }: LiteSync): readonly string[] {
    const key = keyOf(member, topic);
    const before = this.#byClient.get(key) ?? new Set<string>();
    const after = new Set(action === 'PARTIAL_ADD' || action === 'PARTIAL_REMOVE' ? before : []);
    for (const lite of lites) {
      if (action === 'PARTIAL_REMOVE') after.delete(lite);
      else if (action !== 'COMPLETE_REMOVE') after.add(lite);
    }
    if (after.size > limits.liteSubscriptionsMax) {
      throw new MillraceError(
        'LITE_SUBSCRIPTION_QUOTA_EXCEEDED',
        `a client subscribes to ${limits.liteSubscriptionsMax} lite topics at most`,
      );
    }
    if (after.size === 0) this.#byClient.delete(key);
    else this.#byClient.set(key, after);
    const added = [...after].filter((lite) => !before.has(lite));
    if (this.#groups.find(member.group)?.exclusive === true) this.#take(member, topic, added);
    for (const lite of before) if (!after.has(lite)) this.#release(member, topic, lite);
    return added;
  }

  #take(member: Member, topic: string, lites: readonly string[]): void {
    for (const lite of lites) {
      const key = ownerKey(member.group, topic, lite);
      const owner = this.#owners.get(key);
      this.#owners.set(key, member.clientId);
      if (owner === undefined || owner === member.clientId) continue;
      this.#byClient.get(keyOf({ ...member, clientId: owner }, topic))?.delete(lite);
      this.#notify(owner, lite);
    }
  }

  #release({ group, clientId }: Member, topic: string, lite: string): void {
    const key = ownerKey(group, topic, lite);
    if (this.#owners.get(key) === clientId) this.#owners.delete(key);
  }

  #forget(clientId: string): void {
    for (const key of this.#byClient.keys()) {
      if (key.startsWith(`${JSON.stringify(clientId)}/`)) this.#byClient.delete(key);
    }
    for (const [key, owner] of this.#owners) if (owner === clientId) this.#owners.delete(key);
  }
}

function keyOf({ clientId, group }: Member, topic: string): string {
  return `${JSON.stringify(clientId)}/${group}/${topic}`;
}

function ownerKey(group: string, topic: string, lite: string): string {
  return `${group}/${topic}/${lite}`;
}
