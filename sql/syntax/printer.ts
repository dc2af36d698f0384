import type {
  Assignment,
  CallExpression,
  CaseExpression,
  CheckDefinition,
  ColumnDefinition,
  CreateRelation,
  CreateView,
  Delete,
  Expression,
  FrameBound,
  GroupingElement,
  Identifier,
  Insert,
  JoinTable,
  LikeExpression,
  LiteralExpression,
  OrderItem,
  QualifiedName,
  Query,
  QueryBody,
  Select,
  SelectItem,
  Statement,
  SubqueryExpression,
  Subscript,
  TableAlias,
  TableExpression,
  TypeName,
  Update,
  WindowFrame,
  WindowSpec,
  WithOption,
} from './ast.ts';
import { columnNameOnly, functionOrType, reserved } from './keywords.ts';

/**
 * The syntax tree as text, every compound expression in parentheses, so that no rule of precedence
 * is needed to read it. Invariant: the text parses to the same tree, spans apart. PostgreSQL's
 * parser must read the text as it read the original one, which shows what our parser understood.
 */
export function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'query':
      return query(statement);
    case 'create-relation':
      return createRelation(statement);
    case 'create-view':
      return createView(statement);
    case 'create-topic':
      return words(
        'CREATE TOPIC',
        statement.ifNotExists && 'IF NOT EXISTS',
        identifier(statement.name),
        withOptions(statement.options),
      );
    case 'alter-topic':
      return words(
        'ALTER TOPIC',
        identifier(statement.name),
        'options' in statement.change
          ? withOptions(statement.change.options).replace('WITH', 'SET')
          : `MOVE QUEUE ${statement.change.queue} TO ${identifier(statement.change.partition)}`,
      );
    case 'drop':
      return words(
        `DROP ${statement.object.toUpperCase()}`,
        statement.ifExists && 'IF EXISTS',
        statement.names.map(qualified).join(', '),
        statement.cascade && 'CASCADE',
      );
    case 'insert':
      return insert(statement);
    case 'update':
      return update(statement);
    case 'delete':
      return remove(statement);
    case 'create-index':
      return words(
        'CREATE',
        statement.unique && 'UNIQUE',
        'INDEX',
        statement.ifNotExists && 'IF NOT EXISTS',
        statement.name && identifier(statement.name),
        `ON ${qualified(statement.table)} (${statement.columns
          .map(({ column: name, descending }) => words(identifier(name), descending && 'DESC'))
          .join(', ')})`,
      );
    case 'create-function': {
      const parameters = statement.parameters.map(({ name, typeName: type }) =>
        words(name && identifier(name), typeName(type)),
      );
      return words(
        `CREATE FUNCTION ${qualified(statement.name)}(${parameters.join(', ')})`,
        `RETURNS ${typeName(statement.returns)}`,
        `LANGUAGE sql AS ${text(statement.body.text)}`,
      );
    }
    case 'create-sink':
      return words(
        'CREATE SINK',
        statement.ifNotExists && 'IF NOT EXISTS',
        `${qualified(statement.name)} AS ${query(statement.source)} INTO`,
        statement.targetKind?.toUpperCase(),
        identifier(statement.target),
        withOptions(statement.options),
      );
    case 'rename':
      return words(
        `ALTER ${statement.object.toUpperCase()}`,
        statement.ifExists && 'IF EXISTS',
        qualified(statement.name),
        'RENAME',
        statement.column && `COLUMN ${identifier(statement.column)}`,
        `TO ${identifier(statement.newName)}`,
      );
    case 'explain':
      return words(
        'EXPLAIN',
        statement.analyze && 'ANALYZE',
        statement.form !== 'incremental' && statement.form.toUpperCase(),
        // EXPLAIN (SELECT ...) is a query too, but EXPLAIN (name) has options.
        statement.statement.kind === 'view-name'
          ? `MATERIALIZED VIEW ${qualified(statement.statement.name)}`
          : printStatement(statement.statement),
      );
    case 'show':
      if (statement.name !== undefined) {
        const object = statement.what === 'columns' ? 'COLUMNS FROM' : 'CREATE TABLE';
        return `SHOW ${object} ${qualified(statement.name)}`;
      }
      return `SHOW ${/^[a-z_][a-z0-9_]*( [a-z_][a-z0-9_]*)*$/.test(statement.what) ? statement.what : quote(statement.what)}`;
    case 'describe':
      return words(
        'DESCRIBE',
        statement.object === 'topic' ? 'TOPIC' : false,
        qualified(statement.name),
      );
    case 'flush':
      return 'FLUSH';
    case 'set': {
      const value = statement.value === undefined ? 'DEFAULT' : text(statement.value);
      if (statement.form === 'time zone') return `SET TIME ZONE ${value}`;
      if (statement.form !== 'reset') return `SET ${quote(statement.name)} = ${value}`;
      return statement.name === 'all' ? 'RESET ALL' : `RESET ${quote(statement.name)}`;
    }
  }
}

