import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';
import type { Identifier, QualifiedName, Span } from './ast.ts';
import { columnNameOnly, functionOrType, reserved } from './keywords.ts';
import { syntaxError, type Token, tokenize } from './lexer.ts';
import { positionAt } from './position.ts';

const queryWords = new Set(['select', 'values', 'with', 'table']);
/** What may follow a query in parentheses when it is a part of a larger one. */
const queryContinuations = new Set(
  'union intersect except order limit offset fetch for'.split(' '),
);

const clauseWords = new Set(
  'from where group having order limit offset fetch union intersect except window'.split(' '),
);

/** What the grammar files share: looking ahead, taking tokens, saying what was expected. */
export class TokenStream {
  readonly text: string;
  readonly #tokens: Token[];
  /** For each "(" the place of its ")"; filled when first asked for. */
  #closing: readonly number[] | undefined;
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

  /** Takes one ">"; of ">>" the second stays. */
  closeAngle(): void {
    const token = this.peek();
    if (token.kind !== 'operator' || !/^>+$/.test(token.text)) throw this.expected('">"');
    if (token.text === '>') this.#at++;
    else this.#tokens[this.#at] = { ...token, text: token.text.slice(1), start: token.start + 1 };
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
    if (!isName) throw this.expected(what, true);
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
    if (this.isWord('format', 'json')) return false;
    return token.kind === 'word' && !reserved.has(token.text) && !functionOrType.has(token.text);
  }

  canBeFunctionName(): boolean {
    const token = this.peek();
    if (token.kind === 'quoted') return true;
    return token.kind === 'word' && !reserved.has(token.text) && !columnNameOnly.has(token.text);
  }

  /**
   * "(" comes next and opens a query, perhaps inside more parentheses: `((SELECT 1) UNION ...)` but
   * not `((SELECT 1) + 1)`, `((SELECT 1), 2)` or `((SELECT 1) AS a JOIN ...)`. What follows the
   * closing parentheses tells, so nothing is ever parsed twice.
   */
  startsQuery(): boolean {
    let first = this.#at;
    while (this.#isTextAt(first, '(')) first++;
    const word = this.#tokens[first]!;
    if (first === this.#at || word.kind !== 'word' || !queryWords.has(word.text)) return false;
    // From the innermost parenthesis outwards: each must hold a query and nothing else.
    for (let open = first - 1; open > this.#at; open--) {
      const close = this.#closingOf(open);
      const outer = this.#closingOf(open - 1);
      // The error is then found while the query is parsed.
      if (close === undefined || outer === undefined) return true;
      const after = this.#tokens[close + 1]!;
      const goesOn = after.kind === 'word' && queryContinuations.has(after.text);
      if (close + 1 !== outer && !goesOn) return false;
    }
    return true;
  }

  /** The token after the ")" that belongs to the "(" at `ahead`. */
  afterParentheses(ahead: number): Token | undefined {
    const close = this.#closingOf(this.#at + ahead);
    return close === undefined ? undefined : this.#tokens[close + 1];
  }

  #closingOf(open: number): number | undefined {
    if (this.#closing === undefined) {
      const closing: number[] = [];
      const opened: number[] = [];
      for (let index = 0; index < this.#tokens.length; index++) {
        if (this.#isTextAt(index, '(')) opened.push(index);
        else if (this.#isTextAt(index, ')') && opened.length > 0) closing[opened.pop()!] = index;
      }
      this.#closing = closing;
    }
    return this.#closing[open];
  }

  #isTextAt(index: number, symbol: string): boolean {
    const token = this.#tokens[index];
    return token?.kind === 'operator' && token.text === symbol;
  }

  qualifiedName(what: string): QualifiedName {
    const mark = this.mark();
    const parts = [this.identifier(what)];
    while (this.acceptOperator('.')) parts.push(this.label('a name after "."'));
    return { parts, span: this.span(mark) };
  }

  /** `t`, `t *`, `ONLY t`, `ONLY (t)`: nothing inherits from a table, so all say the same. */
  tableName(): QualifiedName {
    const isOnly = this.acceptWord('only');
    const isEnclosed = isOnly && this.acceptOperator('(');
    const name = this.qualifiedName('a table name');
    if (isEnclosed) this.expectOperator(')');
    else if (!isOnly) this.acceptOperator('*');
    return name;
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

  /** `isName`: a name should stand here, and reserved words are none. */
  expected(what: string, isName = false): MillraceError {
    const token = this.peek();
    const shown = this.text.slice(token.start, token.end);
    const found = token.kind === 'end' ? 'the end of the text' : `"${shown}"`;
    const message = `syntax error at ${found}: expected ${what}`;
    return this.syntaxError(message, this.#hint(token, isName));
  }

  /** Points at the next token, or at the ones from `mark` to the last one taken. */
  syntaxError(message: string, hint?: string, mark = this.#at): MillraceError {
    const { start, end } = this.span(mark);
    return syntaxError(this.text, start, end, message, hint);
  }

  unsupported(what: string, mark = this.#at): MillraceError {
    const { start, end } = this.span(mark);
    return new MillraceError('UNSUPPORTED', `${what} is not supported`, {
      position: positionAt(this.text, start, end),
      sqlState: '0A000',
    });
  }

  #hint(token: Token, isName: boolean): string | undefined {
    const before = this.#at === 0 ? undefined : this.#tokens[this.#at - 1]!;
    const shown = this.text.slice(token.start, token.end);
    const isReserved =
      token.kind === 'word' && (reserved.has(token.text) || functionOrType.has(token.text));
    if (/[^\S \t\n\r\f\v]/.test(shown) && token.kind === 'word') {
      return 'It holds a space that is not the plain one; replace that by a plain space.';
    }
    const isComma = before?.kind === 'operator' && before.text === ',';
    const endsList = isReserved || token.text === ')' || token.text === ';' || token.kind === 'end';
    if (isComma && endsList && (!isName || clauseWords.has(token.text) || !isReserved)) {
      return 'Remove the comma before it.';
    }
    if (isName && isReserved) {
      return `"${token.text}" is a reserved word; write it in double quotes to use it as a name.`;
    }
    const startsItem = token.kind !== 'end' && token.kind !== 'operator' && !isReserved;
    const endsItem = before !== undefined && (before.kind !== 'operator' || before.text === ')');
    const isKeyword = before?.kind === 'word' && reserved.has(before.text);
    if (startsItem && endsItem && !isKeyword && !isName && this.#at > 1) {
      return 'Is a comma, an operator or a keyword missing before it?';
    }
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
