import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { closedLoop, median, openReal, withDirectory } from './world.mjs';

const messageBytes = 200;
const entryBytes = messageBytes + 64;
const repeats = 3;
const seconds = 1;
const aheadBytes = 64 * 1024 * 1024;

/**
 * Appends of 200 bytes, durable, by 1 to 4,096 producers that each wait for their own. Two peers in
 * turns with it: the least that group commit can be, producers that copy their messages into one of
 * two slabs while the other is written and synced, with no header, checksum, offset or index; and
 * the disk alone, a loop that writes and syncs as many bytes at once without any producer.
 */
export async function groupCommit() {
  return withDirectory(async (directory) => {
    const store = await openReal(join(directory, 'data'));
    const bare = await BareLog.create(join(directory, 'bare'));
    try {
      const rows = [];
      for (const producers of [1, 16, 256, 4096]) {
        rows.push(...(await compare(store, bare, producers)));
      }
      return rows;
    } finally {
      await bare.close();
      await store.close();
    }
  });
}

async function compare(store, bare, producers) {
  const body = Buffer.alloc(messageBytes, 1);
  const bytes = Buffer.alloc(producers * entryBytes, 1);
  const request = { topicId: 1, queueId: 0, kind: 1, count: 1, body, firstIdHash: 0, tagHash: 0 };
  const entry = Buffer.alloc(entryBytes, 1);
  const runs = {
    store: () => closedLoop(producers, seconds, () => store.append(request)),
    bare: () => closedLoop(producers, seconds, () => bare.append(entry)),
    disk: async () => producers * (await closedLoop(1, seconds, () => bare.commit(bytes))),
  };
  const rates = { store: [], bare: [], disk: [] };
  for (let i = 0; i <= repeats; i++) {
    for (const [name, run] of Object.entries(runs)) {
      const rate = await run();
      // The first of each only warms up.
      if (i > 0) rates[name].push(rate);
    }
  }
  const value = median(rates.store);
  const against = (name, peer) => ({ peer: name, ratio: value / median(peer) });
  const name = `append, ${producers} in flight`;
  return [
    { name, value, unit: 'messages/s', ...against('bare group commit', rates.bare) },
    { name, value, unit: 'messages/s', ...against('write + fdatasync alone', rates.disk) },
  ];
}

/** The bare loop, over a file that was zero-written ahead and is written over and over. */
class BareLog {
  #file;
  #path;
  #at = 0;
  #filling = Buffer.alloc(4096 * entryBytes);
  #flushed = Buffer.alloc(4096 * entryBytes);
  #length = 0;
  #waiting = [];
  #flushing;

  static async create(path) {
    const log = new BareLog();
    log.#path = path;
    log.#file = await open(path, 'w');
    await log.#file.write(Buffer.alloc(aheadBytes), 0, aheadBytes, 0);
    await log.#file.datasync();
    return log;
  }

  append(entry) {
    this.#filling.set(entry, this.#length);
    this.#length += entry.length;
    this.#flushing ??= this.#flush();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async commit(bytes) {
    if (this.#at + bytes.length > aheadBytes) this.#at = 0;
    await this.#file.write(bytes, 0, bytes.length, this.#at);
    await this.#file.datasync();
    this.#at += bytes.length;
  }

  async #flush() {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#length > 0) {
      const bytes = this.#filling.subarray(0, this.#length);
      const waiting = this.#waiting;
      [this.#filling, this.#flushed] = [this.#flushed, this.#filling];
      this.#length = 0;
      this.#waiting = [];
      await this.commit(bytes);
      for (const resolve of waiting) resolve();
    }
    this.#flushing = undefined;
  }

  async close() {
    await this.#file.close();
    await unlink(this.#path);
  }
}
