import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs, type MemoryFsOperation } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { openStore } from '../../storage/open-store.ts';
import { type Appended, entryKinds, type Store } from '../../storage/store.ts';
import { History } from './history.ts';
import { entryAt, flip, readFile, segmentPaths, writeFile } from './segments.ts';

const bodyBytes = 600;

interface World {
  readonly fs: MemoryFs;
  readonly kv: MemoryKv;
}

function open({ fs, kv }: World, segmentBytes = 1_000_000): Promise<Store> {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  return openStore({ fs, kv, clock, random, directory: '/data', segmentBytes, strideBytes: 8192 });
}

function append(store: Store, fill: number, size = bodyBytes): Promise<Appended> {
  const body = new Uint8Array(size).fill(fill);
  const request = { topicId: 5, queueId: 0, kind: entryKinds.messages, count: 1, body };
  return store.append({ ...request, firstIdHash: 0, tagHash: 0 });
}

/** The first byte of each entry's body, read back through the index. */
async function contents(store: Store): Promise<number[]> {
  const { values, rowCount } = await store.indexRows(5, 0, 0, Infinity);
  const found: number[] = [];
  for (let row = 0; row < rowCount; row++) {
    const [, , , , partition, position, length] = values.subarray(row * 9);
    const entry = await store.readEntry(partition!, position!, length!);
    expect(entry!.baseOffset).toBe(row);
    found.push(entry!.body[0]!);
  }
  return found;
}

/** A closed store of one segment, its index lost: commits of 1, 2 and 3 entries. */
async function threeCommits(): Promise<World & { readonly path: string }> {
  const fs = new MemoryFs();
  const store = await open({ fs, kv: new MemoryKv() });
  await append(store, 1);
  await Promise.all([append(store, 2), append(store, 3)]);
  await Promise.all([append(store, 4), append(store, 5), append(store, 6)]);
  expect(store.stats()).toMatchObject({ appends: 6, groupCommits: 3, appendedMessages: 6 });
  await store.close();
  return { fs, kv: new MemoryKv(), path: (await segmentPaths(fs))[0]! };
}

describe('the tail', () => {
  test('is cut at the last whole entry, wherever it is torn', async () => {
    for (let entry = 3; entry < 6; entry++) {
      for (const at of [0, 5, 13, 63, 64, 400, 663]) {
        const { path, ...world } = await threeCommits();
        await flip(world.fs, path, entryAt(entry, bodyBytes) + at);
        const store = await open(world);
        expect(await contents(store)).toEqual([1, 2, 3, 4, 5, 6].slice(0, entry));
        await append(store, 9);
        await store.close();
        const again = await open(world);
        expect(await contents(again)).toEqual([...[1, 2, 3, 4, 5, 6].slice(0, entry), 9]);
        await again.close();
      }
    }
  });

  test('that was cut does not come back when new entries end where old ones began', async () => {
    const { path, ...world } = await threeCommits();
    await flip(world.fs, path, entryAt(3, bodyBytes));
    const store = await open(world);
    await append(store, 7);
    await store.close();
    const again = await open({ ...world, kv: new MemoryKv() });
    expect(await contents(again)).toEqual([1, 2, 3, 7]);
    await again.close();
  });

  test('is cut when the file was truncated, at any length', async () => {
    for (let length = 64; length <= entryAt(6, bodyBytes); length += 83) {
      const { path, ...world } = await threeCommits();
      await (await world.fs.open(path, 'write')).truncate(length);
      const store = await open(world);
      const whole = Math.floor((length - 64) / (64 + bodyBytes));
      expect(await contents(store)).toEqual([1, 2, 3, 4, 5, 6].slice(0, whole));
      await store.close();
    }
  });
});

