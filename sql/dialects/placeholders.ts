import type { ForeignToken } from './foreign-tokens.ts';

/**
 * Literals and quoted names are hidden from the foreign parser behind names and numbers of ours, and
 * come back afterwards as they were written: it rounds long numbers, drops zeros after the point,
 * and reads some quoted names as strings.
 */
export class Placeholders {
  /** The text that the foreign parser gets. */
  readonly text: string;
  readonly #tokens: readonly ForeignToken[];
  /** Where a placeholder ends in the hidden text, and what it stands for in the user's. */
  readonly #places: { readonly hiddenEnd: number; readonly end: number }[] = [];

  constructor(text: string, tokens: readonly ForeignToken[]) {
    this.#tokens = tokens;
    let hidden = '';
    let from = 0;
    for (const [index, { kind, start, end }] of tokens.entries()) {
      const sign =
        kind === 'number'
          ? String(firstNumber + index)
          : kind === 'string'
            ? `'${mark}s${index}'`
            : kind === 'name'
              ? `${mark}n${index}`
              : undefined;
      if (sign === undefined) continue;
      hidden += text.slice(from, start) + sign;
      from = end;
      this.#places.push({ hiddenEnd: hidden.length, end });
    }
    this.text = hidden + text.slice(from);
  }

  /** Where a place of the hidden text is in the user's. */
  originalOffset(hiddenOffset: number): number {
    const before = this.#places.findLast(({ hiddenEnd }) => hiddenEnd <= hiddenOffset);
    return before === undefined ? hiddenOffset : before.end + hiddenOffset - before.hiddenEnd;
  }

  /** The token that a name, a string or a number stands for. */
  token(value: unknown): ForeignToken | undefined {
    const text = String(value);
    const number = /^\d+$/.test(text) ? Number(text) - firstNumber : -1;
    const index = text.startsWith(mark) ? Number(text.slice(mark.length + 1)) : number;
    return this.#tokens[index];
  }
}

/** Beyond what the parsers check, below what they round. */
const firstNumber = 70_000_000;
const mark = 'mrx_';
