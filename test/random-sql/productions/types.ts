import { dialects } from '../../../sql/dialects/traits.ts';
import { translate } from '../../../sql/dialects/translate.ts';
import type { QueryProduction, ValueProduction } from '../generator.ts';
import { forms } from './functions.ts';

/** Operators and functions of the types beside numbers, texts and dates. */
export const typeValues: readonly ValueProduction[] = [
  forms('smallint', 'smallint', (v) => [
    `(${v('smallint')} % 7)::smallint`,
    `${v('smallint')} & ${v('smallint')}`,
    `abs(${v('smallint')})`,
    `least(${v('smallint')}, ${v('smallint')})`,
  ]),
  forms('uuid', 'uuid', (v) => [
    `greatest(${v('uuid')}, ${v('uuid')})`,
    `coalesce(${v('uuid')}, ${v('uuid')})`,
    `md5(${v('text')})::uuid`,
    `replace(${v('uuid')}::text, 'a', 'b')::uuid`,
  ]),
  forms('bytea', 'bytea', (v) => [
    `${v('bytea')} || ${v('bytea')}`,
    `substring(${v('bytea')} from 2)`,
    `convert_to(${v('text')}, 'UTF8')`,
    `decode(encode(${v('bytea')}, 'hex'), 'hex')`,
    `sha256(${v('bytea')})`,
  ]),
  forms('bytea as texts and numbers', 'text', (v) => [
    `encode(${v('bytea')}, 'base64')`,
    `length(${v('bytea')})::text`,
    `${v('bytea')}::text`,
  ]),
  forms('times of the day', 'time without time zone', (v) => [
    `${v('time without time zone')} + interval '01:10'`,
    `${v('timestamp without time zone')}::time`,
    `make_time(${v('integer')} + 3, 5, 1.5)`,
  ]),
  forms('timestamptz', 'timestamp with time zone', (v) => [
    `${v('timestamp with time zone')} + interval '1 day'`,
    `date_trunc('day', ${v('timestamp with time zone')}, 'Europe/Berlin')`,
    `${v('timestamp without time zone')} AT TIME ZONE 'America/New_York'`,
    `${v('date')}::timestamptz`,
  ]),
  forms('intervals', 'interval', (v) => [
    `justify_interval(${v('interval')} + ${v('interval')})`,
    `justify_interval(${v('interval')} * ${v('smallint')})`,
    `justify_interval(-${v('interval')})`,
    `justify_interval(${v('timestamp without time zone')} - ${v('timestamp without time zone')})`,
    `justify_interval(${v('time without time zone')} - ${v('time without time zone')})`,
  ]),
  forms('comparison of other types', 'boolean', (v, g) => {
    const type = g.pick([
      'uuid',
      'bytea',
      'interval',
      'jsonb',
      'integer[]',
      'timestamp with time zone',
      'time without time zone',
    ] as const);
    return [
      `${v(type)} ${g.pick(['=', '<>', '<', '>='])} ${v(type)}`,
      `${v(type)} IS NOT DISTINCT FROM ${v(type)}`,
      `${v(type)} IN (${v(type)}, ${v(type)})`,
    ];
  }),
  forms('jsonb', 'jsonb', (v) => [
    `${v('jsonb')} -> 'a'`,
    `jsonb_build_object('a', ${v('integer')}, 'b', ${v('jsonb')})`,
    `to_jsonb(${v('integer[]')})`,
    `jsonb_set('{"a": 1}', '{a}', ${v('jsonb')})`,
    `jsonb_strip_nulls(${v('jsonb')})`,
    `${v('jsonb')} #> '{a,b}'`,
  ]),
  forms('jsonb as conditions', 'boolean', (v) => [
    `${v('jsonb')} @> ${v('jsonb')}`,
    `${v('jsonb')} ? 'a'`,
    `jsonb_typeof(${v('jsonb')}) = 'object'`,
  ]),
  forms('arrays of integers', 'integer[]', (v) => [
    `${v('integer')} || ARRAY[${v('integer')}]`,
    `array_remove(ARRAY[1, ${v('integer')}, 2], ${v('integer')})`,
    `(ARRAY[${v('integer')}, 2, 3])[2:3]`,
    `string_to_array('1,2,' || ${v('integer')}::text, ',')::int[]`,
  ]),
  forms('fields of rows', 'integer', (v) => [
    `(ROW(${v('integer')}, ${v('text')})).f1`,
    `CASE WHEN ROW(${v('integer')}, ${v('text')}) < ROW(${v('integer')}, ${v('text')}) THEN 1 ELSE 0 END`,
    `CASE WHEN ROW(${v('integer')}, ${v('uuid')}) IS NULL THEN 1 ELSE 2 END`,
  ]),
];

