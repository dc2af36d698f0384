/** Views over the table of changes.ts, by what they show; each must never tie in its order. */
export const aggregateQueries: Readonly<Record<string, string>> = {
  count: 'SELECT g, count(*), count(v), count(n), count(b) FROM t GROUP BY g',
  'sum and avg':
    'SELECT g, sum(h), avg(h), sum(v), avg(v), sum(n), avg(n), sum(d), avg(d) FROM t GROUP BY g',
  'min and max':
    'SELECT g, min(v), max(v), min(n), max(n), min(d), max(at), min(at), max(g) FROM t GROUP BY g',
  'of all rows':
    "SELECT count(*), sum(v), max(n), bool_or(b), string_agg(g, ',' ORDER BY id) FROM t",
  'sums of a declared scale':
    'SELECT g, sum(p), avg(p), count(DISTINCT p), sum(DISTINCT p), max(p) FROM t GROUP BY g',
  booleans: 'SELECT g, bool_and(b), bool_or(b), every(v > 0) FROM t GROUP BY g',
  bits: 'SELECT g, bit_and(v), bit_or(v), bit_xor(v), bit_and(h), bit_or(h), bit_xor(h::smallint) FROM t GROUP BY g',
  filter:
    'SELECT g, count(*) FILTER (WHERE v > 2), sum(n) FILTER (WHERE b), max(v) FILTER (WHERE h = 1) FROM t GROUP BY g',
  distinct:
    'SELECT g, count(DISTINCT v), sum(DISTINCT v), avg(DISTINCT h), count(DISTINCT b), count(DISTINCT n) FROM t GROUP BY g',
  'filter before arguments':
    'SELECT g, sum(12 / v) FILTER (WHERE v <> 0), array_agg(12 / v ORDER BY 6 / v, id) FILTER (WHERE v <> 0) FROM t GROUP BY g',
  'distinct with filter':
    'SELECT g, count(DISTINCT v) FILTER (WHERE b), sum(DISTINCT h) FILTER (WHERE v > 0) FROM t GROUP BY g',
  'distinct in order':
    "SELECT h, string_agg(DISTINCT g, '-' ORDER BY g DESC), array_agg(DISTINCT v ORDER BY v) FROM t GROUP BY h",
  string_agg:
    "SELECT g, string_agg(v::text, ',' ORDER BY id), string_agg(g, h::text ORDER BY id DESC) FROM t GROUP BY g",
  array_agg:
    'SELECT g, array_agg(v ORDER BY v DESC NULLS LAST, id), array_agg(n ORDER BY id) FILTER (WHERE b) FROM t GROUP BY g',
  'array_agg of arrays':
    'SELECT h, array_agg(ARRAY[id, h] ORDER BY id) FROM t WHERE h IS NOT NULL GROUP BY h',
  jsonb: 'SELECT h, jsonb_agg(v ORDER BY id), jsonb_object_agg(id, n) FROM t GROUP BY h',
  'into JSON':
    "SELECT g, JSON_ARRAYAGG(v ORDER BY id RETURNING jsonb), JSON_ARRAYAGG(v ORDER BY id NULL ON NULL RETURNING jsonb), JSON_OBJECTAGG(id: n ABSENT ON NULL WITH UNIQUE KEYS RETURNING jsonb), JSON_OBJECTAGG(id VALUE b RETURNING jsonb) FILTER (WHERE h = 1), JSON_OBJECT(g: count(*), 'n': min(n) ABSENT ON NULL RETURNING jsonb) FROM t WHERE g IS NOT NULL GROUP BY g",
  'a JSON array of a query':
    'SELECT id, JSON_ARRAY(SELECT u.v FROM t AS u WHERE u.h = t.h ORDER BY u.id DESC RETURNING jsonb) FROM t',
  'a JSON table':
    "SELECT t.id, j.n, j.x, j.has, j.k FROM t LEFT JOIN JSON_TABLE(JSON_OBJECT('v': JSON_ARRAY(v, h, NULL NULL ON NULL), 'g': g), '$' PASSING h AS h COLUMNS (has boolean EXISTS PATH '$.g ? (@ == \"a\")', NESTED PATH '$.v[*]' COLUMNS (n FOR ORDINALITY, x int PATH '$ + $h' DEFAULT -1 ON ERROR), NESTED PATH '$.g' COLUMNS (k text PATH '$'))) AS j ON j.n IS DISTINCT FROM 2",
  'of JSON documents':
    "SELECT JSON_VALUE(j, '$.v' RETURNING int DEFAULT -1 ON EMPTY), JSON_QUERY(j, '$.g'), count(*), sum(JSON_VALUE(j, '$.n' RETURNING numeric)) FROM (SELECT to_jsonb(t) AS j FROM t) AS q WHERE JSON_EXISTS(j, '$ ? (@.id > $least)' PASSING 2 AS least) GROUP BY 1, 2",
  'numeric variance':
    'SELECT g, var_pop(n), var_samp(n), stddev_pop(n), stddev_samp(n), variance(n), stddev(n) FROM t GROUP BY g',
  'integer variance':
    'SELECT g, var_pop(v), var_samp(h), stddev_pop(v), stddev(h) FROM t GROUP BY g',
  'float variance': 'SELECT g, var_pop(d), var_samp(d), stddev_pop(d), stddev(d) FROM t GROUP BY g',
  regression:
    'SELECT g, corr(d, v), covar_pop(d, v), covar_samp(d, v), regr_avgx(d, v), regr_avgy(d, v), regr_count(d, v), regr_sxx(d, v), regr_syy(d, v), regr_sxy(d, v) FROM t GROUP BY g',
  'regression line':
    'SELECT g, regr_slope(d, v), regr_intercept(d, v), regr_r2(d, v) FROM t GROUP BY g',
  percentile_cont:
    'SELECT g, percentile_cont(0.3) WITHIN GROUP (ORDER BY v), percentile_cont(0.5) WITHIN GROUP (ORDER BY d DESC), percentile_cont(ARRAY[0, 0.25, 1]) WITHIN GROUP (ORDER BY n) FROM t GROUP BY g',
  'percentile_cont of intervals':
    "SELECT g, percentile_cont(0.4) WITHIN GROUP (ORDER BY at - timestamp '2020-01-01') FROM t GROUP BY g",
  percentile_disc:
    'SELECT g, percentile_disc(0.3) WITHIN GROUP (ORDER BY at), percentile_disc(ARRAY[0.1, NULL, 0.9]) WITHIN GROUP (ORDER BY v DESC) FROM t GROUP BY g',
  mode: 'SELECT g, mode() WITHIN GROUP (ORDER BY v), mode() WITHIN GROUP (ORDER BY h DESC) FROM t GROUP BY g',
  'hypothetical sets':
    'SELECT g, rank(3) WITHIN GROUP (ORDER BY v), dense_rank(3) WITHIN GROUP (ORDER BY v DESC), percent_rank(2, NULL) WITHIN GROUP (ORDER BY h, n DESC NULLS LAST), cume_dist(1.5) WITHIN GROUP (ORDER BY n NULLS FIRST) FROM t GROUP BY g',
  'hypothetical sets of some rows':
    "SELECT g, rank(2) WITHIN GROUP (ORDER BY 12 / v) FILTER (WHERE v <> 0), dense_rank(NULL, 'b') WITHIN GROUP (ORDER BY v, g) FILTER (WHERE b), percent_rank(0) WITHIN GROUP (ORDER BY d) FILTER (WHERE h > 1), cume_dist(2) WITHIN GROUP (ORDER BY v) FILTER (WHERE b) FROM t GROUP BY GROUPING SETS ((g), ())",
  'hypothetical sets of a row outside':
    'SELECT id, (SELECT rank(t.v) WITHIN GROUP (ORDER BY u.v) FROM t AS u WHERE u.h = t.h) FROM t',
  'interval sums':
    "SELECT g, sum(at - timestamp '1970-01-02'), min(at - timestamp '1970-01-02') FROM t GROUP BY g",
  'expressions, ordinals, names':
    'SELECT h % 2 AS odd, upper(g), count(*) AS c FROM t GROUP BY odd, 2',
  having: 'SELECT g, sum(v) FROM t GROUP BY g HAVING count(*) > 2 AND max(v) IS NOT NULL',
  'primary key': 'SELECT id, g, v + 1, count(*) FROM t GROUP BY id HAVING v > 0',
  rollup:
    'SELECT g, h, count(*), sum(v), grouping(g), grouping(g, h) FROM t GROUP BY ROLLUP (g, h)',
  cube: 'SELECT g, b, count(DISTINCT v), grouping(b, g) FROM t GROUP BY CUBE (g, b)',
  'grouping sets':
    'SELECT g, h, b, max(n), count(*) FROM t GROUP BY GROUPING SETS ((g, h), (b), (), (g), (g))',
  'sets times sets':
    'SELECT g, h, b, count(*) FROM t GROUP BY g, ROLLUP (h, b) HAVING grouping(h) = 0 OR count(*) > 1',
  'sets of expressions':
    'SELECT h + 1, g || g, count(*) FROM t GROUP BY GROUPING SETS ((h + 1), (g || g))',
  'empty set': 'SELECT count(*), sum(v) FROM t GROUP BY ()',
  'aggregate of aggregates':
    'SELECT c, count(*), array_agg(g ORDER BY g) FROM (SELECT g, count(*) AS c FROM t GROUP BY g) AS x GROUP BY c',
};

