import { limits } from '../../platform/limits.ts';
import { compareDecimals, isNotANumber, isSpecial } from '../columns/decimal.ts';
import { intervalSpan } from '../columns/interval.ts';
import { isArray, isObject, Json, type JsonNode } from '../columns/json.ts';
import {
  type Decimal,
  type Field,
  type Interval,
  type SqlArray,
  SqlRecord,
  type SqlType,
  type SqlValue,
  type TypeKind,
} from '../columns/types.ts';
import { addDecimals } from './arithmetic.ts';
import { castLevel } from './casts.ts';
import { compareValues } from './compare.ts';
import { addInterval } from './dates.ts';
import { runtimeError, t } from './function.ts';
import { pathRows } from './json-path/functions.ts';
import { jsonTableItems } from './json-path/table.ts';
import { regexOf } from './regex.ts';
import { allMatches, groupsOf, splitBy } from './regex-functions.ts';
import { RegexText } from './regex-threads.ts';

/**
 * Functions that give a set of rows (PostgreSQL's documentation 9.26). All are strict: a NULL
 * argument gives no row.
 */
export interface TableFunction {
  readonly id: string;
  /** What the arguments are cast to. */
  readonly args: readonly SqlType[];
  readonly columns: readonly Field[];
}

type Rows = Iterable<readonly SqlValue[]>;
type Generate = (args: readonly SqlValue[]) => Rows;

interface Entry {
  readonly name: string;
  readonly args: readonly TypeKind[];
  readonly columns: readonly Field[];
  readonly generate: Generate;
}

function column(name: string, kind: TypeKind): Field {
  return { name, type: t(kind), nullable: true };
}

/** Series that end with their last value, and RisingWave's, which end before it. */
const seriesEntries = (['generate_series', 'range'] as const)
  .flatMap((name): Entry[] => [
    ...(['integer', 'bigint'] as const).flatMap((kind) =>
      series(name, [kind, kind], kind, integers(kind)),
    ),
    ...series(name, ['numeric', 'numeric'], 'numeric', numerics),
    // A date fits both; PostgreSQL prefers timestamptz.
    ...(['timestamptz', 'timestamp'] as const).map((kind): Entry => {
      return {
        name,
        args: [kind, kind, 'interval'],
        columns: [column(name, kind)],
        generate: times,
      };
    }),
  ])
  .map((entry): Entry => (entry.name === 'range' ? { ...entry, generate: open(entry) } : entry));

const rowEntries: readonly Entry[] = [
  ...seriesEntries,
  json('jsonb_array_elements', [column('value', 'jsonb')], (node) =>
    array(node).map((item) => [Json.of(item)]),
  ),
  json('jsonb_array_elements_text', [column('value', 'text')], (node) =>
    array(node).map((item) => [textOf(item)]),
  ),
  // Its columns are the statement's: analyze/table-functions.ts makes them of each object.
  json('jsonb_to_recordset', [column('value', 'jsonb')], (node) =>
    array(node).map((item) => {
      if (isObject(item)) return [Json.of(item)];
      const message = 'argument of jsonb_to_recordset must be an array of objects';
      throw runtimeError(message, '22023');
    }),
  ),
  json('jsonb_object_keys', [column('jsonb_object_keys', 'text')], (node) =>
    object(node, 'jsonb_object_keys').map(([key]) => [key]),
  ),
  json('jsonb_each', [column('key', 'text'), column('value', 'jsonb')], (node) =>
    object(node, 'jsonb_each').map(([key, item]) => [key, Json.of(item)]),
  ),
  json('jsonb_each_text', [column('key', 'text'), column('value', 'text')], (node) =>
    object(node, 'jsonb_each_text').map(([key, item]) => [key, textOf(item)]),
  ),
];

/** Texts that one text is cut to, or the groups of all matches. */
const textRows: readonly Entry[] = [
  ...texts('regexp_split_to_table', [2, 3], ([source, pattern, flags = '']) =>
    splitBy('regexp_split_to_table', source!, pattern!, flags).map((piece) => [piece]),
  ),
  ...texts('string_to_table', [2, 3], ([source, separator, nulls]) => {
    if (source === '') return [];
    const pieces = separator === '' ? [source!] : source!.split(separator!);
    return pieces.map((piece) => [piece === nulls ? null : piece]);
  }),
  ...texts(
    'regexp_matches',
    [2, 3],
    ([source, pattern, flags = '']) => {
      const text = new RegexText(source!);
      const regex = regexOf(pattern!, flags, true);
      const matches = [...allMatches(regex, text)];
      return matches
        .slice(0, regex.flags.global ? undefined : 1)
        .map((match) => [groupsOf(text, match)]);
    },
    { kind: 'array', element: t('text') },
  ),
];

