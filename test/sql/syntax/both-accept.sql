SELECT 1
select a, "B", t.c, s.t.d, * , t.* FROM t
SELECT
SELECT FROM t
SELECT ALL a FROM t
SELECT DISTINCT a, b FROM t
SELECT DISTINCT ON (a, b + 1) a, c AS "x y" FROM t ORDER BY a, b + 1 DESC NULLS LAST
SELECT a b, c AS select, d "from" FROM t AS x (p, q), u y
SELECT 1 AS year, 2 AS value, 3 name, 4 type
SELECT year, month, day, value, key FROM t
SELECT 1 + 2 * 3 ^ 4 ^ 5 % 6 - -7 / +8
SELECT - 2 ^ 2, -a::int, - - 1, + - a, -(1), (-1)::int, -1.5::numeric(10,2)
SELECT a OR b AND NOT c = d, NOT NOT a, NOT a IS NULL, NOT a IN (1) OR b
SELECT a = b IS NULL, a IS NULL = b, a IS NULL IS NULL, a < b IS NOT TRUE < c
SELECT a < b IS NOT UNKNOWN, a IS FALSE, a ISNULL, a NOTNULL, a IS NOT FALSE
SELECT a IS DISTINCT FROM b + 1, a IS NOT DISTINCT FROM b AND c, a IS DISTINCT FROM b < c
SELECT a BETWEEN 1 AND 2 AND b, a NOT BETWEEN SYMMETRIC b + 1 AND c || d, a BETWEEN ASYMMETRIC 1 AND 2
SELECT a BETWEEN b < c AND d, a BETWEEN b IS DISTINCT FROM c AND d, a BETWEEN 1 AND 2 = true
SELECT a IN (1, 2), a NOT IN (SELECT 1), (a, b) IN ((1, 2), (3, 4)), a IN ((SELECT 1)), a IN ((SELECT 1), 2)
SELECT a IN (1) IN (true), a IN (1) = b, a IN (1) IS NULL
SELECT a LIKE 'x%' ESCAPE '!', a NOT ILIKE b || '%', a SIMILAR TO 'x', a NOT SIMILAR TO b ESCAPE c, a LIKE b = c
SELECT a || b + c, a + b || c, a -> 'x' ->> 'y', a #> b = c, a @> b OR c, a <@ b, a ? 'k', a && b
SELECT a = NOT b, a * NOT b OR c, 1 = NOT 2 = 3, a + - b, a * ~ b + c, @ a - b, ~ a * b
SELECT a<-1, a=-1, a*-1, a>=-b, a@-1, a!=b, a<>b, a||-b, 1+-1, 2*/* c */-3, 4--comment
SELECT a < ANY (SELECT 1), a = SOME (SELECT 1), a >= ALL (VALUES (1)), 1 < ANY (SELECT 1) < true, a <> ALL ((SELECT 1))
SELECT a AT TIME ZONE 'UTC', a AT TIME ZONE b AT TIME ZONE c, a || b AT TIME ZONE c, - a AT TIME ZONE b
SELECT CASE WHEN a THEN b END, CASE a WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END + 1, CASE a = b WHEN true THEN 1 END
SELECT CAST(a AS bigint), a::int::text, a::double precision, CAST(a AS character varying(10)), a::char, a::character(3), a::char varying
SELECT a::numeric(10, -2), a::dec, a::decimal(5), a::float, a::float(24), a::float(25), a::real, a::boolean, a::bool
SELECT a::int[], a::int[][], a::text[3], a::int array, a::int array[4], a::int4[], a::smallint
SELECT a::timestamp, a::timestamp(3), a::timestamp with time zone, a::timestamp(3) without time zone, a::timestamptz(2), a::time with time zone, a::time(1), a::timetz
SELECT a::interval, a::interval(3), a::mytype, a::"My Type", a::"char", a::json, a::jsonb, a::date, a::pg_catalog.int4, a::double, a::name, a::varchar, a::bytea
SELECT DATE '2020-01-01', TIMESTAMP '2020-01-01', TIMESTAMP WITH TIME ZONE '2020', timestamptz '2020', TIME '10:00', time with time zone '10', timestamp(3) with time zone 'x'
SELECT INTERVAL '1' DAY, INTERVAL '1 day', interval '1' year to month, interval '1' day to second, interval(3) '1 s', interval '1' hour, interval '1' minute to second, interval '1' HOUR TO MINUTE
SELECT int '1', numeric(3,1) '1.5', varchar(3) 'abc', double precision '1', float8 '1', bool 't', json '{}', point '1,2', timestamptz(3) 'x', year '2020', char(3) 'a', real '1', mytype(1,2) 'x', character varying(3) 'y', char 'x'
SELECT NULL, TRUE, FALSE, null::int, true AND false
SELECT 'it''s', E'\n\u0041\x41\101\'\\\q', $$a'b$$, $tag$a$$b$tag$, '', E'\U0001F600', E'\uD83D\uDE00', e'a''b'
SELECT 1, 1.5, .5, 1., 1e5, 1.e5, 1e-5, 1.5E+10, 99999999999999999999, 1_000, 1_0.0_1, 0x1F, 0o17, 0b101, 0xFFFF_FFFF, 9223372036854775807, 9223372036854775808, 2147483648, 007
SELECT $1, $2 + $10, a$b, _x, é, "é""q", "select"
SELECT count(*), count(DISTINCT a), sum(ALL a), string_agg(a, ',' ORDER BY b DESC, c), count(*) FILTER (WHERE a > 1), f(), s.f(1), c.s.f(a, b), "F"(x), "count"(*)
SELECT row_number() OVER (PARTITION BY a, b ORDER BY c DESC), sum(a) OVER (), sum(a) FILTER (WHERE b) OVER (ORDER BY c), count(*) OVER (ORDER BY a, b NULLS FIRST)
SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), sum(a) OVER (ROWS 1 PRECEDING), sum(a) OVER (ORDER BY b RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND f(1) + 2 FOLLOWING EXCLUDE TIES), sum(a) OVER (GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING EXCLUDE NO OTHERS)
SELECT left(a, 1), right(b, 2), replace(a, 'x', 'y'), date(a), year(b), if(a, b), text(a), name(b), abs(-1), log(2, 8)
SELECT EXTRACT(year FROM a), EXTRACT('epoch' FROM a), extract(dow from a + b), extract(second from a), extract("x" from a)
SELECT SUBSTRING(a FROM 1 FOR 2), SUBSTRING(a FOR 2), SUBSTRING(a FROM 2), SUBSTRING(a FOR 2 FROM 1), substring(a, 1, 2), substring(a from 'x'), substring(a)
SELECT TRIM(a), TRIM(BOTH 'x' FROM a), TRIM(LEADING FROM a), TRIM(TRAILING 'x' FROM a), TRIM(a, 'x'), TRIM('x' FROM a), trim(both a), trim(from a)
SELECT POSITION('a' IN b), POSITION('a' || b IN c), position(a + 1 in b), OVERLAY(a PLACING b FROM 1), OVERLAY(a PLACING b FROM 1 FOR 2), overlay(a, b, 1)
SELECT COALESCE(a, b, 1), NULLIF(a, b), GREATEST(a, b), LEAST(a), coalesce(a) + 1
SELECT current_date, current_time, current_timestamp, localtime, localtimestamp, current_user, session_user, user, current_catalog, current_schema, current_role, system_user
SELECT current_timestamp(3), localtime(0), current_time(1), localtimestamp(2)
SELECT ARRAY[1, 2], ARRAY[]::int[], ARRAY[ARRAY[1], ARRAY[2]], ARRAY(SELECT 1), ROW(1, 2), ROW(), ROW(1), (1, 2), row(a, t.*)
SELECT EXISTS (SELECT 1), NOT EXISTS (SELECT FROM t), (SELECT 1), ((SELECT 1)), ((SELECT 1) + 1), (((SELECT 1)) + 1) * 2, ((SELECT 1) UNION (SELECT 2)), (((SELECT 1) ORDER BY 1) LIMIT 1)
SELECT exists, row, "row"(1), interval, time, timestamp, date, char, int, values, position FROM t
SELECT (a), ((a)), ((a + b) * c), (a) + (b), ((1), (2))
SELECT * FROM a, b, c
SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (y, z) RIGHT OUTER JOIN d ON true FULL JOIN e ON e.x = a.x CROSS JOIN f NATURAL JOIN g NATURAL LEFT JOIN h
SELECT * FROM a INNER JOIN b ON x, c NATURAL INNER JOIN d, e FULL OUTER JOIN f USING (g)
SELECT * FROM a JOIN b JOIN c ON x ON y
SELECT * FROM a JOIN b CROSS JOIN c ON x
SELECT * FROM a CROSS JOIN b JOIN c ON x
SELECT * FROM a JOIN (b JOIN c ON x) ON y
SELECT * FROM (a JOIN b ON x) JOIN c ON y, ((d CROSS JOIN e))
SELECT * FROM (SELECT 1) x, (VALUES (1, 2), (3, 4)) AS v (a, b), (SELECT 2), LATERAL (SELECT 3) l, ((SELECT 4)) y
SELECT * FROM ((SELECT 1) UNION (SELECT 2)) x, ((SELECT 1) a CROSS JOIN b), (((SELECT 1) a CROSS JOIN b) CROSS JOIN c)
SELECT * FROM ((SELECT 1) ORDER BY 1) x, ((SELECT 1) LIMIT 1) y
SELECT * FROM generate_series(1, 3) AS g, LATERAL f(a) l (x, y), s.f(1), c.s.f(2) z, unnest(ARRAY[1]) u, coalesce(1) c, left('a', 1), tumble(t, c, INTERVAL '1' HOUR)
SELECT * FROM current_date d, current_user
SELECT * FROM t *, s.u, c.s.v AS w, "T", year, left_table
SELECT a FROM t WHERE a > 1 AND b GROUP BY a, b + 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 10 OFFSET 5
SELECT a FROM t GROUP BY ROW(a, b), (a)
SELECT a FROM t ORDER BY a ASC, b DESC NULLS FIRST, c NULLS LAST
SELECT a FROM t OFFSET 5 ROWS FETCH FIRST 3 ROWS ONLY
SELECT a FROM t FETCH NEXT ROW ONLY
SELECT a FROM t FETCH FIRST (1 + 1) ROWS ONLY OFFSET 2 ROW
SELECT a FROM t OFFSET 1 LIMIT 2
SELECT a FROM t LIMIT $1 + 1 OFFSET (SELECT 1)
VALUES (1, 'a'), (2, NULL)
VALUES (1) ORDER BY 1 LIMIT 1
SELECT 1 UNION SELECT 2 UNION ALL SELECT 3
SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 EXCEPT ALL SELECT 4
SELECT 1 INTERSECT ALL SELECT 2 UNION DISTINCT SELECT 3
(SELECT 1 UNION SELECT 2) INTERSECT (SELECT 3 ORDER BY 1 LIMIT 1) ORDER BY 1
SELECT 1 UNION (SELECT 2 UNION SELECT 3) UNION VALUES (4)
((SELECT 1))
(SELECT 1 ORDER BY 1) LIMIT 2
WITH a AS (SELECT 1), b (x, y) AS (VALUES (1, 2)) SELECT * FROM a, b
WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r
WITH a AS MATERIALIZED (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) SELECT 1 UNION SELECT 2 ORDER BY 1
WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) (SELECT * FROM a)
TABLE t
TABLE s.t UNION TABLE u ORDER BY 1
SELECT (TABLE t), EXISTS (TABLE t) FROM (TABLE u) x
SELECT 'a' -- comment
SELECT a AS b FROM t WHERE (a, b) = (1, 2) AND (a) IS NOT NULL
SELECT a FROM t WHERE x = 'a' OR y IN ('b', 'c') AND NOT z BETWEEN 1 AND 3
SELECT operator, overlapping FROM t
SELECT t.select, t.from.where FROM t
SELECT SUBSTRING(a SIMILAR b ESCAPE c)
SELECT U&'d\0061t\+000061', U&'d!0061' UESCAPE '!', U&'\\', U&'\D83D\DE00'
SELECT /* a /* nested */ b */ 1
SELECT a::int + b::int * c::int, a::text || b, -a::int
SELECT a IS NOT NULL AND b IS NULL OR c
SELECT (a OR b) AND (c OR d), a AND b AND c AND d, a AND (b AND c), a OR b OR (c OR d)
SELECT a <= b, a >= b
SELECT a ~ 'x', a ~* 'x', a !~ 'x', a !~* b, a ~~ b, a | b & c # d, a << 2 >> 1
INSERT INTO t VALUES (1, 'a'), (DEFAULT, 2)
INSERT INTO s.t (a, b) SELECT 1, 2
INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING
INSERT INTO t (a) VALUES (1) ON CONFLICT (a, b) DO NOTHING
INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x
INSERT INTO t (SELECT 1)
INSERT INTO t ((SELECT 1) UNION (SELECT 2))
INSERT INTO t (a) (VALUES (1))
INSERT INTO t TABLE u
INSERT INTO t ("select", year) VALUES (1, 2)
UPDATE t SET a = 1, b = DEFAULT, c = c + 1 WHERE d = 2
UPDATE t AS x SET a = x.b
UPDATE t x SET a = (SELECT 1)
UPDATE s.t SET a = b WHERE true OR c
UPDATE t * SET a = 1
DELETE FROM t
DELETE FROM t WHERE a = 1
DELETE FROM s.t AS x WHERE x.a IN (1, 2)
DELETE FROM t x
SELECT 1; ; SELECT 2;
EXPLAIN SELECT 1
EXPLAIN (SELECT 1)
EXPLAIN ((SELECT 1) UNION SELECT 2)
EXPLAIN ANALYZE SELECT 1
EXPLAIN UPDATE t SET a = 1
CREATE TABLE t (a int, b text NOT NULL, PRIMARY KEY (a, b))
CREATE TABLE IF NOT EXISTS s.t (a bigint PRIMARY KEY, b numeric(10,2) DEFAULT 0)
CREATE TABLE t (a int DEFAULT 1 + 2, b varchar(10) DEFAULT 'x'::text)
CREATE VIEW v AS SELECT 1
CREATE VIEW v (a, b) AS SELECT 1, 2
CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM t GROUP BY a
CREATE MATERIALIZED VIEW IF NOT EXISTS v (x) AS SELECT 1 UNION SELECT 2
DROP TABLE a, s.b
DROP TABLE IF EXISTS a CASCADE
DROP VIEW a RESTRICT
DROP MATERIALIZED VIEW IF EXISTS a, b
SELECT a.b.c.d FROM t
SELECT percent_rank() OVER (ORDER BY a), zone FROM t
SELECT row_number() OVER (PARTITION BY (a, b) ORDER BY (c, d))
SELECT count(*) FROM (SELECT 1) AS t (filter)
SELECT a is_ok, b within_x, c without_y FROM t
SELECT a%-b, a|-b, a@-b, 1 +/* x */ 2, É, é
SELECT 0_1, 0x_1F, 0b_1, 0o_7, .5_0, 1_0e1_0, 0xFFe1
SELECT coalesce, E'\v'
SELECT operator, overlaps_x, double, char 'x'
CREATE TABLE t (a int DEFAULT 1 NOT NULL, b int DEFAULT a - 1 NULL)
SELECT a[1]
SELECT a[1:2], a[:2], a[1:], a[:], a[1][2], (a)[1].b
SELECT (a).b, (a).b.c, (a.b).c[1].d
SELECT (SELECT 1).b
SELECT (SELECT ARRAY[1])[1]
SELECT (a, b) OVERLAPS (c, d)
SELECT ROW(a, b) OVERLAPS (c, d) AND x
SELECT a = ANY (b)
SELECT a = ANY (ARRAY[1]), a <> ALL (b || 1), a < SOME ('{1}'::int[])
SELECT a LIKE ANY (b), a NOT ILIKE ALL (b), a ILIKE SOME (b), a NOT LIKE ANY (ARRAY['x'])
SELECT ARRAY[[1, 2], [3, 4]], ARRAY[ARRAY[1], ARRAY[2]], ARRAY[]::int[], ARRAY[[[1]]]
SELECT $1[1]
SELECT a LIKE ANY (SELECT 1)
INSERT INTO t AS x VALUES (1)
INSERT INTO t DEFAULT VALUES
INSERT INTO t DEFAULT VALUES RETURNING *
INSERT INTO t VALUES (1) RETURNING a, t.b AS c, a + 1 d
INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1
INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = excluded.b + t.b, c = DEFAULT WHERE t.b > 1 RETURNING *
INSERT INTO t SELECT a FROM u ON CONFLICT DO NOTHING RETURNING a
UPDATE t SET a = 1 FROM u
UPDATE t AS x SET a = u.a FROM u, v JOIN w ON v.a = w.a WHERE x.b = u.b RETURNING x.a
UPDATE t x SET a = 1 RETURNING a
DELETE FROM t USING u
DELETE FROM t AS x USING u, v WHERE x.a = u.a RETURNING *
DELETE FROM t x USING u
DELETE FROM t RETURNING a
CREATE TABLE t (a int UNIQUE)
CREATE TABLE t (a int CHECK (a > 1) CONSTRAINT c CHECK (a < 9))
CREATE TABLE t (a int, CONSTRAINT k PRIMARY KEY (a, b), CHECK (a > b), CONSTRAINT d CHECK (a IS NOT NULL), UNIQUE (a), CONSTRAINT u UNIQUE (a, b))
CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED)
CREATE OR REPLACE VIEW v AS SELECT 1
CREATE INDEX i ON t (a)
CREATE UNIQUE INDEX i ON t (a)
DROP INDEX i
SET x = DEFAULT
CREATE UNIQUE INDEX IF NOT EXISTS i ON s.t (a, b DESC)
CREATE INDEX ON t (a)
EXPLAIN (ANALYZE) SELECT 1
ALTER TABLE t RENAME TO u
ALTER TABLE IF EXISTS t RENAME a TO b
ALTER TABLE t RENAME COLUMN a TO b
ALTER TABLE t ADD COLUMN a int
ALTER TABLE IF EXISTS t ADD a numeric(8, 2) NOT NULL DEFAULT 1.5, DROP COLUMN b, ADD COLUMN IF NOT EXISTS c text
ALTER TABLE t DROP a, DROP COLUMN IF EXISTS b CASCADE, DROP c RESTRICT
ALTER VIEW v RENAME TO w
ALTER MATERIALIZED VIEW v RENAME COLUMN a TO b
ALTER INDEX i RENAME TO j
SELECT |/ a, ||/ a + 1, @ - a
SELECT f(a) WITHIN GROUP (ORDER BY b)
SELECT f(a) OVER w FROM t WINDOW w AS (ORDER BY b)
SELECT f(a) OVER (w ORDER BY b) FROM t
SELECT 1 FROM t WINDOW w AS (ORDER BY b)
SELECT GROUPING(a) FROM t
SELECT a FROM t ORDER BY a FETCH FIRST 1 ROW WITH TIES
SELECT a FROM t GROUP BY ()
SELECT a FROM t GROUP BY CUBE (a, b)
SELECT a FROM t GROUP BY ROLLUP (a, b)
SELECT a FROM t GROUP BY GROUPING SETS ((a), (b))
SELECT f(a) OVER (w), g() OVER (ORDER BY a ROWS 1 PRECEDING) FROM t WINDOW w AS (PARTITION BY a), x AS (w ORDER BY b)
SELECT sum(a) OVER (ORDER BY b RANGE BETWEEN interval '1 day' PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES) FROM t
SELECT sum(a) OVER (ROWS BETWEEN CURRENT ROW AND a + 1 FOLLOWING EXCLUDE GROUP), sum(a) OVER (GROUPS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) FROM t
SELECT sum(a) OVER (RANGE UNBOUNDED PRECEDING EXCLUDE NO OTHERS) FROM t
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC NULLS LAST) FILTER (WHERE b) FROM t
SELECT a FROM t GROUP BY a, CUBE (b, (c, d)), ROLLUP ((a, b), c), GROUPING SETS ((), (a, b), a, CUBE (a), GROUPING SETS ((a), ())), ()
SELECT grouping(a, b), grouping FROM t GROUP BY ROLLUP (a, b)
SELECT a FROM t GROUP BY rollup, cube, grouping
SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT 3 ROWS WITH TIES
SELECT a FROM t ORDER BY a FETCH FIRST ROW WITH TIES
SELECT a FROM t ORDER BY a FETCH FIRST (1 + 2) ROWS WITH TIES
SELECT a FROM f(1) WITH ORDINALITY
SELECT a FROM LATERAL f(1) WITH ORDINALITY AS x (a, n)
SELECT a FROM (t JOIN u ON a) x
SELECT a FROM (t JOIN u ON a) AS x (b, c) CROSS JOIN v
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION s.f(a int, b double precision, text) RETURNS int LANGUAGE sql AS $$SELECT a + $3::int$$
DROP FUNCTION f
RESET x
RESET ALL
RESET TIME ZONE
SET TIME ZONE 'UTC'
SET TIME ZONE LOCAL
SET TIME ZONE DEFAULT
SELECT a FROM t ORDER BY a USING <, b USING > NULLS LAST
SELECT x.* FROM t JOIN u USING (a, b) AS x
SELECT (a).*, (a.b).*, (f(c)).* FROM t
WITH a AS (SELECT 1) INSERT INTO t VALUES (1)
WITH a AS (SELECT 1) DELETE FROM t
WITH a AS (INSERT INTO t VALUES (1) RETURNING b), c AS (SELECT 1) SELECT * FROM a ORDER BY b LIMIT 1
WITH RECURSIVE z AS (SELECT 1), a(x) AS (UPDATE t SET b = 1 FROM z RETURNING *), c AS (SELECT 2) TABLE a
WITH a AS (DELETE FROM t) VALUES (1)
UPDATE t SET (a, b) = (1, 2)
CREATE TABLE t AS SELECT 1
TRUNCATE t
SELECT a FROM t GROUP BY DISTINCT a
WITH RECURSIVE a(x) AS (SELECT 1), b AS (SELECT 2) UPDATE t SET (a, b) = (SELECT x, 2 FROM a), c = DEFAULT FROM b WHERE t.a = b.x RETURNING t.*
WITH a AS (SELECT 1) INSERT INTO t (a, b) SELECT * FROM a ON CONFLICT (a) DO UPDATE SET (a, b) = ROW(excluded.a, DEFAULT)
UPDATE t SET (a, b) = ROW(1, DEFAULT)
UPDATE t SET (a) = (SELECT 1)
CREATE TABLE IF NOT EXISTS s.t (a, b) AS SELECT 1, 2 WITH NO DATA
CREATE TABLE t AS VALUES (1, 'x'), (2, 'y')
CREATE TABLE t AS TABLE u WITH DATA
TRUNCATE TABLE t, u
SELECT a FROM t GROUP BY ALL a, b
SELECT a FROM t GROUP BY DISTINCT ROLLUP (a, b), CUBE (a, c)
CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'
SELECT a FROM f(1) AS (a int, b text)
SELECT a FROM LATERAL f(1) AS x (a int, b text[], c numeric(8, 2))
SELECT a FROM f(1) x (a int)
SELECT U&"x" FROM t
SELECT N'x'
SELECT a OPERATOR(pg_catalog.+) b
SELECT a::national character(3)
SELECT a FROM ONLY t
TABLE ONLY t
CREATE TABLE t (a int CONSTRAINT c PRIMARY KEY)
CREATE RECURSIVE VIEW v (a) AS SELECT 1
SET SESSION x = 'a'
SELECT U&"d\0061t\+000061" FROM U&"!0074" UESCAPE '!'
SELECT u&"a""b" FROM t AS U&"T\0031"
SELECT N'x', n'it''s', NCHAR 'abc', NCHAR(2) 'abc', NATIONAL CHARACTER VARYING(3) 'abc', national char 'abc'
SELECT a::nchar, a::nchar(2), a::nchar varying(2), a::national char varying
SELECT a OPERATOR(+) b * c, NOT a OPERATOR(pg_catalog.=) b
SELECT a OPERATOR(=) ANY (ARRAY[1, 2]), a OPERATOR(pg_catalog.||) b FROM t
SELECT operator FROM t
SELECT 1 AS operator, operator.a FROM t AS operator
SELECT a FROM ONLY (t) JOIN ONLY u ON true
UPDATE ONLY t SET a = 1
UPDATE ONLY (t) SET a = 1
DELETE FROM ONLY (t) WHERE a
TABLE ONLY (t)
TABLE t *
ALTER TABLE ONLY t RENAME COLUMN a TO b
CREATE TABLE t (a int CONSTRAINT p PRIMARY KEY CONSTRAINT n NOT NULL, b int CONSTRAINT u UNIQUE CONSTRAINT d DEFAULT 1)
CREATE TABLE t (a int CONSTRAINT c NULL CONSTRAINT k CHECK (a > 1))
CREATE OR REPLACE RECURSIVE VIEW s.v (a, b) AS VALUES (1, 2) UNION ALL SELECT a + 1, b FROM v WHERE a < 3
SET SESSION x TO 'a'
SET SESSION TIME ZONE 'UTC'
SET session TO 'a'
SET session = 'a'
INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING
INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT "C d" DO UPDATE SET a = 1 WHERE t.a > 2
SELECT f(a => 1)
SELECT f(a := 1)
SELECT f(1, a => 2 + 3, "B c" => (SELECT 1)), g(left => 1) FROM h(x => 1, y := t.z)
SELECT count(DISTINCT a => 1) OVER (), sum(a := b ORDER BY c) FROM t
SELECT a IS JSON, a IS NOT JSON VALUE, a IS JSON OBJECT WITH UNIQUE KEYS, a IS JSON ARRAY WITHOUT UNIQUE KEYS, a IS JSON SCALAR WITH UNIQUE FROM t
SELECT JSON_VALUE(a, '$.b'), json_value(a FORMAT JSON, b || 'c' PASSING 1 AS x, c FORMAT JSON AS "Y", d AS select RETURNING int DEFAULT 1 + 2 ON EMPTY ERROR ON ERROR) FROM t
SELECT JSON_VALUE(a, '$.b' RETURNING numeric(10, 2) NULL ON EMPTY), JSON_VALUE(a, b ERROR ON ERROR) + 1, JSON_VALUE(a FORMAT JSON ENCODING UTF8, b) FROM t
SELECT JSON_QUERY(a, '$' WITHOUT WRAPPER), JSON_QUERY(a, '$' WITHOUT ARRAY WRAPPER KEEP QUOTES), JSON_QUERY(a, '$' WITH WRAPPER), JSON_QUERY(a, '$' WITH ARRAY WRAPPER), JSON_QUERY(a, '$' WITH CONDITIONAL WRAPPER), JSON_QUERY(a, '$' WITH UNCONDITIONAL ARRAY WRAPPER OMIT QUOTES) FROM t
SELECT JSON_QUERY(a, '$' RETURNING text FORMAT JSON OMIT QUOTES ON SCALAR STRING EMPTY ON EMPTY EMPTY OBJECT ON ERROR), JSON_QUERY(a, '$' RETURNING bytea FORMAT JSON ENCODING utf8 KEEP QUOTES ON SCALAR STRING EMPTY ARRAY ON ERROR) FROM t
SELECT JSON_EXISTS(a, '$'), JSON_EXISTS(a, '$' PASSING b AS c TRUE ON ERROR), NOT JSON_EXISTS(a, '$' UNKNOWN ON ERROR) FROM t WHERE JSON_EXISTS(a, '$' FALSE ON ERROR)
