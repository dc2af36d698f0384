import type { SourcePosition } from '../../platform/errors.ts';

/** Where [start, end) of the text lies, as line and column for people. */
export function positionAt(text: string, start: number, end: number): SourcePosition {
  const offset = Math.min(start, text.length);
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (const character of before) if (character === '\n') line++;
  return { offset, line, column: offset - lineStart + 1, length: Math.max(1, end - start) };
}
