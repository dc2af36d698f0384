import type { Expression, Identifier, SelectItem, TableExpression } from './ast.ts';
import { parseExpression } from './expressions.ts';
import { parseTable } from './from.ts';
import { parseMerge } from './merge.ts';
import { parseDefault, parseQuery, parseSelectItem } from './queries.ts';
import type {
  Assignment,
  Delete,
  Insert,
  Merge,
  RowAssignment,
  Truncate,
  Update,
  WithClause,
} from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';

/** A change of rows behind the WITH clause that begins at `mark`. */
export function parseWithDml(
  stream: TokenStream,
  clause: WithClause,
  mark: number,
): Insert | Update | Delete | Merge {
  return { ...parseDml(stream), with: clause, span: stream.span(mark) };
}

export function parseDml(stream: TokenStream): Insert | Update | Delete | Merge {
  return stream.isWord('merge') ? parseMerge(stream) : parseSimpleDml(stream);
}

export function parseSimpleDml(stream: TokenStream): Insert | Update | Delete {
  if (stream.isWord('insert')) return parseInsert(stream);
  return stream.isWord('update') ? parseUpdate(stream) : parseDelete(stream);
}

/** `TRUNCATE [TABLE] [ONLY] t [, u]`; nothing here has identities or foreign keys. */
export function parseTruncate(stream: TokenStream): Truncate {
  const mark = stream.mark();
  stream.expectWord('truncate');
  stream.acceptWord('table');
  const tables = stream.items(() => stream.tableName());
  if (!stream.acceptWord('restart', 'identity')) stream.acceptWord('continue', 'identity');
  if (!stream.acceptWord('cascade')) stream.acceptWord('restrict');
  return { kind: 'truncate', tables, span: stream.span(mark) };
}

export function parseInsert(stream: TokenStream): Insert {
  const mark = stream.mark();
  stream.expectWord('insert');
  const isReplace = stream.acceptWord('or', 'replace');
  stream.expectWord('into');
  const table = stream.qualifiedName('a table name');
  const alias = stream.acceptWord('as') ? { alias: stream.identifier('an alias') } : {};
  const isColumnList = stream.isOperator('(') && !startsQueryAfterParenthesis(stream);
  const columns = isColumnList ? stream.list(() => parseTargetColumn(stream)) : [];
  if (stream.isOneOf('overriding')) throw stream.unsupported('OVERRIDING');
  const isDefault = columns.length === 0 && stream.acceptWord('default', 'values');
  const source = isDefault ? {} : { source: parseQuery(stream) };
  const conflict = isReplace ? ({ onConflict: 'replace' } as const) : parseOnConflict(stream);
  const returning = parseReturning(stream);
  return {
    kind: 'insert',
    table,
    ...alias,
    columns,
    ...source,
    ...conflict,
    ...returning,
    span: stream.span(mark),
  };
}

function parseReturning(stream: TokenStream): { returning?: readonly SelectItem[] } {
  if (!stream.acceptWord('returning')) return {};
  if (stream.isWord('with')) throw stream.unsupported('RETURNING WITH');
  return { returning: stream.items(() => parseSelectItem(stream)) };
}

/** A column to write to: a whole one, not a field or an element of it. */
export function parseTargetColumn(stream: TokenStream): Identifier {
  const column = stream.identifier('a column name');
  if (stream.isOperator('.') || stream.isOperator('[')) {
    throw stream.unsupported('a part of a column');
  }
  return column;
}

function startsQueryAfterParenthesis(stream: TokenStream): boolean {
  let ahead = 1;
  while (stream.isOperator('(', ahead)) ahead++;
  const { kind, text } = stream.peek(ahead);
  return kind === 'word' && ['select', 'values', 'with', 'table'].includes(text);
}

/**
 * `ON CONFLICT [(key) | ON CONSTRAINT name] DO NOTHING`, or `DO UPDATE` without assignments: the new row replaces the
 * old one whole, as INSERT OR REPLACE says.
 */
function parseOnConflict(stream: TokenStream): Pick<Insert, 'onConflict' | 'conflictKey'> {
  if (!stream.acceptWord('on', 'conflict')) return {};
  let key: Pick<Insert, 'conflictKey'> = {};
  if (stream.acceptWord('on', 'constraint')) {
    key = { conflictKey: stream.identifier('a constraint name') };
  } else if (stream.isOperator('(')) key = { conflictKey: parseConflictColumns(stream) };
  if (stream.isWord('where')) throw stream.unsupported('ON CONFLICT ... WHERE');
  stream.expectWord('do');
  if (stream.acceptWord('nothing')) return { onConflict: 'nothing', ...key };
  if (!stream.acceptWord('update') && !stream.acceptWord('replace')) {
    throw stream.expected('NOTHING or UPDATE');
  }
  if (!stream.acceptWord('set')) return { onConflict: 'replace', ...key };
  const assignments = parseAssignments(stream);
  const where = parseWhere(stream);
  const update = { assignments, ...(where === undefined ? {} : { where }) };
  return { onConflict: update, ...key };
}

