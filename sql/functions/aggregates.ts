import type { SqlType, TypeKind } from '../columns/types.ts';
import { castId } from './casts.ts';
import { t } from './function.ts';
import type { ResolvedAggregate } from './signature.ts';

/**
 * Aggregates by name and argument types. PostgreSQL's, and of RisingWave's and Feldera's the ones
 * that PostgreSQL has not: first_value, last_value, arg_min, arg_max, approx_count_distinct,
 * approx_percentile.
 */
type Resolver = (args: readonly SqlType[], name: string) => ResolvedAggregate | undefined;

const sums: Partial<Record<TypeKind, TypeKind>> = {
  smallint: 'bigint',
  integer: 'bigint',
  bigint: 'numeric',
  numeric: 'numeric',
  real: 'real',
  double: 'double',
  interval: 'interval',
};

const averages: Partial<Record<TypeKind, TypeKind>> = {
  smallint: 'numeric',
  integer: 'numeric',
  bigint: 'numeric',
  numeric: 'numeric',
  real: 'double',
  double: 'double',
  interval: 'interval',
};

const integerKinds: readonly TypeKind[] = ['smallint', 'integer', 'bigint'];

/** varchar gives text, as in PostgreSQL, and so does an untyped literal. */
function resultOf(type: SqlType): SqlType {
  return type.kind === 'varchar' || type.kind === 'unknown' ? t('text') : type;
}

function settledType(type: SqlType): SqlType {
  return type.kind === 'unknown' ? t('text') : type;
}

function made(
  id: string,
  name: string,
  args: readonly SqlType[],
  result: SqlType,
): ResolvedAggregate {
  return { signature: { id, name, args: args.map(settledType), result } };
}

function only(args: readonly SqlType[]): TypeKind | undefined {
  const [arg] = args;
  return args.length !== 1 ? undefined : arg!.kind === 'unknown' ? 'text' : arg!.kind;
}

/** The arguments as `wanted`, by implicit casts. */
function cast(
  id: string,
  name: string,
  given: readonly SqlType[],
  wanted: readonly TypeKind[],
  result: TypeKind,
): ResolvedAggregate | undefined {
  if (given.length !== wanted.length) return undefined;
  const args = wanted.map(t);
  const fits = given.every(
    (type, index) =>
      type.kind === 'unknown' || castId(type, args[index]!, 'implicit') !== undefined,
  );
  return fits ? { signature: { id, name, args, result: t(result) } } : undefined;
}

const sumOrAverage: Resolver = (args, name) => {
  const kind = only(args);
  const result = kind && (name === 'sum' ? sums : averages)[kind];
  return result && made(`${name}:${kind}`, name, args, t(result));
};

/** PostgreSQL has none of these kinds. */
const withoutExtremes: readonly TypeKind[] = ['boolean', 'uuid', 'jsonb'];

const extreme: Resolver = (args, name) => {
  const kind = only(args);
  if (kind === undefined || withoutExtremes.includes(kind)) return undefined;
  return made(name, name, args, resultOf(args[0]!));
};

const booleans =
  (id: string): Resolver =>
  (args, name) =>
    only(args) === 'boolean' ? made(id, name, args, t('boolean')) : undefined;

const bits: Resolver = (args, name) => {
  const kind = only(args);
  const isInteger = kind !== undefined && integerKinds.includes(kind);
  return isInteger ? made(`${name}:${kind}`, name, args, args[0]!) : undefined;
};

/** Integers as numerics and reals as doubles: then PostgreSQL's results are the same. */
const spread =
  (id: string): Resolver =>
  (args, name) => {
    const [arg] = args;
    if (arg === undefined) return undefined;
    const isExact = arg.kind === 'numeric' || integerKinds.includes(arg.kind);
    const kind = isExact ? 'numeric' : 'double';
    return cast(`${id}:${kind}`, name, args, [kind], kind);
  };

const pairs: Resolver = (args, name) => {
  const result = name === 'regr_count' ? 'bigint' : 'double';
  return cast(name, name, args, ['double', 'double'], result);
};

const anyOne: Resolver = (args, name) =>
  args.length === 1 ? made(name, name, args, resultOf(args[0]!)) : undefined;

const argumentOfExtreme: Resolver = (args, name) =>
  args.length === 2 ? made(name, name, args, resultOf(args[0]!)) : undefined;

const members: Resolver = (args, name) =>
  args.length === 2 ? made(name, name, args, t('jsonb')) : undefined;

