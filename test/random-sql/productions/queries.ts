import type { Generator, QueryProduction, ScopeColumn } from '../generator.ts';

/** The forms of queries without a section of their own. */
export const queries: readonly QueryProduction[] = [
  {
    name: 'filter and projection',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT ${g.list(scope)} FROM ${sql} WHERE ${g.condition(scope)}`;
    },
  },
  {
    name: 'inner join ON',
    query(g) {
      const { sql, scope } = joined(g, 'JOIN');
      return `SELECT ${g.list(scope)} FROM ${sql}`;
    },
  },
  {
    name: 'n-way join in FROM and WHERE',
    query(g) {
      const [a, b, c] = [g.from(), g.from(), g.from()];
      const scope = [...a.scope, ...b.scope, ...c.scope];
      return `SELECT ${g.list(scope)} FROM ${a.sql}, ${b.sql}, ${c.sql}
        WHERE ${a.alias}.k = ${b.alias}.k AND ${b.alias}.g = ${c.alias}.g AND ${g.condition(scope)}`;
    },
  },
  {
    name: 'self join',
    query(g) {
      const table = g.table();
      const [a, b] = [g.from(table), g.from(table)];
      const scope = [...a.scope, ...b.scope];
      return `SELECT ${g.list(scope)} FROM ${a.sql} JOIN ${b.sql} ON ${a.alias}.k = ${b.alias}.k AND ${a.alias}.id < ${b.alias}.id`;
    },
  },
  {
    name: 'cross join',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      return `SELECT ${g.list([...a.scope, ...b.scope])} FROM ${a.sql} CROSS JOIN ${b.sql}`;
    },
  },
  {
    name: 'non-equi join',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      return `SELECT ${g.list([...a.scope, ...b.scope])} FROM ${a.sql} JOIN ${b.sql} ON ${a.alias}.k < ${b.alias}.k`;
    },
  },
  {
    name: 'join USING',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const keys = g.pick(['k', 'g', 'k, g']);
      return `SELECT ${keys}, ${a.alias}.id AS ida, ${b.alias}.id AS idb FROM ${a.sql} JOIN ${b.sql} USING (${keys})`;
    },
  },
  {
    name: 'natural join',
    query(g) {
      const [a, b] = [g.from(g.tables[0]), g.from(g.tables[1])];
      return `SELECT * FROM (SELECT k, g AS g1 FROM ${a.sql}) AS n NATURAL JOIN (SELECT k, id FROM ${b.sql}) AS m`;
    },
  },
  {
    name: 'GROUP BY',
    query(g) {
      const { sql, scope, alias } = g.from();
      const key = g.pick([`${alias}.g`, `${alias}.k`, `${alias}.g, ${alias}.k`]);
      return `SELECT ${key}, ${aggregates(g, scope)} FROM ${sql} GROUP BY ${key}`;
    },
  },
  {
    name: 'GROUP BY an expression, an ordinal, an alias',
    query(g) {
      const { sql, scope } = g.from();
      const key = g.value(scope, g.pick(['integer', 'text', 'boolean']));
      const by = g.pick(['1', 'key', key]);
      // A literal as a key would be an ordinal.
      return `SELECT coalesce(${key}, NULL) AS key, count(*) AS n FROM ${sql} GROUP BY ${by === key ? `coalesce(${key}, NULL)` : by}`;
    },
  },
  {
    name: 'HAVING',
    query(g) {
      const { sql, scope, alias } = g.from();
      return `SELECT ${alias}.k, ${aggregates(g, scope)} FROM ${sql} GROUP BY ${alias}.k HAVING count(*) > 1 OR sum(${alias}.id) > 8`;
    },
  },
  {
    name: 'aggregates without GROUP BY',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT ${aggregates(g, scope)} FROM ${sql} WHERE ${g.condition(scope)}`;
    },
  },
  {
    name: 'aggregates with FILTER',
    query(g) {
      const { sql, scope, alias } = g.from();
      return `SELECT ${alias}.g, count(*) FILTER (WHERE ${g.condition(scope)}) AS n, sum(${alias}.id) FILTER (WHERE ${g.condition(scope)}) AS s FROM ${sql} GROUP BY ${alias}.g`;
    },
  },
  {
    name: 'aggregates of a join',
    query(g) {
      const { sql, scope } = joined(g, 'JOIN');
      const key = g.column(scope, 'text')!.text;
      return `SELECT ${key} AS key, ${aggregates(g, scope)} FROM ${sql} GROUP BY ${key}`;
    },
  },
  {
    name: 'aggregates of aggregates',
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT n, count(*) AS m, max(s) AS top FROM (SELECT ${alias}.g, count(*) AS n, sum(${alias}.k) AS s FROM ${sql} GROUP BY ${alias}.g) AS q GROUP BY n`;
    },
  },
  {
    name: 'DISTINCT',
    query(g) {
      const { sql, scope } = g.from();
      return `SELECT DISTINCT ${g.list(scope)} FROM ${sql}`;
    },
  },
  {
    name: 'UNION ALL',
    query: (g) => `${column(g, 'integer')} UNION ALL ${column(g, g.pick(['integer', 'bigint']))}`,
  },
  { name: 'UNION', query: (g) => `${column(g, 'text')} UNION ${column(g, 'text')}` },
  {
    name: 'VALUES',
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT ${alias}.id, v.b FROM ${sql} JOIN (VALUES (0, 'x'), (1, 'y'), (1, NULL)) AS v(a, b) ON v.a = ${alias}.k`;
    },
  },
  {
    name: 'WITH',
    query(g) {
      const { sql, scope } = g.from();
      return `WITH a AS (SELECT ${scope[1]!.text} AS k, ${scope[2]!.text} AS g FROM ${sql} WHERE ${g.condition(scope)}), b AS (SELECT g, count(*) AS n FROM a GROUP BY g) SELECT a.k, b.n FROM a JOIN b ON a.g = b.g`;
    },
  },
  {
    name: 'ORDER BY',
    ordered: true,
    query(g) {
      const { sql, scope, alias } = g.from();
      const key = g.pick(scope).text;
      return `SELECT ${alias}.id, ${key} AS key FROM ${sql} ORDER BY ${key} ${g.pick(['', 'DESC', 'ASC NULLS FIRST', 'DESC NULLS LAST'])}, ${alias}.id`;
    },
  },
  {
    name: 'an error of a row',
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT ${alias}.id, ${g.pick([`10 / (${alias}.k - 1)`, `2147483647 + ${alias}.k`, `(${alias}.g || '1')::int`])} AS v FROM ${sql}`;
    },
  },
  {
    name: 'an error of the text',
    query(g) {
      const { sql, alias } = g.from();
      return g.pick([
        `SELECT ${alias}.nosuch FROM ${sql}`,
        `SELECT ${alias}.k + ${alias}.g FROM ${sql}`,
        `SELECT ${alias}.k FROM ${sql} GROUP BY ${alias}.g`,
        `SELECT nosuch(${alias}.k) FROM ${sql}`,
        `SELECT k FROM ${sql}, t0`,
        `SELECT id FROM ${sql} UNION SELECT g FROM ${sql}`,
        `SELECT * FROM nosuch`,
        `SELECT count(count(*)) FROM ${sql}`,
      ]);
    },
  },
];

export function joined(g: Generator, join: string): { sql: string; scope: readonly ScopeColumn[] } {
  const [a, b] = [g.from(), g.from()];
  const scope = [...a.scope, ...b.scope];
  const keys = g.pick(['k', 'g', 'id']);
  const more = g.chance(50) ? ` AND ${g.condition(scope)}` : '';
  return {
    sql: `${a.sql} ${join} ${b.sql} ON ${a.alias}.${keys} = ${b.alias}.${keys}${more}`,
    scope,
  };
}

function aggregates(g: Generator, scope: readonly ScopeColumn[]): string {
  const one = () => {
    const type = g.pick(['integer', 'bigint', 'numeric(8,2)', 'double precision'] as const);
    const value = g.value(scope, type, 1);
    return g.pick([
      'count(*)',
      `count(${value})`,
      `sum(${value})`,
      `avg(${value})`,
      `min(${value})`,
      `max(${g.value(scope, g.pick(['text', 'date', 'timestamp without time zone']), 1)})`,
      `bool_or(${g.value(scope, 'boolean', 1)})`,
    ]);
  };
  return `${one()} AS a0, ${one()} AS a1`;
}

function column(g: Generator, type: 'integer' | 'bigint' | 'text'): string {
  const { sql, scope } = g.from();
  return `SELECT ${g.value(scope, type, 1)} AS v FROM ${sql}`;
}
