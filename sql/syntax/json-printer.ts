import type { JsonBehaviour, JsonFormat, JsonInput, JsonQueryExpression } from './ast.ts';
import { identifier, printExpression, typeName, words } from './printer.ts';

/** The calls of SQL/JSON as text (the parser: json-calls.ts). */

export function jsonQuery(node: JsonQueryExpression): string {
  const inner = words(
    `${jsonInput(node.document)}, ${printExpression(node.path)}`,
    passing(node.passing),
    returning(node.returning),
    shape(node),
    behaviours(node),
  );
  return `JSON_${node.form.toUpperCase()}(${inner})`;
}

function jsonInput({ expression, format: as }: JsonInput): string {
  return words(printExpression(expression), format(as));
}

function format(node: JsonFormat | undefined): string {
  if (node === undefined) return '';
  return words('FORMAT JSON', node.encoding && `ENCODING ${node.encoding}`);
}

function passing(items: JsonQueryExpression['passing']): string {
  if (items.length === 0) return '';
  const printed = items.map(({ name, value }) => `${jsonInput(value)} AS ${identifier(name)}`);
  return `PASSING ${printed.join(', ')}`;
}

function returning(node: JsonQueryExpression['returning']): string {
  return node === undefined ? '' : words('RETURNING', typeName(node.typeName), format(node.format));
}

function shape({ wrapper, quotes }: Pick<JsonQueryExpression, 'wrapper' | 'quotes'>): string {
  return words(
    wrapper &&
      (wrapper === 'without' ? 'WITHOUT WRAPPER' : `WITH ${wrapper.toUpperCase()} WRAPPER`),
    quotes && `${quotes.toUpperCase()} QUOTES`,
  );
}

function behaviours({
  onEmpty,
  onError,
}: Pick<JsonQueryExpression, 'onEmpty' | 'onError'>): string {
  return words(
    onEmpty && `${behaviour(onEmpty)} ON EMPTY`,
    onError && `${behaviour(onError)} ON ERROR`,
  );
}

function behaviour({ what, expression }: JsonBehaviour): string {
  return words(what.toUpperCase(), expression && printExpression(expression));
}
