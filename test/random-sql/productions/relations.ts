import type { Generator, QueryProduction, ScopeColumn, ValueProduction } from '../generator.ts';
import { joined } from './queries.ts';

/** Outer joins, set operations, subqueries in every place, LATERAL, recursion, table functions. */
export const relationQueries: readonly QueryProduction[] = [
  ...(['LEFT', 'RIGHT', 'FULL'] as const).map(
    (type): QueryProduction => ({
      name: `${type} JOIN`,
      query(g) {
        const { sql, scope } = joined(g, `${type} JOIN`);
        const where = g.chance(40) ? ` WHERE ${g.condition(scope)}` : '';
        return `SELECT ${g.list(scope)} FROM ${sql}${where}`;
      },
    }),
  ),
  {
    name: 'non-equi LEFT JOIN',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const scope = [...a.scope, ...b.scope];
      const on = g.pick([`${a.alias}.k < ${b.alias}.k`, g.condition(scope), 'true', 'false']);
      return `SELECT ${g.list(scope)} FROM ${a.sql} LEFT JOIN ${b.sql} ON ${on}`;
    },
  },
  {
    name: 'null-safe join',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const scope = [...a.scope, ...b.scope];
      return `SELECT ${g.list(scope)} FROM ${a.sql} ${g.pick(['', 'LEFT '])}JOIN ${b.sql}
        ON ${a.alias}.g IS NOT DISTINCT FROM ${b.alias}.g AND ${g.condition(scope)}`;
    },
  },
  {
    name: 'chain of outer joins',
    query(g) {
      const [a, b, c] = [g.from(), g.from(), g.from()];
      const scope = [...a.scope, ...b.scope, ...c.scope];
      const join = () => g.pick(['LEFT JOIN', 'JOIN', 'RIGHT JOIN', 'FULL JOIN']);
      const on = (x: string, y: string) =>
        `ON ${x}.${g.pick(['k', 'g'])} = ${y}.${g.pick(['k', 'g'])}`;
      const same = (x: string, y: string) => {
        const key = g.pick(['k', 'g']);
        return on(x, y).replace(/\.\w+ = (\w+)\.\w+$/, `.${key} = $1.${key}`);
      };
      const sql = g.chance(50)
        ? `${a.sql} ${join()} ${b.sql} ${same(a.alias, b.alias)} ${join()} ${c.sql} ${same(b.alias, c.alias)}`
        : `${a.sql} ${join()} (${b.sql} ${join()} ${c.sql} ${same(b.alias, c.alias)}) ${same(a.alias, b.alias)}`;
      return `SELECT ${g.list(scope)} FROM ${sql}${g.chance(50) ? ` WHERE ${g.condition(scope)}` : ''}`;
    },
  },
  {
    name: 'outer join USING',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const keys = g.pick(['k', 'g', 'k, g']);
      const type = g.pick(['LEFT', 'RIGHT', 'FULL']);
      return `SELECT ${keys}, ${a.alias}.id AS ida, ${b.alias}.id AS idb FROM ${a.sql} ${type} JOIN ${b.sql} USING (${keys})`;
    },
  },
  ...(['INTERSECT', 'INTERSECT ALL', 'EXCEPT', 'EXCEPT ALL'] as const).map(
    (operator): QueryProduction => ({
      name: operator,
      query(g) {
        // Sides of one form and one table have rows in common.
        const [form, table] = g.chance(50) ? [g.random.below(2), g.table()] : [];
        return `${some(g, form, table)} ${operator} ${some(g, form, table)}`;
      },
    }),
  ),
  {
    name: 'nested set operations',
    query(g) {
      const operator = () => `${g.pick(['UNION', 'INTERSECT', 'EXCEPT'])}${g.pick(['', ' ALL'])}`;
      const left = g.chance(50) ? `(${some(g)} ${operator()} ${some(g)})` : some(g);
      const right = g.chance(50) ? `(${some(g)} ${operator()} ${some(g)})` : some(g);
      return `${left} ${operator()} ${some(g)} ${operator()} ${right}`;
    },
  },
  {
    name: 'EXISTS and NOT EXISTS',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT ${g.list(scope)} FROM ${sql} WHERE ${g.pick(['', 'NOT '])}${exists(g, scope)}`;
    },
  },
  {
    name: 'IN and NOT IN with NULLs',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT ${g.list(scope)} FROM ${sql} WHERE ${isIn(g, scope)}`;
    },
  },
  {
    name: 'ANY and ALL',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT ${quantified(g, scope)} AS c, ${g.list(scope)} FROM ${sql} WHERE ${quantified(g, scope)}`;
    },
  },
  {
    name: 'row values with subqueries',
    query(g) {
      const { sql, scope, alias } = g.from();
      const inner = g.from();
      const rows = `SELECT ${inner.alias}.k, ${inner.alias}.g FROM ${inner.sql} WHERE ${correlation(g, scope, inner.scope)}`;
      const form = g.pick(['IN', 'NOT IN', '= ANY', '<> ALL', '< ANY', '>= ALL']);
      return `SELECT ${alias}.id, (${alias}.k, ${alias}.g) ${form} (${rows}) AS c FROM ${sql}`;
    },
  },
  {
    name: 'scalar subqueries',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT ${scalar(g, scope)} AS s, ${g.list(scope)} FROM ${sql} WHERE ${scalar(g, scope)} > ${scalar(g, scope)} OR ${g.condition(scope)}`;
    },
  },
  {
    name: 'a scalar subquery of several rows',
    query(g) {
      const { sql, alias } = g.from();
      const inner = g.from();
      return `SELECT ${alias}.id, (SELECT ${inner.alias}.k FROM ${inner.sql} WHERE ${inner.alias}.id % 4 = ${alias}.id) AS s FROM ${sql}`;
    },
  },
  {
    name: 'subqueries inside CASE and aggregates',
    query(g) {
      const { sql, scope, alias } = g.from();
      return `SELECT ${alias}.g, sum(CASE WHEN ${exists(g, scope)} THEN ${scalar(g, scope)} ELSE 1 END) AS s,
        count(*) FILTER (WHERE ${isIn(g, scope)}) AS n FROM ${sql} GROUP BY ${alias}.g`;
    },
  },
  {
    name: 'subqueries in HAVING and of groups',
    query(g) {
      const { sql, alias } = g.from();
      const group: ScopeColumn[] = [{ text: `${alias}.k`, type: 'integer' }];
      return `SELECT ${alias}.k, count(*) AS n, ${scalar(g, group)} AS s FROM ${sql} GROUP BY ${alias}.k
        HAVING ${g.pick([exists(g, group), isIn(g, group), `count(*) > ${scalar(g, group)}`])}`;
    },
  },
  {
    name: 'subqueries in ON',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const scope = [...a.scope, ...b.scope];
      const type = g.pick(['', 'LEFT ', 'RIGHT ', 'FULL ']);
      return `SELECT ${g.list(scope)} FROM ${a.sql} ${type}JOIN ${b.sql} ON ${a.alias}.k = ${b.alias}.k AND ${g.pick([exists(g, scope), isIn(g, scope)])}`;
    },
  },
  {
    name: 'subqueries in ORDER BY',
    ordered: true,
    query(g) {
      const { sql, scope, alias } = g.from();
      return `SELECT ${alias}.id FROM ${sql} ORDER BY ${scalar(g, scope)} DESC, ${alias}.id`;
    },
  },
  {
    name: 'nested correlation',
    query(g) {
      const { sql, scope, alias } = g.from();
      const inner = g.from();
      const both = [...scope, ...inner.scope];
      return `SELECT ${alias}.id, (SELECT count(*) FROM ${inner.sql} WHERE ${correlation(g, scope, inner.scope)}
        AND ${g.pick([exists(g, both), isIn(g, both), `${scalar(g, both)} > 0`])}) AS n FROM ${sql}`;
    },
  },
  {
    name: 'LATERAL',
    query(g) {
      const { sql, scope } = g.from();
      const inner = g.from();
      const both = [...scope, ...inner.scope];
      const body = g.pick([
        `SELECT ${g.value(both, 'integer')} AS v FROM ${inner.sql} WHERE ${correlation(g, scope, inner.scope)}`,
        `SELECT count(*)::int AS v FROM ${inner.sql} WHERE ${correlation(g, scope, inner.scope)}`,
        `SELECT ${g.value(scope, 'integer')} AS v`,
        `SELECT DISTINCT ${inner.alias}.k AS v FROM ${inner.sql} WHERE ${g.condition(both)}`,
        `SELECT ${inner.alias}.k AS v FROM ${inner.sql} UNION ALL SELECT ${g.value(scope, 'integer')}`,
      ]);
      const alias = g.alias();
      const join = g.pick([
        `CROSS JOIN LATERAL (${body}) AS ${alias}`,
        `LEFT JOIN LATERAL (${body}) AS ${alias} ON ${alias}.v > 0`,
        `JOIN LATERAL (${body}) AS ${alias} ON true`,
      ]);
      return `SELECT ${alias}.v, ${g.list(scope)} FROM ${sql} ${join}`;
    },
  },
  {
    name: 'WITH used twice',
    query(g) {
      const { sql, scope } = g.from();
      const [key, text] = [scope[1]!.text, scope[2]!.text];
      return `WITH a(k, n) AS (SELECT ${key}, count(*) FROM ${sql} WHERE ${g.condition(scope)} GROUP BY ${key}),
        b AS (WITH c AS (SELECT ${text} AS g FROM ${sql}) SELECT count(*) AS m FROM c)
        SELECT x.k, y.n, m FROM a AS x JOIN a AS y ON x.n <= y.n, b WHERE x.k IN (SELECT k FROM a WHERE n > 0)`;
    },
  },
  {
    name: 'WITH RECURSIVE',
    query(g) {
      const { sql, alias } = g.from();
      const base = g.pick([
        `SELECT ${alias}.id, ${alias}.k FROM ${sql}`,
        `SELECT 1, 2`,
        `SELECT ${alias}.k, ${alias}.k FROM ${sql} WHERE ${alias}.g = 'a'`,
      ]);
      const edges = g.from();
      const r = g.alias();
      return `WITH RECURSIVE ${r}(x, y) AS (${base} UNION
        SELECT ${r}.x, ${edges.alias}.k FROM ${r} JOIN ${edges.sql} ON ${edges.alias}.id = ${r}.y) SELECT x, y FROM ${r}`;
    },
  },
  {
    name: 'WITH RECURSIVE and UNION ALL',
    query(g) {
      const { sql, alias } = g.from();
      const r = g.alias();
      return `WITH RECURSIVE ${r}(n, k) AS (SELECT 0, ${alias}.k FROM ${sql} UNION ALL
        SELECT n + 1, k - 1 FROM ${r} WHERE k > 0 AND n < 6) SELECT n, count(*) AS c, sum(k) AS s FROM ${r} GROUP BY n`;
    },
  },
  {
    name: 'generate_series',
    query(g) {
      const { sql, scope } = g.from();
      const step = g.pick(['', ', 2', ', -1']);
      const join = g.pick([', ', ' CROSS JOIN ', ' LEFT JOIN ']);
      const call = `generate_series(${g.value(scope, 'integer', 0)}, ${g.pick(['3', '-1', scope[1]!.text])}${step}) AS s(i)`;
      return `SELECT s.i, ${g.list(scope)} FROM ${sql}${join}${join === ' LEFT JOIN ' ? 'LATERAL ' : ''}${call}${join === ' LEFT JOIN ' ? ' ON s.i <> 2' : ''}`;
    },
  },
  {
    name: 'unnest',
    query(g) {
      const { sql, scope } = g.from();
      const items = Array.from({ length: 1 + g.random.below(3) }, () => g.value(scope, 'integer'));
      const array = `ARRAY[${items.join(', ')}]`;
      return g.chance(50)
        ? `SELECT u.v, ${g.list(scope)} FROM ${sql}, unnest(${array}) AS u(v)`
        : `SELECT u.v, u.w FROM ${sql}, unnest(${array}, ARRAY[true, ${g.condition(scope)}]) AS u(v, w)`;
    },
  },
  {
    name: 'set-returning functions in the select list',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT generate_series(1, ${scope[1]!.text}) AS i, unnest(ARRAY[${g.value(scope, 'text')}, 'z']) AS u, ${scope[0]!.text} AS id FROM ${sql} WHERE ${g.condition(scope)}`;
    },
  },
  {
    name: 'an error of a relation',
    query(g) {
      const { sql, alias } = g.from();
      return g.pick([
        `SELECT id FROM ${sql} WHERE id IN (SELECT id, k FROM t0)`,
        `SELECT (SELECT id, k FROM t0) FROM ${sql}`,
        `SELECT g, (SELECT max(t0.id) FROM t0 WHERE t0.id = ${alias}.id) FROM ${sql} GROUP BY g`,
        `SELECT id FROM ${sql} INTERSECT SELECT id, k FROM t0`,
        `SELECT id FROM ${sql} EXCEPT SELECT g FROM t0`,
        `SELECT * FROM ${sql} JOIN t0 USING (nosuch)`,
        `SELECT * FROM ${sql} JOIN t0 ON ${alias}.id = t1.id`,
        `SELECT id FROM ${sql}, (SELECT ${alias}.k) AS q`,
        `SELECT * FROM t0, t0`,
        `SELECT id FROM ${sql} WHERE EXISTS (SELECT nosuch)`,
        `SELECT * FROM ${sql} WHERE unnest(ARRAY[1]) = 1`,
        `WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT a.x FROM r AS a, r AS b) SELECT x FROM r`,
      ]);
    },
  },
];

/** Subqueries wherever a value may stand. */
export const relationValues: readonly ValueProduction[] = [
  {
    name: 'a scalar subquery',
    type: 'integer',
    value: (g, scope) => scalar(g, scope),
  },
  { name: 'EXISTS', type: 'boolean', value: (g, scope) => exists(g, scope) },
  { name: 'IN a subquery', type: 'boolean', value: (g, scope) => isIn(g, scope) },
];

/** One column of a table, of a type that often meets. */
function some(g: Generator, form = g.random.below(3), table = g.table()): string {
  const { sql, scope, alias } = g.from(table);
  const where = g.chance(40) ? ` WHERE ${g.condition(scope)}` : '';
  const forms = [
    `SELECT ${alias}.k AS v, ${alias}.g AS w FROM ${sql}${where}`,
    `SELECT ${alias}.k % 3 AS v, upper(${alias}.g) AS w FROM ${sql}${where}`,
    `SELECT ${alias}.k + 0::bigint AS v, NULL AS w FROM ${sql}${where}`,
  ];
  return forms[form]!;
}

function correlation(
  g: Generator,
  outer: readonly ScopeColumn[],
  inner: readonly ScopeColumn[],
): string {
  const type = g.pick(['integer', 'text'] as const);
  const [a, b] = [g.column(outer, type), g.column(inner, type)];
  const equality = a === undefined || b === undefined ? 'true' : `${b.text} = ${a.text}`;
  return g.pick([
    equality,
    `${equality} AND ${g.value([...outer, ...inner], 'boolean', 1)}`,
    g.value([...outer, ...inner], 'boolean', 1),
    g.value(inner, 'boolean', 1),
  ]);
}

function exists(g: Generator, scope: readonly ScopeColumn[]): string {
  const inner = g.from();
  return `EXISTS (SELECT FROM ${inner.sql} WHERE ${correlation(g, scope, inner.scope)})`;
}

function isIn(g: Generator, scope: readonly ScopeColumn[]): string {
  const inner = g.from();
  const type = g.pick(['integer', 'text'] as const);
  const where = g.chance(60) ? ` WHERE ${correlation(g, scope, inner.scope)}` : '';
  return `${g.value(scope, type, 1)} ${g.pick(['IN', 'NOT IN'])} (SELECT ${g.value(inner.scope, type, 0)} FROM ${inner.sql}${where})`;
}

function quantified(g: Generator, scope: readonly ScopeColumn[]): string {
  const inner = g.from();
  const type = g.pick(['integer', 'text', 'numeric(8,2)', 'date'] as const);
  const where = g.chance(60) ? ` WHERE ${correlation(g, scope, inner.scope)}` : '';
  const comparison = g.pick(['=', '<>', '<', '<=', '>', '>=']);
  return `(${g.value(scope, type, 1)} ${comparison} ${g.pick(['ANY', 'SOME', 'ALL'])} (SELECT ${g.value(inner.scope, type, 0)} FROM ${inner.sql}${where}))`;
}

function scalar(g: Generator, scope: readonly ScopeColumn[]): string {
  const inner = g.from();
  const call = g.pick([
    'count(*)',
    `max(${inner.alias}.k)`,
    `sum(${inner.alias}.k)`,
    'count(*) * 2',
  ]);
  const where = correlation(g, scope, inner.scope);
  const having = g.chance(15) ? ' HAVING count(*) > 1' : '';
  return `(SELECT ${call} FROM ${inner.sql} WHERE ${where}${having})::int`;
}
