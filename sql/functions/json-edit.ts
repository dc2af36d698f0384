import { isArray, isObject, Json, type JsonNode, jsonObject } from '../columns/json.ts';
import type { SqlArray, SqlValue } from '../columns/types.ts';
import { define, runtimeError, type ScalarFunction } from './function.ts';
import { nodeOf, textsOf } from './json-path-steps.ts';

/** Changing jsonb: ||, -, #-, jsonb_set, jsonb_insert (documentation 9.16). */

/** Objects merge; anything else is taken for an array of itself. */
function concatenated(a: JsonNode, b: JsonNode): JsonNode {
  if (isObject(a) && isObject(b)) return jsonObject([...a, ...b]);
  const items = (node: JsonNode) => (isArray(node) ? node : [node]);
  return [...items(a), ...items(b)];
}

function scalarCheck(node: JsonNode): void {
  if (!isArray(node) && !isObject(node)) throw runtimeError('cannot delete from scalar', '22023');
}

function withoutKeys(node: JsonNode, keys: readonly (string | null)[]): JsonNode {
  scalarCheck(node);
  if (isArray(node)) return node.filter((item) => !keys.includes(item as string) || item === null);
  return new Map(
    [...(node as ReadonlyMap<string, JsonNode>)].filter(([key]) => !keys.includes(key)),
  );
}

function withoutIndex(node: JsonNode, index: number): JsonNode {
  scalarCheck(node);
  if (!isArray(node)) throw runtimeError('cannot delete from object using integer index', '22023');
  const at = index < 0 ? node.length + index : index;
  return node.filter((_, i) => i !== at);
}

type Change =
  | { readonly kind: 'delete' }
  | { readonly kind: 'set'; readonly value: JsonNode; readonly create: boolean }
  | { readonly kind: 'insert'; readonly value: JsonNode; readonly after: boolean };

/** `setPath` of PostgreSQL's jsonfuncs.c. */
function changed(
  node: JsonNode,
  path: readonly (string | null)[],
  at: number,
  change: Change,
): JsonNode {
  const step = path[at]!;
  if (step === null) {
    throw runtimeError(`path element at position ${at + 1} is null`, '22004');
  }
  const isLast = at === path.length - 1;
  if (isObject(node)) return changedObject(node, path, at, step, isLast, change);
  if (isArray(node)) return changedArray(node, path, at, step, isLast, change);
  return node;
}

function changedObject(
  node: ReadonlyMap<string, JsonNode>,
  path: readonly (string | null)[],
  at: number,
  key: string,
  isLast: boolean,
  change: Change,
): JsonNode {
  const own = node.get(key);
  if (own === undefined) {
    const creates = change.kind === 'insert' || (change.kind === 'set' && change.create);
    return isLast && creates ? jsonObject([...node, [key, change.value]]) : node;
  }
  if (!isLast) return jsonObject([...node, [key, changed(own, path, at + 1, change)]]);
  if (change.kind === 'insert') {
    throw runtimeError('cannot replace existing key', '22023');
  }
  if (change.kind === 'set') return jsonObject([...node, [key, change.value]]);
  return new Map([...node].filter(([other]) => other !== key));
}

function changedArray(
  node: readonly JsonNode[],
  path: readonly (string | null)[],
  at: number,
  step: string,
  isLast: boolean,
  change: Change,
): JsonNode {
  if (!/^\s*[+-]?\d+$/.test(step) || Math.abs(Number(step)) > 2_147_483_647) {
    throw runtimeError(`path element at position ${at + 1} is not an integer: "${step}"`, '22P02');
  }
  const index = Number(step);
  const position = index < 0 ? node.length + index : index;
  const isInside = position >= 0 && position < node.length;
  const copy = [...node];
  if (!isLast) {
    if (isInside) copy[position] = changed(node[position]!, path, at + 1, change);
    return copy;
  }
  if (change.kind === 'delete') {
    if (isInside) copy.splice(position, 1);
    return copy;
  }
  if (isInside && change.kind === 'set') copy[position] = change.value;
  else if (isInside && change.kind === 'insert') {
    copy.splice(change.after ? position + 1 : position, 0, change.value);
  } else if (change.kind === 'insert' || change.create) {
    if (position < 0) copy.unshift(change.value);
    else copy.push(change.value);
  }
  return copy;
}

