import type { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeName } from '../../../sql/columns/type-name.ts';
import { neighbours } from '../../../sql/functions/neighbours.ts';
import { scalarFunctions } from '../../../sql/functions/scalar.ts';
import { isPseudo, type ParamType } from '../../../sql/functions/signature.ts';
import { differences, openPostgres, ours, ourType, theirs, theirType } from './postgres.ts';
import { fields, rows } from './samples.ts';

/**
 * Every signature of the table of functions over the rows of samples.ts, so that each pair of edge
 * values of its arguments' types meets: our text, type and SQLSTATE are PostgreSQL's, by the
 * interpreter and by compiled code.
 */
let postgres: PGlite;
beforeAll(async () => {
  postgres = await openPostgres();
}, 60_000);
afterAll(() => postgres.close());

const letters = new Map(
  fields.slice(1).map(({ name, type }) => [typeName(type).replace(/\(\d+\)/, ''), name[0]!]),
);
letters.set('bpchar', 'h');

const firstText = fields.findIndex(({ name }) => name === 't1');

/** One stand-in for each pseudo-type per round. */
const rounds: readonly Readonly<Record<string, readonly string[]>>[] = [
  { element: ['i'], array: ['p'], any: ['i', 't', 'p', 'j'] },
  { element: ['t'], array: ['q'], any: ['n', 'b', 'q', 'm'] },
];

function letterOf(type: ParamType, index: number, round: number): string | undefined {
  if (!isPseudo(type)) return letters.get(typeName(type));
  const stands = rounds[round]!;
  switch (type.kind) {
    case 'any':
      return stands.any![index % stands.any!.length];
    case 'anyarray':
    case 'anycompatiblearray':
      return stands.array![0];
    case 'anyrecord':
      return undefined;
    default:
      return stands.element![0];
  }
}

/** The same letter again is the other column of its type. */
function argumentsOf(types: readonly ParamType[], round: number): string[] | undefined {
  const seen = new Map<string, number>();
  const args = types.map((type, index) => {
    const letter = letterOf(type, index, round);
    if (letter === undefined) return undefined;
    const count = seen.get(letter) ?? 0;
    seen.set(letter, count + 1);
    return `${letter}${(count % 2) + 1}`;
  });
  return args.includes(undefined) ? undefined : (args as string[]);
}

const prefixes: Readonly<Record<string, string>> = { negate: '-', plus: '+' };

function written(name: string, args: readonly string[]): string {
  const [a, b, c] = args;
  if (name === 'position') return `position(${b} IN ${a})`;
  if (name === 'extract') return `extract(hour FROM ${b})`;
  if (/^(like|ilike|similar)$/.test(name)) {
    return `${a} ${name === 'similar' ? 'similar to' : name} ${b}${c === undefined ? '' : ` ESCAPE ${c}`}`;
  }
  const symbol = prefixes[name] ?? name;
  if (/^[a-z_]/.test(symbol)) return `${symbol}(${args.join(', ')})`;
  return args.length === 1 ? `${symbol} ${a}` : `${a} ${symbol} ${b}`;
}

/**
 * What PostgreSQL has otherwise: functions of json, whose type is jsonb here; upper and initcap, by
 * Unicode here and by ASCII in the samples' collation; round and trunc to more digits than a
 * numeric has here; where one is; functions of jsonpath, which is text here (test/sql/json-path-statements.ts).
 */
const notTheirs =
  /^(json_|to_json$|row_to_json$|array_to_json$|upper$|initcap$|round$|trunc$|jsonb_path_|@[?@]$|version$|user$|session_user$|current_)/;

const expressions = scalarFunctions
  .filter((one) => !neighbours.includes(one))
  .filter(({ signature }) => !signature.volatile && !notTheirs.test(signature.name))
  .flatMap(({ signature: { name, args, variadic } }) => {
    const isPolymorphic = args.some(isPseudo);
    const all = variadic === true ? [...args, args.at(-1)!] : args;
    return [0, ...(isPolymorphic ? [1] : [])].flatMap((round) => {
      const columns = argumentsOf(all, round);
      return columns === undefined ? [] : [written(name, columns)];
    });
  });

test.each([...new Set(expressions)])('%s', async (text) => {
  const expected = await theirs(postgres, text);
  const mine = ours(text);
  // PostgreSQL takes the blanks of ' 7 ' for the names of a zone with daylight saving.
  const isZone = /^(timezone|date_add|date_subtract)/.test(text);
  for (const [row, cells] of rows.entries()) {
    if (isZone && cells[firstText] === ' 7 ') expected[row] = mine.interpreted[row]!;
  }
  expect(differences(text, mine.interpreted, expected)).toEqual([]);
  expect(mine.compiled).toEqual(mine.interpreted);
  // A regtype there.
  if (text.startsWith('pg_typeof')) return;
  expect(ourType(text)).toBe(await theirType(postgres, text));
});
