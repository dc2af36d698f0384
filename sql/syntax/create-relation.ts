import type { Expression, Identifier, QualifiedName } from './ast.ts';
import { parseExpression, parseRestricted } from './expressions.ts';
import { parseOptions } from './options.ts';
import { parseQuery } from './queries.ts';
import type {
  CheckDefinition,
  ColumnDefinition,
  CreateRelation,
  CreateTableAs,
  TableConflict,
  UniqueDefinition,
  WatermarkDefinition,
} from './statement-ast.ts';
import type { TokenStream } from './token-stream.ts';
import { parseTypeName } from './type-names.ts';

/** `CREATE SOURCE | TABLE name (columns and constraints) ...`, from the name on. */
export function parseCreateRelation(
  stream: TokenStream,
  mark: number,
  relation: 'source' | 'table',
): CreateRelation | CreateTableAs {
  const ifNotExists = stream.acceptWord('if', 'not', 'exists');
  const name = stream.qualifiedName(`a ${relation} name`);
  if (relation === 'table' && (stream.isWord('as') || isNamesBeforeAs(stream))) {
    return parseTableAs(stream, name, ifNotExists, mark);
  }
  const parts: Parts = { columns: [], watermarks: [], primaryKey: [], checks: [], uniques: [] };
  stream.list(() => parsePart(stream, parts));
  const appendOnly = stream.acceptWord('append', 'only');
  const onConflict = relation === 'table' ? parseTableConflict(stream) : undefined;
  while (stream.isWord('include')) parts.columns.push(parseInclude(stream));
  const options = parseOptions(stream);
  if (stream.isOneOf('inherits', 'partition', 'using', 'on', 'tablespace', 'without', 'format')) {
    throw stream.unsupported(`${stream.peek().text.toUpperCase()} of a ${relation}`);
  }
  return {
    kind: 'create-relation',
    relation,
    name,
    ifNotExists,
    ...parts,
    appendOnly,
    ...(onConflict === undefined ? {} : { onConflict }),
    options,
    span: stream.span(mark),
  };
}

/**
 * RisingWave's `ON CONFLICT OVERWRITE | IGNORE | DO UPDATE IF NOT NULL`, or as it is now
 * `DO UPDATE FULL | DO NOTHING`.
 */
function parseTableConflict(stream: TokenStream): TableConflict | undefined {
  if (!stream.acceptWord('on', 'conflict')) return undefined;
  let action: TableConflict | undefined;
  if (stream.acceptWord('ignore') || stream.acceptWord('do', 'nothing')) action = 'ignore';
  else if (stream.acceptWord('do', 'update', 'if', 'not', 'null')) action = 'fill';
  else if (!stream.acceptWord('overwrite') && !stream.acceptWord('do', 'update', 'full')) {
    throw stream.expected('OVERWRITE, IGNORE or DO UPDATE IF NOT NULL');
  }
  if (stream.isWord('with', 'version')) throw stream.unsupported('WITH VERSION COLUMN');
  return action;
}

/** `(a, b) AS`: names without types. */
function isNamesBeforeAs(stream: TokenStream): boolean {
  if (!stream.isOperator('(')) return false;
  let ahead = 2;
  while (stream.isOperator(',', ahead)) ahead += 2;
  const after = stream.peek(ahead + 1);
  return stream.isOperator(')', ahead) && after.kind === 'word' && after.text === 'as';
}

function parseTableAs(
  stream: TokenStream,
  name: QualifiedName,
  ifNotExists: boolean,
  mark: number,
): CreateTableAs {
  const columns = stream.isOperator('(')
    ? stream.list(() => stream.identifier('a column name'))
    : [];
  stream.expectWord('as');
  const query = parseQuery(stream);
  const noData = stream.acceptWord('with', 'no', 'data');
  if (!noData) stream.acceptWord('with', 'data');
  return {
    kind: 'create-table-as',
    name,
    ifNotExists,
    columns,
    query,
    ...(noData ? { noData } : {}),
    span: stream.span(mark),
  };
}

interface Parts {
  readonly columns: ColumnDefinition[];
  readonly watermarks: WatermarkDefinition[];
  readonly primaryKey: Identifier[];
  primaryKeyName?: Identifier;
  readonly checks: CheckDefinition[];
  readonly uniques: UniqueDefinition[];
}

function parsePart(stream: TokenStream, parts: Parts): void {
  const mark = stream.mark();
  const name: { name?: Identifier } = stream.acceptWord('constraint')
    ? { name: stream.identifier('a constraint name') }
    : {};
  if (stream.isWord('primary', 'key')) {
    if (parts.primaryKey.length > 0) throw stream.expected('no second PRIMARY KEY');
    stream.expectWord('primary', 'key');
    parts.primaryKey.push(...stream.list(() => stream.identifier('a column name')));
    if (name.name !== undefined) parts.primaryKeyName = name.name;
  } else if (stream.acceptWord('unique')) {
    if (stream.isWord('nulls')) throw stream.unsupported('NULLS of a UNIQUE constraint');
    const columns = stream.list(() => stream.identifier('a column name'));
    parts.uniques.push({ ...name, columns, span: stream.span(mark) });
  } else if (stream.isWord('check')) {
    parts.checks.push({ ...name, ...parseCheck(stream, mark) });
  } else if (stream.isOneOf('foreign', 'exclude')) {
    throw stream.unsupported(`a ${stream.peek().text.toUpperCase()} constraint`);
  } else if ('name' in name) {
    throw stream.expected('PRIMARY KEY, UNIQUE or CHECK');
  } else if (stream.isWord('watermark', 'for')) {
    parts.watermarks.push(parseWatermark(stream));
  } else if (stream.isWord('like')) {
    throw stream.unsupported('LIKE another table');
  } else {
    parts.columns.push(parseColumn(stream));
  }
}

