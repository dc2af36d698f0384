import { createHmac, timingSafeEqual } from 'node:crypto';

/** How requests say who sends them: by key and secret, as RocketMQ's clients do. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** What the authorization header of RocketMQ's clients says (reference rocketmq-v2, 1.5). */
export interface Signed {
  readonly accessKey: string;
  readonly signature: Buffer;
}

const scheme = 'MQv2-HMAC-SHA1';

/**
 * `MQv2-HMAC-SHA1 Credential=KEY[/...], SignedHeaders=x-mq-date-time, Signature=HEX`; `undefined`
 * for anything else.
 */
export function parseSigned(header: string): Signed | undefined {
  if (!header.startsWith(`${scheme} `)) return undefined;
  const fields = new Map<string, string>();
  for (const part of header.slice(scheme.length).split(',')) {
    const at = part.indexOf('=');
    if (at > 0) fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  const [accessKey = ''] = (fields.get('Credential') ?? '').split('/');
  const hex = fields.get('Signature') ?? '';
  if (accessKey === '' || !/^[0-9a-fA-F]{40}$/.test(hex)) return undefined;
  return { accessKey, signature: Buffer.from(hex, 'hex') };
}

/** HMAC-SHA1 over the date header's text alone. */
export function signatureOf(secretKey: string, dateTime: string): Buffer {
  return createHmac('sha1', secretKey).update(dateTime).digest();
}

export function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The headers that sign a request. */
export function signedHeaders(
  { accessKey, secretKey }: Credentials,
  nowMs: number,
): { readonly authorization: string; readonly dateTime: string } {
  const dateTime = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const signature = signatureOf(secretKey, dateTime).toString('hex').toUpperCase();
  return {
    authorization: `${scheme} Credential=${accessKey}, SignedHeaders=x-mq-date-time, Signature=${signature}`,
    dateTime,
  };
}

/** `20261123T130154Z`, or as RFC 3339; `undefined` for what is no time. */
export function parseDateTime(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const iso =
    match === null ? text : text.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
  const ms = Date.parse(iso);
  return Number.isFinite(ms) ? ms : undefined;
}
