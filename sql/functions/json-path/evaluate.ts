import { MillraceError } from '../../../platform/errors.ts';
import {
  compareDecimals,
  decimalFromJson,
  decimalToText,
  divideDecimals,
  powerOfTen,
  rescale,
} from '../../columns/decimal.ts';
import {
  isArray,
  isObject,
  type JsonNode,
  JsonNumber,
  type JsonObject,
  jsonObject,
  printJson,
} from '../../columns/json.ts';
import { fromText, toText } from '../../columns/text.ts';
import type { Decimal, SqlType } from '../../columns/types.ts';
import { addDecimals, multiplyDecimals } from '../arithmetic.ts';
import { runtimeError } from '../function.ts';
import { regexOf } from '../regex.ts';
import { RegexText } from '../regex-threads.ts';
import {
  isPredicate,
  type JsonPath,
  type PathNode,
  type PathPredicate,
  type PathRange,
  type PathValue,
} from './syntax.ts';

/** What went wrong inside a path: predicates take it for unknown, and `silent` for no item. */
export class PathFailure extends Error {
  readonly error: MillraceError;

  constructor(error: MillraceError) {
    super(error.message);
    this.error = error;
  }
}

function failure(message: string, sqlState: string): PathFailure {
  return new PathFailure(runtimeError(message, sqlState));
}

/** True, false, or unknown. */
type Truth = boolean | null;

/** What the steps of one place see. */
interface Place {
  /** `@`. */
  readonly current: JsonNode;
  /** Size of the innermost array, of which `last` is the last index; the parser sees to it. */
  readonly size: number;
  /** Behind `.**` structural errors are none, also in strict mode. */
  readonly isTolerant: boolean;
}

/**
 * The items that a path gives of a document (SQL:2016, 9.39; PostgreSQL's documentation, 9.16.2).
 * In lax mode a step to members unwraps an array, a step to items takes any other value for an
 * array of itself, and structural errors give no item. Throws PathFailure, and 42704 for a variable
 * that is none.
 */
export function pathItems(
  { isStrict, root }: JsonPath,
  document: JsonNode,
  variables: JsonObject,
): readonly JsonNode[] {
  const evaluation = new Evaluation(document, variables, isStrict);
  return evaluation.items(root, { current: document, size: -1, isTolerant: !isStrict });
}

class Evaluation {
  readonly #document: JsonNode;
  readonly #variables: JsonObject;
  readonly #isLax: boolean;

  constructor(document: JsonNode, variables: JsonObject, isStrict: boolean) {
    this.#document = document;
    this.#variables = variables;
    this.#isLax = !isStrict;
  }

