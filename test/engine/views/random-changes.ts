import type { SeededRandom } from '../../../platform/seeded-random.ts';

/** Three tables whose values meet often, and random changes to them. */
export const tables = [
  'CREATE TABLE t (id int PRIMARY KEY, g text, v bigint, n numeric(8,2))',
  'CREATE TABLE s (id int PRIMARY KEY, g text, v bigint, n numeric(8,2))',
  'CREATE TABLE u (k text PRIMARY KEY, w int)',
];

export function randomChange(random: SeededRandom): string {
  const maybeNull = (value: string) => (random.below(6) === 0 ? 'NULL' : value);
  const letter = () => `'${'abcd'[random.below(4)]}'`;
  const number = () => String(random.below(12) - 2);
  const id = random.below(20);
  const table = random.below(2) === 0 ? 't' : 's';
  switch (random.below(7)) {
    case 0:
    case 1:
    case 2: {
      const row = () =>
        `(${random.below(20)}, ${maybeNull(letter())}, ${maybeNull(number())}, ${maybeNull(`${number()}.25`)})`;
      const rows = Array.from({ length: 1 + random.below(3) }, row);
      return `INSERT INTO ${table} VALUES ${distinctIds(rows).join(', ')} ON CONFLICT (id) DO NOTHING`;
    }
    case 3:
      return `UPDATE ${table} SET v = v + ${number()}, g = ${maybeNull(letter())} WHERE id % 5 = ${id % 5}`;
    case 4:
      return `DELETE FROM ${table} WHERE id BETWEEN ${id} AND ${id + random.below(4)}`;
    case 5:
      return `INSERT INTO u VALUES (${letter()}, ${number()}) ON CONFLICT (k) DO NOTHING`;
    default:
      return random.below(2) === 0
        ? `DELETE FROM u WHERE k = ${letter()}`
        : `UPDATE u SET w = w + 1 WHERE k >= ${letter()}`;
  }
}

function distinctIds(rows: readonly string[]): string[] {
  return [...new Map(rows.map((row) => [row.split(',')[0], row])).values()];
}
