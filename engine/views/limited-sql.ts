import { MillraceError } from '../../platform/errors.ts';
import type { Statement } from '../../sql/syntax/statement-ast.ts';
import type { SqlService, StatementClass } from './sql-service.ts';

const order: readonly StatementClass[] = ['read', 'write', 'admin'];

/**
 * SQL for somebody who may run statements of some classes. The worker refuses the others, which
 * alone knows the dialect that a text is read in.
 */
export function limitedSql(sql: SqlService, highest: StatementClass): SqlService {
  return {
    execute: (text, options) => sql.execute(text, { ...options, highest }),
    describe: (text, options) => sql.describe(text, { ...options, highest }),
    closeSession: (session) => sql.closeSession(session),
    relations: () => sql.relations(),
    close: () => sql.close(),
  };
}

const verbs = { read: 'read', write: 'change rows', admin: 'change relations and topics' };

/** Throws FORBIDDEN when one of the statements is of a higher class: then none is run. */
export function checkClass(statements: readonly Statement[], highest: StatementClass): void {
  for (const statement of statements) {
    const needed = classOfStatement(statement);
    if (order.indexOf(needed) <= order.indexOf(highest)) continue;
    throw new MillraceError('FORBIDDEN', `there is no grant to ${verbs[needed]} with SQL`, {
      sqlState: '42501',
    });
  }
}

function classOfStatement(statement: Statement): StatementClass {
  switch (statement.kind) {
    case 'query':
    case 'show':
    case 'describe':
    case 'flush':
    case 'set':
      return 'read';
    case 'explain':
      return statement.statement.kind === 'view-name'
        ? 'read'
        : classOfStatement(statement.statement);
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
    case 'changing-with':
    case 'truncate':
      return 'write';
    default:
      return 'admin';
  }
}
