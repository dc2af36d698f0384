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

const numberTemplates =
  lines(`999 ;; 9999999999 ;; 0000 ;; 9,999.99 ;; FM999.00 ;; FM9990.99 ;; S999
  999S ;; 999MI ;; MI999 ;; 999PL ;; SG999 ;; 999PR ;; FM999PR ;; RN ;; FMRN ;; rn ;; 99V99 ;; 9.9 ;; FM9.9
  L999 ;; 999th ;; 999TH ;; FM999th ;; "x"999 ;; 0.9 ;; 09.90 ;; 9G999D99 ;; .99 ;; 000.000 ;; FM0.0
  9 9 9 ;; 999,999,999,999,999,999,999 ;; FM999,999 ;; B999 ;; S0.0 ;; 0.0S ;; 9.99EEEE ;; PL9,9.9MI`);
const dateTexts =
  lines(`'2020-02-29', 'YYYY-MM-DD' ;; '20200229', 'YYYYMMDD' ;; '29 Feb 2020', 'DD Mon YYYY'
  '29 February 2020', 'DD Month YYYY' ;; '2/9/20', 'MM/DD/YY' ;; '05 12 99', 'DD MM YY' ;; '2020-060', 'YYYY-DDD'
  '2020-W09-6', 'IYYY-"W"IW-ID' ;; '44-03-15 BC', 'YYYY-MM-DD BC' ;; '2020/2/3', 'YYYY-MM-DD'
  '2458909', 'J' ;; '2020-02-30', 'YYYY-MM-DD' ;; '2020-13-01', 'YYYY-MM-DD' ;; 'abc', 'YYYY'
  '2020-02-29', '' ;; '', 'YYYY' ;; '1,020-03-04', 'Y,YYY-MM-DD' ;; '21', 'CC' ;; '2020 III 5', 'YYYY RM DD'
  '2020', 'YYYY' ;; '12', 'MM' ;; 'Tue 5 May 2020', 'Dy DD Mon YYYY' ;; '2020-01-01x', 'YYYY-MM-DD'`);
const timeTexts = lines(`'2020-02-29 23:59:58', 'YYYY-MM-DD HH24:MI:SS' ;; '12:30 PM', 'HH12:MI AM'
  '12:30 a.m.', 'HH12:MI P.M.' ;; '13:00 PM', 'HH12:MI PM' ;; '10:11:12.123', 'HH24:MI:SS.MS'
  '10:11:12.5', 'HH24:MI:SS.MS' ;; '10:11:12.123456', 'HH24:MI:SS.US' ;; '3661', 'SSSS' ;; '25:00', 'HH24:MI'
  '10:60', 'HH24:MI' ;; '2020-02-29T10:11:12', 'YYYY-MM-DD"T"HH24:MI:SS' ;; '10:11:12.12', 'HH24:MI:SS.FF2'
  '20200229101112', 'YYYYMMDDHH24MISS' ;; '2020-02-29 10:00 +02:30', 'YYYY-MM-DD HH24:MI TZH:TZM'
  '2020-02-29 10:00 EST', 'YYYY-MM-DD HH24:MI TZ'`);
const numberTexts =
  lines(`'1,234.5', '9G999D9' ;; '12.3', '99D9' ;; '-12', 'S99' ;; '12-', '99S' ;; '<12>', '99PR'
  ' 12 ', '999' ;; '$12', 'L99' ;; '12', '' ;; 'abc', '999' ;; '1234', '999' ;; '0.5', '9.99' ;; '12 34', '99 99'
  '12-', '99MI' ;; '1,2,3', '9,9,9' ;; '-0.1', '9.9'`);

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
      split_part('a,b,c', ',', i1) ;; split_part('xaaay', 'aa', i1) ;; split_part(',b,,', ',', i1) ;; split_part(t1, '', i1) ;; split_part(t1, t2, 1) ;; split_part('a,b', '', s1::int)
      left(t1, s1::int) ;; right(t1, s1::int) ;; left(t1, i1) ;; lpad(t1, 5) ;; lpad(t1, 5, t2)
      rpad(t1, 5, t2) ;; rpad(t1, -1) ;; repeat(t1, 3) ;; repeat(t1, -1) ;; starts_with(t1, t2)
      concat(t1, t2) ;; concat(b1, i1, m1, t1, y1) ;; concat(NULL) ;; concat_ws(t1, t2, c1, i1)
      concat_ws(NULL, t1) ;; concat_ws('-', b1, n1) ;; concat_ws(1, t1) ;; translate(t1, t2, c1)
      t1 LIKE t2 ;; t1 NOT LIKE t2 ;; t1 ILIKE t2 ;; t1 LIKE 'a%' ;; t1 LIKE '%b' ;; t1 LIKE '_'
      t1 LIKE '%_%' ;; t1 LIKE 'x_' ESCAPE 'x' ;; t1 LIKE 'a!_b' ESCAPE '!' ;; t1 LIKE t2 || '%'
      ltrim(t1, 'a') ;; btrim(t1, ' a') ;; trim(leading 'a' from t1) ;; chr(i1) ;; initcap(c1)
      t1 + 1 ;; length(i1) ;; t1 = 1 ;; t1 < '2' ;; i1 = '1' ;; c1 = 'a' ;; 'a' = t1 ;; t1 <> c1`),
  ],
  templates: [
    // PostgreSQL's integers overflow in V, and its numerics print 10.00e+19.
    ...cross(numberTemplates, [...'ilnd'], (template, x) => `to_char(${x}1, '${template}')`).filter(
      (text) => !/^to_char\([il]1, '99V|^to_char\(n1, '9.99E/.test(text),
    ),
    ...lines(
      `to_char(v1, 'HH24:MI:SS') ;; to_char(v1, 'YYYY MM DD DDD') ;; to_char(v1, 'Day') ;; to_char(v1, 'SSSS MS')`,
    ),
    ...dateTexts.map((args) => `to_date(${args})`),
    ...timeTexts.map((args) => `to_timestamp(${args})`),
    ...numberTexts.map((args) => `to_number(${args})`),
  ],
  'dates and times': [
    ...cross([...times, 'i'], [...times, 'i', 'n'], (x, y) => `${x}1 - ${y}2`),
    ...cross([...times, 'i'], [...times, 'i', 'n'], (x, y) => `${x}1 + ${y}2`).filter(
      (text) => text !== 'e1 + e2',
    ),
    ...lines(`'infinity'::timestamp + v1 ;; 'infinity'::date::timestamp ;; '-infinity'::timestamp::date
      'infinity'::date + 1 ;; 'infinity'::date - a1 ;; 'infinity'::timestamp > m1 ;; '-infinity'::date < a1
      'infinity'::timestamp::time ;; greatest('infinity', m1) ;; '5874897-12-31'::date::timestamp
      '294247-01-01'::date::timestamp ;; '-infinity'::timestamptz ;; isfinite('infinity'::date)`),
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
