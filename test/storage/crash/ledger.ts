import { MillraceError } from '../../../platform/errors.ts';
import type { Random } from '../../../platform/random.ts';
import { col, indexRowWidth } from '../../../storage/queues/index-rows.ts';
import {
  type AppendRequest,
  type Entry,
  entryKinds,
  type MessageNames,
  type Store,
} from '../../../storage/store.ts';

interface Sent {
  readonly topicId: number;
  readonly queueId: number;
  readonly count: number;
  /** Message group: all of its entries go to one queue, in order. */
  readonly group: number;
  readonly body: Buffer;
}

const topics = [1, 2];
const queues = [0, 1];
/** Groups of one queue. */
const groups = 3;

/**
 * What a client of a store knows, and the invariant against which a recovered store is checked:
 * acked <= recovered <= sent; each entry once and as it was sent; the offsets of a queue dense;
 * the entries of a message group in the order of sending; nothing that was refused. Plain code:
 * it runs for every crash point.
 */
export class Ledger {
  readonly #sent: Sent[];
  /** Must be there after a crash. */
  readonly #acked: Set<number>;
  /** Must not be there. */
  readonly #refused: Set<number>;

  constructor(from?: Ledger) {
    this.#sent = from === undefined ? [] : [...from.#sent];
    this.#acked = new Set(from === undefined ? [] : from.#acked);
    this.#refused = new Set(from === undefined ? [] : from.#refused);
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

  /** Appends an entry of random size and group; resolves when its fate is known. */
  async send(store: Store, random: Random, bodyBytesMax: number): Promise<void> {
    const id = this.#sent.length;
    const group = random.below(groups);
    const topicId = topics[random.below(topics.length)]!;
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
      await appending;
      this.#acked.add(id);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      if (!/may appear after a restart/.test(error.message)) this.#refused.add(id);
    }
  }

  /** Throws what is wrong. Everything that was found counts as acknowledged from now on. */
  async check(store: Store): Promise<void> {
    const found = new Set<number>();
    for (const topicId of topics) {
      for (const queueId of queues) await this.#checkQueue(store, topicId, queueId, found);
    }
    for (const id of this.#acked) if (!found.has(id)) fail(`acknowledged entry ${id} is lost`);
    for (const id of this.#refused) if (found.has(id)) fail(`refused entry ${id} is there`);
    for (const id of found) this.#acked.add(id);
  }

  async #checkQueue(
    store: Store,
    topicId: number,
    queueId: number,
    found: Set<number>,
  ): Promise<void> {
    const { maxOffset } = await store.range(topicId, queueId);
    const { values, rowCount } = await store.indexRows(topicId, queueId, 0, Infinity);
    const lastOfGroup = new Map<number, number>();
    let offset = 0;
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
      found.add(id);
      offset += entry.count;
    }
    if (offset !== maxOffset) fail(`the queue's end is ${maxOffset}, its entries end at ${offset}`);
  }
}

/** Each message has an id of its own, and its group for a key. */
export function namesOfEntry({ body, count }: Entry): MessageNames[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const id = bytes.readUInt32LE(0);
  const keys = [`group ${bytes.readUInt32LE(4)}`];
  return Array.from({ length: count }, (_, i) => ({ id: `${id}.${i}`, keys }));
}

function fail(message: string): never {
  throw new Error(message);
}
