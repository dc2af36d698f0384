import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { median, openReal, withDirectory } from './world.mjs';

const entries = 1_000_000;
const topics = 100;
const inFlight = 4096;
const repeats = 3;
const body = Buffer.alloc(200, 'x');

/** Entries a second with which a lost index of 200-byte entries is built again from the log. */
export async function indexRebuild() {
  return withDirectory(async (directory) => {
    const store = await openReal(directory);
    for (let at = 0; at < entries; at += inFlight) {
      const appends = [];
      for (let i = at; i < Math.min(entries, at + inFlight); i++) {
        const name = { topicId: 1 + (i % topics), queueId: i % 4, kind: 1, count: 1 };
        appends.push(store.append({ ...name, body, firstIdHash: 0, tagHash: 0 }));
      }
      await Promise.all(appends);
    }
    await store.close();
    const rates = [];
    for (let i = 0; i < repeats; i++) rates.push(await rebuild(directory));
    return [{ name: 'index rebuilt from the log', value: median(rates), unit: 'entries/s' }];
  });
}

async function rebuild(directory) {
  await rm(join(directory, 'index'), { recursive: true });
  const start = performance.now();
  const store = await openReal(directory);
  const rate = (1000 * entries) / (performance.now() - start);
  await store.close();
  return rate;
}
