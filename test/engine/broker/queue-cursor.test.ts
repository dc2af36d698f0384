import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claim, Taking } from '../../../engine/broker/claims.ts';
import { QueueCursor } from '../../../engine/broker/queue-cursor.ts';

const never = { renewMs: 60_000, keeps: () => false };

function taking(nowMs: number, popId: number, invisibleMs = 100, owner = 0): Taking {
  return { nowMs, visibleAtMs: nowMs + invisibleMs, owner, popId };
}

const offsetsOf = (claims: readonly Claim[]) => claims.map(({ offset }) => offset);

/** One pop over a queue whose messages have these message groups; `next` reads on to `end`. */
function pop(cursor: QueueCursor, keys: readonly number[], of: Taking, max: number): Claim[] {
  const claims = cursor.takeVisible(of, max);
  while (claims.length < max && cursor.next < keys.length) {
    const claim = cursor.takeNext(cursor.next, keys[cursor.next]!, of);
    if (claim !== undefined) claims.push(claim);
  }
  return claims;
}

test('a message comes again when its time is up, with the next attempt and a new handle', () => {
  const cursor = new QueueCursor(0, never);
  const [first] = pop(cursor, [0, 0], taking(0, 1), 1);
  expect(first).toEqual({ offset: 0, count: 1, attempt: 1, stamp: 1 });
  expect(offsetsOf(pop(cursor, [0, 0], taking(50, 2), 5))).toEqual([1]);
  const [again] = pop(cursor, [0, 0], taking(100, 3), 1);
  expect(again).toEqual({ offset: 0, count: 1, attempt: 2, stamp: 2 });
  expect(() => cursor.finish(0, 1, 110)).toThrow('receipt handle is expired');
  cursor.finish(0, 2, 110);
  cursor.finish(0, 2, 110);
  expect(cursor.cursor).toBe(1);
  expect(() => cursor.finish(1, 1, 150)).toThrow('receipt handle is expired');
});

test('a message group holds up itself alone', () => {
  const cursor = new QueueCursor(0, never);
  const keys = [7, 7, 8, 7, 8, 0];
  expect(offsetsOf(pop(cursor, keys, taking(0, 1), 1))).toEqual([0]);
  // 1 and 3 wait for 0; group 8 and the message without a group go on.
  expect(offsetsOf(pop(cursor, keys, taking(1, 2), 10))).toEqual([2, 4, 5]);
  expect(cursor.waitingCount).toBe(2);
  expect(cursor.finish(0, 1, 2)).toBe(true);
  expect(offsetsOf(pop(cursor, keys, taking(3, 3), 10))).toEqual([1, 3]);
  // The first of the group failed: nothing of it goes out before it comes again.
  const stamp = cursor.postpone(1, 1, 4, 50);
  expect(offsetsOf(pop(cursor, keys, taking(40, 4), 10))).toEqual([]);
  expect(pop(cursor, keys, taking(50, 5), 10)).toEqual([
    { offset: 1, count: 1, attempt: 2, stamp: stamp + 1 },
  ]);
});

test('a living owner keeps its messages under the same handle; a lost one gives them back', () => {
  let isAlive = true;
  const cursor = new QueueCursor(0, { renewMs: 100, keeps: (owner) => owner === 3 && isAlive });
  pop(cursor, [0, 0], taking(0, 1, 100, 3), 1);
  expect(offsetsOf(pop(cursor, [0], taking(150, 2), 5))).toEqual([]);
  cursor.finish(0, 1, 10_000);
  pop(cursor, [0, 0], taking(0, 3, 100, 3), 1);
  isAlive = false;
  expect(cursor.disown(3, 20)).toBe(true);
  expect(pop(cursor, [0, 0], taking(20, 4), 1)).toEqual([
    { offset: 1, count: 1, attempt: 2, stamp: 2 },
  ]);
});

test('a handle from before a crash counts although the stored state does not know the delivery', () => {
  const cursor = new QueueCursor(0, never);
  cursor.finish(1, 1, 0);
  const stamp = cursor.postpone(2, 4, 0, 500);
  expect(offsetsOf(pop(cursor, [0, 0, 0, 0], taking(0, 1), 10))).toEqual([0, 3]);
  expect(pop(cursor, [0, 0, 0, 0], taking(500, 2), 10)).toEqual([
    { offset: 0, count: 1, attempt: 2, stamp: 2 },
    { offset: 3, count: 1, attempt: 2, stamp: 2 },
    { offset: 2, count: 1, attempt: 6, stamp: stamp + 1 },
  ]);
});