export function parseAssignments(stream: TokenStream): (Assignment | RowAssignment)[] {
  return stream.items((): Assignment | RowAssignment => {
    const mark = stream.mark();
    if (stream.isOperator('(')) return parseRowAssignment(stream);
    const column = parseTargetColumn(stream);
    stream.expectOperator('=');
    const value = stream.acceptWord('default') ? undefined : parseExpression(stream);
    return { column, value, span: stream.span(mark) };
  });
}

/** `(a, b) = [ROW] (x, y)`, or a subquery on the right. */
function parseRowAssignment(stream: TokenStream): RowAssignment {
  const mark = stream.mark();
  const columns = stream.list(() => parseTargetColumn(stream));
  stream.expectOperator('=');
  const at = stream.mark();
  const isRow = stream.acceptWord('row');
  if (!isRow && stream.isOperator('(') && startsQueryAfterParenthesis(stream)) {
    stream.expectOperator('(');
    const query = parseQuery(stream);
    stream.expectOperator(')');
    const value = { kind: 'subquery', form: 'scalar', query, span: stream.span(at) } as const;
    return { columns, value, span: stream.span(mark) };
  }
  if (!stream.isOperator('(')) throw stream.unsupported('such a source of several columns');
  const items = stream.list(() => parseDefault(stream) ?? parseExpression(stream));
  if (!isRow && columns.length > 1 && items.length === 1) {
    throw stream.unsupported('such a source of several columns', at);
  }
  return { columns, value: { kind: 'row', items, span: stream.span(at) }, span: stream.span(mark) };
}

function parseConflictColumns(stream: TokenStream): Identifier[] {
  return stream.list(() => {
    if (stream.isOperator('(') || (stream.canBeFunctionName() && stream.isOperator('(', 1))) {
      throw stream.unsupported('an expression as the key of a conflict');
    }
    const column = stream.identifier('a column name');
    if (!stream.isOperator(',') && !stream.isOperator(')')) {
      throw stream.unsupported('more than columns as the key of a conflict');
    }
    return column;
  });
}

export function parseUpdate(stream: TokenStream): Update {
  const mark = stream.mark();
  stream.expectWord('update');
  const table = stream.tableName();
  const alias = parseAlias(stream, 'set');
  stream.expectWord('set');
  const assignments = parseAssignments(stream);
  const from = parseTables(stream, 'from');
  const where = parseWhere(stream);
  const returning = parseReturning(stream);
  return {
    kind: 'update',
    table,
    ...(alias === undefined ? {} : { alias }),
    assignments,
    from,
    ...(where === undefined ? {} : { where }),
    ...returning,
    span: stream.span(mark),
  };
}

export function parseDelete(stream: TokenStream): Delete {
  const mark = stream.mark();
  stream.expectWord('delete', 'from');
  const table = stream.tableName();
  const alias = parseAlias(stream, 'where');
  const using = parseTables(stream, 'using');
  const where = parseWhere(stream);
  const returning = parseReturning(stream);
  return {
    kind: 'delete',
    table,
    ...(alias === undefined ? {} : { alias }),
    using,
    ...(where === undefined ? {} : { where }),
    ...returning,
    span: stream.span(mark),
  };
}

function parseTables(stream: TokenStream, word: string): readonly TableExpression[] {
  return stream.acceptWord(word) ? stream.items(() => parseTable(stream)) : [];
}

/** The condition of UPDATE and DELETE. */
function parseWhere(stream: TokenStream): Expression | undefined {
  if (!stream.acceptWord('where')) return undefined;
  if (stream.isWord('current', 'of')) throw stream.unsupported('WHERE CURRENT OF');
  return parseExpression(stream);
}

export function parseAlias(stream: TokenStream, until: string): Identifier | undefined {
  if (stream.acceptWord('as')) return stream.identifier('an alias');
  const isOver = stream.isOneOf(until, 'using', 'returning', 'from');
  return stream.canBeAlias() && !isOver ? stream.identifier('an alias') : undefined;
}