export function printExpression(node: Expression): string {
  switch (node.kind) {
    case 'literal':
      return literal(node.literal);
    case 'column':
      return node.parts.map(identifier).join('.');
    case 'star':
      return [...node.relation.map(identifier), '*'].join('.');
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
  }
}

// ---- words -------------------------------------------------------------------------------------

function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined && part !== '').join(' ');
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function identifier({ name, quoted }: Identifier): string {
  return quoted ? quote(name) : name;
}

function qualified({ parts }: QualifiedName): string {
  return parts.map(identifier).join('.');
}

function identifiers(names: readonly Identifier[]): string {
  return names.length === 0 ? '' : `(${names.map(identifier).join(', ')})`;
}

function expressions(items: readonly Expression[]): string {
  return items.map(printExpression).join(', ');
}

function text(value: string): string {
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

function typeName(type: TypeName): string {
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
  const args = words(
    node.star && '*',
    node.distinct && 'DISTINCT',
    expressions(node.args),
    node.withinGroup === undefined && orderBy(node.orderBy),
  );
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

function query(node: Query): string {
  const tables = node.with.map(
    (table) => `${identifier(table.name)}${identifiers(table.columns)} AS (${query(table.query)})`,
  );
  return words(
    tables.length > 0 && `WITH ${node.recursive ? 'RECURSIVE ' : ''}${tables.join(', ')}`,
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
    node.groupBy.length > 0 && `GROUP BY ${node.groupBy.map(grouping).join(', ')}`,
    node.having && `HAVING ${printExpression(node.having)}`,
    node.windows &&
      `WINDOW ${node.windows.map((item) => `${identifier(item.name)} AS ${window(item.window)}`).join(', ')}`,
  );
}

function selectItem({ expression, alias: label }: SelectItem): string {
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
      item.descending && 'DESC',
      item.nullsFirst !== undefined && (item.nullsFirst ? 'NULLS FIRST' : 'NULLS LAST'),
    ),
  );
  return `ORDER BY ${printed.join(', ')}`;
}

function table(node: TableExpression): string {
  switch (node.kind) {
    case 'relation':
      return words(qualified(node.name), alias(node.alias));
    case 'derived':
      return words(node.lateral && 'LATERAL', `(${query(node.query)})`, alias(node.alias));
    case 'function':
      return words(
        node.lateral && 'LATERAL',
        call(node.call),
        node.ordinality === true && 'WITH ORDINALITY',
        alias(node.alias),
      );
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
  );
}

// ---- statements --------------------------------------------------------------------------------

function withOptions(options: readonly WithOption[]): string {
  if (options.length === 0) return '';
  return `WITH (${options.map(({ name, value }) => `${quote(name)} = ${text(value)}`).join(', ')})`;
}

