import { runtimeError } from './function.ts';

/**
 * LIKE: `_` is any character, `%` any number of them, the escape character takes away their
 * meaning. Linear time: the pattern is cut at `%` into pieces, and each piece is taken at its
 * first place after the one before, which is always right since `%` gives way.
 */
export function likeMatcher(
  pattern: string,
  escapeWith: string,
  ignoreCase: boolean,
): (source: string) => boolean {
  const pieces = piecesOf(pattern, escapeWith).map((piece) =>
    ignoreCase ? piece.map((character) => character?.toLowerCase()) : piece,
  );
  return (source) => {
    const characters = [...(ignoreCase ? source.toLowerCase() : source)];
    const first = pieces[0]!;
    const last = pieces.at(-1)!;
    if (pieces.length === 1)
      return characters.length === first.length && fits(characters, 0, first);
    if (characters.length < first.length + last.length || !fits(characters, 0, first)) return false;
    let at = first.length;
    const end = characters.length - last.length;
    for (const piece of pieces.slice(1, -1)) {
      while (at + piece.length <= end && !fits(characters, at, piece)) at++;
      if (at + piece.length > end) return false;
      at += piece.length;
    }
    return fits(characters, end, last);
  };
}

/** A character, or `undefined` for any. */
type Piece = readonly (string | undefined)[];

function piecesOf(pattern: string, escapeWith: string): readonly Piece[] {
  const escapeCharacters = [...escapeWith];
  if (escapeCharacters.length > 1) throw runtimeError('invalid escape string', '22025');
  const [escapeCharacter] = escapeCharacters;
  const pieces: (string | undefined)[][] = [[]];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === escapeCharacter) {
      i++;
      if (i === characters.length) {
        throw runtimeError('LIKE pattern must not end with escape character', '22025');
      }
      pieces.at(-1)!.push(characters[i]!);
    } else if (character === '%') {
      pieces.push([]);
    } else {
      pieces.at(-1)!.push(character === '_' ? undefined : character);
    }
  }
  return pieces;
}

function fits(characters: readonly string[], at: number, piece: Piece): boolean {
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] !== undefined && piece[i] !== characters[at + i]) return false;
  }
  return true;
}
