import { assert } from '../../platform/assert.ts';
import type { SqlType, SqlValue } from '../columns/types.ts';
import { arithmetic } from './arithmetic.ts';
import { arrays } from './arrays.ts';
import { bytesFunctions } from './bytes.ts';
import { castFunction } from './casts.ts';
import { chance } from './chance.ts';
import { compareValues, comparisons } from './compare.ts';
import { dateFunctions } from './date-functions.ts';
import { dates } from './dates.ts';
import { formats } from './formats.ts';
import { type Evaluate, runtimeError, type ScalarFunction, t } from './function.ts';
import { jsonFunctions } from './json.ts';
import { jsonConstructorForms } from './json-constructors.ts';
import { jsonEdits } from './json-edit.ts';
import { jsonPathFunctions } from './json-path/functions.ts';
import { jsonQueryForms } from './json-path/queries.ts';
import { jsonSteps } from './json-path-steps.ts';
import { misc } from './misc.ts';
import { neighbours } from './neighbours.ts';
import { nestedForms, quantifiedForm } from './nested-forms.ts';
import { numbers } from './numbers.ts';
import { numericFunctions } from './numeric-functions.ts';
import { quoting } from './quoting.ts';
import { regexFunctions } from './regex-functions.ts';
import { strings } from './strings.ts';
import { moreStrings } from './strings-more.ts';

/** Every scalar function: what resolution chooses from and what evaluates a call. */

/** Forms that take any type: the analyzer makes their calls itself. Not strict, any arity. */
function form(id: string, evaluate: Evaluate, fails = false): ScalarFunction {
  return {
    signature: {
      id,
      name: id,
      args: [],
      result: t('unknown'),
      strict: false,
      volatile: false,
      fails,
    },
    evaluate,
  };
}

const forms: readonly ScalarFunction[] = [
  // Three-valued: false wins for AND, true for OR, then NULL. Callers stop at the first winner.
  form('and', (args) => (args.includes(false) ? false : args.includes(null) ? null : true)),
  form('or', (args) => (args.includes(true) ? true : args.includes(null) ? null : false)),
  form('not', ([a]) => (a === null ? null : a !== true)),
  form('isNull', ([a]) => a === null),
  form('isTrue', ([a]) => a === true),
  form('isFalse', ([a]) => a === false),
  // The value of a scalar subquery and its number of rows, NULL for none.
  form('singleRow', ([value, rows]) => {
    if (rows === null || (rows as bigint) <= 1n) return value!;
    throw runtimeError('more than one row returned by a subquery used as an expression', '21000');
  }),
  form('coalesce', (args) => args.find((arg) => arg !== null) ?? null),
  ...Object.entries(nestedForms).map(([id, evaluate]) => form(id, evaluate)),
  ...Object.entries({ ...jsonQueryForms, ...jsonConstructorForms }).map(([id, evaluate]) =>
    form(id, evaluate, true),
  ),
];

/** Forms whose comparison depends on the type of their arguments. */
export const typedForms: Readonly<
  Record<string, (type: SqlType, args: readonly SqlValue[]) => SqlValue>
> = {
  isDistinct: (type, [a, b]) =>
    a === null || b === null ? a !== b : compareValues(type, a!, b!) !== 0,
  '=': (type, [a, b]) => (a === null || b === null ? null : compareValues(type, a!, b!) === 0),
  nullif: (type, [a, b]) =>
    a !== null && b !== null && compareValues(type, a!, b!) === 0 ? null : a!,
  greatest: (type, args) => extreme(type, args, 1),
  least: (type, args) => extreme(type, args, -1),
};

function extreme(type: SqlType, args: readonly SqlValue[], sign: number): SqlValue {
  let best: SqlValue = null;
  for (const arg of args) {
    if (arg === null) continue;
    if (best === null || sign * compareValues(type, arg, best) > 0) best = arg;
  }
  return best;
}

/** A part of the table; `source` says where it is written what they do. */
export interface FunctionGroup {
  readonly title: string;
  readonly source: string;
  readonly functions: readonly ScalarFunction[];
}

const documented = (section: string) => `PostgreSQL's documentation, section ${section}`;

export const functionGroups: readonly FunctionGroup[] = [
  { title: 'Comparison', source: documented('9.2'), functions: comparisons },
  {
    title: 'Numbers',
    source: documented('9.3'),
    functions: [...arithmetic, ...numericFunctions, ...numbers],
  },
  { title: 'Chance', source: documented('9.3, 9.14'), functions: chance },
  { title: 'Text', source: documented('9.4'), functions: [...strings, ...moreStrings, ...quoting] },
  { title: 'Bytes', source: documented('9.5'), functions: bytesFunctions },
  { title: 'Regular expressions', source: documented('9.7'), functions: regexFunctions },
  { title: 'Dates and times', source: documented('9.9'), functions: [...dates, ...dateFunctions] },
  { title: 'Formats', source: documented('9.8'), functions: formats },
  {
    title: 'JSON',
    source: documented('9.16'),
    functions: [...jsonSteps, ...jsonFunctions, ...jsonEdits, ...jsonPathFunctions],
  },
  { title: 'Arrays', source: documented('9.19'), functions: arrays },
  {
    title: 'Of other databases',
    source: "RisingWave's documentation, functions",
    functions: neighbours,
  },
  {
    title: 'NULLs, types, uuids and where one is',
    source: documented('9.2, 9.14, 9.26, 9.27'),
    functions: misc,
  },
];

export const scalarFunctions: readonly ScalarFunction[] = functionGroups.flatMap(
  ({ functions }) => functions,
);

const byId = new Map<string, ScalarFunction>(
  [...forms, ...scalarFunctions].map((item) => [item.signature.id, item]),
);

const volatileIds: ReadonlySet<string> = new Set(chance.map(({ signature }) => signature.id));

export function isVolatileFunction(id: string): boolean {
  return volatileIds.has(id);
}

export function scalarById(id: string): ScalarFunction {
  let found = byId.get(id);
  if (found === undefined && /^(cast|assign|output):/.test(id)) {
    found = castFunction(id);
    byId.set(id, found);
  }
  const quantified = /^(any|all):(.+)$/.exec(id);
  if (found === undefined && quantified !== null) {
    const operator = scalarById(quantified[2]!);
    const quantifier = quantified[1] as 'any' | 'all';
    found = form(id, quantifiedForm(quantifier, operator.evaluate, operator.signature.strict));
    byId.set(id, found);
  }
  assert(found !== undefined, `there is a function ${id}`);
  return found;
}

/** True for calls whose arguments must not all be evaluated. */
export function isLazy(id: string): boolean {
  return id === 'and' || id === 'or' || id === 'coalesce';
}