function createRelation(node: CreateRelation): string {
  const parts = [
    ...node.columns.map(column),
    ...(node.primaryKey.length === 0
      ? []
      : [
          words(
            node.primaryKeyName && `CONSTRAINT ${identifier(node.primaryKeyName)}`,
            `PRIMARY KEY ${identifiers(node.primaryKey)}`,
          ),
        ]),
    ...node.checks.map(check),
    ...node.uniques.map((item) =>
      words(
        item.name && `CONSTRAINT ${identifier(item.name)}`,
        `UNIQUE ${identifiers(item.columns)}`,
      ),
    ),
    ...node.watermarks.map(
      (mark) => `WATERMARK FOR ${identifier(mark.column)} AS ${printExpression(mark.expression)}`,
    ),
  ];
  return words(
    `CREATE ${node.relation.toUpperCase()}`,
    node.ifNotExists && 'IF NOT EXISTS',
    `${qualified(node.name)} (${parts.join(', ')})`,
    node.appendOnly && 'APPEND ONLY',
    withOptions(node.options),
  );
}

function column(node: ColumnDefinition): string {
  return words(
    identifier(node.name),
    typeName(node.typeName),
    node.notNull && 'NOT NULL',
    node.primaryKey && 'PRIMARY KEY',
    node.unique && 'UNIQUE',
    ...node.checks.map(check),
    node.defaultValue && `DEFAULT ${printExpression(node.defaultValue)}`,
    node.generated && `GENERATED ALWAYS AS (${printExpression(node.generated)}) STORED`,
    node.metadata && `METADATA FROM ${text(node.metadata)}`,
  );
}

function check(node: CheckDefinition): string {
  return words(
    node.name && `CONSTRAINT ${identifier(node.name)}`,
    `CHECK (${printExpression(node.expression)})`,
  );
}

function createView(node: CreateView): string {
  return words(
    'CREATE',
    node.orReplace && 'OR REPLACE',
    node.materialized && 'MATERIALIZED',
    'VIEW',
    node.ifNotExists && 'IF NOT EXISTS',
    `${qualified(node.name)}${identifiers(node.columns)}`,
    withOptions(node.options),
    `AS ${query(node.query)}`,
  );
}

function insert(node: Insert): string {
  return words(
    `INSERT INTO ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    identifiers(node.columns),
    node.source === undefined ? 'DEFAULT VALUES' : query(node.source),
    node.onConflict &&
      words(
        'ON CONFLICT',
        node.conflictColumns && identifiers(node.conflictColumns),
        onConflict(node.onConflict),
      ),
    returning(node.returning),
  );
}

function onConflict(action: NonNullable<Insert['onConflict']>): string {
  if (action === 'nothing') return 'DO NOTHING';
  if (action === 'replace') return 'DO UPDATE';
  return words('DO UPDATE', set(action.assignments), where(action.where));
}

function set(assignments: readonly Assignment[]): string {
  const items = assignments.map(
    ({ column: name, value }) =>
      `${identifier(name)} = ${value === undefined ? 'DEFAULT' : printExpression(value)}`,
  );
  return `SET ${items.join(', ')}`;
}

function where(condition: Expression | undefined): string {
  return condition === undefined ? '' : `WHERE ${printExpression(condition)}`;
}

function returning(items: readonly SelectItem[] | undefined): string {
  return items === undefined ? '' : `RETURNING ${items.map(selectItem).join(', ')}`;
}

function tables(word: string, items: readonly TableExpression[]): string {
  return items.length === 0 ? '' : `${word} ${items.map(table).join(', ')}`;
}

function update(node: Update): string {
  return words(
    `UPDATE ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    set(node.assignments),
    tables('FROM', node.from),
    where(node.where),
    returning(node.returning),
  );
}

function remove(node: Delete): string {
  return words(
    `DELETE FROM ${qualified(node.table)}`,
    node.alias && `AS ${identifier(node.alias)}`,
    tables('USING', node.using),
    where(node.where),
    returning(node.returning),
  );
}
