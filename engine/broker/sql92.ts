import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';

/**
 * RocketMQ's SQL92 message filters (reference rocketmq-v2, 1.18):
 *
 *   or    = and { OR and }
 *   and   = not { AND not }
 *   not   = NOT not | test
 *   test  = value [ op value | [NOT] BETWEEN value AND value | [NOT] IN ( string, ... )
 *           | IS [NOT] NULL | [NOT] CONTAINS|STARTSWITH|ENDSWITH string ]
 *   value = literal | property | ( or ) | - value | + value
 *
 * Three-valued: what compares with a missing property, or a text with a number that it does not
 * spell, is unknown; a message passes when the whole is true. Text properties take part in
 * comparisons of numbers as the number that they spell.
 */
export type PropertyOf = (name: string) => string | undefined;

type Value = string | number | boolean | undefined;
type Evaluate = (properties: PropertyOf) => Value;

/** Throws ILLEGAL_FILTER. The result throws nothing. */
export function compileFilter(text: string): (properties: PropertyOf) => boolean {
  if (text.length > limits.filterLengthMax) {
    throw illegal(`a filter has at most ${limits.filterLengthMax} characters`);
  }
  const parser = new FilterParser(tokensOf(text));
  const evaluate = parser.whole();
  return (properties) => truth(evaluate(properties)) === true;
}

interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'operator' | 'end';
  readonly text: string;
  readonly at: number;
}

const tokenPattern =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|(?<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)[lLfFdD]?|(?<word>[a-zA-Z_$][a-zA-Z0-9_$]*)|'(?<string>(?:[^']|'')*)'|(?<operator><>|<=|>=|!=|[=<>(),+-])/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const groups = tokenPattern.exec(text)?.groups;
    if (groups === undefined) throw illegal(`unexpected "${text.slice(at, at + 10)}" at ${at + 1}`);
    for (const kind of ['number', 'word', 'string', 'operator'] as const) {
      const found = groups[kind];
      if (found === undefined) continue;
      tokens.push({ kind, text: kind === 'string' ? found.replaceAll("''", "'") : found, at });
    }
  }
  tokens.push({ kind: 'end', text: 'the end', at: text.length });
  return tokens;
}

class FilterParser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Evaluate {
    const evaluate = this.#or();
    if (this.#token.kind !== 'end') throw this.#unexpected();
    return evaluate;
  }

  #or(): Evaluate {
    let left = this.#and();
    while (this.#accept('OR')) {
      const [first, second] = [left, this.#and()];
      left = (properties) => {
        const a = truth(first(properties));
        if (a === true) return true;
        const b = truth(second(properties));
        return b === true ? true : a === undefined || b === undefined ? undefined : false;
      };
    }
    return left;
  }

  #and(): Evaluate {
    let left = this.#not();
    while (this.#accept('AND')) {
      const [first, second] = [left, this.#not()];
      left = (properties) => {
        const a = truth(first(properties));
        if (a === false) return false;
        const b = truth(second(properties));
        return b === false ? false : a === undefined || b === undefined ? undefined : true;
      };
    }
    return left;
  }

  #not(): Evaluate {
    if (!this.#accept('NOT')) return this.#test();
    const inner = this.#deeper(() => this.#not());
    return negated(inner);
  }

