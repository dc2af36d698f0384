import { MillraceError } from '../../../platform/errors.ts';
import type { Random } from '../../../platform/random.ts';
import { entryHeaderBytes } from '../../../storage/log/entry-format.ts';
import { col, indexRowWidth } from '../../../storage/queues/index-rows.ts';
import {
  type AppendRequest,
  type Entry,
  entryKinds,
  type MessageNames,
  type RetentionRules,
  type Store,
  type TopicPolicy,
} from '../../../storage/store.ts';

interface Sent {
  readonly topicId: number;
  readonly queueId: number;
  readonly count: number;
  /** Message group: all of its entries go to one queue, in order. */
  readonly group: number;
  readonly body: Buffer;
}

const queues = [0, 1];
/** Groups of one topic. */
const groups = 3;
/** Keeps everything; others keep some bytes, or are dropped. */
const keptTopic = 1;
const expiringTopic = 2;
const droppedTopic = 3;
const retentionBytes = 1500;

/**
 * What a client of a store knows, and the invariant against which a recovered store is checked:
 * acked <= recovered <= sent; each entry once and as it was sent; the offsets of a queue dense;
 * the entries of a message group in the order of sending; nothing that was refused. Only what was
 * to expire is gone, from the beginning of its queue on, and it does not come back. Plain code: it
 * runs for every crash point.
 */
export class Ledger {
  readonly #sent: Sent[] = [];
  /** Must be there after a crash, unless they expired; each with the offset after its last one. */
  readonly #acked = new Map<number, number>();
  /** Must not be there. */
  readonly #refused = new Set<number>();
  /** First offset of the expiring topic's queues after the last pass of retention that ended. */
  readonly #firsts = new Map<number, number>();
  #mayExpire = false;
  #isDropped = false;

