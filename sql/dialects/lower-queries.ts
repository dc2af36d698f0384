import type {
  CommonTable,
  Expression,
  JoinTable,
  Query,
  QueryBody,
  Select,
  SelectItem,
  TableExpression,
} from '../syntax/ast.ts';
import {
  aliasName,
  identifier,
  isTree,
  type Lowering,
  nowhere,
  part,
  parts,
  qualifiedName,
  refused,
  type Tree,
  word,
} from './foreign-tree.ts';
import { lowerExpression, lowerOrder, numberLiteral, queryOf } from './lower-expressions.ts';

/** A SELECT with what follows it by UNION and its like. */
export function lowerQuery(lowering: Lowering, tree: Tree): Query {
  const chain: Tree[] = [];
  for (let link: unknown = tree; isTree(link); link = link._next) chain.push(link);
  const operators = chain.slice(0, -1).map(({ set_op }) => word(set_op));
  const isMixed =
    operators.some((operator) => operator.startsWith('intersect')) && new Set(operators).size > 1;
  if (isMixed) throw refused('INTERSECT beside other set operations');
  // ORDER BY and LIMIT at the end of the chain are the whole chain's.
  const last = chain.at(-1)!;
  const owner = chain.length === 1 || last.parentheses_symbol !== true ? last : {};
  const bodies = chain.map((link) => lowerLink(lowering, link, link !== owner));
  let body: QueryBody = bodies[0]!;
  for (const [index, operator] of operators.entries()) {
    body = setOperation(lowering, operator, body, bodies[index + 1]!);
  }
  const bounds = limits(lowering, owner);
  return {
    kind: 'query',
    with: parts(tree, 'with').map((item) => commonTable(lowering, item)),
    recursive: parts(tree, 'with').some(({ recursive }) => recursive === true),
    body,
    orderBy: lowerOrder(lowering, parts(owner, 'orderby')),
    ...bounds,
    span: nowhere,
  };
}

/** A link with bounds of its own stands in parentheses. */
function lowerLink(lowering: Lowering, link: Tree, isOwn: boolean): QueryBody {
  const select = lowerSelect(lowering, link);
  if (!isOwn) return select;
  const bounds = limits(lowering, link);
  const orderBy = lowerOrder(lowering, parts(link, 'orderby'));
  if (orderBy.length === 0 && bounds.limit === undefined && bounds.offset === undefined)
    return select;
  return {
    kind: 'query',
    with: [],
    recursive: false,
    body: select,
    orderBy,
    ...bounds,
    span: nowhere,
  };
}

function setOperation(
  lowering: Lowering,
  given: string,
  left: QueryBody,
  right: QueryBody,
): QueryBody {
  const [operator, quantity = ''] = given.split(' ');
  const isKnown = operator === 'union' || operator === 'intersect' || operator === 'except';
  if (!isKnown || !['', 'all', 'distinct'].includes(quantity)) throw refused(given);
  if (quantity === 'distinct') lowering.account.replaced(['distinct'], []);
  return { kind: 'set', operator, all: quantity === 'all', left, right, span: nowhere };
}

function commonTable(lowering: Lowering, item: Tree): CommonTable {
  const columns = Array.isArray(item.columns) ? item.columns : [];
  return {
    name: identifier(lowering, item.name),
    columns: columns.map((name: unknown) =>
      identifier(lowering, isTree(name) && name.column !== undefined ? name.column : name),
    ),
    query: queryOf(lowering, part(item, 'stmt')),
    span: nowhere,
  };
}

function lowerSelect(lowering: Lowering, tree: Tree): Select {
  const distinct = isTree(tree.distinct) ? word(tree.distinct.type) : word(tree.distinct);
  if (isTree(tree.qualify)) throw refused('QUALIFY');
  const columns =
    tree.columns === '*'
      ? [starItem]
      : parts(tree, 'columns').map((item) => selectItem(lowering, item));
  return {
    kind: 'select',
    distinct: distinct === 'distinct' ? 'all' : 'none',
    items: columns,
    from: lowerFrom(lowering, Array.isArray(tree.from) ? parts(tree, 'from') : []),
    ...(isTree(tree.where) ? { where: lowerExpression(lowering, tree.where) } : {}),
    groupBy: groupBy(lowering, tree.groupby),
    ...(isTree(tree.having) ? { having: lowerExpression(lowering, tree.having) } : {}),
    span: nowhere,
  };
}

const starItem: SelectItem = {
  expression: { kind: 'star', relation: [], span: nowhere },
  span: nowhere,
};

function selectItem(lowering: Lowering, item: Tree): SelectItem {
  const expression = lowerExpression(lowering, part(item, 'expr'));
  if (item.as === null || item.as === undefined) return { expression, span: nowhere };
  return { expression, alias: aliasName(lowering, item.as), span: nowhere };
}

