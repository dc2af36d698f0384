import type { TypeName } from './ast.ts';
import type { TokenStream } from './token-stream.ts';

/** Names with more than one word, or with another short name in PostgreSQL's catalogue. */
const shortNames: Readonly<Record<string, string>> = {
  int: 'int4',
  integer: 'int4',
  smallint: 'int2',
  bigint: 'int8',
  real: 'float4',
  decimal: 'numeric',
  dec: 'numeric',
  boolean: 'bool',
  character: 'bpchar',
  char: 'bpchar',
};

/** `bigint`, `numeric(10, 2)`, `timestamp with time zone`, `varchar(20)[]`. */
export function parseTypeName(stream: TokenStream): TypeName {
  const mark = stream.mark();
  const first = stream.label('a type name').name;
  let name = shortNames[first] ?? first;
  if (first === 'double') {
    stream.expectWord('precision');
    name = 'float8';
  } else if ((first === 'character' || first === 'char') && stream.acceptWord('varying')) {
    name = 'varchar';
  } else if (first === 'pg_catalog' && stream.acceptOperator('.')) {
    name = stream.label('a type name').name;
  }
  let modifiers = parseModifiers(stream);
  if (first === 'float') name = (modifiers[0] ?? 53) <= 24 ? 'float4' : 'float8';
  if (first === 'float') modifiers = [];
  if (first === 'timestamp' || first === 'time') {
    if (stream.acceptWord('with', 'time', 'zone')) name = `${first}tz`;
    else stream.acceptWord('without', 'time', 'zone');
  }
  let arrayDepth = 0;
  while (stream.isOperator('[')) {
    stream.next();
    if (stream.peek().kind === 'integer') stream.next();
    stream.expectOperator(']');
    arrayDepth++;
  }
  return { name, modifiers, arrayDepth, span: stream.span(mark) };
}

function parseModifiers(stream: TokenStream): number[] {
  if (!stream.isOperator('(')) return [];
  return stream.list(() => {
    const negative = stream.acceptOperator('-');
    const token = stream.peek();
    if (token.kind !== 'integer') throw stream.expected('a number');
    stream.next();
    return negative ? -Number(token.text) : Number(token.text);
  });
}

const intervalFields = ['year', 'month', 'day', 'hour', 'minute', 'second'];

/** `DAY`, `DAY TO SECOND` after an interval's text. */
export function parseIntervalFields(stream: TokenStream): string | undefined {
  if (!stream.isOneOf(...intervalFields)) return undefined;
  const from = stream.next().text.toUpperCase();
  if (!stream.isWord('to')) return from;
  stream.next();
  if (!stream.isOneOf(...intervalFields)) throw stream.expected('an interval field');
  return `${from} TO ${stream.next().text.toUpperCase()}`;
}
