import { isTree, part, refused, type Tree, word } from './foreign-tree.ts';

/**
 * node-sql-parser reads `a AND b OR c` as `a AND (b OR c)`: its trees have the operators in the
 * order of the text, and the parentheses that were there, but not always their precedence. So an
 * expression is taken apart into the row that the text was, and put together again by the rules
 * that the dialects share. Where they differ, parentheses are asked for.
 */
export type Item =
  | { readonly kind: 'operand'; readonly tree: Tree }
  | { readonly kind: 'not' }
  | { readonly kind: 'operator'; readonly name: string }
  /** IS, IN, BETWEEN: with all that stands to the right of its operand. */
  | { readonly kind: 'test'; readonly tree: Tree };

/** How strongly operators bind. */
const strengths: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  '&&': 2,
  // NOT: 3
  '=': 4,
  '<>': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  like: 4,
  'not like': 4,
  ilike: 4,
  'not ilike': 4,
  regexp: 4,
  'not regexp': 4,
  rlike: 4,
  'not rlike': 4,
  '||': 5,
  '|': 5,
  '&': 5,
  '+': 6,
  '-': 6,
  '*': 7,
  '/': 7,
  '%': 7,
  mod: 7,
  div: 7,
};
const notStrength = 3;
const testStrength = 4;
/** `||`, `|` and `&` stand elsewhere in each dialect. */
const unsettled = 5;

const tests = new Set(['is', 'is not', 'in', 'not in', 'between', 'not between']);

/** The row of an expression, down to what is in parentheses or is no operator. */
export function itemsOf(tree: Tree): Item[] {
  const items: Item[] = [];
  const visit = (node: Tree, isTop: boolean): void => {
    const isRow = isTop || node.parentheses !== true;
    const operator = word(node.operator);
    if (isRow && node.type === 'binary_expr') {
      visit(part(node, 'left'), false);
      if (tests.has(operator)) {
        items.push({ kind: 'test', tree: node });
        return;
      }
      items.push({ kind: 'operator', name: operator });
      visit(part(node, 'right'), false);
    } else if (isRow && node.type === 'unary_expr' && operator === 'not') {
      items.push({ kind: 'not' });
      visit(part(node, 'expr'), false);
    } else items.push({ kind: 'operand', tree: node });
  };
  visit(tree, true);
  return items;
}

/** How the parts are put together. */
export interface Builder<E> {
  operand(tree: Tree): E;
  not(operand: E): E;
  binary(operator: string, left: E, right: E): E;
  test(operand: E, tree: Tree): E;
}

/** The expression that a row means. Throws UNSUPPORTED where dialects would not agree. */
export function inOrder<E>(items: readonly Item[], build: Builder<E>): E {
  let at = 0;
  const term = (): E => {
    const item = items[at++];
    if (item?.kind === 'not') return build.not(climb(notStrength));
    if (item?.kind !== 'operand') throw refused('such an expression');
    return build.operand(item.tree);
  };
  const climb = (least: number): E => {
    let left = term();
    let previous: string | undefined;
    for (;;) {
      const item = items[at];
      if (item === undefined) return left;
      const name = item.kind === 'operator' ? item.name : 'a test';
      const strength = item.kind === 'test' ? testStrength : strengths[name];
      if (strength === undefined) throw refused(`operator ${name}`);
      if (strength < least) return left;
      checkChain(previous, name, strength);
      at++;
      left =
        item.kind === 'test'
          ? build.test(left, item.tree)
          : build.binary(name, left, climb(strength + 1));
      previous = name;
    }
  };
  const whole = climb(0);
  if (at < items.length) throw refused('such an expression');
  checkUnsettled(items);
  return whole;
}

/** `a = b = c` and the like: neither side of a comparison is one without parentheses. */
function checkChain(previous: string | undefined, name: string, strength: number): void {
  if (previous === undefined || strength !== testStrength) return;
  const before = previous === 'a test' ? testStrength : strengths[previous];
  if (before === testStrength) throw refused(`${name} after ${previous} without parentheses`);
}

function checkUnsettled(items: readonly Item[]): void {
  const arithmetic = items.flatMap((item) => {
    return item.kind === 'operator' && strengths[item.name]! >= unsettled ? [item.name] : [];
  });
  const odd = arithmetic.find((name) => strengths[name] === unsettled);
  if (odd !== undefined && new Set(arithmetic).size > 1) {
    throw refused(`${odd} beside other operators without parentheses`);
  }
}

/** BETWEEN's bounds and IN's left side must be plain: what binds weaker would not belong there. */
export function isArithmetic(tree: Tree): boolean {
  if (tree.type !== 'binary_expr' || tree.parentheses === true) return true;
  const strength = strengths[word(tree.operator)] ?? 0;
  const sides = [tree.left, tree.right].filter(isTree);
  return strength >= unsettled && sides.every(isArithmetic);
}