/** With the checks that all the functions share. */
function atPath(json: SqlValue, path: SqlValue, change: Change): SqlValue {
  const node = nodeOf(json);
  const steps = textsOf(path);
  if ((path as SqlArray).dimensions.length > 1) {
    throw runtimeError('wrong number of array subscripts', '2202E');
  }
  if (!isArray(node) && !isObject(node)) {
    const verb = change.kind === 'delete' ? 'delete path in' : 'set path in';
    throw runtimeError(`cannot ${verb} scalar`, '22023');
  }
  if (steps.length === 0) return json;
  const size = isArray(node) ? node.length : node.size;
  const creates = change.kind === 'insert' || (change.kind === 'set' && change.create);
  if (size === 0 && !creates) return json;
  return Json.of(changed(node, steps, 0, change));
}

const set = (json: SqlValue, path: SqlValue, value: SqlValue, create: boolean): SqlValue =>
  atPath(json, path, { kind: 'set', value: nodeOf(value), create });

/** jsonb_set_lax: what a NULL value means. */
function setLax(
  json: SqlValue,
  path: SqlValue,
  value: SqlValue,
  create: boolean,
  nulls: string,
): SqlValue {
  if (value !== null) return set(json, path, value, create);
  switch (nulls) {
    case 'raise_exception':
      throw runtimeError('JSON value must not be null', '22004');
    case 'use_json_null':
      return set(json, path, Json.of(null), create);
    case 'return_target':
      return json;
    case 'delete_key':
      return atPath(json, path, { kind: 'delete' });
    default:
      throw runtimeError(
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
        '22023',
      );
  }
}

const laxNulls = (args: readonly SqlValue[], create: boolean, nulls: SqlValue): SqlValue => {
  const [json, path, value] = args as [SqlValue, SqlValue, SqlValue];
  if (json === null || path === null) return null;
  if (nulls === null) {
    throw runtimeError(
      'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
      '22023',
    );
  }
  return setLax(json, path, value, create, nulls as string);
};

export const jsonEdits: readonly ScalarFunction[] = [
  define('||(jsonb, jsonb) jsonb', ([a, b]) => Json.of(concatenated(nodeOf(a), nodeOf(b)))),
  define('-(jsonb, text) jsonb', ([a, key]) => Json.of(withoutKeys(nodeOf(a), [key as string]))),
  define('-(jsonb, text[]) jsonb', ([a, keys]) => {
    if ((keys as SqlArray).dimensions.length > 1) {
      throw runtimeError('wrong number of array subscripts', '2202E');
    }
    return Json.of(withoutKeys(nodeOf(a), textsOf(keys)));
  }),
  define('-(jsonb, integer) jsonb', ([a, index]) =>
    Json.of(withoutIndex(nodeOf(a), index as number)),
  ),
  define('#-(jsonb, text[]) jsonb', ([a, path]) => atPath(a!, path!, { kind: 'delete' })),
  define('jsonb_delete_path(jsonb, text[]) jsonb', ([a, path]) =>
    atPath(a!, path!, { kind: 'delete' }),
  ),
  define('jsonb_set(jsonb, text[], jsonb) jsonb', ([a, path, value]) =>
    set(a!, path!, value!, true),
  ),
  define('jsonb_set(jsonb, text[], jsonb, boolean) jsonb', ([a, path, value, create]) =>
    set(a!, path!, value!, create === true),
  ),
  define(
    'jsonb_set_lax(jsonb, text[], jsonb) jsonb',
    (args) => laxNulls(args, true, 'use_json_null'),
    {
      strict: false,
    },
  ),
  define(
    'jsonb_set_lax(jsonb, text[], jsonb, boolean) jsonb',
    (args) => (args[3] === null ? null : laxNulls(args, args[3] === true, 'use_json_null')),
    { strict: false },
  ),
  define(
    'jsonb_set_lax(jsonb, text[], jsonb, boolean, text) jsonb',
    (args) => (args[3] === null ? null : laxNulls(args, args[3] === true, args[4]!)),
    { strict: false },
  ),
  define('jsonb_insert(jsonb, text[], jsonb) jsonb', ([a, path, value]) =>
    atPath(a!, path!, { kind: 'insert', value: nodeOf(value), after: false }),
  ),
  define('jsonb_insert(jsonb, text[], jsonb, boolean) jsonb', ([a, path, value, after]) =>
    atPath(a!, path!, { kind: 'insert', value: nodeOf(value), after: after === true }),
  ),
];
