import { describe, expect, test } from 'vitest';
import { Account } from '../../../sql/dialects/account.ts';
import { foreignTokens } from '../../../sql/dialects/foreign-tokens.ts';
import { readScript } from '../../../sql/dialects/script.ts';
import { dialects } from '../../../sql/dialects/traits.ts';
import { translate } from '../../../sql/dialects/translate.ts';

/** Foreign text, and the native text that it becomes. */
const translations: readonly (readonly [dialect: string, text: string, native: string])[] = [
  [
    'mysql',
    'SELECT `a b` AS x, T.c FROM `T` WHERE `order` = "it\'s" # end',
    `SELECT "a b" AS x, t.c FROM t WHERE ("order" = 'it''s')`,
  ],
  [
    'mysql',
    "SELECT 'a\\'b\\n', 2.50, 12345678901234567890123, 1e3",
    "SELECT 'a''b\n', 2.50, 12345678901234567890123, 1e3",
  ],
  [
    'mysql',
    'SELECT IFNULL(a, 0), IF(a > 1, 2, 3), LCASE(s) FROM t LIMIT 5, 10',
    'SELECT coalesce(a, 0), CASE WHEN (a > 1) THEN 2 ELSE 3 END, lower(s) FROM t LIMIT 10 OFFSET 5',
  ],
  [
    'mysql',
    'SELECT a / b, a DIV b, a MOD b FROM t',
    'SELECT ((a * 1.0) / nullif(b, 0)), trunc(((a * 1.0) / nullif(b, 0))), (a % nullif(b, 0)) FROM t',
  ],
  // The foreign parser has OR bind tighter than AND.
  ...['mysql', 'snowflake', 'bigquery', 'sqlite', 'transactsql'].flatMap((dialect) => [
    [
      dialect,
      'SELECT 1 FROM t WHERE a AND b OR c AND d OR e',
      'SELECT 1 FROM t WHERE (((a AND b) OR (c AND d)) OR e)',
    ] as const,
    [
      dialect,
      'SELECT 1 FROM t WHERE a AND (b OR c)',
      'SELECT 1 FROM t WHERE (a AND (b OR c))',
    ] as const,
    [
      dialect,
      'SELECT 1 FROM t WHERE a = 1 AND NOT b = 2 OR NOT (c OR d)',
      'SELECT 1 FROM t WHERE (((a = 1) AND (NOT (b = 2))) OR (NOT (c OR d)))',
    ] as const,
    [
      dialect,
      'SELECT a + b * c - (d - e) FROM t',
      'SELECT ((a + (b * c)) - (d - e)) FROM t',
    ] as const,
  ]),
  ['mysql', 'SELECT 1 FROM t WHERE a = 1 && !c', 'SELECT 1 FROM t WHERE ((a = 1) AND (NOT c))'],
  [
    'mysql',
    "SELECT GROUP_CONCAT(DISTINCT a ORDER BY b SEPARATOR ';'), group_concat(c) FROM t",
    "SELECT string_agg(DISTINCT a, ';' ORDER BY b NULLS FIRST), string_agg(c, ',') FROM t",
  ],
  [
    'mysql',
    'SELECT a FROM t ORDER BY a, b DESC',
    'SELECT a FROM t ORDER BY a NULLS FIRST, b DESC NULLS LAST',
  ],
  [
    'mysql',
    'SELECT a, count(*) FROM t GROUP BY a WITH ROLLUP',
    'SELECT a, count(*) FROM t GROUP BY ROLLUP (a)',
  ],
  [
    'mysql',
    'SELECT d + INTERVAL 1 DAY, DATE_SUB(d, INTERVAL 2 MONTH), EXTRACT(YEAR FROM d) FROM t',
    "SELECT (d + interval '1 day'), (d - interval '2 month'), EXTRACT('year' FROM d) FROM t",
  ],
  [
    'mysql',
    'SELECT CAST(a AS SIGNED), CONVERT(b, CHAR(3)) FROM t',
    'SELECT CAST(a AS int8), CAST(b AS bpchar(3)) FROM t',
  ],
  [
    'mysql',
    "SELECT concat(a, 'x', b) FROM t",
    "SELECT ((CAST(a AS text) || CAST('x' AS text)) || CAST(b AS text)) FROM t",
  ],
  [
    'mysql',
    'SELECT x.* FROM t x LEFT JOIN u ON x.a = u.a CROSS JOIN v, w RIGHT OUTER JOIN z USING (k)',
    'SELECT x.* FROM ((t AS x LEFT JOIN u ON (x.a = u.a)) CROSS JOIN v), (w RIGHT JOIN z USING (k))',
  ],
  [
    'mysql',
    "SELECT a FROM t WHERE a NOT IN (1, -2) AND NOT EXISTS (SELECT 1 FROM u) AND b BETWEEN 1 AND 2 AND s NOT LIKE 'x%' AND c IS NOT NULL AND (a, b) IN (SELECT 1, 2)",
    "SELECT a FROM t WHERE ((((((a NOT IN (1, (- 2))) AND (NOT EXISTS (SELECT 1 FROM u))) AND (b BETWEEN 1 AND 2)) AND (s NOT LIKE 'x%')) AND (c IS NOT NULL)) AND (ROW(a, b) IN (SELECT 1, 2)))",
  ],
  [
    'mysql',
    'WITH a AS (SELECT 1 AS n) SELECT n FROM a UNION ALL SELECT 2 ORDER BY 1 LIMIT 3',
    'WITH a AS (SELECT 1 AS n) SELECT n FROM a UNION ALL SELECT 2 ORDER BY 1 NULLS FIRST LIMIT 3',
  ],
  [
    'mysql',
    'SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t',
    'SELECT sum(a) OVER (PARTITION BY b ORDER BY c NULLS FIRST ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t',
  ],
  [
    'mysql',
    "CREATE TABLE IF NOT EXISTS t (id BIGINT(20) NOT NULL, n VARCHAR(20) DEFAULT 'x', d DATETIME, p DECIMAL(10,2), PRIMARY KEY (id), CHECK (p > 0))",
    "CREATE TABLE IF NOT EXISTS t (id int8 NOT NULL, n varchar(20) DEFAULT 'x', d timestamp, p numeric(10, 2), PRIMARY KEY (id), CHECK ((p > 0)))",
  ],
  [
    'mysql',
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL)",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL)",
  ],
  [
    'mysql',
    'UPDATE t SET a = a + 1 WHERE id = 9223372036854775807',
    'UPDATE t SET a = (a + 1) WHERE (id = 9223372036854775807)',
  ],
  ['mysql', 'DELETE FROM t WHERE a != 1', 'DELETE FROM t WHERE (a <> 1)'],
  ['mysql', 'CREATE OR REPLACE VIEW v (a) AS SELECT 1', 'CREATE OR REPLACE VIEW v(a) AS SELECT 1'],
  [
    'mysql',
    'CREATE MATERIALIZED VIEW v (a) WITH (background = true) AS SELECT `k` FROM t',
    'CREATE MATERIALIZED VIEW v (a) WITH (background = true) AS SELECT k FROM t',
  ],
  [
    'mysql',
    'SELECT a, count(*) FROM t GROUP BY 1, a + 1 HAVING count(*) > 2',
    'SELECT a, count(*) FROM t GROUP BY 1, (a + 1) HAVING (count(*) > 2)',
  ],
  ['mariadb', 'SELECT `a` FROM t LIMIT 1', 'SELECT a FROM t LIMIT 1'],
  [
    'snowflake',
    'SELECT "Ab", x::int, NVL(a, b), IFF(a > 1, 2, 3) FROM t ORDER BY 1 DESC NULLS LAST LIMIT 3',
    'SELECT "Ab", CAST(x AS int4), coalesce(a, b), CASE WHEN (a > 1) THEN 2 ELSE 3 END FROM t ORDER BY 1 DESC NULLS LAST LIMIT 3',
  ],
  [
    'snowflake',
    "SELECT DATEADD(day, 3, d), DATE '2020-01-01' FROM t",
    "SELECT (d + (3 * interval '1 day')), date '2020-01-01' FROM t",
  ],
  [
    'snowflake',
    'SELECT x FROM (SELECT 1 AS x) AS s FULL OUTER JOIN u ON s.x = u.x',
    'SELECT x FROM ((SELECT 1 AS x) AS s FULL JOIN u ON (s.x = u.x))',
  ],
  [
    'bigquery',
    'SELECT CAST(a AS INT64), "x" FROM `T` UNION DISTINCT SELECT 1, \'y\'',
    `SELECT CAST(a AS int8), 'x' FROM t UNION SELECT 1, 'y'`,
  ],
  [
    'sqlite',
    'SELECT "A", [b c], `d` || \'x\' FROM t JOIN u USING (id)',
    `SELECT a, "b c", (d || 'x') FROM (t INNER JOIN u USING (id))`,
  ],
  [
    'transactsql',
    "SELECT TOP 5 [a b], ISNULL(x, N'k'), LEN(s) FROM [T]",
    `SELECT "a b", coalesce(x, 'k'), length(s) FROM t LIMIT 5`,
  ],
  [
    'transactsql',
    'SELECT a FROM t ORDER BY a OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY',
    'SELECT a FROM t ORDER BY a NULLS FIRST LIMIT 3 OFFSET 2',
  ],
];

