import { assert } from '../../platform/assert.ts';
import { kindOfTypeName, typeName } from '../columns/type-name.ts';
import type { SqlType, TypeKind } from '../columns/types.ts';
import { isAggregateName } from './aggregates.ts';
import { castId, castLevel } from './casts.ts';
import { commonType } from './common-type.ts';
import { paramName, t } from './function.ts';
import { scalarById, scalarFunctions } from './scalar.ts';
import { isPseudo, type ParamType, type ResolvedCall, type ScalarSignature } from './signature.ts';

/** Which function a name and argument types mean: PostgreSQL's documentation 10.2 to 10.5. */
export { castId, commonType };

const byName = new Map<string, ScalarSignature[]>();
for (const { signature } of scalarFunctions) {
  const list = byName.get(signature.name) ?? [];
  list.push(signature);
  byName.set(signature.name, list);
}

const aliases: Readonly<Record<string, string>> = {
  // RisingWave's name.
  array_join: 'array_to_string',
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
  return resolve(named(symbol), [left, right]);
}

export function resolveFunction(name: string, args: readonly SqlType[]): ResolvedCall | undefined {
  if (isOperatorSymbol(name)) return undefined;
  return resolve(named(aliases[name] ?? name), args) ?? resolveCast(name, args);
}

/** `date(x)`: a type's name used as a function casts (10.3, step 3). */
function resolveCast(name: string, [from, ...more]: readonly SqlType[]): ResolvedCall | undefined {
  const kind = kindOfTypeName(name);
  if (kind === undefined || from === undefined || more.length > 0) return undefined;
  const to = t(kind);
  const source = from.kind === 'unknown' ? t('text') : from;
  if (castLevel(source, to) === undefined) return undefined;
  const { signature } = scalarById(`cast:${source.kind}:${kind}`);
  return { signature, args: [source], argCasts: [undefined], result: to };
}

function isOperatorSymbol(name: string): boolean {
  return !/^[a-z_]/i.test(name) || name === 'negate' || name === 'plus';
}

/** The signatures of a name, for hints. */
export function candidates(name: string): readonly string[] {
  if (isAggregateName(name)) return [`${name}(...)`];
  return named(aliases[name] ?? name)
    .slice(0, 4)
    .map(({ args }) => `${name}(${args.map(paramName).join(', ')})`);
}

function named(name: string): readonly ScalarSignature[] {
  return byName.get(name) ?? [];
}

/** Types that win within their category. */
const preferred = new Set<string>(['double', 'text', 'timestamptz', 'boolean', 'interval']);

/** A signature with the arguments of one call: what each of them becomes. */
interface Candidate {
  readonly signature: ScalarSignature;
  readonly args: readonly SqlType[];
}

function resolve(
  signatures: readonly ScalarSignature[],
  given: readonly SqlType[],
): ResolvedCall | undefined {
  const types = given.map((type) => (type.kind === 'varchar' ? t('text') : type));
  const known = types.filter(({ kind }) => kind !== 'unknown');
  // 10.2.2a: an untyped operand of a binary operator is first tried as the other one's type.
  const assumed = types.length === 2 && known.length === 1 ? types.map(() => known[0]!) : types;
  let fitting = signatures.flatMap((signature) => fitted(signature, types) ?? []);
  const exact = fitting.find(({ args }) => args.every((arg, i) => arg.kind === assumed[i]!.kind));
  const isExact = exact?.args.every((arg, i) => isPlain(arg, assumed[i]!));
  if (exact !== undefined && isExact === true) return resolved(exact, given);
  fitting = most(fitting, ({ args }) => count(args, (kind, i) => types[i]!.kind === kind));
  fitting = most(fitting, ({ args }) =>
    count(args, (kind, i) => types[i]!.kind === kind || preferred.has(kind)),
  );
  // 10.2.2e: untyped literals are taken for text where some candidate allows it.
  fitting = most(fitting, ({ args }) =>
    count(args, (kind, i) => types[i]!.kind === 'unknown' && kind === 'text'),
  );
  fitting = most(fitting, ({ signature }) => (signature.args.some(isPseudo) ? 0 : 1));
  // Several of equal standing: ambiguous, unless an untyped literal may decide.
  const isAmbiguous = fitting.length > 1 && known.length === types.length;
  return fitting.length === 0 || isAmbiguous ? undefined : resolved(fitting[0]!, given);
}

