import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fs } from '../../platform/fs.ts';
import { holdWritesUntilSync } from '../../platform/held-fs.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { nodeFs, toMillraceError } from '../../platform/node-fs.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-fs-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const kinds: [string, Fs][] = [
  ['node', nodeFs],
  ['memory', new MemoryFs()],
  ['held', holdWritesUntilSync(nodeFs)],
  ['held memory', holdWritesUntilSync(new MemoryFs())],
];

test.each([
  ['/proc/millrace/data', 'NOT_FOUND'],
  [join(import.meta.filename, 'data'), 'IO'],
  [import.meta.filename, 'ALREADY_EXISTS'],
])('a directory that cannot be made is an error: %s', async (path, code) => {
  await expect(nodeFs.makeDirectory(path)).rejects.toMatchObject({ code });
});

test('what is made is for its owner alone: the log holds secrets', async () => {
  const directory = join(root, 'private', 'data');
  await nodeFs.makeDirectory(directory);
  const file = await nodeFs.open(join(directory, 'f'), 'create');
  await file.close();
  const modes = [directory, join(directory, 'f')].map(
    async (path) => (await stat(path)).mode & 0o777,
  );
  expect(await Promise.all(modes)).toEqual([0o700, 0o600]);
});

describe.each(kinds)('the %s file system', (name, fs) => {
  test('refuses to use a file that was closed, for its number may be another file by then', async () => {
    const directory = join(root, name, 'closed');
    await fs.makeDirectory(directory);
    const file = await fs.open(join(directory, 'f'), 'create');
    await file.close();
    const other = await fs.open(join(directory, 'g'), 'create');
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toThrow('closed');
    await expect(file.size()).rejects.toThrow('closed');
    await expect(file.fdatasync()).rejects.toThrow('closed');
    await expect(file.writeSynced(Buffer.alloc(1), 0)).rejects.toThrow('closed');
    await expect(file.close()).rejects.toThrow('closed');
    expect(() => file.sizeSync()).toThrow('closed');
    await other.write(Buffer.from('x'), 0);
    await other.close();
  });

  test('writes, reads, grows, truncates', async () => {
    const directory = join(root, name, 'deep');
    await fs.makeDirectory(directory);
    await fs.makeDirectory(directory);
    const path = join(directory, 'f');
    const file = await fs.open(path, 'create');
    expect(file.path).toBe(path);
    await file.write(Buffer.from('hello'), 0);
    await file.write(Buffer.from('J'), 0);
    await file.write(Buffer.from('end'), 8);
    const read = async (length: number, at: number) => {
      const target = Buffer.alloc(length, '-');
      const count = await file.read(target, at);
      const again = Buffer.alloc(length, '-');
      expect(file.readSync(again, at)).toBe(count);
      expect(Buffer.compare(again, target)).toBe(0);
      return `${count} ${target.toString('latin1')}`;
    };
    for (const isSynced of [false, true]) {
      if (isSynced) await file.fdatasync();
      expect(await read(12, 0)).toBe('11 Jello\0\0\0end-');
      expect(await read(3, 4)).toBe('3 o\0\0');
      expect(await read(2, 11)).toBe('0 --');
      expect(await file.size()).toBe(11);
    }
    await file.write(Buffer.from('XYZ'), 2);
    await file.truncate(4);
    expect(await read(6, 0)).toBe('4 JeXY--');
    await file.fdatasync();
    await file.close();
    await fs.syncDirectory(directory);
    const again = fs.openSync(path, 'read');
    const bytes = Buffer.alloc(9);
    expect(again.readSync(bytes, 0)).toBe(4);
    expect(bytes.toString('latin1', 0, 4)).toBe('JeXY');
    await again.close();
  });

  test('writes what is synced at once, beside what is not', async () => {
    const directory = join(root, name, 'synced');
    await fs.makeDirectory(directory);
    const path = join(directory, 'f');
    const file = await fs.open(path, 'create');
    await file.write(Buffer.alloc(20), 0);
    await file.writeSynced(Buffer.from('hello'), 4);
    await file.writeSynced(Buffer.from('J'), 4);
    const bytes = Buffer.alloc(30);
    expect(await file.read(bytes, 0)).toBe(20);
    expect(bytes.toString('latin1', 0, 12)).toBe('\0\0\0\0Jello\0\0\0');
    await file.close();
    await expect(file.writeSynced(Buffer.of(1), 0)).rejects.toThrow('closed');
  });

  test('knows names', async () => {
    const directory = join(root, name, 'names');
    await fs.makeDirectory(directory);
    for (const file of ['b', 'a']) await (await fs.open(join(directory, file), 'create')).close();
    expect(await fs.list(directory)).toEqual(['a', 'b']);
    expect(fs.listSync(directory)).toEqual(['a', 'b']);
    await fs.rename(join(directory, 'b'), join(directory, 'c'));
    await fs.unlink(join(directory, 'a'));
    expect(await fs.list(directory)).toEqual(['c']);
    expect(await fs.exists(join(directory, 'c'))).toBe(true);
    expect(await fs.exists(join(directory, 'b'))).toBe(false);
    expect(await fs.freeBytes(directory)).toBeGreaterThan(0);
    const code = (expected: string) => expect.objectContaining({ code: expected });
    await expect(fs.open(join(directory, 'c'), 'create')).rejects.toEqual(code('ALREADY_EXISTS'));
    await expect(fs.open(join(directory, 'x'), 'read')).rejects.toEqual(code('NOT_FOUND'));
    await expect(fs.open(join(directory, 'x'), 'write')).rejects.toEqual(code('NOT_FOUND'));
    await expect(fs.unlink(join(directory, 'x'))).rejects.toEqual(code('NOT_FOUND'));
    await expect(fs.list(join(directory, 'x'))).rejects.toEqual(code('NOT_FOUND'));
    expect(() => fs.openSync(join(directory, 'x'), 'read')).toThrow(code('NOT_FOUND'));
  });
});

