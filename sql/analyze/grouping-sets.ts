import type { Expression, GroupingElement, GroupingSets } from '../syntax/ast.ts';
import { type Context, complain } from './context.ts';

/** PostgreSQL's bounds. */
const setsMax = 4096;
const cubeItemsMax = 12;

type Sets = readonly (readonly number[])[];

/**
 * GROUP BY as its grouping sets: each element stands for some sets, and the clause for their cross
 * product, in which the elements' sets are put together (PostgreSQL 7.2.4). `number` numbers an
 * expression; equal ones have one number. `isDistinct` keeps one of equal sets.
 */
export function groupingSets(
  context: Context,
  elements: readonly GroupingElement[],
  number: (node: Expression) => number,
  isDistinct: boolean,
): Sets {
  const tooMany = ({ span }: GroupingElement) =>
    complain(context, span, `too many grouping sets present (maximum ${setsMax})`, {
      sqlState: '54001',
    });

  /** An item of CUBE, ROLLUP or GROUPING SETS: a row stands for its items together. */
  const item = (element: Expression): readonly number[] =>
    element.kind === 'row' ? unique(element.items.map(number)) : [number(element)];

  const setsOf = (element: GroupingElement): Sets => {
    if (element.kind !== 'grouping-sets') return [[number(element)]];
    switch (element.form) {
      case 'empty':
        return [[]];
      case 'sets':
        return element.items.flatMap((part) =>
          part.kind === 'grouping-sets' ? setsOf(part) : [item(part)],
        );
      case 'rollup': {
        const items = itemsOf(element).map(item);
        return [...items, []].map((_, index) => together(items.slice(0, items.length - index)));
      }
      case 'cube': {
        const items = itemsOf(element).map(item);
        if (items.length > cubeItemsMax) {
          throw complain(context, element.span, `CUBE is limited to ${cubeItemsMax} elements`, {
            sqlState: '54011',
          });
        }
        return Array.from({ length: 2 ** items.length }, (_, chosen) =>
          together(items.filter((_, index) => ((chosen >> index) & 1) === 0)),
        );
      }
    }
  };

  let sets: Sets = [[]];
  for (const element of elements) {
    const more = setsOf(element);
    if (sets.length * more.length > setsMax) throw tooMany(element);
    sets = sets.flatMap((set) => more.map((added) => together([set, added])));
  }
  if (!isDistinct) return sets;
  const bySet = new Map(sets.map((set) => [set.toSorted((a, b) => a - b).join(), set]));
  return [...bySet.values()];
}

/** The grammar lets only expressions into CUBE and ROLLUP. */
function itemsOf({ items }: GroupingSets): Expression[] {
  return items.filter((part): part is Expression => part.kind !== 'grouping-sets');
}

function together(sets: Sets): number[] {
  return unique(sets.flat());
}

function unique(numbers: readonly number[]): number[] {
  return [...new Set(numbers)];
}
