import type { TypeName } from './ast.ts';
import type { CreateFunction } from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

/**
 * `CREATE FUNCTION name(parameters) RETURNS type LANGUAGE sql AS 'SELECT expression'`, from the
 * name on; the clauses behind RETURNS come in any order.
 */
export function parseCreateFunction(stream: TokenStream, mark: number): CreateFunction {
  const name = stream.qualifiedName('a function name');
  const parameters =
    stream.isOperator('(') && stream.isOperator(')', 1)
      ? emptyList(stream)
      : stream.list(() => parseParameter(stream));
  stream.expectWord('returns');
  if (stream.isOneOf('table', 'setof')) throw stream.unsupported('a function that returns rows');
  const returns = parseTypeName(stream);
  let body: CreateFunction['body'] | undefined;
  let language = 'sql';
  let volatility: CreateFunction['volatility'];
  for (;;) {
    if (stream.acceptWord('language')) language = stream.next().text.toLowerCase();
    else if (stream.acceptWord('as')) {
      const { kind, text, start, end } = stream.peek();
      if (kind !== 'string') throw stream.expected('the body as a string');
      stream.next();
      body = { text, span: { start, end } };
    } else if (stream.isOneOf('immutable', 'stable')) {
      volatility = stream.next().text as 'immutable' | 'stable';
    } else if (stream.isOneOf('volatile', 'strict', 'parallel', 'cost')) {
      throw stream.unsupported(`${stream.peek().text.toUpperCase()} of a function`);
    } else break;
  }
  if (language !== 'sql') throw stream.unsupported(`LANGUAGE ${language}`);
  if (body === undefined) throw stream.expected("AS 'SELECT ...'");
  return {
    kind: 'create-function',
    name,
    parameters,
    returns,
    body,
    ...(volatility === undefined ? {} : { volatility }),
    span: stream.span(mark),
  };
}

function emptyList(stream: TokenStream): [] {
  stream.expectOperator('(');
  stream.expectOperator(')');
  return [];
}

/** `[name] type`: a word before another is a name. */
function parseParameter(stream: TokenStream): CreateFunction['parameters'][number] {
  const next = stream.peek(1);
  const isNamed = next.kind === 'word' || next.kind === 'quoted';
  const isTypeOfWords = ['double', 'character', 'timestamp', 'time'].includes(stream.peek().text);
  const name = isNamed && !isTypeOfWords ? { name: stream.identifier('a parameter name') } : {};
  const typeName: TypeName = parseTypeName(stream);
  if (stream.isOneOf('default') || stream.isOperator('=')) {
    throw stream.unsupported('a default of a parameter');
  }
  return { ...name, typeName };
}
