import { Parameters } from '../../sql/analyze/parameters.ts';
import { batchOf } from '../../sql/columns/builder.ts';
import type { ScriptStatement } from '../../sql/dialects/script.ts';
import { newContext } from '../../sql/plan/planner.ts';
import type { Statement } from '../../sql/syntax/statement-ast.ts';
import { planAdHoc } from './ad-hoc-plan.ts';
import type { Catalogue } from './catalogue.ts';
import { withReturned } from './changing-with.ts';
import { returnedFields } from './dml.ts';
import { explainFields } from './explain.ts';
import { describeFields, showFieldsOf } from './show.ts';
import type { StatementDescription } from './sql-service.ts';

/** What is known of statements before they run. */

/** True when none of the statements changes anything: such a text waits for no other. */
export function onlyReads(statements: readonly ScriptStatement[]): boolean {
  return statements.every(({ statement }) => readingKinds.has(statement.kind));
}

const readingKinds: ReadonlySet<string> = new Set(['query', 'explain', 'show', 'describe', 'set']);

/** Fields of the last statement's result, without running anything. */
export function describeStatement(
  catalogue: Catalogue,
  script: readonly ScriptStatement[],
): StatementDescription {
  const { statement, text = '' } = script.at(-1) ?? {};
  const parameters = new Parameters();
  const fields = fieldsOf(catalogue, statement, text, parameters);
  const isDml =
    statement !== undefined && ['insert', 'update', 'delete', 'merge'].includes(statement.kind);
  return { fields, isUpdate: isDml && fields === undefined, parameters: parameters.types };
}

function fieldsOf(
  catalogue: Catalogue,
  statement: Statement | undefined,
  script: string,
  parameters: Parameters,
) {
  switch (statement?.kind) {
    case 'query': {
      const plan = planAdHoc(catalogue, statement, script, { parameters });
      return plan.root.fields.slice(0, plan.visibleColumns);
    }
    case 'changing-with': {
      const { change, query } = statement;
      const fields = returnedFields(catalogue, change, script, parameters);
      const returned = fields && { fields, batch: batchOf(fields, []) };
      const context = newContext({ catalog: catalogue, text: script });
      const inside = withReturned(context, catalogue, statement, returned);
      const plan = planAdHoc(inside, query, script, { parameters });
      return plan.root.fields.slice(0, plan.visibleColumns);
    }
    case 'show':
      return showFieldsOf(statement);
    case 'describe':
      return describeFields;
    case 'explain':
      return explainFields;
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return returnedFields(catalogue, statement, script, parameters);
    default:
      return undefined;
  }
}
