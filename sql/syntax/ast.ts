/**
 * The syntax tree of Millrace SQL: what the text says, before names and types are known. Nodes are
 * plain frozen data; each carries `span`, so that any later stage can point at the text.
 * PostgreSQL's grammar is the model; streaming words follow DESIGN section 6. Here are expressions and
 * queries, which hold each other; statements are in statement-ast.ts.
 */

/** Half-open range of UTF-16 units in the statement's text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Node {
  readonly span: Span;
}

/** An identifier as it is meant: unquoted ones are folded to lower case. */
export interface Identifier extends Node {
  readonly name: string;
  readonly quoted: boolean;
}

/** `a`, `s.a`, `c.s.a`. */
export interface QualifiedName extends Node {
  readonly parts: readonly Identifier[];
}

/** `numeric(10, 2)`, `character varying(20)`, `bigint[]`; `name` is PostgreSQL's short name. */
export interface TypeName extends Node {
  readonly name: string;
  readonly modifiers: readonly number[];
  readonly arrayDepth: number;
  /** Of `struct<a int, b text>`, RisingWave's name for a composite type without a name. */
  readonly fields?: readonly { readonly name: Identifier; readonly typeName: TypeName }[];
}

// ---- expressions -------------------------------------------------------------------------------

export type Expression =
  | LiteralExpression
  | ColumnExpression
  | StarExpression
  | ParameterExpression
  | UnaryExpression
  | BinaryExpression
  | IsExpression
  | BetweenExpression
  | InExpression
  | LikeExpression
  | CaseExpression
  | CastExpression
  | NamedArgument
  | CallExpression
  | JsonQueryExpression
  | JsonConstructor
  | SubqueryExpression
  | QuantifiedExpression
  | ArrayExpression
  | RowExpression
  | SubscriptExpression
  | FieldExpression;

/** Numbers keep their text: nothing is rounded by reading. */
export interface LiteralExpression extends Node {
  readonly kind: 'literal';
  readonly literal:
    | { readonly type: 'null' }
    | { readonly type: 'boolean'; readonly value: boolean }
    | { readonly type: 'integer'; readonly text: string }
    | { readonly type: 'decimal'; readonly text: string }
    | { readonly type: 'string'; readonly value: string }
    /** `INTERVAL '1' DAY`, `TIMESTAMP '...'`, `DATE '...'`: a typed constant. */
    | {
        readonly type: 'typed';
        readonly typeName: TypeName;
        readonly value: string;
        /** Interval fields after the text, as `DAY` or `DAY TO SECOND`; upper case. */
        readonly fields?: string;
      };
}

/** `a`, `t.a`, `s.t.a`; the last part is the column. */
export interface ColumnExpression extends Node {
  readonly kind: 'column';
  readonly parts: readonly Identifier[];
}

/**
 * `*`, `relation.*`, or `(operand).*`, all fields of a composite value; only in select lists,
 * RETURNING and `count(*)`.
 */
export interface StarExpression extends Node {
  readonly kind: 'star';
  readonly relation: readonly Identifier[];
  readonly operand?: Expression;
  /** `* EXCEPT (a, t.b)`, RisingWave's and BigQuery's: the columns that it leaves out. */
  readonly except?: readonly ColumnExpression[];
}

/** `$1`; index from 1. */
export interface ParameterExpression extends Node {
  readonly kind: 'parameter';
  readonly index: number;
}

export interface UnaryExpression extends Node {
  readonly kind: 'unary';
  readonly operator: '-' | '+' | 'not' | '~' | '@' | '|/' | '||/';
  readonly operand: Expression;
}

/** `operator` is the symbol as PostgreSQL writes it (`<>` also for `!=`), or `and`, `or`. */
export interface BinaryExpression extends Node {
  readonly kind: 'binary';
  readonly operator: string;
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}

export type JsonTest = 'value' | 'object' | 'array' | 'scalar';

export interface IsExpression extends Node {
  readonly kind: 'is';
  readonly test: 'null' | 'true' | 'false' | 'unknown' | 'distinct' | 'json';
  readonly negated: boolean;
  readonly operand: Expression;
  /** Of IS JSON: of which kind, and whether no object may have a key twice. */
  readonly json?: { readonly type: JsonTest; readonly hasUniqueKeys: boolean };
  /** Right side of IS [NOT] DISTINCT FROM. */
  readonly right?: Expression;
}

