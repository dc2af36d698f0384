import { type Field as ArrowField, type DataType, Type } from 'apache-arrow';
import { Message } from 'apache-arrow/ipc/metadata/message';
import { MillraceError } from '../../platform/errors.ts';
import { valueAt } from '../../sql/columns/read.ts';
import { toText } from '../../sql/columns/text.ts';
import type { Field, SqlType } from '../../sql/columns/types.ts';
import { readBatch } from './arrow-read.ts';
import type { FlightData, ParameterSet, StatementHandle } from './messages.ts';

/**
 * Bound parameters: a schema, then batches whose columns are `$1`, `$2` and so on, and whose rows
 * are sets (reference flight-sql, 1.9). They become text, which the statement reads as literals of
 * whatever type it needs. Throws MALFORMED, UNSUPPORTED for a type that has no text of ours.
 */
export function boundParameters(messages: readonly FlightData[]): ParameterSet[] {
  let types: readonly SqlType[] = [];
  const sets: ParameterSet[] = [];
  for (const { dataHeader, dataBody } of messages) {
    if (dataHeader.length === 0) continue;
    const message = decoded(dataHeader);
    if (message.isSchema()) types = message.header().fields.map(typeOf);
    else if (message.isRecordBatch()) sets.push(...setsOf(types, message.header(), dataBody));
    else throw new MillraceError('MALFORMED', notArrow);
  }
  return types.length === 0 ? [] : sets;
}

const notArrow = 'not an Arrow schema or record batch';

function decoded(header: Uint8Array): Message {
  try {
    return Message.decode(header);
  } catch (error) {
    throw new MillraceError('MALFORMED', notArrow, { cause: error });
  }
}

function setsOf(
  types: readonly SqlType[],
  header: Parameters<typeof readBatch>[1],
  body: Uint8Array,
): ParameterSet[] {
  if (header.nodes.length !== types.length) throw new MillraceError('MALFORMED', notArrow);
  const batch = readBatch(types, header, body);
  return Array.from({ length: batch.rowCount }, (_, row) => ({
    values: batch.columns.map((column) => {
      const value = valueAt(column, row);
      return value === null ? {} : { text: toText(column.type, value) };
    }),
  }));
}

function typeOf({ name, type }: ArrowField): SqlType {
  const found = sqlTypeOf(type);
  if (found !== undefined) return found;
  throw new MillraceError(
    'UNSUPPORTED',
    `parameter "${name}" of Arrow type ${type} is not supported`,
    {
      hint: 'Bind int16, int32, int64, float, double, bool, utf8, binary, decimal128, date32, time64[us] or timestamp[us].',
    },
  );
}

function sqlTypeOf(type: DataType): SqlType | undefined {
  const numbers = type as { readonly bitWidth?: number; readonly isSigned?: boolean };
  const units = type as { readonly unit?: number; readonly precision?: number };
  switch (type.typeId) {
    case Type.Bool:
      return { kind: 'boolean' };
    case Type.Int:
      if (numbers.isSigned === false) return undefined;
      return (
        { 16: { kind: 'smallint' }, 32: { kind: 'integer' }, 64: { kind: 'bigint' } } as const
      )[numbers.bitWidth as 16 | 32 | 64];
    case Type.Float:
      return ([undefined, { kind: 'real' }, { kind: 'double' }] as const)[units.precision ?? 0];
    case Type.Utf8:
      return { kind: 'text' };
    case Type.Binary:
      return { kind: 'bytea' };
    case Type.Decimal: {
      const { precision, scale, bitWidth } = type as unknown as {
        readonly precision: number;
        readonly scale: number;
        readonly bitWidth: number;
      };
      return bitWidth === 128 && scale >= 0 ? { kind: 'numeric', precision, scale } : undefined;
    }
    case Type.Date:
      return units.unit === 0 ? { kind: 'date' } : undefined;
    case Type.Time:
      return units.unit === microseconds ? { kind: 'time' } : undefined;
    case Type.Timestamp: {
      const { timezone } = type as { readonly timezone?: string | null };
      if (units.unit !== microseconds) return undefined;
      return { kind: timezone ? 'timestamptz' : 'timestamp' };
    }
    default:
      return undefined;
  }
}

/** Of Arrow's TimeUnit. */
const microseconds = 2;

/** The values of each set of a handle; one empty set where none is bound. */
export function parameterSets({ parameters = [] }: StatementHandle): readonly (string | null)[][] {
  if (parameters.length === 0) return [[]];
  return parameters.map(({ values }) => values.map(({ text }) => text ?? null));
}

/** The parameters of a statement as the fields of `parameter_schema`. */
export function parameterFields(types: readonly SqlType[]): Field[] {
  return types.map((type, index) => ({ name: `$${index + 1}`, type, nullable: true }));
}
