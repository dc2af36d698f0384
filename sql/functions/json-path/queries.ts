import { MillraceError } from '../../../platform/errors.ts';
import { isArray, isObject, Json, type JsonNode, printJson } from '../../columns/json.ts';
import { valueFromJson } from '../../columns/json-value.ts';
import { fromText } from '../../columns/text.ts';
import type { SqlType, SqlValue } from '../../columns/types.ts';
import { type Evaluate, runtimeError } from '../function.ts';
import { PathFailure, pathItems } from './evaluate.ts';
import { pathOf } from './functions.ts';

/**
 * JSON_VALUE, JSON_QUERY and JSON_EXISTS as functions (PostgreSQL's documentation, 9.16.3). Their
 * arguments: the document, the path, the options as JSON text, what ON EMPTY and ON ERROR give
 * where that is a value, and the path's variables as jsonb.
 */
export interface JsonQueryOptions {
  /** Names of the variables; of equal ones the first counts. */
  readonly names: readonly string[];
  readonly wrapper: 'without' | 'conditional' | 'unconditional';
  readonly omitsQuotes: boolean;
  readonly onEmpty: JsonOutcome;
  readonly onError: JsonOutcome;
}

/** An error, the value of the argument, or an empty array or object as the result's type. */
export type JsonOutcome = 'error' | 'value' | 'empty array' | 'empty object';

const known = new Map<string, JsonQueryOptions>();
const knownMax = 1000;

function optionsOf(text: string): JsonQueryOptions {
  let options = known.get(text);
  if (options === undefined) {
    options = JSON.parse(text) as JsonQueryOptions;
    if (known.size === knownMax) known.clear();
    known.set(text, options);
  }
  return options;
}

/** An error that ON ERROR is for: of the path, or of the cast to the result's type. */
class Caught extends Error {
  readonly error: MillraceError;

  constructor(error: MillraceError) {
    super(error.message);
    this.error = error;
  }
}

type OfItems = (items: readonly JsonNode[], options: JsonQueryOptions, type: SqlType) => Result;

/** `undefined`: there is no item. */
type Result = { readonly value: SqlValue } | undefined;

function query(ofItems: OfItems): Evaluate {
  return (args, type) => {
    const [document, path, text, emptyValue, errorValue, ...values] = args;
    if (document === null || path === null) return null;
    const options = optionsOf(text as string);
    try {
      const variables = new Map<string, JsonNode>();
      for (const [i, name] of options.names.entries()) {
        if (variables.has(name)) continue;
        variables.set(name, values[i] === null ? null : (values[i] as Json).root);
      }
      const items = pathItems(pathOf(path as string), (document as Json).root, variables);
      const result = ofItems(items, options, type);
      if (result !== undefined) return result.value;
    } catch (error) {
      if (!(error instanceof PathFailure) && !(error instanceof Caught)) throw error;
      if (options.onError === 'error') throw error.error;
      return outcome('ON ERROR', options.onError, errorValue!, type);
    }
    if (options.onEmpty === 'error') {
      throw runtimeError('no SQL/JSON item found for specified path', '22035');
    }
    return outcome('ON EMPTY', options.onEmpty, emptyValue!, type);
  };
}

function outcome(clause: string, what: JsonOutcome, value: SqlValue, type: SqlType): SqlValue {
  if (what === 'value') return value;
  try {
    return jsonAs(type, what === 'empty array' ? [] : new Map(), false);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const message = `could not coerce ${clause} expression (${what.toUpperCase()}) to the RETURNING type`;
    throw runtimeError(message, '42804');
  }
}

/** A cast of the result, whose errors ON ERROR is for. */
function cast(work: () => SqlValue): Result {
  try {
    return { value: work() };
  } catch (error) {
    throw error instanceof MillraceError ? new Caught(error) : error;
  }
}

function failure(message: string, sqlState: string): Caught {
  return new Caught(runtimeError(message, sqlState));
}

/** The one item, a scalar, by the input function of the result's type. */
const scalarValue: OfItems = ([item, ...more], _, type) => {
  if (item === undefined) return undefined;
  const message = 'JSON path expression in JSON_VALUE must return single scalar item';
  if (more.length > 0) throw failure(message, '22034');
  if (isArray(item) || isObject(item)) throw failure(message, '2203F');
  if (item === null) return { value: null };
  if (type.kind === 'jsonb') return { value: Json.of(item) };
  const text =
    typeof item === 'boolean'
      ? item
        ? 't'
        : 'f'
      : typeof item === 'string'
        ? item
        : printJson(item);
  return cast(() => fromText(type, text));
};

const document: OfItems = (items, { wrapper, omitsQuotes }, type) => {
  const [item, ...more] = items;
  if (item === undefined) return undefined;
  if (wrapper === 'unconditional' || (wrapper === 'conditional' && more.length > 0)) {
    return cast(() => jsonAs(type, [...items], omitsQuotes));
  }
  if (more.length > 0) {
    const message =
      'JSON path expression in JSON_QUERY must return single item when no wrapper is requested';
    throw failure(message, '22034');
  }
  return cast(() => jsonAs(type, item, omitsQuotes));
};

/** As jsonb_populate_record does with a field, but that a string keeps its quotes. */
function jsonAs(type: SqlType, item: JsonNode, omitsQuotes: boolean): SqlValue {
  if (typeof item === 'string' && omitsQuotes) return fromText(type, item);
  if (type.kind === 'jsonb') return Json.of(item);
  if (type.kind !== 'array' && type.kind !== 'record') return fromText(type, printJson(item));
  const isScalar = !isArray(item) && !isObject(item);
  if (isScalar && type.kind === 'array') throw runtimeError('expected JSON array', '22P02');
  if (isScalar) throw runtimeError('cannot call populate_composite on a scalar', '22023');
  return valueFromJson(type, item);
}

export const jsonQueryForms: Readonly<Record<string, Evaluate>> = {
  json_value: query(scalarValue),
  json_query: query(document),
  // Also without an item there is an answer.
  json_exists: query((items) => ({ value: items.length > 0 })),
};
