import { type RegexFlags, regexFlags } from './regex-flags.ts';
import { OnePass } from './regex-one-pass.ts';
import {
  compileRegex,
  firstCharacters,
  type Program,
  type RequiredText,
  requiredText,
} from './regex-program.ts';
import { type ParsedRegex, parseRegex, type RegexNode } from './regex-syntax.ts';
import { type Range, type RegexText, Threads } from './regex-threads.ts';

/** The whole match, then each group; `undefined` where a group took no part. */
export type Match = readonly [Range, ...(Range | undefined)[]];

/**
 * A compiled regular expression with POSIX semantics as PostgreSQL defines them (documentation
 * 9.7.3.5): the leftmost match, of these the longest, or the shortest when the expression prefers
 * it; then each part from left to right the longest or shortest that lets the rest match.
 *
 * Finding a match takes one pass over the text. Finding the groups inside it splits the match by
 * passes over its parts: no backtracking, at worst quadratic in the length of the match.
 */
export class Regex {
  readonly #parsed: ParsedRegex;
  readonly #programs = new Map<RegexNode, { forward?: Program; backward?: Program }>();
  readonly #threads = new Map<Program, [Threads, Threads]>();
  readonly #firsts: Uint8Array | undefined;
  readonly #required: RequiredText;
  /** For an expression that is used again: making it takes longer than all else. `null`: has none. */
  #onePass: OnePass | null | undefined;
  #isUsed = false;

  constructor(pattern: string, flags: RegexFlags) {
    this.#parsed = parseRegex(pattern, flags);
    this.#firsts = firstCharacters(this.#program(this.#parsed.root, false));
    const { root, flags: parsed } = this.#parsed;
    this.#required = parsed.ignoreCase ? { text: '', lead: 0 } : requiredText(root);
  }

  get flags(): RegexFlags {
    return this.#parsed.flags;
  }

  get groupCount(): number {
    return this.#parsed.groups;
  }

  test(text: RegexText): boolean {
    const quick = this.#quickly(text, 0, false);
    if (quick !== undefined) return quick !== 'none';
    return this.#search(text, 0, false) !== undefined;
  }

  /** The first match at or after character `from`. */
  exec(text: RegexText, from = 0): Match | undefined {
    const { root, groups } = this.#parsed;
    const longest = preference(root) !== 'shorter';
    const quick = this.#quickly(text, from, longest);
    if (quick !== undefined) return quick === 'none' ? undefined : quick.borders();
    const found = this.#search(text, from, longest);
    if (found === undefined) return undefined;
    const match: [Range, ...(Range | undefined)[]] = [found];
    for (let group = 0; group < groups; group++) match.push(undefined);
    if (groups > 0) this.#split(text, root, found.start, found.end, match);
    return match;
  }