export interface BetweenExpression extends Node {
  readonly kind: 'between';
  readonly negated: boolean;
  readonly symmetric: boolean;
  readonly operand: Expression;
  readonly low: Expression;
  readonly high: Expression;
}

export interface InExpression extends Node {
  readonly kind: 'in';
  readonly negated: boolean;
  readonly operand: Expression;
  readonly list: readonly Expression[] | Query;
}

export interface LikeExpression extends Node {
  readonly kind: 'like';
  readonly negated: boolean;
  readonly flavour: 'like' | 'ilike' | 'similar';
  readonly operand: Expression;
  readonly pattern: Expression;
  readonly escape?: Expression;
}

export interface CaseExpression extends Node {
  readonly kind: 'case';
  readonly operand?: Expression;
  readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
  readonly otherwise?: Expression;
}

/** `CAST(x AS t)` and `x::t`. */
export interface CastExpression extends Node {
  readonly kind: 'cast';
  readonly operand: Expression;
  readonly typeName: TypeName;
}

/** Function and aggregate calls. SQL's special forms (EXTRACT, SUBSTRING ... FROM) become calls. */
export interface CallExpression extends Node {
  readonly kind: 'call';
  readonly name: QualifiedName;
  readonly args: readonly Expression[];
  /** `f(*)`. */
  readonly star: boolean;
  readonly distinct: boolean;
  readonly orderBy: readonly OrderItem[];
  /** `orderBy` stands in WITHIN GROUP, not in the parentheses of the arguments. */
  readonly withinGroup?: true;
  readonly filter?: Expression;
  /** OVER: a window, or the name of one of the WINDOW clause. */
  readonly over?: WindowSpec | Identifier;
  /** Of JSON_OBJECTAGG, whose arguments are key and value, and of JSON_ARRAYAGG. */
  readonly json?: JsonAggregate;
}

export interface JsonAggregate {
  /** FORMAT JSON behind the value. */
  readonly format?: JsonFormat;
  /** ABSENT ON NULL, or NULL ON NULL. */
  readonly absentOnNull: boolean;
  readonly uniqueKeys: boolean;
  readonly returning?: JsonReturning;
}

/** `FORMAT JSON [ENCODING utf8]`; the encoding in lower case. */
export interface JsonFormat {
  readonly encoding?: string;
}

/** A value that is JSON already, or becomes it. */
export interface JsonInput {
  readonly expression: Expression;
  readonly format?: JsonFormat;
}

export interface JsonReturning {
  readonly typeName: TypeName;
  readonly format?: JsonFormat;
}

/** What ON EMPTY or ON ERROR gives. */
export interface JsonBehaviour extends Node {
  readonly what:
    | 'error'
    | 'null'
    | 'true'
    | 'false'
    | 'unknown'
    | 'empty array'
    | 'empty object'
    | 'default';
  /** Of DEFAULT. */
  readonly expression?: Expression;
}

/** JSON_VALUE, JSON_QUERY, JSON_EXISTS: what a path gives of a document (SQL:2016, 6.29 to 6.31). */
export interface JsonQueryExpression extends Node {
  readonly kind: 'json-query';
  readonly form: 'value' | 'query' | 'exists';
  readonly document: JsonInput;
  readonly path: Expression;
  /** Variables of the path. */
  readonly passing: readonly { readonly name: Identifier; readonly value: JsonInput }[];
  readonly returning?: JsonReturning;
  readonly wrapper?: 'without' | 'conditional' | 'unconditional';
  readonly quotes?: 'keep' | 'omit';
  readonly onEmpty?: JsonBehaviour;
  readonly onError?: JsonBehaviour;
}

/** JSON_OBJECT, JSON_ARRAY, JSON, JSON_SCALAR, JSON_SERIALIZE (PostgreSQL's documentation, 9.16.1). */
export interface JsonConstructor extends Node {
  readonly kind: 'json-constructor';
  /** `query` is JSON_ARRAY of a query's rows, `parse` is JSON(). */
  readonly form: 'object' | 'array' | 'query' | 'parse' | 'scalar' | 'serialize';
  /** Members of an object, items of an array, or the one argument. */
  readonly members: readonly { readonly key?: Expression; readonly value: JsonInput }[];
  readonly query?: Query;
  /** FORMAT JSON behind the query. */
  readonly format?: JsonFormat;
  readonly absentOnNull: boolean;
  readonly uniqueKeys: boolean;
  readonly returning?: JsonReturning;
}

