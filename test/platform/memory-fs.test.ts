import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../platform/errors.ts';
import { MemoryFs, type MemoryFsOperation } from '../../platform/memory-fs.ts';
import { SeededRandom } from '../../platform/seeded-random.ts';

async function contents(fs: MemoryFs, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  return bytes;
}

/** The different outcomes of many crashes of one disk. */
async function outcomes(fs: MemoryFs, show: (clone: MemoryFs) => Promise<string>) {
  const random = new SeededRandom(5);
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) seen.add(await show(fs.crashClone(random)));
  return [...seen].sort();
}

describe('power loss', () => {
  test('keeps what was synced, and each unsynced sector by itself', async () => {
    const fs = new MemoryFs();
    await fs.makeDirectory('/a/b');
    await fs.syncDirectory('/');
    await fs.syncDirectory('/a');
    const file = await fs.open('/a/b/f', 'create');
    await file.write(Buffer.alloc(1536, 'o'), 0);
    await file.fdatasync();
    await fs.syncDirectory('/a/b');
    await file.write(Buffer.alloc(1024, 'n'), 0);
    await file.write(Buffer.from('!'), 1000);
    const sectors = await outcomes(fs, async (clone) => {
      const bytes = await contents(clone, '/a/b/f');
      expect(bytes.length).toBe(1536);
      return [0, 512, 1024].map((at) => String.fromCharCode(bytes[at]!)).join('');
    });
    expect(sectors).toEqual(['nno', 'noo', 'ono', 'ooo']);
    expect((await contents(fs, '/a/b/f'))[1000]).toBe('!'.charCodeAt(0));
  });

  test('may cut the length that unsynced writes and truncations gave a file', async () => {
    const fs = new MemoryFs();
    const file = await fs.open('/f', 'create');
    await file.write(Buffer.alloc(512, 'a'), 0);
    await file.fdatasync();
    await fs.syncDirectory('/');
    await file.write(Buffer.alloc(10, 'b'), 1024);
    const sizes = await outcomes(fs, async (clone) => String((await contents(clone, '/f')).length));
    // Nothing, the gap of zeros, or the last sector came to the disk.
    expect(sizes).toEqual(['1024', '1034', '512']);
    await file.truncate(100);
    const cut = await outcomes(fs, async (clone) => String((await contents(clone, '/f')).length));
    // As before when the truncation is lost: the disk may have been given the last sector already.
    expect(cut).toEqual(['100', '1024', '1034', '512']);
    await file.fdatasync();
    const synced = await outcomes(fs, async (clone) =>
      String((await contents(clone, '/f')).length),
    );
    expect(synced).toEqual(['100']);
  });

  test('loses a directory whose name was not synced, with all that is in it', async () => {
    const fs = new MemoryFs();
    await fs.makeDirectory('/d/e');
    await (await fs.open('/d/e/f', 'create')).fdatasync();
    await fs.syncDirectory('/d/e');
    const there = async (clone: MemoryFs) =>
      `${await clone.exists('/d')} ${await clone.exists('/d/e')} ${await clone.exists('/d/e/f')}`;
    const all = ['false false false', 'true false false', 'true true true'];
    expect(await outcomes(fs, there)).toEqual(all);
    await fs.syncDirectory('/');
    expect(await outcomes(fs, there)).toEqual(all.slice(1));
    await fs.syncDirectory('/d');
    expect(await outcomes(fs, there)).toEqual(all.slice(2));
  });

  test('keeps or loses each unsynced name by itself', async () => {
    const fs = new MemoryFs();
    await fs.makeDirectory('/d');
    await fs.syncDirectory('/');
    await fs.open('/d/old', 'create');
    await fs.open('/d/gone', 'create');
    await fs.syncDirectory('/d');
    await fs.open('/d/new', 'create');
    await fs.rename('/d/old', '/d/renamed');
    await fs.unlink('/d/gone');
    expect(await fs.list('/d')).toEqual(['new', 'renamed']);
    const names = await outcomes(fs, async (clone) => (await clone.list('/d')).join());
    expect(names.length).toBe(16);
    expect(names).toContain('');
    expect(names).toContain('gone,new,old,renamed');
    await fs.syncDirectory('/d');
    expect(await outcomes(fs, async (clone) => (await clone.list('/d')).join())).toEqual([
      'new,renamed',
    ]);
    expect(await fs.killClone().list('/d')).toEqual(['new', 'renamed']);
  });

  test('a killed process loses nothing, but what it left is as unsynced as before', async () => {
    const fs = new MemoryFs();
    const file = await fs.open('/f', 'create');
    await file.write(Buffer.from('x'), 0);
    const killed = fs.killClone();
    expect((await contents(killed, '/f')).toString()).toBe('x');
    const after = await outcomes(killed, async (clone) => {
      return (await clone.exists('/f')) ? (await contents(clone, '/f')).toString() : 'no file';
    });
    expect(after).toEqual(['', 'no file', 'x']);
  });
});

describe('operations', () => {
  test('are counted by kind, and can be made to fail; a failed write is half done', async () => {
    const seen: string[] = [];
    const onOperation = (n: number, operation: MemoryFsOperation, path: string) => {
      seen.push(`${n} ${operation} ${path}`);
      if (n === 3) throw new MillraceError('DISK_FULL', 'injected');
    };
    const fs = new MemoryFs({ onOperation });
    const file = await fs.open('/f', 'create');
    await file.write(Buffer.from('abcd'), 0);
    await expect(file.write(Buffer.from('wxyz'), 0)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await file.fdatasync();
    expect((await contents(fs, '/f')).toString()).toBe('wxcd');
    expect(seen).toEqual(['1 create /f', '2 write /f', '3 write /f', '4 fdatasync /f']);
    expect([fs.operations(), fs.operations('write'), fs.operations('unlink')]).toEqual([4, 2, 0]);
  });

  test('on names that do not fit fail with their codes', async () => {
    const fs = new MemoryFs();
    await fs.open('/f', 'create');
    await expect(fs.open('/f', 'create')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(fs.open('/g', 'read')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fs.open('/d/g', 'create')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fs.unlink('/g')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fs.rename('/g', '/h')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fs.list('/d')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await fs.exists('/d')).toBe(false);
  });
});
