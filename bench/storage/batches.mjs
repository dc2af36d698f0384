import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { closedLoop, median, openReal, withDirectory } from './world.mjs';

const messages = 1000;
const bodyBytes = messages * 104;
const inFlight = 64;
const perCommit = 32;
const repeats = 3;
const seconds = 2;

/**
 * Batches of 1,000 messages of 100 bytes (and 4 of framing), durable, 64 in flight. In turns with
 * it the disk alone: a loop that writes as many bytes as a usual group commit, and syncs them.
 */
export async function batches() {
  return withDirectory(async (directory) => {
    const store = await openReal(join(directory, 'data'));
    const request = {
      ...{ topicId: 1, queueId: 0, kind: 1, count: messages, firstIdHash: 0, tagHash: 0 },
      body: Buffer.alloc(bodyBytes, 1),
    };
    const rates = { store: [], disk: [] };
    try {
      for (let i = 0; i <= repeats; i++) {
        const rate = await closedLoop(inFlight, seconds, () => store.append(request));
        const disk = await diskAlone(join(directory, `bare-${i}`));
        // The first of each only warms up.
        if (i === 0) continue;
        rates.store.push(messages * rate);
        rates.disk.push(messages * perCommit * disk);
      }
    } finally {
      await store.close();
    }
    const value = median(rates.store);
    const ratio = value / median(rates.disk);
    const name = `batches of 1,000, ${inFlight} in flight, durable`;
    return [{ name, value, unit: 'messages/s', peer: 'write + fdatasync alone', ratio }];
  });
}

/** Commits a second, onto a file that grows. */
async function diskAlone(path) {
  const file = await open(path, 'w');
  const bytes = Buffer.alloc(perCommit * bodyBytes, 1);
  let at = 0;
  try {
    return await closedLoop(1, seconds, async () => {
      await file.write(bytes, 0, bytes.length, at);
      await file.datasync();
      at += bytes.length;
    });
  } finally {
    await file.close();
  }
}
