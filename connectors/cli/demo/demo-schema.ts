import { nexmarkColumns } from './nexmark/columns.ts';
import { demoTopics } from './window-publisher.ts';

const topics = demoTopics.map((topic) => `CREATE TOPIC IF NOT EXISTS ${topic} WITH (queues = 4)`);

const sources = demoTopics.map(
  (topic) =>
    `CREATE SOURCE IF NOT EXISTS ${topic} (${nexmarkColumns[topic]}) ` +
    `WITH (topic = '${topic}', format = 'json')`,
);

/** A filter and projection (Nexmark q2), an aggregation, and an aggregation over a join. */
const views = [
  `CREATE MATERIALIZED VIEW IF NOT EXISTS watched_bids AS
SELECT auction, bidder, price, date_time FROM bid WHERE auction % 123 = 0`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS auction_bids AS
SELECT auction, count(*) AS bids, sum(price) AS total, min(price) AS lowest,
       max(price) AS highest, avg(price) AS average
FROM bid GROUP BY auction`,
  `CREATE MATERIALIZED VIEW IF NOT EXISTS category_prices AS
SELECT a.category, count(*) AS bids, avg(b.price) AS average_price
FROM bid AS b JOIN auction AS a ON b.auction = a.id GROUP BY a.category`,
];

/** Everything that the demo creates, in order; each may be there already. */
export const demoStatements: readonly string[] = [...topics, ...sources, ...views];

const topAuctions =
  'SELECT auction, bids, total, lowest, highest, average FROM auction_bids ' +
  'ORDER BY bids DESC, auction LIMIT 5';
const categoryPrices = 'SELECT * FROM category_prices ORDER BY category';

/** What the demo shows all the time. The second changes with every bid on a known auction. */
export const shownQueries: readonly { readonly title: string; readonly text: string }[] = [
  { title: 'auction_bids, the busiest auctions', text: topAuctions },
  { title: 'category_prices', text: categoryPrices },
];

export const exampleQueries: readonly string[] = [
  topAuctions,
  categoryPrices,
  'SELECT count(*) FROM watched_bids',
];
