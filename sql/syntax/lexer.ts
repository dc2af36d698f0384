import { MillraceError } from '../../platform/errors.ts';
import { positionAt } from './position.ts';

/**
 * Tokens by PostgreSQL's rules (scan.l). `text` is what the token means: folded or unquoted for
 * identifiers, unescaped for strings, digits as written for numbers.
 */
export interface Token {
  readonly kind:
    | 'word'
    | 'quoted'
    | 'integer'
    | 'decimal'
    | 'string'
    | 'operator'
    | 'parameter'
    | 'end';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const space = /\s/;
const wordStart = /[A-Za-z_\u0080-\uffff]/;
const wordPart = /[A-Za-z0-9_$\u0080-\uffff]/;
const digit = /[0-9]/;
const operatorCharacters = '+-*/<>=~!@#%^&|?';
const punctuation = '()[],;.:';

export function tokenize(text: string): Token[] {
  return new Lexer(text).run();
}

export function syntaxError(
  text: string,
  start: number,
  end: number,
  message: string,
  hint?: string,
): MillraceError {
  return new MillraceError('SQL_SYNTAX', message, {
    position: positionAt(text, start, end),
    sqlState: '42601',
    ...(hint === undefined ? {} : { hint }),
  });
}

class Lexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      const newline = this.#skip();
      if (this.#at >= this.#text.length) break;
      const token = this.#next();
      const last = tokens.at(-1);
      // Strings with only white space and a newline between them are one string.
      if (token.kind === 'string' && last?.kind === 'string' && newline) {
        tokens[tokens.length - 1] = { ...last, text: last.text + token.text, end: token.end };
      } else {
        tokens.push(token);
      }
    }
    const end = this.#text.length;
    tokens.push({ kind: 'end', text: '', start: end, end });
    return tokens;
  }

  /** White space and comments; says whether a newline was among them. */
  #skip(): boolean {
    const start = this.#at;
    for (;;) {
      if (space.test(this.#peek())) this.#at++;
      else if (this.#startsWith('--')) {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (this.#startsWith('/*')) this.#blockComment();
      else return this.#text.slice(start, this.#at).includes('\n');
    }
  }

  /** Comments nest, as the standard says. */
  #blockComment(): void {
    const start = this.#at;
    let depth = 0;
    do {
      if (this.#at >= this.#text.length) {
        throw this.#error(start, start + 2, 'unterminated /* comment');
      }
      if (this.#startsWith('/*')) {
        depth++;
        this.#at += 2;
      } else if (this.#startsWith('*/')) {
        depth--;
        this.#at += 2;
      } else this.#at++;
    } while (depth > 0);
  }

  #next(): Token {
    const first = this.#peek();
    const second = this.#text[this.#at + 1] ?? '';
    if ((first === 'e' || first === 'E') && second === "'") return this.#string(1, true);
    if ((first === 'x' || first === 'X' || first === 'b' || first === 'B') && second === "'") {
      throw this.#error(this.#at, this.#at + 2, 'bit strings are not supported');
    }
    if (wordStart.test(first)) return this.#word();
    if (first === '"') return this.#quoted('"');
    if (first === '`') return this.#quoted('`');
    if (first === "'") return this.#string(0, false);
    if (digit.test(first) || (first === '.' && digit.test(second))) return this.#number();
    if (first === '$') return digit.test(second) ? this.#parameter() : this.#dollarString();
    if (first === ':' && second === ':') return this.#punctuation(2);
    if (first === ':' && second === '=') return this.#punctuation(2);
    if (punctuation.includes(first)) return this.#punctuation(1);
    if (operatorCharacters.includes(first)) return this.#operator();
    throw this.#error(this.#at, this.#at + 1, `unexpected character "${first}"`);
  }

  #word(): Token {
    const start = this.#at;
    while (wordPart.test(this.#peek())) this.#at++;
    return this.#token('word', start, this.#text.slice(start, this.#at).toLowerCase());
  }

  #quoted(quote: string): Token {
    const start = this.#at;
    const text = this.#untilQuote(quote, 'unterminated quoted identifier');
    if (text === '') throw this.#error(start, this.#at, 'zero-length quoted identifier');
    return this.#token('quoted', start, text);
  }

  /** Reads a quoted text whose doubled quotes stand for one. */
  #untilQuote(quote: string, unterminated: string): string {
    const start = this.#at++;
    let text = '';
    for (;;) {
      const end = this.#text.indexOf(quote, this.#at);
      if (end < 0) {
        this.#at = this.#text.length;
        throw this.#error(start, start + 1, unterminated);
      }
      text += this.#text.slice(this.#at, end);
      this.#at = end + 1;
      if (this.#peek() !== quote) return text;
      text += quote;
      this.#at++;
    }
  }

  #string(prefix: number, escapes: boolean): Token {
    const start = this.#at;
    this.#at += prefix;
    const text = escapes
      ? this.#escapedString(start)
      : this.#untilQuote("'", 'unterminated quoted string');
    if (text.includes('\0')) throw this.#error(start, this.#at, 'a string cannot contain U+0000');
    return this.#token('string', start, text);
  }

  #escapedString(start: number): string {
    this.#at++;
    let text = '';
    for (;;) {
      const character = this.#peek();
      if (character === '') throw this.#error(start, start + 1, 'unterminated quoted string');
      this.#at++;
      if (character === "'") {
        if (this.#peek() !== "'") return text;
        this.#at++;
        text += "'";
      } else if (character === '\\') {
        text += this.#escape();
      } else {
        text += character;
      }
    }
  }

  #escape(): string {
    const rest = this.#text.slice(this.#at, this.#at + 9);
    const code = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3}))/.exec(
      rest,
    );
    if (code !== null) {
      const [all, u4, u8, hex, octal] = code;
      this.#at += all.length;
      const value =
        octal === undefined ? Number.parseInt((u4 ?? u8 ?? hex)!, 16) : Number.parseInt(octal, 8);
      if (value > 0x10ffff) {
        throw this.#error(this.#at - all.length - 1, this.#at, 'invalid Unicode escape');
      }
      return String.fromCodePoint(value);
    }
    this.#at++;
    const simple: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
    return simple[rest[0] ?? ''] ?? rest[0] ?? '';
  }

  #dollarString(): Token {
    const start = this.#at;
    const tag = /^\$([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(
      this.#text.slice(start, start + 130),
    )?.[0];
    if (tag === undefined) throw this.#error(start, start + 1, 'unexpected character "$"');
    const end = this.#text.indexOf(tag, start + tag.length);
    if (end < 0) throw this.#error(start, start + tag.length, 'unterminated dollar-quoted string');
    this.#at = end + tag.length;
    return this.#token('string', start, this.#text.slice(start + tag.length, end));
  }

  #number(): Token {
    const start = this.#at;
    const rest = this.#text.slice(start);
    const radix = /^0(?:[xX](?:_?[0-9a-fA-F])+|[oO](?:_?[0-7])+|[bB](?:_?[01])+)/.exec(rest);
    const plain =
      /^(?:(\d(?:_?\d)*)(\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?/.exec(rest);
    const written = (radix ?? plain)![0];
    this.#at += written.length;
    if (wordPart.test(this.#peek())) {
      throw this.#error(start, this.#at + 1, `trailing junk after numeric literal "${written}"`);
    }
    const text = written.replaceAll('_', '');
    if (radix !== null) return this.#token('integer', start, BigInt(text).toString());
    return this.#token(/^\d+$/.test(text) ? 'integer' : 'decimal', start, text);
  }

  #parameter(): Token {
    const start = this.#at++;
    while (digit.test(this.#peek())) this.#at++;
    return this.#token('parameter', start, this.#text.slice(start + 1, this.#at));
  }

  #punctuation(length: number): Token {
    const start = this.#at;
    this.#at += length;
    return this.#token('operator', start, this.#text.slice(start, this.#at));
  }

  /**
   * The longest run of operator characters, cut before a comment. It may end in + or - only when
   * it contains one of ~ ! @ # % ^ & | ? (so that `a<-1` is `a < -1`).
   */
  #operator(): Token {
    const start = this.#at;
    let end = start;
    while (end < this.#text.length && operatorCharacters.includes(this.#text[end]!)) {
      if (this.#text.startsWith('--', end) || this.#text.startsWith('/*', end)) break;
      end++;
    }
    const mayEndInSign = /[~!@#%^&|?]/.test(this.#text.slice(start, end));
    if (!mayEndInSign) {
      while (end - start > 1 && /[+-]/.test(this.#text[end - 1]!)) end--;
    }
    this.#at = end;
    const text = this.#text.slice(start, end);
    return this.#token('operator', start, text === '!=' ? '<>' : text);
  }

  #token(kind: Token['kind'], start: number, text: string): Token {
    return { kind, text, start, end: this.#at };
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #startsWith(what: string): boolean {
    return this.#text.startsWith(what, this.#at);
  }

  #error(start: number, end: number, message: string): MillraceError {
    return syntaxError(this.#text, start, end, message);
  }
}