test.each(translations)('%s: %s', (dialect, text, native) => {
  expect(translate(text, dialects[dialect]!)).toBe(native);
});

/** What is refused rather than guessed at; `code` of the error. */
const refusals: readonly (readonly [dialect: string, text: string, code: string])[] = [
  // Read as an alias of t.
  ...['snowflake', 'bigquery', 'sqlite', 'transactsql'].map(
    (dialect) => [dialect, 'SELECT * FROM t NATURAL JOIN u', 'UNSUPPORTED'] as const,
  ),
  ['mysql', 'SELECT * FROM t NATURAL JOIN u', 'SQL_SYNTAX'],
  ['mysql', 'SELECT a <=> b FROM t', 'SQL_SYNTAX'],
  ['mysql', 'SELECT a FROM t FOR UPDATE', 'UNSUPPORTED'],
  ['mysql', 'SELECT SQL_CALC_FOUND_ROWS a FROM t', 'UNSUPPORTED'],
  ['mysql', 'INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1', 'UNSUPPORTED'],
  ['mysql', 'INSERT IGNORE INTO t VALUES (1)', 'UNSUPPORTED'],
  ['mysql', 'CREATE TABLE t (a INT AUTO_INCREMENT)', 'UNSUPPORTED'],
  ['mysql', 'CREATE TABLE t (a INT) ENGINE = InnoDB', 'UNSUPPORTED'],
  ['mysql', 'DELETE FROM t LIMIT 1', 'UNSUPPORTED'],
  ['mysql', 'SELECT /*! STRAIGHT_JOIN */ a FROM t', 'SQL_SYNTAX'],
  ['mysql', "SELECT 'a", 'SQL_SYNTAX'],
  ['mysql', 'SELEC a', 'SQL_SYNTAX'],
  ['snowflake', 'SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1', 'UNSUPPORTED'],
  ['bigquery', 'SELECT t.* EXCEPT (a) FROM t', 'UNSUPPORTED'],
  ['bigquery', 'SELECT x FROM UNNEST([1, 2]) AS x', 'UNSUPPORTED'],
  ['sqlite', 'INSERT OR REPLACE INTO t VALUES (1)', 'UNSUPPORTED'],
  ['transactsql', 'SELECT TOP 5 PERCENT a FROM t', 'UNSUPPORTED'],
  ['mysql', 'SELECT 1 INTERSECT SELECT 2 UNION SELECT 3', 'UNSUPPORTED'],
  ['mysql', 'SELECT a || b FROM t', 'UNSUPPORTED'],
  ['sqlite', 'SELECT a = b = c FROM t', 'UNSUPPORTED'],
  ['sqlite', 'SELECT a || b + c FROM t', 'UNSUPPORTED'],
  ['sqlite', 'SELECT a < b IS NULL FROM t', 'SQL_SYNTAX'],
];

