import type { RecordField, SqlType, TypeKind } from './types.ts';

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
  char: 'character',
  bytea: 'bytea',
  uuid: 'uuid',
  jsonb: 'jsonb',
  array: 'array',
  record: 'record',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  interval: 'interval',
  unknown: 'unknown',
};

/**
 * The type as PostgreSQL prints it: `numeric(10,2)`, `character varying(20)`, `integer[]`; records
 * with their fields, as RisingWave writes them: `struct<a integer, b text>`.
 */
export function typeName(type: SqlType): string {
  if (type.kind === 'array') return `${typeName(type.element)}[]`;
  if (type.kind === 'record') {
    const fields = type.fields.map(({ name, type: field }) => `${nameOf(name)} ${typeName(field)}`);
    return `struct<${fields.join(', ')}>`;
  }
  if ('precision' in type && type.precision !== undefined && type.kind !== 'numeric') {
    // `timestamp(3) without time zone`: after the first word.
    return names[type.kind].replace(/^\w+/, `$&(${type.precision})`);
  }
  if (type.kind === 'char') {
    return type.length === undefined ? 'bpchar' : `character(${type.length})`;
  }
  if (type.kind === 'numeric' && type.precision !== undefined) {
    return `numeric(${type.precision},${type.scale ?? 0})`;
  }
  if (type.kind === 'varchar' && type.length !== undefined) {
    return `character varying(${type.length})`;
  }
  return names[type.kind];
}

function nameOf(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
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
  char: 'char',
  bpchar: 'char',
  character: 'char',
  bytea: 'bytea',
  bytes: 'bytea',
  uuid: 'uuid',
  json: 'jsonb',
  // A path is a text that the functions read.
  jsonpath: 'text',
  jsonb: 'jsonb',
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

/** What `typeName` printed, read back. `undefined` when it is not such a name. */
export function typeFromName(name: string): SqlType | undefined {
  const reader = new NameReader(name);
  const type = reader.type();
  return reader.isAtEnd ? type : undefined;
}

class NameReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  type(): SqlType | undefined {
    let type = this.#accept(/struct</y) === undefined ? this.#plain() : this.#record();
    while (type !== undefined && this.#accept(/\[\]/y) !== undefined) {
      type = { kind: 'array', element: type };
    }
    return type;
  }

  #record(): SqlType | undefined {
    const fields: RecordField[] = [];
    while (this.#accept(/>/y) === undefined) {
      const [, plain, quoted] = this.#accept(/(?:([a-z_][a-z0-9_]*)|"((?:[^"]|"")*)") /y) ?? [];
      const type = this.type();
      if ((plain ?? quoted) === undefined || type === undefined) return undefined;
      fields.push({ name: plain ?? quoted!.replaceAll('""', '"'), type });
      this.#accept(/, /y);
    }
    return { kind: 'record', fields };
  }

  #plain(): SqlType | undefined {
    const [, word = '', first, second, rest = ''] =
      this.#accept(/([a-z0-9 ]+)(?:\((\d+)(?:,(\d+))?\))?((?: [a-z]+)*)/y) ?? [];
    const base = word + rest;
    const kind = base === 'unknown' ? 'unknown' : kindOfTypeName(base);
    if (
      (kind === 'time' || kind === 'timestamp' || kind === 'timestamptz' || kind === 'interval') &&
      first !== undefined
    ) {
      return { kind, precision: Number(first) };
    }
    if (kind === 'numeric' && first !== undefined) {
      return { kind, precision: Number(first), scale: Number(second ?? 0) };
    }
    if ((kind === 'varchar' || kind === 'char') && first !== undefined) {
      return { kind, length: Number(first) };
    }
    return kind === undefined ? undefined : ({ kind } as SqlType);
  }

  #accept(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}