/** `WITH ROLLUP` of MySQL is ROLLUP of all columns. */
function groupBy(lowering: Lowering, clause: unknown): Select['groupBy'] {
  if (clause === null || clause === undefined) return [];
  const tree = Array.isArray(clause) ? { columns: clause } : (clause as Tree);
  const items = parts(tree, 'columns').map((item) => lowerExpression(lowering, item));
  const given = Array.isArray(tree.modifiers) ? tree.modifiers : [];
  const modifiers = given.filter(isTree).map(({ value }) => word(value));
  if (modifiers.length === 0) return items;
  if (modifiers.length > 1 || modifiers[0] !== 'with rollup') throw refused(modifiers.join(' '));
  lowering.account.replaced(['with'], []);
  return [{ kind: 'grouping-sets', form: 'rollup', items, span: nowhere }];
}

// ---- FROM ----------------------------------------------------------------------------------------

/** A flat list: an item with `join` is joined to what stands before it, one without begins anew. */
function lowerFrom(lowering: Lowering, items: readonly Tree[]): TableExpression[] {
  const tables: TableExpression[] = [];
  for (const item of items) {
    if (item.type === 'dual') {
      lowering.account.replaced(['from', 'dual'], []);
      continue;
    }
    const table = lowerTable(lowering, item);
    if (item.join === undefined || item.join === null) tables.push(table);
    else tables.push(join(lowering, tables.pop(), table, item));
  }
  return tables;
}

function lowerTable(lowering: Lowering, item: Tree): TableExpression {
  const alias =
    item.as === null || item.as === undefined
      ? {}
      : { alias: { name: aliasName(lowering, item.as), columns: [], span: nowhere } };
  if (isTree(item.expr)) {
    return {
      kind: 'derived',
      query: queryOf(lowering, item.expr),
      lateral: false,
      ...alias,
      span: nowhere,
    };
  }
  if (typeof item.table !== 'string') throw refused('such a table');
  const name = qualifiedName(lowering, item.schema ?? item.db, item.table);
  return { kind: 'relation', name, ...alias, span: nowhere };
}

const joinTypes: Readonly<Record<string, JoinTable['type']>> = {
  'inner join': 'inner',
  join: 'inner',
  'left join': 'left',
  'left outer join': 'left',
  'right join': 'right',
  'right outer join': 'right',
  'full join': 'full',
  'full outer join': 'full',
  'cross join': 'cross',
};

function join(
  lowering: Lowering,
  left: TableExpression | undefined,
  right: TableExpression,
  item: Tree,
): TableExpression {
  const natural = word(item.join).startsWith('natural ');
  const given = word(item.join).replace('natural ', '');
  const type = joinTypes[given];
  if (type === undefined || left === undefined) throw refused(`${String(item.join)}`);
  const using = Array.isArray(item.using)
    ? item.using.map((name: unknown) => identifier(lowering, name))
    : [];
  return {
    kind: 'join',
    type,
    natural,
    left,
    right,
    ...(isTree(item.on) ? { on: lowerExpression(lowering, item.on) } : {}),
    ...(using.length > 0 ? { using } : {}),
    span: nowhere,
  };
}

// ---- LIMIT ---------------------------------------------------------------------------------------

interface Bounds {
  limit?: Expression;
  offset?: Expression;
}

/** `LIMIT 5`, `LIMIT 5 OFFSET 2`, `LIMIT 2, 5`, `TOP 5`, `OFFSET 2 ROWS FETCH NEXT 5 ROWS ONLY`. */
function limits(lowering: Lowering, { limit, top }: Tree): Bounds {
  const { account } = lowering;
  if (isTree(top)) {
    if (top.percent) throw refused('TOP ... PERCENT');
    account.replaced(['top'], ['limit']);
    return { limit: numberLiteral(lowering, isTree(top.value) ? top.value.value : top.value) };
  }
  if (!isTree(limit)) return {};
  if (isTree(limit.offset) || isTree(limit.fetch)) return fetched(lowering, limit);
  const [first, second] = parts(limit, 'value').map((item) => lowerExpression(lowering, item));
  if (first === undefined) return {};
  if (second === undefined) return { limit: first };
  if (limit.seperator !== ',') return { limit: first, offset: second };
  account.replaced([], ['offset']);
  return { limit: second, offset: first };
}

function fetched(lowering: Lowering, limit: Tree): Bounds {
  const bounds: Bounds = {};
  const say = (tree: Tree) =>
    [...parts(tree, 'prefix'), ...parts(tree, 'suffix')].map(({ value }) => word(value));
  if (isTree(limit.offset)) {
    lowering.account.replaced(say(limit.offset), ['offset']);
    bounds.offset = lowerExpression(lowering, part(limit.offset, 'value'));
  }
  if (isTree(limit.fetch)) {
    lowering.account.replaced(say(limit.fetch), ['limit']);
    bounds.limit = lowerExpression(lowering, part(limit.fetch, 'value'));
  }
  return bounds;
}
