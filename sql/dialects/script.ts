import { MillraceError } from '../../platform/errors.ts';
import { parseStatement, parseStatements } from '../syntax/parser.ts';
import type { Statement } from '../syntax/statement-ast.ts';
import { foreignStatements, foreignTokens } from './foreign-tokens.ts';
import { type DialectTraits, dialects } from './traits.ts';
import { translate } from './translate.ts';

/** A statement of a script and the native text that its spans refer to. */
export interface ScriptStatement {
  readonly statement: Statement;
  readonly text: string;
  /** It came in another dialect: positions in `text` mean nothing to the user. */
  readonly translated: boolean;
}

const setDialect =
  /(?<=^|;)\s*set\s+(?:session\s+)?dialect\s*(?:=|\bto\b)\s*(?:'(\w+)'|(\w+))\s*(?=;|$)/gi;

/**
 * The statements of a script, which begins in `dialect` and may change it by SET dialect. Throws
 * SQL_SYNTAX, UNSUPPORTED and RESOURCE_LIMIT with positions in the script.
 */
export function readScript(script: string, dialect: string): readonly ScriptStatement[] {
  const found: ScriptStatement[] = [];
  let current = dialect;
  let from = 0;
  for (const match of [...script.matchAll(setDialect), undefined]) {
    const end = match?.index ?? script.length;
    found.push(...readPart(blanked(script, from, end), traitsOf(current)));
    if (match === undefined) break;
    from = end + match[0].length;
    // SET itself is native in every dialect; what it sets is checked where it is run.
    found.push(...readPart(blanked(script, end, from), undefined));
    current = match[1] ?? match[2]!;
  }
  return found;
}

/** `undefined`: the native dialect; also for a name that SET refuses. */
function traitsOf(dialect: string): DialectTraits | undefined {
  const name = dialect.toLowerCase();
  return Object.hasOwn(dialects, name) ? dialects[name] : undefined;
}

/** A part of the script, blanks before it: positions stay those of the script. */
function blanked(script: string, from: number, end: number): string {
  return script.slice(0, from).replaceAll(/[^\n]/g, ' ') + script.slice(from, end);
}

function readPart(text: string, traits: DialectTraits | undefined): ScriptStatement[] {
  if (traits === undefined) {
    return parseStatements(text).map((statement) => ({ statement, text, translated: false }));
  }
  let from = 0;
  return foreignStatements(text, traits).flatMap((statement): ScriptStatement[] => {
    const [first] = foreignTokens(statement, traits);
    const end = from + statement.length;
    // Comments before the statement are blanks, too.
    const whole = blanked(text, from + (first?.start ?? 0), end);
    from = end + 1;
    if (first === undefined) return [];
    if (isNative(whole)) {
      return parseStatements(whole).map((parsed) => ({
        statement: parsed,
        text: whole,
        translated: false,
      }));
    }
    const native = translate(whole, traits);
    return [{ statement: parseNative(native), text: native, translated: true }];
  });
}

/** Statements of our own, which other databases have not, and those that are the same in all. */
function isNative(statement: string): boolean {
  return /^\s*(?:set|reset|show|describe|desc|flush|alter|drop|create\s+(?:topic|source|sink|function|index|unique\s+index))\b/i.test(
    statement,
  );
}

function parseNative(native: string): Statement {
  try {
    return parseStatement(native);
  } catch (error) {
    if (error instanceof MillraceError) throw asTranslated(error, native);
    throw error;
  }
}

/** An error in a translated statement: without its place, with the native text. */
export function asTranslated(error: MillraceError, native: string): MillraceError {
  const hint = `${error.hint === undefined ? '' : `${error.hint} `}It was read as: ${native}`;
  const { sqlState } = error;
  return new MillraceError(error.code, error.message, {
    hint,
    ...(sqlState === undefined ? {} : { sqlState }),
  });
}
