import type {
  Expression,
  JsonAggregate,
  JsonBehaviour,
  JsonConstructor,
  JsonFormat,
  JsonInput,
  JsonQueryExpression,
  JsonTable,
  JsonTableColumn,
} from './ast.ts';
import { identifier, printExpression, query, text, typeName, words } from './printer.ts';

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

export function jsonConstructor(node: JsonConstructor): string {
  const { form } = node;
  const members = node.members
    .map(
      ({ key, value }) =>
        (key === undefined ? '' : `${printExpression(key)} : `) + jsonInput(value),
    )
    .join(', ');
  // Without members, and for a query, the grammar has no place for what NULLs and keys do.
  const hasClauses = node.members.length > 0;
  const inner = words(
    node.query === undefined ? members : query(node.query),
    format(node.format),
    hasClauses && (form === 'object' || form === 'array') && nulls(node),
    hasClauses && node.uniqueKeys && 'WITH UNIQUE KEYS',
    returning(node.returning),
  );
  return `${constructorNames[form]}(${inner})`;
}

const constructorNames: Readonly<Record<JsonConstructor['form'], string>> = {
  object: 'JSON_OBJECT',
  array: 'JSON_ARRAY',
  query: 'JSON_ARRAY',
  parse: 'JSON',
  scalar: 'JSON_SCALAR',
  serialize: 'JSON_SERIALIZE',
};

/** What stands in the parentheses of JSON_OBJECTAGG and JSON_ARRAYAGG. */
export function jsonAggregate(
  args: readonly Expression[],
  json: JsonAggregate,
  orderBy: string | false,
): string {
  return words(
    args.map(printExpression).join(' : '),
    format(json.format),
    orderBy,
    nulls(json),
    json.uniqueKeys && 'WITH UNIQUE KEYS',
    returning(json.returning),
  );
}

export function jsonTable(node: JsonTable): string {
  const inner = words(
    `${jsonInput(node.document)}, ${printExpression(node.path)}`,
    node.pathName && `AS ${identifier(node.pathName)}`,
    passing(node.passing),
    tableColumns(node.columns),
    behaviours(node),
  );
  return `JSON_TABLE(${inner})`;
}

function tableColumns(columns: readonly JsonTableColumn[]): string {
  return `COLUMNS (${columns.map(tableColumn).join(', ')})`;
}

function tableColumn(column: JsonTableColumn): string {
  switch (column.kind) {
    case 'ordinality':
      return `${identifier(column.name)} FOR ORDINALITY`;
    case 'nested':
      return words(
        `NESTED PATH ${text(column.path)}`,
        column.pathName && `AS ${identifier(column.pathName)}`,
        tableColumns(column.columns),
      );
    default:
      return words(
        `${identifier(column.name)} ${typeName(column.typeName)}`,
        column.kind === 'exists' && 'EXISTS',
        format(column.format),
        column.path !== undefined && `PATH ${text(column.path)}`,
        shape(column),
        behaviours(column),
      );
  }
}

function nulls({ absentOnNull }: Pick<JsonAggregate, 'absentOnNull'>): string {
  return absentOnNull ? 'ABSENT ON NULL' : 'NULL ON NULL';
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
