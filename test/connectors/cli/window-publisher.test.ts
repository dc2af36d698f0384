import { expect, test } from 'vitest';
import { defaultNexmarkConfig } from '../../../connectors/cli/demo/nexmark/config.ts';
import { nexmarkEvent } from '../../../connectors/cli/demo/nexmark/event.ts';
import { demoTopics, WindowPublisher } from '../../../connectors/cli/demo/window-publisher.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { seed } from '../../random-seed.ts';
import { MemoryTopics } from './memory-topics.ts';

async function openPublisher(topics: MemoryTopics): Promise<WindowPublisher> {
  const publisher = new WindowPublisher(topics, defaultNexmarkConfig);
  await publisher.resume();
  return publisher;
}

function expectExactly(topics: MemoryTopics, count: number, note: string): void {
  const numbers = demoTopics
    .flatMap((topic) => topics.all(topic).map((message) => Number(message.keys[0])))
    .sort((a, b) => a - b);
  expect(numbers, note).toEqual(Array.from({ length: count }, (_, i) => i));
}

test('publishes each event to the topic of its kind, under its number', async () => {
  const topics = new MemoryTopics(4);
  const publisher = await openPublisher(topics);
  for (let i = 0; i < 5; i++) await publisher.publishWindow(200);
  expect(publisher.next).toBe(1000);
  expect(demoTopics.map((topic) => topics.all(topic).length)).toEqual([20, 60, 920]);
  for (const topic of demoTopics) {
    for (const message of topics.all(topic)) {
      const event = nexmarkEvent(defaultNexmarkConfig, Number(message.keys[0]));
      expect(event.kind).toBe(topic);
      expect(new TextDecoder().decode(message.body)).toBe(event.body);
    }
  }
});

test('has several requests in flight in a window, and one window at a time', async () => {
  const topics = new MemoryTopics(4);
  const publisher = await openPublisher(topics);
  await publisher.publishWindow(1000);
  expect(topics.mostInFlight).toBeGreaterThan(10);
  expect(topics.entrySizes.every((size) => size <= 50)).toBe(true);
});

test('goes on after a clean stop, with a window of another size', async () => {
  const topics = new MemoryTopics(4);
  for (const size of [7, 1000, 1, 333, 5000]) {
    const publisher = await openPublisher(topics);
    await publisher.publishWindow(size);
    await publisher.publishWindow(size);
  }
  expectExactly(topics, 2 * (7 + 1000 + 1 + 333 + 1000), '');
});

test('a kill with batches in flight loses nothing and doubles nothing', async () => {
  for (let round = 0; round < 20; round++) {
    const random = new SeededRandom(seed + round);
    const note = `SEED=${seed + round}`;
    const topics = new MemoryTopics(1 + random.below(6), random);
    let next = 0;
    for (let run = 0; run < 12; run++) {
      const publisher = await openPublisher(topics);
      expect(publisher.next, note).toBeGreaterThanOrEqual(next);
      const size = 1 + random.below(1000);
      for (let i = random.below(4); i > 0; i--) await publisher.publishWindow(size);
      next = publisher.next;
      // Of the window that the kill cuts, any subset of the batches arrived.
      topics.lossShare = random.float();
      await publisher.publishWindow(size).catch(() => undefined);
      topics.lossShare = 0;
      // A kill may also hit the filling of the gap.
      if (random.below(2) === 0) {
        topics.lossShare = 0.5;
        await openPublisher(topics).catch(() => undefined);
        topics.lossShare = 0;
      }
    }
    const publisher = await openPublisher(topics);
    expectExactly(topics, publisher.next, note);
  }
});

test('a failed request is an error, not a gap that is stepped over', async () => {
  const topics = new MemoryTopics(4, new SeededRandom(1));
  const publisher = await openPublisher(topics);
  topics.lossShare = 1;
  await expect(publisher.publishWindow(100)).rejects.toThrow('lost');
  expect(publisher.next).toBe(0);
});

test("refuses topics with messages that are not the demo's", async () => {
  const topics = new MemoryTopics(4);
  await topics.publish('bid', [{ body: new Uint8Array(1), keys: ['order-1'] }]);
  await expect(openPublisher(topics)).rejects.toThrow("not the demo's");
});

test('reads only the ends of long queues', async () => {
  const topics = new MemoryTopics(4);
  const publisher = await openPublisher(topics);
  for (let i = 0; i < 30; i++) await publisher.publishWindow(1000);
  topics.pulled = 0;
  await openPublisher(topics);
  expect(topics.pulled).toBeLessThan(8000);
});
