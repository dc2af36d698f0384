import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Clients } from './clients.ts';
import type { Groups } from './groups.ts';
import { checkLiteName } from './lite-topics.ts';
import { LiteVersions } from './lite-versions.ts';
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
  /** By client, then by group and topic. */
  readonly #versions = new Map<string, Map<string, LiteVersions>>();
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
   * Gives those that are new. What a wish says of a lite topic of which a later one has said something
   * changes nothing. Throws ILLEGAL_LITE_TOPIC, LITE_SUBSCRIPTION_QUOTA_EXCEEDED; nothing changes then.
   */
  sync({ topic, action, lites, version, ...member }: LiteSync): readonly string[] {
    const key = keyOf(member.group, topic);
    const versions = this.#versions.get(member.clientId)?.get(key) ?? new LiteVersions();
    const counts = (lite: string) => version === undefined || versions.counts(version, lite);
    const isPartial = action === 'PARTIAL_ADD' || action === 'PARTIAL_REMOVE';
    const adds = action === 'PARTIAL_ADD' || action === 'COMPLETE_ADD';
    const quota = this.#groups.find(member.group)?.liteQuota ?? limits.liteSubscriptionsMax;
    const before = new Set(this.of(member, topic));
    const after = new Set([...before].filter((lite) => isPartial || !counts(lite)));
    if (adds) for (const lite of lites) checkLiteName(lite);
    const said = lites.filter(counts);
    for (const lite of said) {
      if (!adds) after.delete(lite);
      // After the quota was lowered a client keeps what it has, and may leave some.
      if (!adds || after.has(lite)) continue;
      after.add(lite);
      if (after.size <= quota) continue;
      throw new MillraceError(
        'LITE_SUBSCRIPTION_QUOTA_EXCEEDED',
        `a client of group "${member.group}" subscribes to ${quota} lite topics at most`,
      );
    }
    if (version !== undefined) {
      if (isPartial) versions.said(version, said);
      else versions.completed(version);
      const ofClient = this.#versions.get(member.clientId) ?? new Map<string, LiteVersions>();
      this.#versions.set(member.clientId, ofClient.set(key, versions));
    }
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
