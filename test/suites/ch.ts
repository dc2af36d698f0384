import { Draws, type TableRows } from './draws.ts';

/** Small data for CH-benCHmark's tables, drawn so that its parameters are met often. */
export function chRows(seed: number): TableRows[] {
  const draws = new Draws(seed);
  const orders = draws.rows(150, 0, (n) => order(draws, n));
  return [
    { table: 'region', rows: ['Africa', 'Europe', 'Asia'].map((name, key) => [key, name, 'c']) },
    { table: 'nation', rows: nations.map(([key, name, region]) => [key, name, region, 'c']) },
    { table: 'supplier', rows: draws.rows(supplierCount, 0, (id) => supplier(draws, id)) },
    { table: 'customer', rows: draws.rows(60, 0, (n) => customer(draws, n)) },
    { table: 'item', rows: draws.rows(itemCount, 1, (id) => item(draws, id)) },
    { table: 'stock', rows: draws.rows(itemCount * 4, 0, (n) => stock(draws, n)) },
    { table: 'orders', rows: orders },
    {
      table: 'new_order',
      rows: orders.filter((_, n) => n % 3 === 0).map((row) => row.slice(0, 3)),
    },
    {
      table: 'order_line',
      rows: orders.flatMap((row) =>
        draws.rows(draws.int(1, 5), 1, (number) => orderLine(draws, row, number)),
      ),
    },
  ];
}

/** Key (the code of the first letter of a customer's state), name and region. */
const nations: readonly (readonly [number, string, number])[] = [
  [65, 'Germany', 1],
  [66, 'Cambodia', 2],
  [67, 'France', 1],
  [68, 'Kenya', 0],
];

const itemCount = 20;
/** A supplier for each product of a warehouse (1 to 4) and an item. */
const supplierCount = itemCount * 4 + 1;

function supplier(draws: Draws, id: number) {
  const [nation] = draws.pick(nations);
  const comment = draws.pick(['good', 'bad', 'fair']);
  return [id, `Supplier#${id}`, 'street', nation, '123', draws.money(1, 999), comment];
}

/** Customer `n` of 4 warehouses with 2 districts each. */
function customer(draws: Draws, n: number) {
  const place = [Math.floor(n / 8), 1 + (n % 2), 1 + (Math.floor(n / 2) % 4)];
  const state = `${draws.pick(['A', 'B', 'C', 'D'])}X`;
  const phone = `${draws.int(1, 9)}555`;
  return [...place, `Last${n}`, 'City', state, phone, '2006-05-05', draws.money(-50, 500)];
}

function item(draws: Draws, id: number) {
  const data = `${draws.pick(['PR', 'co', 'zz'])}x${draws.pick(['a', 'b', 'bb', 'c'])}`;
  return [id, `Item${id}`, draws.money(1, 99), data, id];
}

function stock(draws: Draws, n: number) {
  return [1 + (n % itemCount), 1 + Math.floor(n / itemCount), draws.int(50, 250), draws.int(0, 30)];
}

function order(draws: Draws, n: number) {
  const place = [n, 1 + (n % 2), 1 + (Math.floor(n / 2) % 4)];
  const day = `${draws.int(2007, 2010)}-0${draws.int(1, 9)}-15 10:00:00`;
  return [...place, draws.int(0, 5), day, draws.int(1, 10), draws.int(1, 5)];
}

function orderLine(
  draws: Draws,
  [id, district, warehouse]: readonly (string | number)[],
  n: number,
) {
  const day = `${draws.int(2007, 2011)}-0${draws.int(1, 9)}-20 12:30:00.5`;
  const supply = draws.int(1, 4);
  const numbers = [draws.int(1, itemCount), supply, day, draws.int(1, 20), draws.money(1, 120)];
  return [id!, district!, warehouse!, n, ...numbers];
}

export const chChanges: readonly string[] = [
  'DELETE FROM orders WHERE o_id % 5 = 1',
  'DELETE FROM new_order WHERE no_o_id % 2 = 0',
  'UPDATE order_line SET ol_amount = ol_amount * 1.1, ol_quantity = ol_quantity + 1 WHERE ol_number = 1',
  "UPDATE order_line SET ol_delivery_d = ol_delivery_d + interval '400 days' WHERE ol_o_id % 4 = 0",
  'DELETE FROM order_line WHERE ol_number = 3',
  "UPDATE customer SET c_state = 'AY', c_balance = c_balance + 100 WHERE c_id % 2 = 0",
  "UPDATE item SET i_data = 'coxb' WHERE i_id % 4 = 0",
  'UPDATE stock SET s_quantity = s_quantity / 2 WHERE s_i_id % 3 = 0',
  'UPDATE supplier SET su_nationkey = 65 WHERE su_suppkey % 5 = 0',
];
