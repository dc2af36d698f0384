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

const space = /[ \t\n\r\f\v]/;
/** What stands between two parts of one string: white space with a newline. */
const continuation = /[ \t\f\v]*[\n\r][ \t\n\r\f\v]*'/y;
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
      this.#skip();
      if (this.#at >= this.#text.length) break;
      tokens.push(this.#next());
    }
    const end = this.#text.length;
    tokens.push({ kind: 'end', text: '', start: end, end });
    return tokens;
  }

  /** White space and comments. */
  #skip(): void {
    for (;;) {
      if (space.test(this.#peek())) this.#at++;
      else if (this.#startsWith('--')) {
        while (this.#at < this.#text.length && !/[\n\r]/.test(this.#peek())) this.#at++;
      } else if (this.#startsWith('/*')) this.#blockComment();
      else return;
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
    const prefix = /^(?:[ebnx](?=')|u&(?=['"]))/i.exec(
      this.#text.slice(this.#at, this.#at + 3),
    )?.[0];
    if (prefix !== undefined) return this.#prefixed(prefix.toLowerCase());
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

  /** What a string or a name begins with before its quote. */
  #prefixed(prefix: string): Token {
    const start = this.#at;
    if (prefix === 'e') return this.#string(1, true);
    if (prefix === 'n') {
      // `N'x'` is `nchar 'x'`.
      this.#at++;
      return this.#token('word', start, 'nchar');
    }
    if (prefix !== 'u&') this.#bitString(prefix);
    if (this.#text[start + 2] === "'") {
      const { text } = this.#string(2, false);
      return this.#token('string', start, this.#unescaped(text, start));
    }
    this.#at += 2;
    const { text } = this.#quoted('"');
    return this.#token('quoted', start, this.#unescaped(text, start));
  }

  #word(): Token {
    const start = this.#at;
    while (wordPart.test(this.#peek())) this.#at++;
    // Only ASCII is folded: what else is upper case depends on the language.
    const folded = this.#text
      .slice(start, this.#at)
      .replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    return this.#token('word', start, folded);
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

  /** `X'..'` must not be read as `X '..'`. */
  #bitString(prefix: string): never {
    const start = this.#at++;
    this.#untilQuote("'", 'unterminated quoted string');
    const message = `a constant with the prefix ${prefix.toUpperCase()} is not supported`;
    throw new MillraceError('UNSUPPORTED', message, {
      position: positionAt(this.#text, start, this.#at),
      sqlState: '0A000',
    });
  }

  #string(prefix: number, escapes: boolean): Token {
    const start = this.#at;
    this.#at += prefix;
    let text = '';
    for (;;) {
      text += escapes
        ? this.#escapedString(start)
        : this.#untilQuote("'", 'unterminated quoted string');
      // Strings with a newline and no more than white space between them are one.
      continuation.lastIndex = this.#at;
      if (!continuation.test(this.#text)) break;
      this.#at = continuation.lastIndex - 1;
    }
    if (text.includes('\0')) throw this.#error(start, this.#at, 'a string cannot contain U+0000');
    if (/\p{Surrogate}/u.test(text)) {
      throw this.#error(start, this.#at, 'half of a Unicode surrogate pair stands alone');
    }
    return this.#token('string', start, text);
  }

  /** What `U&'d\0061t\+000061'` says, with another escape character where UESCAPE follows. */
  #unescaped(raw: string, start: number): string {
    const clause = /^\s*uescape\s*'(.)'/isu.exec(this.#text.slice(this.#at, this.#at + 200));
    const mark = clause?.[1] ?? '\\';
    if (/[0-9a-f+'"\s]/i.test(mark)) {
      throw this.#error(start, this.#at, `invalid Unicode escape character "${mark}"`);
    }
    if (clause !== null) this.#at += clause[0].length;
    let text = '';
    for (let at = 0; at < raw.length; ) {
      if (!raw.startsWith(mark, at)) {
        text += raw[at++];
      } else if (raw.startsWith(mark, at + mark.length)) {
        text += mark;
        at += 2 * mark.length;
      } else {
        const rest = raw.slice(at + mark.length, at + mark.length + 7);
        const digits = /^(?:\+([0-9a-f]{6})|([0-9a-f]{4}))/i.exec(rest);
        const code = Number.parseInt(digits?.[1] ?? digits?.[2] ?? '', 16);
        if (digits === null || code === 0 || code > 0x10ffff) {
          throw this.#error(start, this.#at, 'invalid Unicode escape');
        }
        text += String.fromCodePoint(code);
        at += mark.length + digits[0].length;
      }
    }
    if (/\p{Surrogate}/u.test(text)) {
      throw this.#error(start, this.#at, 'half of a Unicode surrogate pair stands alone');
    }
    return text;
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
    const start = this.#at - 1;
    const rest = this.#text.slice(this.#at, this.#at + 9);
    const [all, u4, u8] = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest) ?? [];
    if (all !== undefined) {
      const value = Number.parseInt((u4 ?? u8)!, 16);
      this.#at += all.length;
      if (value === 0 || value > 0x10ffff) throw this.#badEscape(start);
      return String.fromCodePoint(value);
    }
    if (/^[uU]/.test(rest)) throw this.#badEscape(start);
    const [digits, hex] = /^(?:x([0-9a-fA-F]{1,2})|[0-7]{1,3})/.exec(rest) ?? [];
    if (digits !== undefined) {
      const value = hex === undefined ? Number.parseInt(digits, 8) : Number.parseInt(hex, 16);
      this.#at += digits.length;
      // Above ASCII these are the bytes of an encoding, not characters.
      if (value > 0x7f) throw this.#badEscape(start);
      return String.fromCharCode(value);
    }
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    const simple: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
    return simple[character] ?? character;
  }

  #badEscape(start: number): MillraceError {
    const message = 'invalid Unicode escape';
    const hint = 'Unicode escapes are \\uXXXX and \\UXXXXXXXX; \\xXX stands for ASCII only.';
    return syntaxError(this.#text, start, Math.max(this.#at, start + 2), message, hint);
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
    const text = this.#text.slice(start + 1, this.#at);
    if (wordPart.test(this.#peek())) {
      throw this.#error(start, this.#at + 1, `trailing junk after parameter "$${text}"`);
    }
    if (Number(text) < 1 || Number(text) > 0x7fffffff) {
      throw this.#error(start, this.#at, `there is no parameter $${text}`);
    }
    return this.#token('parameter', start, text);
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
