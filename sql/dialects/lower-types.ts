import type { TypeName } from '../syntax/ast.ts';
import { literalKey } from './account.ts';
import { type Lowering, nowhere, refused, type Tree, word } from './foreign-tree.ts';

/** PostgreSQL's short names of the types that dialects call otherwise; the rest mean what they say. */
const names: Readonly<Record<string, string>> = {
  signed: 'int8',
  'signed integer': 'int8',
  tinyint: 'int2',
  smallint: 'int2',
  mediumint: 'int4',
  int: 'int4',
  integer: 'int4',
  bigint: 'int8',
  int64: 'int8',
  number: 'numeric',
  decimal: 'numeric',
  numeric: 'numeric',
  bignumeric: 'numeric',
  float: 'float8',
  float64: 'float8',
  real: 'float4',
  double: 'float8',
  'double precision': 'float8',
  bool: 'bool',
  boolean: 'bool',
  bit: 'bool',
  char: 'bpchar',
  nchar: 'bpchar',
  varchar: 'varchar',
  nvarchar: 'varchar',
  text: 'text',
  string: 'text',
  blob: 'bytea',
  binary: 'bytea',
  varbinary: 'bytea',
  bytes: 'bytea',
  date: 'date',
  time: 'time',
  datetime: 'timestamp',
  datetime2: 'timestamp',
  timestamp: 'timestamp',
  timestamp_ntz: 'timestamp',
  timestamp_tz: 'timestamptz',
  json: 'jsonb',
  variant: 'jsonb',
};

/** As they stand for a whole number in CAST only: MySQL's. */
export function lowerType(lowering: Lowering, tree: Tree): TypeName {
  const given = word(tree.dataType);
  const name = names[given];
  if (name === undefined) throw refused(`type ${given}`);
  const modifiers = [tree.length, tree.scale]
    .filter((value) => value !== null && value !== undefined)
    .map((value) => modifier(lowering, value));
  const kept = /^(?:varchar|bpchar|numeric)$/.test(name) ? modifiers : [];
  // MySQL's BIGINT(20) says how wide it is shown.
  lowering.account.replaced(
    [...given.split(' '), ...modifiers.slice(kept.length).map((n) => literalKey(String(n)))],
    [name],
  );
  return { name, modifiers: kept, arrayDepth: 0, span: nowhere };
}

function modifier({ placeholders }: Lowering, value: unknown): number {
  const token = placeholders.token(value);
  if (token?.kind !== 'number') throw refused('such a type modifier');
  return Number(token.text);
}