/** `name => value`: an argument of a call that says which parameter it is for. */
export interface NamedArgument extends Node {
  readonly kind: 'named';
  readonly name: Identifier;
  readonly value: Expression;
}

export interface WindowSpec extends Node {
  /** The window of the WINDOW clause that this one goes on from. */
  readonly base?: Identifier;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly OrderItem[];
  readonly frame?: WindowFrame;
}

/** Without BETWEEN the frame ends at the current row. */
export interface WindowFrame extends Node {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude: 'none' | 'current row' | 'group' | 'ties';
}

export interface FrameBound extends Node {
  readonly kind:
    | 'unbounded preceding'
    | 'preceding'
    | 'current row'
    | 'following'
    | 'unbounded following';
  /** How far, for `preceding` and `following`. */
  readonly offset?: Expression;
}

export interface SubqueryExpression extends Node {
  readonly kind: 'subquery';
  /** `row`: the columns of the one row as a record of f1, f2, ...; no text makes it by itself. */
  readonly form: 'scalar' | 'exists' | 'array' | 'any' | 'all' | 'row';
  /** For `row`: how many columns it must have. */
  readonly width?: number;
  readonly query: Query;
  /** For ANY and ALL: the left operand and the comparison. */
  readonly operand?: Expression;
  readonly operator?: string;
}

/** `operand operator ANY (array)`; `array` is no subquery. */
export interface QuantifiedExpression extends Node {
  readonly kind: 'quantified';
  readonly form: 'any' | 'all';
  readonly operand: Expression;
  readonly operator: string;
  readonly array: Expression;
}

/** `a[1][2]`, `a[1:2]`; one entry per pair of brackets. */
export interface SubscriptExpression extends Node {
  readonly kind: 'subscript';
  readonly operand: Expression;
  readonly subscripts: readonly Subscript[];
}

export interface Subscript {
  /** `[lower:upper]`, where either may be left out; else the index is `upper`. */
  readonly isSlice: boolean;
  readonly lower?: Expression;
  readonly upper?: Expression;
}

/** `(a).b`. */
export interface FieldExpression extends Node {
  readonly kind: 'field';
  readonly operand: Expression;
  readonly name: Identifier;
}

export interface ArrayExpression extends Node {
  readonly kind: 'array';
  readonly items: readonly Expression[];
}

export interface RowExpression extends Node {
  readonly kind: 'row';
  readonly items: readonly Expression[];
}

// ---- queries -----------------------------------------------------------------------------------

export interface OrderItem extends Node {
  readonly expression: Expression;
  readonly descending: boolean;
  /** Written as USING < or >. */
  readonly using?: true;
  /** `undefined` where the text does not say; then NULLs are larger than everything. */
  readonly nullsFirst: boolean | undefined;
}

export interface SelectItem extends Node {
  readonly expression: Expression;
  readonly alias?: Identifier;
}

export type TableExpression = RelationTable | DerivedTable | FunctionTable | JsonTable | JoinTable;

export interface TableAlias extends Node {
  readonly name: Identifier;
  readonly columns: readonly Identifier[];
}

export interface RelationTable extends Node {
  readonly kind: 'relation';
  readonly name: QualifiedName;
  readonly alias?: TableAlias;
}

export interface DerivedTable extends Node {
  readonly kind: 'derived';
  readonly query: Query;
  readonly lateral: boolean;
  readonly alias?: TableAlias;
}

export interface FieldDefinition {
  readonly name: Identifier;
  readonly typeName: TypeName;
}

export interface FunctionTable extends Node {
  readonly kind: 'function';
  readonly call: CallExpression;
  /** `ROWS FROM (f(...), g(...))`: the functions after the first; their rows side by side. */
  readonly rowsFrom?: readonly CallExpression[];
  /** `AS alias (a int, b text)`: what the records of the function are made of. */
  readonly definition?: readonly FieldDefinition[];
  /** WITH ORDINALITY: one more column, the row's number. */
  readonly ordinality?: boolean;
  readonly lateral: boolean;
  readonly alias?: TableAlias;
}

