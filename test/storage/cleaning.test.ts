import { describe, expect, test } from 'vitest';
import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import type { FileHandle, OpenMode } from '../../platform/fs.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { entryHeaderBytes } from '../../storage/log/entry-format.ts';
import { findMessages } from '../../storage/log/message-finder.ts';
import { openPartition } from '../../storage/log/open-partition.ts';
import type { LogPartition, ScannedEntry } from '../../storage/log/partition.ts';
import type { Cleaning } from '../../storage/log/segment-cleaner.ts';
import { SyncEntryReader } from '../../storage/log/sync-entry-reader.ts';
import { PendingRows } from '../../storage/queues/pending-rows.ts';
import type { Entry, MessageNames } from '../../storage/store.ts';
import { seed } from '../random-seed.ts';

const directory = '/log';
const serverId = '00112233445566778899aabbccddeeff';
const segmentBytes = 3000;

/** Message i of an entry has the id `<first byte of the body>.<i>` and the key `k<body byte % 5>`. */
function namesOf({ body, count }: Entry): MessageNames[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${body[0]}.${i}`,
    keys: [`k${body[0]! % 5}`],
  }));
}

async function open(fs: MemoryFs): Promise<LogPartition> {
  await fs.makeDirectory(directory);
  await fs.syncDirectory('/');
  const options = { fs, clock: new ManualClock(), directory, serverId, segmentBytes };
  const log = await openPartition({ ...options, strideBytes: 1000, partition: 0, namesOf });
  log.maintain();
  return log;
}

/** What the log should hold, by position: the first byte of each body, and its length. */
class Model {
  readonly entries = new Map<number, { id: number; length: number }>();
  next = 0;
  #offset = 0;

  async append(log: LogPartition, random: SeededRandom, entries: number): Promise<void> {
    for (let i = 0; i < entries; i++) {
      const id = this.next++ % 256;
      const body = new Uint8Array(10 + random.below(400)).fill(id);
      const count = 1 + random.below(3);
      const request = { topicId: 1 + random.below(2), queueId: 0, count, body, kind: 1 as const };
      const baseOffset = this.#offset;
      this.#offset += count;
      const entry = { ...request, firstIdHash: 0, tagHash: 0 };
      const { position } = log.append(entry, baseOffset, 1_000_000);
      this.entries.set(position, { id, length: body.length });
      await log.durable(undefined);
    }
  }

  /** Drops some of what the segments hold, and shortens some of the rest. */
  cleaning(random: SeededRandom, dropShare: number): Cleaning {
    return {
      choose: (entry) => {
        const known = this.entries.get(entry.position);
        assert(known !== undefined, 'asked about what is there');
        if (random.below(100) < dropShare) {
          this.entries.delete(entry.position);
          return undefined;
        }
        if (random.below(4) > 0 || known.length < 5) return entry.body;
        known.length = Math.ceil(known.length / 2);
        return entry.body.subarray(0, known.length);
      },
      expiredOffset: () => 0,
      isForgotten: () => false,
      compactedOffset: () => 0,
    };
  }

  copy(): Model {
    const copy = new Model();
    for (const [position, entry] of this.entries) copy.entries.set(position, { ...entry });
    return copy;
  }
}

const keepsAll: Cleaning = {
  choose: ({ body }) => body,
  expiredOffset: () => 0,
  isForgotten: () => false,
  compactedOffset: () => 0,
};

/** Holds back the next read from a file once, until `gate` resolves. */
class GatedFs extends MemoryFs {
  gate: Promise<void> | undefined;

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = async (target, position) => {
      const { gate } = this;
      this.gate = undefined;
      await gate;
      return read(target, position);
    };
    return file;
  }
}

async function contents(log: LogPartition): Promise<[number, number, number][]> {
  const scanned: ScannedEntry[] = [];
  expect(await log.scan(0, (entry) => scanned.push(entry))).toBe(log.durableEnd);
  return scanned.map(({ position, body }) => [position, body[0]!, body.length]);
}

function expected(model: Model): [number, number, number][] {
  return [...model.entries]
    .sort(([a], [b]) => a - b)
    .map(([position, { id, length }]) => [position, id, length]);
}

/** Segments that are sealed and next to each other. */
async function sealedRun(log: LogPartition, random: SeededRandom) {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  const sealed = log.segments.filter(({ isSealed }) => isSealed);
  const from = random.below(Math.max(1, sealed.length - 1));
  return sealed.slice(from, from + 1 + random.below(4));
}

describe(`cleaning (seed ${seed})`, () => {
  test('keeps positions, offsets and what it was told to, over restarts and other readers', async () => {
    const random = new SeededRandom(seed);
    const fs = new MemoryFs();
    const model = new Model();
    let log = await open(fs);
    const reader = new SyncEntryReader(fs, directory, 0);
    for (let round = 0; round < 25; round++) {
      await model.append(log, random, 5 + random.below(20));
      const run = await sealedRun(log, random);
      const drop = [0, 30, 95, 100][random.below(4)]!;
      if (run.length > 0) await log.clean(run, model.cleaning(random, drop));
      expect(await contents(log)).toEqual(expected(model));
      for (const [position, { id, length }] of model.entries) {
        const entry = await log.read(position);
        expect([entry?.body[0], entry?.body.length]).toEqual([id, length]);
      }
      if (random.below(3) === 0) await reader.refresh();
      const stillThere = reader.readRange(0, log.durableEnd).map(({ position }) => position);
      for (const position of model.entries.keys()) expect(stillThere).toContain(position);
      if (random.below(3) > 0) continue;
      await reader.refresh();
      const range = reader.readRange(0, log.durableEnd);
      expect(range.map(({ position, body }) => [position, body[0], body.length])).toEqual(
        expected(model),
      );
      await log.close();
      log = await open(fs);
    }
    const gone = model.next - model.entries.size;
    expect(gone).toBeGreaterThan(50);
    await log.close();
  });

  test('a reader between two reads keeps the file of a segment that goes, also at the end', async () => {
    const random = new SeededRandom(seed);
    const fs = new GatedFs();
    const model = new Model();
    let log = await open(fs);
    await model.append(log, random, 60);
    await sealedRun(log, random);
    await log.close();
    log = await open(fs);
    for (const ending of ['clean', 'close'] as const) {
      const segment = log.segments[0]!;
      const [position] = [...model.entries.keys()].filter((at) => at < segment.end);
      const { id, length } = model.entries.get(position!)!;
      for (const gated of ['read', 'rows'] as const) {
        let resolve!: () => void;
        fs.gate = new Promise((done) => {
          resolve = done;
        });
        const rows = new PendingRows();
        // Two reads: the entry's beginning and the rest; the whole check and the rows.
        const reading =
          gated === 'read'
            ? log.read(position!, entryHeaderBytes)
            : log.scanRows(0, rows, segment.end);
        if (ending === 'clean') await log.clean([log.segments[0]!], keepsAll);
        else if (gated === 'rows') await log.close();
        resolve();
        const result = await reading;
        if (gated === 'rows') expect(result).toBe(segment.end);
        else expect(result).toMatchObject({ body: Buffer.alloc(length, id) });
      }
    }
    await expect(log.read(0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('finds by id and key what is there, in key files and without them', async () => {
    const random = new SeededRandom(seed);
    const fs = new MemoryFs();
    const model = new Model();
    const log = await open(fs);
    await model.append(log, random, 60);
    await log.clean(await sealedRun(log, random), model.cleaning(random, 50));
    await sealedRun(log, random);
    const all: ScannedEntry[] = [];
    await log.scan(0, (entry) => all.push(entry));
    const check = async () => {
      for (const topicId of [1, 2]) {
        const wanted = { topicId, kind: 'key', name: 'k3' } as const;
        const found = await findMessages(fs, log, namesOf, wanted, 1000);
        const own = all.filter((entry) => entry.topicId === topicId && entry.body[0]! % 5 === 3);
        const places = own.flatMap(({ position, count }) =>
          Array.from({ length: count }, (_, index) => [position, index]),
        );
        expect(found.map(({ entry, index }) => [entry.position, index])).toEqual(
          places.toReversed(),
        );
        const two = await findMessages(fs, log, namesOf, wanted, 2);
        expect(two).toEqual(found.slice(0, 2));
        for (const entry of own.slice(0, 3)) {
          const byId = { topicId, kind: 'id', name: `${entry.body[0]}.0` } as const;
          const [one, ...others] = await findMessages(fs, log, namesOf, byId, 10);
          expect([one?.entry.position, one?.index]).toEqual([entry.position, 0]);
          expect(others).toEqual([]);
        }
        const none = { topicId, kind: 'id', name: 'nobody' } as const;
        expect(await findMessages(fs, log, namesOf, none, 10)).toEqual([]);
      }
    };
    const keyFiles = (await fs.list(directory)).filter((name) => name.endsWith('.keys'));
    expect(keyFiles.length).toBe(log.segments.length - 1);
    await check();
    // Lost, damaged in the head, damaged in the rows: then the segment is read.
    await fs.unlink(`${directory}/${keyFiles[0]}`);
    const damagedAt = [40, 4096 + 9];
    for (const [i, name] of keyFiles.slice(1, 3).entries()) {
      const at = damagedAt[i]!;
      const file = await fs.open(`${directory}/${name}`, 'write');
      await file.write(Uint8Array.of(0xee), at);
    }
    await check();
    await log.close();
    const again = await open(fs);
    await sealedRun(again, random);
    expect((await fs.list(directory)).filter((name) => name.endsWith('.keys'))).toEqual(keyFiles);
    await again.close();
  });

  test('a power loss at any moment leaves the old segments or the new one', async () => {
    const random = new SeededRandom(seed);
    const fs: MemoryFs = new MemoryFs({
      onOperation: () => {
        if (isCleaning) crashes.push([fs.crashClone(random), fs.killClone()]);
      },
    });
    const crashes: MemoryFs[][] = [];
    let isCleaning = false;
    const model = new Model();
    const log = await open(fs);
    // As the store does, which sees to the partition's own name.
    await fs.syncDirectory('/');
    await model.append(log, random, 70);
    await sealedRun(log, random);
    const before = model.copy();
    isCleaning = true;
    await log.clean(log.segments.slice(1, 4), model.cleaning(random, 60));
    isCleaning = false;
    await log.close();
    expect(crashes.length).toBeGreaterThan(8);
    const seen = new Set<string>();
    for (const [i, disks] of crashes.entries()) {
      for (const disk of disks) {
        const again = await open(disk);
        const found = JSON.stringify(await contents(again));
        const old = JSON.stringify(expected(before));
        const next = JSON.stringify(expected(model));
        expect([old, next], `crash ${i}, seed ${seed}`).toContain(found);
        seen.add(found === old ? 'old' : 'new');
        await again.close();
        const names = (await disk.list(directory)).filter((name) => name.endsWith('.new'));
        expect(names).toEqual([]);
      }
    }
    expect(seen).toEqual(new Set(['old', 'new']));
  });

  test('a failure of any operation loses nothing, and it can be done again', async () => {
    for (let n = 1, isOver = false; !isOver; n++) {
      const random = new SeededRandom(seed);
      let operations = Number.NEGATIVE_INFINITY;
      const fs = new MemoryFs({
        onOperation: (_, operation, path) => {
          if (++operations === n) throw new MillraceError('IO', `${operation} failed on ${path}`);
        },
      });
      const model = new Model();
      const log = await open(fs);
      await model.append(log, random, 70);
      await sealedRun(log, random);
      const before = model.copy();
      operations = 0;
      const run = log.segments.slice(1, 4);
      const failed = await log.clean(run, model.cleaning(random, 60)).then(
        () => false,
        () => true,
      );
      isOver = operations < n;
      operations = Number.NEGATIVE_INFINITY;
      expect(failed || isOver || operations < 0).toBe(true);
      const found = JSON.stringify(await contents(log));
      expect([JSON.stringify(expected(before)), JSON.stringify(expected(model))]).toContain(found);
      await log.close();
      const again = await open(fs);
      const after = JSON.stringify(await contents(again));
      expect([JSON.stringify(expected(before)), JSON.stringify(expected(model))]).toContain(after);
      await again.close();
    }
  });

  test('a cleaning that fails after the rename is finished before others that overlap it', async () => {
    const random = new SeededRandom(seed);
    let failing = false;
    const fs = new MemoryFs({
      onOperation: (_, operation) => {
        if (failing && operation === 'syncDirectory') throw new MillraceError('IO', 'injected');
      },
    });
    const model = new Model();
    const log = await open(fs);
    await model.append(log, random, 70);
    await sealedRun(log, random);
    failing = true;
    const [, first, second, third] = log.segments;
    const interrupted = log.clean([first!, second!], model.cleaning(random, 60));
    await expect(interrupted).rejects.toMatchObject({ code: 'IO' });
    await expect(log.clean([second!, third!], keepsAll)).rejects.toMatchObject({ code: 'IO' });
    await expect(log.finishCleaning()).rejects.toMatchObject({ code: 'IO' });
    failing = false;
    // It can be finished now, and then these are no longer segments.
    const stale = log.clean([second!, third!], keepsAll);
    await expect(stale).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(log.segments).not.toContain(first);
    expect(await contents(log)).toEqual(expected(model));
    await log.clean([log.segments[1]!, third!], keepsAll);
    const again = await open(fs.killClone());
    expect(await contents(again)).toEqual(expected(model));
    await again.close();
    await log.close();
  });

  test('an interrupted creation within a cleaned segment is nothing', async () => {
    const random = new SeededRandom(seed);
    const fs = new MemoryFs();
    const model = new Model();
    const log = await open(fs);
    await model.append(log, random, 70);
    await sealedRun(log, random);
    const [, first, second] = log.segments;
    const { path } = second!.file;
    await log.clean([first!, second!], keepsAll);
    await log.close();
    const file = await fs.open(path, 'create');
    await file.write(new Uint8Array(20), 0);
    await file.close();
    const again = await open(fs);
    expect(await contents(again)).toEqual(expected(model));
    expect(await fs.exists(path)).toBe(false);
    await again.close();
  });
});
