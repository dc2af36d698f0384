import type {
  CallExpression,
  CaseExpression,
  CommonTable,
  Expression,
  FrameBound,
  GroupingElement,
  Identifier,
  JoinTable,
  LikeExpression,
  LiteralExpression,
  OrderItem,
  QualifiedName,
  Query,
  QueryBody,
  Select,
  SelectItem,
  SubqueryExpression,
  Subscript,
  TableAlias,
  TableExpression,
  TypeName,
  WindowFrame,
  WindowSpec,
} from './ast.ts';
import { jsonAggregate, jsonConstructor, jsonQuery, jsonTable } from './json-printer.ts';
import { columnNameOnly, functionOrType, reserved } from './keywords.ts';
import type { WithClause } from './statement-ast.ts';

/**
 * Expressions and queries as text, every compound expression in parentheses, so that no rule of
 * precedence is needed to read it. Invariant: the text parses to the same tree, spans apart.
 * PostgreSQL's parser must read the text as it read the original one, which shows what our parser
 * understood. Statements: statement-printer.ts.
 */
export function printExpression(node: Expression): string {
  switch (node.kind) {
    case 'literal':
      return literal(node.literal);
    case 'column':
      return node.parts.map(identifier).join('.');
    case 'star': {
      const star =
        node.operand === undefined
          ? [...node.relation.map(identifier), '*'].join('.')
          : `${indirected(node.operand)}.*`;
      if (node.except === undefined) return star;
      return `${star} EXCEPT (${node.except.map(printExpression).join(', ')})`;
    }
    case 'parameter':
      return `$${node.index}`;
    case 'unary':
      return `(${node.operator.toUpperCase()} ${printExpression(node.operand)})`;
    case 'binary':
      return `(${printExpression(node.left)} ${node.operator.toUpperCase()} ${printExpression(node.right)})`;
    case 'is': {
      const test =
        node.test === 'distinct'
          ? `DISTINCT FROM ${printExpression(node.right!)}`
          : node.test === 'json'
            ? words(
                'JSON',
                node.json!.type.toUpperCase(),
                node.json!.hasUniqueKeys && 'WITH UNIQUE KEYS',
              )
            : node.test.toUpperCase();
      return `(${printExpression(node.operand)} IS ${node.negated ? 'NOT ' : ''}${test})`;
    }
    case 'between': {
      const word = words(node.negated && 'NOT', 'BETWEEN', node.symmetric && 'SYMMETRIC');
      return `(${printExpression(node.operand)} ${word} ${printExpression(node.low)} AND ${printExpression(node.high)})`;
    }
    case 'in': {
      const list = 'kind' in node.list ? query(node.list) : expressions(node.list);
      return `(${printExpression(node.operand)} ${node.negated ? 'NOT ' : ''}IN (${list}))`;
    }
    case 'like':
      return like(node);
    case 'case':
      return caseExpression(node);
    case 'cast':
      return `CAST(${printExpression(node.operand)} AS ${typeName(node.typeName)})`;
    case 'call':
      return call(node);
    case 'json-query':
      return jsonQuery(node);
    case 'json-constructor':
      return jsonConstructor(node);
    case 'subquery':
      return subquery(node);
    case 'array':
      return `ARRAY[${expressions(node.items)}]`;
    case 'row':
      return `ROW(${expressions(node.items)})`;
    case 'quantified':
      return `(${printExpression(node.operand)} ${node.operator} ${node.form.toUpperCase()} (${printExpression(node.array)}))`;
    case 'subscript':
      return `${indirected(node.operand)}${node.subscripts.map(subscript).join('')}`;
    case 'field':
      return `${indirected(node.operand)}.${identifier(node.name)}`;
    case 'named':
      return `${identifier(node.name)} => ${printExpression(node.value)}`;
  }
}

// ---- words -------------------------------------------------------------------------------------

export function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined && part !== '').join(' ');
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function identifier({ name, quoted }: Identifier): string {
  return quoted ? quote(name) : name;
}

export function qualified({ parts }: QualifiedName): string {
  return parts.map(identifier).join('.');
}

export function identifiers(names: readonly Identifier[]): string {
  return names.length === 0 ? '' : `(${names.map(identifier).join(', ')})`;
}

function expressions(items: readonly Expression[]): string {
  return items.map(printExpression).join(', ');
}

export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

// ---- expressions -------------------------------------------------------------------------------

function literal(value: LiteralExpression['literal']): string {
  switch (value.type) {
    case 'null':
      return 'NULL';
    case 'boolean':
      return value.value ? 'TRUE' : 'FALSE';
    case 'integer':
    case 'decimal':
      return value.text;
    case 'string':
      return text(value.value);
    case 'typed':
      return words(typeName(value.typeName), text(value.value), value.fields);
  }
}

