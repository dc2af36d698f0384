import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { compareDecimals, decimalFromJson, decimalToText } from './decimal.ts';
import type { Decimal } from './types.ts';

/** A part of a JSON document. Numbers are exact; object keys are in jsonb's order. */
export type JsonNode =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly JsonNode[]
  | ReadonlyMap<string, JsonNode>;

/** A number with PostgreSQL's display scale. */
export class JsonNumber {
  readonly value: Decimal;

  constructor(value: Decimal) {
    this.value = value;
  }
}

export type JsonObject = ReadonlyMap<string, JsonNode>;

export const isObject = (node: JsonNode): node is JsonObject => node instanceof Map;
export const isArray = (node: JsonNode): node is readonly JsonNode[] => Array.isArray(node);

/**
 * A jsonb value: its text as PostgreSQL prints it, its tree, or both; each is made from the other
 * when it is first asked for.
 */
export class Json {
  #text: string | undefined;
  #root: JsonNode | undefined;

  private constructor(text: string | undefined, root: JsonNode | undefined) {
    this.#text = text;
    this.#root = root;
  }

  /** `text` as `toString` once gave it. */
  static fromCanonical(text: string): Json {
    return new Json(text, undefined);
  }

  /** Maps of `root` must come from `jsonObject`. */
  static of(root: JsonNode): Json {
    return new Json(undefined, root);
  }

  /** Any JSON text (RFC 8259); the last of repeated keys wins. Throws SQL_RUNTIME 22P02. */
  static parse(text: string): Json {
    return Json.of(parseJson(text));
  }

  /**
   * Whether the text is JSON, of that kind, and, if that is asked, without an object that has a key
   * twice (SQL:2016, IS JSON).
   */
  static isJson(text: string, type: string, hasUniqueKeys: boolean): boolean {
    const reader = new JsonReader(text);
    try {
      const root = reader.document();
      if (hasUniqueKeys && reader.hasRepeatedKeys) return false;
      if (type === 'value') return true;
      if (type === 'scalar') return !isArray(root) && !isObject(root);
      return type === 'array' ? isArray(root) : isObject(root);
    } catch (error) {
      if (error instanceof MillraceError) return false;
      throw error;
    }
  }

  get root(): JsonNode {
    if (this.#root === undefined) this.#root = parseJson(this.#text!);
    return this.#root;
  }

  toString(): string {
    if (this.#text === undefined) this.#text = printJson(this.#root!);
    return this.#text;
  }
}

/** An object with its keys in jsonb's order: shorter ones first, then by bytes. */
export function jsonObject(entries: Iterable<readonly [string, JsonNode]>): JsonObject {
  const last = new Map(entries);
  if (last.size < 2) return last;
  return new Map([...last].sort(([a], [b]) => compareKeys(a, b)));
}

function compareKeys(a: string, b: string): number {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length - right.length || Buffer.compare(left, right);
}

export function printJson(node: JsonNode): string {
  if (node === null) return 'null';
  if (typeof node === 'boolean') return String(node);
  if (typeof node === 'string') return quoteJson(node);
  if (node instanceof JsonNumber) return decimalToText(node.value);
  if (isArray(node)) return `[${node.map(printJson).join(', ')}]`;
  const parts = [...node].map(([key, value]) => `${quoteJson(key)}: ${printJson(value)}`);
  return `{${parts.join(', ')}}`;
}

/** JSON.stringify escapes as PostgreSQL does, but for DEL, which both leave. */
export function quoteJson(text: string): string {
  return JSON.stringify(text);
}

/** jsonb_pretty. */
export function prettyJson(node: JsonNode, indent = ''): string {
  const inner = `${indent}    `;
  if (isArray(node)) {
    if (node.length === 0) return `[\n${indent}]`;
    const parts = node.map((item) => `${inner}${prettyJson(item, inner)}`);
    return `[\n${parts.join(',\n')}\n${indent}]`;
  }
  if (isObject(node)) {
    if (node.size === 0) return `{\n${indent}}`;
    const parts = [...node].map(
      ([key, value]) => `${inner}${quoteJson(key)}: ${prettyJson(value, inner)}`,
    );
    return `{\n${parts.join(',\n')}\n${indent}}`;
  }
  return printJson(node);
}

/** jsonb's rank of kinds: Object > Array > Boolean > Number > String > null (documentation 8.14.4). */
function rank(node: JsonNode): number {
  if (node === null) return 0;
  if (typeof node === 'string') return 1;
  if (node instanceof JsonNumber) return 2;
  if (typeof node === 'boolean') return 3;
  return isArray(node) ? 4 : 5;
}

/**
 * jsonb's btree order. Containers of fewer members come first; an empty array at the top sorts
 * below everything (a historical accident that PostgreSQL keeps).
 */
export function compareJson(a: JsonNode, b: JsonNode, isTop = true): number {
  if (isTop) {
    const [x, y] = [isArray(a) && a.length === 0, isArray(b) && b.length === 0];
    if (x || y) return Number(y) - Number(x);
  }
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference;
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (a instanceof JsonNumber) return compareDecimals(a.value, (b as JsonNumber).value);
  if (a === null) return 0;
  return isArray(a)
    ? compareArrays(a, b as readonly JsonNode[])
    : compareObjects(a, b as JsonObject);
}

function compareArrays(a: readonly JsonNode[], b: readonly JsonNode[]): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const order = compareJson(a[i]!, b[i]!, false);
    if (order !== 0) return order;
  }
  return 0;
}

