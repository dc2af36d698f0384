import { MillraceError } from '../../platform/errors.ts';
import { caretLines } from '../../sql/syntax/caret.ts';
import { visible } from './text-width.ts';

/**
 * An error as a user reads it: the message, the line of the SQL text with a caret under the token,
 * and the hint. What is not a MillraceError is shown by its message alone. Ends with a line end.
 */
export function errorText(error: unknown, sqlText: string | undefined, color: boolean): string {
  const label = color ? '\x1b[1;31mERROR:\x1b[0m' : 'ERROR:';
  if (!(error instanceof MillraceError)) {
    return `${label} ${visibleLines(error instanceof Error ? error.message : String(error))}\n`;
  }
  const lines = [`${label} ${visibleLines(error.message)}`];
  if (error.position !== undefined && sqlText !== undefined) {
    lines.push(caretLines(sqlText, error.position));
  }
  if (error.hint !== undefined) lines.push(`HINT: ${visibleLines(error.hint)}`);
  return `${lines.join('\n')}\n`;
}

function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}
