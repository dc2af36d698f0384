import type { ColumnType, Generator, ScopeColumn, ValueProduction } from '../generator.ts';

type Value = (type: ColumnType) => string;

/** One of some forms over values of any type. */
export function forms(
  name: string,
  type: ColumnType,
  of: (value: Value, g: Generator) => readonly string[],
): ValueProduction {
  return {
    name,
    type,
    value: (g: Generator, scope: readonly ScopeColumn[], depth: number) =>
      g.pick(of((wanted) => g.value(scope, wanted, depth), g)),
  };
}

/** PostgreSQL's scalar functions, by kind. */
export const functionValues: readonly ValueProduction[] = [
  forms('string functions', 'text', (v, g) => [
    `upper(${v('text')})`,
    `substr(${v('text')}, ${g.random.below(3)}, 2)`,
    `replace(${v('text')}, 'a', ${v('text')})`,
    `lpad(${v('text')}, 4, '*')`,
    `split_part(${v('text')}, 'b', 1)`,
    `initcap(reverse(${v('text')}))`,
    `left(${v('text')}, 1) || right(${v('text')}, 2)`,
    `trim(both 'a' from ${v('text')})`,
    `overlay(${v('text')} placing 'x' from 1 for 1)`,
    `md5(${v('text')})`,
  ]),
  forms('regular expressions', 'text', (v) => [
    `regexp_replace(${v('text')}, '[ab]+', 'x')`,
    `substring(${v('text')} from '.b')`,
    `(regexp_match(${v('text')}, '(a)(b)?'))[2]`,
  ]),
  forms('regular expressions as conditions', 'boolean', (v) => [
    `${v('text')} ~ '^a'`,
    `${v('text')} !~* 'B$'`,
    `${v('text')} SIMILAR TO 'a%'`,
  ]),
  forms('texts as numbers', 'integer', (v) => [
    `length(${v('text')})`,
    `position('b' in ${v('text')})`,
    `ascii(${v('text')})`,
    `octet_length(${v('text')})`,
  ]),
  forms('functions of numbers', 'numeric(8,2)', (v, g) => [
    `round(${v('numeric(8,2)')}, ${g.random.below(2)})`,
    `abs(${v('numeric(8,2)')})`,
    `trunc(${v('numeric(8,2)')} / 3, 2)`,
    `greatest(${v('numeric(8,2)')}, ${v('integer')})`,
    `mod(${v('numeric(8,2)')}, 7)`,
    `ceil(${v('numeric(8,2)')}) + floor(${v('numeric(8,2)')})`,
  ]),
  forms('functions of doubles', 'double precision', (v) => [
    `sqrt(abs(${v('double precision')}))`,
    `${v('double precision')} * ${v('integer')}`,
    `sign(${v('double precision')})`,
    `width_bucket(${v('double precision')}, 0, 10, 5)::double precision`,
  ]),
  forms('casts', 'text', (v) => [
    `${v('integer')}::text`,
    `${v('numeric(8,2)')}::text`,
    `CAST(${v('boolean')} AS text)`,
    `${v('date')}::text`,
    `${v('timestamp without time zone')}::text`,
    `${v('bigint')}::varchar(3)::text`,
    `${v('text')}::char(3)::text`,
    `${v('double precision')}::text`,
  ]),
  forms('casts of numbers', 'integer', (v) => [
    `${v('numeric(8,2)')}::int`,
    `${v('boolean')}::int`,
    `${v('bigint')}::int`,
    `${v('integer')}::smallint::int`,
  ]),
  forms('dates', 'date', (v) => [
    `${v('date')} + 3`,
    `(${v('timestamp without time zone')} + interval '1 month')::date`,
    `date_trunc('week', ${v('date')}::timestamp)::date`,
    `make_date(2024, 2, 1 + length(${v('text')}))`,
  ]),
  forms('timestamps and intervals', 'timestamp without time zone', (v) => [
    `${v('timestamp without time zone')} - interval '1 day 02:30'`,
    `date_trunc('hour', ${v('timestamp without time zone')})`,
    `${v('date')} + time '10:00'`,
    `${v('date')}::timestamp + ${v('integer')} * interval '1 hour'`,
    `timezone('UTC', timezone('Europe/Berlin', ${v('timestamp without time zone')}))`,
  ]),
  forms('fields of times', 'integer', (v) => [
    `extract(day from ${v('date')})::int`,
    `extract(dow from ${v('timestamp without time zone')})::int`,
    `${v('date')} - ${v('date')}`,
    `date_part('hour', ${v('timestamp without time zone')})::int`,
  ]),
  forms('arrays', 'integer', (v) => [
    `(ARRAY[${v('integer')}, ${v('integer')}])[2]`,
    `cardinality(array_remove(ARRAY[${v('integer')}, 1, 2], 1))`,
    `array_position(ARRAY[1, 2, ${v('integer')}], ${v('integer')})`,
  ]),
  forms('arrays as conditions', 'boolean', (v) => [
    `${v('integer')} = ANY (ARRAY[1, ${v('integer')}])`,
    `ARRAY[${v('text')}, 'a'] @> ARRAY[${v('text')}]`,
    `${v('integer')} <> ALL (ARRAY[${v('integer')}, 2])`,
  ]),
  forms('JSON', 'text', (v) => [
    `jsonb_build_object('a', ${v('integer')}) ->> 'a'`,
    `to_jsonb(${v('text')})::text`,
    `(jsonb_build_array(${v('text')}, ${v('integer')}) -> 1)::text`,
    `jsonb_typeof(to_jsonb(${v('boolean')}))`,
  ]),
  forms('formats', 'text', (v) => [
    `to_char(${v('date')}, 'YYYY-Mon-DD')`,
    `to_char(${v('numeric(8,2)')}, 'S999.9')`,
    `format('%s-%L', ${v('integer')}, ${v('text')})`,
    `concat_ws(',', ${v('text')}, ${v('integer')})`,
  ]),
  forms('conditions', 'integer', (v) => [
    `nullif(${v('integer')}, ${v('integer')})`,
    `greatest(${v('integer')}, ${v('integer')}, 0)`,
    `CASE ${v('integer')} WHEN 1 THEN ${v('integer')} WHEN 2 THEN 0 END`,
    `least(${v('integer')}, 3)`,
  ]),
];
