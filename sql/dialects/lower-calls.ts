import type { CallExpression, Expression, Identifier } from '../syntax/ast.ts';
import { literalKey } from './account.ts';
import { type Lowering, nowhere, refused, type Tree, word } from './foreign-tree.ts';

/** Functions of other dialects that PostgreSQL has by another name. */
const renamed: Readonly<Record<string, string>> = {
  ifnull: 'coalesce',
  nvl: 'coalesce',
  len: 'length',
  ucase: 'upper',
  lcase: 'lower',
  ceiling: 'ceil',
  pow: 'power',
  truncate: 'trunc',
  group_concat: 'string_agg',
  listagg: 'string_agg',
  getdate: 'now',
  rand: 'random',
  startswith: 'starts_with',
  json_arrayagg: 'jsonb_agg',
};

export function plainCall(name: string, args: readonly Expression[]): CallExpression {
  const only: Identifier = { name, quoted: false, span: nowhere };
  return {
    kind: 'call',
    name: { parts: [only], span: nowhere },
    args,
    star: false,
    distinct: false,
    orderBy: [],
    span: nowhere,
  };
}

export function binary(left: Expression, operator: string, right: Expression): Expression {
  return { kind: 'binary', operator, operatorSpan: nowhere, left, right, span: nowhere };
}

export function integer(text: string): Expression {
  return { kind: 'literal', literal: { type: 'integer', text }, span: nowhere };
}

/** What the call of a function becomes; `given` is its name in lower case. */
export function lowerCall(
  lowering: Lowering,
  given: string,
  args: readonly Expression[],
  trees: readonly Tree[],
): Expression {
  const { account, traits } = lowering;
  const [first, second, third] = args;
  if ((given === 'if' || given === 'iff' || given === 'iif') && args.length === 3) {
    account.replaced([given], ['case', 'when', 'then', 'else', 'end']);
    const branches = [{ when: first!, then: second! }];
    return { kind: 'case', branches, otherwise: third!, span: nowhere };
  }
  if (given === 'isnull') {
    if (args.length !== 2) throw refused('isnull of one value');
    account.replaced([given], ['coalesce']);
    return plainCall('coalesce', args);
  }
  if (given === 'concat' && traits.build !== 'transactsql' && traits.build !== 'sqlite') {
    // There a NULL makes all NULL; PostgreSQL's concat() leaves it out.
    account.replaced(
      [given],
      args.flatMap(() => ['cast', 'text']),
    );
    account.replaced(
      [],
      args.slice(1).map(() => '||'),
    );
    const texts = args.map(asText);
    return texts.slice(1).reduce((left, right) => binary(left, '||', right), texts[0]!);
  }
  if (/^(?:date_add|date_sub)$/.test(given)) {
    const operator = given === 'date_add' ? '+' : '-';
    account.replaced([given], [operator]);
    return binary(first!, operator, second!);
  }
  if (given === 'dateadd' && args.length === 3) {
    return addedUnits(lowering, word(trees[0]!.column), second!, third!);
  }
  if (given === 'mod') return plainCall('mod', args);
  const name = renamed[given] ?? given;
  if (name !== given) account.replaced([given], [name]);
  return plainCall(name, args);
}

function asText(operand: Expression): Expression {
  const typeName = { name: 'text', modifiers: [], arrayDepth: 0, span: nowhere };
  return { kind: 'cast', operand, typeName, span: nowhere };
}

/** DATEADD(unit, n, d): n times an interval of one unit. */
function addedUnits(
  { account }: Lowering,
  unit: string,
  count: Expression,
  date: Expression,
): Expression {
  if (!/^(?:year|month|week|day|hour|minute|second)$/.test(unit)) throw refused(`unit ${unit}`);
  account.replaced(['dateadd', unit], ['+', '*', 'interval', literalKey(`1 ${unit}`)]);
  return binary(date, '+', binary(count, '*', interval(`1 ${unit}`)));
}

export function interval(value: string): Expression {
  const typeName = { name: 'interval', modifiers: [], arrayDepth: 0, span: nowhere };
  return { kind: 'literal', literal: { type: 'typed', typeName, value }, span: nowhere };
}
