/** Nexmark q0, q1, q2, q4, q17 and q20 in PostgreSQL's SQL, over `person`, `auction` and `bid`. */
export const nexmarkQueries: Readonly<Record<string, string>> = {
  q0: 'SELECT auction, bidder, price, date_time FROM bid',
  q1: 'SELECT auction, bidder, 0.908 * price AS price, date_time FROM bid',
  q2: 'SELECT auction, price FROM bid WHERE auction IN (1007, 1020, 2001, 2019, 2087)',
  q4: `SELECT q.category, avg(q.final) AS average FROM (
    SELECT max(b.price) AS final, a.category FROM auction a, bid b
    WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
    GROUP BY a.id, a.category) q GROUP BY q.category`,
  q17: `SELECT auction, to_char(date_time, 'YYYY-MM-DD') AS day, count(*) AS total_bids,
    count(*) FILTER (WHERE price < 10000) AS rank1_bids,
    count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
    count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
    min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price
    FROM bid GROUP BY auction, to_char(date_time, 'YYYY-MM-DD')`,
  q20: `SELECT auction, bidder, price, channel, url, b.date_time AS bid_time, item_name, description,
    initial_bid, reserve, a.date_time AS auction_time, expires, seller, category
    FROM bid AS b INNER JOIN auction AS a ON b.auction = a.id WHERE a.category = 10`,
};
