import type { SqlType, TypeKind } from './types.ts';

const names: Record<TypeKind, string> = {
  boolean: 'boolean',
  smallint: 'smallint',
  integer: 'integer',
  bigint: 'bigint',
  real: 'real',
  double: 'double precision',
  numeric: 'numeric',
  text: 'text',
  varchar: 'character varying',
  bytea: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  interval: 'interval',
  unknown: 'unknown',
};

/** The type as PostgreSQL prints it: `numeric(10,2)`, `character varying(20)`. */
export function typeName(type: SqlType): string {
  if (type.kind === 'numeric' && type.precision !== undefined) {
    return `numeric(${type.precision},${type.scale ?? 0})`;
  }
  if (type.kind === 'varchar' && type.length !== undefined) {
    return `character varying(${type.length})`;
  }
  return names[type.kind];
}

const kinds: Readonly<Record<string, TypeKind>> = {
  bool: 'boolean',
  boolean: 'boolean',
  int2: 'smallint',
  smallint: 'smallint',
  int: 'integer',
  int4: 'integer',
  integer: 'integer',
  int8: 'bigint',
  bigint: 'bigint',
  float4: 'real',
  real: 'real',
  float8: 'double',
  float: 'double',
  double: 'double',
  'double precision': 'double',
  numeric: 'numeric',
  decimal: 'numeric',
  dec: 'numeric',
  text: 'text',
  string: 'text',
  varchar: 'varchar',
  'character varying': 'varchar',
  bytea: 'bytea',
  bytes: 'bytea',
  date: 'date',
  time: 'time',
  'time without time zone': 'time',
  timestamp: 'timestamp',
  'timestamp without time zone': 'timestamp',
  timestamptz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  interval: 'interval',
};

/** The kind that a type name of the syntax tree means; `undefined` when there is none. */
export function kindOfTypeName(name: string): TypeKind | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}

export function knownTypeNames(): readonly string[] {
  return Object.keys(kinds);
}

export function sameType(a: SqlType, b: SqlType): boolean {
  return typeName(a) === typeName(b);
}
