import { decimalToText } from '../columns/decimal.ts';
import { isArray, isObject, Json, type JsonNode, JsonNumber, printJson } from '../columns/json.ts';
import type { SqlArray, SqlValue } from '../columns/types.ts';
import { define, type ScalarFunction } from './function.ts';

/** Reaching into jsonb: -> ->> #> #>> (documentation 9.16, table 9.45). */

export const nodeOf = (value: SqlValue | undefined): JsonNode => (value as Json).root;

/** Texts of an array argument. */
export const textsOf = (value: SqlValue | undefined): readonly (string | null)[] =>
  (value as SqlArray).items as readonly (string | null)[];

export const jsonOf = (node: JsonNode | undefined): SqlValue =>
  node === undefined ? null : Json.of(node);

/** A string without its quotes, anything else as JSON; null is NULL. */
export function textOf(node: JsonNode | undefined): string | null {
  if (node === undefined || node === null) return null;
  if (typeof node === 'string') return node;
  return node instanceof JsonNumber ? decimalToText(node.value) : printJson(node);
}

export function member(node: JsonNode, key: string): JsonNode | undefined {
  return isObject(node) ? node.get(key) : undefined;
}

/** Negative indexes count from the end. */
export function item(node: JsonNode, index: number): JsonNode | undefined {
  return isArray(node) ? node[index < 0 ? node.length + index : index] : undefined;
}

/** A scalar at the top is kept as an array of itself, and PostgreSQL lets it show. */
function itemOrSelf(value: SqlValue | undefined, index: number): JsonNode | undefined {
  const node = nodeOf(value);
  return item(isArray(node) || isObject(node) ? node : [node], index);
}

/** Steps are keys of objects and indexes of arrays. */
export function reached(root: JsonNode, path: readonly (string | null)[]): JsonNode | undefined {
  let node: JsonNode | undefined = root;
  for (const step of path) {
    if (node === undefined || step === null) return undefined;
    node = isArray(node) ? item(node, indexOf(step)) : member(node, step);
  }
  return node;
}

function indexOf(step: string): number {
  return /^\s*[+-]?\d+$/.test(step) ? Number(step) : Number.NaN;
}

export const jsonSteps: readonly ScalarFunction[] = [
  define('->(jsonb, text) jsonb', ([a, key]) => jsonOf(member(nodeOf(a), key as string))),
  define('->(jsonb, integer) jsonb', ([a, index]) => jsonOf(itemOrSelf(a, index as number))),
  define('->>(jsonb, text) text', ([a, key]) => textOf(member(nodeOf(a), key as string))),
  define('->>(jsonb, integer) text', ([a, index]) => textOf(itemOrSelf(a, index as number))),
  ...['#>', 'jsonb_extract_path', 'json_extract_path'].map((name) =>
    define(`${name}(jsonb, ${name === '#>' ? 'text[]' : 'VARIADIC text'}) jsonb`, ([a, ...path]) =>
      jsonOf(reached(nodeOf(a), pathOf(name, path))),
    ),
  ),
  ...['#>>', 'jsonb_extract_path_text', 'json_extract_path_text'].map((name) =>
    define(`${name}(jsonb, ${name === '#>>' ? 'text[]' : 'VARIADIC text'}) text`, ([a, ...path]) =>
      textOf(reached(nodeOf(a), pathOf(name, path))),
    ),
  ),
];

/** The operators take one array, the functions any number of texts. */
function pathOf(name: string, args: readonly SqlValue[]): readonly (string | null)[] {
  return name.startsWith('#') ? textsOf(args[0]) : (args as readonly (string | null)[]);
}
