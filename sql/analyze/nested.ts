import { typeName } from '../columns/type-name.ts';
import type { RecordField, SqlType } from '../columns/types.ts';
import { resolveOperator } from '../functions/resolve.ts';
import type { Expr } from '../plan/expr.ts';
import type {
  ArrayExpression,
  FieldExpression,
  QuantifiedExpression,
  RowExpression,
  Span,
  Subscript,
  SubscriptExpression,
} from '../syntax/ast.ts';
import { coerce, coerceAll, settled } from './coerce.ts';
import { type Context, complain, didYouMean } from './context.ts';
import { analyzeExpression, type ExpressionPlace } from './expressions.ts';
import { applied, call, noOperator } from './operators.ts';
import { relationNamed, starColumns } from './whole-rows.ts';

/** Arrays and composite values: constructors, subscripts, fields, ANY and ALL. */

const integer: SqlType = { kind: 'integer' };
const boolean: SqlType = { kind: 'boolean' };

/** `element`: what a cast around the constructor wants its items to be. */
export function arrayConstructor(
  place: ExpressionPlace,
  node: ArrayExpression,
  element?: SqlType,
): Expr {
  const { context } = place;
  const items = node.items.map((item) =>
    item.kind === 'array' ? arrayConstructor(place, item, element) : analyzeExpression(place, item),
  );
  if (items.length === 0) {
    if (element === undefined) {
      throw complain(context, node.span, 'cannot determine type of empty array', {
        sqlState: '42P18',
        hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
      });
    }
    return call('array', [], { kind: 'array', element }, node.span);
  }
  if (element !== undefined) {
    const type: SqlType = { kind: 'array', element };
    const cast = items.map((item) =>
      coerce(context, item, item.type.kind === 'array' ? type : element, 'explicit'),
    );
    return call('array', cast, type, node.span);
  }
  const same = coerceAll(context, items, 'ARRAY').map((item) => settled(context, item));
  const { type } = same[0]!;
  // Arrays in an array are its further dimensions.
  return call(
    'array',
    same,
    type.kind === 'array' ? type : { kind: 'array', element: type },
    node.span,
  );
}

export function rowConstructor(place: ExpressionPlace, node: RowExpression): Expr {
  const items = node.items.flatMap((item) =>
    item.kind === 'star'
      ? starColumns(place, item, (operand) => analyzeExpression(place, operand)).map(
          ({ expr }) => expr,
        )
      : [analyzeExpression(place, item)],
  );
  const fields = items.map(
    ({ type }, index): RecordField => ({
      name: `f${index + 1}`,
      type: type.kind === 'unknown' ? { kind: 'text' } : type,
    }),
  );
  // Untyped literals stay so: a comparison with another row may yet decide.
  return call('row', items, { kind: 'record', fields }, node.span);
}

export function field(place: ExpressionPlace, node: FieldExpression): Expr {
  const { context } = place;
  const { name, span } = node.name;
  const relation = relationNamed(place, node.operand);
  if (relation !== undefined) {
    // A field of a relation's row is its column, also for GROUP BY.
    const parts = [relation, node.name];
    return analyzeExpression(place, { kind: 'column', parts, span: node.span });
  }
  const operand = analyzeExpression(place, node.operand);
  if (operand.type.kind !== 'record') {
    const message = `column notation .${name} applied to type ${typeName(operand.type)}, which is not a composite type`;
    throw complain(context, span, message, { sqlState: '42809' });
  }
  return fieldOf(place, operand, name, node);
}

function fieldOf(
  { context }: ExpressionPlace,
  operand: Expr,
  name: string,
  node: FieldExpression,
): Expr {
  const fields = operand.type.kind === 'record' ? operand.type.fields : [];
  const index = fields.findIndex((item) => item.name === name);
  if (index < 0) {
    throw complain(context, node.name.span, `column "${name}" not found in the composite value`, {
      sqlState: '42703',
      hint: didYouMean(
        name,
        fields.map((item) => item.name),
      ),
    });
  }
  return fieldAt(context, operand, index, node.span);
}

