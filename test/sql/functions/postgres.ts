import { PGlite } from '@electric-sql/pglite';
import { MillraceError } from '../../../platform/errors.ts';
import { settled } from '../../../sql/analyze/coerce.ts';
import { analyzeExpression } from '../../../sql/analyze/expressions.ts';
import { relationScope } from '../../../sql/analyze/scope.ts';
import { compileMap } from '../../../sql/codegen/compile-map.ts';
import { foldConstant } from '../../../sql/codegen/fold.ts';
import { interpret } from '../../../sql/codegen/interpreter.ts';
import { ColumnBuilder } from '../../../sql/columns/builder.ts';
import { valueAt } from '../../../sql/columns/read.ts';
import { toText } from '../../../sql/columns/text.ts';
import { typeName } from '../../../sql/columns/type-name.ts';
import type { SqlType, SqlValue } from '../../../sql/columns/types.ts';
import type { Expr } from '../../../sql/plan/expr.ts';
import { newContext } from '../../../sql/plan/planner.ts';
import { parseExpression } from '../../../sql/syntax/parser.ts';
import { batch, fields, rows } from './samples.ts';

/** One expression over the rows of samples.ts, by PostgreSQL, the interpreter and compiled code. */

export async function openPostgres(): Promise<PGlite> {
  const postgres = new PGlite();
  const columns = fields.map(({ name, type }) => {
    // The collation is ours: by bytes.
    const isText = /^(text|character)/.test(typeName(type));
    const collation = isText ? ' COLLATE "C"' : '';
    return `${name} ${typeName(type)}${collation}`;
  });
  await postgres.exec(`SET timezone = 'UTC'; CREATE TABLE v (${columns.join(', ')});
    CREATE FUNCTION attempt(expression text, row_id int) RETURNS text AS $$
    DECLARE result text;
    BEGIN
      EXECUTE 'SELECT (' || expression || ')::text FROM v WHERE id = $1' INTO result USING row_id;
      RETURN result;
    EXCEPTION WHEN OTHERS THEN RETURN '!' || SQLSTATE;
    END $$ LANGUAGE plpgsql;`);
  const literal = (cell: string | null) =>
    cell === null ? 'NULL' : `'${cell.replaceAll("'", "''")}'`;
  const lines = rows.map((row) => `(${row.map(literal).join(', ')})`);
  await postgres.exec(`INSERT INTO v VALUES ${lines.join(', ')}; CREATE INDEX ON v (id)`);
  return postgres;
}

/** The type of the expression by PostgreSQL; `undefined` when it refuses the expression. */
export async function theirType(postgres: PGlite, expression: string): Promise<string | undefined> {
  try {
    const { resultFields } = await postgres.describeQuery(`SELECT (${expression}) FROM v`);
    const { rows } = await postgres.query<{ name: string }>(
      `SELECT format_type(${resultFields[0]!.dataTypeID}, NULL) AS name`,
    );
    return rows[0]!.name;
  } catch {
    return undefined;
  }
}

/** The type of the expression by our analysis, as PostgreSQL would print it. */
export function ourType(expression: string): string | undefined {
  try {
    return shownType(analyzed(expression).type);
  } catch (error) {
    if (error instanceof MillraceError) return undefined;
    throw error;
  }
}

function shownType(type: SqlType): string {
  if (type.kind === 'record') return 'record';
  if (type.kind === 'array') return `${shownType(type.element)}[]`;
  if (type.kind === 'char') return 'character';
  return typeName(type).replace(/\(.*\)/, '');
}

/** One line per row: the text, `NULL`, or `!` and the SQLSTATE. */
export async function theirs(postgres: PGlite, expression: string): Promise<string[]> {
  const ask = async (text: string, parameters: string[]) => {
    const result = await postgres.query<[string | null]>(text, parameters, { rowMode: 'array' });
    return result.rows.map(([cell]) => cell ?? 'NULL');
  };
  try {
    return await ask(`SELECT (${expression})::text FROM v ORDER BY id`, []);
  } catch {
    return await ask('SELECT attempt($1, id) FROM v ORDER BY id', [expression]);
  }
}