  #program(node: RegexNode, reversed: boolean): Program {
    let programs = this.#programs.get(node);
    if (programs === undefined) {
      programs = {};
      this.#programs.set(node, programs);
    }
    const { ignoreCase } = this.#parsed.flags;
    if (reversed) {
      programs.backward ??= compileRegex(node, { ignoreCase, reversed: true, save: false });
      return programs.backward;
    }
    programs.forward ??= compileRegex(node, { ignoreCase, reversed: false, save: false });
    return programs.forward;
  }

  #tableIfUsed(): OnePass | null {
    if (!this.#isUsed) {
      this.#isUsed = true;
      return null;
    }
    if (this.#onePass === undefined) {
      const { root, groups, flags } = this.#parsed;
      const { ignoreCase } = flags;
      const saving = compileRegex(root, { ignoreCase, reversed: false, save: true });
      this.#onePass = OnePass.of(saving, groups) ?? null;
    }
    return this.#onePass;
  }

  /** Two sets of threads, kept for the next time; no program runs inside itself. */
  #threadsOf(program: Program, text: RegexText): [Threads, Threads] {
    let pair = this.#threads.get(program);
    if (pair === undefined) {
      pair = [new Threads(program), new Threads(program)];
      this.#threads.set(program, pair);
    }
    const look = this.#looker(text);
    for (const threads of pair) threads.begin(look);
    return pair;
  }

  /**
   * Tries one start after the other from where a match can begin on; `undefined` when there is no
   * table, or when the starts have read the same characters too often for linear time.
   */
  #quickly(text: RegexText, from: number, longest: boolean): OnePass | 'none' | undefined {
    const onePass = this.#tableIfUsed();
    const plain = onePass === null ? undefined : text.plain;
    if (onePass === null || plain === undefined) return undefined;
    const required = this.#required;
    const firsts = this.#firsts;
    let near = -1;
    let read = 0;
    let furthest = from;
    for (let at = from; at <= plain.length; at++) {
      if (required.text !== '' && at > near) {
        near = plain.indexOf(required.text, at);
        if (near < 0) return 'none';
        at = Math.max(at, near - required.lead);
      }
      if (firsts !== undefined) {
        while (at < plain.length && isZero(firsts, plain.charCodeAt(at))) at++;
        if (at === plain.length) return 'none';
      }
      if (onePass.run(plain, at, longest) >= 0) return onePass;
      read += onePass.reached - at;
      furthest = Math.max(furthest, onePass.reached);
      if (read > 4 * (furthest - from) + 64) return undefined;
    }
    return 'none';
  }

  /** Threads stay in the order of their starts, so that the earliest owns each instruction. */
  #search(text: RegexText, from: number, longest: boolean): Range | undefined {
    // Asked once for a text, not for each of its matches.
    const required = this.#required.text;
    if (from === 0 && required !== '' && !text.holds(required)) return undefined;
    const program = this.#program(this.#parsed.root, false);
    let [threads, next] = this.#threadsOf(program, text);
    let best: Range | undefined;
    const { codes } = text;
    const firsts = this.#firsts;
    for (let at = from; at <= codes.length; at++) {
      if (best === undefined && threads.count === 0 && firsts !== undefined) {
        // Nothing is under way: on to where a match can begin.
        while (at < codes.length && codes[at]! < 128 && firsts[codes[at]!] === 0) at++;
        if (at === codes.length) break;
      }
      if (best === undefined) threads.add(0, at, text, at);
      else if (threads.count === 0) break;
      next.clear();
      for (let i = 0; i < threads.count; i++) {
        const start = threads.starts[i]!;
        if (best !== undefined && (longest ? start > best.start : start >= best.start)) break;
        const instruction = program[threads.places[i]!]!;
        if (instruction.op === 'match') {
          best = { start, end: at };
          if (!longest) break;
        } else if (instruction.op === 'set' && at < codes.length && instruction.test(codes[at]!)) {
          next.add(threads.places[i]! + 1, start, text, at + 1);
        }
      }
      [threads, next] = [next, threads];
    }
    return best;
  }

  /**
   * The positions that the node reaches from `origin`, forwards up to `limit`, or backwards down to
   * it: ends of matches that start there, or starts of those that end there.
   */
  #reached(text: RegexText, node: RegexNode, origin: number, limit: number): number[] {
    const step = limit >= origin ? 1 : -1;
    return this.#reachedBy(text, node, origin, limit, step);
  }

  #reachedBy(
    text: RegexText,
    node: RegexNode,
    origin: number,
    limit: number,
    step: 1 | -1,
  ): number[] {
    const program = this.#program(node, step < 0);
    let [threads, next] = this.#threadsOf(program, text);
    const reached: number[] = [];
    threads.add(0, origin, text, origin);
    for (let at = origin; threads.count > 0; at += step) {
      next.clear();
      const isInside = step > 0 ? at < limit : at > limit;
      const code = text.codes[step > 0 ? at : at - 1]!;
      for (let i = 0; i < threads.count; i++) {
        const instruction = program[threads.places[i]!]!;
        if (instruction.op === 'match') reached.push(at);
        else if (instruction.op === 'set' && isInside && instruction.test(code)) {
          next.add(threads.places[i]! + 1, origin, text, at + step);
        }
      }
      [threads, next] = [next, threads];
    }
    return reached;
  }

  #matches(text: RegexText, node: RegexNode, start: number, end: number): boolean {
    return this.#reachedBy(text, node, start, end, 1).includes(end);
  }

  /** Finds the groups of a node that matches exactly [start, end). */
  #split(
    text: RegexText,
    node: RegexNode,
    start: number,
    end: number,
    match: (Range | undefined)[],
  ): void {
    switch (node.kind) {
      case 'group':
        match[node.index] = { start, end };
        return this.#split(text, node.node, start, end, match);
      case 'alt': {
        const taken = node.items.find((item) => this.#matches(text, item, start, end));
        if (taken !== undefined) this.#split(text, taken, start, end, match);
        return;
      }
      case 'cat':
        return this.#splitSequence(text, node, start, end, match);
      case 'repeat':
        if (hasGroup(node)) this.#splitRepeat(text, node, start, end, match);
    }
  }

  #splitSequence(
    text: RegexText,
    { items }: RegexNode & { readonly kind: 'cat' },
    start: number,
    end: number,
    match: (Range | undefined)[],
  ): void {
    let at = start;
    for (const [index, item] of items.entries()) {
      const rest = restOf(items, index + 1);
      const to = rest === undefined ? end : this.#endOf(text, item, rest, at, end);
      this.#split(text, item, at, to, match);
      at = to;
    }
  }

  #endOf(text: RegexText, part: RegexNode, rest: RegexNode, start: number, end: number): number {
    const width = widthOf(part);
    if (width !== undefined) return start + width;
    // The sequence matches up to `end`, so an only place is the right one.
    const ends = this.#reached(text, part, start, end);
    if (ends.length === 1) return ends[0]!;
    return this.#choose(text, part, rest, preference(part), start, end);
  }

  /** Where the first part ends: the last place, or the first, from which the rest reaches `end`. */
  #choose(
    text: RegexText,
    part: RegexNode,
    rest: RegexNode,
    prefers: Preference | undefined,
    start: number,
    end: number,
  ): number {
    const possible = new Set(this.#reachedBy(text, rest, end, start, -1));
    const ends = this.#reached(text, part, start, end).filter((place) => possible.has(place));
    return prefers === 'shorter' ? Math.min(...ends) : Math.max(...ends);
  }

  #splitRepeat(
    text: RegexText,
    node: RegexNode & { readonly kind: 'repeat' },
    start: number,
    end: number,
    match: (Range | undefined)[],
  ): void {
    // x* is x+ or nothing, in this order; x*? the other way round.
    const mayBeNothing = start === end && node.least === 0;
    if (mayBeNothing && !(node.greedy && this.#matches(text, node.node, start, end))) return;
    const prefers = node.greedy ? preference(node.node) : (preference(node.node) ?? 'longer');
    let at = start;
    for (let done = 1; done <= (node.most ?? end - start + node.least + 1); done++) {
      const rest: RegexNode = remaining(node, done);
      const to = this.#choose(text, node.node, rest, prefers, at, end);
      if (!Number.isFinite(to)) return;
      this.#split(text, node.node, at, to, match);
      at = to;
      if (at === end && done >= node.least) return;
    }
  }

  /** Whether a look-around holds at a position; computed for a whole text when first asked. */
  #looker(text: RegexText) {
    return (node: RegexNode & { readonly kind: 'look' }, at: number): boolean => {
      let holds = text.looks.get(node);
      if (holds === undefined) {
        holds = this.#look(text, node);
        text.looks.set(node, holds);
      }
      return (holds[at] === 1) !== node.negated;
    };
  }

  /** Ahead: the starts of matches, by running backwards from every position at once. */
  #look(text: RegexText, { node, ahead }: RegexNode & { readonly kind: 'look' }): Uint8Array {
    const program = this.#program(node, ahead);
    const { codes } = text;
    const holds = new Uint8Array(codes.length + 1);
    let [threads, next] = this.#threadsOf(program, text);
    const step = ahead ? -1 : 1;
    for (let at = ahead ? codes.length : 0; at >= 0 && at <= codes.length; at += step) {
      threads.add(0, 0, text, at);
      next.clear();
      for (let i = 0; i < threads.count; i++) {
        const instruction = program[threads.places[i]!]!;
        const code = codes[ahead ? at - 1 : at];
        if (instruction.op === 'match') holds[at] = 1;
        else if (instruction.op === 'set' && code !== undefined && instruction.test(code)) {
          next.add(threads.places[i]! + 1, 0, text, at + step);
        }
      }
      [threads, next] = [next, threads];
    }
    return holds;
  }
}

