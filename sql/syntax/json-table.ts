import type { Identifier, JsonTable, JsonTableColumn } from './ast.ts';
import { parseExpression } from './expressions.ts';
import {
  parseBehaviours,
  parseFormat,
  parseJsonInput,
  parsePassing,
  parseShape,
} from './json-calls.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

/** JSON_TABLE (PostgreSQL's documentation, 9.16.4), up to its closing parenthesis. */
export function parseJsonTable(stream: TokenStream): Omit<JsonTable, 'span' | 'lateral'> {
  stream.expectWord('json_table');
  stream.expectOperator('(');
  const document = parseJsonInput(stream);
  stream.expectOperator(',');
  const path = parseExpression(stream);
  const pathName = parsePathName(stream);
  const passing = parsePassing(stream);
  const columns = parseColumns(stream);
  const { onError } = parseBehaviours(stream, false);
  stream.expectOperator(')');
  return {
    kind: 'json-table',
    document,
    path,
    ...(pathName === undefined ? {} : { pathName }),
    passing,
    columns,
    ...(onError === undefined ? {} : { onError }),
  };
}

function parsePathName(stream: TokenStream): Identifier | undefined {
  return stream.acceptWord('as') ? stream.identifier('the name of a path') : undefined;
}

function parseColumns(stream: TokenStream): JsonTableColumn[] {
  stream.expectWord('columns');
  return stream.nested(() => stream.list(() => parseColumn(stream)));
}

function parseColumn(stream: TokenStream): JsonTableColumn {
  const mark = stream.mark();
  const hasPathWord = stream.peek(1).kind === 'word' && stream.peek(1).text === 'path';
  const isNested = stream.peek(hasPathWord ? 2 : 1).kind === 'string';
  if (isNested && stream.acceptWord('nested')) {
    stream.acceptWord('path');
    const path = stream.next().text;
    const pathName = parsePathName(stream);
    const columns = parseColumns(stream);
    const as = pathName === undefined ? {} : { pathName };
    return { kind: 'nested', path, ...as, columns, span: stream.span(mark) };
  }
  const name = stream.identifier('a column name');
  if (stream.acceptWord('for')) {
    stream.expectWord('ordinality');
    return { kind: 'ordinality', name };
  }
  const typeName = parseTypeName(stream);
  if (stream.acceptWord('exists')) {
    const column = { name, typeName, ...parsePath(stream), ...parseBehaviours(stream, false) };
    return { kind: 'exists', ...column, span: stream.span(mark) };
  }
  const format = parseFormat(stream);
  return {
    kind: 'value',
    name,
    typeName,
    ...(format === undefined ? {} : { format }),
    ...parsePath(stream),
    ...parseShape(stream),
    ...parseBehaviours(stream, true),
    span: stream.span(mark),
  };
}

function parsePath(stream: TokenStream): { path?: string } {
  if (!stream.acceptWord('path')) return {};
  if (stream.peek().kind !== 'string') throw stream.expected('a path as a string');
  return { path: stream.next().text };
}
