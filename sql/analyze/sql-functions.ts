import type { SqlType } from '../columns/types.ts';
import type { Expr } from '../plan/expr.ts';
import { mapColumns, unplaced } from '../plan/expr-tools.ts';
import type { Expression, Identifier, Span } from '../syntax/ast.ts';
import { parseStatement } from '../syntax/parser.ts';
import type { CreateFunction } from '../syntax/statement-ast.ts';
import { coerce } from './coerce.ts';
import { type Context, complain, resolveType, unsupported } from './context.ts';
import { analyzeExpression } from './expressions.ts';
import { relationScope } from './scope.ts';

/** CREATE FUNCTION ... LANGUAGE sql: an expression over its parameters, put in where it is called. */
export interface SqlFunction {
  readonly id: number;
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: SqlType }[];
  readonly returns: SqlType;
  readonly body: Expression;
  /** What the body's spans refer to. */
  readonly text: string;
}

/** Throws SQL_SEMANTIC, SQL_SYNTAX and UNSUPPORTED; positions of the body are the body's. */
export function defineFunction(
  context: Context,
  node: CreateFunction,
): Omit<SqlFunction, 'id' | 'name'> {
  const parameters = node.parameters.map(({ name, typeName }, index) => ({
    name: name?.name ?? `?${index + 1}`,
    type: resolveType(context, typeName),
  }));
  const statement = parseStatement(node.body.text);
  const body = statement.kind === 'query' ? statement.body : undefined;
  const isExpression =
    body?.kind === 'select' &&
    body.items.length === 1 &&
    body.from.length === 0 &&
    body.where === undefined &&
    body.groupBy.length === 0;
  if (!isExpression) {
    throw unsupported(
      context,
      node.body.span,
      'a function that is more than SELECT of an expression',
    );
  }
  const named = withNames(
    body.items[0]!.expression,
    parameters.map(({ name }) => name),
  );
  const made = {
    parameters,
    returns: resolveType(context, node.returns),
    body: named,
    text: node.body.text,
  };
  inlined(context, { ...made, id: 0, name: '' }, node.span);
  return made;
}

/** `$n` as the n-th parameter's name. */
function withNames(body: Expression, names: readonly string[]): Expression {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const node = value as { kind?: string; index?: number; span: Span };
    if (node.kind === 'parameter') {
      const name = names[node.index! - 1] ?? `?${node.index}`;
      const part: Identifier = { name, quoted: true, span: node.span };
      return { kind: 'column', parts: [part], span: node.span };
    }
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, walk(part)]));
  };
  return walk(body) as Expression;
}

/** The body over columns 0, 1, ... that stand for the parameters. */
function inlined(
  context: Context,
  { parameters, returns, body, text }: SqlFunction,
  span: Span,
): Expr {
  const fields = parameters.map(({ name, type }) => ({ name, type, nullable: true }));
  const columns = fields.map((_, index) => index);
  const scope = relationScope({ alias: '', fields, columns });
  const inside = { ...context, text, commonTables: [], outerScopes: [] };
  const expr = analyzeExpression({ context: inside, scope, clause: 'a function' }, body);
  return unplaced(coerce(context, { ...expr, span }, returns, 'assignment'));
}

/** The call of a user's function; `undefined` when there is none for the arguments. */
export function callSqlFunction(
  context: Context,
  name: string,
  args: readonly Expr[],
  span: Span,
): Expr | undefined {
  const found = context.catalog.findFunction?.(name, args.length);
  if (found === undefined) return undefined;
  if (context.depth > 30) {
    throw complain(context, span, 'functions are nested too deep', {
      code: 'RESOURCE_LIMIT',
      sqlState: '54001',
    });
  }
  const given = args.map((arg, index) =>
    coerce(context, arg, found.parameters[index]!.type, 'implicit'),
  );
  const body = inlined({ ...context, depth: context.depth + 1 }, found, span);
  return { ...mapColumns(body, ({ index }) => given[index]!), span };
}
