import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { nodeFs } from '../../dist/platform/node-fs.js';
import { SyncEntryReader } from '../../dist/storage/log/sync-entry-reader.js';
import { median, openReal, withDirectory } from './world.mjs';

const logBytes = 256 * 1024 * 1024;
const rangeBytes = 1024 * 1024;
const repeats = 3;

/**
 * Entries of segments that are in the page cache, read in their order as the dataflow worker reads
 * them, each checked against its CRC. In turns with it the ceiling: the same files read in pieces of
 * a megabyte and run through the CRC, without looking at an entry.
 */
export async function sequentialRead() {
  const rows = [];
  for (const [what, bodyBytes] of [
    ['of 1,000 messages', 104_000],
    ['of 1,024 bytes', 1024],
    ['of 200 bytes', 200],
  ]) {
    rows.push(await withDirectory((directory) => read(directory, what, bodyBytes)));
  }
  return rows;
}

async function read(directory, what, bodyBytes) {
  const log = join(directory, 'log', 'p0');
  const ends = await fill(directory, bodyBytes);
  const rates = { entries: [], bare: [] };
  for (let i = 0; i <= repeats; i++) {
    const entries = await entryRate(log, ends);
    const bare = await bareRate(log);
    if (i === 0) continue;
    rates.entries.push(entries);
    rates.bare.push(bare);
  }
  const value = median(rates.entries) / 1e6;
  const ratio = (1e6 * value) / median(rates.bare);
  return {
    name: `sequential read, entries ${what}`,
    value,
    unit: 'MB/s',
    peer: 'read + CRC',
    ratio,
  };
}

/** Returns the positions between which the entries are read: about a megabyte each. */
async function fill(directory, bodyBytes) {
  const store = await openReal(directory);
  const body = Buffer.alloc(bodyBytes, 1);
  const request = { topicId: 1, queueId: 0, kind: 1, count: 1, body, firstIdHash: 0, tagHash: 0 };
  const ends = [0];
  for (let at = 0; at < logBytes; ) {
    const perRound = Math.max(1, Math.floor((4 * rangeBytes) / bodyBytes));
    const placed = await Promise.all(Array.from({ length: perRound }, () => store.append(request)));
    for (const { position, length } of placed) {
      at = position + length;
      if (at - ends.at(-1) >= rangeBytes) ends.push(at);
    }
  }
  await store.close();
  return ends;
}

/** Bytes a second. */
async function entryRate(log, ends) {
  const reader = new SyncEntryReader(nodeFs, log, 0);
  const start = performance.now();
  for (let i = 1; i < ends.length; i++) reader.readRange(ends[i - 1], ends[i]);
  const rate = (1000 * ends.at(-1)) / (performance.now() - start);
  await reader.close();
  return rate;
}

async function bareRate(log) {
  let total = 0;
  const start = performance.now();
  for (const name of await readdir(log)) {
    if (!name.endsWith('.seg')) continue;
    const file = await open(join(log, name));
    const piece = Buffer.allocUnsafe(rangeBytes);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) break;
      crc32(piece.subarray(0, bytesRead));
      total += bytesRead;
    }
    await file.close();
  }
  return (1000 * total) / (performance.now() - start);
}