/** A field of a value whose type is a record, by its number from 0. */
export function fieldAt(context: Context, operand: Expr, index: number, span: Span): Expr {
  const fields = operand.type.kind === 'record' ? operand.type.fields : [];
  const { type } = fields[index]!;
  if (operand.kind === 'call' && /^(?:row|wholeRow)$/.test(operand.functionId)) {
    return coerce(context, operand.args[index]!, type, 'implicit');
  }
  const number: Expr = { kind: 'constant', type: integer, value: index, span };
  return call('field', [operand, number], type, span);
}

/** With an index in every bracket an item, with a slice in any of them an array. */
export function subscript(place: ExpressionPlace, node: SubscriptExpression): Expr {
  const { context } = place;
  const operand = settled(context, analyzeExpression(place, node.operand));
  const { type } = operand;
  if (type.kind === 'jsonb') return jsonSubscript(place, operand, node);
  if (type.kind !== 'array') {
    const message = `cannot subscript type ${typeName(type)} because it does not support subscripting`;
    throw complain(context, node.span, message, { sqlState: '42804' });
  }
  const bound = (expression: Subscript['upper']): Expr => {
    if (expression === undefined) {
      return { kind: 'constant', type: integer, value: null, span: node.span };
    }
    const expr = analyzeExpression(place, expression);
    return coerce(context, expr, integer, 'assignment');
  };
  if (!node.subscripts.some(({ isSlice }) => isSlice)) {
    const indexes = node.subscripts.map(({ upper }) => bound(upper));
    return call('subscript', [operand, ...indexes], type.element, node.span);
  }
  // A mask of the bounds that are left out, which a NULL bound is not.
  let omitted = 0;
  const bounds = node.subscripts.flatMap(({ isSlice, lower, upper }, index) => {
    if (!isSlice) {
      const one: Expr = { kind: 'constant', type: integer, value: 1, span: node.span };
      return [one, bound(upper)];
    }
    if (lower === undefined) omitted |= 1 << (2 * index);
    if (upper === undefined) omitted |= 2 << (2 * index);
    return [bound(lower), bound(upper)];
  });
  const mask: Expr = { kind: 'constant', type: integer, value: omitted, span: node.span };
  return call('slice', [operand, mask, ...bounds], type, node.span);
}

/** `j['a'][0]` is `j #> '{a,0}'`. */
function jsonSubscript(place: ExpressionPlace, operand: Expr, node: SubscriptExpression): Expr {
  const { context } = place;
  const path = node.subscripts.map(({ isSlice, upper }) => {
    if (isSlice || upper === undefined) {
      throw complain(context, node.span, 'jsonb subscript does not support slices', {
        sqlState: '42804',
      });
    }
    const expr = analyzeExpression(place, upper);
    return coerce(context, expr, { kind: 'text' }, 'assignment');
  });
  const texts = call('array', path, { kind: 'array', element: { kind: 'text' } }, node.span);
  return call('#>:jsonb:text[]', [operand, texts], { kind: 'jsonb' }, node.span);
}

/** `operand operator ANY (array)`: the call of `any:<id>` for the operator's function. */
export function quantified(place: ExpressionPlace, node: QuantifiedExpression): Expr {
  const { context } = place;
  const operand = analyzeExpression(place, node.operand);
  let array = analyzeExpression(place, node.array);
  if (array.type.kind === 'unknown') {
    const { type } = settled(context, operand);
    array = coerce(context, array, { kind: 'array', element: type }, 'implicit');
  }
  if (array.type.kind !== 'array') {
    throw complain(context, node.array.span, 'op ANY/ALL (array) requires array on right side', {
      sqlState: '42809',
    });
  }
  const { element } = array.type;
  const resolved = resolveOperator(node.operator, operand.type, element);
  if (resolved === undefined) {
    throw noOperator(context, node.operator, operand.type, element, node.span);
  }
  if (resolved.result.kind !== 'boolean') {
    throw complain(context, node.span, 'op ANY/ALL (array) requires operator to yield boolean', {
      sqlState: '42809',
    });
  }
  const [left, item] = resolved.args as readonly [SqlType, SqlType];
  const applyTo = { ...resolved, args: [left], argCasts: resolved.argCasts.slice(0, 1) };
  const cast = applied(context, applyTo, [operand], node.span);
  const leftArg = cast.kind === 'call' ? cast.args[0]! : operand;
  const items = coerce(context, array, { kind: 'array', element: item }, 'implicit');
  const id = `${node.form}:${resolved.signature.id}`;
  return call(id, [leftArg, items], boolean, node.span);
}
