/**
 * Nexmark q0-q22 in PostgreSQL's SQL with TUMBLE and HOP (reference: nexmark/nexmark, and
 * RisingWave's adaptations), ties broken by all columns that are there. q6 is RisingWave's
 * "group top 1"; q11 needs sessions; q12 uses event time, and q13 a plain join with its side
 * input, as Feldera's suite does.
 */
const statistics = `count(*) AS total_bids,
  count(*) FILTER (WHERE price < 10000) AS rank1_bids,
  count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
  count(*) FILTER (WHERE price >= 1000000) AS rank3_bids`;
const distinct = ['bidder', 'auction']
  .map(
    (column) => `count(DISTINCT ${column}) AS total_${column}s,
  count(DISTINCT ${column}) FILTER (WHERE price < 10000) AS rank1_${column}s,
  count(DISTINCT ${column}) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_${column}s,
  count(DISTINCT ${column}) FILTER (WHERE price >= 1000000) AS rank3_${column}s`,
  )
  .join(', ');

export const queries = {
  q0: 'SELECT auction, bidder, price, date_time, extra FROM bid',
  q1: 'SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid',
  q2: 'SELECT auction, price FROM bid WHERE mod(auction, 123) = 0',
  q3: `SELECT p.name, p.city, p.state, a.id FROM auction AS a JOIN person AS p ON a.seller = p.id
    WHERE a.category = 10 AND (p.state = 'OR' OR p.state = 'ID' OR p.state = 'CA')`,
  q4: `SELECT q.category, avg(q.final) AS average FROM (
    SELECT max(b.price) AS final, a.category FROM auction a, bid b
    WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
    GROUP BY a.id, a.category) q GROUP BY q.category`,
  q5: `SELECT a.auction, a.num FROM (
      SELECT auction, count(*) AS num, window_start AS starttime
      FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY window_start, auction) a
    JOIN (SELECT max(num) AS maxn, starttime FROM (
      SELECT count(*) AS num, window_start AS starttime
      FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY auction, window_start) c
      GROUP BY starttime) m
    ON a.starttime = m.starttime AND a.num >= m.maxn`,
  q6: `SELECT q.seller, avg(q.final) OVER (PARTITION BY q.seller ORDER BY q.date_time, q.final
      ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS average
    FROM (SELECT row_number() OVER (PARTITION BY a.id, a.seller ORDER BY b.price, b.date_time, b.bidder) AS rank,
      a.seller, b.price AS final, b.date_time FROM auction a, bid b
      WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) q
    WHERE q.rank <= 1`,
  q7: `SELECT b.auction, b.price, b.bidder, b.date_time, b.extra FROM bid b JOIN (
      SELECT max(price) AS maxprice, window_end AS date_time
      FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY window_end) m ON b.price = m.maxprice
    WHERE b.date_time BETWEEN m.date_time - INTERVAL '10' SECOND AND m.date_time`,
  q8: `SELECT p.id, p.name, p.starttime FROM (
      SELECT id, name, window_start AS starttime, window_end AS endtime
      FROM TUMBLE(person, date_time, INTERVAL '10' SECOND) GROUP BY id, name, window_start, window_end) p
    JOIN (SELECT seller, window_start AS starttime, window_end AS endtime
      FROM TUMBLE(auction, date_time, INTERVAL '10' SECOND) GROUP BY seller, window_start, window_end) a
    ON p.id = a.seller AND p.starttime = a.starttime AND p.endtime = a.endtime`,
  q9: `SELECT id, item_name, description, initial_bid, reserve, date_time, expires, seller, category,
      auction, bidder, price, bid_date_time FROM (
      SELECT a.*, b.auction, b.bidder, b.price, b.date_time AS bid_date_time,
        row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.bidder) AS rownum
      FROM auction a, bid b WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) t
    WHERE rownum <= 1`,
  q10: `SELECT auction, bidder, price, date_time, extra, to_char(date_time, 'YYYY-MM-DD') AS dt,
    to_char(date_time, 'HH24:MI') AS hm FROM bid`,
  q12: `SELECT bidder, count(*) AS bid_count, window_start, window_end
    FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY bidder, window_start, window_end`,
  q13: `SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b
    JOIN (SELECT key, 'side ' || key AS value FROM generate_series(0, 9999) AS g(key)) s
    ON mod(b.auction, 10000) = s.key`,
  q14: `SELECT auction, bidder, 0.908 * price AS price,
      CASE WHEN extract(hour FROM date_time) BETWEEN 8 AND 18 THEN 'dayTime'
        WHEN extract(hour FROM date_time) <= 6 OR extract(hour FROM date_time) >= 20 THEN 'nightTime'
        ELSE 'otherTime' END AS bid_time_type,
      date_time, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
    FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`,
  q15: `SELECT to_char(date_time, 'YYYY-MM-DD') AS day, ${statistics}, ${distinct}
    FROM bid GROUP BY to_char(date_time, 'YYYY-MM-DD')`,
  q16: `SELECT channel, to_char(date_time, 'YYYY-MM-DD') AS day, max(to_char(date_time, 'HH24:MI')) AS minute,
    ${statistics}, ${distinct} FROM bid GROUP BY channel, to_char(date_time, 'YYYY-MM-DD')`,
  q17: `SELECT auction, to_char(date_time, 'YYYY-MM-DD') AS day, ${statistics},
    min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price
    FROM bid GROUP BY auction, to_char(date_time, 'YYYY-MM-DD')`,
  q18: `SELECT auction, bidder, price, channel, url, date_time, extra FROM (
      SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, price, extra) AS r
      FROM bid) t WHERE r <= 1`,
  q19: `SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY auction
      ORDER BY price DESC, date_time, bidder, extra) AS r FROM bid) t WHERE r <= 10`,
  q20: `SELECT auction, bidder, price, channel, url, b.date_time AS bid_time, b.extra AS bid_extra, item_name,
      description, initial_bid, reserve, a.date_time AS auction_time, expires, seller, category, a.extra
    FROM bid AS b JOIN auction AS a ON b.auction = a.id WHERE a.category = 10`,
  q21: `SELECT auction, bidder, price, channel, CASE WHEN lower(channel) = 'apple' THEN '0'
      WHEN lower(channel) = 'google' THEN '1' WHEN lower(channel) = 'facebook' THEN '2'
      WHEN lower(channel) = 'baidu' THEN '3'
      ELSE (regexp_match(url, '(&|^)channel_id=([^&]*)'))[2] END AS channel_id
    FROM bid WHERE (regexp_match(url, '(&|^)channel_id=([^&]*)'))[2] IS NOT NULL
      OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')`,
  q22: `SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1,
    split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM bid`,
};