function texts(
  name: string,
  arities: readonly number[],
  generate: (args: readonly string[]) => Rows,
  type: SqlType = t('text'),
): Entry[] {
  return arities.map((arity) => ({
    name,
    args: Array.from({ length: arity }, () => 'text' as const),
    columns: [{ name, type, nullable: true }],
    generate: (args) => generate(args as readonly string[]),
  }));
}

/** The type json is jsonb here, and so are its functions. */
const jsonNamed = rowEntries.flatMap((entry) =>
  entry.name.startsWith('jsonb_')
    ? [{ ...entry, name: entry.name.replace('jsonb_', 'json_') }]
    : [],
);

const pathEntries = ['jsonb_path_query', 'jsonb_path_query_tz'].flatMap((name) =>
  (
    [
      ['jsonb', 'text'],
      ['jsonb', 'text', 'jsonb'],
      ['jsonb', 'text', 'jsonb', 'boolean'],
    ] as const
  ).map((args): Entry => {
    return { name, args, columns: [column(name, 'jsonb')], generate: pathRows };
  }),
);

const entries: readonly Entry[] = [...rowEntries, ...jsonNamed, ...pathEntries, ...textRows];

const names = new Set([...entries.map(({ name }) => name), 'unnest', 'generate_subscripts']);

export function isTableFunction(name: string): boolean {
  return names.has(name);
}

/** `undefined`: no function of that name takes such arguments. */
export function resolveTableFunction(
  name: string,
  given: readonly SqlType[],
): TableFunction | undefined {
  const [first] = given;
  if (name === 'unnest' && given.length === 1 && first?.kind === 'array') {
    return { id: 'unnest', args: given, columns: itemColumns(first.element) };
  }
  if (name === 'generate_subscripts' && given.length === 2 && first?.kind === 'array') {
    const columns = [column('generate_subscripts', 'integer')];
    return { id: name, args: [first, t('integer')], columns };
  }
  const fits = (args: readonly TypeKind[]) =>
    args.length === given.length &&
    args.every((kind, index) => castLevel(given[index]!, t(kind)) === 'implicit');
  const exact = (args: readonly TypeKind[]) =>
    args.filter((kind, index) => kind === given[index]!.kind).length;
  const fitting = entries
    .filter((entry) => entry.name === name && fits(entry.args))
    .sort((a, b) => exact(b.args) - exact(a.args));
  const [entry] = fitting;
  if (entry === undefined) return undefined;
  return { id: idOf(entry), args: entry.args.map(t), columns: entry.columns };
}

function itemColumns(element: SqlType): readonly Field[] {
  if (element.kind !== 'record') return [{ name: 'unnest', type: element, nullable: true }];
  return element.fields.map(({ name, type }) => ({ name, type, nullable: true }));
}

function idOf({ name, args }: Entry): string {
  return `${name}:${args.join(',')}`;
}

const byId = new Map<string, Generate>([
  ...entries.map((entry): [string, Generate] => [idOf(entry), entry.generate]),
  ['unnest', ([value]) => (value as SqlArray).items.map(cellsOf)],
  ['generate_subscripts', subscripts],
  ['hop', hopWindows],
  ['json_table', jsonTableItems],
]);

/** The rows of one call. Throws SQL_RUNTIME, and RESOURCE_LIMIT beyond limits.callRowsMax. */
export function* tableRows(id: string, args: readonly SqlValue[]): Generator<readonly SqlValue[]> {
  if (args.includes(null)) return;
  let count = 0;
  for (const row of byId.get(id)!(args)) {
    if (++count > limits.callRowsMax) {
      throw runtimeError(`a call gives more than ${limits.callRowsMax} rows`, '54000');
    }
    yield row;
  }
}

