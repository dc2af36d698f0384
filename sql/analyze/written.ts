import type {
  CallExpression,
  ColumnExpression,
  Expression,
  Identifier,
  Query,
  QueryBody,
  Span,
} from '../syntax/ast.ts';

/**
 * Makes syntax as if it stood in the text at `span`, for what is defined by what else one could have
 * written: errors of it point there.
 */
export function writtenAt(span: Span) {
  const name = (text: string): Identifier => ({ name: text, quoted: true, span });
  return {
    name,
    column: (relation: Identifier, column: string): ColumnExpression => ({
      kind: 'column',
      parts: [relation, name(column)],
      span,
    }),
    integer: (value: number): Expression => ({
      kind: 'literal',
      literal: { type: 'integer', text: String(value) },
      span,
    }),
    boolean: (value: boolean): Expression => ({
      kind: 'literal',
      literal: { type: 'boolean', value },
      span,
    }),
    cast: (operand: Expression, type: string): Expression => ({
      kind: 'cast',
      operand,
      typeName: { name: type, modifiers: [], arrayDepth: 0, span },
      span,
    }),
    binary: (operator: string, left: Expression, right: Expression): Expression => ({
      kind: 'binary',
      operator,
      operatorSpan: span,
      left,
      right,
      span,
    }),
    not: (operand: Expression): Expression => ({ kind: 'unary', operator: 'not', operand, span }),
    isNull: (operand: Expression, negated = false): Expression => ({
      kind: 'is',
      test: 'null',
      negated,
      operand,
      span,
    }),
    isSame: (operand: Expression, right: Expression): Expression => ({
      kind: 'is',
      test: 'distinct',
      negated: true,
      operand,
      right,
      span,
    }),
    isAny: (operand: Expression, array: Expression): Expression => ({
      kind: 'quantified',
      form: 'any',
      operand,
      operator: '=',
      array,
      span,
    }),
    row: (items: readonly Expression[]): Expression => ({ kind: 'row', items, span }),
    array: (items: readonly Expression[]): Expression => ({ kind: 'array', items, span }),
    field: (operand: Expression, field: string): Expression => ({
      kind: 'field',
      operand,
      name: name(field),
      span,
    }),
    choice: (
      branches: readonly { readonly when: Expression; readonly then: Expression }[],
      otherwise?: Expression,
    ): Expression => ({
      kind: 'case',
      branches,
      ...(otherwise === undefined ? {} : { otherwise }),
      span,
    }),
    call: (called: string, args: readonly Expression[]): CallExpression => ({
      kind: 'call',
      name: { parts: [{ name: called, quoted: false, span }], span },
      args,
      star: false,
      distinct: false,
      orderBy: [],
      span,
    }),
    query: (body: QueryBody): Query => ({
      kind: 'query',
      with: [],
      recursive: false,
      body,
      orderBy: [],
      span,
    }),
  };
}

export type Written = ReturnType<typeof writtenAt>;
