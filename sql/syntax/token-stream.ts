import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Identifier, QualifiedName, Span } from './ast.ts';
import { columnNameOnly, functionOrType, reserved } from './keywords.ts';
import { syntaxError, type Token, tokenize } from './lexer.ts';
import { positionAt } from './position.ts';

/** What the grammar files share: looking ahead, taking tokens, saying what was expected. */
export class TokenStream {
  readonly text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    if (Buffer.byteLength(text) > limits.sqlTextBytesMax) {
      throw new MillraceError(
        'RESOURCE_LIMIT',
        `the SQL text is longer than ${limits.sqlTextBytesMax} bytes`,
        { sqlState: '54001' },
      );
    }
    this.text = text;
    this.#tokens = tokenize(text);
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  /** Place to come back to. */
  mark(): number {
    return this.#at;
  }

  reset(mark: number): void {
    this.#at = mark;
  }

  /** The next tokens are these words, unquoted. */
  isWord(...expected: readonly string[]): boolean {
    return expected.every((word, ahead) => {
      const token = this.peek(ahead);
      return token.kind === 'word' && token.text === word;
    });
  }

  isOneOf(...expected: readonly string[]): boolean {
    const token = this.peek();
    return token.kind === 'word' && expected.includes(token.text);
  }

  isOperator(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'operator' && token.text === symbol;
  }

  acceptWord(...expected: readonly string[]): boolean {
    if (!this.isWord(...expected)) return false;
    this.#at += expected.length;
    return true;
  }

  acceptOperator(symbol: string): boolean {
    if (!this.isOperator(symbol)) return false;
    this.#at++;
    return true;
  }

  expectWord(...expected: readonly string[]): void {
    for (const word of expected) {
      if (!this.acceptWord(word)) throw this.expected(word.toUpperCase());
    }
  }

  expectOperator(symbol: string): void {
    if (!this.acceptOperator(symbol)) throw this.expected(`"${symbol}"`);
  }

  /** From the token at `mark` to the last one taken. */
  span(mark: number): Span {
    const first = this.#tokens[mark]!;
    const last = this.#tokens[Math.max(mark, this.#at - 1)]!;
    return { start: first.start, end: last.end };
  }

  /** A name of a column, table or alias. */
  identifier(what: string): Identifier {
    const token = this.peek();
    const isName =
      token.kind === 'quoted' ||
      (token.kind === 'word' && !reserved.has(token.text) && !functionOrType.has(token.text));
    if (!isName) throw this.expected(what);
    return this.#asIdentifier(this.next());
  }

  /** After AS or a dot: any word is a name there. */
  label(what: string): Identifier {
    const token = this.peek();
    if (token.kind !== 'quoted' && token.kind !== 'word') throw this.expected(what);
    return this.#asIdentifier(this.next());
  }

  canBeAlias(): boolean {
    const token = this.peek();
    if (token.kind === 'quoted') return true;
    return token.kind === 'word' && !reserved.has(token.text) && !functionOrType.has(token.text);
  }

  canBeFunctionName(): boolean {
    const token = this.peek();
    if (token.kind === 'quoted') return true;
    return token.kind === 'word' && !reserved.has(token.text) && !columnNameOnly.has(token.text);
  }

  qualifiedName(what: string): QualifiedName {
    const mark = this.mark();
    const parts = [this.identifier(what)];
    while (this.acceptOperator('.')) parts.push(this.label('a name after "."'));
    return { parts, span: this.span(mark) };
  }

  /** `( item, item, ... )`. */
  list<T>(item: () => T): T[] {
    this.expectOperator('(');
    const items = this.items(item);
    this.expectOperator(')');
    return items;
  }

  items<T>(item: () => T): T[] {
    const items = [item()];
    while (this.acceptOperator(',')) items.push(item());
    return items;
  }

  /** Keeps recursion off the end of the stack. */
  nested<T>(parse: () => T): T {
    if (++this.#depth > limits.sqlDepthMax) {
      throw new MillraceError(
        'RESOURCE_LIMIT',
        `the statement is nested more than ${limits.sqlDepthMax} levels deep`,
        { position: this.#positionOf(this.peek()), sqlState: '54001' },
      );
    }
    try {
      return parse();
    } finally {
      this.#depth--;
    }
  }

  expected(what: string): MillraceError {
    const token = this.peek();
    const shown = this.text.slice(token.start, token.end);
    const found = token.kind === 'end' ? 'the end of the text' : `"${shown}"`;
    return syntaxError(
      this.text,
      token.start,
      token.end,
      `syntax error at ${found}: expected ${what}`,
      this.#hint(token),
    );
  }

  unsupported(what: string, mark = this.#at): MillraceError {
    const { start, end } = this.span(mark);
    return new MillraceError('UNSUPPORTED', `${what} is not supported`, {
      position: positionAt(this.text, start, end),
      sqlState: '0A000',
    });
  }

  #hint(token: Token): string | undefined {
    const before = this.#tokens[this.#at - 1];
    if (before?.text === ',' && token.kind === 'word' && reserved.has(token.text)) {
      return 'Remove the comma before it.';
    }
    if (token.kind === 'word' && reserved.has(token.text)) {
      return `"${token.text}" is a reserved word; write it in double quotes to use it as a name.`;
    }
    if (token.text === '==') return 'Use = to compare.';
    if (token.text === '&&') return 'Use AND.';
    return undefined;
  }

  #positionOf(token: Token) {
    return positionAt(this.text, token.start, token.end);
  }

  #asIdentifier(token: Token): Identifier {
    const span = { start: token.start, end: token.end };
    return { name: token.text, quoted: token.kind === 'quoted', span };
  }
}
