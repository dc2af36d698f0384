import type { WithOption } from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';

/** `WITH (name = value, ...)`. */
export function parseOptions(stream: TokenStream): WithOption[] {
  return stream.acceptWord('with') ? parseOptionList(stream) : [];
}

/** `(name = value, ...)`. */
export function parseOptionList(stream: TokenStream): WithOption[] {
  return stream.list(() => {
    const mark = stream.mark();
    let name: string;
    if (stream.peek().kind === 'string') name = stream.next().text.toLowerCase();
    else name = stream.label('an option').name.toLowerCase();
    while (stream.acceptOperator('.')) name += `.${stream.label('a name after "."').name}`;
    stream.expectOperator('=');
    return { name, value: parseOptionValue(stream), span: stream.span(mark) };
  });
}

export function parseOptionValue(stream: TokenStream): string {
  const negative = stream.acceptOperator('-');
  const token = stream.peek();
  if (token.kind === 'end' || token.kind === 'operator' || token.kind === 'parameter') {
    throw stream.expected('a value');
  }
  stream.next();
  return negative ? `-${token.text}` : token.text;
}
