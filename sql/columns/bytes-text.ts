/** UTF-8 to a string; the only decoder of the layer, since making one costs. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function bytesToText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
