import type { Program } from './regex-program.ts';
import type { Range } from './regex-threads.ts';

/** What a path does where it stands: `start` and `end` of the text, or a group's border. */
type Act = { readonly assert: 'start' | 'end' } | { readonly slot: number };

interface Path {
  readonly acts: readonly Act[];
  readonly to: number;
}

/** Larger tables are not worth their room. */
const statesMax = 100;
const instructionsMax = 500;

/**
 * A program in which the next character alone says how to go on, as a table (R. Cox, "Regular
 * Expression Matching in the Wild", one-pass matching): from a start each end is reached in one
 * way, so borders of groups are written down on the way. Texts have no character beyond U+FFFF.
 */
export class OnePass {
  /** Start and end of the match that was found last, then of each group, or -1. */
  readonly #slots: Int32Array;
  /** Where the last run stopped reading. */
  reached = 0;
  readonly #running: Int32Array;
  readonly #paths: readonly Path[];
  /** By state: paths by ASCII code, the one for other characters, and how to end; -1 for none. */
  readonly #next: Int32Array;
  readonly #wide: readonly { readonly path: number; readonly test: (code: number) => boolean }[];
  readonly #ends: readonly (Path | undefined)[];

  private constructor(table: Table, groups: number) {
    this.#slots = new Int32Array(2 * groups + 2);
    this.#running = new Int32Array(2 * groups + 2);
    this.#paths = table.paths;
    this.#next = Int32Array.from(table.next.flat());
    this.#wide = table.wide;
    this.#ends = table.ends;
  }

  /** `undefined` for a program that is not so. It must have been compiled with `save`. */
  static of(program: Program, groups: number): OnePass | undefined {
    const table = tableOf(program);
    return table && new OnePass(table, groups);
  }

  /** The match that was found last, then its groups. */
  borders(): [Range, ...(Range | undefined)[]] {
    const slots = this.#slots;
    const ranges: [Range, ...(Range | undefined)[]] = [{ start: slots[0]!, end: slots[1]! }];
    for (let slot = 2; slot < slots.length; slot += 2) {
      const end = slots[slot + 1]!;
      ranges.push(end < 0 ? undefined : { start: slots[slot]!, end });
    }
    return ranges;
  }

  /**
   * Where the match from `start` ends, the longest or the shortest; -1 for none. `borders`
   * then gives it, `reached` how far it read.
   */
  run(text: string, start: number, longest: boolean): number {
    const running = this.#running.fill(-1);
    const next = this.#next;
    let found = -1;
    let state = 0;
    let at = start;
    for (; ; at++) {
      const end = this.#ends[state];
      if (end !== undefined && hold(end.acts, at, text.length)) {
        found = at;
        // Not into `running`: a longer match may go on another way.
        this.#slots.set(running);
        save(end.acts, at, this.#slots);
        if (!longest) break;
      }
      if (at >= text.length) break;
      const code = text.charCodeAt(at);
      let path = -1;
      if (code < 128) path = next[state * 128 + code]!;
      else if (this.#wide[state]!.test(code)) path = this.#wide[state]!.path;
      if (path < 0) break;
      const { acts, to } = this.#paths[path]!;
      if (acts.length > 0) {
        if (!hold(acts, at, text.length)) break;
        save(acts, at, running);
      }
      state = to;
    }
    this.reached = at;
    if (found >= 0) {
      this.#slots[0] = start;
      this.#slots[1] = found;
    }
    return found;
  }
}

/** False where an assertion fails. */
function hold(acts: readonly Act[], at: number, length: number): boolean {
  for (let i = 0; i < acts.length; i++) {
    const act = acts[i]!;
    if ('assert' in act && at !== (act.assert === 'start' ? 0 : length)) return false;
  }
  return true;
}

function save(acts: readonly Act[], at: number, slots: Int32Array): void {
  for (let i = 0; i < acts.length; i++) {
    const act = acts[i]!;
    if ('slot' in act) slots[act.slot] = at;
  }
}

interface Table {
  readonly paths: Path[];
  readonly next: number[][];
  readonly wide: { path: number; test: (code: number) => boolean }[];
  readonly ends: (Path | undefined)[];
}

const never = () => false;

function tableOf(program: Program): Table | undefined {
  if (program.length > instructionsMax) return undefined;
  const table: Table = { paths: [], next: [], wide: [], ends: [] };
  const places = [0];
  for (let state = 0; state < places.length; state++) {
    if (state > statesMax || !addState(program, places, state, table)) return undefined;
  }
  return table;
}

/** Follows what takes no character; false when a place is reached twice or a character is shared. */
function addState(program: Program, places: number[], state: number, table: Table): boolean {
  const next = new Array<number>(128).fill(-1);
  const wide = { path: -1, test: never as (code: number) => boolean };
  const seen = new Set<number>();
  const pending: { place: number; acts: readonly Act[] }[] = [{ place: places[state]!, acts: [] }];
  table.next.push(next);
  table.wide.push(wide);
  table.ends.push(undefined);
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    const { place, acts } = item;
    if (seen.has(place)) return false;
    seen.add(place);
    const instruction = program[place]!;
    switch (instruction.op) {
      case 'jump':
        pending.push({ place: instruction.to, acts });
        break;
      case 'split':
        pending.push({ place: instruction.first, acts }, { place: instruction.second, acts });
        break;
      case 'save':
        pending.push({ place: place + 1, acts: [...acts, { slot: instruction.slot }] });
        break;
      case 'assert': {
        const { test } = instruction;
        if (test !== 'start' && test !== 'end') return false;
        pending.push({ place: place + 1, acts: [...acts, { assert: test }] });
        break;
      }
      case 'look':
        return false;
      case 'match':
        table.ends[state] = { acts, to: -1 };
        break;
      case 'set': {
        const path = table.paths.push({ acts, to: stateOf(places, place + 1) }) - 1;
        for (let code = 0; code < 128; code++) {
          if (!instruction.test(code)) continue;
          if (next[code] !== -1) return false;
          next[code] = path;
        }
        if (!instruction.isWide) break;
        if (wide.path !== -1) return false;
        wide.path = path;
        wide.test = instruction.test;
      }
    }
  }
  return true;
}

function stateOf(places: number[], place: number): number {
  const known = places.indexOf(place);
  return known >= 0 ? known : places.push(place) - 1;
}
