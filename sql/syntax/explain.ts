import type { Explain, Statement } from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';

const forms = ['incremental', 'logical', 'code'] as const;

/**
 * `EXPLAIN [ANALYZE] [LOGICAL | INCREMENTAL | CODE] statement`, the words also in parentheses as
 * PostgreSQL has them; or of `MATERIALIZED VIEW name`.
 */
export function parseExplain(
  stream: TokenStream,
  parseStatement: (stream: TokenStream) => Statement,
): Explain {
  const mark = stream.mark();
  stream.expectWord('explain');
  let analyze = false;
  let form: Explain['form'] = 'incremental';
  const option = (): boolean => {
    if (stream.acceptWord('analyze') || stream.acceptWord('analyse')) {
      analyze = true;
      return true;
    }
    // There is no shorter form to be told from.
    if (stream.acceptWord('verbose')) return true;
    const found = forms.find((word) => stream.acceptWord(word));
    form = found ?? form;
    return found !== undefined;
  };
  if (stream.isOperator('(') && !stream.startsQuery()) {
    stream.list(() => {
      if (!option()) throw stream.unsupported('this option of EXPLAIN');
    });
  } else {
    while (option());
  }
  if (stream.isWord('explain')) throw stream.expected('a statement to explain');
  const isView = stream.acceptWord('materialized', 'view');
  const statement = isView
    ? ({ kind: 'view-name', name: stream.qualifiedName('a view name') } as const)
    : parseStatement(stream);
  return { kind: 'explain', analyze, form, statement, span: stream.span(mark) };
}