/** Arrays and records of the same kind may still differ inside. */
function isPlain(arg: SqlType, type: SqlType): boolean {
  const isNested = arg.kind === 'array' || arg.kind === 'record';
  return !isNested || typeName(arg) === typeName(type);
}

/** The candidate that the signature makes for these arguments; `undefined` when it takes them not. */
function fitted(signature: ScalarSignature, types: readonly SqlType[]): Candidate | undefined {
  const params = paramsOf(signature, types.length);
  if (params === undefined) return undefined;
  const bound = bind(params, types);
  if (bound === undefined) return undefined;
  const args = params.map((param, i) => concrete(param, bound, types[i]!));
  const fits = args.every(
    (arg, i) => arg !== undefined && castLevel(types[i]!, arg) === 'implicit',
  );
  return fits ? { signature, args: args as SqlType[] } : undefined;
}

function paramsOf({ args, variadic }: ScalarSignature, arity: number) {
  if (variadic !== true) return args.length === arity ? args : undefined;
  if (arity < args.length) return undefined;
  const last = args.at(-1)!;
  return Array.from({ length: arity }, (_, i) => args[i] ?? last);
}

/** What the pseudo-types of one call mean. */
interface Bound {
  readonly element?: SqlType | undefined;
  readonly compatible?: SqlType | undefined;
}

function bind(params: readonly ParamType[], types: readonly SqlType[]): Bound | undefined {
  let element: SqlType | undefined;
  const compatible: SqlType[] = [];
  for (const [index, { kind }] of params.entries()) {
    const type = types[index]!;
    if (type.kind === 'unknown') continue;
    const isArray = type.kind === 'array';
    if ((kind === 'anyarray' || kind === 'anycompatiblearray') && !isArray) return undefined;
    if (kind === 'anynonarray' && isArray) return undefined;
    if (kind === 'anyrecord' && type.kind !== 'record') return undefined;
    if (kind === 'anycompatible') compatible.push(type);
    if (kind === 'anycompatiblearray' && isArray) compatible.push(type.element);
    const isElement = kind === 'anyelement' || kind === 'anynonarray';
    const found = kind === 'anyarray' && isArray ? type.element : isElement ? type : undefined;
    if (found === undefined) continue;
    if (element !== undefined && typeName(element) !== typeName(found)) {
      if (element.kind !== found.kind) return undefined;
      element = t(element.kind);
    } else element = found;
  }
  const common = compatible.length === 0 ? undefined : commonType(compatible);
  if (compatible.length > 0 && common === undefined) return undefined;
  return { element, compatible: common };
}

/** `undefined` when nothing says what the pseudo-type means. */
function concrete(param: ParamType, bound: Bound, given: SqlType): SqlType | undefined {
  if (!isPseudo(param)) return param;
  const array = (element: SqlType | undefined): SqlType | undefined =>
    element === undefined ? undefined : { kind: 'array', element };
  switch (param.kind) {
    case 'any':
      return given.kind === 'unknown' ? t('text') : given;
    case 'anyrecord':
      return given.kind === 'unknown' ? undefined : given;
    case 'anyelement':
    case 'anynonarray':
      return bound.element ?? (given.kind === 'unknown' ? t('text') : undefined);
    case 'anyarray':
      return array(bound.element);
    case 'anycompatible':
      return bound.compatible ?? t('text');
    case 'anycompatiblearray':
      return array(bound.compatible);
  }
}

function count(args: readonly SqlType[], test: (kind: TypeKind, index: number) => boolean): number {
  return args.filter(({ kind }, index) => test(kind, index)).length;
}

function most<T>(items: readonly T[], score: (item: T) => number): T[] {
  const best = Math.max(...items.map(score));
  return items.filter((item) => score(item) === best);
}

function resolved({ signature, args }: Candidate, given: readonly SqlType[]): ResolvedCall {
  const argCasts = args.map((wanted, index) => {
    const type = given[index]!;
    if (type.kind === wanted.kind && isPlain(wanted, type)) return undefined;
    const id = castId(type, wanted, 'implicit');
    return id === 'none' ? undefined : id;
  });
  return { signature, args, argCasts, result: resultOf(signature, args, given) };
}

function resultOf(
  { result, args: declared, variadic }: ScalarSignature,
  args: readonly SqlType[],
  given: readonly SqlType[],
): SqlType {
  if (!isPseudo(result)) return result;
  const params = paramsOf({ args: declared, variadic } as ScalarSignature, args.length)!;
  const type = concrete(result, bind(params, args)!, given[0] ?? t('text'));
  assert(type !== undefined, 'the arguments decide the result type');
  return type;
}
