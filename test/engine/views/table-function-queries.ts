/** Queries with set-returning functions and VALUES, by what they show. */
export const tableFunctionQueries: Readonly<Record<string, string>> = {
  series: 'SELECT g FROM generate_series(1, 4) AS g',
  series_down: 'SELECT x, y FROM generate_series(5, 1, -2) AS x, generate_series(1, x) AS y(y)',
  series_lateral: 'SELECT t.id, i FROM t, generate_series(1, t.v) AS i WHERE t.v < 6',
  series_left: 'SELECT t.id, i FROM t LEFT JOIN LATERAL generate_series(1, t.v) AS i ON i > 2',
  series_join:
    'SELECT i, count(t.id) AS c FROM generate_series(0, 5) i LEFT JOIN t ON t.v = i GROUP BY i',
  series_numeric: 'SELECT * FROM generate_series(1, 2.5, 0.5) n',
  series_times: `SELECT * FROM generate_series('2024-01-31'::timestamp, '2024-05-01', '1 month') m`,
  series_dates: `SELECT d::date FROM generate_series('2024-02-27'::date, '2024-03-01'::date, '1 day') d`,
  unnest: "SELECT x FROM unnest(ARRAY['a', NULL, 'c']) AS x",
  unnest_two: 'SELECT * FROM unnest(ARRAY[1, 2, 3], ARRAY[true, false]) AS x(a, b)',
  rows_from:
    'SELECT t.id, x.* FROM t, ROWS FROM (generate_series(1, t.v), unnest(ARRAY[t.g, NULL]), abs(t.id - 3)) WITH ORDINALITY AS x',
  rows_from_named:
    "SELECT a, b, c, d FROM ROWS FROM (unnest(ARRAY[1, 2], ARRAY['x', 'y', 'z']), upper('q')) WITH ORDINALITY AS x(a, b, c, d)",
  rows_from_one: 'SELECT i FROM ROWS FROM (generate_series(1, 3)) AS i',
  rows_from_left:
    'SELECT t.id, x.i, x.k FROM t LEFT JOIN LATERAL ROWS FROM (generate_series(t.v, 3), generate_series(1, 2)) AS x(i, k) ON x.i = x.k + 1',
  ordinality: `SELECT t.id, x.v, x.ordinality FROM t, unnest(ARRAY[t.g, 'z']) WITH ORDINALITY AS x(v)`,
  ordinality_named: `SELECT * FROM generate_series(3, 5) WITH ORDINALITY AS x`,
  ordinality_scalar: `SELECT * FROM upper('a') WITH ORDINALITY AS x(a, b)`,
  join_alias: `SELECT j.id, j.w FROM (t JOIN u ON t.g = u.k) AS j WHERE j.v > 1`,
  join_alias_columns: `SELECT a, k FROM (t LEFT JOIN u ON t.g = u.k) AS j(a, b) WHERE b <> 'a'`,
  unnest_column: 'SELECT t.id, x FROM t, unnest(ARRAY[t.v, t.id, NULL]) x WHERE x > 2',
  unnest_group: 'SELECT unnest(ARRAY[g, upper(g)]) AS x, count(*) AS c FROM t GROUP BY x',
  select_list: 'SELECT id, generate_series(1, v) AS i FROM t WHERE v < 5',
  select_two: 'SELECT id, generate_series(1, 2) AS i, unnest(ARRAY[v, v + 1, v + 2]) AS j FROM t',
  select_expression: 'SELECT id, generate_series(1, 2) * v AS i FROM t',
  select_alone: 'SELECT generate_series(1, 3) AS i',
  select_aggregate: 'SELECT g, generate_series(1, count(*)) AS i FROM t GROUP BY g',
  select_distinct: 'SELECT DISTINCT unnest(ARRAY[v, v % 3]) AS i FROM t',
  nested: 'SELECT id, generate_series(1, generate_series(1, 2)) AS i FROM t WHERE v > 3',
  values_join: `SELECT t.id, x.name FROM t JOIN (VALUES ('a', 'one'), ('b', 'two'), (NULL, 'none'))
    AS x(g, name) ON x.g IS NOT DISTINCT FROM t.g`,
  values_types: 'VALUES (1, NULL), (2.5, 3), ((SELECT max(w) FROM u), 4)',
  values_correlated: 'SELECT id, (SELECT max(a) FROM (VALUES (t.v), (t.id), (3)) x(a)) AS m FROM t',
  series_subquery: `SELECT id FROM t WHERE EXISTS (SELECT FROM generate_series(1, t.v) i
    WHERE i * i = t.id)`,
  series_scalar: 'SELECT id, (SELECT sum(i * t.id) FROM generate_series(1, t.v) i) AS s FROM t',
  function_rows: 'SELECT * FROM abs(-3) AS a, upper($$x$$) AS b',
  json: `SELECT t.id, k, x FROM t, jsonb_each('{"a": [1, 2], "b": 3}') AS j(k, x) WHERE t.v > 2`,
  json_items: `SELECT x FROM jsonb_array_elements_text('["a", 1, null, {"b": 2}]') x`,
  json_recordset: `SELECT t.id, x.* FROM t, jsonb_to_recordset(jsonb_build_array(jsonb_build_object('a', t.v,
    'b', t.g), '{"a": 7, "c": true}'::jsonb)) AS x(a int, b text, c boolean)`,
  json_recordset_left: `SELECT t.id, x.a FROM t LEFT JOIN LATERAL jsonb_to_recordset(jsonb_build_array(
    jsonb_build_object('a', t.v))) x(a int) ON x.a > 3`,
  json_record: `SELECT x.a + 1 AS b, x.z FROM t, jsonb_to_record(jsonb_build_object('a', t.v)) AS x(a int, z text)`,
  json_keys: `SELECT jsonb_object_keys('{"b": 1, "a": 2}') AS k`,
};
