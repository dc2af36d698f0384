import type { Expr } from './expr.ts';
import { exprKey } from './expr-tools.ts';
import { projected } from './nodes.ts';
import type { JoinNode, OuterJoinNode, PlanNode, SemiJoinNode } from './physical.ts';

/** A plan without outer columns, and what says to which outer rows its rows belong (decorrelate.ts). */
export interface Unnested {
  /** The columns of the given plan at their places, then those of the terms. */
  readonly plan: PlanNode;
  /** Empty: the plan does not depend on the outer side. */
  readonly terms: readonly Term[];
}

/** Row r belongs to the outer rows l for which `expr(l)` equals the column. */
export interface Term {
  readonly expr: Expr;
  readonly column: number;
  /** NULL equals NULL; else a NULL on either side belongs to nothing. */
  readonly nullSafe: boolean;
}

/** The id of a bare column. */
export function idOf(expr: Expr): readonly number[] {
  return expr.kind === 'column' ? [expr.index] : [];
}

export function hasTerm(terms: readonly Term[], expr: Expr): boolean {
  return terms.some((term) => exprKey(term.expr) === exprKey(expr));
}

export function sameTerms(a: Unnested, b: Unnested): boolean {
  return a.terms.length === b.terms.length && a.terms.every(({ expr }) => hasTerm(b.terms, expr));
}

/** `b` with its terms in the order of those of `a`, if it has the same. */
export function inOrderOf(a: Unnested, b: Unnested): Unnested {
  if (!sameTerms(a, b)) return b;
  const width = b.plan.fields.length - b.terms.length;
  const found = a.terms.map(
    ({ expr }) => b.terms.find((term) => exprKey(term.expr) === exprKey(expr))!,
  );
  const isSame = found.every(({ column }, index) => column === width + index);
  if (isSame) return { plan: b.plan, terms: found };
  const order = [...Array(width).keys(), ...found.map(({ column }) => column)];
  return { plan: projected(b.plan, order), terms: moved(found, width) };
}

export function moved(terms: readonly Term[], width: number): readonly Term[] {
  return terms.map((term, index) => ({ ...term, column: width + index }));
}

/**
 * A node's columns, then those of the terms, out of a node over a wider input: its first `width`
 * columns are the old input's, and what it adds itself lies behind all of the input's.
 */
export function behindTerms(
  width: number,
  count: number,
  terms: readonly number[],
  inputWidth: number,
): number[] {
  const own = Array.from({ length: count - width }, (_, index) => inputWidth + index);
  return [...Array(width).keys(), ...own, ...terms];
}

/** The terms of one side as outputs of a join. */
export function termOutputs(side: 'left' | 'right', { terms }: Unnested): OuterJoinNode['outputs'] {
  return terms.map(({ column }) => ({ side, column }));
}

/** The keys of a join and, if both sides have them, their terms. */
export function withTermKeys(
  { leftKeys, rightKeys, nullSafe }: JoinNode | OuterJoinNode | SemiJoinNode,
  left: Unnested,
  right: Unnested,
) {
  if (left.terms.length === 0 || right.terms.length === 0) return { leftKeys, rightKeys, nullSafe };
  return {
    leftKeys: [...leftKeys, ...left.terms.map(({ column }) => column)],
    rightKeys: [...rightKeys, ...right.terms.map(({ column }) => column)],
    nullSafe: [...nullSafe, ...left.terms.map((term) => term.nullSafe)],
  };
}

export function names({ fields }: PlanNode, terms: readonly Term[]): string[] {
  return [...fields.map(({ name }) => name), ...terms.map((_, index) => `outer${index}`)];
}

export function termFields({ fields }: PlanNode, terms: readonly Term[]) {
  return [
    ...fields,
    ...terms.map(({ expr: { type } }, index) => ({ name: `outer${index}`, type, nullable: true })),
  ];
}