export function analyzed(text: string): Expr {
  const context = newContext({ catalog: { find: () => undefined, names: () => [] }, text });
  const columns = fields.map((_, index) => index);
  const scope = relationScope({ alias: 'v', fields, columns });
  return settled(
    context,
    analyzeExpression({ context, scope, clause: 'SELECT' }, parseExpression(text)),
  );
}

const failed = (error: unknown): string => {
  if (error instanceof MillraceError) return `!${error.sqlState ?? error.code}`;
  throw error;
};

/** `true`, `false` and `-0` as PostgreSQL casts them to text. */
function shown(type: SqlType, value: SqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'boolean') return String(value);
  return Object.is(value, -0) ? '-0' : toText(type, value);
}

/** A real or double by its value: the last digit of exp and the like is the C library's. */
function isSameNumber(mine: string, expected: string): boolean {
  const [a, b] = [Number(mine), Number(expected)];
  return Object.is(a, b) || Math.abs(a - b) < Math.abs(a) * 3e-16;
}

const isTranscendental = /^(exp|ln|log|log10|power|sqrt)\(|\^/;

/** Right to 16 digits. */
function isNearly(mine: string, expected: string): boolean {
  if (mine === 'NULL' || mine.startsWith('!')) return false;
  const [a, b] = [Number(mine), Number(expected)];
  return Math.abs(a - b) <= Math.abs(b) * 3e-16;
}

/** PostgreSQL 17 has intervals that never end; ours are out of range there. */
const isInfiniteInterval = /^-?infinity$/;

const cut = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}...` : text);

/** Rows on which ours is not theirs, save for intervals that we refuse and floats' last digits. */
export function differences(text: string, mine: readonly string[], expected: readonly string[]) {
  const found = mine.flatMap((cell, row) => {
    const wanted = expected[row]!;
    const isFloat = /[rd][12]|float8|real|double/.test(text);
    const isSame =
      cell === wanted ||
      (cell === '!22008' && isInfiniteInterval.test(wanted)) ||
      (isFloat && isSameNumber(cell, wanted)) ||
      (isTranscendental.test(text) && isNearly(cell, wanted));
    return isSame ? [] : [`row ${row}: ${cut(cell)} for ${cut(wanted)}`];
  });
  return found.slice(0, 3);
}

export function interpreted(expr: Expr): string[] {
  return rows.map((_, row) => {
    try {
      const value = interpret(expr, batch, row);
      // What an expression computes may be wider than the cell that it is for.
      new ColumnBuilder(expr.type).push(value);
      return shown(expr.type, value);
    } catch (error) {
      return failed(error);
    }
  });
}

/** Through compileMap; failing rows come back as errors. */
export function compiled(expr: Expr): string[] {
  const id: Expr = { kind: 'column', index: 0, type: { kind: 'integer' } };
  const result = compileMap({ outputs: [id, expr] }, 'collect')(batch);
  const cells = Array.from({ length: rows.length }, () => 'missing');
  for (let row = 0; row < result.batch.rowCount; row++) {
    const at = valueAt(result.batch.columns[0]!, row) as number;
    cells[at] = shown(expr.type, valueAt(result.batch.columns[1]!, row));
  }
  for (const { row, error } of result.errors) cells[row] = failed(error);
  return cells;
}

/** What both of ours say, or the SQLSTATE of the analysis for every row. */
export function ours(text: string): { interpreted: string[]; compiled: string[] } {
  try {
    const expr = foldConstant(analyzed(text));
    return { interpreted: interpreted(expr), compiled: compiled(expr) };
  } catch (error) {
    const cells = rows.map(() => failed(error));
    return { interpreted: cells, compiled: cells };
  }
}
