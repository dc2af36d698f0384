import { bigintAt, isExactAt } from '../columns/i64.ts';
import { layoutOf, type SqlType, type SqlValue, type TypeKind } from '../columns/types.ts';
import { scalarById } from '../functions/scalar.ts';
import type { CallExpr, CaseExpr, ColumnExpr, ConstantExpr, Expr } from '../plan/expr.ts';

/**
 * Generates JavaScript for expressions whose values are held in doubles, booleans or text bytes.
 * Each expression becomes statements and a pair (value, is-null) of local names. Identifiers are
 * numbered, constants are hoisted into the array `K`: no user text enters the source.
 *
 * A value of type bigint, timestamp or time is a double here. A row on which one is not exact
 * (beyond 2^53), or an integer result leaves its range, calls `slow(row)`: the interpreter decides
 * such rows, so generated code never rounds and never raises an error itself.
 */
export class Emitter {
  readonly constants: unknown[] = [];
  readonly #used = new Set<number>();
  #names = 0;
  #lines: string[] = [];

  /** Statements so far; the emitter goes on with none. */
  take(): string {
    const text = this.#lines.join('\n');
    this.#lines = [];
    return text;
  }

  /** Declarations of the arrays that the statements read. */
  prologue(types: ReadonlyMap<number, SqlType>): string {
    return [...this.#used]
      .map((index) => {
        const layout = layoutOf(types.get(index)!);
        const array =
          layout === 'i64'
            ? `w${index} = c${index}.words`
            : layout === 'bytes'
              ? `s${index} = c${index}.starts, l${index} = c${index}.lengths, a${index} = c${index}.arena`
              : `v${index} = c${index}.values`;
        return `const c${index} = columns[${index}], n${index} = c${index}.nulls, ${array};`;
      })
      .join('\n');
  }

  /** `undefined` when the expression needs the interpreter. */
  emit(expr: Expr): Emitted | undefined {
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

  #name(prefix: string): string {
    return `${prefix}_${this.#names++}`;
  }

  #push(line: string): void {
    this.#lines.push(line);
  }

