import { MillraceError } from '../../platform/errors.ts';
import { decimalFromText } from './decimal.ts';
import {
  isArray,
  isObject,
  Json,
  type JsonNode,
  JsonNumber,
  jsonObject,
  printJson,
} from './json.ts';
import { fromText, toText } from './text.ts';
import {
  type Decimal,
  type Dimension,
  SqlArray,
  SqlRecord,
  type SqlType,
  type SqlValue,
} from './types.ts';

/** SQL values as JSON and back, as to_jsonb and jsonb_populate_record do (documentation 9.16). */

export function valueToJson(type: SqlType, value: SqlValue): JsonNode {
  if (value === null) return null;
  switch (type.kind) {
    case 'boolean':
      return value as boolean;
    case 'smallint':
    case 'integer':
    case 'bigint':
      return new JsonNumber({ unscaled: BigInt(value as number | bigint), scale: 0 });
    case 'real':
    case 'double':
    case 'numeric': {
      // NaN and the infinities are no JSON numbers: they become strings.
      const text = toText(type, value);
      const decimal = /[a-z]{3}/i.test(text) ? undefined : decimalFromText(text);
      return decimal === undefined ? text : new JsonNumber(decimal);
    }
    case 'jsonb':
      return (value as Json).root;
    case 'timestamp':
      return isoTimestamp(type, value as bigint);
    case 'timestamptz':
      return isoTimestamp(type, value as bigint).replace(/([+-]\d\d)$/, '$1:00');
    case 'array':
      return arrayToJson(type.element, value as SqlArray);
    case 'record':
      return jsonObject(
        type.fields.map((field, index) => [
          field.name,
          valueToJson(field.type, (value as SqlRecord).cells[index]!),
        ]),
      );
    default:
      return toText(type, value);
  }
}

/** ISO 8601 with a T, which JavaScript reads. */
function isoTimestamp(type: SqlType, value: bigint): string {
  return toText(type, value).replace(' ', 'T');
}

function arrayToJson(element: SqlType, { items, dimensions }: SqlArray): JsonNode {
  let at = 0;
  const level = (depth: number): JsonNode => {
    if (depth === dimensions.length) return valueToJson(element, items[at++]!);
    return Array.from({ length: dimensions[depth]!.length }, () => level(depth + 1));
  };
  return dimensions.length === 0 ? [] : level(0);
}

/** How numbers become timestamps: not at all, or as messages have them, milliseconds since 1970. */
export type NumberDates = 'refused' | 'milliseconds';

/** Throws SQL_RUNTIME 22P02, 22023 or what the type's input function throws. */
export function valueFromJson(
  type: SqlType,
  node: JsonNode,
  numberDates: NumberDates = 'refused',
): SqlValue {
  if (type.kind === 'jsonb') return Json.of(node);
  if (node === null) return null;
  if (type.kind === 'array' && typeof node !== 'string') {
    if (!isArray(node)) throw unexpected('expected JSON array');
    return arrayFromJson(type.element, node, numberDates);
  }
  if (type.kind === 'record' && typeof node !== 'string') {
    if (!isObject(node)) throw unexpected('cannot call populate_composite on a scalar', '22023');
    return new SqlRecord(
      type.fields.map((field) =>
        valueFromJson(field.type, node.get(field.name) ?? null, numberDates),
      ),
    );
  }
  if (node instanceof JsonNumber && numberDates === 'milliseconds') {
    const isTime = type.kind === 'timestamp' || type.kind === 'timestamptz';
    if (isTime && node.value.scale === 0) return (node.value as Decimal).unscaled * 1000n;
  }
  return fromText(type, typeof node === 'string' ? node : printJson(node));
}

function arrayFromJson(
  element: SqlType,
  root: readonly JsonNode[],
  numberDates: NumberDates,
): SqlArray {
  const items: SqlValue[] = [];
  const lengths: number[] = [];
  const ragged = () =>
    unexpected('malformed JSON array', '22P02', 'Sub-arrays must have matching dimensions.');
  /** Arrays inside an array of jsonb are items. */
  const isLevel = (node: JsonNode): node is readonly JsonNode[] =>
    isArray(node) && element.kind !== 'jsonb';
  const visit = (node: JsonNode, depth: number): void => {
    if (depth > 0 && !isLevel(node)) {
      if (depth !== lengths.length) throw ragged();
      items.push(valueFromJson(element, node, numberDates));
      return;
    }
    const array = node as readonly JsonNode[];
    if (lengths[depth] === undefined) {
      if (items.length > 0) throw ragged();
      lengths[depth] = array.length;
    } else if (lengths[depth] !== array.length) throw ragged();
    for (const item of array) visit(item, depth + 1);
  };
  visit(root, 0);
  if (items.length === 0) return new SqlArray([]);
  return new SqlArray(
    items,
    lengths.map((length): Dimension => ({ length, lower: 1 })),
  );
}

function unexpected(message: string, sqlState = '22P02', hint?: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', message, {
    sqlState,
    ...(hint === undefined ? {} : { hint }),
  });
}
