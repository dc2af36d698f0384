import type { Expression, Subscript } from './ast.ts';
import { parseExpression } from './expressions.ts';
import type { TokenStream } from './token-stream.ts';

/**
 * What may follow a column or an expression in parentheses: `[1]`, `[1:2]`, `.field`. After other
 * expressions (calls, ARRAY[...]) PostgreSQL's grammar has none.
 */
export function parseIndirection(
  stream: TokenStream,
  operand: Expression,
  mark: number,
): Expression {
  let result = operand;
  for (;;) {
    if (stream.isOperator('[')) {
      const subscripts: Subscript[] = [];
      while (stream.acceptOperator('[')) {
        subscripts.push(parseSubscript(stream));
        stream.expectOperator(']');
      }
      result = { kind: 'subscript', operand: result, subscripts, span: stream.span(mark) };
    } else if (stream.isOperator('.')) {
      stream.next();
      if (stream.acceptOperator('*')) {
        return { kind: 'star', relation: [], operand: result, span: stream.span(mark) };
      }
      const name = stream.label('a name after "."');
      result = { kind: 'field', operand: result, name, span: stream.span(mark) };
    } else {
      return result;
    }
  }
}

function parseSubscript(stream: TokenStream): Subscript {
  const lower = stream.isOperator(':') ? undefined : parseExpression(stream);
  if (lower !== undefined && !stream.isOperator(':')) return { isSlice: false, upper: lower };
  stream.expectOperator(':');
  const upper = stream.isOperator(']') ? undefined : parseExpression(stream);
  return {
    isSlice: true,
    ...(lower === undefined ? {} : { lower }),
    ...(upper === undefined ? {} : { upper }),
  };
}
