import { invalidRegex } from './regex-flags.ts';

/** Characters by ranges of code points, or all others. */
export interface CharSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly negated: boolean;
}

const classes: Readonly<Record<string, CharSet['ranges']>> = {
  digit: [[48, 57]],
  xdigit: [
    [48, 57],
    [65, 70],
    [97, 102],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  graph: [[33, 126]],
  print: [[32, 126]],
  ascii: [[0, 127]],
};

/** Letters by Unicode, computed once; the other classes are ASCII. */
const unicodeClasses = new Map<string, CharSet['ranges']>();
const unicodePatterns: Readonly<Record<string, RegExp>> = {
  alpha: /\p{L}/u,
  alnum: /[\p{L}\p{N}]/u,
  upper: /\p{Lu}/u,
  lower: /\p{Ll}/u,
  word: /[\p{L}\p{N}_]/u,
};

export function classRanges(name: string): CharSet['ranges'] {
  const known = classes[name] ?? unicodeClasses.get(name);
  if (known !== undefined) return known;
  const pattern = unicodePatterns[name];
  if (pattern === undefined) throw invalidRegex('invalid character class');
  const ranges: [number, number][] = [];
  for (let code = 0; code < 0x30000; code++) {
    if ((code >= 0xd800 && code <= 0xdfff) || !pattern.test(String.fromCodePoint(code))) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  unicodeClasses.set(name, ranges);
  return ranges;
}

/** All other characters. */
export function complement(ranges: CharSet['ranges']): CharSet['ranges'] {
  const result: [number, number][] = [];
  let next = 0;
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (from > next) result.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  result.push([next, 0x10ffff]);
  return result;
}
