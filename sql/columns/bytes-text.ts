/** UTF-8 to a string and back; the only coders of the layer, since making one costs. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to here a loop over ASCII beats the call of a coder. */
const shortBytes = 8;
const shortText = 64;

export function bytesToText(bytes: Uint8Array): string {
  if (bytes.length > shortBytes) return decoder.decode(bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte > 127) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

export function textToBytes(text: string): Uint8Array {
  if (text.length > shortText) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  return writeAscii(text, bytes, 0) ? bytes : encoder.encode(text);
}

/** Writes the text to `bytes` from `at` on, where it has room; false when it is not all ASCII. */
export function writeAscii(text: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return false;
    bytes[at + i] = code;
  }
  return true;
}
