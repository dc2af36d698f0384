import {
  compareJson,
  isArray,
  isObject,
  Json,
  type JsonNode,
  JsonNumber,
  jsonObject,
  prettyJson,
} from '../columns/json.ts';
import { valueFromJson, valueToJson } from '../columns/json-value.ts';
import { toText } from '../columns/text.ts';
import { type SqlArray, SqlRecord, type SqlType, type SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';
import { nodeOf, textsOf } from './json-path-steps.ts';

/** Making, testing and taking apart jsonb (documentation 9.16, tables 9.46 to 9.48). */

/** Containment as documentation 8.14.3 defines it; a scalar is contained in an array that has it. */
export function containsJson(whole: JsonNode, part: JsonNode, isTop = true): boolean {
  if (isObject(part)) {
    if (!isObject(whole)) return false;
    return [...part].every(([key, value]) => {
      const own = whole.get(key);
      return own !== undefined && containsJson(own, value, false);
    });
  }
  if (isArray(part)) {
    if (!isArray(whole)) return false;
    return part.every((wanted) => whole.some((own) => containsJson(own, wanted, false)));
  }
  if (isArray(whole)) return isTop && whole.some((own) => sameScalar(own, part));
  return sameScalar(whole, part);
}

function sameScalar(a: JsonNode, b: JsonNode): boolean {
  return !isArray(a) && !isObject(a) && compareJson(a, b) === 0;
}

/** A key of an object, a string of an array, or the string itself. */
function hasKey(node: JsonNode, key: string): boolean {
  if (isObject(node)) return node.has(key);
  return isArray(node) ? node.includes(key) : node === key;
}

function typeOf(node: JsonNode): string {
  if (node === null) return 'null';
  if (isArray(node)) return 'array';
  if (isObject(node)) return 'object';
  return node instanceof JsonNumber ? 'number' : typeof node;
}

function stripNulls(node: JsonNode, inArrays: boolean): JsonNode {
  if (isArray(node)) {
    const kept = inArrays ? node.filter((item) => item !== null) : node;
    return kept.map((item) => stripNulls(item, inArrays));
  }
  if (!isObject(node)) return node;
  const kept = [...node].filter(([, value]) => value !== null);
  return new Map(kept.map(([key, value]) => [key, stripNulls(value, inArrays)]));
}

/** A key of jsonb_build_object and jsonb_object: what the value prints, never NULL. */
export function keyOf(type: SqlType, value: SqlValue): string {
  if (value === null)
    throw runtimeError('argument list must have even number of elements', '22023');
  if (type.kind === 'array' || type.kind === 'record' || type.kind === 'jsonb') {
    throw runtimeError('key value must be scalar, not array, composite, or json', '22023');
  }
  return type.kind === 'boolean' ? String(value) : toText(type, value);
}

function builtObject(args: readonly SqlValue[], types: readonly SqlType[]): SqlValue {
  if (args.length % 2 === 1) {
    throw runtimeError('argument list must have even number of elements', '22023');
  }
  const entries: [string, JsonNode][] = [];
  for (let i = 0; i < args.length; i += 2) {
    if (args[i] === null) {
      throw runtimeError(`argument ${i + 1}: key must not be null`, '22023');
    }
    entries.push([keyOf(types[i]!, args[i]!), valueToJson(types[i + 1]!, args[i + 1]!)]);
  }
  return Json.of(jsonObject(entries));
}

/** jsonb_object('{a,1,b,2}'), jsonb_object('{{a,1},{b,2}}'). */
function objectOfPairs(array: SqlArray): SqlValue {
  const { items, dimensions } = array;
  const isPaired = dimensions.length === 2 && dimensions[1]!.length === 2;
  if (dimensions.length > 2) throw runtimeError('wrong number of array subscripts', '2202E');
  if (dimensions.length === 2 && !isPaired) {
    throw runtimeError('array must have two columns', '2202E');
  }
  if (items.length % 2 === 1) {
    throw runtimeError('array must have even number of elements', '2202E');
  }
  const keys = items.filter((_, i) => i % 2 === 0);
  return objectOf(
    keys,
    items.filter((_, i) => i % 2 === 1),
  );
}

function objectOf(keys: readonly SqlValue[], values: readonly SqlValue[]): SqlValue {
  if (keys.length !== values.length) {
    throw runtimeError('mismatched array dimensions', '2202E');
  }
  if (keys.includes(null)) throw runtimeError('null value not allowed for object key', '22004');
  return Json.of(jsonObject(keys.map((key, i) => [key as string, values[i] as string | null])));
}

/** jsonb_populate_record: a member that is absent leaves what the base has. */
function populated(type: SqlType, base: SqlValue, node: JsonNode): SqlValue {
  if (type.kind !== 'record') throw runtimeError('argument must be a row type', '42804');
  if (!isObject(node)) throw runtimeError('cannot call populate_composite on a scalar', '22023');
  if (base === null) return valueFromJson(type, node);
  const { cells } = base as SqlRecord;
  return new SqlRecord(
    type.fields.map((field, index) => {
      const member = node.get(field.name);
      return member === undefined ? cells[index]! : valueFromJson(field.type, member);
    }),
  );
}

const twoArrays = ([keys, values]: readonly SqlValue[]) => {
  const isFlat = [keys, values].every((array) => (array as SqlArray).dimensions.length <= 1);
  if (!isFlat) throw runtimeError('wrong number of array subscripts', '2202E');
  return objectOf((keys as SqlArray).items, (values as SqlArray).items);
};

export const jsonFunctions: readonly ScalarFunction[] = [
  define('@>(jsonb, jsonb) boolean', ([a, b]) => containsJson(nodeOf(a), nodeOf(b))),
  define('<@(jsonb, jsonb) boolean', ([a, b]) => containsJson(nodeOf(b), nodeOf(a))),
  define('?(jsonb, text) boolean', ([a, key]) => hasKey(nodeOf(a), key as string)),
  define('?|(jsonb, text[]) boolean', ([a, keys]) =>
    textsOf(keys).some((key) => key !== null && hasKey(nodeOf(a), key)),
  ),
  define('?&(jsonb, text[]) boolean', ([a, keys]) =>
    textsOf(keys).every((key) => key === null || hasKey(nodeOf(a), key)),
  ),
  define('jsonb_exists(jsonb, text) boolean', ([a, key]) => hasKey(nodeOf(a), key as string)),
  define('jsonb_contains(jsonb, jsonb) boolean', ([a, b]) => containsJson(nodeOf(a), nodeOf(b))),
  define('jsonb_typeof(jsonb) text', ([a]) => typeOf(nodeOf(a))),
  define('json_typeof(jsonb) text', ([a]) => typeOf(nodeOf(a))),
  ...['jsonb_array_length', 'json_array_length'].map((name) =>
    define(`${name}(jsonb) integer`, ([a]) => {
      const node = nodeOf(a);
      if (isArray(node)) return node.length;
      const what = isObject(node) ? 'a non-array' : 'a scalar';
      throw runtimeError(`cannot get array length of ${what}`, '22023');
    }),
  ),
  define('jsonb_pretty(jsonb) text', ([a]) => prettyJson(nodeOf(a))),
  ...['jsonb_strip_nulls', 'json_strip_nulls'].flatMap((name) => [
    define(`${name}(jsonb) jsonb`, ([a]) => Json.of(stripNulls(nodeOf(a), false))),
    define(`${name}(jsonb, boolean) jsonb`, ([a, inArrays]) =>
      Json.of(stripNulls(nodeOf(a), inArrays === true)),
    ),
  ]),
  ...['to_jsonb', 'to_json'].map((name) =>
    define(`${name}(anyelement) jsonb`, ([a], _, [type]) => Json.of(valueToJson(type!, a!))),
  ),
  define('row_to_json(anyrecord) jsonb', ([a], _, [type]) => Json.of(valueToJson(type!, a!))),
  define('array_to_json(anyarray) jsonb', ([a], _, [type]) => Json.of(valueToJson(type!, a!))),
  ...['jsonb_build_array', 'json_build_array'].flatMap((name) => [
    define(`${name}() jsonb`, () => Json.of([])),
    define(
      `${name}(VARIADIC any) jsonb`,
      (args, _, types) => Json.of(args.map((arg, i) => valueToJson(types[i]!, arg))),
      { strict: false },
    ),
  ]),
  ...['jsonb_build_object', 'json_build_object'].flatMap((name) => [
    define(`${name}() jsonb`, () => Json.of(jsonObject([]))),
    define(`${name}(VARIADIC any) jsonb`, (args, _, types) => builtObject(args, types), {
      strict: false,
    }),
  ]),
  ...['jsonb_object', 'json_object'].flatMap((name) => [
    define(`${name}(text[]) jsonb`, ([a]) => objectOfPairs(a as SqlArray)),
    define(`${name}(text[], text[]) jsonb`, twoArrays),
  ]),
  ...['jsonb_populate_record', 'json_populate_record'].map((name) =>
    define(
      `${name}(anyrecord, jsonb) anyrecord`,
      ([base, json], type) => (json === null ? base! : populated(type, base!, nodeOf(json))),
      { strict: false },
    ),
  ),
];
