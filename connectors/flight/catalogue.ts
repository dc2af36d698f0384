import type { RelationInfo } from '../../engine/views/sql-service.ts';
import type { Batch } from '../../sql/columns/batch.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import type { Field, SqlType, SqlValue } from '../../sql/columns/types.ts';
import { likeMatcher } from '../../sql/functions/like.ts';
import { arrowSchema, encapsulatedSchema } from './arrow-schema.ts';
import type { SqlMessage, SqlMessages } from './messages.ts';

/** An answer about the database itself: a whole relation, small enough for one batch. */
export interface CatalogueAnswer {
  readonly fields: readonly Field[];
  readonly rows: Batch;
}

/** One catalog with one schema, under the names that PostgreSQL's tools expect. */
export const catalogName = 'millrace';
export const schemaName = 'public';

const tableTypes: Record<RelationInfo['kind'], string> = {
  source: 'SOURCE',
  table: 'TABLE',
  view: 'VIEW',
  'materialized view': 'MATERIALIZED VIEW',
  sink: 'SINK',
  system: 'SYSTEM TABLE',
};

const text: SqlType = { kind: 'text' };
const required = (name: string, type: SqlType = text): Field => ({ name, type, nullable: false });
const optional = (name: string, type: SqlType = text): Field => ({ name, type, nullable: true });

const catalogFields = [required('catalog_name')];
const schemaFields = [optional('catalog_name'), required('db_schema_name')];
const tableTypeFields = [required('table_type')];
const tableFields = [
  optional('catalog_name'),
  optional('db_schema_name'),
  required('table_name'),
  required('table_type'),
];
// key_sequence stands before key_name in every implementation, whatever the comment in the proto.
const primaryKeyFields = [
  optional('catalog_name'),
  optional('db_schema_name'),
  required('table_name'),
  required('column_name'),
  required('key_sequence', { kind: 'integer' }),
  optional('key_name'),
];

/** `undefined` for a command that does not ask about the catalogue. Schemas: reference, 1.8. */
export function catalogueAnswer(
  command: SqlMessage,
  relations: readonly RelationInfo[],
): CatalogueAnswer | undefined {
  switch (command.name) {
    case 'CommandGetCatalogs':
      return answer(catalogFields, [[catalogName]]);
    case 'CommandGetTableTypes':
      return answer(
        tableTypeFields,
        Object.values(tableTypes)
          .sort()
          .map((type) => [type]),
      );
    case 'CommandGetDbSchemas': {
      const { catalog, dbSchemaFilterPattern } = command.value;
      const shown = isOurs(catalog) && matches(schemaName, dbSchemaFilterPattern);
      return answer(schemaFields, shown ? [[catalogName, schemaName]] : []);
    }
    case 'CommandGetTables':
      return tables(command.value, relations);
    case 'CommandGetPrimaryKeys':
      return primaryKeys(command.value, relations);
    default:
      return undefined;
  }
}

function answer(fields: readonly Field[], rows: readonly (readonly SqlValue[])[]): CatalogueAnswer {
  return { fields, rows: batchOf(fields, rows) };
}

/** Sorted by type, then name: catalog and schema are the same everywhere. */
function tables(
  filter: SqlMessages['CommandGetTables'],
  relations: readonly RelationInfo[],
): CatalogueAnswer {
  // BASE TABLE is the name of the SQL standard, and what Grafana asks for.
  const types = filter.tableTypes.map((type) => (type === 'BASE TABLE' ? 'TABLE' : type));
  const inSchema = isOurs(filter.catalog) && matches(schemaName, filter.dbSchemaFilterPattern);
  const found = relations
    .map((relation) => ({ relation, type: tableTypes[relation.kind] }))
    .filter(
      ({ relation, type }) =>
        inSchema &&
        matches(relation.name, filter.tableNameFilterPattern) &&
        (types.length === 0 || types.includes(type)),
    )
    .sort((a, b) => compareText(a.type, b.type) || compareText(a.relation.name, b.relation.name));
  const rows = found.map(({ relation, type }): SqlValue[] => [
    catalogName,
    schemaName,
    relation.name,
    type,
    ...(filter.includeSchema ? [encapsulatedSchema(arrowSchema(relation.fields))] : []),
  ]);
  const fields = filter.includeSchema
    ? [...tableFields, required('table_schema', { kind: 'bytea' })]
    : tableFields;
  return answer(fields, rows);
}

function primaryKeys(
  filter: SqlMessages['CommandGetPrimaryKeys'],
  relations: readonly RelationInfo[],
): CatalogueAnswer {
  const inSchema = isOurs(filter.catalog) && (filter.dbSchema ?? schemaName) === schemaName;
  const relation = relations.find(({ name }) => inSchema && name === filter.table);
  const columns = relation?.primaryKey.map((index) => relation.fields[index]!.name) ?? [];
  return answer(
    primaryKeyFields,
    columns.map((column, index) => [
      catalogName,
      schemaName,
      filter.table,
      column,
      index + 1,
      `${filter.table}_pkey`,
    ]),
  );
}

/** An absent catalog filters nothing; an empty one means things outside of any catalog. */
function isOurs(catalog: string | undefined): boolean {
  return catalog === undefined || catalog === catalogName;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** LIKE: `%` is any run of characters, `_` any one, `\\` takes the next literally. */
function matches(name: string, pattern: string | undefined): boolean {
  return pattern === undefined || likeMatcher(pattern, '\\', false)(name);
}
