import { syntaxError } from '../syntax/lexer.ts';
import type { DialectTraits } from './traits.ts';

/** `text` is what the token means: unquoted, unescaped; a word as it is written. */
export interface ForeignToken {
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'operator';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const wordPart = /[\p{L}\p{N}_$]/u;
const number = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const operators = /<=>|->>|<>|!=|<=|>=|::|\|\||&&|:=|->|=>|<<|>>|[^\s]/y;

/** The tokens of a text in another dialect. Throws SQL_SYNTAX for a quote or a comment without end. */
export function foreignTokens(text: string, traits: DialectTraits): ForeignToken[] {
  const tokens: ForeignToken[] = [];
  let at = 0;
  const matched = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: ForeignToken['kind'], end: number, meaning = text.slice(at, end)) => {
    tokens.push({ kind, text: meaning, start: at, end });
    at = end;
  };
  while (at < text.length) {
    const first = text[at]!;
    const comment = commentEnd(text, at, traits);
    if (/\s/.test(first)) at++;
    else if (comment !== undefined) at = comment;
    else if (/^[nN]'/.test(text.slice(at, at + 2))) {
      // The standard's national string: with the quote it is one token.
      const { end, meaning } = quotedText(text, at + 1, "'", traits.backslash);
      push('string', end, meaning);
    } else if (traits.stringQuotes.includes(first)) {
      const { end, meaning } = quotedText(text, at, first, traits.backslash);
      push('string', end, meaning);
    } else if (traits.nameQuotes.includes(first)) {
      const { end, meaning } = quotedText(text, at, first === '[' ? ']' : first, false);
      push('name', end, meaning);
    } else if (/[0-9]/.test(first) || (first === '.' && /[0-9]/.test(text[at + 1] ?? ''))) {
      push('number', at + matched(number)!.length);
    } else if (wordPart.test(first)) {
      let end = at;
      while (end < text.length && wordPart.test(text[end]!)) end++;
      push('word', end);
    } else push('operator', at + matched(operators)!.length);
  }
  return tokens;
}

/** Where the comment that begins here ends; `undefined` when none does. */
function commentEnd(text: string, at: number, traits: DialectTraits): number | undefined {
  const isLine = text.startsWith('--', at) || (traits.hashComment && text[at] === '#');
  if (isLine) {
    const end = text.indexOf('\n', at);
    return end < 0 ? text.length : end;
  }
  if (!text.startsWith('/*', at)) return undefined;
  const end = text.indexOf('*/', at + 2);
  if (end < 0) throw syntaxError(text, at, at + 2, 'unterminated /* comment');
  // MySQL runs what stands in them: a comment there is none.
  if (text[at + 2] === '!' || text[at + 2] === '+') {
    throw syntaxError(text, at, end + 2, 'a comment with a meaning is not supported');
  }
  return end + 2;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', 0: '\0' };

function quotedText(text: string, start: number, close: string, backslash: boolean) {
  let meaning = '';
  for (let at = start + 1; at < text.length; at++) {
    const here = text[at]!;
    if (backslash && here === '\\' && at + 1 < text.length) {
      const next = text[++at]!;
      // MySQL keeps the backslash before wildcards of LIKE.
      meaning += next === '%' || next === '_' ? `\\${next}` : (escapes[next] ?? next);
    } else if (here !== close) meaning += here;
    else if (text[at + 1] === close) {
      meaning += close;
      at++;
    } else return { end: at + 1, meaning };
  }
  throw syntaxError(text, start, text.length, 'unterminated quoted text');
}

/** The statements of a script: its text cut at each `;` that is a token. */
export function foreignStatements(text: string, traits: DialectTraits): string[] {
  const ends = foreignTokens(text, traits).filter(
    ({ kind, text: sign }) => kind === 'operator' && sign === ';',
  );
  const cuts = [0, ...ends.map(({ end }) => end)];
  return cuts.map((from, index) => text.slice(from, ends[index]?.start ?? text.length));
}
