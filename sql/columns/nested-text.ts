import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import { fromText, toText } from './text.ts';
import { type Dimension, SqlArray, SqlRecord, type SqlType, type SqlValue } from './types.ts';

/** Arrays and records as PostgreSQL writes and reads them (documentation 8.15.6 and 8.16.6). */

type ArrayType = SqlType & { readonly kind: 'array' };
type RecordType = SqlType & { readonly kind: 'record' };

const dimensionsMax = 6;
const spaces = ' \t\n\r\v\f';

export function arrayToText(type: ArrayType, { items, dimensions }: SqlArray): string {
  if (dimensions.length === 0) return '{}';
  let at = 0;
  const level = (depth: number): string => {
    if (depth === dimensions.length) return itemToText(type.element, items[at++]!);
    const parts = Array.from({ length: dimensions[depth]!.length }, () => level(depth + 1));
    return `{${parts.join(',')}}`;
  };
  const isPlain = dimensions.every(({ lower }) => lower === 1);
  const bounds = isPlain
    ? ''
    : `${dimensions.map(({ lower, length }) => `[${lower}:${lower + length - 1}]`).join('')}=`;
  return bounds + level(0);
}

function itemToText(type: SqlType, value: SqlValue): string {
  if (value === null) return 'NULL';
  const text = toText(type, value);
  const needsQuotes = text === '' || /^null$/i.test(text) || /[{},"\\ \t\n\r\v\f]/.test(text);
  return needsQuotes ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;
}

export function recordToText(type: RecordType, { cells }: SqlRecord): string {
  const parts = cells.map((cell, index) => {
    if (cell === null) return '';
    const text = toText(type.fields[index]!.type, cell);
    const needsQuotes = text === '' || /[(),"\\ \t\n\r\v\f]/.test(text);
    return needsQuotes ? `"${text.replace(/["\\]/g, '$&$&')}"` : text;
  });
  return `(${parts.join(',')})`;
}

function malformed(what: 'array' | 'record', text: string, hint?: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', `malformed ${what} literal: "${text}"`, {
    sqlState: '22P02',
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Throws SQL_RUNTIME 22P02, 2202E, or what reading an item throws. */
export function arrayFromText(type: ArrayType, text: string): SqlArray {
  return new ArrayReader(type.element, text).read();
}

class ArrayReader {
  readonly #element: SqlType;
  readonly #text: string;
  #at = 0;
  readonly #items: SqlValue[] = [];
  /** Length per level, as the first branch has it. */
  readonly #lengths: number[] = [];

  constructor(element: SqlType, text: string) {
    this.#element = element;
    this.#text = text;
  }

  read(): SqlArray {
    this.#space();
    const bounds = this.#bounds();
    if (this.#text[this.#at] !== '{') {
      throw this.#malformed('Array value must start with "{" or dimension information.');
    }
    const depth = this.#level(0);
    this.#space();
    if (this.#at !== this.#text.length) throw this.#malformed('Junk after closing right brace.');
    if (this.#items.length === 0) return new SqlArray([]);
    if (this.#lengths.length !== depth) throw this.#ragged();
    const dimensions = this.#lengths.map((length, index): Dimension => {
      const bound = bounds?.[index];
      return { length, lower: bound?.lower ?? 1 };
    });
    const fits =
      bounds === undefined ||
      (bounds.length === depth && bounds.every(({ length }, i) => length === this.#lengths[i]));
    if (!fits) throw this.#malformed('Specified array dimensions do not match array contents.');
    return new SqlArray(this.#items, dimensions);
  }

  /** `[2:4][1:2]=`, or the short `[3]=`. */
  #bounds(): Dimension[] | undefined {
    if (this.#text[this.#at] !== '[') return undefined;
    const bounds: Dimension[] = [];
    const pattern = /\[\s*([+-]?\d+)(?::([+-]?\d+))?\s*\]\s*/y;
    pattern.lastIndex = this.#at;
    for (let match = pattern.exec(this.#text); match !== null; match = pattern.exec(this.#text)) {
      const lower = match[2] === undefined ? 1 : Number(match[1]);
      const upper = Number(match[2] ?? match[1]);
      if (upper < lower) {
        throw new MillraceError('SQL_RUNTIME', 'upper bound cannot be less than lower bound', {
          sqlState: '2202E',
        });
      }
      bounds.push({ lower, length: upper - lower + 1 });
      this.#at = pattern.lastIndex;
    }
    if (this.#text[this.#at] !== '=') throw this.#malformed('Missing "=" after array dimensions.');
    this.#at++;
    this.#space();
    return bounds;
  }

  /** Reads `{...}`; returns how many levels it has. */
  #level(depth: number): number {
    if (depth >= dimensionsMax) {
      throw new MillraceError(
        'SQL_RUNTIME',
        `number of array dimensions exceeds the maximum allowed (${dimensionsMax})`,
        { sqlState: '54000' },
      );
    }
    this.#at++;
    let count = 0;
    let below: number | undefined;
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#at++;
      if (depth > 0 && this.#items.length > 0) throw this.#ragged();
      return depth + 1;
    }
    for (;;) {
      this.#space();
      const isNested = this.#text[this.#at] === '{';
      const deepest = isNested ? this.#level(depth + 1) : this.#item(depth + 1);
      if (below !== undefined && below !== deepest) throw this.#ragged();
      below = deepest;
      count++;
      this.#space();
      const next = this.#text[this.#at++];
      if (next === '}') break;
      if (next !== ',') throw this.#malformed(`Unexpected array element.`);
    }
    const known = this.#lengths[depth];
    if (known === undefined) this.#lengths[depth] = count;
    else if (known !== count) throw this.#ragged();
    return below!;
  }

  #item(depth: number): number {
    const { text, quoted } = this.#token();
    if (!quoted && text === '') throw this.#malformed('Unexpected array element.');
    if (this.#items.length >= limits.arrayItemsMax) {
      throw new MillraceError('SQL_RUNTIME', 'array size exceeds the maximum allowed', {
        sqlState: '54000',
      });
    }
    const isNull = !quoted && /^null$/i.test(text);
    this.#items.push(isNull ? null : fromText(this.#element, text));
    return depth;
  }

  /** A quoted or bare item; the blanks around a bare one do not count, those escaped do. */
  #token(): { text: string; quoted: boolean } {
    let text = '';
    let solid = 0;
    let quoted = false;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) throw this.#malformed('Unexpected end of input.');
      if (character === ',' || character === '}') break;
      if (character === '{') throw this.#malformed('Unexpected "{" character.');
      this.#at++;
      if (character === '"') {
        if (quoted || text !== '') throw this.#malformed('Unexpected array element.');
        quoted = true;
        text = this.#quoted();
        solid = text.length;
        this.#space();
        if (!',}'.includes(this.#text[this.#at] ?? ',')) {
          throw this.#malformed('Unexpected array element.');
        }
      } else if (character === '\\') {
        if (this.#at === this.#text.length) throw this.#malformed('Unexpected end of input.');
        text += this.#text[this.#at++];
        solid = text.length;
      } else {
        text += character;
        if (!spaces.includes(character)) solid = text.length;
      }
    }
    return { text: text.slice(0, solid), quoted };
  }

  #quoted(): string {
    let text = '';
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) throw this.#malformed('Unexpected end of input.');
      if (character === '"') return text;
      text += character === '\\' ? (this.#text[this.#at++] ?? '') : character;
    }
  }

  #space(): void {
    while (this.#at < this.#text.length && spaces.includes(this.#text[this.#at]!)) this.#at++;
  }

  #malformed(hint: string): MillraceError {
    return malformed('array', this.#text, hint);
  }

  #ragged(): MillraceError {
    return this.#malformed(
      'Multidimensional arrays must have sub-arrays with matching dimensions.',
    );
  }
}

/** Throws SQL_RUNTIME 22P02, or what reading a cell throws. */
export function recordFromText(type: RecordType, text: string): SqlRecord {
  const source = text.trim();
  const bad = (hint: string) => malformed('record', text, hint);
  if (source[0] !== '(') throw bad('Missing left parenthesis.');
  const cells: SqlValue[] = [];
  let at = 1;
  const { fields } = type;
  if (fields.length === 0 && source === '()') return new SqlRecord([]);
  for (;;) {
    const field = fields[cells.length];
    if (field === undefined) throw bad('Too many columns.');
    const cell = recordCell(source, at);
    if (cell === undefined) throw bad('Unexpected end of input.');
    cells.push(cell.text === undefined ? null : fromText(field.type, cell.text));
    at = cell.end + 1;
    if (source[cell.end] === ')') break;
  }
  if (cells.length < fields.length) throw bad('Too few columns.');
  if (at !== source.length) throw bad('Junk after right parenthesis.');
  return new SqlRecord(cells);
}

/** From `at` to the next comma or parenthesis; nothing at all is NULL. */
function recordCell(
  source: string,
  at: number,
): { readonly text: string | undefined; readonly end: number } | undefined {
  let text: string | undefined;
  let inQuotes = false;
  for (; at < source.length; at++) {
    const character = source[at]!;
    if (!inQuotes && (character === ',' || character === ')')) return { text, end: at };
    text ??= '';
    if (character === '\\') {
      if (++at === source.length) return undefined;
      text += source[at];
    } else if (character === '"') {
      if (inQuotes && source[at + 1] === '"') {
        text += '"';
        at++;
      } else inQuotes = !inQuotes;
    } else {
      text += character;
    }
  }
  return undefined;
}
