import { expect } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import type { Random } from '../../platform/random.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { type Appended, type AppendRequest, entryKinds, type Store } from '../../storage/store.ts';

/** What a client of a store knows: what it sent, what was acknowledged, what was refused. */
export class History {
  readonly sent: AppendRequest[] = [];
  readonly acked = new Map<number, Appended>();
  readonly refused = new Map<number, MillraceError>();

  /** Appends an entry of random size to a random queue; its body begins with its number. */
  async send(store: Store, random: Random, bodyBytesMax = 400): Promise<void> {
    const id = this.sent.length;
    const body = Buffer.from(random.bytes(4 + random.below(bodyBytesMax)));
    body.writeUInt32LE(id);
    const request = {
      topicId: 1 + random.below(2),
      queueId: random.below(2),
      kind: entryKinds.messages,
      count: 1 + random.below(3) * random.below(20),
      body,
      firstIdHash: id,
      tagHash: random.uint32(),
    };
    this.sent.push({ ...request, body: Buffer.from(body) });
    try {
      const appending = store.append(request);
      body.fill(0);
      this.acked.set(id, await appending);
    } catch (error) {
      expect(error).toBeInstanceOf(MillraceError);
      this.refused.set(id, error as MillraceError);
    }
  }

  /** What is known now, for a crash at this moment. */
  snapshot(): History {
    const copy = new History();
    copy.sent.push(...this.sent);
    for (const [id, appended] of this.acked) copy.acked.set(id, appended);
    for (const [id, error] of this.refused) copy.refused.set(id, error);
    return copy;
  }

  /**
   * Reads everything back: acked <= recovered <= sent, each entry once, as it was sent, in order,
   * offsets dense. Refused entries are absent, unless the error says that their fate is unknown.
   */
  async check(store: Store): Promise<ReadonlySet<number>> {
    const found = new Set<number>();
    for (const topicId of [1, 2]) {
      for (const queueId of [0, 1]) await this.#checkQueue(store, topicId, queueId, found);
    }
    for (const id of this.acked.keys()) expect(found, `acked ${id} is there`).toContain(id);
    for (const [id, error] of this.refused) {
      if (/may appear after a restart/.test(error.message)) continue;
      expect(found, `refused ${id} is not there: ${error.message}`).not.toContain(id);
    }
    return found;
  }

  async #checkQueue(
    store: Store,
    topicId: number,
    queueId: number,
    found: Set<number>,
  ): Promise<void> {
    const { maxOffset } = await store.range(topicId, queueId);
    const { values, rowCount } = await store.indexRows(topicId, queueId, 0, Infinity);
    let offset = 0;
    let before = -1;
    for (let row = 0; row < rowCount; row++) {
      const at = (column: keyof typeof col) => values[row * indexRowWidth + col[column]]!;
      const entry = await store.readEntry(at('partition'), at('position'), at('length'));
      if (entry === undefined) throw new Error('an entry is gone');
      const id = Buffer.from(entry.body).readUInt32LE(0);
      const sent = this.sent[id]!;
      expect(sent, `${id} was sent`).toBeDefined();
      expect(found, `${id} is there once`).not.toContain(id);
      expect(id, 'in the order of sending').toBeGreaterThan(before);
      expect(entry).toMatchObject({ topicId, queueId, count: sent.count, kind: sent.kind });
      expect(Buffer.compare(entry.body, sent.body)).toBe(0);
      expect([at('baseOffset'), entry.baseOffset]).toEqual([offset, offset]);
      expect([at('topicId'), at('queueId'), at('count')]).toEqual([topicId, queueId, sent.count]);
      expect(at('tagHash')).toBe(sent.tagHash);
      expect(at('storeTimeMs')).toBe(entry.storeTimeMs);
      const acked = this.acked.get(id);
      if (acked !== undefined) {
        expect(acked).toMatchObject({ baseOffset: offset, position: at('position') });
      }
      found.add(id);
      before = id;
      offset += entry.count;
    }
    expect(offset, 'dense offsets up to the end of the range').toBe(maxOffset);
  }
}
