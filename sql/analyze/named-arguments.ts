import { parameterLists } from '../functions/parameter-names.ts';
import type { CallExpression, Expression, NamedArgument } from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';

/**
 * The call with its arguments by position (PostgreSQL 4.3): those by name stand behind the others,
 * and what is left out before the last one has its default. Throws 42601 and 42883.
 */
export function positional(context: Context, node: CallExpression): CallExpression {
  const first = node.args.findIndex(({ kind }) => kind === 'named');
  if (first < 0) return node;
  const given = new Map<string, Expression>();
  for (const arg of node.args.slice(first)) {
    if (arg.kind !== 'named') {
      const message = 'positional argument cannot follow named argument';
      throw complain(context, arg.span, message, { sqlState: '42601' });
    }
    const { name } = arg.name;
    if (given.has(name)) {
      const message = `argument name "${name}" used more than once`;
      throw complain(context, arg.span, message, { sqlState: '42601' });
    }
    given.set(name, arg.value);
  }
  const name = node.name.parts.at(-1)!.name;
  const own = context.catalog.findFunction?.(name, node.args.length)?.parameters;
  const lists = parameterLists(name) ?? (own === undefined ? [] : [own]);
  for (const parameters of lists) {
    const rest = placed(parameters.slice(first), given);
    if (rest !== undefined) return { ...node, args: [...node.args.slice(0, first), ...rest] };
  }
  const names = lists.map((list) => list.map((parameter) => parameter.name).join(', '));
  throw complain(
    context,
    node.span,
    `function ${name} with parameters called ${[...given.keys()].join(', ')} does not exist`,
    {
      sqlState: '42883',
      hint:
        names.length === 0
          ? 'Its arguments have no names: write them in their order.'
          : `Its parameters are ${names.join('; or ')}.`,
    },
  );
}

/** Values for the parameters up to the last one given; `undefined` when they do not fit. */
function placed(
  parameters: readonly { readonly name: string; readonly byDefault?: Expression }[],
  given: ReadonlyMap<string, Expression>,
): readonly Expression[] | undefined {
  const last = parameters.findLastIndex(({ name }) => given.has(name));
  const known = parameters.slice(0, last + 1);
  if (known.filter(({ name }) => given.has(name)).length < given.size) return undefined;
  const values = known.flatMap(({ name, byDefault }) => given.get(name) ?? byDefault ?? []);
  return values.length === known.length ? values : undefined;
}

/** For an argument by name where no call takes one. */
export function strayName(context: Context, node: NamedArgument) {
  const message = 'this function takes no arguments by name';
  return complain(context, node.span, message, { sqlState: '42883' });
}
