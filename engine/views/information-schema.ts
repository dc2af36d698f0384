import type { Relation } from '../../sql/analyze/catalog.ts';
import { typeName } from '../../sql/columns/type-name.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import type { Catalogue } from './catalogue.ts';

/**
 * The standard's views of the catalogue, as relations that are computed when a query reads them
 * (PostgreSQL 17, chapter 37; the columns that tools ask for). All is in the schema `public`.
 */
const database = 'millrace';
const schema = 'public';
const text = { kind: 'text' } as const;
const integer = { kind: 'integer' } as const;

type Rows = readonly (readonly SqlValue[])[];

interface View {
  readonly columns: readonly [name: string, type: SqlType][];
  rows(catalogue: Catalogue): Rows;
}

const views: Readonly<Record<string, View>> = {
  schemata: {
    columns: texts('catalog_name', 'schema_name', 'schema_owner'),
    rows: () => [
      [database, schema, database],
      [database, 'information_schema', database],
    ],
  },
  tables: {
    columns: texts(
      'table_catalog',
      'table_schema',
      'table_name',
      'table_type',
      'is_insertable_into',
    ),
    rows: (catalogue) =>
      catalogue
        .relations()
        .filter(({ kind }) => kind !== 'sink')
        .map(({ name, kind, writable }) => [
          database,
          schema,
          name,
          kind === 'table' ? 'BASE TABLE' : kind.toUpperCase(),
          yesNo(writable),
        ]),
  },
  views: {
    columns: texts('table_catalog', 'table_schema', 'table_name', 'view_definition'),
    rows: (catalogue) =>
      [...catalogue.views.values()]
        .map(({ relation, sql }) => [database, schema, relation.name, definition(sql)])
        .sort(byName),
  },
  columns: {
    columns: [
      ...texts('table_catalog', 'table_schema', 'table_name', 'column_name'),
      ['ordinal_position', integer],
      ...texts('column_default', 'is_nullable', 'data_type'),
      ['character_maximum_length', integer],
      ['numeric_precision', integer],
      ['numeric_scale', integer],
      ...texts('is_generated', 'generation_expression', 'is_updatable'),
    ],
    rows: (catalogue) =>
      catalogue.relations().flatMap((relation) => columnRows(catalogue, relation)),
  },
  table_constraints: {
    columns: texts(
      'constraint_catalog',
      'constraint_schema',
      'constraint_name',
      'table_catalog',
      'table_schema',
      'table_name',
      'constraint_type',
    ),
    rows: (catalogue) =>
      catalogue
        .relations()
        .flatMap((relation) =>
          constraintsOf(relation).map(({ name, type }) => [
            database,
            schema,
            name,
            database,
            schema,
            relation.name,
            type,
          ]),
        ),
  },
  key_column_usage: {
    columns: [
      ...texts('constraint_catalog', 'constraint_schema', 'constraint_name'),
      ...texts('table_catalog', 'table_schema', 'table_name', 'column_name'),
      ['ordinal_position', integer],
    ],
    rows: (catalogue) =>
      catalogue
        .relations()
        .flatMap((relation) =>
          constraintsOf(relation).flatMap(({ name, columns }) =>
            columns.map((column, index) => [
              database,
              schema,
              name,
              database,
              schema,
              relation.name,
              relation.columns[column]!.name,
              index + 1,
            ]),
          ),
        ),
  },
};

/** The relation of that name, `information_schema.` before it; `undefined` when there is none. */
export function informationSchema(catalogue: Catalogue, name: string): Relation | undefined {
  const [prefix, view = ''] = name.split('.');
  if (prefix !== 'information_schema' || !Object.hasOwn(views, view)) return undefined;
  const { columns, rows } = views[view]!;
  return {
    id: 0,
    name,
    kind: 'system',
    columns: columns.map(([column, type]): Field => ({ name: column, type, nullable: true })),
    primaryKey: [],
    appendOnly: true,
    writable: false,
    rows: rows(catalogue),
  };
}

function texts(...names: string[]): [string, SqlType][] {
  return names.map((name) => [name, text]);
}

function yesNo(value: boolean): string {
  return value ? 'YES' : 'NO';
}

function byName(a: readonly SqlValue[], b: readonly SqlValue[]): number {
  return String(a[2]) < String(b[2]) ? -1 : 1;
}

/** What stands after AS. */
function definition(sql: string): string {
  return sql.replace(/^[\s\S]*?\bas\b\s*/i, '');
}

function columnRows(catalogue: Catalogue, relation: Relation): Rows {
  const sql = catalogue.sqlOf(relation.id) ?? '';
  const textOf = (node: { span: { start: number; end: number } } | undefined) =>
    node === undefined ? null : sql.slice(node.span.start, node.span.end);
  return relation.columns.map(({ name, type, nullable, defaultValue, generated }, index) => {
    const [precision, scale] = numericSize(type);
    return [
      database,
      schema,
      relation.name,
      name,
      index + 1,
      textOf(defaultValue),
      yesNo(nullable),
      typeName(type).endsWith('[]') ? 'ARRAY' : typeName(type).replace(/\(.*\)/, ''),
      type.kind === 'varchar' ? (type.length ?? null) : null,
      precision,
      scale,
      generated === undefined ? 'NEVER' : 'ALWAYS',
      textOf(generated),
      yesNo(relation.writable),
    ];
  });
}

/** Precision in bits for integers, as PostgreSQL says it, in digits for numerics. */
function numericSize(type: SqlType): [number | null, number | null] {
  switch (type.kind) {
    case 'smallint':
      return [16, 0];
    case 'integer':
      return [32, 0];
    case 'bigint':
      return [64, 0];
    case 'real':
      return [24, null];
    case 'double':
      return [53, null];
    case 'numeric':
      return [type.precision ?? null, type.precision === undefined ? null : (type.scale ?? 0)];
    default:
      return [null, null];
  }
}

function constraintsOf(relation: Relation) {
  const { name, primaryKey, primaryKeyName, uniques = [], checks = [] } = relation;
  const key = { name: primaryKeyName ?? `${name}_pkey`, type: 'PRIMARY KEY', columns: primaryKey };
  return [
    ...(primaryKey.length === 0 ? [] : [key]),
    ...uniques.map((unique) => ({ ...unique, type: 'UNIQUE' })),
    ...checks.map((check) => ({ name: check.name, type: 'CHECK', columns: [] as number[] })),
  ];
}
