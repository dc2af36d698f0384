import fc from 'fast-check';
import { fromText } from '../../../sql/columns/text.ts';
import type { SqlType, TypeKind } from '../../../sql/columns/types.ts';
import { castId } from '../../../sql/functions/resolve.ts';
import { scalarFunctions } from '../../../sql/functions/scalar.ts';
import type { Expr } from '../../../sql/plan/expr.ts';
import { fields, rows } from '../functions/samples.ts';

/** Random typed expressions over the columns of samples.ts, from the table of functions. */

const t = (kind: TypeKind): SqlType => ({ kind }) as SqlType;
/** Kinds that say all of their type. */
const kinds = [...new Set(fields.map(({ type }) => type.kind))].filter((kind) => kind !== 'array');
const call = (functionId: string, type: SqlType, args: readonly Expr[]): Expr => ({
  kind: 'call',
  functionId,
  type,
  args,
});

function column(kind: TypeKind): fc.Arbitrary<Expr> {
  const indexes = fields.flatMap(({ type }, index) => (type.kind === kind ? [index] : []));
  return fc.constantFrom(...indexes).map((index) => ({ kind: 'column', index, type: t(kind) }));
}

/** A value of the samples, or NULL. */
function constant(kind: TypeKind): fc.Arbitrary<Expr> {
  const index = fields.findIndex(({ type }) => type.kind === kind);
  const texts = [...new Set(rows.map((row) => row[index]!))];
  return fc.constantFrom(...texts).map((text) => ({
    kind: 'constant',
    type: t(kind),
    value: text === null ? null : fromText(t(kind), text),
  }));
}

/** Repeating and padding make texts of megabytes. */
// Two evaluations of a volatile function differ, whoever makes them.
const calls = scalarFunctions
  .filter(({ signature }) => !signature.volatile)
  .map(({ signature }) => signature)
  .filter(({ name }) => !/^(repeat|[lr]pad)$/.test(name))
  .filter(({ args }) => args.every(({ kind }) => (kinds as readonly string[]).includes(kind)));

export function randomExpr(kind: TypeKind, depth: number): fc.Arbitrary<Expr> {
  const leaf = fc.oneof({ weight: 3, arbitrary: column(kind) }, constant(kind));
  if (depth === 0) return leaf;
  const smaller = (wanted: TypeKind) => randomExpr(wanted, depth - 1);
  const anyKind = fc.constantFrom(...kinds);
  const giving = calls.filter(({ result }) => result.kind === kind);
  const choices: fc.Arbitrary<Expr>[] = [
    fc
      .tuple(smaller('boolean'), smaller(kind), smaller('boolean'), smaller(kind), smaller(kind))
      .map(([when, then, second, other, otherwise]) => ({
        kind: 'case',
        type: t(kind),
        branches: [
          { when, then },
          { when: second, then: other },
        ],
        otherwise,
      })),
    fc
      .tuple(
        fc.constantFrom('coalesce', 'nullif', 'greatest', 'least'),
        smaller(kind),
        smaller(kind),
      )
      .map(([id, a, b]) => call(id, t(kind), [a, b])),
    anyKind.chain((from) => {
      const id = castId(t(from), t(kind), 'explicit');
      return smaller(from).map((arg) =>
        id === undefined || id === 'none' || arg.type.kind !== from
          ? { kind: 'constant', type: t(kind), value: null }
          : call(id, t(kind), [arg]),
      );
    }),
  ];
  if (giving.length > 0) {
    choices.push(
      fc
        .constantFrom(...giving)
        .chain(({ id, args, result }) =>
          fc
            .tuple(...args.map((arg) => smaller(arg.kind as TypeKind)))
            .map((made) => call(id, result as SqlType, made)),
        ),
    );
  }
  if (kind === 'boolean') {
    choices.push(
      fc
        .tuple(
          fc.constantFrom('and', 'or'),
          fc.array(smaller('boolean'), { minLength: 2, maxLength: 3 }),
        )
        .map(([id, args]) => call(id, t(kind), args)),
      fc
        .tuple(fc.constantFrom('not', 'isTrue', 'isFalse', 'isNull'), smaller('boolean'))
        .map(([id, arg]) => call(id, t(kind), [arg])),
      anyKind.chain((other) => smaller(other).map((arg) => call('isNull', t(kind), [arg]))),
      anyKind.chain((other) =>
        fc.tuple(smaller(other), smaller(other)).map((args) => call('isDistinct', t(kind), args)),
      ),
    );
  }
  if (kind === 'numeric') {
    const typed = (precision: number, scale: number): SqlType => ({ kind, precision, scale });
    choices.push(
      fc
        .tuple(fc.constantFrom(typed(10, 2), typed(5, 0), typed(38, 10)), smaller('numeric'))
        .map(([type, arg]) => call('cast:numeric:numeric', type, [arg])),
    );
  }
  return fc.oneof(
    { weight: 1, arbitrary: leaf },
    ...choices.map((arbitrary) => ({ weight: 2, arbitrary })),
  );
}

export { kinds };
