import { Json, type JsonNode, jsonObject } from '../columns/json.ts';
import { valueToJson } from '../columns/json-value.ts';
import type { SqlArray } from '../columns/types.ts';
import { type Evaluate, runtimeError } from './function.ts';
import { keyOf } from './json.ts';

/** JSON_OBJECT and its like as functions (PostgreSQL's documentation, 9.16.1). */

/** Arguments: whether NULLs are absent, whether keys must differ, then keys and values in turn. */
const object: Evaluate = ([absentOnNull, uniqueKeys, ...args], _, [, , ...types]) => {
  const entries: [string, JsonNode][] = [];
  for (let i = 0; i < args.length; i += 2) {
    if (args[i] === null) throw runtimeError(`argument ${i + 1}: key must not be null`, '22023');
    const key = keyOf(types[i]!, args[i]!);
    entries.push([key, valueToJson(types[i + 1]!, args[i + 1]!)]);
  }
  // The keys of members that are left out count, and JSON's null is left out as well.
  if (uniqueKeys === true && new Set(entries.map(([key]) => key)).size < entries.length) {
    throw duplicateKey();
  }
  const kept = absentOnNull === true ? entries.filter(([, value]) => value !== null) : entries;
  return Json.of(jsonObject(kept));
};

function duplicateKey() {
  return runtimeError('duplicate JSON object key value', '22030');
}

/** Arguments: whether NULLs are absent, then the items. */
const array: Evaluate = ([absentOnNull, ...args], _, [, ...types]) => {
  const items: JsonNode[] = [];
  for (const [i, arg] of args.entries()) {
    if (arg === null && absentOnNull === true) continue;
    items.push(valueToJson(types[i]!, arg));
  }
  return Json.of(items);
};

/** The rows of a query as an array, whether they are JSON texts: no row is NULL, as in PostgreSQL. */
const ofQuery: Evaluate = ([rows, isJson], _, [type]) => {
  const { items, dimensions } = rows as SqlArray;
  if (items.length === 0) return null;
  if (dimensions.length > 1) return Json.of(valueToJson(type!, rows!));
  const element = type!.kind === 'array' ? type!.element : type!;
  const kept = items.filter((item) => item !== null);
  return Json.of(
    kept.map((item) =>
      isJson === true && typeof item === 'string'
        ? Json.parse(item).root
        : valueToJson(element, item),
    ),
  );
};

/** JSON(text WITH UNIQUE KEYS). */
const parse: Evaluate = ([text]) => {
  if (text === null) return null;
  const json = Json.parse(text as string);
  if (!Json.isJson(text as string, 'value', true)) throw duplicateKey();
  return json;
};

export const jsonConstructorForms: Readonly<Record<string, Evaluate>> = {
  jsonObjectOf: object,
  jsonArrayOf: array,
  jsonArrayOfQuery: ofQuery,
  jsonWithUniqueKeys: parse,
};