const isZero = (firsts: Uint8Array, code: number) => code < 128 && firsts[code] === 0;

type Preference = 'longer' | 'shorter';

/** The greediness attribute of an expression; `undefined` when it has none. */
function preference(node: RegexNode): Preference | undefined {
  switch (node.kind) {
    case 'group':
      return preference(node.node);
    case 'repeat':
      if (node.isFixed) return preference(node.node);
      return node.greedy ? 'longer' : 'shorter';
    case 'cat':
      for (const item of node.items) {
        const own = preference(item);
        if (own !== undefined) return own;
      }
      return undefined;
    case 'alt':
      return 'longer';
    default:
      return undefined;
  }
}

/** How many characters the node takes, when that is one number. */
function widthOf(node: RegexNode): number | undefined {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'group':
      return widthOf(node.node);
    case 'repeat': {
      const width = node.most === node.least ? widthOf(node.node) : undefined;
      return width === undefined ? undefined : width * node.least;
    }
    case 'cat': {
      const widths = node.items.map(widthOf);
      return widths.includes(undefined) ? undefined : widths.reduce((a, b) => a! + b!, 0);
    }
    case 'alt': {
      const [first, ...others] = node.items.map(widthOf);
      return others.every((width) => width === first) ? first : undefined;
    }
    default:
      return 0;
  }
}