describe('corruption', () => {
  test('below a later commit is refused, with file and offset, and nothing changes', async () => {
    for (let entry = 0; entry < 3; entry++) {
      for (const at of [0, 4, 8, 12, 40, 64, 663]) {
        const { path, ...world } = await threeCommits();
        const damaged = entryAt(entry, bodyBytes);
        await flip(world.fs, path, damaged + at);
        const before = await readFile(world.fs, path);
        const opening = open(world);
        await expect(opening).rejects.toMatchObject({ code: 'CORRUPTION' });
        await expect(opening).rejects.toThrow(`${path} is damaged at byte ${damaged}`);
        expect(Buffer.compare(await readFile(world.fs, path), before)).toBe(0);
      }
    }
  });

  test('found behind more zeros than one read takes', async () => {
    const { path, ...world } = await threeCommits();
    const bytes = await readFile(world.fs, path);
    const last = bytes.subarray(entryAt(3, bodyBytes), entryAt(4, bodyBytes));
    // The magic of the later commit lies across the end of the first 4 MiB.
    const at = entryAt(3, bodyBytes) + 4 * 1024 * 1024 - 2;
    await writeFile(world.fs, path, Buffer.alloc(3 * last.length), entryAt(3, bodyBytes));
    await writeFile(world.fs, path, last, at);
    await expect(open(world)).rejects.toMatchObject({ code: 'CORRUPTION' });
  });

  test('of a sealed segment is met when the log is read', async () => {
    const world = { fs: new MemoryFs(), kv: new MemoryKv() };
    const store = await open(world, 2000);
    const placed: Appended[] = [];
    for (let i = 0; i < 12; i++) placed.push(await append(store, i));
    await store.close();
    const [first, second] = await segmentPaths(world.fs);
    await flip(world.fs, first!, entryAt(1, bodyBytes) + 70);
    const again = await open(world, 2000);
    const read = ({ partition, position, length }: Appended) =>
      again.readEntry(partition, position, length);
    expect((await read(placed[0]!))!.body[0]).toBe(0);
    await expect(read(placed[1]!)).rejects.toMatchObject({ code: 'CORRUPTION' });
    await expect(read(placed[1]!)).rejects.toThrow(first!);
    expect((await read(placed[11]!))!.body[0]).toBe(11);
    await again.close();
    // Without its index the log must be read whole.
    await expect(open({ ...world, kv: new MemoryKv() })).rejects.toMatchObject({
      code: 'CORRUPTION',
    });
    // A sealed segment that lost its end, or its header, is missed at once.
    await flip(world.fs, second!, 20);
    await expect(open(world)).rejects.toThrow('damaged header');
    await flip(world.fs, second!, 20);
    await (await world.fs.open(second!, 'write')).truncate(1000);
    await expect(open(world)).rejects.toThrow('does not reach position');
    await world.fs.unlink(second!);
    await expect(open(world)).rejects.toThrow('does not reach position');
  });

  test('below what the index reflects is met when it is read, not at the start', async () => {
    const world = { fs: new MemoryFs(), kv: new MemoryKv() };
    const store = await open(world);
    const placed: Appended[] = [];
    for (let i = 0; i < 6; i++) placed.push(await append(store, i));
    await store.close();
    const [path] = await segmentPaths(world.fs);
    await flip(world.fs, path!, entryAt(2, bodyBytes) + 70);
    const again = await open(world);
    const read = ({ partition, position, length }: Appended) =>
      again.readEntry(partition, position, length);
    await expect(read(placed[2]!)).rejects.toMatchObject({ code: 'CORRUPTION' });
    expect((await read(placed[3]!))!.body[0]).toBe(3);
    expect(await append(again, 6)).toMatchObject({ baseOffset: 6 });
    await again.close();
    // Without the index all of it is read, and nothing after damage is taken for a torn tail.
    await expect(open({ ...world, kv: new MemoryKv() })).rejects.toThrow('is damaged at byte');
    // So it is when the last entry that the index knows is not whole.
    await flip(world.fs, path!, entryAt(6, bodyBytes) + 70);
    await expect(open(world)).rejects.toThrow('is damaged at byte');
  });

  test('an index that knows more than the log has', async () => {
    const { path, ...world } = await threeCommits();
    await (await open(world)).close();
    await flip(world.fs, path, entryAt(5, bodyBytes));
    const damaged = await readFile(world.fs, path);
    // Said before anything is cut: the bytes can still be looked at and mended.
    for (let i = 0; i < 2; i++) {
      await expect(open(world)).rejects.toMatchObject({ code: 'CORRUPTION' });
      await expect(open(world)).rejects.toThrow('but was synced up to');
      expect(await readFile(world.fs, path)).toEqual(damaged);
    }
  });
});

describe('foreign and unknown files', () => {
  test('are refused by name', async () => {
    const { path, ...world } = await threeCommits();
    await flip(world.fs, '/data/identity', 20);
    await expect(open(world)).rejects.toMatchObject({ code: 'CORRUPTION' });
    await flip(world.fs, '/data/identity', 20);
    await flip(world.fs, '/data/identity', 8);
    await expect(open(world)).rejects.toMatchObject({ code: 'FORMAT_VERSION' });
    await expect(open(world)).rejects.toThrow('/data/identity has format version 17');
    await flip(world.fs, '/data/identity', 8);
    await flip(world.fs, path, 8);
    await expect(open(world)).rejects.toMatchObject({ code: 'FORMAT_VERSION' });
    await flip(world.fs, path, 8);
    const other = { fs: new MemoryFs(), kv: new MemoryKv() };
    const random = new SeededRandom(2);
    const clock = new ManualClock();
    await (await openStore({ ...other, clock, random, directory: '/data' })).close();
    await expect(open({ fs: world.fs, kv: other.kv })).rejects.toThrow('/data/index belongs to');
    await writeFile(other.fs, path, await readFile(world.fs, path));
    const mixed = openStore({ fs: other.fs, kv: other.kv, clock, random, directory: '/data' });
    await expect(mixed).rejects.toThrow(`${path} belongs to server`);
    await world.fs.unlink('/data/identity');
    await expect(open(world)).rejects.toMatchObject({ code: 'CORRUPTION' });
  });
});