  #column({ index, type }: ColumnExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined) return undefined;
    this.#used.add(index);
    const isNull = this.#name('n');
    this.#push(`const ${isNull} = n${index} !== undefined && n${index}[row] === 1;`);
    if (form === 'text') return { form, value: `column:${index}`, isNull };
    const value = this.#name('x');
    if (layoutOf(type) === 'i64') {
      this.#push(`const h${value} = w${index}[2 * row + 1];`);
      this.#push(`if (h${value} < -2097152 || h${value} >= 2097152) { slow(row, i); continue; }`);
      this.#push(`const ${value} = h${value} * 4294967296 + (w${index}[2 * row] >>> 0);`);
    } else if (form === 'boolean') {
      this.#push(`const ${value} = v${index}[row] === 1;`);
    } else {
      this.#push(`const ${value} = v${index}[row];`);
    }
    return { form, value, isNull };
  }

  #constant({ type, value }: ConstantExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined) return undefined;
    if (value === null && form === 'text') return undefined;
    if (value === null) return { form, value: form === 'boolean' ? 'false' : '0', isNull: 'true' };
    const hoisted = hoist(form, value);
    if (hoisted === undefined) return undefined;
    const index = this.constants.push(hoisted) - 1;
    return { form, value: form === 'text' ? `constant:${index}` : `K[${index}]`, isNull: 'false' };
  }

  #case({ branches, otherwise, type }: CaseExpr): Emitted | undefined {
    const form = formOf(type.kind);
    if (form === undefined || form === 'text') return undefined;
    const value = this.#name('x');
    const isNull = this.#name('n');
    this.#push(`let ${value} = ${form === 'boolean' ? 'false' : '0'}, ${isNull} = false;`);
    let opened = 0;
    for (const { when, then } of branches) {
      const condition = this.emit(when);
      if (condition === undefined) return undefined;
      this.#push(`if (!${condition.isNull} && ${condition.value}) {`);
      const result = this.emit(then);
      if (result === undefined) return undefined;
      this.#push(`${value} = ${result.value}; ${isNull} = ${result.isNull};`);
      this.#push('} else {');
      opened++;
    }
    const last = this.emit(otherwise);
    if (last === undefined) return undefined;
    this.#push(`${value} = ${last.value}; ${isNull} = ${last.isNull};${'}'.repeat(opened)}`);
    return { form, value, isNull };
  }

  #call(expr: CallExpr): Emitted | undefined {
    const { functionId: id } = expr;
    if (id === 'and' || id === 'or') return this.#logic(expr, id === 'or');
    const args: Emitted[] = [];
    if (!isEmittable(id)) return undefined;
    for (const arg of expr.args) {
      const emitted = this.emit(arg);
      if (emitted === undefined) return undefined;
      args.push(emitted);
    }
    const [a, b] = args as [Emitted, Emitted];
    switch (id) {
      case 'not':
        return this.#result('boolean', a.isNull, `!${a.value}`);
      case 'isNull':
        return { form: 'boolean', value: a.isNull, isNull: 'false' };
      case 'isTrue':
        return this.#result('boolean', 'false', `!${a.isNull} && ${a.value}`);
      case 'isFalse':
        return this.#result('boolean', 'false', `!${a.isNull} && !${a.value}`);
    }
    const [name, kind] = id.split(':') as [string, TypeKind];
    if (id.startsWith('cast:')) return this.#widen(expr, a);
    const eitherNull = `${a.isNull} || ${b.isNull}`;
    if (comparisons[name] !== undefined) {
      if (a.form === 'text') return this.#textEquality(name, a, b, eitherNull);
      return this.#result('boolean', eitherNull, `${a.value} ${comparisons[name]} ${b.value}`);
    }
    return this.#arithmetic(name, kind, a, b, eitherNull);
  }

  #result(form: Form, isNull: string, value: string): Emitted {
    const names = { value: this.#name('x'), isNull: this.#name('n') };
    this.#push(`const ${names.isNull} = ${isNull}, ${names.value} = ${value};`);
    return { form, ...names };
  }

  /** Stops at the first winner, as the interpreter does: later arguments may fail. */
  #logic({ args }: CallExpr, winner: boolean): Emitted | undefined {
    const value = this.#name('x');
    const isNull = this.#name('n');
    this.#push(`let ${value} = ${!winner}, ${isNull} = false;`);
    for (const arg of args) {
      this.#push(`if (${isNull} || ${value} !== ${winner}) {`);
      const emitted = this.emit(arg);
      if (emitted === undefined) return undefined;
      this.#push(
        `if (${emitted.isNull}) ${isNull} = true; else if (${emitted.value} === ${winner}) { ${value} = ${winner}; ${isNull} = false; }`,
      );
    }
    this.#push('}'.repeat(args.length));
    return { form: 'boolean', value, isNull };
  }

  /** Casts that keep the double: between integer types upwards, and integers to double. */
  #widen({ functionId }: CallExpr, a: Emitted): Emitted | undefined {
    return wideningCasts.has(functionId) ? a : undefined;
  }

  #textEquality(name: string, a: Emitted, b: Emitted, isNull: string): Emitted | undefined {
    if (name !== '=' && name !== '<>') return undefined;
    const equal = `sameBytes(${this.#bytes(a)}, ${this.#bytes(b)})`;
    return this.#result('boolean', isNull, name === '=' ? equal : `!${equal}`);
  }

  #bytes({ value }: Emitted): string {
    const [where, index] = value.split(':');
    if (where === 'constant') return `K[${index}], 0, K[${index}].length`;
    return `a${index}, s${index}[row], l${index}[row]`;
  }

  #arithmetic(
    name: string,
    kind: TypeKind,
    a: Emitted,
    b: Emitted,
    isNull: string,
  ): Emitted | undefined {
    const limit = integerLimits[kind];
    if (limit === undefined) return undefined;
    const nulls = this.#name('n');
    const value = this.#name('x');
    this.#push(`const ${nulls} = ${isNull};`);
    this.#push(`let ${value} = 0;`);
    const compute =
      name === '/' ? `Math.trunc(${a.value} / ${b.value})` : `${a.value} ${name} ${b.value}`;
    const guard = name === '/' || name === '%' ? `${b.value} === 0 || ` : '';
    this.#push(`if (!${nulls}) {`);
    this.#push(`${value} = ${compute};`);
    this.#push(
      `if (${guard}!(${value} <= ${limit} && ${value} >= ${-limit})) { slow(row, i); continue; }`,
    );
    this.#push(`${value} += 0; }`);
    return { form: 'number', value, isNull: nulls };
  }
}

export type Form = 'number' | 'boolean' | 'text';

export interface Emitted {
  readonly form: Form;
  /** A name or literal; for text where its bytes are. */
  readonly value: string;
  readonly isNull: string;
}

export function formOf(kind: TypeKind): Form | undefined {
  switch (kind) {
    case 'boolean':
      return 'boolean';
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'number';
    case 'text':
    case 'varchar':
      return 'text';
    default:
      return undefined;
  }
}

const comparisons: Readonly<Record<string, string>> = {
  '=': '===',
  '<>': '!==',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** Results within ± this are right and in range; others go to the interpreter. */
const integerLimits: Partial<Record<TypeKind, number>> = {
  smallint: 32_767,
  integer: 2_147_483_647,
  bigint: Number.MAX_SAFE_INTEGER,
};

const wideningCasts = new Set([
  'cast:smallint:integer',
  'cast:smallint:bigint',
  'cast:integer:bigint',
  'cast:timestamp:timestamptz',
  'cast:timestamptz:timestamp',
]);

const emittableNames = new Set(['=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%']);
const emittableForms = new Set(['not', 'isNull', 'isTrue', 'isFalse']);

function isEmittable(id: string): boolean {
  if (emittableForms.has(id) || wideningCasts.has(id)) return true;
  const [name, kind, ...more] = id.split(':') as [string, TypeKind | undefined];
  if (!emittableNames.has(name) || kind === undefined || more.length > 0) return false;
  const { args } = scalarById(id).signature;
  return args.every((arg) => arg.kind === kind) && formOf(kind) !== undefined;
}

function hoist(form: Form, value: SqlValue): unknown {
  if (form === 'boolean') return value;
  if (form === 'text') return new TextEncoder().encode(value as string);
  if (typeof value !== 'bigint') return value;
  const words = new Int32Array(new BigInt64Array([value]).buffer);
  return isExactAt(words, 0) ? Number(bigintAt(words, 0)) : undefined;
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
