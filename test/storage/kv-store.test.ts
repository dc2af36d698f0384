import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KvOpener } from '../../storage/kv/kv-store.ts';
import { MemoryKv } from '../../storage/kv/memory-store.ts';
import { rocksDb } from '../../storage/kv/rocksdb-store.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const plain = (value: Uint8Array | undefined) => (value === undefined ? undefined : [...value]);

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-kv-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const openers: [string, KvOpener][] = [
  ['memory', new MemoryKv()],
  ['rocksdb', rocksDb],
];

describe.each(openers)('%s', (name, opener) => {
  const path = (test: string) => join(root, `${name}-${test}`);

  test('puts, gets, deletes, and keeps them over a reopening', async () => {
    const first = await opener.open(path('basics'));
    await first.write([
      { key: bytes(1), value: bytes(10) },
      { key: bytes(2), value: bytes() },
      { key: bytes(3), value: bytes(30) },
    ]);
    await first.write([{ key: bytes(3), value: undefined }]);
    await first.flush();
    await first.close();
    await first.close();
    const second = await opener.open(path('basics'));
    const found = await second.getMany([bytes(3), bytes(2), bytes(1), bytes(9)]);
    expect(found.map(plain)).toEqual([undefined, [], [10], undefined]);
    expect(await second.getMany([])).toEqual([]);
    await second.close();
    await expect(second.get(bytes(1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(second.write([{ key: bytes(1), value: bytes(1) }])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  test('orders keys as unsigned bytes; ranges, reverse, limit', async () => {
    const kv = await opener.open(path('scan'));
    const keys = [bytes(0), bytes(0, 0), bytes(0x7f), bytes(0x80), bytes(0xff), bytes(0xff, 1)];
    const shuffled = [3, 0, 5, 2, 4, 1].map((i) => keys[i]!);
    await kv.write(shuffled.map((key) => ({ key, value: key })));
    const scan = async (range: Parameters<typeof kv.scan>[0]) =>
      (await kv.scan(range)).map(({ key }) => [...key]);
    const all = { from: bytes(0), to: bytes(0xff, 0xff) };
    expect(await scan(all)).toEqual(keys.map((key) => [...key]));
    expect(await scan({ ...all, reverse: true, limit: 2 })).toEqual([[0xff, 1], [0xff]]);
    expect(await scan({ from: bytes(0, 0), to: bytes(0x80) })).toEqual([[0, 0], [0x7f]]);
    expect(await scan({ from: bytes(0), to: bytes() })).toEqual([]);
    expect(await scan({ ...all, limit: 0 })).toEqual([]);
    await kv.deleteRange({ from: bytes(0, 0), to: bytes(0xff) });
    expect(await scan(all)).toEqual([[0], [0xff], [0xff, 1]]);
    await kv.close();
  });

  test('scans more rows than one fetch holds', async () => {
    const kv = await opener.open(path('many'));
    const key = (i: number) => bytes(i >> 8, i & 255);
    await kv.write(Array.from({ length: 1000 }, (_, i) => ({ key: key(i), value: key(i) })));
    const range = { from: bytes(0, 0), to: bytes(0xff, 0xff) };
    expect((await kv.scan(range)).length).toBe(1000);
    expect((await kv.scan({ ...range, limit: 512 })).length).toBe(512);
    expect((await kv.scan({ ...range, limit: 513, reverse: true })).length).toBe(513);
    await kv.close();
  });

  test('closing waits for the reads and writes that run', async () => {
    const kv = await opener.open(path('closing'));
    const key = (i: number) => bytes(i >> 8, i & 255);
    const puts = Array.from({ length: 5000 }, (_, i) => ({ key: key(i), value: key(i) }));
    await kv.write(puts);
    const scan = kv.scan({ from: bytes(0), to: bytes(0xff) });
    const gets = kv.getMany([key(7), key(8)]);
    const write = kv.write([{ key: bytes(0xee), value: bytes(1) }]);
    const close = kv.close();
    expect((await gets).map(plain)).toEqual([
      [0, 7],
      [0, 8],
    ]);
    expect((await scan).length).toBeGreaterThanOrEqual(5000);
    await write;
    await close;
    const again = await opener.open(path('closing'));
    expect(plain(await again.get(bytes(0xee)))).toEqual([1]);
    await again.close();
  });

  test('a second opener is refused until the first closed', async () => {
    const first = await opener.open(path('lock'));
    await expect(opener.open(path('lock'))).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await first.close();
    await (await opener.open(path('lock'))).close();
  });
});

test('rocksdb: a path that cannot be a directory is an IO error', async () => {
  await expect(rocksDb.open('/dev/null/db')).rejects.toMatchObject({ code: 'IO' });
});