  items(node: PathNode, place: Place): readonly JsonNode[] {
    return isPredicate(node) ? [this.#truth(node, place)] : this.#values(node, place);
  }

  #values(node: PathValue, place: Place): readonly JsonNode[] {
    switch (node.kind) {
      case 'root':
        return [this.#document];
      case 'current':
        return [place.current];
      case 'last':
        return [integer(place.size - 1)];
      case 'literal':
        return [node.value];
      case 'variable':
        return [this.#variable(node.name)];
      case 'arithmetic':
        return [this.#arithmetic(node, place)];
      case 'sign':
        return this.#signed(node, place);
      case 'key':
      case 'keys':
      case 'items':
      case 'depths':
      case 'subscripts':
      case 'method':
      case 'filter': {
        const tolerant = isTolerantStep(node.of) ? { ...place, isTolerant: true } : place;
        return this.items(node.of, place).flatMap((item) => this.#step(node, item, tolerant));
      }
    }
  }

  #variable(name: string): JsonNode {
    const value = this.#variables.get(name);
    if (value !== undefined) return value;
    throw runtimeError(`could not find jsonpath variable "${name}"`, '42704');
  }

  /** One step from one item; `unwraps` is false for the items of an array that was unwrapped. */
  #step(node: Step, item: JsonNode, place: Place, unwraps = this.#isLax): readonly JsonNode[] {
    const ofEach = (array: readonly JsonNode[]) =>
      array.flatMap((each) => this.#step(node, each, place, false));
    switch (node.kind) {
      case 'key': {
        if (isObject(item)) {
          const member = item.get(node.name);
          if (member !== undefined) return [member];
          if (place.isTolerant) return [];
          throw failure(`JSON object does not contain key "${node.name}"`, '2203A');
        }
        if (unwraps && isArray(item)) return ofEach(item);
        if (place.isTolerant) return [];
        throw failure('jsonpath member accessor can only be applied to an object', '2203A');
      }
      case 'keys':
        if (isObject(item)) return [...item.values()];
        if (unwraps && isArray(item)) return ofEach(item);
        if (place.isTolerant) return [];
        throw failure(
          'jsonpath wildcard member accessor can only be applied to an object',
          '2203C',
        );
      case 'items':
        if (isArray(item)) return item;
        if (this.#isLax) return [item];
        if (place.isTolerant) return [];
        throw failure('jsonpath wildcard array accessor can only be applied to an array', '22039');
      case 'depths':
        return [...atDepths(item, node.from, node.to)];
      case 'subscripts': {
        if (!isArray(item) && !this.#isLax) {
          if (place.isTolerant) return [];
          throw failure('jsonpath array accessor can only be applied to an array', '22039');
        }
        const array = isArray(item) ? item : [item];
        return node.ranges.flatMap((range) => this.#slice(array, range, place));
      }
      case 'filter':
        if (unwraps && isArray(item)) return ofEach(item);
        return this.#truth(node.test, { ...place, current: item }) === true ? [item] : [];
      case 'method':
        if (node.name === 'type') return [typeOf(item)];
        if (node.name === 'size') {
          if (isArray(item)) return [integer(item.length)];
          if (this.#isLax) return [integer(1)];
          if (place.isTolerant) return [];
          throw failure('jsonpath item method .size() can only be applied to an array', '22039');
        }
        if (unwraps && isArray(item)) return ofEach(item);
        return applied(node.name, item, node.args);
    }
  }

  #slice(array: readonly JsonNode[], range: PathRange, place: Place): readonly JsonNode[] {
    const inside = { ...place, size: array.length };
    const from = this.#index(range.from, inside);
    const to = range.to === undefined ? from : this.#index(range.to, inside);
    const isWrong = from < 0 || from > to || to >= array.length;
    if (isWrong && !place.isTolerant) {
      throw failure('jsonpath array subscript is out of bounds', '22033');
    }
    return array.slice(Math.max(from, 0), Math.max(to + 1, 0));
  }

  #index(node: PathNode, place: Place): number {
    const [index, ...more] = this.items(node, place);
    if (!(index instanceof JsonNumber) || more.length > 0) {
      throw failure('jsonpath array subscript is not a single numeric value', '22033');
    }
    const { unscaled, scale } = index.value;
    const whole = Number(unscaled / powerOfTen(scale));
    if (whole > 2 ** 31 - 1 || whole < -(2 ** 31)) {
      throw failure('jsonpath array subscript is out of integer range', '22033');
    }
    return whole;
  }

  /** In lax mode arrays among the items are unwrapped. */
  #operand(node: PathNode, place: Place): readonly JsonNode[] {
    const items = this.items(node, place);
    return this.#isLax ? items.flatMap((item) => (isArray(item) ? item : [item])) : items;
  }

  #arithmetic(
    { operator, left, right }: Extract<PathValue, { kind: 'arithmetic' }>,
    place: Place,
  ): JsonNode {
    const number = (node: PathNode, which: string): Decimal => {
      const [item, ...more] = this.#operand(node, place);
      if (item instanceof JsonNumber && more.length === 0) return item.value;
      const message = `${which} operand of jsonpath operator ${operator} is not a single numeric value`;
      throw failure(message, '22038');
    };
    const [a, b] = [number(left, 'left'), number(right, 'right')];
    return new JsonNumber(inPath(() => calculated(operator, a, b)));
  }

  #signed(
    { operator, operand }: Extract<PathValue, { kind: 'sign' }>,
    place: Place,
  ): readonly JsonNode[] {
    return this.#operand(operand, place).map((item) => {
      if (!(item instanceof JsonNumber)) {
        const message = `operand of unary jsonpath operator ${operator} is not a numeric value`;
        throw failure(message, '2203B');
      }
      if (operator === '+') return item;
      return new JsonNumber({ ...item.value, unscaled: -item.value.unscaled });
    });
  }

  // ---- predicates --------------------------------------------------------------------------------

  #truth(node: PathPredicate, place: Place): Truth {
    switch (node.kind) {
      case 'and': {
        const left = this.#truth(node.left, place);
        if (left === false) return false;
        const right = this.#truth(node.right, place);
        return right === false ? false : left === null ? null : right;
      }
      case 'or': {
        const left = this.#truth(node.left, place);
        if (left === true) return true;
        const right = this.#truth(node.right, place);
        return right === true ? true : left === null ? null : right;
      }
      case 'not': {
        const operand = this.#truth(node.operand, place);
        return operand === null ? null : !operand;
      }
      case 'unknown':
        return this.#truth(node.operand, place) === null;
      case 'exists':
        return unknownIfFails(() => this.items(node.operand, place).length > 0);
      case 'compare':
        return this.#anyPair(node.left, node.right, place, (a, b) => compared(node.operator, a, b));
      case 'starts':
        return this.#anyPair(node.operand, node.start, place, (a, b) =>
          typeof a === 'string' && typeof b === 'string' ? a.startsWith(b) : null,
        );
      case 'like': {
        const regex = regexOf(node.pattern, node.flags);
        const one: PathNode = { kind: 'literal', value: null };
        return this.#anyPair(node.operand, one, place, (a) =>
          typeof a === 'string' ? regex.test(new RegexText(a)) : null,
        );
      }
    }
  }

  /** True if some pair of items is; a pair that cannot be told makes it unknown, at once if strict. */
  #anyPair(
    left: PathNode,
    right: PathNode,
    place: Place,
    test: (a: JsonNode, b: JsonNode) => Truth,
  ): Truth {
    return unknownIfFails(() => {
      const rights = this.#operand(right, place);
      let isUnknown = false;
      let isFound = false;
      for (const a of this.#operand(left, place)) {
        for (const b of rights) {
          const truth = test(a, b);
          if (truth === null && !this.#isLax) return null;
          if (truth === true && this.#isLax) return true;
          isUnknown ||= truth === null;
          isFound ||= truth === true;
        }
      }
      return isFound ? true : isUnknown ? null : false;
    });
  }
}

type Step = Extract<
  PathValue,
  { kind: 'key' | 'keys' | 'items' | 'depths' | 'subscripts' | 'method' | 'filter' }
>;

/** Structural errors are none behind `.**`, however many steps further. */
function isTolerantStep(node: PathNode): boolean {
  return node.kind === 'depths' || ('of' in node && isTolerantStep(node.of));
}

function unknownIfFails(test: () => Truth): Truth {
  try {
    return test();
  } catch (error) {
    if (error instanceof PathFailure) return null;
    throw error;
  }
}

/** What numeric arithmetic complains of is a failure of the path. */
function inPath<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MillraceError ? new PathFailure(error) : error;
  }
}

