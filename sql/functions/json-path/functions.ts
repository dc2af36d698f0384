import { isObject, Json, type JsonNode, type JsonObject } from '../../columns/json.ts';
import type { SqlValue } from '../../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from '../function.ts';
import { PathFailure, pathItems } from './evaluate.ts';
import { type JsonPath, parsePath } from './syntax.ts';

/** Functions and operators that take a path (documentation 9.16, tables 9.47 and 9.49). */

/** Paths are few and written in the statement. */
const known = new Map<string, JsonPath>();
const knownMax = 1000;

export function pathOf(text: string): JsonPath {
  let path = known.get(text);
  if (path === undefined) {
    path = parsePath(text);
    if (known.size === knownMax) known.clear();
    known.set(text, path);
  }
  return path;
}

const noVariables: JsonObject = new Map();

function variablesOf(value: SqlValue | undefined): JsonObject {
  if (value === undefined) return noVariables;
  const { root } = value as Json;
  if (isObject(root)) return root;
  throw runtimeError('"vars" argument is not an object', '22023');
}

/** The items, or `undefined` where the path fails and `silent` says that it may. */
function itemsOf(args: readonly SqlValue[], isSilent: boolean): readonly JsonNode[] | undefined {
  const [document, path, variables] = args;
  try {
    return pathItems(pathOf(path as string), (document as Json).root, variablesOf(variables));
  } catch (error) {
    if (!(error instanceof PathFailure)) throw error;
    if (isSilent) return undefined;
    throw error.error;
  }
}

/** The rows of jsonb_path_query(target, path [, vars [, silent]]). */
export function pathRows(args: readonly SqlValue[]): Iterable<readonly SqlValue[]> {
  return (itemsOf(args, args[3] === true) ?? []).map((item) => [Json.of(item)]);
}

/** The value of a path that is a condition. */
function matched(items: readonly JsonNode[] | undefined, isSilent: boolean): SqlValue {
  const [item, ...more] = items ?? [];
  const isSingle = items !== undefined && items.length > 0 && more.length === 0;
  if (isSingle && (typeof item === 'boolean' || item === null)) return item;
  if (isSilent) return null;
  throw runtimeError('single boolean result is expected', '22038');
}

type OfItems = (items: readonly JsonNode[] | undefined, isSilent: boolean) => SqlValue;

const forms: readonly (readonly [name: string, result: string, of: OfItems])[] = [
  ['jsonb_path_exists', 'boolean', (items) => (items === undefined ? null : items.length > 0)],
  ['jsonb_path_match', 'boolean', matched],
  ['jsonb_path_query_array', 'jsonb', (items) => Json.of([...(items ?? [])])],
  [
    'jsonb_path_query_first',
    'jsonb',
    (items) => (items === undefined || items.length === 0 ? null : Json.of(items[0]!)),
  ],
];

export const jsonPathFunctions: readonly ScalarFunction[] = [
  // Without items that are times the time zone is of no matter.
  ...forms.flatMap(([name, result, of]) =>
    [name, `${name}_tz`].flatMap((each) =>
      ['jsonb, text', 'jsonb, text, jsonb', 'jsonb, text, jsonb, boolean'].map((args) =>
        define(`${each}(${args}) ${result}`, (given) => {
          const isSilent = given[3] === true;
          return of(itemsOf(given, isSilent), isSilent);
        }),
      ),
    ),
  ),
  define('@?(jsonb, text) boolean', (given) => {
    const items = itemsOf(given, true);
    return items === undefined ? null : items.length > 0;
  }),
  define('@@(jsonb, text) boolean', (given) => matched(itemsOf(given, true), true)),
];
