/** Recursive queries over an edge table e (a, b) and the tables of random-changes.ts. */
export const recursiveQueries: Readonly<Record<string, string>> = {
  numbers: `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
    SELECT sum(i) AS s, count(*) AS c FROM n`,
  reach: `WITH RECURSIVE r(x, y) AS (SELECT a, b FROM e UNION SELECT r.x, e.b FROM r JOIN e ON r.y = e.a)
    SELECT x, y FROM r`,
  from_one: `WITH RECURSIVE r(x) AS (VALUES (0) UNION SELECT e.b FROM r, e WHERE r.x = e.a)
    SELECT x FROM r`,
  depth: `WITH RECURSIVE r(x, d) AS (SELECT a, 0 FROM e UNION ALL
    SELECT e.b, d + 1 FROM r JOIN e ON r.x = e.a WHERE d < 3) SELECT x, d, count(*) AS c FROM r GROUP BY x, d`,
  unreachable: `WITH RECURSIVE r(x) AS (SELECT 0 UNION SELECT b FROM e, r WHERE a = x)
    SELECT a FROM e WHERE a NOT IN (SELECT x FROM r)`,
  two: `WITH RECURSIVE r(x) AS (SELECT a FROM e WHERE b = 1 UNION SELECT e.a FROM r JOIN e ON e.b = r.x),
    n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5), plain AS (SELECT 3 AS p)
    SELECT x, i FROM r, n, plain WHERE x < i AND i < p + 2`,
  series_step: `WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT r.x + i FROM r, generate_series(1, 2) i
    WHERE r.x < 8) SELECT x FROM r`,
  nested: `WITH RECURSIVE r(x) AS (SELECT 0 UNION SELECT e.b FROM r JOIN e ON e.a = r.x AND EXISTS
    (SELECT FROM t WHERE t.v > e.b)) SELECT count(*) AS c FROM r`,
  both: `WITH RECURSIVE r(x) AS (SELECT id FROM t WHERE v > 4 UNION SELECT s.v::int FROM r JOIN s ON s.id = r.x
    WHERE s.v IS NOT NULL) SELECT r.x, t.g FROM r LEFT JOIN t ON t.id = r.x`,
  cycle: `WITH RECURSIVE r(x, y) AS (SELECT a, b FROM e WHERE a < 2 UNION ALL SELECT e.* FROM r JOIN e ON r.y = e.a)
    SEARCH DEPTH FIRST BY x, y SET o CYCLE x SET c TO 'yes' DEFAULT 'no' USING p
    SELECT x, c, count(*) AS n, max(cardinality(p)) AS m, min(o)::text AS o FROM r GROUP BY x, c`,
  breadth: `WITH RECURSIVE r AS (SELECT a, b FROM e WHERE a = 0 UNION SELECT e.a, e.b FROM e, r AS q WHERE q.b = e.a AND e.a < e.b)
    SEARCH BREADTH FIRST BY a, b SET o SELECT a, b, o::text AS o FROM r`,
  filtered: `SELECT y FROM (WITH RECURSIVE r(x, y) AS (SELECT a, b FROM e UNION
    SELECT r.x, e.b FROM r JOIN e ON r.y = e.a) SELECT * FROM r) z WHERE x = 2`,
};