export const windowQueries: Readonly<Record<string, string>> = {
  ranks:
    'SELECT id, row_number() OVER (PARTITION BY g ORDER BY v, id), rank() OVER (PARTITION BY g ORDER BY v), dense_rank() OVER (PARTITION BY g ORDER BY v) FROM t',
  'reach of prefixes':
    'SELECT id, sum(v) OVER w, count(*) OVER w, max(v) OVER w, bool_or(b) OVER w, min(g) OVER w, first_value(h) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY h)',
  'reach of prefixes of rows':
    'SELECT id, sum(n) OVER w, sum(h) OVER w, count(v) FILTER (WHERE b) OVER w, bool_and(v > 0) OVER w, max(id) OVER w, first_value(g) OVER w FROM t WINDOW w AS (ORDER BY h DESC, id ROWS UNBOUNDED PRECEDING)',
  'reach of rows':
    "SELECT id, sum(v) OVER w, avg(n) OVER w, string_agg(g, ',') OVER w, stddev(n) OVER w, nth_value(id, 2) OVER w, lag(id) OVER w, lead(id) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY v, id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)",
  'reach of all together':
    'SELECT id, rank() OVER w, dense_rank() OVER w, row_number() OVER w2, lead(v) OVER w2, sum(v) OVER w, count(*) OVER w, max(v) OVER (ORDER BY h ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) - max(v) OVER (ORDER BY h ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) FROM t WINDOW w AS (ORDER BY h), w2 AS (ORDER BY h, id)',
  'reach of rows far away':
    'SELECT id, count(*) OVER (ORDER BY id ROWS BETWEEN 3 FOLLOWING AND 5 FOLLOWING), sum(n) OVER (ORDER BY id ROWS BETWEEN 4 PRECEDING AND 2 PRECEDING), last_value(v) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM t',
  'reach of distances':
    "SELECT id, sum(v) OVER (ORDER BY at RANGE interval '12 hours' PRECEDING), count(*) OVER (PARTITION BY b ORDER BY v DESC RANGE 1 PRECEDING), avg(n) OVER (ORDER BY h GROUPS 1 PRECEDING), max(id) OVER (ORDER BY n NULLS FIRST RANGE BETWEEN 0.5 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM t",
  'reach of offsets':
    'SELECT id, lag(v, 2) OVER w, lead(n, 3) OVER w, lag(h, -1, 7) OVER w, lead(g, 0) OVER w, last_value(id) OVER w, avg(v) OVER w, avg(n) FILTER (WHERE b) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY h, id)',
  'reach with EXCLUDE':
    'SELECT id, count(*) OVER (ORDER BY h, id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW), sum(id) OVER (ORDER BY h, id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING EXCLUDE GROUP) FROM t',
  'relative ranks':
    'SELECT id, percent_rank() OVER w, cume_dist() OVER w FROM t WINDOW w AS (PARTITION BY g ORDER BY h DESC NULLS LAST)',
  ntile:
    'SELECT id, ntile(3) OVER (PARTITION BY g ORDER BY id), ntile(2) OVER (ORDER BY v DESC, id) FROM t',
  'lag and lead':
    "SELECT id, lag(v) OVER w, lead(n, 2) OVER w, lag(v, 1, -1::bigint) OVER w, lead(g, h, 'none') OVER w, lag(d, -1) OVER w FROM t WINDOW w AS (PARTITION BY g ORDER BY id)",
  values:
    'SELECT id, first_value(v) OVER w, last_value(v) OVER w, nth_value(v, 2) OVER w, last_value(v) OVER (w ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) FROM t WINDOW w AS (PARTITION BY g ORDER BY id)',
  'running sums':
    'SELECT id, sum(p) OVER (ORDER BY id), sum(v) OVER (PARTITION BY g ORDER BY id), count(*) OVER (PARTITION BY g ORDER BY h), avg(n) OVER (ORDER BY id), max(v) OVER (PARTITION BY g ORDER BY h DESC) FROM t',
  'whole partitions':
    'SELECT id, sum(v) OVER (PARTITION BY g), count(v) OVER (), min(n) OVER (PARTITION BY h, b) FROM t',
  rows: 'SELECT id, sum(v) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING), min(v) OVER (ORDER BY id ROWS 2 PRECEDING), count(*) OVER (ORDER BY id ROWS BETWEEN 3 FOLLOWING AND 5 FOLLOWING), sum(n) OVER (ORDER BY id ROWS BETWEEN 4 PRECEDING AND 2 PRECEDING) FROM t',
  groups:
    'SELECT id, sum(v) OVER (ORDER BY h GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW), count(*) OVER (PARTITION BY g ORDER BY h GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING), max(n) OVER (ORDER BY h DESC GROUPS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) FROM t',
  'range of integers':
    'SELECT id, sum(v) OVER (ORDER BY v RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING), count(*) OVER (PARTITION BY g ORDER BY h DESC NULLS LAST RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), count(*) OVER (ORDER BY v DESC RANGE 1 PRECEDING) FROM t',
  'range of numbers':
    'SELECT id, count(*) OVER (ORDER BY n RANGE BETWEEN 1.5 PRECEDING AND 0.5 FOLLOWING), sum(v) OVER (PARTITION BY g ORDER BY d NULLS FIRST RANGE BETWEEN 0.6 PRECEDING AND CURRENT ROW) FROM t',
  'range of times':
    "SELECT id, count(*) OVER (ORDER BY at RANGE BETWEEN interval '12 hours' PRECEDING AND interval '1 day' FOLLOWING), sum(v) OVER (PARTITION BY g ORDER BY at::date DESC RANGE interval '1 day' PRECEDING) FROM t",
  exclude:
    'SELECT id, sum(v) OVER (w EXCLUDE CURRENT ROW), count(*) OVER (w EXCLUDE GROUP), count(v) OVER (w EXCLUDE TIES), max(v) OVER (w EXCLUDE TIES) FROM t WINDOW w AS (PARTITION BY g ORDER BY h ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)'.replace(
      /\(w /g,
      '(PARTITION BY g ORDER BY h RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING ',
    ),
  'exclude from values':
    'SELECT id, first_value(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW), last_value(id) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW), nth_value(id, 2) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) FROM t',
  'filter before arguments':
    'SELECT id, sum(12 / v) FILTER (WHERE v <> 0) OVER (PARTITION BY g ORDER BY id) FROM t',
  filter:
    'SELECT id, count(*) FILTER (WHERE b) OVER (PARTITION BY g ORDER BY id), sum(v) FILTER (WHERE h > 1) OVER (ORDER BY id ROWS 3 PRECEDING) FROM t',
  'aggregates in frames':
    "SELECT id, array_agg(v) OVER (PARTITION BY g ORDER BY id), string_agg(g, ',') OVER (ORDER BY id ROWS 2 PRECEDING), bool_or(b) OVER (ORDER BY id), jsonb_agg(h) OVER (PARTITION BY g ORDER BY id ROWS 1 PRECEDING) FROM t",
  'variance in frames':
    'SELECT id, var_samp(n) OVER (PARTITION BY g ORDER BY id), stddev(d) OVER (ORDER BY id ROWS 3 PRECEDING), bit_or(v) OVER (PARTITION BY g ORDER BY id) FROM t',
  'several windows':
    'SELECT id, row_number() OVER (PARTITION BY g ORDER BY id) + rank() OVER (ORDER BY h DESC), sum(v) OVER (PARTITION BY h ORDER BY id) FROM t WHERE v IS NOT NULL',
  'over groups':
    'SELECT g, sum(v), rank() OVER (ORDER BY count(*) DESC), sum(sum(v)) OVER (ORDER BY g), count(*) * 100.0 / sum(count(*)) OVER () FROM t GROUP BY g',
  'over duplicates':
    'SELECT g, h, row_number() OVER (PARTITION BY g ORDER BY h), count(*) OVER (PARTITION BY g ORDER BY h ROWS UNBOUNDED PRECEDING) FROM t',
  'window of a window':
    'SELECT id, sum(rn) OVER (PARTITION BY h ORDER BY id) FROM (SELECT id, h, row_number() OVER (PARTITION BY g ORDER BY id) AS rn FROM t) AS x',
};

export const topQueries: Readonly<Record<string, string>> = {
  'row_number <= n':
    'SELECT id, g, v, rn FROM (SELECT *, row_number() OVER (PARTITION BY g ORDER BY v DESC, id) AS rn FROM t) AS x WHERE rn <= 3',
  'row_number = n':
    'SELECT id, g FROM (SELECT *, row_number() OVER (PARTITION BY g ORDER BY id) AS rn FROM t) AS x WHERE rn = 2',
  'row_number without its number':
    'SELECT id, g FROM (SELECT *, row_number() OVER (PARTITION BY g ORDER BY v NULLS FIRST, id) AS rn FROM t) AS x WHERE rn < 3 AND b',
  'rank <= n':
    'SELECT id, r FROM (SELECT *, rank() OVER (PARTITION BY g ORDER BY h) AS r FROM t) AS x WHERE r <= 2',
  'dense_rank <= n':
    'SELECT id, r FROM (SELECT *, dense_rank() OVER (PARTITION BY g ORDER BY v DESC) AS r FROM t) AS x WHERE 2 >= r',
  'rank between':
    'SELECT id, r FROM (SELECT *, rank() OVER (ORDER BY h DESC) AS r FROM t) AS x WHERE r BETWEEN 2 AND 5',
  'distinct on': 'SELECT DISTINCT ON (g) g, id, v FROM t ORDER BY g, v DESC, id',
  'distinct on several': 'SELECT DISTINCT ON (h, b) h, b, id FROM t ORDER BY b, h DESC, id DESC',
  limit: 'SELECT id, v FROM t ORDER BY v, id LIMIT 5',
  'limit and offset': 'SELECT id, v FROM t ORDER BY v DESC NULLS LAST, id DESC LIMIT 4 OFFSET 2',
  'offset alone': 'SELECT id FROM t ORDER BY id OFFSET 3',
  'with ties': 'SELECT id, h FROM t ORDER BY h FETCH FIRST 3 ROWS WITH TIES',
  'with ties and an offset':
    'SELECT h, count(*) FROM (SELECT h FROM t ORDER BY h OFFSET 1 FETCH NEXT 3 ROWS WITH TIES) AS x GROUP BY h',
  'limit in a subquery':
    'SELECT g, count(*), sum(v) FROM (SELECT g, v FROM t ORDER BY id DESC LIMIT 6) AS x GROUP BY g',
  'limit of duplicates': 'SELECT g FROM t ORDER BY g LIMIT 4',
  'limit of groups': 'SELECT g, count(*) FROM t GROUP BY g ORDER BY count(*) DESC, g LIMIT 2',
  'limit of a union': 'SELECT id FROM t UNION ALL SELECT h FROM t ORDER BY id LIMIT 6',
  'limit 0': 'SELECT id FROM t ORDER BY id LIMIT 0',
};
