import { decimalFromJson } from '../../columns/decimal.ts';
import { type JsonNode, JsonNumber } from '../../columns/json.ts';
import { runtimeError } from '../function.ts';
import { type PathToken, pathTokens } from './tokens.ts';

/**
 * The SQL/JSON path language (SQL:2016, 9.39; PostgreSQL's documentation, 9.16.2) as a tree. Steps
 * name what they go on from; predicates stand in filters, and at the top, where they are values.
 */
export type PathNode = PathValue | PathPredicate;

export type PathValue =
  | { readonly kind: 'root' | 'current' | 'last' }
  | { readonly kind: 'literal'; readonly value: JsonNode }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'key'; readonly of: PathNode; readonly name: string }
  | { readonly kind: 'keys' | 'items'; readonly of: PathNode }
  /** `.**{from to to}`: members at these depths; Infinity for `last`. */
  | { readonly kind: 'depths'; readonly of: PathNode; readonly from: number; readonly to: number }
  | { readonly kind: 'subscripts'; readonly of: PathNode; readonly ranges: readonly PathRange[] }
  | {
      readonly kind: 'method';
      readonly of: PathNode;
      readonly name: string;
      readonly args: readonly JsonNode[];
    }
  | { readonly kind: 'filter'; readonly of: PathNode; readonly test: PathPredicate }
  | {
      readonly kind: 'arithmetic';
      readonly operator: '+' | '-' | '*' | '/' | '%';
      readonly left: PathNode;
      readonly right: PathNode;
    }
  | { readonly kind: 'sign'; readonly operator: '+' | '-'; readonly operand: PathNode };

export interface PathRange {
  readonly from: PathNode;
  readonly to?: PathNode;
}

export type PathPredicate =
  | {
      readonly kind: 'compare';
      readonly operator: '==' | '<>' | '<' | '<=' | '>' | '>=';
      readonly left: PathNode;
      readonly right: PathNode;
    }
  | { readonly kind: 'and' | 'or'; readonly left: PathPredicate; readonly right: PathPredicate }
  | { readonly kind: 'not' | 'unknown'; readonly operand: PathPredicate }
  | { readonly kind: 'exists'; readonly operand: PathNode }
  | { readonly kind: 'starts'; readonly operand: PathNode; readonly start: PathNode }
  | {
      readonly kind: 'like';
      readonly operand: PathNode;
      readonly pattern: string;
      /** Letters as regexp_like takes them. */
      readonly flags: string;
    };

export interface JsonPath {
  /** Structural errors are errors; nothing is wrapped or unwrapped. */
  readonly isStrict: boolean;
  readonly root: PathNode;
}

const predicates: ReadonlySet<string> = new Set(
  'compare and or not unknown exists starts like'.split(' '),
);

export function isPredicate(node: PathNode): node is PathPredicate {
  return predicates.has(node.kind);
}

/** Methods, and how many arguments they take at most. */
const methods: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'type size abs floor ceiling double keyvalue bigint boolean integer number string'
      .split(' ')
      .map((name) => [name, 0]),
  ),
  decimal: 2,
};

/** PostgreSQL's other methods: items of a path are JSON here, and JSON has no times. */
const timeMethods: ReadonlySet<string> = new Set(
  'datetime date time time_tz timestamp timestamp_tz'.split(' '),
);

/** Throws SQL_RUNTIME 42601 for what is no path. */
export function parsePath(text: string): JsonPath {
  return new PathParser(text).parse();
}

class PathParser {
  readonly #tokens: readonly PathToken[];
  #at = 0;
  /** Filters and brackets around what is read: where @ and LAST may stand. */
  #filters = 0;
  #brackets = 0;

  constructor(text: string) {
    this.#tokens = pathTokens(text);
  }

  parse(): JsonPath {
    const isStrict = this.#takeWord('strict');
    if (!isStrict) this.#takeWord('lax');
    if (this.#tokens.length === 1) {
      throw runtimeError('invalid input syntax for type jsonpath: ""', '22P02');
    }
    const root = this.#disjunction();
    if (this.#next.kind !== 'end') throw this.#wrong();
    return { isStrict, root };
  }

  get #next(): PathToken {
    return this.#tokens[this.#at]!;
  }

