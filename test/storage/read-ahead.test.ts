import { expect, test } from 'vitest';
import { ManualClock } from '../../platform/manual-clock.ts';
import { MemoryFs } from '../../platform/memory-fs.ts';
import { openPartition } from '../../storage/log/open-partition.ts';
import { entryAt, flip, segmentPaths } from './segments.ts';

const directory = '/log';
const bodyBytes = 200;

async function open(fs: MemoryFs) {
  await fs.makeDirectory(directory);
  const serverId = '00112233445566778899aabbccddeeff';
  const sizes = { segmentBytes: 1_000_000, strideBytes: 1_000_000 };
  const clock = new ManualClock(1_000_000);
  return openPartition({ fs, clock, directory, serverId, partition: 0, ...sizes });
}

/** A partition that has read nothing yet, with `count` entries, and where they are. */
async function filled(fs: MemoryFs, count: number) {
  const writer = await open(fs);
  const places: { readonly position: number; readonly length: number }[] = [];
  for (let i = 0; i < count; i++) {
    const body = new Uint8Array(bodyBytes).fill(i);
    const entry = { topicId: 7, queueId: 0, count: 1, body, kind: 1 as const };
    const request = { ...entry, firstIdHash: 0, tagHash: 0 };
    const { position, length } = writer.append(request, i, 1_000_000);
    places.push({ position, length });
    await writer.durable(undefined);
  }
  await writer.close();
  const log = await open(fs);
  let reads = 0;
  let bytes = 0;
  const segment = log.segmentAt(0);
  const read = segment.read.bind(segment);
  segment.read = (offset, length) => {
    reads++;
    bytes += length;
    return read(offset, length);
  };
  return { log, places, reads: () => reads, bytes: () => bytes };
}

test('entries one after the other are read from the file many at a time', async () => {
  const { log, places, reads } = await filled(new MemoryFs(), 200);
  for (const [i, { position, length }] of places.entries()) {
    const entry = await log.read(position, length);
    expect(entry?.body.every((byte) => byte === i % 256)).toBe(true);
    // Whoever keeps it keeps nothing else.
    expect(entry!.body.buffer.byteLength).toBe(length);
  }
  expect(reads()).toBeLessThan(5);
  await log.close();
});

test('backwards nothing is read that is not asked for', async () => {
  const { log, places, bytes } = await filled(new MemoryFs(), 100);
  for (const { position, length } of places.toReversed()) await log.read(position, length);
  expect(bytes()).toBe(100 * places[0]!.length);
  await log.close();
});

test('side by side they wait for one read', async () => {
  const { log, places, reads } = await filled(new MemoryFs(), 100);
  const entries = await Promise.all(
    places.map(({ position, length }) => log.read(position, length)),
  );
  expect(entries.map((entry) => entry?.baseOffset)).toEqual(places.map((_, i) => i));
  expect(reads()).toBeLessThan(5);
  await log.close();
});

test('a damaged entry is refused, and read again once the file is mended', async () => {
  const fs = new MemoryFs();
  const { log, places } = await filled(fs, 20);
  const [path] = await segmentPaths(fs, directory);
  await flip(fs, path!, entryAt(10, bodyBytes) + 100);
  const readAll = () =>
    Promise.all(
      places.map(({ position, length }) =>
        log.read(position, length).then(
          (entry) => entry?.baseOffset,
          (error) => error.code,
        ),
      ),
    );
  const offsets = places.map((_, i) => i);
  expect(await readAll()).toEqual(offsets.map((i) => (i === 10 ? 'CORRUPTION' : i)));
  await flip(fs, path!, entryAt(10, bodyBytes) + 100);
  expect(await readAll()).toEqual(offsets);
  await log.close();
});
