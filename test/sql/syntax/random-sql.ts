import fc from 'fast-check';

/**
 * Random SQL as text, deliberately with few parentheses: precedence, associativity and the words
 * that are names in one place and keywords in another are what a parser gets wrong. Much of it is
 * wrong; then both parsers must say so.
 */
const binaryOperators = [
  ...'+ - * / % ^ < > = <= >= <> != || -> ->> @> & | # << >> ~ !~ ~* and or and or'.split(' '),
  ...['like', 'ilike', 'not like', 'not ilike', 'similar to', 'at time zone'],
  ...['is distinct from', 'is not distinct from', ''],
];

const suffixes = [
  'is null',
  'is not null',
  'is true',
  'is not unknown',
  'isnull',
  'notnull',
  '::int',
  '::numeric(10, 2)',
  '::text[]',
  'in (1, 2)',
  'not in (select 1)',
  'between 1 and 2',
  'not between a + 1 and b',
  'between symmetric a < b and c',
  "like 'a' escape 'b'",
  '= any (select 1)',
];

const primaries = [
  ...['1', '2.5', "'x'", 'a', 't.b', '"C"', 'null', 'true', 'year', 'current_date', '(select 1)'],
  ...[
    'count(*)',
    'f(a, b)',
    "date '2020-01-01'",
    "interval '1' day",
    "interval '1'",
    'row',
    'left(a, 1)',
  ],
  ...[
    '((select 1) union select 2)',
    '((select 1) + 1)',
    'exists (select 1)',
    'array[a, 1]',
    "x 'y'",
  ],
];

export const expression: fc.Arbitrary<string> = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie('expression');
  const pair = (glue: (a: string, b: string) => string) =>
    fc.tuple(inner, inner).map(([a, b]) => glue(a, b));
  return {
    expression: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      { weight: 4, arbitrary: fc.constantFrom(...primaries) },
      {
        weight: 6,
        arbitrary: fc
          .tuple(inner, fc.constantFrom(...binaryOperators), inner)
          .map((parts) => parts.join(' ')),
      },
      {
        weight: 2,
        arbitrary: fc.tuple(inner, fc.constantFrom(...suffixes)).map((parts) => parts.join(' ')),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.constantFrom('-', '+', 'not', '~', '@'), inner)
          .map((parts) => parts.join(' ')),
      },
      { weight: 1, arbitrary: inner.map((a) => `(${a})`) },
      { weight: 1, arbitrary: pair((a, b) => `between ${a} and ${b}`) },
      { weight: 1, arbitrary: pair((a, b) => `a between ${a} and ${b}`) },
      { weight: 1, arbitrary: pair((a, b) => `case when ${a} then ${b} end`) },
      { weight: 1, arbitrary: pair((a, b) => `case ${a} when 1 then 2 else ${b} end`) },
      { weight: 1, arbitrary: pair((a, b) => `(${a}, ${b})`) },
      { weight: 1, arbitrary: pair((a, b) => `coalesce(${a}, ${b})`) },
      { weight: 1, arbitrary: pair((a, b) => `position(${a} in ${b})`) },
      { weight: 1, arbitrary: pair((a, b) => `substring(${a} from ${b})`) },
      { weight: 1, arbitrary: pair((a, b) => `sum(${a}) filter (where ${b})`) },
      { weight: 1, arbitrary: pair((a, b) => `sum(a) over (partition by ${a} order by ${b})`) },
      {
        weight: 1,
        arbitrary: pair((a, b) => `f(a) over (rows between ${a} preceding and ${b} following)`),
      },
    ),
  };
}).expression;

const alias = fc.constantFrom(
  '',
  '',
  ' x',
  ' as x',
  ' year',
  ' as select',
  ' value',
  ' day',
  ' left',
);

const table: fc.Arbitrary<string> = fc.letrec<{ table: string }>((tie) => ({
  table: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom(
            ...['t', 's.u', '(select 1)', '((select 1) union (select 2))', 'f(1)', '(values (1))'],
            ...['lateral (select a)', 'current_date', '((select 1) y cross join t)'],
          ),
          alias,
        )
        .map((parts) => parts.join('')),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          tie('table'),
          fc.constantFrom(
            'join',
            'left join',
            'full outer join',
            'cross join',
            'natural join',
            ',',
          ),
          tie('table'),
          fc.constantFrom('', ' on true', ' using (a)'),
        )
        .map(([left, join, right, on]) => `${left} ${join} ${right}${on}`),
    },
    { weight: 1, arbitrary: tie('table').map((inner) => `(${inner})`) },
  ),
})).table;

const clauses = fc
  .tuple(
    fc.constantFrom(
      '',
      ' where ',
      ' group by ',
      ' group by rollup ',
      ' having ',
      ' order by ',
      ' limit ',
    ),
    expression,
  )
  .map(([clause, operand]) => (clause === '' ? '' : clause + operand));

const select = fc
  .tuple(
    fc.constantFrom('select', 'select distinct', 'select all'),
    expression,
    alias,
    table,
    clauses,
  )
  .map(([word, item, name, from, clause]) => `${word} ${item}${name} from ${from}${clause}`);

const sets = fc
  .tuple(select, fc.constantFrom('union', 'intersect all', 'except'), select, clauses)
  .map(([left, operator, right, clause]) => `${left} ${operator} (${right}) ${clause}`);

export const script: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: expression.map((item) => `select ${item}`) },
  { weight: 3, arbitrary: select },
  { weight: 1, arbitrary: sets },
  { weight: 1, arbitrary: expression.map((item) => `update t set a = ${item} where ${item}`) },
  { weight: 1, arbitrary: expression.map((item) => `insert into t values (${item}, default)`) },
  {
    weight: 1,
    arbitrary: expression.map((item) => `create table t (a int default ${item}, b int)`),
  },
);
