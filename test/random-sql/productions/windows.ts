import type { Generator, QueryProduction } from '../generator.ts';

/** Window functions, and what keeps the first rows of an order. Every order ends with the key. */
const frames: Readonly<Record<'ROWS' | 'RANGE' | 'GROUPS', readonly string[]>> = {
  ROWS: [
    'ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING',
    'ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING',
    'ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING',
    'ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW',
    'ROWS 2 PRECEDING',
  ],
  RANGE: [
    'RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING',
    'RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES',
    'RANGE BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING',
    'RANGE 1 PRECEDING',
  ],
  GROUPS: [
    'GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING',
    'GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING EXCLUDE GROUP',
    'GROUPS UNBOUNDED PRECEDING',
  ],
};

function direction(g: Generator): string {
  return g.pick(['', 'DESC', 'NULLS FIRST', 'DESC NULLS LAST']);
}

/** A window whose rows have one order. */
function unique(g: Generator, alias: string, frame = ''): string {
  const partition = g.pick(['', `PARTITION BY ${alias}.g`, `PARTITION BY ${alias}.k % 2`]);
  return `(${partition} ORDER BY ${alias}.k ${direction(g)}, ${alias}.id ${frame})`;
}

/** A window with ties, for what does not tell them apart. */
function tied(g: Generator, alias: string, frame = ''): string {
  return `(${g.pick(['', `PARTITION BY ${alias}.g`])} ORDER BY ${alias}.k ${direction(g)} ${frame})`;
}

function aggregate(g: Generator, alias: string): string {
  return g.pick([
    'count(*)',
    `count(${alias}.k)`,
    `sum(${alias}.k)`,
    `avg(${alias}.k)`,
    `min(${alias}.g)`,
    `max(${alias}.id)`,
    `bool_or(${alias}.k > 2)`,
    `sum(${alias}.k) FILTER (WHERE ${alias}.id > 4)`,
  ]);
}

function selecting(g: Generator, of: (alias: string) => readonly string[]): string {
  const { sql, alias } = g.from();
  const items = of(alias).map((item, index) => `${item} AS w${index}`);
  return `SELECT ${alias}.id, ${items.join(', ')} FROM ${sql}`;
}

const framed = (['ROWS', 'RANGE', 'GROUPS'] as const).map(
  (mode): QueryProduction => ({
    name: `aggregates OVER ${mode} frames`,
    query: (g) =>
      selecting(g, (alias) => {
        const window = mode === 'ROWS' ? unique : tied;
        return [1, 2].map(
          () => `${aggregate(g, alias)} OVER ${window(g, alias, g.pick(frames[mode]))}`,
        );
      }),
  }),
);

export const windowQueries: readonly QueryProduction[] = [
  ...framed,
  {
    name: 'ranking functions',
    query: (g) =>
      selecting(g, (alias) => [
        `row_number() OVER ${unique(g, alias)}`,
        `${g.pick(['rank()', 'dense_rank()', 'percent_rank()', 'cume_dist()'])} OVER ${tied(g, alias)}`,
        `ntile(${1 + g.random.below(4)}) OVER ${unique(g, alias)}`,
      ]),
  },
  {
    name: 'lag and lead',
    query: (g) =>
      selecting(g, (alias) => [
        `lag(${alias}.k) OVER ${unique(g, alias)}`,
        `lead(${alias}.g, ${g.random.below(3)}) OVER ${unique(g, alias)}`,
        `lag(${alias}.id, 2, -1) OVER ${unique(g, alias)}`,
      ]),
  },
  {
    name: 'first_value, last_value and nth_value',
    query: (g) =>
      selecting(g, (alias) =>
        [`first_value(${alias}.g)`, `last_value(${alias}.k)`, `nth_value(${alias}.id, 2)`].map(
          (call) => `${call} OVER ${unique(g, alias, g.pick(frames.ROWS))}`,
        ),
      ),
  },
  {
    name: 'aggregates OVER whole partitions',
    query: (g) =>
      selecting(g, (alias) => [
        `${aggregate(g, alias)} OVER ()`,
        `${aggregate(g, alias)} OVER (PARTITION BY ${alias}.g)`,
        `${aggregate(g, alias)} OVER ${tied(g, alias)}`,
      ]),
  },
  {
    name: 'named windows',
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT ${alias}.id, sum(${alias}.k) OVER w AS a, count(*) OVER (w ROWS 1 PRECEDING) AS b
        FROM ${sql} WINDOW w AS (PARTITION BY ${alias}.g ORDER BY ${alias}.id)`;
    },
  },
  {
    name: 'windows over groups',
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT ${alias}.g, count(*) AS n, sum(count(*)) OVER (ORDER BY ${alias}.g) AS a,
        rank() OVER (ORDER BY count(*) DESC, ${alias}.g) AS b FROM ${sql} GROUP BY ${alias}.g`;
    },
  },
  {
    name: 'TopN by a filter of ranks',
    query(g) {
      const { sql, alias } = g.from();
      const call = g.pick([
        `row_number() OVER (PARTITION BY ${alias}.g ORDER BY ${alias}.k ${direction(g)}, ${alias}.id)`,
        `rank() OVER (PARTITION BY ${alias}.g ORDER BY ${alias}.k ${direction(g)})`,
        `dense_rank() OVER (ORDER BY ${alias}.k)`,
      ]);
      return `SELECT id, k, place FROM (SELECT ${alias}.*, ${call} AS place FROM ${sql}) AS ranked
        WHERE place <= ${1 + g.random.below(3)}`;
    },
  },
  {
    name: 'DISTINCT ON',
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT DISTINCT ON (${alias}.g) ${alias}.g, ${alias}.k, ${alias}.id FROM ${sql}
        ORDER BY ${alias}.g, ${alias}.k ${direction(g)}, ${alias}.id`;
    },
  },
  {
    name: 'ORDER BY and LIMIT',
    ordered: true,
    query(g) {
      const { sql, alias } = g.from();
      return `SELECT ${alias}.id, ${alias}.k FROM ${sql} ORDER BY ${alias}.k ${direction(g)}, ${alias}.id
        LIMIT ${1 + g.random.below(4)} OFFSET ${g.random.below(3)}`;
    },
  },
  {
    name: 'FETCH WITH TIES, LIMIT of a derived table',
    query(g) {
      const [a, b] = [g.from(), g.from()];
      const ties = `SELECT ${a.alias}.k FROM ${a.sql} ORDER BY ${a.alias}.k FETCH FIRST 2 ROWS WITH TIES`;
      return `SELECT count(*) AS n, x.k FROM (${ties}) AS x
        JOIN (SELECT ${b.alias}.k FROM ${b.sql} ORDER BY ${b.alias}.k, ${b.alias}.id LIMIT 5) AS y
        ON x.k = y.k GROUP BY x.k`;
    },
  },
];
