import { foreignStatements, foreignTokens } from '../../sql/dialects/foreign-tokens.ts';
import { type DialectTraits, dialects } from '../../sql/dialects/traits.ts';

/**
 * Cuts a SQL text at the semicolons that end statements: not those in strings, quoted names,
 * dollar quotes and comments (PostgreSQL's lexical rules, section 4.1 of its manual; backticks
 * quote names too). Never fails: what is wrong inside a statement is the server's to say.
 */
export interface StatementText {
  /** Without the semicolon. */
  readonly text: string;
  /** Where it begins in the whole text, in UTF-16 units. */
  readonly offset: number;
}

export interface SplitText {
  readonly statements: readonly StatementText[];
  /** What follows the last semicolon; `undefined` when that is only space and comments. */
  readonly rest: StatementText | undefined;
  /** The text ends inside a string, a quoted name, a dollar quote or a comment. */
  readonly open: boolean;
}

// The empty group at the end of a quote tells that its closing mark is missing.
const tokens =
  /(?<blank>\s+|--[^\n]*)|(?<comment>\/\*)|[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?<e>'?)|'[^']*(?:''[^']*)*(?<s>'?)|"[^"]*(?:""[^"]*)*(?<d>"?)|`[^`]*(?:``[^`]*)*(?<b>`?)|(?<dollar>\$(?:[A-Za-z_]\w*)?\$)|[\w$]+|(?<end>;)|[\s\S]/y;

/** `dialect`: what the text is written in, when not in ours. */
export function splitStatements(text: string, dialect?: string): SplitText {
  if (dialect !== undefined) return foreignSplit(text, dialects[dialect]!);
  const statements: StatementText[] = [];
  let start = 0;
  let filled = false;
  let open = false;
  let at = 0;
  while (at < text.length) {
    tokens.lastIndex = at;
    const match = tokens.exec(text)!;
    const { blank, comment, dollar, end, e, s, d, b } = match.groups!;
    const begin = at;
    at = tokens.lastIndex;
    if (end !== undefined) {
      if (filled) statements.push({ text: text.slice(start, begin), offset: start });
      start = at;
      filled = false;
    } else if (comment !== undefined) {
      at = commentEnd(text, begin);
      open = at < 0;
    } else if (blank === undefined) {
      filled = true;
      open = [e, s, d, b].includes('');
      if (dollar !== undefined) {
        const close = text.indexOf(dollar, at);
        open = close < 0;
        at = close + dollar.length;
      }
    }
    if (open) break;
  }
  const rest = filled || open ? { text: text.slice(start), offset: start } : undefined;
  return { statements, rest, open };
}

function foreignSplit(text: string, traits: DialectTraits): SplitText {
  let offset = 0;
  const statements = foreignStatements(text, traits).flatMap((statement) => {
    const from = offset;
    offset += statement.length + 1;
    return foreignTokens(statement, traits).length === 0 ? [] : [{ text: statement, offset: from }];
  });
  return { statements, rest: undefined, open: false };
}

/** Comments nest. -1 when it does not end. */
function commentEnd(text: string, start: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let match = marks.exec(text); match !== null; match = marks.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return -1;
}
