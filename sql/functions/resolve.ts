import { kindOfTypeName, typeName } from '../columns/type-name.ts';
import type { SqlType, TypeKind } from '../columns/types.ts';
import { castId, castLevel } from './casts.ts';
import { comparableKinds } from './compare.ts';
import { t } from './function.ts';
import { scalarById, scalarFunctions } from './scalar.ts';
import type { ResolvedAggregate, ResolvedCall, ScalarSignature } from './signature.ts';

/** Which function a name and argument types mean: PostgreSQL's documentation 10.2 to 10.5. */
export { castId };

const byName = new Map<string, ScalarSignature[]>();
for (const { signature } of scalarFunctions) {
  const list = byName.get(signature.name) ?? [];
  list.push(signature);
  byName.set(signature.name, list);
}

const aliases: Readonly<Record<string, string>> = {
  ceiling: 'ceil',
  pow: 'power',
  trim: 'btrim',
};

export function resolveOperator(
  symbol: string,
  left: SqlType | undefined,
  right: SqlType,
): ResolvedCall | undefined {
  if (left === undefined) {
    if (symbol === '-') return resolve(named('negate'), [right]);
    // Unary plus changes nothing.
    if (symbol === '+') return resolve(named('plus'), [right]);
    if (symbol === '@') return resolve(named('abs'), [right]);
    return resolve(named(symbol), [right]);
  }
  const found = resolve(named(symbol), [left, right]);
  if (found !== undefined || symbol !== '||') return found;
  // Anything may be joined to a text.
  const isText = ({ kind }: SqlType) => kind === 'text' || kind === 'varchar' || kind === 'unknown';
  if (!isText(left) && !isText(right)) return undefined;
  const signature = named('||').find(({ id }) => id === '||:text')!;
  const argCasts = [left, right].map((type) => {
    const id = castId(type, t('text'), 'assignment');
    return id === 'none' ? undefined : id;
  });
  return { signature, argCasts, result: signature.result };
}

export function resolveFunction(name: string, args: readonly SqlType[]): ResolvedCall | undefined {
  if (isOperatorSymbol(name)) return undefined;
  if (name === 'concat' || name === 'concat_ws') return variadicText(named(name)[0]!, args);
  return resolve(named(aliases[name] ?? name), args) ?? resolveCast(name, args);
}

/** `date(x)`: a type's name used as a function casts (10.3, step 3). */
function resolveCast(name: string, [from, ...more]: readonly SqlType[]): ResolvedCall | undefined {
  const to = kindOfTypeName(name);
  if (to === undefined || from === undefined || more.length > 0) return undefined;
  const source = from.kind === 'unknown' ? 'text' : from.kind;
  if (castLevel(source, to) === undefined) return undefined;
  const { signature } = scalarById(`cast:${source}:${to}`);
  return { signature, argCasts: [undefined], result: signature.result };
}

/** Any number of arguments of any type, each as its output function prints it. */
function variadicText(
  signature: ScalarSignature,
  given: readonly SqlType[],
): ResolvedCall | undefined {
  if (given.length < signature.args.length) return undefined;
  const isText = ({ kind }: SqlType) => kind === 'text' || kind === 'varchar' || kind === 'unknown';
  // The separator of concat_ws is a text.
  if (signature.args.length > 1 && !isText(given[0]!)) return undefined;
  const argCasts = given.map((type) => (isText(type) ? undefined : `output:${type.kind}:text`));
  return { signature, argCasts, result: signature.result };
}

function isOperatorSymbol(name: string): boolean {
  return !/^[a-z_]/i.test(name) || name === 'negate' || name === 'plus';
}

/** The signatures of a name, for hints. */
export function candidates(name: string): readonly string[] {
  if (isAggregateName(name)) return [`${name}(...)`];
  return named(aliases[name] ?? name)
    .slice(0, 4)
    .map(({ args }) => `${name}(${args.map(typeName).join(', ')})`);
}

function named(name: string): readonly ScalarSignature[] {
  return byName.get(name) ?? [];
}

/** Types that win within their category. */
const preferred = new Set<TypeKind>(['double', 'text', 'timestamptz', 'boolean', 'interval']);

