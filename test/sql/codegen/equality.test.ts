import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import { compileMap } from '../../../sql/codegen/compile-map.ts';
import { foldConstant } from '../../../sql/codegen/fold.ts';
import { interpret } from '../../../sql/codegen/interpreter.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import type { Expr } from '../../../sql/plan/expr.ts';
import { seedOr } from '../../random-seed.ts';
import { compiled, interpreted } from '../functions/postgres.ts';
import { batch, rows } from '../functions/samples.ts';
import { kinds, randomExpr } from './random-expr.ts';

/** Generated code against the interpreter, on random expressions over rows of edge values. */
const seed = seedOr(20261124);
const runs = Number(process.env.RUNS ?? 400);

const anyExpr = fc.constantFrom(...kinds).chain((kind) => randomExpr(kind, 3));

test(`a compiled column is the interpreter's, failures included (SEED=${seed})`, () => {
  fc.assert(
    fc.property(anyExpr, (expr) => {
      expect(compiled(expr)).toEqual(interpreted(expr));
    }),
    { seed, numRuns: runs },
  );
});

/** As in PostgreSQL, a strict call of a NULL constant is NULL: what would fail beside it is not run. */
test(`folding constants changes no value, and drops failures only beside a NULL (SEED=${seed})`, () => {
  fc.assert(
    fc.property(anyExpr, (expr) => {
      const folded = interpreted(foldConstant(expr));
      const whole = interpreted(expr);
      const hasNull = hasNullConstant(expr);
      const kept = whole.map((value, row) =>
        hasNull && /^![0-9A-Z]{5}$/.test(value) ? folded[row] : value,
      );
      expect(folded).toEqual(kept);
    }),
    { seed, numRuns: runs },
  );
});

test(`a compiled filter lets the interpreter's rows through (SEED=${seed})`, () => {
  fc.assert(
    fc.property(randomExpr('boolean', 3), (filter) => {
      expect(filtered(filter)).toEqual(expectedRows(filter));
    }),
    { seed, numRuns: runs },
  );
});

/** Ids of the rows that pass; `!` and the id of those that fail. */
function filtered(filter: Expr): string[] {
  const id: Expr = { kind: 'column', index: 0, type: { kind: 'integer' } };
  const result = compileMap({ filter, outputs: [id] }, 'collect')(batch);
  const passed = Array.from({ length: result.batch.rowCount }, (_, row) =>
    String(valueAt(result.batch.columns[0]!, row)),
  );
  return [...passed, ...result.errors.map(({ row }) => `!${row}`)];
}

function expectedRows(filter: Expr): string[] {
  const passed: string[] = [];
  const failed: string[] = [];
  for (let row = 0; row < rows.length; row++) {
    try {
      if (interpret(filter, batch, row) === true) passed.push(String(row));
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      failed.push(`!${row}`);
    }
  }
  return [...passed, ...failed];
}

function hasNullConstant(expr: Expr): boolean {
  switch (expr.kind) {
    case 'column':
      return false;
    case 'constant':
      return expr.value === null;
    case 'case':
      return (
        expr.branches.some(({ when, then }) => hasNullConstant(when) || hasNullConstant(then)) ||
        hasNullConstant(expr.otherwise)
      );
    case 'call':
      return expr.args.some(hasNullConstant);
  }
}
