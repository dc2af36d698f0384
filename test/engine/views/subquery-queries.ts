/** Queries with subqueries, by what they show. */
export const subqueryQueries: Readonly<Record<string, string>> = {
  scalar: 'SELECT id, (SELECT max(w) FROM u) AS m FROM t',
  scalar_correlated: 'SELECT id, (SELECT w FROM u WHERE u.k = t.g) AS w FROM t',
  scalar_count: 'SELECT k, (SELECT count(*) FROM t WHERE t.g = u.k) AS c FROM u',
  scalar_sum:
    'SELECT k, (SELECT sum(v) + count(*) FROM t WHERE t.g = u.k AND t.v > u.w) AS c FROM u',
  scalar_theta: 'SELECT id, (SELECT count(*) FROM s WHERE s.v < t.v) AS c FROM t',
  scalar_where: 'SELECT id FROM t WHERE v > (SELECT avg(v) FROM t AS x WHERE x.g = t.g)',
  scalar_having: 'SELECT g, sum(v) AS s FROM t GROUP BY g HAVING sum(v) > (SELECT min(w) FROM u)',
  scalar_group: 'SELECT g, (SELECT w FROM u WHERE k = t.g) AS w, count(*) AS c FROM t GROUP BY g',
  scalar_case: `SELECT id, CASE WHEN v > 3 THEN (SELECT max(w) FROM u WHERE u.k <> t.g)
    ELSE (SELECT min(s.v) FROM s WHERE s.g = t.g) END AS x FROM t`,
  scalar_in_aggregate:
    'SELECT g, sum((SELECT count(*) FROM s WHERE s.g = t.g)) AS c FROM t GROUP BY g',
  scalar_group_by: 'SELECT (SELECT w FROM u WHERE k = g) AS w, count(*) AS c FROM t GROUP BY 1',
  scalar_nested: `SELECT id, (SELECT max(v) FROM s WHERE s.g = t.g AND s.v < (SELECT max(w) FROM u
    WHERE u.k >= t.g AND u.w < s.v + 5)) AS m FROM t`,
  scalar_arithmetic:
    'SELECT id, v + (SELECT max(w) FROM u) * 2 - (SELECT min(w) FROM u) AS x FROM t',
  scalar_constant: 'SELECT id, (SELECT 1) AS one, (SELECT t.v) AS same, (SELECT NULL) AS n FROM t',
  scalar_two_levels: `SELECT id, (SELECT sum((SELECT count(*) FROM u WHERE u.k = t.g AND u.w < s.v))
    FROM s WHERE s.v = t.v) AS x FROM t`,
  scalar_having_inside: `SELECT id, (SELECT count(*) FROM s WHERE s.g = t.g HAVING count(*) > 1) AS c
    FROM t`,
  exists: 'SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.g)',
  not_exists: 'SELECT id FROM t WHERE NOT EXISTS (SELECT FROM s WHERE s.g = t.g AND s.v = t.v)',
  exists_theta: 'SELECT id FROM t WHERE EXISTS (SELECT FROM s WHERE s.g = t.g AND s.v > t.v)',
  exists_or: 'SELECT id FROM t WHERE v > 5 OR EXISTS (SELECT FROM u WHERE u.k = t.g AND u.w > 0)',
  exists_value: 'SELECT id, EXISTS (SELECT FROM u WHERE u.k = t.g) AS e FROM t',
  exists_plain: 'SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE w > 3)',
  exists_two: `SELECT id FROM t WHERE EXISTS (SELECT FROM s, u WHERE s.g = t.g AND u.w = t.v)`,
  exists_union: `SELECT id FROM t WHERE EXISTS (SELECT k FROM u WHERE k = t.g UNION ALL
    SELECT g FROM s WHERE s.v = t.v)`,
  exists_except: `SELECT id FROM t WHERE EXISTS (SELECT g FROM s WHERE s.v = t.v EXCEPT
    SELECT k FROM u WHERE u.w < t.v)`,
  exists_group: `SELECT id FROM t WHERE EXISTS (SELECT g FROM s WHERE s.v <= t.v GROUP BY g
    HAVING count(*) > 1)`,
  exists_outer: `SELECT id FROM t WHERE EXISTS (SELECT FROM s LEFT JOIN u ON u.k = s.g AND u.w > t.v
    WHERE s.g = t.g AND u.k IS NULL)`,
  exists_full: `SELECT id FROM t WHERE EXISTS (SELECT FROM (SELECT * FROM s WHERE s.v > t.v) a
    FULL JOIN (SELECT * FROM u WHERE u.w > t.v) b ON a.g = b.k WHERE a.g IS NULL)`,
  exists_nested: `SELECT id FROM t WHERE EXISTS (SELECT FROM s WHERE s.g = t.g AND NOT EXISTS
    (SELECT FROM u WHERE u.k = s.g AND u.w = t.v))`,
  in: 'SELECT id FROM t WHERE g IN (SELECT k FROM u)',
  not_in: 'SELECT id FROM t WHERE g NOT IN (SELECT g FROM s)',
  not_in_key: 'SELECT id FROM t WHERE id NOT IN (SELECT id FROM s)',
  not_in_filtered: 'SELECT id FROM t WHERE v NOT IN (SELECT w FROM u WHERE w IS NOT NULL)',
  not_in_correlated: 'SELECT id FROM t WHERE v NOT IN (SELECT v FROM s WHERE s.g = t.g)',
  in_value: 'SELECT id, v IN (SELECT v FROM s) AS x, v NOT IN (SELECT w FROM u) AS y FROM t',
  in_row: 'SELECT id FROM t WHERE (g, v) IN (SELECT g, v FROM s)',
  not_in_row: 'SELECT id, (g, v) NOT IN (SELECT g, v FROM s) AS x FROM t',
  in_expression: 'SELECT id FROM t WHERE v + 1 IN (SELECT w * 2 FROM u)',
  in_types: 'SELECT id FROM t WHERE id IN (SELECT v FROM s)',
  in_numeric: 'SELECT id FROM t WHERE n IN (SELECT n FROM s)',
  in_in: 'SELECT id FROM t WHERE (SELECT max(w) FROM u WHERE k = g) IN (SELECT v FROM s)',
  any: 'SELECT id FROM t WHERE v > ANY (SELECT w FROM u)',
  any_value: 'SELECT id, v < SOME (SELECT v FROM s WHERE s.g = t.g) AS x FROM t',
  all: 'SELECT id FROM t WHERE v >= ALL (SELECT v FROM s WHERE s.g = t.g)',
  all_value: 'SELECT id, v <> ALL (SELECT v FROM s) AS x FROM t',
  any_row: 'SELECT id, (g, v) < ANY (SELECT g, v FROM s) AS x FROM t',
  having_in: 'SELECT g, count(*) AS c FROM t GROUP BY g HAVING count(*) IN (SELECT w FROM u)',
  having_exists: `SELECT g, count(*) AS c FROM t GROUP BY g
    HAVING EXISTS (SELECT FROM u WHERE u.k = t.g)`,
  on: 'SELECT t.id, s.id AS sid FROM t JOIN s ON t.v = s.v AND t.g IN (SELECT k FROM u)',
  on_left: `SELECT t.id, s.id AS sid FROM t LEFT JOIN s ON t.v = s.v AND
    EXISTS (SELECT FROM u WHERE u.k = t.g AND u.w < s.v)`,
  on_full: `SELECT t.id, s.id AS sid FROM t FULL JOIN s ON t.v = s.v AND
    t.g NOT IN (SELECT k FROM u)`,
  lateral: `SELECT t.id, x.m FROM t, LATERAL (SELECT max(s.v) AS m FROM s WHERE s.g = t.g) x`,
  lateral_rows: 'SELECT t.id, x.v FROM t CROSS JOIN LATERAL (SELECT v FROM s WHERE s.v > t.v) x',
  lateral_left: `SELECT t.id, x.v, x.o FROM t LEFT JOIN LATERAL
    (SELECT s.v, s.v - t.v AS o FROM s WHERE s.g = t.g) x ON x.o > 1`,
  lateral_chain: `SELECT t.id, y.w FROM t, LATERAL (SELECT v + 1 AS p FROM s WHERE s.g = t.g) x,
    LATERAL (SELECT w FROM u WHERE u.w < x.p AND u.k <> t.g) y`,
  lateral_constant: 'SELECT t.id, x.d FROM t, LATERAL (SELECT t.v * 2 AS d) x WHERE x.d > 4',
  lateral_group: `SELECT t.id, x.g, x.c FROM t, LATERAL (SELECT s.g, count(*) AS c FROM s
    WHERE s.v >= t.v GROUP BY s.g) x`,
  cte: `WITH a AS (SELECT g, sum(v) AS s FROM t GROUP BY g), b (h) AS (SELECT max(s) FROM a)
    SELECT a.g FROM a, b WHERE a.s = b.h`,
  cte_nested: `WITH a AS (WITH b AS (SELECT k FROM u WHERE w > 0) SELECT * FROM b)
    SELECT id FROM t WHERE g IN (SELECT k FROM a) AND EXISTS (SELECT FROM a WHERE a.k = t.g)`,
  cte_correlated: `SELECT id, (WITH a AS (SELECT v FROM s WHERE s.g = t.g) SELECT max(x.v)
    FROM a AS x, a AS y WHERE x.v <= y.v) AS m FROM t`,
  derived:
    'SELECT x.g, count(*) AS c FROM (SELECT g FROM t UNION ALL SELECT k FROM u) x GROUP BY x.g',
  limit_lateral: `SELECT t.id, x.v FROM t, LATERAL (SELECT v FROM s WHERE s.g = t.g
    ORDER BY v DESC NULLS LAST, id LIMIT 1) x`,
  limit_theta: `SELECT t.id, x.id AS sid FROM t LEFT JOIN LATERAL (SELECT id FROM s WHERE s.v > t.v
    ORDER BY s.v, s.id LIMIT 2 OFFSET 1) x ON true`,
  limit_scalar: 'SELECT id, (SELECT v FROM s WHERE s.g = t.g ORDER BY id LIMIT 1) AS v FROM t',
  limit_exists: 'SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.g = t.g LIMIT 1)',
  limit_in: 'SELECT id FROM t WHERE v IN (SELECT w FROM u ORDER BY k LIMIT 2)',
  window_lateral: `SELECT t.id, x.r FROM t, LATERAL (SELECT s.id, rank() OVER (ORDER BY s.v, s.id) AS r
    FROM s WHERE s.g = t.g) x WHERE x.id = t.id`,
  window_over_subquery: `SELECT id, sum((SELECT w FROM u WHERE k = t.g)) OVER (PARTITION BY v % 2
    ORDER BY id) AS s FROM t`,
  distinct_on: `SELECT t.id, x.id AS sid FROM t, LATERAL (SELECT DISTINCT ON (s.v) s.v, s.id FROM s
    WHERE s.g <> t.g ORDER BY s.v, s.id) x`,
  aggregates_ordered: `SELECT id, (SELECT array_agg(v ORDER BY id) FROM s WHERE s.g = t.g) AS a,
    (SELECT string_agg(g, ',' ORDER BY id) FROM s WHERE s.v = t.v) AS b FROM t`,
  aggregates_distinct: 'SELECT id, (SELECT count(DISTINCT v) FROM s WHERE s.g = t.g) AS c FROM t',
  aggregates_many: `SELECT id, (SELECT bool_or(v > 3) FROM s WHERE s.g = t.g) AS b,
    (SELECT regr_count(v, n) + count(n) FROM s WHERE s.v < t.v) AS r FROM t`,
  grouping_sets: `SELECT id, EXISTS (SELECT g FROM s WHERE s.v = t.v GROUP BY GROUPING SETS ((g), (id))
    HAVING count(*) > 1) AS e FROM t`,
  outer_aggregate: 'SELECT g, (SELECT count(*) FROM s WHERE s.v = max(t.v)) AS c FROM t GROUP BY g',
  outer_aggregate_alone: 'SELECT (SELECT sum(t.v)) AS c FROM t',
  outer_aggregate_mixed: `SELECT g, (SELECT sum(s.v + t.c) FROM s WHERE s.g = t.g) AS c
    FROM (SELECT g, count(*) AS c FROM t GROUP BY g) t`,
  outer_aggregate_of_subquery: `SELECT (SELECT max((SELECT u.w FROM u WHERE u.k = t.g))) AS m FROM t`,
  outer_aggregate_inside: 'SELECT g, (SELECT sum(s.v + max(t.v)) FROM s) AS c FROM t GROUP BY g',
  outer_aggregate_having: `SELECT g, count(*) AS c FROM t GROUP BY g
    HAVING EXISTS (SELECT FROM s WHERE s.v = sum(DISTINCT t.v))`,
  outer_aggregate_in: `SELECT g, max(v) IN (SELECT s.v + min(t.v) FROM s) AS i FROM t GROUP BY g`,
  outer_aggregate_two_levels: 'SELECT g, (SELECT (SELECT sum(t.v))) AS s FROM t GROUP BY g',
  outer_aggregate_order: `SELECT g, (SELECT string_agg(x.s, ',' ORDER BY x.s) FROM
    (VALUES (sum(t.v)::text), (max(t.id)::text)) x(s)) AS s FROM t GROUP BY g`,
  row_equals: 'SELECT id, (g, v) = (SELECT g, v FROM s WHERE s.id = t.id) AS x FROM t',
  row_less: `SELECT id FROM t WHERE (v, n) < (SELECT s.v, s.n FROM s WHERE s.g = t.g
    ORDER BY s.v, s.id LIMIT 1)`,
  array: 'SELECT id, ARRAY(SELECT s.id FROM s WHERE s.g = t.g ORDER BY s.v DESC, s.id) AS a FROM t',
  array_bounded: 'SELECT ARRAY(SELECT id FROM t ORDER BY v NULLS FIRST, id LIMIT 3 OFFSET 1) AS a',
  array_distinct: 'SELECT k, ARRAY(SELECT DISTINCT v FROM t WHERE v > w ORDER BY v) AS a FROM u',
  in_null_extended: `SELECT t.id, s.id IN (SELECT id FROM t) AS i, s.id NOT IN (SELECT w FROM u
    WHERE w IS NOT NULL) AS n FROM t LEFT JOIN s ON s.v = t.v`,
  in_null_extended_full: `SELECT t.id, s.id AS sid, s.id IN (SELECT id FROM t) AS i,
    t.id IN (SELECT id FROM s) AS j FROM t FULL JOIN s ON s.v = t.v`,
  in_rollup: 'SELECT id, id IN (SELECT id FROM s) AS i FROM t GROUP BY ROLLUP (id)',
  whole_row: 'SELECT t::text FROM t',
  whole_row_left: 'SELECT t.id, s::text, s IS NULL AS n FROM t LEFT JOIN s ON s.v = t.v',
  whole_row_derived: `SELECT t.id, x::text FROM t LEFT JOIN (SELECT max(w) AS m, k FROM u GROUP BY k) x
    ON x.k = t.g`,
  whole_row_all_null: `SELECT t.id, x IS NULL AS n, count(x) OVER () AS c FROM t LEFT JOIN
    (SELECT NULL::int AS a, nullif(v, 3) AS b FROM s) x ON x.b = t.v OR t.v = 4`,
  whole_row_counted:
    'SELECT t.g, count(s.*) AS c, count(s) AS d FROM t LEFT JOIN s USING (g) GROUP BY 1',
  whole_row_compared: 'SELECT t.id FROM t JOIN s ON t = s',
  whole_row_inside: 'SELECT id, (SELECT max(s)::text FROM s WHERE s < t) AS m FROM t',
  whole_row_fields: 'SELECT (x).id, (x).g FROM (SELECT s AS x FROM s) y',
  whole_row_star: 'SELECT (x.r).* FROM (SELECT s AS r FROM s WHERE v > 2) x',
  using_alias:
    'SELECT x.g, t.id, s.id AS sid FROM t FULL JOIN s USING (g) AS x WHERE x.g IS NOT NULL',
  uncorrelated_order: 'SELECT id FROM t WHERE v = (SELECT count(*) FROM u)',
};
