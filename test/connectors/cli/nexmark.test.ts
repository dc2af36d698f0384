import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nexmarkColumns } from '../../../connectors/cli/demo/nexmark/columns.ts';
import { defaultNexmarkConfig } from '../../../connectors/cli/demo/nexmark/config.ts';
import { Draws, eventDomain } from '../../../connectors/cli/demo/nexmark/draws.ts';
import { nexmarkEvent } from '../../../connectors/cli/demo/nexmark/event.ts';
import { philox4x32 } from '../../../connectors/cli/demo/nexmark/philox.ts';
import { demoTopics } from '../../../connectors/cli/demo/window-publisher.ts';
import { JsonDecoder } from '../../../engine/formats/json-decoder.ts';
import type { Field } from '../../../sql/columns/types.ts';

const config = defaultNexmarkConfig;

interface Row {
  readonly [column: string]: number | string;
}
function row(number: number, seed = config.seed): Row {
  return JSON.parse(nexmarkEvent({ ...config, seed }, number).body) as Row;
}

describe('philox4x32-10', () => {
  // Known answers published with the Random123 library (kat_vectors).
  test.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[-1, -1, -1, -1], [-1, -1], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ])('counter %j', (counter, key, expected) => {
    const block = Uint32Array.from(counter);
    philox4x32(block, key[0]!, key[1]!);
    expect([...block].map((word) => word.toString(16).padStart(8, '0')).join(' ')).toBe(expected);
  });
});