test('an answer that did not reach its client is not counted', () => {
  const cursor = new QueueCursor(0, never);
  const claims = pop(cursor, [5, 5], taking(0, 1), 2);
  cursor.untake(claims, 10);
  expect(pop(cursor, [5, 5], taking(10, 2), 2).map(({ attempt }) => attempt)).toEqual([1, 1]);
});

test('a suspended message counts no attempt below none, and waits no more when it is done', () => {
  const cursor = new QueueCursor(0, never);
  const [claim] = pop(cursor, [0], taking(0, 1), 1);
  let { stamp } = claim!;
  for (let i = 0; i < 3; i++) stamp = cursor.postpone(0, stamp, 1, 50, true);
  expect(cursor.waitingCount).toBe(1);
  cursor.finish(0, stamp, 2);
  expect(cursor.waitingCount).toBe(0);
  const [next] = pop(cursor, [0, 0], taking(10, 2), 1);
  cursor.postpone(1, cursor.postpone(1, next!.stamp, 11, 50, true), 11, 50, true);
  expect(pop(cursor, [0, 0], taking(50, 3), 1)).toMatchObject([
    { offset: 1, count: 1, attempt: 1 },
  ]);
});

/** What a run of pops, acks, nacks and crashes must never do, against a plain model. */
const action = fc.oneof(
  fc.record({ kind: fc.constant('pop' as const), max: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('finish' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('postpone' as const), pick: fc.nat(), ms: fc.nat({ max: 60 }) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 120 }) }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
const keysArbitrary = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 });

test.each([{ fifo: false }, { fifo: true }])('random histories, %o', ({ fifo }) => {
  fc.assert(
    fc.property(keysArbitrary, fc.array(action, { maxLength: 60 }), (groups, actions) => {
      const keys = groups.map((key) => (fifo ? key : 0));
      const stored = new Map<number, Parameters<typeof restore>[1][number]>();
      let cursor = new QueueCursor(0, never);
      let now = 1;
      let popId = 0;
      const out = new Map<number, Claim & { until: number }>();
      const done = new Set<number>();
      for (const step of actions) {
        if (step.kind === 'wait') now += step.ms;
        else if (step.kind === 'pop') {
          const batch = pop(cursor, keys, taking(now, ++popId), step.max);
          for (const [index, claim] of batch.entries()) {
            const { offset } = claim;
            expect(done.has(offset), 'a finished message came again').toBe(false);
            expect((out.get(offset)?.until ?? 0) <= now, 'two have one message').toBe(true);
            const key = keys[offset]!;
            const before = new Set(offsetsOf(batch.slice(0, index)));
            for (let earlier = 0; key !== 0 && earlier < offset; earlier++) {
              const isOpen = keys[earlier] === key && !done.has(earlier);
              expect(isOpen && !before.has(earlier), 'a message group out of order').toBe(false);
            }
            out.set(offset, { ...claim, until: now + 100 });
          }
        } else if (step.kind === 'restart') {
          const { next, held, gone } = cursor.changes();
          for (const offset of gone) stored.delete(offset);
          for (const row of held) stored.set(row.offset, row);
          cursor = restore(next, [...stored.values()]);
        } else if (out.size > 0) {
          const claims = [...out.values()];
          const { offset, stamp, until } = claims[step.pick % claims.length]!;
          if (until <= now) continue;
          if (step.kind === 'finish') {
            cursor.finish(offset, stamp, now);
            out.delete(offset);
            done.add(offset);
          } else {
            const visibleAt = now + step.ms;
            const next = cursor.postpone(offset, stamp, now, visibleAt);
            out.set(offset, { offset, count: 1, stamp: next, attempt: 0, until: visibleAt });
          }
        }
      }
      // Whatever happened, everything comes and nothing is stuck.
      for (let round = 0; round < 200 && done.size < keys.length; round++) {
        now += 1000;
        for (const { offset, stamp } of pop(cursor, keys, taking(now, ++popId), 3)) {
          cursor.finish(offset, stamp, now);
          done.add(offset);
        }
      }
      expect(done.size).toBe(keys.length);
      expect(cursor.cursor).toBe(keys.length);
      expect(cursor.heldCount).toBe(0);
    }),
    { numRuns: 500 },
  );
});

type HeldRows = NonNullable<ConstructorParameters<typeof QueueCursor>[2]>;
function restore(next: number, rows: HeldRows): QueueCursor {
  return new QueueCursor(next, never, rows);
}