/** Keywords that are themselves the names of types. */
const typeWords = new Set(['interval', 'numeric', 'time', 'timestamp', 'varchar', 'json']);
/** Words that a type may begin with and that mean another type, or more than one word. */
const otherTypes =
  /^(?:int|integer|smallint|bigint|real|dec|decimal|boolean|char|character|float)$/;

export function typeName(type: TypeName): string {
  const { name } = type;
  const isKeyword = reserved.has(name) || functionOrType.has(name) || columnNameOnly.has(name);
  const isPlain =
    /^[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*$/.test(name) &&
    (!isKeyword || typeWords.has(name)) &&
    !otherTypes.test(name);
  const modifiers = type.modifiers.length === 0 ? '' : `(${type.modifiers.join(', ')})`;
  return `${isPlain ? name : quote(name)}${modifiers}${'[]'.repeat(type.arrayDepth)}`;
}

function like(node: LikeExpression): string {
  const word = node.flavour === 'similar' ? 'SIMILAR TO' : node.flavour.toUpperCase();
  const inner = words(
    printExpression(node.operand),
    node.negated && 'NOT',
    word,
    printExpression(node.pattern),
    node.escape && `ESCAPE ${printExpression(node.escape)}`,
  );
  return `(${inner})`;
}

/** One list of brackets and fields is one node in PostgreSQL's tree, however long. */
function indirected(node: Expression): string {
  const goesOn = node.kind === 'subscript' || node.kind === 'field' || node.kind === 'subquery';
  return goesOn ? printExpression(node) : `(${printExpression(node)})`;
}

function subscript({ isSlice, lower, upper }: Subscript): string {
  const [from, to] = [lower, upper].map((bound) => (bound ? printExpression(bound) : ''));
  return isSlice ? `[${from}:${to}]` : `[${to}]`;
}

function caseExpression(node: CaseExpression): string {
  return words(
    'CASE',
    node.operand && printExpression(node.operand),
    ...node.branches.map(
      ({ when, then }) => `WHEN ${printExpression(when)} THEN ${printExpression(then)}`,
    ),
    node.otherwise && `ELSE ${printExpression(node.otherwise)}`,
    'END',
  );
}

function call(node: CallExpression): string {
  const [first, second] = node.args;
  const only = node.name.parts.length === 1 ? node.name.parts[0]! : undefined;
  const word = only?.quoted === false ? only.name : undefined;
  if (word === 'extract')
    return `EXTRACT(${printExpression(first!)} FROM ${printExpression(second!)})`;
  if (word === 'position') {
    return `POSITION(${printExpression(second!)} IN ${printExpression(first!)})`;
  }
  const isValue = word !== undefined && (reserved.has(word) || word === 'current_schema');
  if (isValue && node.args.length === 0) return word;
  const inOrder = node.withinGroup === undefined && orderBy(node.orderBy);
  const args =
    node.json === undefined
      ? words(node.star && '*', node.distinct && 'DISTINCT', expressions(node.args), inOrder)
      : jsonAggregate(node.args, node.json, inOrder);
  return words(
    `${qualified(node.name)}(${args})`,
    node.withinGroup && `WITHIN GROUP (${orderBy(node.orderBy)})`,
    node.filter && `FILTER (WHERE ${printExpression(node.filter)})`,
    node.over && `OVER ${'name' in node.over ? identifier(node.over) : window(node.over)}`,
  );
}

function window(spec: WindowSpec): string {
  const inner = words(
    spec.base && identifier(spec.base),
    spec.partitionBy.length > 0 && `PARTITION BY ${expressions(spec.partitionBy)}`,
    orderBy(spec.orderBy),
    spec.frame && frame(spec.frame),
  );
  return `(${inner})`;
}

function frame({ mode, start, end, exclude }: WindowFrame): string {
  return words(
    mode.toUpperCase(),
    `BETWEEN ${frameBound(start)} AND ${frameBound(end)}`,
    exclude !== 'none' && `EXCLUDE ${exclude.toUpperCase()}`,
  );
}

function frameBound({ kind, offset }: FrameBound): string {
  return words(offset && printExpression(offset), kind.toUpperCase());
}

function subquery(node: SubqueryExpression): string {
  const inner = `(${query(node.query)})`;
  switch (node.form) {
    case 'scalar':
    case 'row':
      return inner;
    case 'exists':
      return `EXISTS ${inner}`;
    case 'array':
      return `ARRAY${inner}`;
    case 'any':
    case 'all':
      return `(${printExpression(node.operand!)} ${node.operator} ${node.form.toUpperCase()} ${inner})`;
  }
}

// ---- queries -----------------------------------------------------------------------------------

export function withClause({ tables, recursive }: WithClause): string {
  if (tables.length === 0) return '';
  return `WITH ${recursive ? 'RECURSIVE ' : ''}${tables.map(commonTable).join(', ')}`;
}

export function commonTable(item: CommonTable): string {
  const { search, cycle } = item;
  const list = (names: readonly Identifier[]) => names.map(identifier).join(', ');
  return words(
    `${identifier(item.name)}${identifiers(item.columns)} AS (${query(item.query)})`,
    search && `SEARCH ${search.order} FIRST BY ${list(search.by)} SET ${identifier(search.set)}`,
    cycle && `CYCLE ${list(cycle.columns)} SET ${identifier(cycle.mark)}`,
    cycle?.values &&
      `TO ${printExpression(cycle.values.met)} DEFAULT ${printExpression(cycle.values.otherwise)}`,
    cycle && `USING ${identifier(cycle.path)}`,
  );
}

export function query(node: Query): string {
  return words(
    withClause({ tables: node.with, recursive: node.recursive }),
    body(node.body),
    orderBy(node.orderBy),
    node.limit && !node.withTies && `LIMIT ${printExpression(node.limit)}`,
    node.limit && node.withTies && `FETCH FIRST (${printExpression(node.limit)}) ROWS WITH TIES`,
    node.offset && `OFFSET ${printExpression(node.offset)}`,
  );
}

/** Parentheses around a body make it a query; the parser never needs them around a set operation. */
function body(node: QueryBody): string {
  switch (node.kind) {
    case 'query':
      return `(${query(node)})`;
    case 'values':
      return `VALUES ${node.rows.map((row) => `(${expressions(row)})`).join(', ')}`;
    case 'set':
      return words(
        body(node.left),
        node.operator.toUpperCase(),
        node.all && 'ALL',
        body(node.right),
      );
    case 'select':
      return select(node);
  }
}

function select(node: Select): string {
  return words(
    'SELECT',
    node.distinct === 'all' && 'DISTINCT',
    typeof node.distinct !== 'string' && `DISTINCT ON (${expressions(node.distinct)})`,
    node.items.map(selectItem).join(', '),
    node.from.length > 0 && `FROM ${node.from.map(table).join(', ')}`,
    node.where && `WHERE ${printExpression(node.where)}`,
    node.groupBy.length > 0 &&
      `GROUP BY ${node.groupByDistinct ? 'DISTINCT ' : ''}${node.groupBy.map(grouping).join(', ')}`,
    node.having && `HAVING ${printExpression(node.having)}`,
    node.windows &&
      `WINDOW ${node.windows.map((item) => `${identifier(item.name)} AS ${window(item.window)}`).join(', ')}`,
  );
}

export function selectItem({ expression, alias: label }: SelectItem): string {
  return words(printExpression(expression), label && `AS ${identifier(label)}`);
}

function grouping(node: GroupingElement): string {
  if (node.kind !== 'grouping-sets') return printExpression(node);
  // A row here is a list, unless the user wrote ROW; both print alike and mean the same.
  const item = (element: GroupingElement) =>
    element.kind === 'row' ? `(${expressions(element.items)})` : grouping(element);
  const items = `(${node.items.map(item).join(', ')})`;
  if (node.form === 'empty') return items;
  return `${node.form === 'sets' ? 'GROUPING SETS' : node.form.toUpperCase()} ${items}`;
}

function orderBy(items: readonly OrderItem[]): string {
  if (items.length === 0) return '';
  const printed = items.map((item) =>
    words(
      printExpression(item.expression),
      item.using ? `USING ${item.descending ? '>' : '<'}` : item.descending && 'DESC',
      item.nullsFirst !== undefined && (item.nullsFirst ? 'NULLS FIRST' : 'NULLS LAST'),
    ),
  );
  return `ORDER BY ${printed.join(', ')}`;
}

export function table(node: TableExpression): string {
  switch (node.kind) {
    case 'relation':
      return words(qualified(node.name), alias(node.alias));
    case 'derived':
      return words(node.lateral && 'LATERAL', `(${query(node.query)})`, alias(node.alias));
    case 'function':
      return words(
        node.lateral && 'LATERAL',
        node.rowsFrom === undefined
          ? call(node.call)
          : `ROWS FROM (${[node.call, ...node.rowsFrom].map(call).join(', ')})`,
        node.ordinality === true && 'WITH ORDINALITY',
        node.definition === undefined
          ? alias(node.alias)
          : `AS ${node.alias === undefined ? '' : identifier(node.alias.name)} (${node.definition
              .map((field) => `${identifier(field.name)} ${typeName(field.typeName)}`)
              .join(', ')})`,
      );
    case 'json-table':
      return words(node.lateral && 'LATERAL', jsonTable(node), alias(node.alias));
    case 'join':
      return words(`(${join(node)})`, alias(node.alias));
  }
}

function alias(node: TableAlias | undefined): string {
  return node === undefined ? '' : `AS ${identifier(node.name)}${identifiers(node.columns)}`;
}

function join(node: JoinTable): string {
  return words(
    table(node.left),
    node.natural && 'NATURAL',
    `${node.type.toUpperCase()} JOIN`,
    table(node.right),
    node.on && `ON ${printExpression(node.on)}`,
    node.using && `USING ${identifiers(node.using)}`,
    node.usingAlias && `AS ${identifier(node.usingAlias)}`,
  );
}
