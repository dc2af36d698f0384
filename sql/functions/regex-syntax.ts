import { runtimeError } from './function.ts';
import { type CharSet, classRanges, complement } from './regex-classes.ts';
import { embeddedFlags, invalidRegex, type RegexFlags } from './regex-flags.ts';

/**
 * PostgreSQL's regular expressions (documentation 9.7.3, "advanced" flavour), parsed to a tree.
 * Back references and lookaround with captures have no linear-time match; references are refused.
 */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly test: AssertKind }
  | {
      readonly kind: 'look';
      readonly node: RegexNode;
      readonly ahead: boolean;
      readonly negated: boolean;
    }
  | { readonly kind: 'cat'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'alt'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly node: RegexNode; readonly index: number }
  | {
      readonly kind: 'repeat';
      readonly node: RegexNode;
      readonly least: number;
      /** `undefined`: any number. */
      readonly most: number | undefined;
      readonly greedy: boolean;
      /** `{m}`, which has no greediness of its own; `{m,m}` has. */
      readonly isFixed: boolean;
    };

export type AssertKind =
  | 'start'
  | 'end'
  | 'line-start'
  | 'line-end'
  | 'word-start'
  | 'word-end'
  | 'word-edge'
  | 'not-word-edge';

export interface ParsedRegex {
  readonly root: RegexNode;
  readonly groups: number;
  readonly flags: RegexFlags;
}

const repeatMax = 255;
const depthMax = 500;

export function parseRegex(pattern: string, given: RegexFlags): ParsedRegex {
  let flags = given;
  let source = pattern;
  // `***=` takes the rest literally, `***:` as what it is anyhow.
  if (source.startsWith('***=')) {
    flags = { ...flags, literal: true };
    source = source.slice(4);
  } else if (source.startsWith('***:')) source = source.slice(4);
  else if (source.startsWith('***')) throw invalidRegex('quantifier operand invalid');
  const embedded = flags.literal ? null : /^\(\?([a-z]+)\)/.exec(source);
  if (embedded !== null) {
    flags = embeddedFlags(embedded[1]!, flags);
    source = source.slice(embedded[0].length);
  }
  if (flags.literal) {
    const items = [...source].map((character) => single(character.codePointAt(0)!));
    return { root: { kind: 'cat', items }, groups: 0, flags };
  }
  return new RegexParser(source, flags).parse();
}

const single = (code: number): RegexNode => ({
  kind: 'set',
  set: { ranges: [[code, code]], negated: false },
});

const classEscapes: Readonly<Record<string, string>> = { d: 'digit', s: 'space', w: 'word' };
const assertions: Readonly<Record<string, AssertKind>> = {
  A: 'start',
  Z: 'end',
  m: 'word-start',
  M: 'word-end',
  y: 'word-edge',
  Y: 'not-word-edge',
};
const controls: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  B: 92,
  e: 27,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  0: 0,
};

class RegexParser {
  readonly #characters: readonly string[];
  readonly #flags: RegexFlags;
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(pattern: string, flags: RegexFlags) {
    this.#characters = [...pattern];
    this.#flags = flags;
  }

