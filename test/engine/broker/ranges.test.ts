import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Claim, Taking } from '../../../engine/broker/claims.ts';
import { QueueCursor } from '../../../engine/broker/queue-cursor.ts';

import { seedOr } from '../../random-seed.ts';

const never = { renewMs: 1000, keeps: () => false };

function taking(nowMs: number, popId: number, ranges: boolean): Taking {
  return { nowMs, visibleAtMs: nowMs + 100, owner: 0, popId, ranges };
}

/** What a pop does: visible ones first, then batches of the log from `next` on. */
function pop(cursor: QueueCursor, end: number, batch: number, take: Taking, max: number): Claim[] {
  const claims = cursor.takeVisible(take, max);
  while (claims.length < max && cursor.next < end) {
    const from = cursor.next;
    const until = Math.min(end, from - (from % batch) + batch);
    const range = take.ranges === true ? cursor.takeRange(from, until - from, take) : undefined;
    if (range !== undefined) claims.push(range);
    else {
      const single = cursor.takeNext(from, 0, take);
      if (single !== undefined) claims.push(single);
    }
  }
  return claims;
}

describe('messages of a batch', () => {
  test('are finished together, or one by one under the same handle', () => {
    const cursor = new QueueCursor(0, never);
    const [range] = pop(cursor, 10, 10, taking(0, 1, true), 1);
    expect(range).toEqual({ offset: 0, count: 10, attempt: 1, stamp: 1 });
    cursor.finish(3, 1, 1);
    expect([cursor.heldCount, cursor.cursor, cursor.isFinished(3)]).toEqual([9, 0, true]);
    // The handle of the whole is for what is left.
    cursor.finish(0, 1, 1, 10);
    expect([cursor.heldCount, cursor.cursor]).toEqual([0, 10]);
    cursor.finish(0, 1, 1, 10);
  });

  test('of which one is postponed: the others are not', () => {
    const cursor = new QueueCursor(0, never);
    pop(cursor, 4, 4, taking(0, 1, true), 1);
    const stamp = cursor.postpone(2, 1, 1, 50);
    cursor.finish(0, 1, 2, 4);
    expect([cursor.heldCount, cursor.cursor]).toEqual([1, 2]);
    expect(cursor.takeVisible(taking(60, 2, true), 9)).toEqual([
      { offset: 2, count: 1, attempt: 2, stamp: stamp + 1 },
    ]);
  });

  test('come again together, or one by one to whom takes no batches', () => {
    const cursor = new QueueCursor(0, never);
    pop(cursor, 4, 4, taking(0, 1, true), 1);
    expect(cursor.takeVisible(taking(200, 2, true), 9)).toEqual([
      { offset: 0, count: 4, attempt: 2, stamp: 2 },
    ]);
    expect(() => cursor.finish(0, 1, 250, 4)).toThrow('expired');
    expect(cursor.takeVisible(taking(400, 3, false), 9)).toEqual(
      [0, 1, 2, 3].map((offset) => ({ offset, count: 1, attempt: 3, stamp: 3 })),
    );
    expect(() => cursor.finish(1, 2, 450)).toThrow('expired');
    expect(() => cursor.finish(0, 2, 450, 4)).toThrow('expired');
    cursor.finish(0, 3, 450, 4);
    expect(cursor.cursor).toBe(4);
  });

  test('that a pop did not bring to its client are as before', () => {
    const cursor = new QueueCursor(0, never);
    const claims = pop(cursor, 4, 4, taking(0, 1, true), 1);
    cursor.untake(claims, 1);
    expect(cursor.takeVisible(taking(1, 2, true), 9)).toMatchObject([{ count: 4, attempt: 1 }]);
  });

  test('are stored together, and apart once they are', () => {
    const cursor = new QueueCursor(0, never);
    pop(cursor, 100, 100, taking(0, 1, true), 1);
    const first = cursor.changes();
    expect(first.held).toMatchObject([{ offset: 0, count: 100 }]);
    const restored = new QueueCursor(first.next, never, first.held);
    restored.finish(99, 1, 1);
    expect(restored.heldCount).toBe(99);
    const { held, gone } = restored.changes();
    expect([held.length, gone]).toEqual([99, []]);
    expect(held.every(({ count }) => count === 1)).toBe(true);
  });

  test('after a crash: a handle from before it counts when their turn comes', () => {
    const cursor = new QueueCursor(0, never);
    cursor.finish(0, 1, 1, 3);
    // One of them is done already, so they go out one by one.
    expect(pop(cursor, 4, 4, taking(2, 1, true), 9)).toMatchObject([{ offset: 3, count: 1 }]);
  });
});

