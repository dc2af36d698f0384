import { type Decimal, layoutOf, type SqlType, type TypeKind } from '../columns/types.ts';
import { plainDigits, wideByte } from '../columns/wide-decimal.ts';
import type { CallExpr, CaseExpr, ColumnExpr, ConstantExpr, Expr } from '../plan/expr.ts';
import { emitNumbers, emitShift } from './emit-numbers.ts';

/**
 * Generates JavaScript for expressions whose values are held in doubles, booleans or text bytes.
 * Each expression becomes statements and a pair (value, is-null) of local names. Identifiers are
 * numbered, constants are hoisted into the array `K`: no user text enters the source.
 *
 * A value of type bigint, timestamp or time is a double here, a numeric a double and its scale. A
 * row on which one is not exact (beyond 2^53, a numeric that is wide, NaN or infinite), or a result
 * leaves its range, calls `slow(row, i)`: the interpreter decides such rows, so generated code never
 * rounds and never raises an error.
 * Parts that have no rule here are interpreted by `evaluate(expression, row)`, which gives
 * `undefined` on an error.
 */
export class Emitter {
  readonly constants: unknown[] = [];
  /** Parts that have no rule. */
  readonly interpreted: Expr[] = [];
  readonly #columns = new Map<number, SqlType>();
  #names = 0;
  #lines: string[] = [];

  /** The statements. */
  get body(): string {
    return this.#lines.join('\n');
  }

  /** Declarations of the arrays that the statements read. */
  get prologue(): string {
    return [...this.#columns]
      .map(([index, type]) => {
        const arrays = arraysOf[layoutOf(type)] ?? { v: 'values' };
        const declarations = Object.entries(arrays).map(
          ([letter, array]) => `${letter}${index} = c${index}.${array}`,
        );
        return `const c${index} = columns[${index}], n${index} = c${index}.nulls, ${declarations.join(', ')};`;
      })
      .join('\n');
  }

  /** `undefined` when there is no rule for the expression as a whole. */
  emitRoot(expr: Expr): Emitted | undefined {
    switch (expr.kind) {
      case 'column':
        return this.#column(expr);
      case 'constant':
        return this.#constant(expr);
      case 'case':
        return this.#case(expr);
      case 'call':
        return this.#call(expr);
    }
  }

  /** A part of an expression; `undefined` when its type has no form here. */
  emit(expr: Expr): Emitted | undefined {
    const mark = this.#lines.length;
    const emitted = this.emitRoot(expr);
    if (emitted !== undefined) return emitted;
    this.#lines.length = mark;
    return expr.kind === 'call' || expr.kind === 'case' ? this.#interpreted(expr) : undefined;
  }

  push(line: string): void {
    this.#lines.push(line);
  }

  /** A new local with this value. */
  local(value: string): string {
    const name = `x${this.#names++}`;
    this.push(`const ${name} = ${value};`);
    return name;
  }

  hoisted(value: unknown): string {
    return `K[${this.constants.push(value) - 1}]`;
  }

  result(form: Form, isNull: string, value: string): Emitted {
    return { form, isNull: this.local(isNull), value: this.local(value) };
  }

  /** A number that is used where the test holds; other rows go to the interpreter. */
  checked(isNull: string, compute: string, test: (value: string) => string): Emitted {
    const nulls = this.local(isNull);
    const value = `x${this.#names++}`;
    this.push(`let ${value} = 0;`);
    this.push(`if (!(${nulls})) { ${value} = ${compute};`);
    this.push(`if (!(${test(value)})) { slow(row, i); continue; } }`);
    return { form: 'number', value, isNull: nulls };
  }

  #interpreted(expr: Expr): Emitted | undefined {
    const form = formOf(expr.type.kind);
    if (form === undefined || form === 'text') return undefined;
    this.interpreted.push(expr);
    const cell = this.local(`evaluate(${this.hoisted(expr)}, row)`);
    const isNull = this.local(`${cell} === null`);
    this.push(`if (${cell} === undefined) { slow(row, i); continue; }`);
    if (form === 'boolean') return { form, isNull, value: this.local(`${cell} === true`) };
    const number = form === 'decimal' ? `${cell}.unscaled` : cell;
    const value = this.local(`${isNull} ? 0 : Number(${number})`);
    // Only bigints can be inexact; doubles are what they are.
    const isDouble = `typeof ${cell} === 'number'`;
    this.push(`if (!(${isDouble} || Number.isSafeInteger(${value}))) { slow(row, i); continue; }`);
    if (form === 'number') return { form, isNull, value };
    const scale = this.local(`${isNull} ? 0 : ${cell}.scale`);
    this.push(`if (${scale} < 0 || ${scale} > ${plainDigits}) { slow(row, i); continue; }`);
    return { form, isNull, value, scale };
  }

