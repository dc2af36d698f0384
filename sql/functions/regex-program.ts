import { type CharSet, classRanges } from './regex-classes.ts';
import { invalidRegex } from './regex-flags.ts';
import type { AssertKind, RegexNode } from './regex-syntax.ts';

/**
 * Thompson's construction: a regular expression as instructions of a machine that runs all paths
 * at once (R. Cox, "Regular Expression Matching: the Virtual Machine Approach"), so that time is
 * linear in the text. A reversed program reads the text backwards from the end of a match.
 */
export type Instruction =
  /** `isWide`: it may hold for characters beyond ASCII. */
  | { readonly op: 'set'; readonly test: (code: number) => boolean; readonly isWide: boolean }
  /** Writes down a border of a group; only in programs that were compiled with `save`. */
  | { readonly op: 'save'; readonly slot: number }
  /** Goes on at both places. */
  | { readonly op: 'split'; readonly first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'assert'; readonly test: AssertKind }
  | { readonly op: 'look'; readonly node: RegexNode & { readonly kind: 'look' } }
  | { readonly op: 'match' };

export type Program = readonly Instruction[];

const instructionsMax = 20_000;

export interface CompileOptions {
  readonly ignoreCase: boolean;
  readonly reversed: boolean;
  /** With the borders of groups: slot 2 n and 2 n + 1 for group n. */
  readonly save: boolean;
}

export function compileRegex(node: RegexNode, options: CompileOptions): Program {
  const program: Instruction[] = [];
  emit(program, node, options);
  program.push({ op: 'match' });
  return program;
}

function emit(program: Instruction[], node: RegexNode, options: CompileOptions): void {
  if (program.length > instructionsMax) throw invalidRegex('regular expression is too complex');
  const inner = (part: RegexNode) => emit(program, part, options);
  switch (node.kind) {
    case 'empty':
      return;
    case 'set':
      program.push({
        op: 'set',
        test: setTest(node.set, options.ignoreCase),
        isWide:
          options.ignoreCase || node.set.negated || node.set.ranges.some(([, to]) => to > 127),
      });
      return;
    case 'assert':
      program.push({ op: 'assert', test: node.test });
      return;
    case 'look':
      program.push({ op: 'look', node });
      return;
    case 'group':
      if (!options.save) return inner(node.node);
      program.push({ op: 'save', slot: 2 * node.index });
      inner(node.node);
      program.push({ op: 'save', slot: 2 * node.index + 1 });
      return;
    case 'cat':
      for (const item of options.reversed ? node.items.toReversed() : node.items) inner(item);
      return;
    case 'alt': {
      const jumps: { op: 'jump'; to: number }[] = [];
      for (const [index, item] of node.items.entries()) {
        const isLast = index === node.items.length - 1;
        const split = { op: 'split' as const, first: program.length + 1, second: 0 };
        if (!isLast) program.push(split);
        inner(item);
        if (isLast) break;
        const jump = { op: 'jump' as const, to: 0 };
        program.push(jump);
        jumps.push(jump);
        split.second = program.length;
      }
      for (const jump of jumps) jump.to = program.length;
      return;
    }
    case 'repeat': {
      for (let i = 0; i < node.least; i++) inner(node.node);
      if (node.most === undefined) {
        const at = program.length;
        const split = { op: 'split' as const, first: at + 1, second: 0 };
        program.push(split);
        inner(node.node);
        program.push({ op: 'jump', to: at });
        split.second = program.length;
        return;
      }
      const splits: { op: 'split'; first: number; second: number }[] = [];
      for (let i = node.least; i < node.most; i++) {
        const split = { op: 'split' as const, first: program.length + 1, second: 0 };
        program.push(split);
        splits.push(split);
        inner(node.node);
      }
      for (const split of splits) split.second = program.length;
    }
  }
}

/**
 * By ASCII code, 1 where a match may begin with that character; `undefined` when a match may be
 * empty. What takes no character is taken to let pass.
 */
