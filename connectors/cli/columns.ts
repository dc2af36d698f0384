import type { Field } from '../../sql/columns/types.ts';
import type { TableColumn } from './table.ts';

const numeric = new Set(['smallint', 'integer', 'bigint', 'real', 'double', 'numeric']);

/** How a result's fields stand in a table. */
export function tableColumns(fields: readonly Pick<Field, 'name' | 'type'>[]): TableColumn[] {
  return fields.map(({ name, type }) => ({ name, alignRight: numeric.has(type.kind) }));
}