  #wrong(): Error {
    const { text, kind } = this.#next;
    const where = kind === 'end' ? 'at end' : `at or near "${text}"`;
    return runtimeError(`syntax error ${where} of jsonpath input`, '42601');
  }

  #isSign(sign: string): boolean {
    return this.#next.kind === 'sign' && this.#next.text === sign;
  }

  #take(sign: string): boolean {
    if (!this.#isSign(sign)) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#wrong();
  }

  /** Words may be written in any case, but for the literals. */
  #takeWord(word: string): boolean {
    const { kind, text } = this.#next;
    if (kind !== 'word' || text.toLowerCase() !== word) return false;
    this.#at++;
    return true;
  }

  #predicate(node: PathNode): PathPredicate {
    if (isPredicate(node)) return node;
    throw this.#wrong();
  }

  #value(node: PathNode): PathNode {
    if (!isPredicate(node)) return node;
    throw this.#wrong();
  }

  #disjunction(): PathNode {
    let left = this.#conjunction();
    while (this.#take('||')) {
      const right = this.#predicate(this.#conjunction());
      left = { kind: 'or', left: this.#predicate(left), right };
    }
    return left;
  }

  #conjunction(): PathNode {
    let left = this.#comparison();
    while (this.#take('&&')) {
      const right = this.#predicate(this.#comparison());
      left = { kind: 'and', left: this.#predicate(left), right };
    }
    return left;
  }

  #comparison(): PathNode {
    if (this.#take('!')) {
      if (!this.#isSign('(') && !this.#isExists()) throw this.#wrong();
      return { kind: 'not', operand: this.#predicate(this.#primary()) };
    }
    const left = this.#sum();
    const { kind, text } = this.#next;
    if (kind === 'sign' && Object.hasOwn(comparisons, text)) {
      this.#at++;
      const operator = comparisons[text]!;
      return {
        kind: 'compare',
        operator,
        left: this.#value(left),
        right: this.#value(this.#sum()),
      };
    }
    if (this.#takeWord('starts')) {
      if (!this.#takeWord('with')) throw this.#wrong();
      return { kind: 'starts', operand: this.#value(left), start: this.#start() };
    }
    if (this.#takeWord('like_regex')) return this.#like(this.#value(left));
    return left;
  }

  #isExists(): boolean {
    const { kind, text } = this.#next;
    return kind === 'word' && text.toLowerCase() === 'exists';
  }

  /** A string or a variable. */
  #start(): PathNode {
    const { kind, text } = this.#next;
    if (kind !== 'string' && kind !== 'variable') throw this.#wrong();
    this.#at++;
    return kind === 'string' ? { kind: 'literal', value: text } : { kind: 'variable', name: text };
  }

  #string(): string {
    const { kind, text } = this.#next;
    if (kind !== 'string') throw this.#wrong();
    this.#at++;
    return text;
  }

  #like(operand: PathNode): PathPredicate {
    const pattern = this.#string();
    const given = this.#takeWord('flag') ? this.#string() : '';
    const wrong = /[^ismxq]/.exec(given)?.[0];
    if (wrong !== undefined) {
      const message = `invalid input syntax for type jsonpath: unrecognized flag character "${wrong}" in LIKE_REGEX predicate`;
      throw runtimeError(message, '42601');
    }
    const has = (letter: string) => given.includes(letter);
    if (has('x') && !has('q')) {
      throw runtimeError(
        'XQuery "x" flag (expanded regular expressions) is not implemented',
        '0A000',
      );
    }
    // Without `s` the dot and brackets stop at a newline, with `m` anchors match beside one.
    const lines = has('s') ? (has('m') ? 'w' : 's') : has('m') ? 'n' : 'p';
    const flags = `${has('i') ? 'i' : ''}${has('q') ? 'q' : lines}`;
    return { kind: 'like', operand, pattern, flags };
  }

  #sum(): PathNode {
    let left = this.#product();
    for (;;) {
      const operator = this.#take('+') ? '+' : this.#take('-') ? '-' : undefined;
      if (operator === undefined) return left;
      const right = this.#value(this.#product());
      left = { kind: 'arithmetic', operator, left: this.#value(left), right };
    }
  }

  #product(): PathNode {
    let left = this.#signed();
    for (;;) {
      const operator = (['*', '/', '%'] as const).find((sign) => this.#take(sign));
      if (operator === undefined) return left;
      const right = this.#value(this.#signed());
      left = { kind: 'arithmetic', operator, left: this.#value(left), right };
    }
  }

  #signed(): PathNode {
    const operator = this.#take('+') ? '+' : this.#take('-') ? '-' : undefined;
    if (operator === undefined) return this.#primary();
    return { kind: 'sign', operator, operand: this.#value(this.#signed()) };
  }

  /** A literal, a variable, `$`, `@`, `last`, EXISTS or parentheses, and the steps behind it. */
  #primary(): PathNode {
    const { kind, text } = this.#next;
    if (this.#take('(')) {
      const inner = this.#disjunction();
      this.#expect(')');
      if (isPredicate(inner) && this.#takeWord('is')) {
        if (!this.#takeWord('unknown')) throw this.#wrong();
        return { kind: 'unknown', operand: inner };
      }
      return this.#steps(inner);
    }
    if (this.#isExists()) {
      this.#at++;
      this.#expect('(');
      const operand = this.#value(this.#sum());
      this.#expect(')');
      return { kind: 'exists', operand };
    }
    this.#at++;
    if (kind === 'string') return this.#steps({ kind: 'literal', value: text });
    if (kind === 'variable') return this.#steps({ kind: 'variable', name: text });
    if (kind === 'number') {
      return this.#steps({ kind: 'literal', value: new JsonNumber(decimalFromJson(text)) });
    }
    if (kind === 'sign' && text === '$') return this.#steps({ kind: 'root' });
    if (kind === 'sign' && text === '@') {
      if (this.#filters > 0) return this.#steps({ kind: 'current' });
      throw runtimeError('@ is not allowed in root expressions', '42601');
    }
    if (kind === 'word') {
      if (text === 'true' || text === 'false') {
        return this.#steps({ kind: 'literal', value: text === 'true' });
      }
      if (text === 'null') return this.#steps({ kind: 'literal', value: null });
      if (text.toLowerCase() === 'last') {
        if (this.#brackets > 0) return this.#steps({ kind: 'last' });
        throw runtimeError('LAST is allowed only in array subscripts', '42601');
      }
    }
    this.#at--;
    throw this.#wrong();
  }

  #steps(start: PathNode): PathNode {
    let of = start;
    for (;;) {
      if (this.#take('.')) of = this.#member(of);
      else if (this.#take('.**')) of = { kind: 'depths', of, ...this.#depths() };
      else if (this.#take('[')) of = this.#bracketed(of);
      else if (this.#take('?')) {
        this.#expect('(');
        this.#filters++;
        const test = this.#predicate(this.#disjunction());
        this.#filters--;
        this.#expect(')');
        of = { kind: 'filter', of, test };
      } else return of;
    }
  }

  #member(of: PathNode): PathNode {
    if (this.#take('*')) return { kind: 'keys', of };
    const { kind, text } = this.#next;
    if (kind !== 'word' && kind !== 'string') throw this.#wrong();
    this.#at++;
    const method = text.toLowerCase();
    if (kind === 'word' && this.#isSign('(') && timeMethods.has(method)) {
      throw runtimeError(`jsonpath item method .${method}() is not supported`, '0A000');
    }
    if (kind === 'string' || !this.#isSign('(') || !Object.hasOwn(methods, method)) {
      return { kind: 'key', of, name: text };
    }
    this.#expect('(');
    const args: JsonNode[] = [];
    while (!this.#take(')')) {
      if (args.length >= methods[method]!) throw this.#wrong();
      if (args.length > 0) this.#expect(',');
      args.push(this.#argument());
    }
    return { kind: 'method', of, name: method, args };
  }

  #argument(): JsonNode {
    const sign = this.#take('-') ? '-' : '';
    const { kind, text } = this.#next;
    this.#at++;
    if (kind === 'number') return new JsonNumber(decimalFromJson(sign + text));
    if (kind === 'string' && sign === '') return text;
    this.#at--;
    throw this.#wrong();
  }

  #depths(): { readonly from: number; readonly to: number } {
    if (!this.#take('{')) return { from: 0, to: Number.POSITIVE_INFINITY };
    const from = this.#depth();
    const to = this.#takeWord('to') ? this.#depth() : from;
    this.#expect('}');
    return { from, to };
  }

  #depth(): number {
    if (this.#takeWord('last')) return Number.POSITIVE_INFINITY;
    const { kind, text } = this.#next;
    if (kind !== 'number' || !/^\d+$/.test(text)) throw this.#wrong();
    this.#at++;
    return Number(text);
  }

  #bracketed(of: PathNode): PathNode {
    if (this.#take('*')) {
      this.#expect(']');
      return { kind: 'items', of };
    }
    const ranges: PathRange[] = [];
    this.#brackets++;
    do {
      const from = this.#value(this.#sum());
      ranges.push(this.#takeWord('to') ? { from, to: this.#value(this.#sum()) } : { from });
    } while (this.#take(','));
    this.#brackets--;
    this.#expect(']');
    return { kind: 'subscripts', of, ranges };
  }
}

const comparisons: Readonly<Record<string, '==' | '<>' | '<' | '<=' | '>' | '>='>> = {
  '==': '==',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
