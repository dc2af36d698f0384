import type { Generator, QueryProduction } from '../generator.ts';

/** Sets of groups, and the aggregates that PostgreSQL has. */
function grouped(g: Generator, items: (alias: string) => readonly string[]): string {
  const { sql, alias } = g.from();
  const named = items(alias).map((item, index) => `${item} AS a${index}`);
  return `SELECT ${alias}.g, ${named.join(', ')} FROM ${sql} GROUP BY ${alias}.g`;
}

const sets: readonly (readonly [name: string, clause: (a: string) => string])[] = [
  ['GROUPING SETS', (a) => `GROUPING SETS ((${a}.g), (${a}.k, ${a}.g), ())`],
  ['CUBE', (a) => `CUBE (${a}.g, ${a}.k)`],
  ['ROLLUP', (a) => `ROLLUP (${a}.k, ${a}.g)`],
];

export const groupingQueries: readonly QueryProduction[] = [
  ...sets.map(
    ([name, clause]): QueryProduction => ({
      name,
      query(g) {
        const { sql, alias } = g.from();
        return `SELECT ${alias}.g, ${alias}.k, grouping(${alias}.g, ${alias}.k) AS s, count(*) AS n,
          sum(${alias}.id) AS t FROM ${sql} GROUP BY ${clause(alias)} HAVING count(*) > ${g.random.below(2)}`;
      },
    }),
  ),
  {
    name: 'aggregates with DISTINCT',
    query: (g) =>
      grouped(g, (a) => [
        `count(DISTINCT ${a}.k)`,
        `sum(DISTINCT ${a}.k)`,
        `string_agg(DISTINCT ${a}.g, ',' ORDER BY ${a}.g)`,
        `array_agg(DISTINCT ${a}.k)`,
      ]),
  },
  {
    name: 'aggregates with ORDER BY',
    query: (g) =>
      grouped(g, (a) => [
        `string_agg(${a}.g, '-' ORDER BY ${a}.k DESC, ${a}.id)`,
        `array_agg(${a}.k ORDER BY ${a}.id DESC)`,
        `jsonb_agg(${a}.k ORDER BY ${a}.id)`,
        `jsonb_object_agg(${a}.id, ${a}.g)`,
      ]),
  },
  {
    name: 'boolean and bit aggregates',
    query: (g) =>
      grouped(g, (a) => [
        `bool_and(${a}.k > 1)`,
        `bool_or(${a}.k > 3)`,
        `bit_and(${a}.k)`,
        `bit_or(${a}.k)`,
        `bit_xor(${a}.id)`,
      ]),
  },
  {
    name: 'stddev and variance',
    query: (g) =>
      grouped(g, (a) => [
        `stddev(${a}.k)`,
        `var_pop(${a}.k)`,
        `variance(${a}.id::numeric)`,
        `stddev_pop(${a}.k::double precision)`,
      ]),
  },
  {
    name: 'corr, covar and regr',
    query: (g) =>
      grouped(g, (a) =>
        ['corr', 'covar_pop', 'covar_samp', 'regr_slope', 'regr_intercept', 'regr_r2', 'regr_count']
          .filter(() => g.chance(60))
          .concat('regr_sxy')
          .map((name) => `${name}(${a}.k::double precision, ${a}.id::double precision)`),
      ),
  },
  {
    name: 'percentiles and mode',
    query: (g) =>
      grouped(g, (a) => [
        `percentile_cont(${g.pick(['0', '0.25', '0.5', '1'])}) WITHIN GROUP (ORDER BY ${a}.k)`,
        `percentile_disc(${g.pick(['0.1', '0.5', '0.9'])}) WITHIN GROUP (ORDER BY ${a}.id DESC)`,
        `mode() WITHIN GROUP (ORDER BY ${a}.k)`,
        `percentile_disc(ARRAY[0.2, 0.8]) WITHIN GROUP (ORDER BY ${a}.k)`,
      ]),
  },
];