test('a synced write goes to the file that was opened, or fails', async () => {
  const path = join(root, 'replaced');
  const file = await nodeFs.open(path, 'create');
  await nodeFs.rename(path, `${path}.old`);
  await (await nodeFs.open(path, 'create')).close();
  const writing = file.writeSynced(Buffer.of(1), 0);
  await expect(writing).rejects.toThrow(`${path} is no longer the file that was opened`);
  await file.close();
});

test('errors of the operating system get codes of ours', () => {
  const codeOf = (code: string) =>
    toMillraceError('write', '/f', Object.assign(new Error(code), { code })).code;
  expect(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE'].map(codeOf)).toEqual([
    ...['DISK_FULL', 'DISK_FULL', 'IO', 'IO', 'IO'],
  ]);
});

describe('held writes', () => {
  test('reach the file at fdatasync, and no reader of the file before', async () => {
    const inner = new MemoryFs();
    const fs = holdWritesUntilSync(inner);
    const file = await fs.open('/f', 'create');
    await file.write(Buffer.from('abc'), 0);
    expect(await (await inner.open('/f', 'read')).size()).toBe(0);
    await file.fdatasync();
    expect(await (await inner.open('/f', 'read')).size()).toBe(3);
  });

  test('are lost by the fdatasync that is made to fail', async () => {
    const inner = new MemoryFs();
    const fs = holdWritesUntilSync(inner, 2);
    const file = await fs.open('/f', 'create');
    await file.write(Buffer.from('a'), 0);
    await file.fdatasync();
    await file.write(Buffer.from('b'), 1);
    await expect(file.fdatasync()).rejects.toMatchObject({ code: 'IO' });
    await file.write(Buffer.from('c'), 2);
    await file.fdatasync();
    const bytes = Buffer.alloc(3);
    await (await inner.open('/f', 'read')).read(bytes, 0);
    expect(bytes.toString('latin1')).toBe('a\0c');
  });
});
