import { runtimeError } from './function.ts';

/** The options of a regular expression (documentation 9.7.3.4, table 9.24). */
export interface RegexFlags {
  readonly ignoreCase: boolean;
  /** `.` and negated sets do not match a newline. */
  readonly newlineStops: boolean;
  /** `^` and `$` match at newlines too. */
  readonly newlineAnchors: boolean;
  readonly expanded: boolean;
  readonly literal: boolean;
  readonly global: boolean;
}

const plain: RegexFlags = {
  ignoreCase: false,
  newlineStops: false,
  newlineAnchors: false,
  expanded: false,
  literal: false,
  global: false,
};

/** `i`, `n`, `g` and the other letters of table 9.24. */
export function regexFlags(letters: string, allowGlobal: boolean, from = plain): RegexFlags {
  let flags = from;
  for (const letter of letters) {
    switch (letter) {
      case 'i':
        flags = { ...flags, ignoreCase: true };
        break;
      case 'c':
        flags = { ...flags, ignoreCase: false };
        break;
      case 'n':
      case 'm':
        flags = { ...flags, newlineStops: true, newlineAnchors: true };
        break;
      case 'p':
        flags = { ...flags, newlineStops: true, newlineAnchors: false };
        break;
      case 'w':
        flags = { ...flags, newlineStops: false, newlineAnchors: true };
        break;
      case 's':
        flags = { ...flags, newlineStops: false, newlineAnchors: false };
        break;
      case 'x':
        flags = { ...flags, expanded: true };
        break;
      case 't':
        flags = { ...flags, expanded: false };
        break;
      case 'q':
        flags = { ...flags, literal: true };
        break;
      case 'e':
        break;
      case 'g':
        if (allowGlobal) {
          flags = { ...flags, global: true };
          break;
        }
        throw runtimeError('invalid regular expression option: "g"', '22023');
      default:
        throw runtimeError(`invalid regular expression option: "${letter}"`, '22023');
    }
  }
  return flags;
}

export function invalidRegex(why: string): Error {
  return runtimeError(`invalid regular expression: ${why}`, '2201B');
}

/** Those of `(?...)` at the start of a pattern. */
export function embeddedFlags(letters: string, from: RegexFlags): RegexFlags {
  if (!/^[bceimnpqstwx]*$/.test(letters)) throw invalidRegex('invalid embedded option');
  return regexFlags(letters, false, from);
}