function cellsOf(item: SqlValue): readonly SqlValue[] {
  return item instanceof SqlRecord ? item.cells : [item];
}

function* subscripts([array, dimension]: readonly SqlValue[]): Rows {
  const found = (array as SqlArray).dimensions[(dimension as number) - 1];
  if (found === undefined) return;
  for (let i = 0; i < found.length; i++) yield [found.lower + i];
}

/** Windows [start, start + size) that hold a time; starts are multiples of slide after the origin. */
function* hopWindows(args: readonly SqlValue[]): Rows {
  const [time, slide, size, origin] = args as [bigint, bigint, bigint, bigint];
  const since = time - origin;
  const last = since - (((since % slide) + slide) % slide);
  for (let start = last; start > since - size; start -= slide) {
    yield [origin + start, origin + start + size];
  }
}

// ---- generate_series -----------------------------------------------------------------------------

/** With a step and without one, which is then 1. */
function series(
  name: string,
  args: readonly TypeKind[],
  kind: TypeKind,
  generate: Generate,
): Entry[] {
  const columns = [column(name, kind)];
  return [args, [...args, kind]].map((some) => ({ name, args: some, columns, generate }));
}

/** The same rows without the one that is the end itself. */
function open({ args: [kind], generate }: Entry): Generate {
  const type = t(kind!);
  return function* (args) {
    for (const row of generate(args)) {
      if (compareValues(type, row[0]!, args[1]!) !== 0) yield row;
    }
  };
}

function integers(kind: 'integer' | 'bigint'): Generate {
  const made = (value: bigint) => (kind === 'integer' ? Number(value) : value);
  return function* ([first, last, by = 1]) {
    const step = BigInt(by as number | bigint);
    checkStep(step === 0n);
    const end = BigInt(last as number | bigint);
    const isIn = (value: bigint) => (step > 0n ? value <= end : value >= end);
    for (let value = BigInt(first as number | bigint); isIn(value); value += step) {
      yield [made(value)];
    }
  };
}

function* numerics([first, last, by]: readonly SqlValue[]): Rows {
  const step = (by as Decimal | undefined) ?? { unscaled: 1n, scale: 0 };
  const bounds = { 'start value': first, 'stop value': last, 'step size': step };
  for (const [name, bound] of Object.entries(bounds)) {
    if (!isSpecial(bound as Decimal)) continue;
    const what = isNotANumber(bound as Decimal) ? 'NaN' : 'infinity';
    throw runtimeError(`${name} cannot be ${what}`, '22023');
  }
  checkStep(step.unscaled === 0n);
  const direction = step.unscaled > 0n ? 1 : -1;
  let value = first as Decimal;
  while (direction * compareDecimals(value, last as Decimal) <= 0) {
    yield [value];
    value = addDecimals(value, step, 1n);
  }
}

function* times([first, last, by]: readonly SqlValue[]): Rows {
  const step = by as Interval;
  const span = intervalSpan(step);
  checkStep(span === 0n);
  const end = last as bigint;
  const isIn = (value: bigint) => (span > 0n ? value <= end : value >= end);
  for (let value = first as bigint; isIn(value); value = addInterval(value, step)) yield [value];
}

function checkStep(isZero: boolean): void {
  if (isZero) throw runtimeError('step size cannot equal zero', '22023');
}

// ---- JSON ----------------------------------------------------------------------------------------

function json(name: string, columns: readonly Field[], generate: (node: JsonNode) => Rows): Entry {
  return { name, args: ['jsonb'], columns, generate: ([value]) => generate((value as Json).root) };
}

function array(node: JsonNode): readonly JsonNode[] {
  if (isArray(node)) return node;
  const what = isObject(node) ? 'an object' : 'a scalar';
  throw runtimeError(`cannot extract elements from ${what}`, '22023');
}

function object(node: JsonNode, name: string): [string, JsonNode][] {
  if (isObject(node)) return [...node];
  const what = isArray(node) ? 'an array' : 'a scalar';
  const isKeys = name === 'jsonb_object_keys';
  throw runtimeError(`cannot ${isKeys ? 'call' : 'deconstruct'} ${name} on ${what}`, '22023');
}

function textOf(node: JsonNode): string | null {
  if (node === null || typeof node === 'string') return node;
  return String(Json.of(node));
}