function resolve(
  signatures: readonly ScalarSignature[],
  given: readonly SqlType[],
): ResolvedCall | undefined {
  const kinds = given.map(({ kind }) => (kind === 'varchar' ? 'text' : kind));
  const known = kinds.filter((kind) => kind !== 'unknown');
  // 10.2.2a: an untyped operand of a binary operator is first tried as the other one's type.
  const assumed = kinds.length === 2 && known.length === 1 ? kinds.map(() => known[0]!) : kinds;
  const exact = signatures.find((signature) => isExact(signature, assumed));
  if (exact !== undefined) return resolved(exact, given);
  let fitting = signatures.filter(
    ({ args }) =>
      args.length === kinds.length &&
      args.every(({ kind }, index) => castLevel(kinds[index]!, kind) === 'implicit'),
  );
  fitting = most(fitting, ({ args }) => count(args, (kind, index) => kinds[index] === kind));
  fitting = most(fitting, ({ args }) =>
    count(args, (kind, index) => kinds[index] === kind || preferred.has(kind)),
  );
  // 10.2.2e: untyped literals are taken for text where some candidate allows it.
  fitting = most(fitting, ({ args }) =>
    count(args, (kind, index) => kinds[index] === 'unknown' && kind === 'text'),
  );
  // Several of equal standing: ambiguous, unless an untyped literal may decide.
  const isAmbiguous = fitting.length > 1 && known.length === kinds.length;
  return fitting.length === 0 || isAmbiguous ? undefined : resolved(fitting[0]!, given);
}

function isExact({ args }: ScalarSignature, kinds: readonly TypeKind[]): boolean {
  return args.length === kinds.length && args.every(({ kind }, index) => kind === kinds[index]);
}

function count(args: readonly SqlType[], test: (kind: TypeKind, index: number) => boolean): number {
  return args.filter(({ kind }, index) => test(kind, index)).length;
}

function most<T>(items: readonly T[], score: (item: T) => number): T[] {
  const best = Math.max(...items.map(score));
  return items.filter((item) => score(item) === best);
}

function resolved(signature: ScalarSignature, given: readonly SqlType[]): ResolvedCall {
  const argCasts = signature.args.map((wanted, index) => {
    const type = given[index]!;
    if (type.kind === wanted.kind) return undefined;
    const id = castId(type, wanted, 'implicit');
    return id === 'none' ? undefined : id;
  });
  return { signature, argCasts, result: signature.result };
}

/** Categories within which CASE, UNION and the like look for a common type (10.5). */
const categories: readonly (readonly TypeKind[])[] = [
  ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double'],
  ['varchar', 'text'],
  ['date', 'timestamp', 'timestamptz'],
];

export function commonType(types: readonly SqlType[]): SqlType | undefined {
  const known = types.filter(({ kind }) => kind !== 'unknown');
  const [first] = known;
  if (first === undefined) return t('text');
  if (known.every((type) => typeName(type) === typeName(first))) return first;
  if (known.every(({ kind }) => kind === first.kind)) return t(first.kind);
  const category = categories.find((kinds) => kinds.includes(first.kind));
  if (category === undefined || !known.every(({ kind }) => category.includes(kind)))
    return undefined;
  const highest = Math.max(...known.map(({ kind }) => category.indexOf(kind)));
  return t(category[highest]!);
}

// ---- aggregates --------------------------------------------------------------------------------

const aggregateNames = new Set([
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'bool_and',
  'bool_or',
  'every',
]);

/** Known to SQL but not to Millrace yet; named, so that the error says so. */
export function isAggregateName(name: string): boolean {
  return aggregateNames.has(name);
}

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

/** `arg` is `undefined` for `count(*)`. */
export function resolveAggregate(
  name: string,
  arg: SqlType | undefined,
): ResolvedAggregate | undefined {
  if (arg === undefined) {
    if (name !== 'count') return undefined;
    const signature = { id: 'count_star', name, arg: undefined, result: t('bigint') };
    return { signature, argCast: undefined };
  }
  const plain = (id: string, result: SqlType): ResolvedAggregate => ({
    signature: { id, name, arg, result },
    argCast: undefined,
  });
  const kind = arg.kind === 'unknown' ? 'text' : arg.kind;
  switch (name) {
    case 'count':
      return plain('count', t('bigint'));
    case 'sum':
    case 'avg': {
      const result = (name === 'sum' ? sums : averages)[kind];
      return result === undefined ? undefined : plain(`${name}:${kind}`, t(result));
    }
    case 'min':
    case 'max': {
      if (kind === 'boolean' || kind === 'bytea') return undefined;
      const isKnown = kind === 'varchar' || comparableKinds.includes(kind);
      return isKnown ? plain(`${name}:${kind}`, kind === 'varchar' ? t('text') : arg) : undefined;
    }
    case 'bool_and':
    case 'every':
      return kind === 'boolean' ? plain('bool_and', t('boolean')) : undefined;
    case 'bool_or':
      return kind === 'boolean' ? plain('bool_or', t('boolean')) : undefined;
    default:
      return undefined;
  }
}