/** Key, value, key, value in storage order; keys here compare as texts. */
function compareObjects(a: JsonObject, b: JsonObject): number {
  if (a.size !== b.size) return a.size - b.size;
  const right = [...b];
  let at = 0;
  for (const [key, value] of a) {
    const [otherKey, other] = right[at++]!;
    const order =
      Buffer.compare(Buffer.from(key), Buffer.from(otherKey)) || compareJson(value, other, false);
    if (order !== 0) return order;
  }
  return 0;
}

function invalid(): MillraceError {
  return new MillraceError('SQL_RUNTIME', 'invalid input syntax for type json', {
    sqlState: '22P02',
  });
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const spacePattern = /[ \t\n\r]*/y;

function unescaped(quoted: string): string {
  try {
    return JSON.parse(quoted);
  } catch {
    throw invalid();
  }
}

function parseJson(text: string): JsonNode {
  const reader = new JsonReader(text);
  return reader.document();
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  /** An object that was read has a key twice. */
  hasRepeatedKeys = false;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const node = this.#value(0);
    this.#space();
    if (this.#at !== this.#text.length) throw invalid();
    return node;
  }

  #value(depth: number): JsonNode {
    if (depth > limits.jsonDepthMax) {
      throw new MillraceError('SQL_RUNTIME', 'JSON is nested too deep', { sqlState: '54001' });
    }
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonNode {
    const entries: [string, JsonNode][] = [];
    this.#at++;
    this.#space();
    if (this.#accept('}')) return new Map();
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw invalid();
      const key = this.#string();
      this.#space();
      if (!this.#accept(':')) throw invalid();
      entries.push([key, this.#value(depth + 1)]);
      this.#space();
    } while (this.#accept(','));
    if (!this.#accept('}')) throw invalid();
    const object = jsonObject(entries);
    if (object.size < entries.length) this.hasRepeatedKeys = true;
    return object;
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at++;
    this.#space();
    if (this.#accept(']')) return items;
    do {
      items.push(this.#value(depth + 1));
      this.#space();
    } while (this.#accept(','));
    if (!this.#accept(']')) throw invalid();
    return items;
  }

  #string(): string {
    const start = this.#at;
    let escaped = false;
    for (this.#at++; ; this.#at++) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit === 34) break;
      // NaN is the end of the text; control characters must be escaped.
      if (!(unit >= 32)) throw invalid();
      if (unit !== 92) continue;
      escaped = true;
      this.#at++;
    }
    this.#at++;
    if (!escaped) return this.#text.slice(start + 1, this.#at - 1);
    const text = unescaped(this.#text.slice(start, this.#at));
    if (text.includes('\0')) {
      throw new MillraceError('SQL_RUNTIME', 'unsupported Unicode escape sequence', {
        sqlState: '22P05',
        hint: '\\u0000 cannot be converted to text.',
      });
    }
    if (/\p{Surrogate}/u.test(text)) throw invalid();
    return text;
  }

  #number(): JsonNode {
    return new JsonNumber(decimalFromJson(this.#match(numberPattern)));
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw invalid();
    this.#at += word.length;
    return value;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) throw invalid();
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #accept(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    spacePattern.lastIndex = this.#at;
    spacePattern.exec(this.#text);
    this.#at = spacePattern.lastIndex;
  }
}
