import type { Expression } from './ast.ts';
import { checkDepth } from './depth.ts';
import { parseExpression as expression } from './expressions.ts';
import type { Statement } from './statement-ast.ts';
import { parseOne } from './statements.ts';
import { TokenStream } from './token-stream.ts';

/** A script: statements separated by ";". Throws SQL_SYNTAX, UNSUPPORTED, RESOURCE_LIMIT. */
export function parseStatements(text: string): readonly Statement[] {
  const stream = new TokenStream(text);
  const statements: Statement[] = [];
  for (;;) {
    while (stream.acceptOperator(';'));
    if (stream.peek().kind === 'end') return statements;
    const statement = parseOne(stream);
    checkDepth(text, statement);
    statements.push(statement);
    if (stream.peek().kind !== 'end' && !stream.isOperator(';')) {
      throw stream.expected('";" or the end of the statement');
    }
  }
}

/** Exactly one statement, with or without a ";" at its end. */
export function parseStatement(text: string): Statement {
  const stream = new TokenStream(text);
  const statement = parseOne(stream);
  while (stream.acceptOperator(';'));
  if (stream.peek().kind !== 'end') throw stream.expected('the end of the statement');
  checkDepth(text, statement);
  return statement;
}

/** An expression alone. The same errors. */
export function parseExpression(text: string): Expression {
  const stream = new TokenStream(text);
  const parsed = expression(stream);
  if (stream.peek().kind !== 'end') throw stream.expected('the end of the expression');
  checkDepth(text, parsed);
  return parsed;
}
