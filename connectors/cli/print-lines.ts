import type { Screen } from './screen.ts';

/** Lines are written in pieces of about this many UTF-16 units. */
const pieceUnits = 16 * 1024;

/** Prints lines, given without their line ends. */
export async function printLines(
  screen: Screen,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  let piece = '';
  for await (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < pieceUnits) continue;
    await screen.out(piece);
    piece = '';
  }
  await screen.out(piece);
}
