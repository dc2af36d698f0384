import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { col, indexRowWidth } from '../../storage/queues/index-rows.ts';
import { entryKinds, type Store } from '../../storage/store.ts';

/** The store against a plain list per queue: whatever was done, both say the same. */

/** At first; topics grow. */
const queuesAtFirst = 3;
const queuesMax = 6;
const partitions = 3;

type Command =
  | {
      readonly op: 'append';
      readonly queue: number;
      readonly count: number;
      readonly wait: boolean;
    }
  | { readonly op: 'move'; readonly queue: number; readonly to: number; readonly wait: boolean }
  | { readonly op: 'read'; readonly queue: number; readonly from: number; readonly max: number }
  | { readonly op: 'time'; readonly queue: number; readonly entry: number }
  | { readonly op: 'grow' }
  | { readonly op: 'pass'; readonly ms: number }
  | { readonly op: 'restart'; readonly keepsIndex: boolean }
  | { readonly op: 'power loss'; readonly keepsIndex: boolean };

/** Of those that there are then. */
const queue = fc.nat({ max: queuesMax - 1 });
const commands = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constant('append' as const),
        queue,
        count: fc.integer({ min: 1, max: 5 }),
        wait: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('move' as const),
        queue,
        to: fc.nat({ max: partitions - 1 }),
        wait: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('read' as const),
        queue,
        from: fc.nat({ max: 60 }),
        max: fc.integer({ min: 1, max: 20 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('time' as const), queue, entry: fc.nat({ max: 30 }) }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('grow' as const) }) },
    {
      weight: 2,
      // Shorter than the index waits, longer, and long enough for queues to be forgotten.
      arbitrary: fc.record({
        op: fc.constant('pass' as const),
        ms: fc.constantFrom(1, 1500, 200_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('restart' as const), keepsIndex: fc.boolean() }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('power loss' as const), keepsIndex: fc.boolean() }),
    },
  ),
  { maxLength: 60 },
);

interface Known {
  readonly base: number;
  readonly count: number;
  readonly text: string;
  readonly timeMs: number;
}

class World {
  fs = new MemoryFs();
  kv = new MemoryKv();
  readonly clock = new ManualClock();
  readonly model: Known[][] = Array.from({ length: queuesAtFirst }, () => []);
  readonly homes = new Array<number>(queuesAtFirst).fill(0);
  store!: Store;
  #running: Promise<unknown>[] = [];
  #sent = 0;

  async open(): Promise<void> {
    this.store = await openStore({
      ...{ fs: this.fs, kv: this.kv, clock: this.clock, random: new SeededRandom(1) },
      ...{ directory: '/data', segmentBytes: 2048, strideBytes: 512 },
      dataDirectories: new Map([
        [1, '/disk1'],
        [2, '/disk2'],
      ]),
    });
  }

  async run(command: Command): Promise<void> {
    const queueId = 'queue' in command ? command.queue % this.model.length : 0;
    switch (command.op) {
      case 'grow':
        if (this.model.length === queuesMax) return;
        this.model.push([]);
        this.homes.push(0);
        return;
      case 'append':
        this.#start(this.#append(queueId, command.count));
        if (command.wait) await this.settled();
        return;
      case 'move':
        this.#start(this.store.moveQueues(1, [queueId], command.to));
        this.homes[queueId] = command.to;
        if (command.wait) await this.settled();
        return;
      case 'read':
        await this.settled();
        return this.#read(queueId, command.from, command.max);
      case 'time':
        await this.settled();
        return this.#findTime(queueId, command.entry);
      case 'pass':
        this.clock.advance(command.ms);
        await new Promise((resolve) => setImmediate(resolve));
        return;
      case 'restart':
        await this.settled();
        await this.store.close();
        if (!command.keepsIndex) this.kv = new MemoryKv();
        return this.open();
      case 'power loss': {
        await this.settled();
        const left = this.fs.crashClone(new SeededRandom(this.#sent));
        const index = command.keepsIndex ? this.kv.clone() : new MemoryKv();
        await this.store.close();
        this.fs = left;
        this.kv = index;
        return this.open();
      }
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running.splice(0));
  }

  #start(work: Promise<unknown>): void {
    this.#running.push(work);
  }

  async #append(queueId: number, count: number): Promise<void> {
    const text = `entry ${this.#sent++}`;
    const names = { topicId: 1, queueId, kind: entryKinds.messages, count };
    const body = Buffer.from(text);
    const appended = await this.store.append({ ...names, body, firstIdHash: 0, tagHash: 0 });
    const { baseOffset: base, storeTimeMs: timeMs } = appended;
    this.model[queueId]!.push({ base, count, text, timeMs });
  }

  async #read(queueId: number, from: number, max: number): Promise<void> {
    const known = this.#inOrder(queueId);
    const expected = known.filter(({ base, count }) => base + count > from).slice(0, max);
    const { rowCount, values } = await this.store.indexRows(1, queueId, from, max);
    expect(rowCount).toBe(expected.length);
    for (const [row, { base, count, text, timeMs }] of expected.entries()) {
      const at = (name: keyof typeof col) => values[row * indexRowWidth + col[name]]!;
      expect([at('baseOffset'), at('count'), at('storeTimeMs')]).toEqual([base, count, timeMs]);
      const entry = await this.store.readEntry(at('partition'), at('position'), at('length'));
      expect(Buffer.from(entry!.body).toString()).toBe(text);
    }
  }

  async #findTime(queueId: number, entry: number): Promise<void> {
    const known = this.#inOrder(queueId);
    const { timeMs } = known[entry] ?? { timeMs: 1e15 };
    const found = known.find((one) => one.timeMs >= timeMs)?.base;
    const end = known.reduce((sum, { count }) => sum + count, 0);
    expect(await this.store.offsetAtTime(1, queueId, timeMs)).toBe(found ?? end);
  }

  /** Offsets are dense in the model too; acknowledgements of one commit come in any order. */
  #inOrder(queueId: number): Known[] {
    const known = [...this.model[queueId]!].sort((a, b) => a.base - b.base);
    let next = 0;
    for (const { base, count } of known) {
      expect(base).toBe(next);
      next += count;
    }
    return known;
  }

  async check(): Promise<void> {
    await this.settled();
    for (let queueId = 0; queueId < this.model.length; queueId++) {
      await this.#read(queueId, 0, 1000);
      const { maxOffset } = await this.store.range(1, queueId);
      expect(maxOffset).toBe(this.#inOrder(queueId).reduce((sum, { count }) => sum + count, 0));
      const segments = await this.store.mapping(1, queueId);
      expect(segments.at(-1)!.partition).toBe(this.homes[queueId]);
      const firsts = segments.map(({ firstOffset }) => firstOffset);
      expect(firsts).toEqual([...new Set(firsts)].sort((a, b) => a - b));
    }
  }
}

test('append, grow, move, read, find by time, restart, power loss', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      const world = new World();
      await world.open();
      for (const command of list) await world.run(command);
      await world.check();
      await world.run({ op: 'restart', keepsIndex: false });
      await world.check();
      await world.store.close();
    }),
    { numRuns: 60 },
  );
}, 180_000);
