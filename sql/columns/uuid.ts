import { MillraceError } from '../../platform/errors.ts';

/** A uuid is its 16 bytes; text as PostgreSQL's documentation 8.12 says. */
export function uuidToText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Digits with a hyphen after any group of four, in braces or not. Throws SQL_RUNTIME 22P02. */
export function uuidFromText(text: string): Uint8Array {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1] ?? text;
  if (!/^[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}$/i.test(inner)) {
    throw new MillraceError('SQL_RUNTIME', `invalid input syntax for type uuid: "${text}"`, {
      sqlState: '22P02',
    });
  }
  return new Uint8Array(Buffer.from(inner.replaceAll('-', ''), 'hex'));
}
