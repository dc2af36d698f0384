import { assert } from '../../platform/assert.ts';
import { MillraceError } from '../../platform/errors.ts';
import { typeFromName, typeName } from '../columns/type-name.ts';
import type { SqlType, SqlValue, TypeKind } from '../columns/types.ts';
import { isPseudo, type ParamType, pseudoTypes, type ScalarSignature } from './signature.ts';

/** `type` is the result type of the call, with its modifiers; `argTypes` the types of the values. */
export type Evaluate = (
  args: readonly SqlValue[],
  type: SqlType,
  argTypes: readonly SqlType[],
) => SqlValue;

/** A scalar function: its signature and what it does to one row's values. */
export interface ScalarFunction {
  readonly signature: ScalarSignature;
  /** Strict functions never see NULL. Throws SQL_RUNTIME with PostgreSQL's SQLSTATE. */
  readonly evaluate: Evaluate;
}

export const t = (kind: TypeKind): SqlType => ({ kind }) as SqlType;

/** A strict function that depends on its arguments alone. */
export function strict(
  id: string,
  name: string,
  args: readonly TypeKind[],
  result: TypeKind,
  evaluate: Evaluate,
  fails = true,
): ScalarFunction {
  return {
    signature: {
      id,
      name,
      args: args.map(t),
      result: t(result),
      strict: true,
      volatile: false,
      fails,
    },
    evaluate,
  };
}

interface Traits {
  /** False: the function sees NULL arguments. */
  readonly strict?: boolean;
  readonly volatile?: boolean;
}

/**
 * A function by PostgreSQL's declaration: `lpad(text, integer, text) text`,
 * `concat(VARIADIC any) text`, `@>(anyarray, anyarray) boolean`. Strict unless said otherwise.
 */
export function define(
  declaration: string,
  evaluate: Evaluate,
  { strict: isStrict = true, volatile = false }: Traits = {},
): ScalarFunction {
  const [, name, list, result] = /^(\S+?)\(((?:[^()]|\(\d+\))*)\) (.+)$/.exec(declaration) ?? [];
  assert(name !== undefined && list !== undefined, `a declaration: ${declaration}`);
  const variadic = /VARIADIC /.test(list);
  const names = list.replace('VARIADIC ', '').split(', ');
  const args = list === '' ? [] : names.map(paramType);
  return {
    signature: {
      id: [name, ...(args.length === 0 ? [''] : args.map(paramName))].join(':'),
      name,
      args,
      result: paramType(result!),
      ...(variadic ? { variadic } : {}),
      strict: isStrict,
      volatile,
      fails: true,
    },
    evaluate,
  };
}

function paramType(name: string): ParamType {
  const pseudo = pseudoTypes.find((kind) => kind === name);
  if (pseudo !== undefined) return { kind: pseudo };
  const type = typeFromName(name);
  assert(type !== undefined, `a type: ${name}`);
  return type;
}

export function paramName(type: ParamType): string {
  return isPseudo(type) ? type.kind : typeName(type);
}

export function runtimeError(message: string, sqlState: string): MillraceError {
  return new MillraceError('SQL_RUNTIME', message, { sqlState });
}