/** Null equals itself and differs from all else; other kinds compare with their own alone. */
function compared(
  operator: Extract<PathPredicate, { kind: 'compare' }>['operator'],
  a: JsonNode,
  b: JsonNode,
): Truth {
  if (a === null || b === null) {
    if (a !== b) return operator === '<>';
    return operator === '==' || operator === '<=' || operator === '>=';
  }
  const order = orderOf(a, b);
  if (order === undefined) return null;
  switch (operator) {
    case '==':
      return order === 0;
    case '<>':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function orderOf(a: JsonNode, b: JsonNode): number | undefined {
  if (a instanceof JsonNumber) {
    return b instanceof JsonNumber ? compareDecimals(a.value, b.value) : undefined;
  }
  if (typeof a === 'string' && typeof b === 'string') {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return typeof a === 'boolean' && typeof b === 'boolean' ? Number(a) - Number(b) : undefined;
}

/** The item itself is at depth 0. `last to last` is the leaves alone. */
function* atDepths(item: JsonNode, from: number, to: number, depth = 0): Generator<JsonNode> {
  const members = isArray(item) ? item : isObject(item) ? [...item.values()] : [];
  const isLeaf = !isArray(item) && !isObject(item);
  if (from === Number.POSITIVE_INFINITY ? isLeaf : depth >= from && depth <= to) yield item;
  if (depth >= to) return;
  for (const member of members) yield* atDepths(member, from, to, depth + 1);
}

function calculated(operator: string, a: Decimal, b: Decimal): Decimal {
  switch (operator) {
    case '+':
      return addDecimals(a, b, 1n);
    case '-':
      return addDecimals(a, b, -1n);
    case '*':
      return multiplyDecimals(a, b);
    default: {
      if (b.unscaled === 0n) throw runtimeError('division by zero', '22012');
      if (operator === '/') return divideDecimals(a, b);
      const scale = Math.max(a.scale, b.scale);
      const [left, right] = [rescale(a, scale), rescale(b, scale)];
      return { unscaled: left.unscaled % right.unscaled, scale };
    }
  }
}

// ---- methods -------------------------------------------------------------------------------------

function typeOf(item: JsonNode): string {
  if (item === null) return 'null';
  if (isArray(item)) return 'array';
  if (isObject(item)) return 'object';
  return item instanceof JsonNumber ? 'number' : typeof item;
}

function integer(value: number): JsonNumber {
  return new JsonNumber({ unscaled: BigInt(value), scale: 0 });
}

function applied(name: string, item: JsonNode, args: readonly JsonNode[]): readonly JsonNode[] {
  switch (name) {
    case 'abs':
    case 'floor':
    case 'ceiling':
      return [rounded(name, item)];
    case 'keyvalue':
      return keyValues(item);
    case 'string':
      return [stringOf(item)];
    case 'boolean':
      return [booleanOf(item)];
    case 'double':
      return [numberAs(item, name, { kind: 'double' }, 'double precision')];
    case 'integer':
      return [numberAs(item, name, { kind: 'integer' }, 'integer')];
    case 'bigint':
      return [numberAs(item, name, { kind: 'bigint' }, 'bigint')];
    default:
      return [numberAs(item, name, numericType(name, args), 'numeric')];
  }
}

function onlyFor(name: string, what: string, sqlState = '22036'): PathFailure {
  return failure(`jsonpath item method .${name}() can only be applied to ${what}`, sqlState);
}

function rounded(name: 'abs' | 'floor' | 'ceiling', item: JsonNode): JsonNode {
  if (!(item instanceof JsonNumber)) throw onlyFor(name, 'a numeric value');
  const { unscaled, scale } = item.value;
  if (name === 'abs')
    return new JsonNumber({ unscaled: unscaled < 0n ? -unscaled : unscaled, scale });
  const unit = powerOfTen(scale);
  let whole = unscaled / unit;
  if (name === 'floor' && unscaled < 0n && unscaled % unit !== 0n) whole--;
  if (name === 'ceiling' && unscaled > 0n && unscaled % unit !== 0n) whole++;
  return new JsonNumber({ unscaled: whole, scale: 0 });
}

/**
 * Objects of id, key and value. PostgreSQL's id is the place of the object in its binary form; only
 * that of the root, 0, is the same here.
 */
function keyValues(item: JsonNode): readonly JsonNode[] {
  if (!isObject(item)) throw onlyFor('keyvalue', 'an object', '2203C');
  return [...item].map(([key, value]) =>
    jsonObject([
      ['id', integer(0)],
      ['key', key],
      ['value', value],
    ]),
  );
}

function stringOf(item: JsonNode): string {
  if (typeof item === 'string') return item;
  if (item instanceof JsonNumber || typeof item === 'boolean') return printJson(item);
  throw onlyFor('string', 'a boolean, string, numeric, or datetime value');
}

function booleanOf(item: JsonNode): boolean {
  if (typeof item === 'boolean') return item;
  const isText = typeof item === 'string';
  if (!isText && !(item instanceof JsonNumber)) {
    throw onlyFor('boolean', 'a boolean, string, or numeric value');
  }
  const text = isText ? item : decimalToText(item.value);
  try {
    if (isText) return fromText({ kind: 'boolean' }, text) as boolean;
    return fromText({ kind: 'integer' }, text) !== 0;
  } catch {
    throw invalidArgument('boolean', text, 'boolean');
  }
}

function invalidArgument(name: string, text: string, type: string): PathFailure {
  const message = `argument "${text}" of jsonpath item method .${name}() is invalid for type ${type}`;
  return failure(message, '22036');
}

function numericType(name: string, args: readonly JsonNode[]): SqlType {
  const [precision, scale] = args.map((arg) =>
    arg instanceof JsonNumber ? Number(arg.value.unscaled) : Number.NaN,
  );
  if (precision === undefined) return { kind: 'numeric' };
  const type = { precision, scale: scale ?? 0 };
  if (!Number.isInteger(precision) || !Number.isInteger(type.scale) || precision < 1) {
    throw failure(`precision of jsonpath item method .${name}() is out of range`, '22023');
  }
  return { kind: 'numeric', ...type };
}

/** A number or a string as a number of the type. */
function numberAs(item: JsonNode, name: string, type: SqlType, shown: string): JsonNode {
  const isText = typeof item === 'string';
  if (!isText && !(item instanceof JsonNumber)) throw onlyFor(name, 'a string or numeric value');
  const text = isText ? item : decimalToText(item.value);
  let value: string;
  try {
    // A whole number of a string has no point; that of a number is rounded.
    const isRounded = !isText && (type.kind === 'integer' || type.kind === 'bigint');
    const source = isRounded
      ? toText({ kind: 'numeric' }, rescale((item as JsonNumber).value, 0))
      : text;
    value = toText(type, fromText(type, source)!);
  } catch {
    throw invalidArgument(name, text, shown);
  }
  if (/nan|inf/i.test(value)) {
    throw failure(`NaN or Infinity is not allowed for jsonpath item method .${name}()`, '22036');
  }
  return new JsonNumber(decimalFromJson(value));
}