function hasGroup(node: RegexNode): boolean {
  switch (node.kind) {
    case 'group':
      return true;
    case 'repeat':
      return hasGroup(node.node);
    case 'cat':
    case 'alt':
      return node.items.some(hasGroup);
    default:
      return false;
  }
}

const rests = new WeakMap<readonly RegexNode[], (RegexNode | undefined)[]>();

/** The items from `index` on; one node per list and index, so that programs are kept for it. */
function restOf(items: readonly RegexNode[], index: number): RegexNode | undefined {
  if (index === items.length) return undefined;
  let made = rests.get(items);
  if (made === undefined) {
    made = [];
    rests.set(items, made);
  }
  made[index] ??= { kind: 'cat', items: items.slice(index) };
  return made[index];
}

const remainders = new WeakMap<RegexNode, Map<string, RegexNode>>();

/** The repetitions that are left after some. */
function remaining(node: RegexNode & { readonly kind: 'repeat' }, done: number): RegexNode {
  const least = Math.max(0, node.least - done);
  const most = node.most === undefined ? undefined : node.most - done;
  let made = remainders.get(node);
  if (made === undefined) {
    made = new Map();
    remainders.set(node, made);
  }
  const key = `${least}:${most}`;
  let rest = made.get(key);
  if (rest === undefined) {
    rest = { ...node, least, most };
    made.set(key, rest);
  }
  return rest;
}

/** Patterns are most often constants: the last ones stay compiled. */
const cache = new Map<string, Regex>();
const cacheMax = 64;
let last: { pattern: string; letters: string; regex: Regex } | undefined;

/** Throws SQL_RUNTIME 2201B for a bad pattern, 22023 for bad flags, 0A000 for a back reference. */
export function regexOf(pattern: string, letters = '', allowGlobal = false): Regex {
  if (last === undefined || last.pattern !== pattern || last.letters !== letters) {
    last = { pattern, letters, regex: cached(pattern, letters) };
  }
  const { regex } = last;
  if (!allowGlobal && regex.flags.global) regexFlags('g', false);
  return regex;
}

function cached(pattern: string, letters: string): Regex {
  const key = `${letters}/${pattern}`;
  let regex = cache.get(key);
  if (regex === undefined) {
    regex = new Regex(pattern, regexFlags(letters, true));
    if (cache.size >= cacheMax) cache.delete(cache.keys().next().value!);
    cache.set(key, regex);
  }
  return regex;
}