/** Rows as values, and relations that are made of others. */
export const typeQueries: readonly QueryProduction[] = [
  {
    name: 'whole rows',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const type = g.pick(['LEFT', 'FULL', 'RIGHT', 'INNER']);
      return `SELECT ${a.alias}::text AS r, ${b.alias} IS NULL AS n, (${b.alias}).k + 1 AS k, count(${b.alias}) AS c
        FROM ${a.sql} ${type} JOIN ${b.sql} ON ${a.alias}.k = ${b.alias}.k
        GROUP BY ${a.alias}.*, ${b.alias}.*, ${b.alias}.k`;
    },
  },
  {
    name: 'structs',
    query(g) {
      const { sql, scope } = g.from();
      const [first, second] = [g.pick(scope), g.pick(scope)];
      return `SELECT s::text AS s, (s).f1, (s).f2 AS b, count(*) AS n
        FROM (SELECT ROW(${first.text}, ${second.text}) AS s FROM ${sql}) AS x GROUP BY s`;
    },
  },
  {
    name: 'ARRAY of a subquery',
    query(g) {
      const { sql, alias } = g.from();
      const inner = g.from();
      const bounds = g.pick(['', ' LIMIT 2', ' OFFSET 1']);
      return `SELECT ${alias}.id, ARRAY(SELECT ${inner.alias}.k FROM ${inner.sql}
        WHERE ${inner.alias}.g = ${alias}.g ORDER BY ${inner.alias}.k DESC, ${inner.alias}.id${bounds}) AS a FROM ${sql}`;
    },
  },
  {
    name: 'aggregates of an outer query',
    query(g) {
      const { sql, alias } = g.from();
      const inner = g.from();
      return `SELECT ${alias}.g, (SELECT count(*) FROM ${inner.sql} WHERE ${inner.alias}.k ${g.pick(['=', '<'])} max(${alias}.k)) AS n,
        (SELECT sum(${alias}.id) + min(${inner.alias}.id) FROM ${inner.sql}) AS s FROM ${sql} GROUP BY ${alias}.g`;
    },
  },
  {
    name: 'TUMBLE',
    query(g) {
      const { name } = g.table();
      const at = `timestamp '2024-02-27 10:00' + k * interval '7 minutes'`;
      const rows = `SELECT id, k, ${at} AS at FROM ${name}`;
      const size = g.pick(['5 minutes', '10 minutes', '1 hour']);
      const of = (from: string) =>
        `SELECT window_start, window_end, count(*) AS n, sum(id) AS s FROM ${from} GROUP BY 1, 2`;
      return {
        ours: of(`TUMBLE((${rows}), at, interval '${size}')`),
        postgres: of(
          `(SELECT *, w AS window_start, w + interval '${size}' AS window_end
            FROM (SELECT *, date_bin('${size}', at, '1970-01-01') AS w FROM (${rows}) x) y) z`,
        ),
      };
    },
  },
  {
    name: 'HOP',
    query(g) {
      const { name } = g.table();
      const at = `timestamp '2024-02-27 10:00' + k * interval '7 minutes'`;
      const rows = `SELECT id, k, ${at} AS at FROM ${name}`;
      const [slide, size] = g.pick([
        ['5 minutes', '10 minutes'],
        ['5 minutes', '5 minutes'],
        ['10 minutes', '1 hour'],
      ] as const);
      const of = (from: string) => `SELECT id, k, at, window_start, window_end FROM ${from}`;
      return {
        ours: of(`HOP((${rows}), at, interval '${slide}', interval '${size}')`),
        postgres: of(
          `(SELECT *, w AS window_start, w + interval '${size}' AS window_end FROM (${rows}) x,
            generate_series(date_bin('${slide}', at, '1970-01-01') - interval '${size}' + interval '${slide}',
              at, interval '${slide}') AS s(w) WHERE w <= at AND w + interval '${size}' > at) z`,
        ),
      };
    },
  },
  {
    name: 'views on views',
    query(g) {
      const { sql, scope, alias } = g.from();
      const other = g.from();
      const views = [
        {
          name: 'v0',
          query: `SELECT ${alias}.k, ${alias}.g, count(*) AS n, sum(${alias}.id) AS s FROM ${sql}
            WHERE ${g.condition(scope)} GROUP BY ${alias}.k, ${alias}.g`,
        },
        {
          name: 'v1',
          query: `SELECT v0.g, max(v0.n) AS most, sum(v0.s) AS s FROM v0
            ${g.pick(['JOIN', 'LEFT JOIN'])} ${other.sql} ON ${other.alias}.k = v0.k GROUP BY v0.g`,
        },
      ];
      const query = g.pick([
        'SELECT v0.k, v0.n, v1.most FROM v0 LEFT JOIN v1 ON v0.g = v1.g',
        'SELECT g, most, rank() OVER (ORDER BY s DESC, g) AS r FROM v1',
        'SELECT g FROM v1 WHERE most > 1 UNION ALL SELECT g FROM v0 WHERE n = 1',
      ]);
      return { ours: query, postgres: query, views };
    },
  },
  {
    name: 'another dialect',
    query(g) {
      const { sql, alias } = g.from();
      const [mysql, postgres] = g.pick([
        [
          `SELECT \`${alias}\`.id, IFNULL(${alias}.g, "none") AS g, ${alias}.k IS NULL AS n FROM ${sql} WHERE ${alias}.id > 1 AND ${alias}.k >= 0`,
          `SELECT ${alias}.id, coalesce(${alias}.g, 'none') AS g, ${alias}.k IS NULL AS n FROM ${sql} WHERE ${alias}.id > 1 AND ${alias}.k >= 0`,
        ],
        [
          `SELECT ${alias}.g, COUNT(*) AS n, SUM(${alias}.id) AS s FROM ${sql} GROUP BY ${alias}.g HAVING COUNT(*) > 1`,
          `SELECT ${alias}.g, count(*) AS n, sum(${alias}.id) AS s FROM ${sql} GROUP BY ${alias}.g HAVING count(*) > 1`,
        ],
        [
          `SELECT ${alias}.id, IF(${alias}.k > 2, "many", "few") AS c FROM ${sql} ORDER BY ${alias}.id DESC LIMIT 2, 3`,
          `SELECT ${alias}.id, CASE WHEN ${alias}.k > 2 THEN 'many' ELSE 'few' END AS c FROM ${sql} ORDER BY ${alias}.id DESC LIMIT 3 OFFSET 2`,
        ],
      ] as const);
      return { ours: translate(mysql, dialects.mysql!), postgres };
    },
  },
];
