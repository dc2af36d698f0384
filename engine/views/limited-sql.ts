import { MillraceError } from '../../platform/errors.ts';
import type { Statement } from '../../sql/syntax/ast.ts';
import { parseStatements } from '../../sql/syntax/parser.ts';
import type { SqlService } from './sql-service.ts';

/** What a statement does: reads, changes rows, or changes what there is. */
export type StatementClass = 'read' | 'write' | 'admin';

const order: readonly StatementClass[] = ['read', 'write', 'admin'];

/** SQL for somebody who may run statements of some classes. Others are refused with FORBIDDEN. */
export function limitedSql(sql: SqlService, highest: StatementClass): SqlService {
  const check = (text: string) => {
    const needed = classOf(text);
    if (order.indexOf(needed) <= order.indexOf(highest)) return;
    throw new MillraceError('FORBIDDEN', `there is no grant to ${verbs[needed]} with SQL`, {
      sqlState: '42501',
    });
  };
  return {
    async execute(text, options) {
      check(text);
      return sql.execute(text, options);
    },
    async describe(text) {
      check(text);
      return sql.describe(text);
    },
    relations: () => sql.relations(),
    close: () => sql.close(),
  };
}

const verbs = { read: 'read', write: 'change rows', admin: 'change relations and topics' };

/** The highest class among the statements. Throws what the parser throws: nothing is run then. */
function classOf(text: string): StatementClass {
  let highest = 0;
  for (const statement of parseStatements(text)) {
    highest = Math.max(highest, order.indexOf(classOfStatement(statement)));
  }
  return order[highest]!;
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
      return 'write';
    default:
      return 'admin';
  }
}
