import { runtimeError } from './function.ts';

/**
 * A pattern of SIMILAR TO as a regular expression, as PostgreSQL's similar_escape_internal writes
 * it. Two escaped double quotes cut it in three parts, of which SUBSTRING takes the middle one.
 */
export function similarPattern(pattern: string, escapeWith: string): string {
  const escapes = [...escapeWith];
  if (escapes.length > 1) throw runtimeError('invalid escape string', '22025');
  const [mark] = escapes;
  let result = '^(?:';
  let isEscaped = false;
  let inBrackets = false;
  let quotes = 0;
  for (const character of pattern) {
    if (isEscaped) {
      if (character === '"' && !inBrackets) {
        // The first part matches as little as it can.
        if (quotes === 0) result += '){1,1}?(';
        else if (quotes === 1) result += '){1,1}(?:';
        else
          throw runtimeError(
            'SQL regular expression may not contain more than two escape-double-quote separators',
            '2200C',
          );
        quotes++;
      } else result += `\\${character}`;
      isEscaped = false;
    } else if (character === mark) {
      isEscaped = true;
    } else if (inBrackets) {
      if (character === '\\') result += '\\';
      result += character;
      if (character === ']') inBrackets = false;
    } else if (character === '[') {
      result += character;
      inBrackets = true;
    } else if (character === '%') result += '.*';
    else if (character === '_') result += '.';
    else if (character === '(') result += '(?:';
    else if (/[\\.^$]/.test(character)) result += `\\${character}`;
    else result += character;
  }
  return `${result})$`;
}