/** A world whose operations of some kinds fail while `kinds` holds them. */
function failing(code: 'IO' | 'DISK_FULL') {
  const kinds = new Set<MemoryFsOperation>();
  const onOperation = (_: number, operation: MemoryFsOperation, path: string) => {
    if (kinds.has(operation)) throw new MillraceError(code, `${operation} failed on ${path}`);
  };
  return { fs: new MemoryFs({ onOperation }), kv: new MemoryKv(), kinds };
}

describe('a commit that fails', () => {
  test('in fdatasync: no ack, and the next one goes to a new segment', async () => {
    const syncs = { count: 0 };
    const onOperation = (_: number, operation: MemoryFsOperation) => {
      if (operation !== 'fdatasync' || ++syncs.count !== 4) return;
      throw new MillraceError('IO', 'fdatasync failed');
    };
    const world = { fs: new MemoryFs({ onOperation }), kv: new MemoryKv() };
    const store = await open(world);
    const first = await append(store, 1);
    const seen: number[] = [];
    store.onDurable(({ rowCount }) => seen.push(rowCount));
    const failed = await Promise.allSettled([append(store, 2), append(store, 3)]);
    expect(failed).toMatchObject([
      { status: 'rejected', reason: { code: 'IO', message: 'fdatasync failed' } },
      { status: 'rejected', reason: { code: 'IO', message: 'fdatasync failed' } },
    ]);
    expect(seen).toEqual([]);
    const end = first.position + first.length;
    expect(store.stats().durableEnd).toBe(end);
    expect(await append(store, 4)).toMatchObject({ position: end, baseOffset: 1 });
    expect(seen).toEqual([1]);
    const names = await segmentPaths(world.fs);
    expect(names.map((path) => Number(path.slice(-24, -4)))).toEqual([0, end]);
    expect(await contents(store)).toEqual([1, 4]);
    const crashed = world.fs.killClone();
    await store.close();
    for (const fs of [world.fs, crashed]) {
      const again = await open({ fs, kv: new MemoryKv() });
      expect(await contents(again)).toEqual([1, 4]);
      await again.close();
    }
  });

  test('in fdatasync, with a new segment out of reach: the error says what may happen', async () => {
    const world = failing('IO');
    const store = await open(world);
    await append(store, 1);
    world.kinds.add('fdatasync');
    await expect(append(store, 2)).rejects.toThrow('may appear after a restart');
    expect(await contents(store)).toEqual([1]);
    const again = await open({ fs: world.fs.killClone(), kv: new MemoryKv() });
    expect(await contents(again)).toEqual([1, 2]);
    await again.close();
    world.kinds.clear();
    await append(store, 3);
    expect(await contents(store)).toEqual([1, 3]);
    await store.close();
  });

  test('in write, with a new segment out of reach: what was written is cut off', async () => {
    const world = failing('DISK_FULL');
    const store = await open(world);
    await append(store, 1);
    world.kinds.add('write').add('create');
    const both = await Promise.allSettled([append(store, 2), append(store, 3)]);
    for (const result of both) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'DISK_FULL' } });
      expect((result as PromiseRejectedResult).reason.message).not.toContain('may appear');
    }
    const again = await open({ fs: world.fs.killClone(), kv: new MemoryKv() });
    expect(await contents(again)).toEqual([1]);
    await again.close();
    world.kinds.clear();
    await store.close();
  });
});

test('what was served after kill -9 survives a power loss right after it', async () => {
  const random = new SeededRandom(3);
  const clones: (readonly [MemoryFs, History])[] = [];
  const onOperation = () => void clones.push([fs.killClone(), history.snapshot()]);
  const fs: MemoryFs = new MemoryFs({ onOperation });
  const history = new History();
  const store = await open({ fs, kv: new MemoryKv() }, 3000);
  for (let i = 0; i < 12; i++) {
    await Promise.all([history.send(store, random), history.send(store, random)]);
  }
  await store.close();
  for (const [killed, known] of clones) {
    const first = await open({ fs: killed, kv: new MemoryKv() }, 3000);
    await known.send(first, random);
    const served = await known.check(first);
    const second = await open({ fs: killed.crashClone(random), kv: new MemoryKv() }, 3000);
    expect(await known.check(second)).toEqual(served);
    await first.close();
    await second.close();
  }
});