export function firstCharacters(program: Program): Uint8Array | undefined {
  const firsts = new Uint8Array(128);
  const seen = new Set<number>();
  const pending = [0];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    if (seen.has(place)) continue;
    seen.add(place);
    const instruction = program[place]!;
    switch (instruction.op) {
      case 'match':
        return undefined;
      case 'jump':
        pending.push(instruction.to);
        break;
      case 'split':
        pending.push(instruction.first, instruction.second);
        break;
      case 'set':
        for (let code = 0; code < 128; code++) if (instruction.test(code)) firsts[code] = 1;
        break;
      default:
        pending.push(place + 1);
    }
  }
  return firsts;
}

/** A text that every match has, at most `lead` characters after its start. */
export interface RequiredText {
  readonly text: string;
  readonly lead: number;
}

const nothing: RequiredText = { text: '', lead: 0 };

/**
 * Characters that stand together in every match: the longest run of single ones in a sequence, ''
 * where there is none. Holds for matches that tell upper from lower case.
 */
export function requiredText(node: RegexNode): RequiredText {
  switch (node.kind) {
    case 'set': {
      const [[from, to] = [0, -1], ...others] = node.set.ranges;
      const isOne = from === to && others.length === 0 && !node.set.negated;
      return isOne ? { text: String.fromCodePoint(from), lead: 0 } : nothing;
    }
    case 'group':
      return requiredText(node.node);
    case 'repeat':
      return node.least > 0 ? requiredText(node.node) : nothing;
    case 'cat': {
      let longest = nothing;
      let run = nothing;
      let before = 0;
      for (const item of node.items) {
        const { text, lead } = requiredText(item);
        const part = { text, lead: before + lead };
        if (item.kind !== 'set' || text === '') run = nothing;
        else if (run === nothing) run = part;
        else run = { text: run.text + text, lead: run.lead };
        for (const found of [run, part])
          if (found.text.length > longest.text.length) longest = found;
        before += mostWidth(item);
      }
      return longest;
    }
    default:
      return nothing;
  }
}

/** The most characters that the node takes; Infinity where there is no limit. */
function mostWidth(node: RegexNode): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'group':
      return mostWidth(node.node);
    case 'repeat': {
      const width = mostWidth(node.node);
      return width === 0 || node.most === 0 ? 0 : width * (node.most ?? Number.POSITIVE_INFINITY);
    }
    case 'cat':
      return node.items.reduce((sum, item) => sum + mostWidth(item), 0);
    case 'alt':
      return Math.max(...node.items.map(mostWidth));
    default:
      return 0;
  }
}

/** With a table for ASCII; others by their ranges. */
function setTest({ ranges, negated }: CharSet, ignoreCase: boolean): (code: number) => boolean {
  const holds = (code: number) => isIn(ranges, code, ignoreCase) !== negated;
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => (holds(code) ? 1 : 0));
  return (code) => (code < 128 ? ascii[code] === 1 : holds(code));
}

function isIn(ranges: CharSet['ranges'], code: number, ignoreCase: boolean): boolean {
  if (inRanges(ranges, code)) return true;
  if (!ignoreCase) return false;
  const character = String.fromCodePoint(code);
  const lower = character.toLowerCase().codePointAt(0)!;
  const upper = character.toUpperCase().codePointAt(0)!;
  return inRanges(ranges, lower) || inRanges(ranges, upper);
}

/** Long lists (Unicode classes) are sorted. */
function inRanges(ranges: CharSet['ranges'], code: number): boolean {
  if (ranges.length <= 16) return ranges.some(([from, to]) => code >= from && code <= to);
  return isInSorted(sortedRanges(ranges), code);
}

const sortedCache = new WeakMap<CharSet['ranges'], CharSet['ranges']>();

function sortedRanges(ranges: CharSet['ranges']): CharSet['ranges'] {
  let sorted = sortedCache.get(ranges);
  if (sorted === undefined) {
    const merged: [number, number][] = [];
    for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
      else merged.push([from, to]);
    }
    sorted = merged;
    sortedCache.set(ranges, sorted);
  }
  return sorted;
}

/** Binary search. */
function isInSorted(ranges: CharSet['ranges'], code: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [from, to] = ranges[middle]!;
    if (code < from) high = middle - 1;
    else if (code > to) low = middle + 1;
    else return true;
  }
  return false;
}

export function isWordCode(code: number): boolean {
  return isInSorted(classRanges('word'), code);
}
