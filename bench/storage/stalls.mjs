import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { median, openReal, withDirectory } from './world.mjs';

const queuesPerTopic = 1000;
const segmentsWanted = 4;
const inFlight = 4096;
const body = Buffer.alloc(100, 7);
const hour = 3_600_000;
const repeats = 5;
/** Shorter stalls are not looked at. */
const noticedMs = 1;

/**
 * How long the event loop stands still while retention works on 100,000 queues, each with a message
 * in each of four segments: sealing the last one, a pass in which nothing expires, and one in which
 * half of the topics do and every segment is written anew. Of each the longest time between two
 * turns, with and without garbage collection: the least of five stores, for what the code takes in
 * one piece it takes in each of them, and what the machine does to it not. QUEUES in the environment
 * is another number of them.
 */
export async function stalls() {
  const count = Number(process.env.QUEUES ?? 100_000);
  const runs = [];
  for (let i = 0; i < repeats; i++) runs.push(await withDirectory((path) => measure(path, count)));
  return Object.keys(runs[0]).flatMap((name) => {
    const values = (what) => runs.map((run) => run[name][what]);
    const least = (what) => 1000 * Math.min(...values(what));
    const title = `${count.toLocaleString('en')} queues: ${name}`;
    return [
      { name: `${title}, longest stall`, value: least('stallMs'), unit: 'us' },
      { name: `${title}, without collection`, value: least('workMs'), unit: 'us' },
      { name: `${title}, in all`, value: median(values('ms')), unit: 'ms' },
    ];
  });
}

async function measure(directory, count) {
  // Room for one message of each queue.
  const segmentBytes = 180 * count;
  const keyedFormat = { messages: () => [], without: ({ body: whole }) => whole };
  const store = await openReal(directory, { segmentBytes, keyedFormat });
  try {
    for (let i = 0; i < segmentsWanted; i++) await fill(store, count);
    while (store.stats().indexLagEntries > 0) await setTimeout(100);
    const expiring = (topicId) => ({ retentionMs: topicId % 2 === 0 ? 0 : hour });
    // One after the other, in this order.
    return {
      sealing: await watched(() => store.retain(rulesOf(() => ({}), 0))),
      'nothing expires': await watched(() => store.retain(rulesOf(() => ({ retentionMs: hour })))),
      'half expires': await watched(() => store.retain(rulesOf(expiring))),
    };
  } finally {
    await store.close();
  }
}

function rulesOf(policy, segmentAgeMs = hour) {
  const compacted = { compaction: { tombstoneMs: hour } };
  return {
    policy: (topicId) => (topicId === 1 ? compacted : policy(topicId)),
    floor: () => Infinity,
    segmentAgeMs,
    compactionLagMs: hour,
  };
}

async function watched(work) {
  const collections = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  await setImmediate();
  const start = performance.now();
  let [last, isOver] = [start, false];
  const noticed = [];
  const running = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await setImmediate();
    const now = performance.now();
    if (now - last > noticedMs) noticed.push({ from: last, to: now });
    last = now;
  }
  await running;
  // The observer hears of collections later.
  await setTimeout(100);
  observer.disconnect();
  const longest = (of) => Math.max(0, ...noticed.map(of));
  return {
    stallMs: longest(({ from, to }) => to - from),
    workMs: longest(({ from, to }) => to - from - collectedMs(collections, from, to)),
    ms: last - start,
  };
}

function collectedMs(collections, from, to) {
  const isWithin = ({ startTime }) => startTime >= from && startTime < to;
  return collections.filter(isWithin).reduce((sum, { duration }) => sum + duration, 0);
}

async function fill(store, count) {
  for (let at = 0; at < count; at += inFlight) {
    const appends = [];
    for (let i = at; i < Math.min(count, at + inFlight); i++) {
      const queue = { topicId: 1 + Math.floor(i / queuesPerTopic), queueId: i % queuesPerTopic };
      appends.push(store.append({ ...queue, kind: 1, count: 1, body, firstIdHash: 0, tagHash: 0 }));
    }
    await Promise.all(appends);
  }
}
