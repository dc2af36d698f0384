import { parseAlias, parseAssignments, parseTargetColumn } from './dml.ts';
import { parseExpression } from './expressions.ts';
import { parseTable } from './from.ts';
import { parseDefault } from './queries.ts';
import type { Merge, MergeAction, MergeClause } from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';

/**
 * `MERGE INTO table [[AS] alias] USING source ON condition`, then one or more of
 * `WHEN [NOT] MATCHED [BY SOURCE | BY TARGET] [AND condition] THEN action`.
 */
export function parseMerge(stream: TokenStream): Merge {
  const mark = stream.mark();
  stream.expectWord('merge', 'into');
  const table = stream.tableName();
  const alias = parseAlias(stream, 'using');
  stream.expectWord('using');
  const source = parseTable(stream);
  stream.expectWord('on');
  const on = parseExpression(stream);
  const clauses: MergeClause[] = [];
  do clauses.push(parseClause(stream));
  while (stream.isWord('when'));
  if (stream.isWord('returning')) throw stream.unsupported('RETURNING of MERGE');
  return {
    kind: 'merge',
    table,
    ...(alias === undefined ? {} : { alias }),
    source,
    on,
    clauses,
    span: stream.span(mark),
  };
}

function parseClause(stream: TokenStream): MergeClause {
  const mark = stream.mark();
  stream.expectWord('when');
  const of = parseSides(stream);
  const condition = stream.acceptWord('and') ? { condition: parseExpression(stream) } : {};
  stream.expectWord('then');
  return { of, ...condition, action: parseAction(stream, of), span: stream.span(mark) };
}

function parseSides(stream: TokenStream): MergeClause['of'] {
  const isNot = stream.acceptWord('not');
  stream.expectWord('matched');
  if (!isNot) return 'both';
  if (stream.acceptWord('by', 'source')) return 'target';
  stream.acceptWord('by', 'target');
  return 'source';
}

function parseAction(stream: TokenStream, of: MergeClause['of']): MergeAction {
  if (stream.acceptWord('do', 'nothing')) return { kind: 'nothing' };
  if (of === 'source') return parseInsertAction(stream);
  if (stream.acceptWord('delete')) return { kind: 'delete' };
  if (!stream.acceptWord('update', 'set'))
    throw stream.expected('UPDATE SET, DELETE or DO NOTHING');
  return { kind: 'update', assignments: parseAssignments(stream) };
}

function parseInsertAction(stream: TokenStream): MergeAction {
  if (!stream.acceptWord('insert')) throw stream.expected('INSERT or DO NOTHING');
  const columns = stream.isOperator('(') ? stream.list(() => parseTargetColumn(stream)) : [];
  if (stream.isWord('overriding')) throw stream.unsupported('OVERRIDING');
  if (columns.length === 0 && stream.acceptWord('default', 'values')) {
    return { kind: 'insert', columns };
  }
  stream.expectWord('values');
  const values = stream.list(() => parseDefault(stream) ?? parseExpression(stream));
  return { kind: 'insert', columns, values };
}
