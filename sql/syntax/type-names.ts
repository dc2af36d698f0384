import type { Identifier, TypeName } from './ast.ts';
import { columnNameOnly, reserved } from './keywords.ts';
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
  nchar: 'bpchar',
};

/** Words that begin a type although they are keywords. */
const typeKeywords = new Set([
  ...Object.keys(shortNames),
  ...['float', 'interval', 'json', 'numeric', 'time', 'timestamp', 'varchar'],
]);

/** `bigint`, `numeric(10, 2)`, `timestamp with time zone`, `varchar(20)[]`. */
export function parseTypeName(stream: TokenStream): TypeName {
  const mark = stream.mark();
  const base = parseBaseType(stream);
  let arrayDepth = 0;
  if (stream.acceptWord('array')) {
    arrayDepth = 1;
    if (stream.acceptOperator('[')) closeBracket(stream);
  } else {
    for (; stream.acceptOperator('['); arrayDepth++) closeBracket(stream);
  }
  return { ...base, arrayDepth, span: stream.span(mark) };
}

/** PostgreSQL reads the size of an array type and forgets it. */
function closeBracket(stream: TokenStream): void {
  if (stream.peek().kind === 'integer') stream.next();
  stream.expectOperator(']');
}

type BaseType = Pick<TypeName, 'name' | 'modifiers' | 'fields'>;

function parseBaseType(stream: TokenStream): BaseType {
  const token = stream.peek();
  if (token.kind === 'quoted') {
    const { name } = stream.label('a type name');
    return { name, modifiers: parseModifiers(stream) };
  }
  const first = token.text;
  if (first === 'national' && ['character', 'char'].includes(stream.peek(1).text)) {
    stream.next();
    stream.next();
    return parseCharacter(stream);
  }
  if (stream.isOneOf('bit', 'setof')) {
    throw stream.unsupported(`the type ${first.toUpperCase()}`);
  }
  const isName = !reserved.has(first) && (!columnNameOnly.has(first) || typeKeywords.has(first));
  if (token.kind !== 'word' || !isName) throw stream.expected('a type name', true);
  stream.next();
  if (first === 'pg_catalog' && stream.acceptOperator('.')) {
    const { name } = stream.label('a type name');
    return { name, modifiers: parseModifiers(stream) };
  }
  if (stream.isOperator('.')) throw stream.unsupported('a type of another schema');
  if (first === 'struct' && stream.isOperator('<')) return parseStruct(stream);
  if (first === 'double' && stream.acceptWord('precision'))
    return { name: 'float8', modifiers: [] };
  if (shortNames[first] === 'bpchar') return parseCharacter(stream);
  if (first === 'float') return { name: parseFloatName(stream), modifiers: [] };
  if (first === 'interval' && stream.isOneOf(...intervalFields)) {
    const next = stream.peek(1);
    // `x::interval day` names the column `day` nowhere: it is a part of the type.
    if (next.kind !== 'string') throw stream.unsupported('an interval type with fields');
  }
  const modifiers = parseModifiers(stream);
  if (first === 'timestamp' || first === 'time') {
    if (stream.acceptWord('with', 'time', 'zone')) return { name: `${first}tz`, modifiers };
    stream.acceptWord('without', 'time', 'zone');
  }
  return { name: shortNames[first] ?? first, modifiers };
}

/** `struct<a int, b struct<c text>>`, RisingWave's composite types. */
function parseStruct(stream: TokenStream): BaseType {
  stream.expectOperator('<');
  const fields: { name: Identifier; typeName: TypeName }[] = [];
  do {
    const name = stream.label('a field name');
    fields.push({ name, typeName: parseTypeName(stream) });
  } while (stream.acceptOperator(','));
  stream.closeAngle();
  return { name: 'struct', modifiers: [], fields };
}

/** `char` is one character long where it does not say. */
function parseCharacter(stream: TokenStream): BaseType {
  if (stream.acceptWord('varying')) return { name: 'varchar', modifiers: parseModifiers(stream) };
  const modifiers = parseModifiers(stream);
  return { name: 'bpchar', modifiers: modifiers.length === 0 ? [1] : modifiers };
}

/** `float(p)` counts binary digits. */
function parseFloatName(stream: TokenStream): string {
  const mark = stream.mark();
  const [digits = 53] = parseModifiers(stream);
  if (digits < 1 || digits > 53) {
    throw stream.syntaxError('the precision of a float is from 1 to 53', undefined, mark);
  }
  return digits <= 24 ? 'float4' : 'float8';
}

function parseModifiers(stream: TokenStream): number[] {
  if (!stream.isOperator('(')) return [];
  return stream.list(() => {
    const negative = stream.acceptOperator('-');
    const token = stream.peek();
    const isLast = stream.isOperator(',', 1) || stream.isOperator(')', 1);
    if (token.kind === 'operator' || token.kind === 'end') throw stream.expected('a number');
    if (token.kind !== 'integer' || !isLast) {
      throw stream.unsupported('a type modifier that is not a number');
    }
    stream.next();
    return negative ? -Number(token.text) : Number(token.text);
  });
}

const intervalFields = ['year', 'month', 'day', 'hour', 'minute', 'second'];
const intervalRanges: Readonly<Record<string, readonly string[]>> = {
  year: ['month'],
  day: ['hour', 'minute', 'second'],
  hour: ['minute', 'second'],
  minute: ['second'],
};

/** `DAY`, `DAY TO SECOND` after an interval's text. */
export function parseIntervalFields(stream: TokenStream): string | undefined {
  if (!stream.isOneOf(...intervalFields)) return undefined;
  const from = stream.next().text;
  let fields = from.toUpperCase();
  const ranges = intervalRanges[from] ?? [];
  if (ranges.length > 0 && stream.acceptWord('to')) {
    if (!stream.isOneOf(...ranges)) throw stream.expected(ranges.join(' or ').toUpperCase());
    fields += ` TO ${stream.next().text.toUpperCase()}`;
  }
  if (fields.endsWith('SECOND') && stream.isOperator('(')) {
    throw stream.unsupported('a number of digits for SECOND');
  }
  return fields;
}