test.each(refusals)('%s refuses: %s', (dialect, text, code) => {
  const run = () => translate(text, dialects[dialect]!);
  expect(run).toThrow(expect.objectContaining({ code }));
});

test('a token that the foreign parser loses is missed, whatever its name', () => {
  const account = new Account();
  const tokens = foreignTokens('SELECT a, n FROM dbo.t', dialects.transactsql!);
  expect(() => account.close(tokens, 'SELECT a FROM t')).toThrow('not understood whole: n, dbo, .');
});

test('a syntax error points into the text as the user wrote it', () => {
  const text = "SELECT 'a long text', `n`\nFROM t WHERE WHERE x";
  expect(() => translate(text, dialects.mysql!)).toThrow(
    expect.objectContaining({ position: expect.objectContaining({ line: 2 }) }),
  );
});

describe('scripts', () => {
  const kinds = (script: string, dialect = 'millrace') =>
    readScript(script, dialect).map(({ statement, translated }) =>
      translated ? `${statement.kind}*` : statement.kind,
    );

  test('the dialect holds from SET on', () => {
    const script =
      "SELECT 1; SET dialect = 'mysql'; SELECT `a;b`; SHOW tables; SET dialect TO millrace; SELECT 2";
    expect(kinds(script)).toEqual(['query', 'set', 'query*', 'show', 'set', 'query']);
    expect(kinds('SELECT `a`; CREATE TOPIC x', 'mysql')).toEqual(['query*', 'create-topic']);
    expect(kinds('', 'mysql')).toEqual([]);
  });

  test('positions are those of the script', () => {
    const script = "SET dialect = 'mysql';\nSELECT `a`;\nSET dialect = millrace;\nSELECT )";
    expect(() => readScript(script, 'millrace')).toThrow(
      expect.objectContaining({ position: expect.objectContaining({ line: 4, column: 8 }) }),
    );
  });
});
