import { typeName } from '../columns/type-name.ts';
import type { SqlType, TypeKind } from '../columns/types.ts';
import { t } from './function.ts';

/** Categories within which CASE, UNION and the like look for a common type (10.5). */
const categories: readonly (readonly TypeKind[])[] = [
  ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double'],
  ['char', 'varchar', 'text'],
  ['date', 'timestamp', 'timestamptz'],
  ['time', 'interval'],
];

/** The type that CASE, UNION, ARRAY and the like give to values of these types. */
export function commonType(types: readonly SqlType[]): SqlType | undefined {
  const known = types.filter(({ kind }) => kind !== 'unknown');
  const [first] = known;
  if (first === undefined) return t('text');
  if (known.every((type) => typeName(type) === typeName(first))) return first;
  if (known.every(({ kind }) => kind === 'array')) return commonArray(known);
  if (known.every(({ kind }) => kind === 'record')) return commonRecord(known);
  if (known.every(({ kind }) => kind === first.kind)) return t(first.kind);
  const category = categories.find((kinds) => kinds.includes(first.kind));
  if (category === undefined || !known.every(({ kind }) => category.includes(kind))) {
    return undefined;
  }
  const highest = Math.max(...known.map(({ kind }) => category.indexOf(kind)));
  return t(category[highest]!);
}

/** PostgreSQL casts no array here: all must have one element type, whatever its modifiers. */
function commonArray(types: readonly SqlType[]): SqlType | undefined {
  const elements = types.map((type) => (type.kind === 'array' ? type.element : type));
  const [first] = elements as [SqlType];
  if (elements.some(({ kind }) => kind !== first.kind)) return undefined;
  const element = commonType(elements);
  return element === undefined ? undefined : { kind: 'array', element };
}

function commonRecord(types: readonly SqlType[]): SqlType | undefined {
  const records = types.flatMap((type) => (type.kind === 'record' ? [type] : []));
  const [first] = records;
  if (first === undefined || records.some(({ fields }) => fields.length !== first.fields.length)) {
    return undefined;
  }
  const fields = first.fields.map(({ name }, index) => {
    const type = commonType(records.map((record) => record.fields[index]!.type));
    return type === undefined ? undefined : { name, type };
  });
  if (fields.includes(undefined)) return undefined;
  return { kind: 'record', fields: fields.flatMap((field) => field ?? []) };
}