  #column({ index, type }: ColumnExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined) return undefined;
    this.#columns.set(index, type);
    const isNull = this.local(`n${index} !== undefined && n${index}[row] === 1`);
    const exact = (high: string) => `${high} >= -2097152 && ${high} < 2097152`;
    switch (layoutOf(type)) {
      case 'bytes':
        return { form, value: `column:${index}`, isNull };
      case 'bool':
        return { form, value: this.local(`v${index}[row] === 1`), isNull };
      case 'i64': {
        const high = this.local(`w${index}[2 * row + 1]`);
        this.push(`if (!(${exact(high)})) { slow(row, i); continue; }`);
        return {
          form,
          value: this.local(`${high} * 4294967296 + (w${index}[2 * row] >>> 0)`),
          isNull,
        };
      }
      case 'decimal': {
        const high = this.local(`w${index}[4 * row + 1]`);
        const sign = this.local(`${high} >> 31`);
        const isShort = `w${index}[4 * row + 2] === ${sign} && w${index}[4 * row + 3] === ${sign}`;
        const scale = this.local(`s${index}[row]`);
        const isPlain = `${scale} < ${wideByte} && ${isShort} && ${exact(high)}`;
        this.push(`if (!(${isPlain})) { slow(row, i); continue; }`);
        const value = this.local(`${high} * 4294967296 + (w${index}[4 * row] >>> 0)`);
        return { form, value, isNull, scale };
      }
      default:
        return { form, value: this.local(`v${index}[row]`), isNull };
    }
  }

  #constant({ type, value }: ConstantExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined) return undefined;
    if (value === null) {
      return form === 'text'
        ? undefined
        : { form, value: zeroOf(form), isNull: 'true', scale: '0' };
    }
    if (form === 'text') {
      const index = this.constants.push(new TextEncoder().encode(value as string)) - 1;
      return { form, value: `constant:${index}`, isNull: 'false' };
    }
    const number = form === 'decimal' ? (value as Decimal).unscaled : value;
    const hoisted = typeof number === 'bigint' ? exactNumber(number) : number;
    if (hoisted === undefined) return undefined;
    const emitted = { form, value: this.hoisted(hoisted), isNull: 'false' };
    if (form !== 'decimal') return emitted;
    // Special and wide values are for the interpreter.
    const { scale } = value as Decimal;
    return scale < 0 || scale > plainDigits ? undefined : { ...emitted, scale: String(scale) };
  }

  /** Sets a variable to one of several results; only numbers and booleans. */
  #variable(form: Form): { readonly target: Emitted; readonly assign: (from: Emitted) => string } {
    const names = { value: `x${this.#names++}`, isNull: `x${this.#names++}` };
    this.push(`let ${names.value} = ${zeroOf(form)}, ${names.isNull} = true;`);
    const assignment = (from: Emitted) =>
      `${names.value} = ${from.value}; ${names.isNull} = ${from.isNull};`;
    if (form !== 'decimal') return { target: { form, ...names }, assign: assignment };
    const scale = `x${this.#names++}`;
    this.push(`let ${scale} = 0;`);
    const assign = (from: Emitted) => `${assignment(from)} ${scale} = ${from.scale};`;
    return { target: { form, ...names, scale }, assign };
  }

  #case({ branches, otherwise, type }: CaseExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined || form === 'text') return undefined;
    const { target, assign } = this.#variable(form);
    for (const { when, then } of branches) {
      const condition = this.emit(when);
      if (condition === undefined) return undefined;
      this.push(`if (!${condition.isNull} && ${condition.value}) {`);
      const result = this.emit(then);
      if (result === undefined) return undefined;
      this.push(`${assign(result)} } else {`);
    }
    const last = this.emit(otherwise);
    if (last === undefined) return undefined;
    this.push(assign(last) + '}'.repeat(branches.length));
    return target;
  }

  #coalesce({ args, type }: CallExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined || form === 'text') return undefined;
    const { target, assign } = this.#variable(form);
    for (const arg of args) {
      this.push(`if (${target.isNull}) {`);
      const emitted = this.emit(arg);
      if (emitted === undefined) return undefined;
      this.push(`if (!${emitted.isNull}) { ${assign(emitted)} } }`);
    }
    return target;
  }

  /** Stops at the first winner, as the interpreter does: later arguments may fail. */
  #logic({ args }: CallExpr, winner: boolean): Emitted | undefined {
    const value = `x${this.#names++}`;
    const isNull = `x${this.#names++}`;
    this.push(`let ${value} = ${!winner}, ${isNull} = false;`);
    for (const arg of args) {
      this.push(`if (${value} !== ${winner}) {`);
      const emitted = this.emit(arg);
      if (emitted === undefined) return undefined;
      this.push(`if (${emitted.isNull}) ${isNull} = true;`);
      this.push(`else if (${emitted.value} === ${winner}) { ${value} = ${winner}; }`);
    }
    this.push('}'.repeat(args.length));
    return this.result('boolean', `${isNull} && ${value} !== ${winner}`, value);
  }

  #call(expr: CallExpr): Emitted | undefined {
    const { functionId: id } = expr;
    if (id === 'and' || id === 'or') return this.#logic(expr, id === 'or');
    if (id === 'coalesce') return this.#coalesce(expr);
    const shifted = emitShift(this, expr);
    if (shifted !== undefined) return shifted;
    const isForm = id === 'not' || id === 'isTrue' || id === 'isFalse';
    if (id === 'isNull') return this.#nullTest(expr.args[0]!);
    // Functions without a kind in their id have no rule.
    if (!isForm && !id.includes(':')) return undefined;
    const args: Emitted[] = [];
    for (const arg of expr.args) {
      const emitted = this.emit(arg);
      if (emitted === undefined) return undefined;
      args.push(emitted);
    }
    const [a, b] = args as [Emitted, Emitted];
    if (id === 'not') return this.result('boolean', a.isNull, `!${a.value}`);
    if (id === 'isTrue') return this.result('boolean', 'false', `!${a.isNull} && ${a.value}`);
    if (id === 'isFalse') return this.result('boolean', 'false', `!${a.isNull} && !${a.value}`);
    if (args.every(({ form }) => form !== 'text')) return emitNumbers(this, expr, args);
    return id === '=:text' || id === '<>:text' ? this.#textEquality(id, a, b) : undefined;
  }

  /** Any column has nulls, whatever its layout. */
  #nullTest(arg: Expr): Emitted | undefined {
    if (arg.kind === 'column') {
      this.#columns.set(arg.index, arg.type);
      const test = `n${arg.index} !== undefined && n${arg.index}[row] === 1`;
      return this.result('boolean', 'false', test);
    }
    const emitted = this.emit(arg);
    return emitted && { form: 'boolean', value: emitted.isNull, isNull: 'false' };
  }

  #textEquality(id: string, a: Emitted, b: Emitted): Emitted {
    const equal = `sameBytes(${bytesOf(a)}, ${bytesOf(b)})`;
    const test = id === '=:text' ? equal : `!${equal}`;
    return this.result('boolean', `${a.isNull} || ${b.isNull}`, test);
  }
}