  #test(): Evaluate {
    const value = this.#value();
    const operator = this.#token;
    if (operator.kind === 'operator' && operator.text in comparisons) {
      this.#next++;
      const right = this.#value();
      const compare = comparisons[operator.text]!;
      return (properties) => compared(value(properties), right(properties), compare);
    }
    if (this.#accept('IS')) {
      const isNegated = this.#accept('NOT');
      this.#expect('NULL');
      return (properties) => (value(properties) === undefined) !== isNegated;
    }
    const isNegated = this.#accept('NOT');
    const test = this.#wordTest(value);
    if (test === undefined) {
      if (isNegated) throw this.#unexpected();
      return value;
    }
    return isNegated ? negated(test) : test;
  }

  #wordTest(value: Evaluate): Evaluate | undefined {
    if (this.#accept('BETWEEN')) {
      const low = this.#value();
      this.#expect('AND');
      const high = this.#value();
      return (properties) => {
        const of = value(properties);
        const above = compared(of, low(properties), comparisons['>=']!);
        const below = compared(of, high(properties), comparisons['<=']!);
        if (above === false || below === false) return false;
        return above === undefined || below === undefined ? undefined : true;
      };
    }
    if (this.#accept('IN')) {
      const texts = this.#stringList();
      return (properties) => {
        const of = value(properties);
        return of === undefined ? undefined : texts.has(String(of));
      };
    }
    for (const [word, test] of Object.entries(textTests)) {
      if (!this.#accept(word)) continue;
      const part = this.#string();
      return (properties) => {
        const of = value(properties);
        return of === undefined ? undefined : test(String(of), part);
      };
    }
    return undefined;
  }

  #value(): Evaluate {
    const token = this.#token;
    this.#next++;
    if (token.kind === 'string') return () => token.text;
    if (token.kind === 'number') {
      const number = Number(token.text);
      return () => number;
    }
    if (token.kind === 'word') return this.#wordValue(token);
    if (token.text === '-' || token.text === '+') {
      const inner = this.#deeper(() => this.#value());
      const sign = token.text === '-' ? -1 : 1;
      return (properties) => {
        const number = numberOf(inner(properties));
        return number === undefined ? undefined : sign * number;
      };
    }
    if (token.text === '(') {
      const inner = this.#deeper(() => this.#or());
      this.#expectOperator(')');
      return inner;
    }
    this.#next--;
    throw this.#unexpected();
  }

  #wordValue(token: Token): Evaluate {
    const word = token.text.toUpperCase();
    if (word === 'TRUE') return () => true;
    if (word === 'FALSE') return () => false;
    if (word === 'NULL') return () => undefined;
    if (keywords.has(word)) {
      this.#next--;
      throw this.#unexpected();
    }
    return (properties) => properties(token.text);
  }

  #stringList(): ReadonlySet<string> {
    const texts = new Set<string>();
    this.#expectOperator('(');
    do texts.add(this.#string());
    while (this.#acceptOperator(','));
    this.#expectOperator(')');
    return texts;
  }

  #string(): string {
    const token = this.#token;
    if (token.kind !== 'string') throw this.#unexpected();
    this.#next++;
    return token.text;
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > limits.sqlDepthMax) throw illegal('the filter is nested too deep');
    const result = parse();
    this.#depth--;
    return result;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #accept(word: string): boolean {
    const { kind, text } = this.#token;
    if (kind !== 'word' || text.toUpperCase() !== word) return false;
    this.#next++;
    return true;
  }

  #expect(word: string): void {
    if (!this.#accept(word)) throw this.#unexpected();
  }

  #acceptOperator(operator: string): boolean {
    const { kind, text } = this.#token;
    if (kind !== 'operator' || text !== operator) return false;
    this.#next++;
    return true;
  }

  #expectOperator(operator: string): void {
    if (!this.#acceptOperator(operator)) throw this.#unexpected();
  }

  #unexpected(): MillraceError {
    const { kind, text, at } = this.#token;
    return illegal(kind === 'end' ? 'the filter ends early' : `unexpected "${text}" at ${at + 1}`);
  }
}

const keywords = new Set('AND OR NOT BETWEEN IN IS CONTAINS STARTSWITH ENDSWITH'.split(' '));

const textTests: Readonly<Record<string, (text: string, part: string) => boolean>> = {
  CONTAINS: (text, part) => text.includes(part),
  STARTSWITH: (text, part) => text.startsWith(part),
  ENDSWITH: (text, part) => text.endsWith(part),
};

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Numbers when either side is one; texts and truths are compared for equality and as texts. */
function compared(left: Value, right: Value, test: (order: number) => boolean): Value {
  if (left === undefined || right === undefined) return undefined;
  if (typeof left === 'number' || typeof right === 'number') {
    const [a, b] = [numberOf(left), numberOf(right)];
    return a === undefined || b === undefined ? undefined : test(a - b);
  }
  const [a, b] = [String(left), String(right)];
  return test(a < b ? -1 : a > b ? 1 : 0);
}

function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** A text that says `true` or `false` is a truth where one is needed. */
function truth(value: Value): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  const lower = value.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

function negated(inner: Evaluate): Evaluate {
  return (properties) => {
    const value = truth(inner(properties));
    return value === undefined ? undefined : !value;
  };
}

function illegal(reason: string): MillraceError {
  return new MillraceError('ILLEGAL_FILTER', `not a filter expression: ${reason}`);
}
