import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Clients } from './clients.ts';
import type { Groups } from './groups.ts';
import { checkLiteName } from './lite-topics.ts';
import type { Member } from './pop-request.ts';

/** A client's wish (reference rocketmq-v2, 1.20). */
export type LiteAction = 'PARTIAL_ADD' | 'PARTIAL_REMOVE' | 'COMPLETE_ADD' | 'COMPLETE_REMOVE';

export interface LiteSync extends Member {
  /** The topic that the lite topics are of. */
  readonly topic: string;
  readonly action: LiteAction;
  readonly lites: readonly string[];
  /** Of the client's wishes for the topic: a later one has none that is lower. */
  readonly version?: number;
}

/** Tells a client that it has lost a lite topic to another one. */
export type NotifyEvicted = (clientId: string, lite: string) => void;

/** Those of one client in one group on one topic. */
interface Subscription {
  readonly group: string;
  readonly topic: string;
  readonly lites: Set<string>;
}

/**
 * Which lite topics each client has subscribed to. In memory alone: clients say all of it again
 * every 30 s, and when they connect. They go with the client. In an exclusive group a lite topic is
 * one client's, the one that asked last.
 */
export class LiteSubscriptions {
  readonly #groups: Groups;
  readonly #clients: Clients;
  /** By client, then by group and topic; none is empty. */
  readonly #byClient = new Map<string, Map<string, Subscription>>();
  /** In exclusive groups: by group, topic and lite topic, whose it is. */
  readonly #owners = new Map<string, string>();
  /** By topic and lite topic. */
  readonly #subscribers = new Map<string, number>();
  /** By client, then by group and topic: that of the last wish. */
  readonly #versions = new Map<string, Map<string, number>>();
  #notify: NotifyEvicted = () => undefined;

  constructor(groups: Groups, clients: Clients) {
    this.#groups = groups;
    this.#clients = clients;
    clients.onLost((_owner, clientId) => this.#forget(clientId));
  }

  /** How clients are told; the connector sets it. */
  set notifyEvicted(notify: NotifyEvicted) {
    this.#notify = notify;
  }

  /** The lite topics that the client has on the topic now. */
  of({ clientId, group }: Member, topic: string): Iterable<string> {
    return this.#byClient.get(clientId)?.get(keyOf(group, topic))?.lites ?? [];
  }

  /** Whether any client has subscribed to the lite topic of the topic. */
  hasSubscriber(topic: string, lite: string): boolean {
    return this.#subscribers.has(keyOf(topic, lite));
  }

  /**
   * Gives those that are new. A wish that a later one has overtaken changes nothing. Throws
   * ILLEGAL_LITE_TOPIC, LITE_SUBSCRIPTION_QUOTA_EXCEEDED; nothing changes then.
   */
  sync({ topic, action, lites, version, ...member }: LiteSync): readonly string[] {
    const key = keyOf(member.group, topic);
    const versions = this.#versions.get(member.clientId) ?? new Map<string, number>();
    if (version !== undefined && version < (versions.get(key) ?? version)) {
      this.#clients.seen(member.clientId);
      return [];
    }
    const quota = this.#groups.find(member.group)?.liteQuota ?? limits.liteSubscriptionsMax;
    const before = new Set(this.of(member, topic));
    const after = new Set(action === 'PARTIAL_ADD' || action === 'PARTIAL_REMOVE' ? before : []);
    const adds = action === 'PARTIAL_ADD' || action === 'COMPLETE_ADD';
    for (const lite of lites) {
      if (adds) checkLiteName(lite);
      if (adds) after.add(lite);
      else after.delete(lite);
      // After the quota was lowered a client may still leave some.
      if (after.size <= quota || !adds) continue;
      throw new MillraceError(
        'LITE_SUBSCRIPTION_QUOTA_EXCEEDED',
        `a client of group "${member.group}" subscribes to ${quota} lite topics at most`,
      );
    }
    if (version !== undefined) this.#versions.set(member.clientId, versions.set(key, version));
    // One that is not known yet is, too, to be missed when it does not come again.
    this.#clients.seen(member.clientId);
    const added = [...after].filter((lite) => !before.has(lite));
    for (const lite of before) if (!after.has(lite)) this.#remove(member, topic, lite);
    for (const lite of added) this.#add(member, topic, lite);
    return added;
  }

  #add({ clientId, group }: Member, topic: string, lite: string): void {
    if (this.#groups.find(group)?.exclusive === true) {
      const key = ownerKey(group, topic, lite);
      const owner = this.#owners.get(key);
      if (owner !== undefined && owner !== clientId) {
        this.#remove({ group, clientId: owner }, topic, lite);
        this.#notify(owner, lite);
      }
      this.#owners.set(key, clientId);
    }
    const ofClient = this.#byClient.get(clientId) ?? new Map<string, Subscription>();
    this.#byClient.set(clientId, ofClient);
    const key = keyOf(group, topic);
    const known = ofClient.get(key);
    if (known === undefined) ofClient.set(key, { group, topic, lites: new Set([lite]) });
    else known.lites.add(lite);
    const name = keyOf(topic, lite);
    this.#subscribers.set(name, (this.#subscribers.get(name) ?? 0) + 1);
  }

  #remove({ clientId, group }: Member, topic: string, lite: string): void {
    const ofClient = this.#byClient.get(clientId);
    const subscription = ofClient?.get(keyOf(group, topic));
    if (ofClient === undefined || subscription?.lites.delete(lite) !== true) return;
    if (subscription.lites.size === 0) ofClient.delete(keyOf(group, topic));
    if (ofClient.size === 0) this.#byClient.delete(clientId);
    const key = ownerKey(group, topic, lite);
    if (this.#owners.get(key) === clientId) this.#owners.delete(key);
    const name = keyOf(topic, lite);
    const left = this.#subscribers.get(name)! - 1;
    if (left === 0) this.#subscribers.delete(name);
    else this.#subscribers.set(name, left);
  }

  #forget(clientId: string): void {
    this.#versions.delete(clientId);
    for (const { group, topic, lites } of [...(this.#byClient.get(clientId)?.values() ?? [])]) {
      for (const lite of [...lites]) this.#remove({ clientId, group }, topic, lite);
    }
  }
}

/** Of names of which the first has no slash. */
function keyOf(name: string, other: string): string {
  return `${name}/${other}`;
}

function ownerKey(group: string, topic: string, lite: string): string {
  return keyOf(group, keyOf(topic, lite));
}