export type Form = 'number' | 'boolean' | 'decimal' | 'text';

export interface Emitted {
  readonly form: Form;
  /** A name or literal; for text where its bytes are; for decimals the unscaled value. */
  readonly value: string;
  readonly isNull: string;
  /** Decimals only: a name or literal. */
  readonly scale?: string;
}

const forms: Partial<Record<TypeKind, Form>> = { boolean: 'boolean', numeric: 'decimal' };

const withoutForm: ReadonlySet<TypeKind> = new Set<TypeKind>([
  'bytea',
  'interval',
  'char',
  'uuid',
  'jsonb',
  'array',
  'record',
  'unknown',
]);

export function formOf(kind: TypeKind): Form | undefined {
  if (kind === 'text' || kind === 'varchar') return 'text';
  return withoutForm.has(kind) ? undefined : (forms[kind] ?? 'number');
}

/** Names of the locals for a column's arrays, by layout; else `v` for its values. */
const arraysOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  i64: { w: 'words' },
  interval: { w: 'words' },
  decimal: { w: 'words', s: 'scales' },
  bytes: { s: 'starts', l: 'lengths', a: 'arena' },
};

const zeroOf = (form: Form) => (form === 'boolean' ? 'false' : '0');

function bytesOf({ value }: Emitted): string {
  const [where, index] = value.split(':');
  if (where === 'constant') return `K[${index}], 0, K[${index}].length`;
  return `a${index}, s${index}[row], l${index}[row]`;
}

function exactNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** For generated code. */
export function sameBytes(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): boolean {
  if (aLength !== bLength) return false;
  for (let i = 0; i < aLength; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}
