import type {
  ExecuteOptions,
  RelationInfo,
  SqlResult,
  SqlService,
  StatementDescription,
} from '../../../engine/views/sql-service.ts';
import { MillraceError } from '../../../platform/errors.ts';
import type { Batch } from '../../../sql/columns/batch.ts';
import type { Field } from '../../../sql/columns/types.ts';

export interface FixedQuery {
  readonly fields: readonly Field[];
  readonly batches: readonly Batch[] | ((signal?: AbortSignal) => AsyncIterable<Batch>);
}

/**
 * A SqlService that knows whole statements by their text: queries with fixed batches, and
 * `CREATE TABLE name`, which adds a relation. Everything else is a syntax error.
 */
export class FixedSql implements SqlService {
  readonly queries = new Map<string, FixedQuery>();
  readonly tables: RelationInfo[] = [];
  readonly executed: string[] = [];

  async execute(text: string, options: ExecuteOptions = {}): Promise<SqlResult> {
    this.executed.push(text);
    const query = this.queries.get(text);
    if (query !== undefined) {
      options.onProgress?.({ done: 1, total: 3 });
      const { fields, batches } = query;
      const source = typeof batches === 'function' ? batches(options.signal) : each(batches);
      return { kind: 'rows', fields, batches: source };
    }
    if (text.startsWith('INSERT ')) return { kind: 'command', tag: 'INSERT 0 3', rowsAffected: 3 };
    const name = tableName(text);
    if (this.tables.some((table) => table.name === name)) {
      throw new MillraceError('ALREADY_EXISTS', `table ${name} already exists`, {
        sqlState: '42P07',
        hint: 'Größe: 100 % "здесь"',
      });
    }
    const key: Field = { name: 'id', type: { kind: 'bigint' }, nullable: false };
    const amount: Field = {
      name: 'amount',
      type: { kind: 'numeric', precision: 10, scale: 2 },
      nullable: true,
    };
    this.tables.push({ name, kind: 'table', fields: [key, amount], primaryKey: [0] });
    return { kind: 'command', tag: 'CREATE TABLE' };
  }

  async describe(text: string): Promise<StatementDescription> {
    const query = this.queries.get(text);
    if (query !== undefined) return { fields: query.fields, isUpdate: false, parameters: [] };
    if (!text.startsWith('INSERT ')) tableName(text);
    return { fields: undefined, isUpdate: true, parameters: [] };
  }

  readonly closedSessions: string[] = [];

  closeSession(session: string): void {
    this.closedSessions.push(session);
  }

  async relations(): Promise<readonly RelationInfo[]> {
    return this.tables;
  }

  async close(): Promise<void> {}
}

function tableName(text: string): string {
  const [, name] = /^CREATE TABLE (\w+)/.exec(text) ?? [];
  if (name !== undefined) return name;
  throw new MillraceError('SQL_SYNTAX', `syntax error at or near "${text.slice(0, 4)}"`, {
    position: { offset: 7, line: 2, column: 3, length: 4 },
    hint: 'Did you mean "SELECT"?',
    sqlState: '42601',
  });
}

async function* each(batches: readonly Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}