  /** What is known now, for a crash at this moment. */
  copy(): Ledger {
    const copy = new Ledger();
    copy.#sent.push(...this.#sent);
    for (const [id, end] of this.#acked) copy.#acked.set(id, end);
    for (const id of this.#refused) copy.#refused.add(id);
    for (const [queueId, first] of this.#firsts) copy.#firsts.set(queueId, first);
    copy.#mayExpire = this.#mayExpire;
    copy.#isDropped = this.#isDropped;
    return copy;
  }

  get ackedCount(): number {
    return this.#acked.size;
  }

  get sentCount(): number {
    return this.#sent.length;
  }

  get refusedCount(): number {
    return this.#refused.size;
  }

  /** The index is lost: what expired and is still in the log comes back. */
  loseIndex(): void {
    this.#firsts.clear();
  }

  /** Appends an entry of random size and group; resolves when its fate is known. */
  async send(store: Store, random: Random, bodyBytesMax: number): Promise<void> {
    const group = random.below(groups);
    await this.#sendTo(this.#randomTopic(random), group, store, random, bodyBytesMax);
  }

  /** Appends an entry to each queue, one after the other. */
  async sendToAll(store: Store, random: Random, bodyBytesMax: number): Promise<void> {
    for (const topicId of this.#topics) {
      for (const queueId of queues) {
        await this.#sendTo(topicId, queueId, store, random, bodyBytesMax);
      }
    }
  }

  async #sendTo(
    topicId: number,
    group: number,
    store: Store,
    random: Random,
    bodyBytesMax: number,
  ): Promise<void> {
    const id = this.#sent.length;
    const queueId = group % queues.length;
    const body = Buffer.from(random.bytes(8 + random.below(bodyBytesMax)));
    body.writeUInt32LE(id);
    body.writeUInt32LE(group, 4);
    const count = 1 + random.below(3) * random.below(20);
    this.#sent.push({ topicId, queueId, count, group, body: Buffer.from(body) });
    const request: AppendRequest = {
      ...{ topicId, queueId, kind: entryKinds.messages, count, body },
      ...{ firstIdHash: id, tagHash: random.uint32() },
    };
    try {
      const appending = store.append(request);
      body.fill(0);
      const { baseOffset } = await appending;
      this.#acked.set(id, baseOffset + count);
    } catch (error) {
      checkExpected(error);
      if (!/may appear after a restart/.test(error.message)) this.#refused.add(id);
    }
  }

  /** Moves a queue to some partition. */
  async move(store: Store, random: Random): Promise<void> {
    const partition = store.partitions[random.below(store.partitions.length)]!;
    const queueIds = [random.below(queues.length)];
    await store.moveQueues(this.#randomTopic(random), queueIds, partition).catch(checkExpected);
  }

  /** A pass of retention, before which a topic may be dropped. */
  async retain(store: Store, random: Random): Promise<void> {
    this.#mayExpire = true;
    if (random.below(3) === 0) this.#isDropped = true;
    try {
      const rules = this.#rules(random.below(2) === 0 ? 0 : Infinity);
      // What was dropped goes in the second pass that knows of it.
      for (let pass = this.#isDropped ? 0 : 1; pass < 2; pass++) await store.retain(rules);
      for (const queueId of queues) {
        this.#firsts.set(queueId, (await store.range(expiringTopic, queueId)).minOffset);
      }
    } catch (error) {
      checkExpected(error);
    }
  }

  /** Throws what is wrong. Everything that was found counts as acknowledged from now on. */
  async check(store: Store): Promise<void> {
    const found = new Map<number, number>();
    for (const topicId of this.#topics) {
      for (const queueId of queues) await this.#checkQueue(store, topicId, queueId, found);
    }
    for (const id of this.#refused) if (found.has(id)) fail(`refused entry ${id} is there`);
    for (const [id, end] of found) this.#acked.set(id, end);
    const bytes = (ids: Iterable<number>) => {
      const own = [...ids].filter((id) => this.#sent[id]!.topicId === expiringTopic);
      return own.reduce((sum, id) => sum + entryHeaderBytes + this.#sent[id]!.body.length, 0);
    };
    const kept = bytes(found.keys());
    if (kept < Math.min(retentionBytes, bytes(this.#acked.keys())))
      fail(`only ${kept} bytes are kept`);
  }

  get #topics(): readonly number[] {
    return [keptTopic, expiringTopic, ...(this.#isDropped ? [] : [droppedTopic])];
  }

  #randomTopic(random: Random): number {
    return this.#topics[random.below(this.#topics.length)]!;
  }

  #rules(segmentAgeMs: number): RetentionRules {
    const policies = new Map<number, TopicPolicy>(this.#topics.map((topicId) => [topicId, {}]));
    policies.set(0, {});
    policies.set(expiringTopic, { retentionBytes });
    const policy = (topicId: number) => policies.get(topicId);
    return { policy, floor: () => Infinity, segmentAgeMs, compactionLagMs: 0 };
  }

  async #checkQueue(
    store: Store,
    topicId: number,
    queueId: number,
    found: Map<number, number>,
  ): Promise<void> {
    const { minOffset, maxOffset } = await store.range(topicId, queueId);
    this.#checkFirst(topicId, queueId, minOffset);
    const { values, rowCount } = await store.indexRows(topicId, queueId, 0, Infinity);
    const lastOfGroup = new Map<number, number>();
    let offset = minOffset;
    for (let row = 0; row < rowCount; row++) {
      const at = row * indexRowWidth;
      const entry = await store.readEntry(
        values[at + col.partition]!,
        values[at + col.position]!,
        values[at + col.length]!,
      );
      if (entry === undefined) fail(`the entry of row ${row} is gone`);
      const id = Buffer.from(entry.body.buffer, entry.body.byteOffset, 4).readUInt32LE(0);
      const sent = this.#sent[id];
      if (sent === undefined || Buffer.compare(sent.body, entry.body) !== 0) {
        fail(`an entry of topic ${topicId}, queue ${queueId} was never sent`);
      }
      if (sent.topicId !== topicId || sent.queueId !== queueId || sent.count !== entry.count) {
        fail(`entry ${id} is not where it was sent`);
      }
      if (found.has(id)) fail(`entry ${id} is there twice`);
      if (entry.baseOffset !== offset || values[at + col.baseOffset] !== offset) {
        fail(`entry ${id} has offset ${entry.baseOffset}, where ${offset} follows`);
      }
      if (id < (lastOfGroup.get(sent.group) ?? -1)) fail(`group ${sent.group} is out of order`);
      lastOfGroup.set(sent.group, id);
      offset += entry.count;
      found.set(id, offset);
    }
    if (offset !== maxOffset) fail(`the queue's end is ${maxOffset}, its entries end at ${offset}`);
    for (const [id, end] of this.#acked) {
      const sent = this.#sent[id]!;
      const isHere = sent.topicId === topicId && sent.queueId === queueId;
      if (isHere && end > minOffset && !found.has(id)) fail(`acknowledged entry ${id} is lost`);
    }
  }

  #checkFirst(topicId: number, queueId: number, minOffset: number): void {
    const isExpiring = topicId === expiringTopic && this.#mayExpire;
    if (minOffset > 0 && !isExpiring) fail(`topic ${topicId} begins at ${minOffset}`);
    const before = isExpiring ? (this.#firsts.get(queueId) ?? 0) : 0;
    if (minOffset < before) fail(`topic ${topicId} began at ${before}, and begins at ${minOffset}`);
  }
}

/** Each message has an id of its own, and its group for a key. */
export function namesOfEntry({ body, count, kind }: Entry): MessageNames[] {
  if (kind !== entryKinds.messages) return [];
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const id = bytes.readUInt32LE(0);
  const keys = [`group ${bytes.readUInt32LE(4)}`];
  return Array.from({ length: count }, (_, i) => ({ id: `${id}.${i}`, keys }));
}

/** Throws what the world does not explain. */
function checkExpected(error: unknown): asserts error is MillraceError {
  if (!(error instanceof MillraceError)) throw error;
}

function fail(message: string): never {
  throw new Error(message);
}