/** JSON_TABLE: a row for each item that a path gives of a document (SQL:2016, 7.11). */
export interface JsonTable extends Node {
  readonly kind: 'json-table';
  readonly document: JsonInput;
  readonly path: Expression;
  readonly pathName?: Identifier;
  readonly passing: JsonQueryExpression['passing'];
  readonly columns: readonly JsonTableColumn[];
  readonly onError?: JsonBehaviour;
  readonly lateral: boolean;
  readonly alias?: TableAlias;
}

/** Paths are texts; without one a column's is the member of its name. */
export type JsonTableColumn =
  | { readonly kind: 'ordinality'; readonly name: Identifier }
  | ({
      readonly kind: 'value' | 'exists';
      readonly name: Identifier;
      readonly typeName: TypeName;
      readonly format?: JsonFormat;
      readonly path?: string;
      /** Of the whole column. */
      readonly span: Span;
    } & Pick<JsonQueryExpression, 'wrapper' | 'quotes' | 'onEmpty' | 'onError'>)
  | {
      readonly kind: 'nested';
      readonly path: string;
      readonly pathName?: Identifier;
      readonly columns: readonly JsonTableColumn[];
      readonly span: Span;
    };

export interface JoinTable extends Node {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'cross';
  readonly natural: boolean;
  readonly left: TableExpression;
  readonly right: TableExpression;
  readonly on?: Expression;
  readonly using?: readonly Identifier[];
  /** `USING (...) AS x`: a name for the columns that USING has merged. */
  readonly usingAlias?: Identifier;
  /** `(a JOIN b ON ...) AS c`: hides the names inside. */
  readonly alias?: TableAlias;
}

export interface Select extends Node {
  readonly kind: 'select';
  readonly distinct: 'none' | 'all' | readonly Expression[];
  readonly items: readonly SelectItem[];
  readonly from: readonly TableExpression[];
  readonly where?: Expression;
  readonly groupBy: readonly GroupingElement[];
  /** GROUP BY DISTINCT: equal grouping sets are one. */
  readonly groupByDistinct?: true;
  readonly having?: Expression;
  readonly windows?: readonly NamedWindow[];
}

/** An expression; in lists of sets a row without ROW stands for its items together. */
export type GroupingElement = Expression | GroupingSets;

export interface GroupingSets extends Node {
  readonly kind: 'grouping-sets';
  /** `empty` is `()`. */
  readonly form: 'sets' | 'cube' | 'rollup' | 'empty';
  readonly items: readonly GroupingElement[];
}

export interface NamedWindow extends Node {
  readonly name: Identifier;
  readonly window: WindowSpec;
}

/** DEFAULT as a value is a column of that name, unquoted: no other text gives that. */
export interface Values extends Node {
  readonly kind: 'values';
  readonly rows: readonly (readonly Expression[])[];
}

export interface SetOperation extends Node {
  readonly kind: 'set';
  readonly operator: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  /** CORRESPONDING: the columns that both sides have by name; or those of its BY list. */
  readonly corresponding?: 'all' | readonly Identifier[];
  readonly left: QueryBody;
  readonly right: QueryBody;
}

export type QueryBody = Select | Values | SetOperation | Query;

export interface CommonTable extends Node {
  readonly name: Identifier;
  readonly columns: readonly Identifier[];
  readonly query: Query;
  readonly search?: SearchClause;
  readonly cycle?: CycleClause;
}

/** `SEARCH DEPTH FIRST BY a, b SET c`: a column to sort by, so that rows come in this order. */
export interface SearchClause extends Node {
  readonly order: 'depth' | 'breadth';
  readonly by: readonly Identifier[];
  readonly set: Identifier;
}

/** `CYCLE a, b SET c [TO v DEFAULT w] USING d`: no row is followed that was met on its own path. */
export interface CycleClause extends Node {
  readonly columns: readonly Identifier[];
  readonly mark: Identifier;
  /** Of rows that close a cycle and of the others; true and false where the text does not say. */
  readonly values?: { readonly met: Expression; readonly otherwise: Expression };
  readonly path: Identifier;
}

export interface Query extends Node {
  readonly kind: 'query';
  readonly with: readonly CommonTable[];
  readonly recursive: boolean;
  readonly body: QueryBody;
  readonly orderBy: readonly OrderItem[];
  readonly limit?: Expression;
  /** FETCH ... WITH TIES: rows that tie with the last one come too. */
  readonly withTies?: true;
  readonly offset?: Expression;
}
