import { isWordCode, type Program } from './regex-program.ts';
import type { AssertKind, RegexNode } from './regex-syntax.ts';

/** Where a match or a group lies, in characters from 0. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

const surrogate = /[\ud800-\udfff]/;

/** A text as characters, with what regular expressions found out about it. */
export class RegexText {
  readonly #text: string;
  #codes: Int32Array | undefined;
  #looks: Map<RegexNode, Uint8Array> | undefined;
  /** Where there are characters of two UTF-16 units; made with the codes. */
  #characters: readonly string[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** Made when first asked for: a text that lacks what every match holds needs none. */
  get codes(): Int32Array {
    this.#codes ??= this.#toCodes();
    return this.#codes;
  }

  get looks(): Map<RegexNode, Uint8Array> {
    this.#looks ??= new Map();
    return this.#looks;
  }

  holds(part: string): boolean {
    return this.#text.includes(part);
  }

  /** The text itself, where each of its UTF-16 units is a character. */
  get plain(): string | undefined {
    return surrogate.test(this.#text) ? undefined : this.#text;
  }

  #toCodes(): Int32Array {
    const text = this.#text;
    const codes = new Int32Array(text.length);
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= 0xd800 && unit < 0xe000) {
        this.#characters = [...text];
        return Int32Array.from(this.#characters, (character) => character.codePointAt(0)!);
      }
      codes[at] = unit;
    }
    return codes;
  }

  slice({ start, end }: Range): string {
    if (this.#characters === undefined) return this.#text.slice(start, end);
    return this.#characters.slice(start, end).join('');
  }
}

type Look = (node: RegexNode & { readonly kind: 'look' }, at: number) => boolean;

/** The instructions that are waiting for a character, each once. */
export class Threads {
  readonly places: Int32Array;
  readonly starts: Int32Array;
  count = 0;
  readonly #program: Program;
  readonly #seen: Int32Array;
  readonly #pending: number[] = [];
  #look: Look = () => false;
  #round = 1;

  constructor(program: Program) {
    this.#program = program;
    this.places = new Int32Array(program.length);
    this.starts = new Int32Array(program.length);
    this.#seen = new Int32Array(program.length);
  }

  begin(look: Look): void {
    this.#look = look;
    this.clear();
  }

  clear(): void {
    this.count = 0;
    this.#round++;
  }

  /** Follows everything that takes no character. */
  add(place: number, start: number, text: RegexText, at: number): void {
    const pending = this.#pending;
    pending.push(place);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.#seen[next] === this.#round) continue;
      this.#seen[next] = this.#round;
      const instruction = this.#program[next]!;
      switch (instruction.op) {
        case 'jump':
          pending.push(instruction.to);
          break;
        case 'split':
          pending.push(instruction.second, instruction.first);
          break;
        case 'assert':
          if (holdsAt(instruction.test, text.codes, at)) pending.push(next + 1);
          break;
        case 'look':
          if (this.#look(instruction.node, at)) pending.push(next + 1);
          break;
        default:
          this.places[this.count] = next;
          this.starts[this.count++] = start;
      }
    }
  }
}

function holdsAt(test: AssertKind, codes: Int32Array, at: number): boolean {
  const before = () => at > 0 && isWordCode(codes[at - 1]!);
  const after = () => at < codes.length && isWordCode(codes[at]!);
  switch (test) {
    case 'start':
      return at === 0;
    case 'end':
      return at === codes.length;
    case 'line-start':
      return at === 0 || codes[at - 1] === 10;
    case 'line-end':
      return at === codes.length || codes[at] === 10;
    case 'word-start':
      return !before() && after();
    case 'word-end':
      return before() && !after();
    case 'word-edge':
      return before() !== after();
    case 'not-word-edge':
      return before() === after();
  }
}
