import { MillraceError } from '../../platform/errors.ts';
import { tokenize } from '../syntax/lexer.ts';
import type { ForeignToken } from './foreign-tokens.ts';

/** Words that change nothing, and signs that only group: neither side counts them. */
const silent = new Set(['as', 'inner', 'outer', 'asc', '(', ')', ',', ';']);
/** Signs with two spellings. */
const spellings: Readonly<Record<string, string>> = { '!=': '<>', '&&': 'and', '==': '=' };

/**
 * The books of one translation: every token of the foreign text must be in the native one, and the
 * other way round, but for what the lowering says it replaced. So nothing that the foreign parser
 * skipped or made up goes unseen. Order is not checked, numbers of tokens are.
 */
export class Account {
  /** Token to how many more the foreign side has. */
  readonly #balance = new Map<string, number>();

  /** Foreign tokens were written otherwise. */
  replaced(foreign: readonly string[], native: readonly string[]): void {
    for (const token of foreign) this.#add(token, -1);
    for (const token of native) this.#add(token, 1);
  }

  /** Throws UNSUPPORTED unless all tokens are accounted for. */
  close(foreign: readonly ForeignToken[], native: string): void {
    for (const { kind, text } of foreign) this.#add(keyOf(kind, text), 1);
    for (const { kind, text } of tokenize(native)) {
      if (kind !== 'end') this.#add(keyOf(kind, text), -1);
    }
    const wrong = [...this.#balance].filter(([, count]) => count !== 0);
    if (wrong.length === 0) return;
    const shown = wrong.map(([token]) => token.replace(/^#/, '')).slice(0, 5);
    throw new MillraceError(
      'UNSUPPORTED',
      `the statement was not understood whole: ${shown.join(', ')}`,
      { sqlState: '0A000', hint: `It was read as: ${native}` },
    );
  }

  #add(token: string, count: number): void {
    if (silent.has(token)) return;
    this.#balance.set(token, (this.#balance.get(token) ?? 0) + count);
  }
}

/** The key of a literal in the books. */
export function literalKey(text: string): string {
  return `#${text}`;
}

function keyOf(kind: string, text: string): string {
  if (kind === 'string' || kind === 'number' || kind === 'integer' || kind === 'decimal') {
    return literalKey(text);
  }
  const plain = text.toLowerCase();
  return spellings[plain] ?? plain;
}