describe('draws', () => {
  test('seeds and numbers above 2^32 make their own streams', () => {
    const first = (seed: number, number: number) => new Draws(seed, eventDomain, number).uint32();
    const values = [first(1, 1), first(1, 2 ** 32 + 1), first(2 ** 32 + 1, 1), first(2, 1)];
    expect(new Set(values).size).toBe(4);
  });

  test('below is uniform: chi-square over 26 letters', () => {
    const draws = new Draws(5, eventDomain, 1);
    const counts = new Array<number>(26).fill(0);
    for (let i = 0; i < 26_000; i++) counts[draws.below(26)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(52.6); // p = 0.001 at 25 degrees of freedom
  });
});

describe('one event', () => {
  test('depends on seed and number alone', () => {
    const forwards = Array.from({ length: 300 }, (_, n) => nexmarkEvent(config, n));
    const backwards = Array.from({ length: 300 }, (_, n) => nexmarkEvent(config, 299 - n));
    expect(backwards.reverse()).toEqual(forwards);
    expect(nexmarkEvent({ ...config, seed: 2 }, 7).body).not.toBe(forwards[7]!.body);
  });

  test('is compact JSON with the declared columns in order', () => {
    for (let n = 0; n < 200; n++) {
      const { kind, body, key } = nexmarkEvent(config, n);
      expect(key).toBe(String(n));
      expect(JSON.stringify(JSON.parse(body))).toBe(body);
      const declared = nexmarkColumns[kind].split(', ').map((column) => column.split(' ')[0]);
      expect(Object.keys(JSON.parse(body))).toEqual(declared);
    }
  });

  test('golden values of seed 1', () => {
    expect(nexmarkEvent(config, 4)).toEqual({
      kind: 'bid',
      key: '4',
      body:
        '{"auction":1000,"bidder":1001,"price":1142471,"channel":"channel-4474",' +
        '"url":"https://www.nexmark.com/eke/fva/bku/item.htm?query=1",' +
        '"date_time":"2015-07-15 00:00:00.000",' +
        '"extra":"xzgeklzvkobsnxsgmfgbxzfstuyidoxewburtuqktmdfoquwhwmbdreemyjgmdrfmojbr"}',
    });
    const hash = createHash('sha256');
    for (let n = 0; n < 10_000; n++) hash.update(`${nexmarkEvent(config, n).body}\n`);
    expect(hash.digest('hex')).toBe(
      '888bf2fc3866834f22767359352bb081d070363e744ae4b35aae6c9a6147e3e9',
    );
  });

  test('out-of-order groups permute the events of a group', () => {
    const shuffled = { ...config, outOfOrderGroupSize: 10 };
    const bodies = (c: typeof config) =>
      Array.from({ length: 50 }, (_, n) => nexmarkEvent(c, n).body);
    expect(bodies(shuffled)).not.toEqual(bodies(config));
    expect(bodies(shuffled).sort()).toEqual(bodies(config).sort());
  });
});

test.each(demoTopics)('every %s takes the fast path of the JSON decoder', (kind) => {
  const types = { BIGINT: 'bigint', VARCHAR: 'varchar', TIMESTAMP: 'timestamp' } as const;
  const fields: Field[] = nexmarkColumns[kind].split(', ').map((column) => {
    const [name, type] = column.split(' ') as [string, keyof typeof types];
    return { name, type: { kind: types[type] }, nullable: true };
  });
  const bodies = Array.from({ length: 20_000 }, (_, n) => nexmarkEvent(config, n))
    .filter((event) => event.kind === kind)
    .map((event) => event.body);
  const starts = new Int32Array(bodies.length);
  const lengths = Int32Array.from(bodies, (body) => body.length);
  for (let i = 1; i < bodies.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!;
  const buffer = new TextEncoder().encode(bodies.join(''));
  const decoded = new JsonDecoder(fields).decode(buffer, starts, lengths, bodies.length);
  expect(decoded.undecodable).toEqual([]);
  expect(decoded.slowRows).toBe(0);
  expect(decoded.batch.rowCount).toBe(bodies.length);
});

describe('the stream', () => {
  const count = 200_000;
  const rows: Record<'person' | 'auction' | 'bid', Row[]> = { person: [], auction: [], bid: [] };
  for (let n = 0; n < count; n++) {
    const event = nexmarkEvent(config, n);
    rows[event.kind].push(JSON.parse(event.body) as Row);
  }
  const share = (some: readonly Row[], test: (row: Row) => boolean) =>
    some.filter(test).length / some.length;

  test('has people, auctions and bids as 1 to 3 to 46', () => {
    expect(rows.person.length).toBe(4_000);
    expect(rows.auction.length).toBe(12_000);
    expect(rows.bid.length).toBe(184_000);
  });

  test('ids are dense from 1000', () => {
    const dense = (some: readonly Row[]) => some.map((_, i) => 1000 + i);
    expect(rows.person.map((person) => person.id)).toEqual(dense(rows.person));
    expect(rows.auction.map((auction) => auction.id)).toEqual(dense(rows.auction));
  });

  test('event time goes up by the event rate', () => {
    expect(row(0).date_time).toBe('2015-07-15 00:00:00.000');
    expect(row(123_456).date_time).toBe('2015-07-15 00:00:12.345');
    expect(row(1_000_000_000).date_time).toBe('2015-07-16 03:46:40.000');
  });

  test('references stay within the lead, and nearly all find their row', () => {
    for (let n = 0; n < 20_000; n++) {
      const event = row(n);
      const people = Math.floor(n / 50) + 1;
      const auctions = Math.min(Math.floor(n / 50) * 3 + Math.min(n % 50, 3), (n / 50 + 1) * 3);
      if (event.auction !== undefined) {
        expect(event.auction).toBeGreaterThanOrEqual(1000);
        expect(event.auction).toBeLessThan(1000 + auctions + 10);
        expect(event.bidder).toBeLessThan(1000 + people + 10);
      } else if (event.seller !== undefined) {
        expect(event.seller).toBeGreaterThanOrEqual(1000);
        expect(event.seller).toBeLessThan(1000 + people + 10);
      }
    }
    expect(rows.bid.filter((bid) => Number(bid.auction) >= 13_000).length).toBeLessThan(20);
  });

  test('hot shares are those of the parameters', () => {
    // 50 % hot, and a cold pick of about 110 hits the hot id now and then.
    expect(share(rows.bid, (bid) => Number(bid.auction) % 100 === 0)).toBeCloseTo(0.505, 2);
    expect(share(rows.bid, (bid) => Number(bid.bidder) % 100 === 1)).toBeCloseTo(0.7525, 2);
    expect(share(rows.auction, (auction) => Number(auction.seller) % 100 === 0)).toBeCloseTo(
      0.75,
      1,
    );
    expect(share(rows.bid, (bid) => !String(bid.channel).startsWith('channel-'))).toBeCloseTo(
      0.5,
      2,
    );
    expect(share(rows.bid, (bid) => String(bid.url).includes('&channel_id='))).toBeCloseTo(0.45, 1);
  });

  test('prices are log-uniform from 100 to 100,000,000', () => {
    for (let decade = 2; decade < 8; decade++) {
      const inDecade = share(
        rows.bid,
        ({ price }) => Number(price) >= 10 ** decade && Number(price) < 10 ** (decade + 1),
      );
      expect(inDecade).toBeCloseTo(1 / 6, 2);
    }
    expect(share(rows.bid, ({ price }) => Number(price) < 100 || Number(price) > 1e8)).toBe(0);
  });

  test('auctions: five categories, reserve above the first bid, expiry later and near', () => {
    for (let category = 10; category < 15; category++) {
      expect(share(rows.auction, (auction) => auction.category === category)).toBeCloseTo(0.2, 1);
    }
    for (const auction of rows.auction) {
      expect(Number(auction.reserve)).toBeGreaterThan(Number(auction.initial_bid));
      const lifeMs = Date.parse(`${auction.expires}Z`) - Date.parse(`${auction.date_time}Z`);
      expect(lifeMs).toBeGreaterThanOrEqual(1);
      expect(lifeMs).toBeLessThanOrEqual(2 * 167);
    }
  });

  test('records have about their average size', () => {
    const mean = (some: readonly Row[], bytes: (row: Row) => number) =>
      some.reduce((sum, row) => sum + bytes(row), 0) / some.length;
    const length = (value: number | string | undefined) => String(value).length;
    expect(mean(rows.bid, (bid) => 32 + length(bid.extra))).toBeCloseTo(100, -0.5);
    expect(
      mean(rows.auction, (a) => 48 + length(a.item_name) + length(a.description) + length(a.extra)),
    ).toBeCloseTo(500, -1);
    expect(
      mean(rows.person, (p) =>
        ['name', 'email_address', 'credit_card', 'city', 'state', 'extra'].reduce(
          (sum, name) => sum + length(p[name]),
          8,
        ),
      ),
    ).toBeCloseTo(200, -1);
  });

  test('q2 and q14 select what the reference counts say', () => {
    // Bands of the reference over three seeds at 1 M events, scaled by events.
    const q2 = rows.bid.filter((bid) => Number(bid.auction) % 123 === 0).length;
    expect(q2).toBeGreaterThan(900);
    expect(q2).toBeLessThan(1_900);
    const q14 = share(rows.bid, ({ price }) => {
      const scaled = 0.908 * Number(price);
      return scaled > 1_000_000 && scaled < 50_000_000;
    });
    expect(q14).toBeCloseTo(0.2832, 2);
  });
});
