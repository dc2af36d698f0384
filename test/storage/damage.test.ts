import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { verifyLog } from '../../storage/check/verify.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { entryHeaderBytes } from '../../storage/log/entry-format.ts';
import { segmentFooterBytes } from '../../storage/log/segment-footer.ts';
import { segmentHeaderBytes } from '../../storage/log/segment-format.ts';
import { openStore } from '../../storage/open-store.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { RetentionReport, Store } from '../../storage/store.ts';
import { keyedFormat, sendKeyed } from './keyed.ts';
import { flip, readFile, segmentPaths } from './segments.ts';

/** What damage in one segment keeps from going, and what not. */

const hour = 3_600_000;
/** Topic 1 is compacted, 4 expires, 3 stays. */
const rules = {
  policy: (topicId: number) =>
    topicId === 1
      ? { compaction: { tombstoneMs: hour } }
      : topicId === 4
        ? { retentionMs: hour }
        : {},
  floor: () => Infinity,
  segmentAgeMs: 1000,
  compactionLagMs: 0,
};

class World {
  readonly fs = new MemoryFs();
  readonly kv = new MemoryKv();
  readonly clock = new ManualClock();
  readonly random = new SeededRandom(7);
  store!: Store;
  #id = 1;

  async open(): Promise<this> {
    const { fs, kv, clock, random } = this;
    this.store = await openStore({
      ...{ fs, kv, clock, random, directory: '/data', keyedFormat },
      ...{ segmentBytes: 3000, strideBytes: 1000 },
    });
    return this;
  }

  async reopen(): Promise<void> {
    await this.store.close();
    await this.open();
  }

  /** Returns its id. */
  async send(topicId: number, key: number, isTombstone = false): Promise<number> {
    const id = this.#id++;
    this.clock.advance(1);
    await sendKeyed(this.store, topicId, 0, [{ key, isTombstone, id }], this.random);
    return id;
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async retain(passes: number): Promise<RetentionReport> {
    let report: RetentionReport | undefined;
    for (let pass = 0; pass < passes; pass++) {
      this.clock.advance(2 * hour);
      report = await this.store.retain(rules);
      await this.settle();
    }
    return report!;
  }

  /** Ids of the messages of topic 1 that can be read. */
  async ids(): Promise<number[]> {
    const ids: number[] = [];
    const { values, rowCount } = await this.store.indexRows(1, 0, 0, Infinity);
    for (let at = 0; at < rowCount * indexRowWidth; at += indexRowWidth) {
      const entry = await this.store
        .readEntry(
          values[at + col.partition]!,
          values[at + col.position]!,
          values[at + col.length]!,
        )
        .catch(() => undefined);
      if (entry !== undefined) ids.push(Buffer.from(entry.body).readUInt32LE(3));
    }
    return ids;
  }

  async logBytes(): Promise<number> {
    let bytes = 0;
    for (const path of await segmentPaths(this.fs)) bytes += (await readFile(this.fs, path)).length;
    return bytes;
  }
}

const firstBody = segmentHeaderBytes + entryHeaderBytes + 3;

async function filled(
  isEarly: boolean,
): Promise<{ readonly world: World; readonly newest: number[] }> {
  const world = await new World().open();
  const newest: number[] = [];
  for (let i = 0; i < 60; i++) {
    if (isEarly && i === 3) await flip(world.fs, (await segmentPaths(world.fs))[0]!, firstBody);
    newest[i % 3] = await world.send(1, i % 3);
    await world.send(4, 0);
  }
  await world.settle();
  return { world, newest: newest.sort((a, b) => a - b) };
}

describe('damage in one segment', () => {
  test.each(['an entry', 'an entry, before its segment is sealed', 'its tables'])(
    '%s: everything else goes, and it is reported',
    async (what) => {
      const isEarly = what.includes('before');
      const { world, newest } = await filled(isEarly);
      const { fs } = world;
      const path = (await segmentPaths(fs)).filter((one) => one.endsWith('.seg'))[isEarly ? 0 : 2]!;
      const size = (await readFile(fs, path)).length;
      const at = what === 'its tables' ? size - segmentFooterBytes - 10 : firstBody;
      if (!isEarly) await flip(fs, path, at);
      const damaged = await readFile(fs, path);
      const before = await world.logBytes();

      for (let again = 0; again < 2; again++) {
        const { damagedSegments } = await world.retain(4);
        expect(damagedSegments).toMatchObject([{ path, text: expect.stringContaining(path) }]);
        expect(world.store.stats().damagedSegments).toBe(1);
        expect(await readFile(fs, path)).toEqual(damaged);
        expect(await world.store.range(4, 0)).toMatchObject({ minOffset: 60, maxOffset: 60 });
        expect(await world.logBytes()).toBeLessThan(before / 2);
        const ids = await world.ids();
        expect(ids).toEqual(expect.arrayContaining(newest));
        expect(ids.length).toBeLessThan(3 + 30);
      }
      await world.store.close();
      const { findings } = await verifyLog({ ...world, directory: '/data' });
      expect(findings.map((one) => one.path)).toContain(path);

      // As from a copy: the next start compacts what the damage held up.
      await flip(fs, path, at);
      await world.open();
      expect((await world.retain(4)).damagedSegments).toEqual([]);
      expect(await world.ids()).toEqual(newest);
      await world.store.close();
    },
  );

  test('lets no tombstone go whose older messages may be in it', async () => {
    const world = await new World().open();
    const { fs } = world;
    await world.send(1, 1);
    const first = (await segmentPaths(fs))[0]!;
    for (let i = 0; i < 60; i++) await world.send(3, 2);
    const tombstone = await world.send(1, 1, true);
    for (let i = 0; i < 60; i++) await world.send(3, 2);
    await world.settle();
    const bytes = await readFile(fs, first);
    // The second entry.
    const at = bytes.readUInt32LE(segmentHeaderBytes + 8) + segmentHeaderBytes + entryHeaderBytes;
    await flip(fs, first, at);
    for (let start = 0; start < 2; start++) {
      expect((await world.retain(6)).damagedSegments.length).toBe(1);
      expect(await world.ids()).toContain(tombstone);
      await world.reopen();
    }
    await flip(fs, first, at);
    expect((await world.retain(6)).damagedSegments).toEqual([]);
    expect(await world.ids()).toEqual([]);
    await world.store.close();
  });
});