/** Whatever happens, each message is finished once, and what is finished never comes again. */
test('any course of events', () => {
  const seed = seedOr(20261126);
  const step = fc.record({
    what: fc.constantFrom('pop', 'popSingles', 'ackAll', 'ackOne', 'nack', 'untake', 'restart'),
    pick: fc.nat(),
    place: fc.nat(),
    ms: fc.nat(80),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.integer({ min: 1, max: 9 }),
      (steps, batch) => {
        const end = 60;
        let cursor = new QueueCursor(0, never);
        let stored = new Map<
          number,
          NonNullable<ConstructorParameters<typeof QueueCursor>[2]>[0]
        >();
        let popId = 0;
        let now = 1;
        const done = new Set<number>();
        let out: Claim[] = [];
        const took = (claims: readonly Claim[]) => {
          for (const { offset, count } of claims) {
            for (let at = offset; at < offset + count; at++) expect(done.has(at)).toBe(false);
          }
          out.push(...claims);
        };
        const attempt = (run: () => void) => {
          try {
            run();
            return true;
          } catch (error) {
            expect(String(error)).toContain('expired');
            return false;
          }
        };
        /** Offsets of the claim whose handle still counts, as the cursor sees it. */
        for (const { what, pick, place, ms } of steps) {
          now += ms;
          const claim = out[pick % Math.max(out.length, 1)];
          if (what === 'pop' || what === 'popSingles') {
            took(pop(cursor, end, batch, taking(now, ++popId, what === 'pop'), 1 + (place % 4)));
          } else if (what === 'restart') {
            const { next, held, gone } = cursor.changes();
            for (const offset of gone) stored.delete(offset);
            for (const row of held) stored.set(row.offset, row);
            cursor = new QueueCursor(next, never, [...stored.values()]);
            stored = new Map(stored);
          } else if (claim !== undefined) {
            const at = claim.offset + (place % claim.count);
            const before = new Set(
              Array.from({ length: end }, (_, i) => i).filter((i) => cursor.isFinished(i)),
            );
            if (what === 'ackAll')
              attempt(() => cursor.finish(claim.offset, claim.stamp, now, claim.count));
            else if (what === 'ackOne') attempt(() => cursor.finish(at, claim.stamp, now));
            else if (what === 'nack')
              attempt(() => cursor.postpone(at, claim.stamp, now, now + 10));
            else cursor.untake([claim], now);
            for (let i = 0; i < end; i++) {
              if (!cursor.isFinished(i)) expect(before.has(i)).toBe(false);
              else if (!before.has(i)) {
                expect(i >= claim.offset && i < claim.offset + claim.count).toBe(true);
                done.add(i);
              }
            }
            if (what === 'untake') out = out.filter((one) => one !== claim);
          }
          let held = 0;
          for (let i = 0; i < cursor.next; i++) if (!cursor.isFinished(i)) held++;
          expect(cursor.heldCount).toBe(held);
        }
        // In the end everything can be had and finished.
        for (let rounds = 0; cursor.cursor < end && rounds < 200; rounds++) {
          now += 200;
          const claims = pop(cursor, end, batch, taking(now, ++popId, rounds % 2 === 0), 8);
          took(claims);
          for (const { offset, stamp, count } of claims) cursor.finish(offset, stamp, now, count);
        }
        expect([cursor.cursor, cursor.heldCount]).toEqual([end, 0]);
      },
    ),
    { seed, numRuns: 300 },
  );
});

test('a part of a range that was taken is finished by itself', () => {
  const cursor = new QueueCursor(0, never);
  const [range] = pop(cursor, 4, 4, taking(0, 1, true), 1);
  cursor.finishTaken({ ...range!, offset: 2, count: 1 });
  expect([0, 1, 2, 3].map((offset) => cursor.isFinished(offset))).toEqual([
    false,
    false,
    true,
    false,
  ]);
  cursor.finishTaken(range!);
  expect([cursor.heldCount, cursor.cursor]).toEqual([0, 4]);
});

test('an old connection that ends leaves what came over the new one', () => {
  const keeps = (owner: number) => owner > 0;
  const cursor = new QueueCursor(0, { renewMs: 1000, keeps });
  cursor.takeNext(0, 0, { ...taking(0, 1, false), owner: 7 });
  cursor.takeNext(1, 0, { ...taking(20, 2, false), owner: 7 });
  cursor.release(7, 10);
  expect(cursor.takeVisible(taking(500, 3, false), 9).map(({ offset }) => offset)).toEqual([0]);
});