function parseCheck(stream: TokenStream, mark: number): CheckDefinition {
  stream.expectWord('check');
  stream.expectOperator('(');
  const expression = parseExpression(stream);
  stream.expectOperator(')');
  if (stream.isWord('no', 'inherit')) throw stream.unsupported('NO INHERIT');
  return { expression, span: stream.span(mark) };
}

function parseWatermark(stream: TokenStream): WatermarkDefinition {
  const mark = stream.mark();
  stream.expectWord('watermark', 'for');
  const column = stream.identifier('a column name');
  stream.expectWord('as');
  const expression = parseExpression(stream);
  return { column, expression, span: stream.span(mark) };
}

const foreignConstraints =
  'collate compression deferrable initially options references storage'.split(' ');

export function parseColumn(stream: TokenStream): ColumnDefinition {
  const mark = stream.mark();
  const name = stream.identifier('a column name or PRIMARY KEY');
  const typeName = parseTypeName(stream);
  let notNull = false;
  let isNull = false;
  let primaryKey = false;
  let unique = false;
  let primaryKeyName: Identifier | undefined;
  let uniqueName: Identifier | undefined;
  let defaultValue: Expression | undefined;
  let generated: Expression | undefined;
  let metadata: string | undefined;
  const checks: CheckDefinition[] = [];
  for (;;) {
    const at = stream.mark();
    const named = stream.acceptWord('constraint')
      ? stream.identifier('a constraint name')
      : undefined;
    // What NOT NULL, NULL and DEFAULT are called is never shown.
    if (stream.acceptWord('not', 'null')) notNull = true;
    else if (stream.acceptWord('primary', 'key')) {
      primaryKey = true;
      if (named !== undefined) primaryKeyName = named;
    } else if (stream.acceptWord('as')) generated = parseExpression(stream);
    else if (stream.acceptWord('unique')) {
      unique = true;
      if (named !== undefined) uniqueName = named;
    } else if (stream.isWord('check')) {
      checks.push({ ...(named && { name: named }), ...parseCheck(stream, at) });
    } else if (stream.acceptWord('default')) defaultValue = parseRestricted(stream);
    else if (stream.isWord('generated')) generated = parseGenerated(stream);
    else if (stream.isWord('metadata')) metadata = parseMetadata(stream, name);
    else if (stream.isOneOf(...foreignConstraints)) {
      throw stream.unsupported(`${stream.peek().text.toUpperCase()} on a column`);
    } else if (stream.acceptWord('null')) isNull = true;
    else if (named !== undefined) throw stream.expected('a constraint');
    else break;
  }
  if (isNull && (notNull || primaryKey)) {
    throw stream.syntaxError('a column cannot be both NULL and NOT NULL', undefined, mark);
  }
  return {
    name,
    typeName,
    notNull,
    primaryKey,
    unique,
    checks,
    ...(primaryKeyName === undefined ? {} : { primaryKeyName }),
    ...(uniqueName === undefined ? {} : { uniqueName }),
    ...(defaultValue === undefined ? {} : { defaultValue }),
    ...(generated === undefined ? {} : { generated }),
    ...(metadata === undefined ? {} : { metadata }),
    span: stream.span(mark),
  };
}

function parseGenerated(stream: TokenStream): Expression {
  stream.expectWord('generated');
  if (stream.isWord('by')) throw stream.unsupported('GENERATED BY DEFAULT');
  stream.expectWord('always', 'as');
  if (stream.isWord('identity')) throw stream.unsupported('an IDENTITY column');
  stream.expectOperator('(');
  const expression = parseExpression(stream);
  stream.expectOperator(')');
  if (stream.isWord('virtual')) throw stream.unsupported('a VIRTUAL column');
  stream.expectWord('stored');
  return expression;
}

/** Flink's spelling: `name type METADATA [FROM 'kind'] [VIRTUAL]`. */
function parseMetadata(stream: TokenStream, { name }: Identifier): string {
  stream.expectWord('metadata');
  let kind = name;
  if (stream.acceptWord('from')) {
    if (stream.peek().kind !== 'string') throw stream.expected("a kind, as in FROM 'offset'");
    kind = stream.next().text;
  }
  stream.acceptWord('virtual');
  return kind;
}

/** RisingWave's spelling, after the columns: `INCLUDE offset [AS name]`; the type is the kind's. */
function parseInclude(stream: TokenStream): ColumnDefinition {
  const mark = stream.mark();
  stream.expectWord('include');
  const kind = stream.label('what to include: topic, queue, offset, key, tag ...');
  const name = stream.acceptWord('as') ? stream.identifier('a column name') : kind;
  return {
    name,
    typeName: {
      name: metadataTypes[kind.name] ?? 'text',
      modifiers: [],
      arrayDepth: 0,
      span: kind.span,
    },
    notNull: false,
    primaryKey: false,
    unique: false,
    checks: [],
    metadata: kind.name,
    span: stream.span(mark),
  };
}

/** Types of the kinds that are no text. */
const metadataTypes: Readonly<Record<string, string>> = {
  queue: 'integer',
  partition: 'integer',
  offset: 'bigint',
  timestamp: 'timestamptz',
  store_timestamp: 'timestamptz',
  born_timestamp: 'timestamptz',
};
