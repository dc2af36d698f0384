import { describe, expect, test } from 'vitest';
import { Turns } from '../../../engine/broker/turns.ts';
import { Waiters } from '../../../engine/broker/waiters.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';

/** The names of the waits that have ended, in order. */
function ended(): { readonly names: string[]; note(name: string, wait: Promise<void>): void } {
  const names: string[] = [];
  return { names, note: (name, wait) => void wait.then(() => names.push(name)) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('long polls', () => {
  test('are woken by their topic, by the time, and by an abort, each once', async () => {
    const clock = new ManualClock();
    const waiters = new Waiters(clock);
    const { names, note } = ended();
    const leaving = new AbortController();
    const { signal } = new AbortController();
    note('first', waiters.wait(1, 1000, signal));
    note('left', waiters.wait(1, 1000, leaving.signal));
    note('late', waiters.wait(2, 500, signal));
    note('other', waiters.wait(2, 5000, signal));
    leaving.abort();
    await settle();
    expect(names).toEqual(['left']);
    clock.advance(500);
    await settle();
    expect(names).toEqual(['left', 'late']);
    waiters.wake(1);
    await settle();
    expect(names).toEqual(['left', 'late', 'first']);
    waiters.wake(1);
    leaving.abort();
    clock.advance(1000);
    await settle();
    expect(names).toEqual(['left', 'late', 'first']);
    waiters.wakeAll();
    await settle();
    expect(names).toEqual(['left', 'late', 'first', 'other']);
  });

  test('that begin with an aborted signal end at once', async () => {
    const waiters = new Waiters(new ManualClock());
    const gone = new AbortController();
    gone.abort();
    await waiters.wait(1, 1000, gone.signal);
  });

  test('wakes are counted per topic and for all, also where nobody waits', () => {
    const waiters = new Waiters(new ManualClock());
    const before = [waiters.wakes(1), waiters.wakes(2)];
    waiters.wake(1);
    expect([waiters.wakes(1), waiters.wakes(2)]).toEqual([before[0]! + 1, before[1]]);
    waiters.wakeAll();
    expect(waiters.wakes(1)).toBeGreaterThan(before[0]! + 1);
    expect(waiters.wakes(2)).toBeGreaterThan(before[1]!);
  });

  test('of a dropped topic look once more, also those that have looked before', async () => {
    const waiters = new Waiters(new ManualClock());
    for (const wakes of [0, 1, 5]) {
      for (let i = 0; i < wakes; i++) waiters.wake(1);
      const before = waiters.wakes(1);
      const wait = waiters.wait(1, 1000, new AbortController().signal);
      waiters.forget(1);
      await wait;
      expect(waiters.wakes(1)).toBeGreaterThan(before);
    }
  });
});

test('turns come one after the other for each key, first come, first served', async () => {
  const turns = new Turns<object>();
  const [one, other] = [{}, {}];
  const { names, note } = ended();
  expect(turns.begin(one)).toBeUndefined();
  expect(turns.begin(other)).toBeUndefined();
  note('second', turns.begin(one)!);
  note('third', turns.begin(one)!);
  turns.end(other);
  await settle();
  expect(names).toEqual([]);
  turns.end(one);
  await settle();
  expect(names).toEqual(['second']);
  turns.end(one);
  await settle();
  expect(names).toEqual(['second', 'third']);
  turns.end(one);
  expect(turns.begin(one)).toBeUndefined();
});