const collected: Resolver = ([arg, ...more], name) => {
  if (arg === undefined || more.length > 0) return undefined;
  if (name.startsWith('jsonb_agg')) return made(name, name, [arg], t('jsonb'));
  const element = arg.kind === 'array' ? arg.element : arg.kind === 'unknown' ? t('text') : arg;
  return {
    signature: { id: name, name, args: [arg], result: { kind: 'array', element } },
  };
};

const joinedTexts: Resolver = (args, name) => {
  const kind = args[0]?.kind === 'bytea' ? 'bytea' : 'text';
  return cast(name, name, args, [kind, kind], kind);
};

const table: Readonly<Record<string, Resolver>> = {
  count: (args, name) =>
    args.length === 0
      ? made('count_star', name, [], t('bigint'))
      : args.length === 1
        ? made('count', name, args, t('bigint'))
        : undefined,
  approx_count_distinct: (args, name) =>
    args.length === 1 ? { ...made('count', name, args, t('bigint')), distinct: true } : undefined,
  sum: sumOrAverage,
  avg: sumOrAverage,
  min: extreme,
  max: extreme,
  bool_and: booleans('bool_and'),
  every: booleans('bool_and'),
  bool_or: booleans('bool_or'),
  bit_and: bits,
  bit_or: bits,
  bit_xor: bits,
  var_pop: spread('var_pop'),
  var_samp: spread('var_samp'),
  variance: spread('var_samp'),
  stddev_pop: spread('stddev_pop'),
  stddev_samp: spread('stddev_samp'),
  stddev: spread('stddev_samp'),
  ...Object.fromEntries(
    [
      ...['corr', 'covar_pop', 'covar_samp', 'regr_avgx', 'regr_avgy', 'regr_count'],
      ...['regr_intercept', 'regr_r2', 'regr_slope', 'regr_sxx', 'regr_sxy', 'regr_syy'],
    ].map((name) => [name, pairs]),
  ),
  // The least is one as good as any, and does not depend on the order of arrival.
  any_value: (args, name) =>
    args.length === 1 ? made('min', name, args, resultOf(args[0]!)) : undefined,
  first_value: anyOne,
  last_value: anyOne,
  arg_min: argumentOfExtreme,
  arg_max: argumentOfExtreme,
  string_agg: joinedTexts,
  array_agg: collected,
  ...bothJsonNames({
    agg: collected,
    agg_strict: collected,
    object_agg: members,
    object_agg_strict: members,
    object_agg_unique: members,
    object_agg_unique_strict: members,
  }),
};

/** json is jsonb here. */
function bothJsonNames(resolvers: Readonly<Record<string, Resolver>>): Record<string, Resolver> {
  return Object.fromEntries(
    Object.entries(resolvers).flatMap(([name, resolve]): [string, Resolver][] => [
      [`jsonb_${name}`, resolve],
      [`json_${name}`, (args) => resolve(args, `jsonb_${name}`)],
    ]),
  );
}

/** Ordered-set aggregates: their argument is the sort key of WITHIN GROUP. */
const orderedSets: Readonly<Record<string, Resolver>> = {
  percentile_cont: ([key], name) =>
    key === undefined
      ? undefined
      : key.kind === 'interval'
        ? made(name, name, [key], key)
        : cast(name, name, [key], ['double'], 'double'),
  percentile_disc: ([key], name) =>
    key === undefined ? undefined : made(name, name, [key], settledType(key)),
  // RisingWave's.
  approx_percentile: ([key], name) =>
    key === undefined ? undefined : cast(name, name, [key], ['double'], 'double'),
  mode: ([key], name) =>
    key === undefined ? undefined : made(name, name, [key], settledType(key)),
};

export function isAggregateName(name: string): boolean {
  return Object.hasOwn(table, name) || Object.hasOwn(orderedSets, name);
}

/** Called with WITHIN GROUP. */
export function isOrderedSetName(name: string): boolean {
  return Object.hasOwn(orderedSets, name);
}

/** `args` is empty for `count(*)`. */
export function resolveAggregate(
  name: string,
  args: readonly SqlType[],
): ResolvedAggregate | undefined {
  return Object.hasOwn(table, name) ? table[name]!(args, name) : undefined;
}

/** `ofArray`: a result for each of an array of fractions. */
export function resolveOrderedSet(
  name: string,
  key: SqlType,
  ofArray: boolean,
): ResolvedAggregate | undefined {
  const resolved = Object.hasOwn(orderedSets, name) ? orderedSets[name]!([key], name) : undefined;
  if (resolved === undefined || !ofArray) return resolved;
  const { signature } = resolved;
  return { signature: { ...signature, result: { kind: 'array', element: signature.result } } };
}