  parse(): ParsedRegex {
    const root = this.#alternatives();
    if (this.#at < this.#characters.length) throw invalidRegex('parentheses () not balanced');
    return { root, groups: this.#groups, flags: this.#flags };
  }

  #alternatives(): RegexNode {
    if (++this.#depth > depthMax) throw invalidRegex('regular expression is too complex');
    const items = [this.#sequence()];
    while (this.#accept('|')) items.push(this.#sequence());
    this.#depth--;
    return items.length === 1 ? items[0]! : { kind: 'alt', items };
  }

  #sequence(): RegexNode {
    const items: RegexNode[] = [];
    for (;;) {
      this.#skipExpanded();
      const next = this.#peek();
      if (next === undefined || next === '|' || (next === ')' && this.#depth > 1)) break;
      if (next === ')') throw invalidRegex('parentheses () not balanced');
      items.push(this.#quantified());
    }
    if (items.length === 0) return { kind: 'empty' };
    return items.length === 1 ? items[0]! : { kind: 'cat', items };
  }

  #quantified(): RegexNode {
    const atom = this.#atom();
    this.#skipExpanded();
    const next = this.#peek();
    let least: number;
    let most: number | undefined;
    if (next === '*') [least, most] = [0, undefined];
    else if (next === '+') [least, most] = [1, undefined];
    else if (next === '?') [least, most] = [0, 1];
    else if (next === '{' && /[0-9]/.test(this.#peek(1) ?? '')) {
      return this.#bounded(atom);
    } else return atom;
    this.#at++;
    return this.#repeat(atom, least, most, false);
  }

  #bounded(atom: RegexNode): RegexNode {
    const rest = this.#characters.slice(this.#at, this.#at + 12).join('');
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(rest);
    if (match === null) throw invalidRegex('invalid repetition count(s)');
    this.#at += match[0].length;
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : match[3] === '' ? undefined : Number(match[3]);
    if (least > repeatMax || (most ?? 0) > repeatMax || (most !== undefined && most < least)) {
      throw invalidRegex('invalid repetition count(s)');
    }
    return this.#repeat(atom, least, most, match[2] === undefined);
  }

  #repeat(node: RegexNode, least: number, most: number | undefined, isFixed: boolean): RegexNode {
    const greedy = !this.#accept('?');
    this.#skipExpanded();
    if (/^[*+?]$/.test(this.#peek() ?? '')) throw invalidRegex('quantifier operand invalid');
    if (node.kind === 'assert' || node.kind === 'look') {
      throw invalidRegex('quantifier operand invalid');
    }
    return { kind: 'repeat', node, least, most, greedy, isFixed };
  }

  #atom(): RegexNode {
    const character = this.#characters[this.#at++]!;
    const { newlineStops, newlineAnchors } = this.#flags;
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#brackets();
      case '.':
        return { kind: 'set', set: { ranges: newlineStops ? [[10, 10]] : [], negated: true } };
      case '^':
        return { kind: 'assert', test: newlineAnchors ? 'line-start' : 'start' };
      case '$':
        return { kind: 'assert', test: newlineAnchors ? 'line-end' : 'end' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw invalidRegex('quantifier operand invalid');
      case '{':
        if (/[0-9]/.test(this.#peek() ?? '')) throw invalidRegex('quantifier operand invalid');
        return single(123);
      default:
        return single(character.codePointAt(0)!);
    }
  }

  #group(): RegexNode {
    if (!this.#accept('?')) {
      const index = ++this.#groups;
      return { kind: 'group', node: this.#closed(), index };
    }
    if (this.#accept(':')) return { kind: 'cat', items: [this.#closed()] };
    if (this.#accept('=')) return this.#look(true, false);
    if (this.#accept('!')) return this.#look(true, true);
    if (this.#accept('<')) {
      if (this.#accept('=')) return this.#look(false, false);
      if (this.#accept('!')) return this.#look(false, true);
    }
    if (this.#accept('#')) {
      while (this.#peek() !== undefined && !this.#accept(')')) this.#at++;
      return { kind: 'empty' };
    }
    throw invalidRegex('quantifier operand invalid');
  }

  /** Groups inside capture nothing. */
  #look(ahead: boolean, negated: boolean): RegexNode {
    const before = this.#groups;
    const node = withoutGroups(this.#closed());
    this.#groups = before;
    return { kind: 'look', node, ahead, negated };
  }

  #closed(): RegexNode {
    const node = this.#alternatives();
    if (!this.#accept(')')) throw invalidRegex('parentheses () not balanced');
    return node;
  }

  #escape(): RegexNode {
    const character = this.#characters[this.#at];
    if (character === undefined) throw invalidRegex('invalid escape \\ sequence');
    const lower = character.toLowerCase();
    const name = Object.hasOwn(classEscapes, lower) ? classEscapes[lower] : undefined;
    if (name !== undefined) {
      this.#at++;
      return { kind: 'set', set: { ranges: classRanges(name), negated: character !== lower } };
    }
    if (Object.hasOwn(assertions, character)) {
      this.#at++;
      return { kind: 'assert', test: assertions[character]! };
    }
    if (/[1-9]/.test(character)) {
      throw runtimeError('back references in regular expressions are not supported', '0A000');
    }
    return single(this.#characterEscape());
  }

  /** The code of a character written after a backslash. */
  #characterEscape(): number {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw invalidRegex('invalid escape \\ sequence');
    if (!/[a-zA-Z0-9]/.test(character)) return character.codePointAt(0)!;
    if (character === 'c') return this.#characters[this.#at++]!.charCodeAt(0) & 31;
    const digits = { u: 4, U: 8 }[character];
    if (digits !== undefined) return this.#hexadecimal(digits, digits);
    if (character === 'x') return this.#hexadecimal(1, 255);
    if (Object.hasOwn(controls, character)) return controls[character]!;
    throw invalidRegex('invalid escape \\ sequence');
  }

  #hexadecimal(least: number, most: number): number {
    let digits = '';
    while (digits.length < most && /^[0-9a-fA-F]$/.test(this.#peek() ?? '')) {
      digits += this.#characters[this.#at++];
    }
    const code = Number.parseInt(digits, 16);
    if (digits.length < least || code > 0x10ffff) throw invalidRegex('invalid escape \\ sequence');
    return code;
  }

  #brackets(): RegexNode {
    const rest = this.#characters.slice(this.#at, this.#at + 6).join('');
    // [[:<:]] and [[:>:]] are word boundaries.
    if (rest === '[:<:]]' || rest === '[:>:]]') {
      this.#at += 6;
      return { kind: 'assert', test: rest === '[:<:]]' ? 'word-start' : 'word-end' };
    }
    const negated = this.#accept('^');
    const ranges: (readonly [number, number])[] = [];
    for (let isFirst = true; ; isFirst = false) {
      const next = this.#peek();
      if (next === undefined) throw invalidRegex('brackets [] not balanced');
      if (next === ']' && !isFirst) break;
      this.#bracketItem(ranges);
    }
    this.#at++;
    if (negated && this.#flags.newlineStops) ranges.push([10, 10]);
    return { kind: 'set', set: { ranges, negated } };
  }

  #bracketItem(ranges: (readonly [number, number])[]): void {
    if (this.#peek() === '[' && this.#peek(1) === ':') {
      const end = this.#characters.indexOf(':', this.#at + 2);
      if (end < 0 || this.#characters[end + 1] !== ']') {
        throw invalidRegex('brackets [] not balanced');
      }
      const name = this.#characters.slice(this.#at + 2, end).join('');
      this.#at = end + 2;
      ranges.push(...classRanges(name));
      return;
    }
    if (this.#peek() === '\\') {
      const letter = this.#peek(1) ?? '';
      const name = Object.hasOwn(classEscapes, letter.toLowerCase())
        ? classEscapes[letter.toLowerCase()]
        : undefined;
      if (name !== undefined) {
        this.#at += 2;
        const own = classRanges(name);
        ranges.push(...(letter === letter.toLowerCase() ? own : complement(own)));
        return;
      }
    }
    const from = this.#bracketCharacter();
    const isRange = this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== undefined;
    if (!isRange) {
      ranges.push([from, from]);
      return;
    }
    this.#at++;
    const to = this.#bracketCharacter();
    if (to < from) throw invalidRegex('invalid character range');
    ranges.push([from, to]);
  }

  #bracketCharacter(): number {
    const character = this.#characters[this.#at++]!;
    if (character === '\\') return this.#characterEscape();
    const isNamed = character === '[' && /^[.=]$/.test(this.#peek() ?? '');
    if (!isNamed) return character.codePointAt(0)!;
    // [.x.] and [=x=]: one character.
    const [mark, code, again, close] = this.#characters.slice(this.#at, this.#at + 4);
    if (again !== mark || close !== ']') throw invalidRegex('invalid collating element');
    this.#at += 4;
    return code!.codePointAt(0)!;
  }

  #skipExpanded(): void {
    if (!this.#flags.expanded) return;
    for (;;) {
      const next = this.#peek();
      if (next !== undefined && /\s/.test(next)) this.#at++;
      else if (next === '#') {
        while (this.#peek() !== undefined && this.#characters[this.#at] !== '\n') this.#at++;
      } else return;
    }
  }

  #peek(ahead = 0): string | undefined {
    return this.#characters[this.#at + ahead];
  }

  #accept(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

function withoutGroups(node: RegexNode): RegexNode {
  switch (node.kind) {
    case 'group':
      return withoutGroups(node.node);
    case 'cat':
    case 'alt':
      return { ...node, items: node.items.map(withoutGroups) };
    case 'repeat':
      return { ...node, node: withoutGroups(node.node) };
    default:
      return node;
  }
}
