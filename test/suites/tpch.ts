import { Draws, type TableRows } from './draws.ts';

/**
 * Small data for TPC-H's tables, drawn so that its parameters (nations, brands, dates) are met
 * often. Not dbgen's: only that the relations between the columns are those of the specification
 * matters here.
 */
export function tpchRows(seed: number): TableRows[] {
  const draws = new Draws(seed);
  const regions = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'];
  const orders = draws.rows(300, 1, (id) => order(draws, id));
  return [
    { table: 'region', rows: regions.map((name, key) => [key, name, 'none']) },
    { table: 'nation', rows: nations.map(([name, region], key) => [key, name, region, 'none']) },
    { table: 'part', rows: draws.rows(partCount, 1, (id) => part(draws, id)) },
    { table: 'supplier', rows: draws.rows(supplierCount, 1, (id) => supplier(draws, id)) },
    { table: 'partsupp', rows: draws.rows(partCount * 4, 0, (n) => partSupplier(draws, n)) },
    { table: 'customer', rows: draws.rows(customerCount, 1, (id) => customer(draws, id)) },
    { table: 'orders', rows: orders },
    {
      table: 'lineitem',
      rows: orders.flatMap((row) =>
        draws.rows(draws.int(1, 8), 1, (line) => lineItem(draws, row, line)),
      ),
    },
  ];
}

/** Name and region. */
const nations: readonly (readonly [string, number])[] = [
  ['FRANCE', 3],
  ['GERMANY', 3],
  ['BRAZIL', 1],
  ['CANADA', 1],
  ['SAUDI ARABIA', 4],
  ['INDIA', 2],
  ['CHINA', 2],
];

const supplierCount = 21;
const partCount = 36;
const customerCount = 50;

function part(draws: Draws, id: number) {
  const name = `${draws.pick(['forest', 'green', 'almond'])} ${draws.pick(['green', 'blue'])}`;
  const type = draws.pick([
    'ECONOMY ANODIZED STEEL',
    'SMALL PLATED BRASS',
    'PROMO BURNISHED COPPER',
    'MEDIUM POLISHED TIN',
  ]);
  const brand = draws.pick(['Brand#12', 'Brand#23', 'Brand#34', 'Brand#45']);
  const container = draws.pick(['SM CASE', 'MED BOX', 'LG BOX', 'MED BAG']);
  const size = draws.pick([15, 3, 9, 5, 14]);
  return [id, name, 'Manufacturer#1', brand, type, size, container, draws.money(900, 1900), 'c'];
}

function supplier(draws: Draws, id: number) {
  const comment = draws.pick(['quick', 'slow', 'Customer said Complaints']);
  const name = `Supplier#${String(id).padStart(9, '0')}`;
  return [id, name, 'street', id % nations.length, phone(draws), draws.money(-900, 9999), comment];
}

/** Part `n / 4` and four different suppliers for it. */
function partSupplier(draws: Draws, n: number) {
  const part = 1 + Math.floor(n / 4);
  return [part, supplierOf(part, n % 4), draws.int(1, 99), draws.money(1, 10), 'none'];
}

function supplierOf(part: number, which: number): number {
  return 1 + ((part + which * 5) % supplierCount);
}

function customer(draws: Draws, id: number) {
  const segment = draws.pick(['BUILDING', 'MACHINERY']);
  const name = `Customer#${id}`;
  const balance = draws.money(-900, 9999);
  return [id, name, 'road', draws.int(0, nations.length - 1), phone(draws), balance, segment, 'c'];
}

function phone(draws: Draws): string {
  return `${draws.pick(['13', '31', '29', '11'])}-${draws.int(100, 999)}-${draws.int(1000, 9999)}`;
}

/** Two thirds of the customers have orders. */
function order(draws: Draws, id: number) {
  const customerId = 3 * draws.int(0, 15) + draws.int(1, 2);
  const priority = draws.pick(['1-URGENT', '2-HIGH', '3-MEDIUM', '5-LOW']);
  const comment = draws.pick(['fine', 'special new requests']);
  const date = draws.day(1993, draws.int(150, 1150));
  const total = draws.money(1000, 99999);
  return [id, customerId, draws.pick(['F', 'O']), total, date, priority, 'Clerk#1', 0, comment];
}

function lineItem(
  draws: Draws,
  [orderId, , , , orderDate]: readonly (string | number)[],
  n: number,
) {
  const after = (days: number) =>
    new Date(Date.parse(String(orderDate)) + days * 86_400_000).toISOString().slice(0, 10);
  const part = draws.int(1, partCount);
  const ship = draws.int(1, 60);
  const numbers = [draws.int(1, 60), draws.money(900, 9000), `0.0${draws.int(4, 8)}`, '0.05'];
  const flags = [draws.pick(['R', 'A', 'N']), draws.pick(['O', 'F'])];
  const dates = [after(ship), after(ship + draws.int(-5, 35)), after(ship + draws.int(1, 25))];
  const instruct = draws.pick(['DELIVER IN PERSON', 'NONE']);
  const mode = draws.pick(['AIR', 'MAIL', 'SHIP']);
  const supplierId = supplierOf(part, draws.int(0, 3));
  return [orderId!, part, supplierId, n, ...numbers, ...flags, ...dates, instruct, mode, 'none'];
}

/** Changes that take back and move rows of each table that queries read most. */
export const tpchChanges: readonly string[] = [
  'DELETE FROM orders WHERE o_orderkey % 7 = 0',
  'UPDATE lineitem SET l_quantity = l_quantity + 3, l_shipdate = l_shipdate + 20 WHERE l_orderkey % 3 = 1',
  'DELETE FROM lineitem WHERE l_linenumber = 2 AND l_orderkey % 2 = 0',
  "UPDATE part SET p_brand = 'Brand#23', p_container = 'MED BOX' WHERE p_partkey % 5 = 0",
  'UPDATE supplier SET s_nationkey = (s_nationkey + 1) % 7 WHERE s_suppkey % 4 = 0',
  'UPDATE customer SET c_acctbal = c_acctbal * 2 WHERE c_custkey % 2 = 1',
  'DELETE FROM partsupp WHERE ps_availqty < 20',
  "UPDATE nation SET n_regionkey = 3 WHERE n_name = 'CHINA'",
];
