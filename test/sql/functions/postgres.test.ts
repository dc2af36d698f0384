import type { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { typeName } from '../../../sql/columns/type-name.ts';
import { differences, openPostgres, ours, theirs } from './postgres.ts';
import { fields } from './samples.ts';

/**
 * Every expression over all rows of samples.ts: the interpreter and the compiled code say what
 * PostgreSQL says, NULLs, extremes, -0, NaN and SQLSTATEs included.
 */
let postgres: PGlite;
beforeAll(async () => {
  postgres = await openPostgres();
}, 60_000);
afterAll(() => postgres.close());

const all = [...'bsilrdntcyaemzv'];
const numbers = [...'silrdn'];
const times = [...'aemzv'];
const cross = <A, B>(left: readonly A[], right: readonly B[], make: (a: A, b: B) => string) =>
  left.flatMap((a) => right.map((b) => make(a, b)));
const lines = (text: string) =>
  text
    .trim()
    .split(/\n| ;; /)
    .map((line) => line.trim());

const names: Readonly<Record<string, string>> = Object.fromEntries(
  fields.slice(1).map(({ name, type }) => [name[0]!, typeName(type)]),
);
const units =
  lines(`microseconds ;; milliseconds ;; second ;; minute ;; hour ;; day ;; week ;; month
  quarter ;; year ;; decade ;; century ;; millennium ;; dow ;; isodow ;; doy ;; epoch ;; isoyear
  julian ;; nosuch`);
const formats = lines(`YYYY-MM-DD HH24:MI:SS.US ;; HH12:MI:SS am ;; Day, DD Month YYYY BC
  FMDay FMDD FMMonth ;; IYYY-IW-ID ;; DDD Q WW W ;; YY YYY Y Y,YYY ;; J CC ;; MS US SSSS
  Dy MON Mon mon ;; DDth DDTH FMDDth ;; "x" \\"y ;; TZ OF ;; yyyy-mm-dd ;; HH:MI P.M. ;; RM rm FMRM
  FF3 FF6 ;; literal-/: ;; TMDay ;; D d ID ;; YYYYMMDD"T"HH24MISS ;; month Month ;; BCbcA.D. ;; Qth`);

/** Integers and bytea: from PostgreSQL 18 on. Floats as text: a matter of sql/columns/text.ts. */
const otherCasts =
  /^[sil]1::bytea|^y1::(smallint|integer|bigint)$|^[rd]1::(text|varchar|character varying)/;

const groups: Readonly<Record<string, readonly string[]>> = {
  comparisons: [
    ...cross(all, ['=', '<>', '<', '<=', '>', '>='], (x, op) => `${x}1 ${op} ${x}2`),
    ...cross(numbers, numbers, (x, y) => `${x}1 < ${y}2`),
    ...cross([...'amz'], [...'amz'], (x, y) => `${x}1 = ${y}2`),
  ],
  'forms of any type': all.flatMap((x) => [
    `${x}1 IS DISTINCT FROM ${x}2`,
    `nullif(${x}1, ${x}2)`,
    `greatest(${x}1, ${x}2)`,
    `least(${x}1, ${x}2)`,
    `coalesce(${x}1, ${x}2)`,
    `${x}1 IN (${x}2, NULL)`,
    `CASE WHEN b1 THEN ${x}1 WHEN NOT b2 THEN ${x}2 END`,
    `${x}1 IS NULL`,
  ]),
  logic: lines(`b1 AND b2 ;; b1 OR b2 ;; NOT b1 ;; b1 IS NOT TRUE ;; b1 IS UNKNOWN ;; b1 AND NULL
    b1 OR NULL ;; b1 = b2 OR i1 > 0 ;; b1 IS FALSE AND NOT b2 ;; (b1 AND b2) IS NULL
    i1 <> 0 AND 10 / i1 > 1 ;; i1 = 0 OR 10 / i1 > 1 ;; NOT (i1 < l2 OR t1 = t2)`),
  arithmetic: [
    ...numbers.flatMap((x) =>
      cross(numbers, ['+', '-', '*', '/', '%'], (y, op) => `${x}1 ${op} ${y}2`),
    ),
    ...numbers.flatMap((x) => [`-${x}1`, `+${x}1`, `abs(${x}1)`, `sign(${x}1)`, `round(${x}1)`]),
    ...numbers.flatMap((x) => [`floor(${x}1)`, `ceil(${x}1)`, `trunc(${x}1)`, `mod(${x}1, ${x}2)`]),
    ...cross([...'sil'], ['& 5', '| 9', '# 3', '<< 3', '>> 1'], (x, op) => `${x}1 ${op}`),
    ...[...'sil'].map((x) => `~ ${x}1`),
    ...lines(`round(n1, 2) ;; round(n1, -1) ;; trunc(n1, 1) ;; trunc(n1, -2) ;; i1 << i2 ;; l1 >> i1
      d1 ^ 2 ;; sqrt(d1) ;; power(d1, 2) ;; exp(s1) ;; log(d1) ;; i1 * 0.908 ;; l1 * 0.908
      i1 + 1 - 1 ;; (i1 + l2) * 2 ;; l1 * l2 - l1 ;; -i1 - s2 ;; to_hex(i1) ;; to_hex(l1)`),
  ],
  casts: [
    ...cross(all, all, (x, y) => `${x}1::${names[y]}`).filter((text) => !otherCasts.test(text)),
    ...cross(
      all,
      ['numeric(10,2)', 'numeric(5,0)', 'varchar(3)'],
      (x, type) => `${x}1::${type}`,
    ).filter((text) => !otherCasts.test(text)),
    ...lines(`float8(i1) ;; date(m1) ;; text(i1) ;; date('2020-01-01') ;; nosuch(i1)`),
  ],
  text: [
    ...['lower', 'length', 'char_length', 'octet_length', 'reverse', 'md5', 'ltrim', 'rtrim']
      .concat('btrim', 'ascii')
      .flatMap((name) => [`${name}(t1)`, `${name}(c1)`]),
    ...['length', 'octet_length', 'md5'].map((name) => `${name}(y1)`),
    ...lines(`t1 || t2 ;; t1 || i1 ;; b1 || t1 ;; n1 || t1 ;; c1 || t2 ;; y1 || y2 ;; m1 || t1
      substring(t1, i1) ;; substring(t1, i1, i2) ;; substring(t1 from 2 for 1) ;; substr(t1, 2)
      substring(y1, i1, 2) ;; position(t1 in t2) ;; strpos(t1, t2) ;; replace(t1, t2, c1)
      split_part('a,b,c', ',', i1) ;; split_part(t1, t2, 1) ;; split_part('a,b', '', s1::int)
      left(t1, s1::int) ;; right(t1, s1::int) ;; left(t1, i1) ;; lpad(t1, 5) ;; lpad(t1, 5, t2)
      rpad(t1, 5, t2) ;; rpad(t1, -1) ;; repeat(t1, 3) ;; repeat(t1, -1) ;; starts_with(t1, t2)
      concat(t1, t2) ;; concat(b1, i1, m1, t1, y1) ;; concat(NULL) ;; concat_ws(t1, t2, c1, i1)
      concat_ws(NULL, t1) ;; concat_ws('-', b1, n1) ;; concat_ws(1, t1) ;; translate(t1, t2, c1)
      t1 LIKE t2 ;; t1 NOT LIKE t2 ;; t1 ILIKE t2 ;; t1 LIKE 'a%' ;; t1 LIKE '%b' ;; t1 LIKE '_'
      t1 LIKE '%_%' ;; t1 LIKE 'x_' ESCAPE 'x' ;; t1 LIKE 'a!_b' ESCAPE '!' ;; t1 LIKE t2 || '%'
      ltrim(t1, 'a') ;; btrim(t1, ' a') ;; trim(leading 'a' from t1) ;; chr(i1) ;; initcap(c1)
      t1 + 1 ;; length(i1) ;; t1 = 1 ;; t1 < '2' ;; i1 = '1' ;; c1 = 'a' ;; 'a' = t1 ;; t1 <> c1`),
  ],
  'dates and times': [
    ...cross([...times, 'i'], [...times, 'i', 'n'], (x, y) => `${x}1 - ${y}2`),
    ...cross([...times, 'i'], [...times, 'i', 'n'], (x, y) => `${x}1 + ${y}2`).filter(
      (text) => text !== 'e1 + e2',
    ),
    ...lines(`v1 * i2 ;; v1 * n2 ;; v1 / n2 ;; v1 / 3 ;; v1 * 0.5 ;; 1.5 * v1 ;; -v1 ;; e1 * i2
      m1 > '2020-01-01' ;; a1 = '2020-02-29' ;; m1 BETWEEN '2000-01-01' AND m2 ;; v1 > '1 day'
      m1 + '1 day' ;; a1 - '2020-01-01' ;; a1 + e1 ;; to_timestamp(0.5) ;; make_date(2020, i1, 1)
      date_bin('15 minutes', m1, m2) ;; date_bin(v1, m1, m2) ;; m1 AT TIME ZONE 'UTC'
      z1 AT TIME ZONE 'UTC' ;; date_trunc(t1, m1) ;; date_part('mon', m1) ;; date_part('YEAR', m1)`),
    ...cross(units, times, (unit, x) => `extract(${unit} from ${x}1)`),
    ...cross(units, times, (unit, x) => `date_part('${unit}', ${x}1)`),
    ...cross(units, times, (unit, x) => `date_trunc('${unit}', ${x}1)`),
    ...cross(formats, [...'amz'], (format, x) => `to_char(${x}1, '${format}')`),
  ],
};

describe.each(Object.entries(groups))('%s', (_, expressions) => {
  test.each(expressions)('%s', async (text) => {
    const expected = await theirs(postgres, text);
    const mine = ours(text);
    expect(differences(text, mine.interpreted, expected)).toEqual([]);
    expect(mine.compiled).toEqual(mine.interpreted);
  });
});
