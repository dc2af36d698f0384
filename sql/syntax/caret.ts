import type { SourcePosition } from '../../platform/errors.ts';

/** The line of the text that the position lies in, and under it a caret for each character meant. */
export function caretLines(text: string, position: SourcePosition): string {
  const start = text.slice(0, position.offset).lastIndexOf('\n') + 1;
  const newline = text.indexOf('\n', position.offset);
  const line = text.slice(start, newline < 0 ? text.length : newline).replace(/\r$/, '');
  const before = line.slice(0, position.offset - start);
  const marked = line.slice(before.length, before.length + position.length);
  const prefix = `LINE ${position.line}: `;
  // Tabs stay tabs, so that the terminal indents both lines alike; wide characters take two cells.
  const indent = [...before].map((c) => (c === '\t' ? '\t' : ' '.repeat(cells(c)))).join('');
  const carets = [...marked].map((c) => '^'.repeat(cells(c))).join('') || '^';
  return `${prefix}${line}\n${' '.repeat(prefix.length)}${indent}${carets}`;
}

function cells(character: string): number {
  if (/\p{Mark}|\p{Format}/u.test(character)) return 0;
  return isWide(character) ? 2 : 1;
}

/** East Asian wide and fullwidth, and emoji (Unicode Annex 11, the main ranges). */
function isWide(character: string): boolean {
  const code = character.codePointAt(0)!;
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
