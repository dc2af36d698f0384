import { createRequire } from 'node:module';
import { MillraceError } from '../../platform/errors.ts';
import { positionAt } from '../syntax/position.ts';
import type { Statement } from '../syntax/statement-ast.ts';
import { printStatement } from '../syntax/statement-printer.ts';
import { Account } from './account.ts';
import { foreignTokens } from './foreign-tokens.ts';
import { isTree, refused, type Tree } from './foreign-tree.ts';
import { lowerStatement } from './lower-statements.ts';
import { Placeholders } from './placeholders.ts';
import type { DialectTraits } from './traits.ts';

/** node-sql-parser's builds are large: each is loaded when it is first wanted. */
const load = createRequire(import.meta.url);

interface ForeignParser {
  astify(text: string): unknown;
}

const parsers = new Map<string, ForeignParser>();

function parserOf({ build }: DialectTraits): ForeignParser {
  const known = parsers.get(build);
  if (known !== undefined) return known;
  const { Parser } = load(`node-sql-parser/build/${build}`) as { Parser: new () => ForeignParser };
  const parser = new Parser();
  parsers.set(build, parser);
  return parser;
}

/**
 * One statement of another dialect as native text, which means the same or is refused: every token
 * of the one is accounted for in the other (account.ts). Throws SQL_SYNTAX with the position of
 * what the foreign parser does not read, UNSUPPORTED for what has no native form.
 */
export function translate(text: string, traits: DialectTraits): string {
  const { head, body } = cut(text);
  const tokens = foreignTokens(body, traits);
  const placeholders = new Placeholders(body, tokens);
  const account = new Account();
  const tree = parsed(placeholders, traits, text, head.length);
  const statement: Statement = lowerStatement({ traits, placeholders, account }, tree);
  const native = printStatement(statement);
  account.close(tokens, native);
  return head + native;
}

const ownHead =
  /^\s*(?:explain(?:\s+analyze)?\s+)?create\s+(?:or\s+replace\s+)?materialized\s+view\s+(?:if\s+not\s+exists\s+)?[\w."]+\s*(?:\([^()]*\)\s*)?(?:with\s*\([^()]*\)\s*)?as\s+|^\s*explain\s+(?:analyze\s+)?/i;

/** What other databases have not (CREATE MATERIALIZED VIEW ... AS, EXPLAIN) is native. */
function cut(text: string): { readonly head: string; readonly body: string } {
  const head = ownHead.exec(text)?.[0] ?? '';
  return { head, body: text.slice(head.length) };
}

function parsed(
  placeholders: Placeholders,
  traits: DialectTraits,
  text: string,
  from: number,
): Tree {
  let trees: unknown;
  try {
    trees = parserOf(traits).astify(placeholders.text);
  } catch (error) {
    const { location } = error as { location?: { start?: { offset?: number } } };
    const offset = location?.start?.offset;
    if (offset === undefined) throw error;
    const at = from + placeholders.originalOffset(offset);
    const end = at + Math.max(1, /^\S*/.exec(text.slice(at))![0].length);
    throw new MillraceError('SQL_SYNTAX', `syntax error at "${text.slice(at, end)}"`, {
      sqlState: '42601',
      hint: `It is read as ${traits.build}.`,
      position: positionAt(text, Math.min(at, text.length), Math.min(end, text.length)),
    });
  }
  const [tree, ...more] = Array.isArray(trees) ? trees : [trees];
  if (more.length > 0 || !isTree(tree)) throw refused('more than one statement');
  return tree;
}
